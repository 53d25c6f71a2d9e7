"""Wigner-Seitz vectors of Wannier90: the `_wsvec.dat` file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.io.seed_files import PathLike
from adiabloch.io.text_lines import LineReader
from adiabloch.io.text_numbers import parse_table, shown

DISTANCE_TOLERANCE = 0.02
"""Largest difference in Angstrom between the distances of equally close images; Wannier90 has such a tolerance too."""
_Entries = tuple[Integer, Integer, Integer, Integer, Integer]
"""Entries of a `_wsvec.dat`: line index, number of T, and R, i, j of each entry; line index of each T, and T."""


class WignerSeitzShifts:
    r"""Translations T between supercells: h_ij(R) is divided equally among R + T, the closest images of j to i.

    Parameters
    ----------
    path : path-like
        A `_wsvec.dat` file.
    translations : int array, shape (R, 3)
        Lattice vectors of the hoppings, in the order of their file.
    size : int
        Number of Wannier functions.
    owner : Path
        File of the hoppings.

    Raises
    ------
    FileFormatError
        The file is malformed, belongs to other hoppings, or would make them non-Hermitian.
    """

    def __init__(self, path: PathLike, translations: Integer, size: int, owner: Path) -> None:
        self.file = LineReader(path)
        self.translations = translations
        entries = len(translations) * size * size
        together = self._read_all(entries)
        if together is None and self.file.make_plain(range(self.file.position, len(self.file.lines))):
            together = self._read_all(entries)
        heads, counts, labels, self.rows, self.steps = together or self._read_each_line(entries, owner)
        self._check_hoppings(heads, labels, size, owner)
        self.cell = np.repeat(np.arange(len(heads)) // size**2, counts)
        self.i, self.j = (np.repeat(labels[:, column] - 1, counts) for column in (3, 4))
        self.share = np.repeat(1 / counts, counts)
        self._check_partners()

    def _read_all(self, entries: int) -> _Entries | None:
        """Read the whole file at once, which is fast; None if its structure is malformed."""
        lines = self.file.lines[self.file.position :]
        words = " ".join(lines).split()
        numbers = parse_table(words, 1)
        if numbers is None or not self._last_line_complete() or "." in "".join(words):
            return None
        integers = numbers[:, 0].astype(np.int64)
        if (integers != numbers[:, 0]).any() or np.abs(integers).max(initial=0) > 1e6:
            return None
        at, given, starts, counts = 0, integers.tolist(), [0] * entries, [0] * entries
        for entry in range(entries):
            if at + 5 >= len(given) or not 1 <= given[at + 5] <= 1000:
                return None
            starts[entry], counts[entry] = at, given[at + 5]
            at += 6 + 3 * given[at + 5]
        multiplicity, start = np.array(counts), np.array(starts)
        above = np.cumsum(multiplicity + 2) - multiplicity - 2
        length = int((multiplicity + 2).sum())
        if at != len(given) or any(line.strip() for line in lines[length:]) or not all(map(str.strip, lines[:length])):
            return None
        inner = np.arange(multiplicity.sum()) - np.repeat(np.cumsum(multiplicity) - multiplicity, multiplicity)
        triples = (np.repeat(start + 6, multiplicity) + 3 * inner)[:, None] + np.arange(3)
        heads = above + self.file.position
        rows = np.repeat(heads + 2, multiplicity) + inner
        return heads, multiplicity, integers[start[:, None] + np.arange(5)], rows, integers[triples]

    def _last_line_complete(self) -> bool:
        """Return True if the last line is complete: it has a line end, or is as long as that of the first T."""
        lines = self.file.lines
        return not lines[-1].strip() or (len(lines) > 3 and len(lines[-1].rstrip()) == len(lines[3].rstrip()))

    def _read_each_line(self, entries: int, owner: Path) -> _Entries:
        """Read the file line by line, to name the malformed line in the error."""
        file = self.file
        heads, counts = self._find_entries(entries, owner)
        words = [line.split() for line in file.lines]
        labels = file.parse_integers([words[at] for at in heads], heads, "R, i and j, five integers")
        rows = np.repeat(heads + 2 - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        steps = file.parse_integers([words[at] for at in rows], rows, "a translation T, three integers")
        return heads, counts, labels, rows, steps

    def _find_entries(self, entries: int, owner: Path) -> tuple[Integer, Integer]:
        """Find the line index (from 0) and the number of translations of each entry."""
        file = self.file
        length = np.array([len(line.split()) for line in file.lines])
        last = int(np.flatnonzero(length)[-1]) if length.any() else 0
        heads, counts = np.zeros(entries, dtype=np.int64), np.zeros(entries, dtype=np.int64)
        for entry in range(entries):
            at = file.position
            if at >= last:
                file.refuse(
                    f"the file ends after {entry} entries, expected {entries} (R, i, j) as in {owner}: cut off, or "
                    "mixed seeds?"
                )
            if length[at] != 5:
                file.refuse(f"{shown(file.lines[at])}, expected R, i and j, five integers")
            file.position += 1
            try:
                count = int(file.lines[at + 1])
            except ValueError:
                count = 0
            if not 1 <= count <= 1000:
                file.refuse(f"{shown(file.lines[at + 1])}, expected the number of translations T")
            file.position += 1
            for row in range(at + 2, at + 2 + count):
                if row > last or length[row] != 3:
                    text = file.lines[row].strip()[:80] if row < len(file.lines) else "the end of the file"
                    file.refuse(f"{text!r}, expected a translation T, three integers", line=min(row, last) + 1)
            heads[entry], counts[entry] = at, count
            file.position += count
        if not self._last_line_complete():
            file.refuse(f"the file ends within {file.lines[-1].strip()!r}, expected a line end")
        file.skip_blank()
        if file.position < len(file.lines):
            file.refuse(
                f"{shown(file.lines[file.position])}, expected the end of the file after {entries} (R, i, j), as "
                f"many as in {owner}: mixed seeds?"
            )
        return heads, counts

    def _check_hoppings(self, heads: Integer, labels: Integer, size: int, owner: Path) -> None:
        """Raise an error unless the entries have the R of the hoppings in the same order, and each i, j once."""
        wrong = (labels[:, :3] != np.repeat(self.translations, size**2, axis=0)).any(axis=1)
        if wrong.any():
            entry = int(np.argmax(wrong))
            found, wanted = tuple(labels[entry, :3].tolist()), tuple(self.translations[entry // size**2].tolist())
            self.file.refuse(f"R = {found}, expected {wanted} as in {owner}: mixed seeds?", line=int(heads[entry]) + 1)
        i, j = labels[:, 3], labels[:, 4]
        index = np.where((i >= 1) & (i <= size), i - 1 + size * (j - 1), -1).reshape(-1, size**2)
        broken = (np.sort(index, axis=1) != np.arange(size**2)).any(axis=1)
        if broken.any():
            self.file.refuse(
                f"indices for this R, expected each i, j = 1..{size} once as in {owner}: mixed seeds?",
                line=int(heads[int(np.argmax(broken)) * size**2]) + 1,
            )

    def _check_partners(self) -> None:
        """Raise an error unless the translations of (-R, j, i) are the negative ones of (R, i, j), as H(k) needs."""
        index = {R: number for number, R in enumerate(map(tuple, self.translations.tolist()))}
        opposite = np.array([index[tuple(-x for x in R)] for R in index])
        entries = np.column_stack([self.cell, self.i, self.j, self.steps])
        partners = np.column_stack([opposite[self.cell], self.j, self.i, -self.steps])
        order, other = np.lexsort(entries.T[::-1]), np.lexsort(partners.T[::-1])
        wrong = (entries[order] != partners[other]).any(axis=1)
        wrong[1:] |= (entries[order][1:] == entries[order][:-1]).all(axis=1)
        at_home = (self.translations == 0).all(axis=1)[self.cell] & (self.i == self.j)
        wrong |= (at_home & self.steps.any(axis=1))[order]
        if wrong.any():
            row = order[int(np.argmax(wrong))]
            R = tuple(self.translations[self.cell[row]].tolist())
            self.file.refuse(
                f"T = {tuple(self.steps[row].tolist())} for R = {R}, i, j = {self.i[row] + 1}, {self.j[row] + 1}, "
                "expected each T once, -T for -R, j, i, and none for a Wannier function with itself",
                line=int(self.rows[row]) + 1,
            )

    def check_lengths(self, vectors: Float, centres: Float, owner: Path) -> None:
        """Raise an error unless each R + T leads to the closest image, given the lattice vectors and centres."""
        start = self.translations[self.cell] @ vectors + centres[self.j] - centres[self.i]
        length = _lengths(start + self.steps @ vectors)
        shortest = np.full(len(length), np.inf)
        # every T of the file is a vector of the superlattice
        for step in np.unique(self.steps, axis=0) @ vectors:
            shortest = np.minimum(shortest, _lengths(start + step))
        difference = length - shortest
        if difference.max(initial=0.0) > DISTANCE_TOLERANCE:
            row = int(np.argmax(difference))
            R = tuple(self.translations[self.cell[row]].tolist())
            self.file.refuse(
                f"T = {tuple(self.steps[row].tolist())} for R = {R}, i, j = {self.i[row] + 1}, {self.j[row] + 1} leads "
                f"{difference[row]:.2g} Angstrom farther than another T with the centres of {owner}, expected the "
                "closest image: mixed seeds?",
                line=int(self.rows[row]) + 1,
            )

    def distribute(self, *matrices: Complex | None) -> tuple[Integer, list[Complex | None]]:
        """Divide matrices (R, n, n, components) among the translations R + T.

        Returns
        -------
        translations : int array
            All R + T.
        matrices : list of complex array or None
        """
        targets, where = np.unique(self.translations[self.cell] + self.steps, axis=0, return_inverse=True)
        result: list[Complex | None] = []
        for given in matrices:
            if given is None:
                result.append(None)
                continue
            array = np.zeros((len(targets), *given.shape[1:]), dtype=np.complex128)
            entries = given[self.cell, self.i, self.j] * self.share[:, None]
            np.add.at(array, (where.reshape(-1), self.i, self.j), entries)
            result.append(array)
        return targets, result


def _lengths(vectors: Float) -> Float:
    """Lengths of vectors, (N, 3) -> (N,)."""
    lengths: Float = np.sqrt((vectors**2).sum(axis=1))
    return lengths
