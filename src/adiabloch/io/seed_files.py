"""What lies beside a file of Wannier90 under the same seed name: centres, cell, Wigner-Seitz vectors, spreads."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.io.safe_open import COMPRESSED, uncompressed
from adiabloch.io.text_lines import LineReader, parse_table
from adiabloch.units import BOHR

APART = 0.02
"""Angstrom by which an image may be farther than the closest one: Wannier90 allows for rounding, too."""

PathLike = str | os.PathLike[str]
_Entries = tuple[Integer, Integer, Integer, Integer, Integer]
"""Where each entry of a `_wsvec.dat` begins, how many T it has, its R, i, j, and where its T are, and these."""


def beside(path: PathLike, ending: str, other: str) -> Path | None:
    """The file of the same seed with another ending, plain or compressed, if there is one.

    Parameters
    ----------
    path : path-like
        SEED + ending, compressed or not.
    ending, other : str
        "_hr.dat" and "_centres.xyz", for example.
    """
    name = uncompressed(path).name
    if not name.endswith(ending):
        return None
    found = Path(path).with_name(name.removesuffix(ending) + other)
    return next((file for end in ("", *COMPRESSED) if (file := found.with_name(found.name + end)).is_file()), None)


def energies_beside(path: PathLike, ending: str, points: int, bands: int) -> Float:
    """Energies (K, M) in eV from the `SEED.eig` beside a file SEED + ending, point by point."""
    found = beside(path, ending, ".eig")
    if found is None:
        raise FileFormatError(f"{path}: SEED.eig does not lie beside it, expected it")
    file = LineReader(found, comments=0)
    file.require_lines(points * bands, f"{bands} energies at each of {points} k points")
    rows = file.read_rows(points * bands, 3, "band, k point and energy")
    file.require_end()
    wanted = np.array([(m + 1, k + 1) for k in range(points) for m in range(bands)])
    if (rows[:, :2] != wanted).any():
        at = int(np.flatnonzero((rows[:, :2] != wanted).any(axis=1))[0])
        file.refuse(
            f"band and k point {rows[at, :2].astype(int).tolist()}, expected {wanted[at].tolist()}", line=at + 1
        )
    return rows[:, 2].reshape(points, bands)


def read_centres(path: PathLike, size: int, owner: Path) -> Float:
    """Centres of the Wannier functions from a `_centres.xyz` file, (n, 3); atoms come after them under other names.

    The count on the first line is that of both, before Wannier90 2.1 that of the centres alone.
    """
    file = LineReader(path, comments=0)
    count = file.read_count("the number of centres and atoms")
    file.position += 1  # a comment
    expected = "a name and three coordinates"
    if count > len(file.lines) - file.position:
        file.refuse(f"{len(file.lines) - file.position} lines left, expected {count} of {expected}")
    places = file.read_rows(count, 3, expected, labels=1)
    centres = np.array([line.split()[0] == "X" for line in file.lines[2 : 2 + count]])
    file.skip_blank()
    while centres.all() and file.position < len(file.lines) and file.lines[file.position].split()[:1] != ["X"]:
        file.read_rows(1, 3, expected, labels=1)
        file.skip_blank()
    file.require_end()
    if centres.sum() != size:
        file.refuse(
            f"{centres.sum()} centres (named X) of Wannier functions, expected {size} as in {owner}: mixed seeds?",
            line=1,
        )
    return places[centres]


def translated_home(path: PathLike) -> int | None:
    """The line of a `.win` file that moves the written centres, not the hoppings, to the home cell; None without."""
    for number, words in _statements(LineReader(path, comments=0)):
        if words[0] == "translate_home_cell" and words[1:] and words[1].strip(".")[:1] == "t":
            return number
    return None


def read_cell(path: PathLike, size: int, owner: Path) -> tuple[Float, Callable[[str], NoReturn]]:
    """Lattice vectors in Angstrom from a `.win` or `.wout` file, and what refuses them by file and line."""
    file = LineReader(path, comments=0)
    name = uncompressed(file.path).name
    vectors, line = _cell_of_wout(file, size, owner) if name.endswith(".wout") else _cell_of_win(file, size, owner)
    return vectors, partial(file.refuse, line=line)


def _statements(file: LineReader) -> list[tuple[int, list[str]]]:
    """LineReader of a `.win` file that say something: number and words, in lower case and without comments."""
    found = []
    for number, line in enumerate(file.lines, start=1):
        words = re.sub("[=:]", " ", re.split("[!#]", line.lower())[0]).split()
        if words:
            found.append((number, words))
    return found


def _cell_of_win(file: LineReader, size: int, owner: Path) -> tuple[Float, int]:
    statements = _statements(file)
    for number, words in statements:
        if words[0] == "num_wann" and words[1:] != [str(size)]:
            file.refuse(
                f"num_wann = {' '.join(words[1:])}, expected {size} as in {owner}: mixed seeds?",
                line=number,
            )
    begins, ends = (
        [at for at, (_, words) in enumerate(statements) if words[:2] == [edge, "unit_cell_cart"]]
        for edge in ("begin", "end")
    )
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        file.refuse("expected one block from 'begin unit_cell_cart' to 'end unit_cell_cart'", line=1)
    head = statements[begins[0]][0]
    inside = statements[begins[0] + 1 : ends[0]]
    scale = 1.0
    if inside and inside[0][1][0][0].isalpha():
        number, (unit, *rest) = inside.pop(0)
        if unit not in ("ang", "angstrom", "bohr") or rest:
            file.refuse(f"{' '.join([unit, *rest])!r}, expected ang or bohr", line=number)
        scale = BOHR if unit == "bohr" else 1.0
    return scale * _three_vectors(file, inside, head), head


def _cell_of_wout(file: LineReader, size: int, owner: Path) -> tuple[Float, int]:
    for number, line in enumerate(file.lines, start=1):
        stated = re.search(r"Number of Wannier Functions\s*:\s*(\S+)", line)
        if stated and stated[1] != str(size):
            file.refuse(
                f"{stated[1]} Wannier functions, expected {size} as in {owner}: mixed seeds?",
                line=number,
            )
    units = [(at, re.search(r"Lattice Vectors \((Ang|Bohr)\)", line)) for at, line in enumerate(file.lines, start=1)]
    number, unit = next(((at, match[1]) for at, match in units if match), (0, ""))
    if not unit:
        file.refuse("expected lattice vectors under a line 'Lattice Vectors (Ang)'", line=1)
    rows = [
        (number + step, words[1:] if words[:1] == [f"a_{step}"] else words)
        for step, words in enumerate((text.split() for text in file.lines[number : number + 3]), start=1)
    ]
    return (BOHR if unit == "Bohr" else 1.0) * _three_vectors(file, rows, number), number


def _three_vectors(file: LineReader, rows: list[tuple[int, list[str]]], head: int) -> Float:
    expected = "three lattice vectors of three numbers each"
    for number, words in rows:
        if len(words) != 3:
            file.refuse(f"{' '.join(words)[:80]!r}, expected {expected}", line=number)
        if number >= len(file.lines):
            file.refuse(f"the file ends within this line, expected {expected} and a line end", line=number)
    if len(rows) != 3:
        file.refuse(f"{len(rows)} lattice vectors, expected {expected}", line=head)
    return file.parse_numbers([words for _, words in rows], np.array([number - 1 for number, _ in rows]), expected)


def read_spreads(path: PathLike, size: int) -> Float | None:
    """Final spreads of the Wannier functions in square Angstrom from a `.wout` file; None if it does not say."""
    file = LineReader(path, comments=0)
    starts = [at for at, line in enumerate(file.lines) if line.strip() == "Final State"]
    if not starts:
        return None
    found = []
    for at in range(starts[-1] + 1, min(starts[-1] + 1 + size, len(file.lines))):
        words = file.lines[at].split()
        if words[:4] != ["WF", "centre", "and", "spread"]:
            return None
        found.append(words[-1:])
    if len(found) != size:
        return None
    scale = BOHR**2 if any("Lattice Vectors (Bohr)" in line for line in file.lines) else 1.0
    return scale * file.parse_numbers(found, range(starts[-1] + 1, starts[-1] + 1 + size), "a spread")[:, 0]


class WignerSeitzShifts:
    r"""Translations T between supercells: h_ij(R) is shared equally by R + T, the closest images of j to i.

    Parameters
    ----------
    path : path-like
        A `_wsvec.dat` file.
    translations : int array, shape (R, 3)
        Those of the hoppings, in the order of their file.
    size : int
        Number of Wannier functions.
    owner : Path
        The file of the hoppings.

    Raises
    ------
    FileFormatError
        The file is broken, belongs to other hoppings, or would make them contradict their Hermitian partners.
    """

    def __init__(self, path: PathLike, translations: Integer, size: int, owner: Path) -> None:
        self.file = LineReader(path)
        self.translations = translations
        entries = len(translations) * size * size
        heads, counts, labels, self.rows, self.steps = self._at_once(entries) or self._line_by_line(entries, owner)
        self._check_owner(heads, labels, size, owner)
        self.cell = np.repeat(np.arange(len(heads)) // size**2, counts)
        self.i, self.j = (np.repeat(labels[:, column] - 1, counts) for column in (3, 4))
        self.share = np.repeat(1 / counts, counts)
        self._check_partners()

    def _at_once(self, entries: int) -> _Entries | None:
        """All of the file, if there is nothing wrong with its structure."""
        lines = self.file.lines[self.file.position :]
        words = " ".join(lines).split()
        numbers = parse_table(words, 1)
        if numbers is None or not self._whole_end() or "." in "".join(words):
            return None
        whole = numbers[:, 0].astype(np.int64)
        if (whole != numbers[:, 0]).any() or np.abs(whole).max(initial=0) > 1e6:
            return None
        at, given, starts, counts = 0, whole.tolist(), [0] * entries, [0] * entries
        for entry in range(entries):
            if at + 5 >= len(given) or not 1 <= given[at + 5] <= 1000:
                return None
            starts[entry], counts[entry] = at, given[at + 5]
            at += 6 + 3 * given[at + 5]
        several, start = np.array(counts), np.array(starts)
        above = np.cumsum(several + 2) - several - 2
        length = int((several + 2).sum())
        if at != len(given) or any(line.strip() for line in lines[length:]) or not all(map(str.strip, lines[:length])):
            return None
        inner = np.arange(several.sum()) - np.repeat(np.cumsum(several) - several, several)
        triples = (np.repeat(start + 6, several) + 3 * inner)[:, None] + np.arange(3)
        heads = above + self.file.position
        rows = np.repeat(heads + 2, several) + inner
        return heads, several, whole[start[:, None] + np.arange(5)], rows, whole[triples]

    def _whole_end(self) -> bool:
        """Whether the last line is whole: it has an end, or is as long as the first translation T."""
        lines = self.file.lines
        return not lines[-1].strip() or (len(lines) > 3 and len(lines[-1].rstrip()) == len(lines[3].rstrip()))

    def _line_by_line(self, entries: int, owner: Path) -> _Entries:
        """The same line by line, to say which is wrong."""
        file = self.file
        heads, counts = self._skeleton(entries, owner)
        words = [line.split() for line in file.lines]
        labels = file.parse_integers([words[at] for at in heads], heads, "R, i and j, five integers")
        rows = np.repeat(heads + 2 - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        steps = file.parse_integers([words[at] for at in rows], rows, "a translation T, three integers")
        return heads, counts, labels, rows, steps

    def _skeleton(self, entries: int, owner: Path) -> tuple[Integer, Integer]:
        """Where each entry begins (counted from zero), and how many translations it has."""
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
                file.refuse(f"{file.lines[at].strip()[:80]!r}, expected R, i and j, five integers")
            file.position += 1
            try:
                count = int(file.lines[at + 1])
            except ValueError:
                count = 0
            if not 1 <= count <= 1000:
                file.refuse(f"{file.lines[at + 1].strip()[:80]!r}, expected the number of translations T")
            file.position += 1
            for row in range(at + 2, at + 2 + count):
                if row > last or length[row] != 3:
                    text = file.lines[row].strip()[:80] if row < len(file.lines) else "the end of the file"
                    file.refuse(f"{text!r}, expected a translation T, three integers", line=min(row, last) + 1)
            heads[entry], counts[entry] = at, count
            file.position += count
        if not self._whole_end():
            file.refuse(f"the file ends within {file.lines[-1].strip()!r}, expected a line end")
        file.skip_blank()
        if file.position < len(file.lines):
            file.refuse(
                f"{file.lines[file.position].strip()[:80]!r}, expected the end of the file after {entries} (R, i, j), as "
                f"many as in {owner}: mixed seeds?"
            )
        return heads, counts

    def _check_owner(self, heads: Integer, labels: Integer, size: int, owner: Path) -> None:
        """The same R in the same order as the hoppings, and each i, j once."""
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
        """The translations of (-R, j, i) are those of (R, i, j) turned round, or H(k) were not Hermitian."""
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
        """R + T is the closest image, or cell, centres and translations do not belong together."""
        start = self.translations[self.cell] @ vectors + centres[self.j] - centres[self.i]
        length = _lengths(start + self.steps @ vectors)
        shortest = np.full(len(length), np.inf)
        # every T of the file leads from supercell to supercell
        for step in np.unique(self.steps, axis=0) @ vectors:
            shortest = np.minimum(shortest, _lengths(start + step))
        difference = length - shortest
        if difference.max(initial=0.0) > APART:
            row = int(np.argmax(difference))
            R = tuple(self.translations[self.cell[row]].tolist())
            self.file.refuse(
                f"T = {tuple(self.steps[row].tolist())} for R = {R}, i, j = {self.i[row] + 1}, {self.j[row] + 1} leads "
                f"{difference[row]:.2g} Angstrom farther than another T with the centres of {owner}, expected the "
                "closest image: mixed seeds?",
                line=int(self.rows[row]) + 1,
            )

    def shared(self, *matrices: Complex | None) -> tuple[Integer, list[Complex | None]]:
        """Matrices (R, n, n, components) over R + T."""
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
    lengths: Float = np.sqrt((vectors**2).sum(axis=1))
    return lengths
