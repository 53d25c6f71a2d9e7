"""Reading of text files line by line, with errors that name file, line and expected content."""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.files import checked_path
from adiabloch.io.safe_open import read_text
from adiabloch.io.text_numbers import LARGEST_VALUE, decimals, parse_table, parse_words, plain_line, shown

LARGEST_SPARSE = 2 * 10**8
"""Largest number of matrix elements made from a file that leaves out zeros."""

_WHOLE = re.compile(r"[+-]?\d+$")
_REPEATED = re.compile(r"(?:(\d{1,9})\*)?\+?(\d{1,9})$")


class LineReader:
    """Lines of a text file and the position of reading.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.
    comments : int
        Number of comment lines at the top, which are skipped.

    Attributes
    ----------
    lines : list of str
        All lines of the file.
    position : int
        Index of the next line, from 0.
    matrix_lines : list of int
        Line numbers, from 1, of the R of the matrices read last.
    degeneracy_line : int
        Number of the first line of the degeneracies, from 1.
    """

    def __init__(self, path: str | os.PathLike[str], comments: int = 1) -> None:
        self.path = checked_path(path)
        self.lines: list[str] = read_text(path).split("\n")
        self.position = comments
        self.matrix_lines: list[int] = []
        self.degeneracy_line = 0

    def refuse(self, message: str, *, line: int | None = None) -> NoReturn:
        """Raise an error that names the file and the line (from 1; by default the next line)."""
        raise FileFormatError(f"{self.path}, line {line or min(self.position + 1, len(self.lines))}: {message}")

    def current_line(self) -> str:
        """Text of the next line; empty at the end of the file."""
        return self.lines[self.position] if self.position < len(self.lines) else ""

    def read_rows(self, rows: int, columns: int, expected: str, labels: int = 0) -> Float:
        """Read the next rows as an array of numbers; the first `labels` words of each row are skipped."""
        if rows > 20 and not labels:
            numbers = self._parse_plain(range(self.position, min(self.position + rows, len(self.lines))), columns)
            if numbers is not None and len(numbers) == rows:
                self.position += rows
                self._check_last_line(expected)
                return numbers
        self.make_plain(range(self.position, min(self.position + rows, len(self.lines))), labels)
        words = [line.split() for line in islice(self.lines, self.position, self.position + rows)]
        for words_of_row in words:
            if len(words_of_row) != columns + labels:
                self.refuse(f"{shown(' '.join(words_of_row))}, expected {expected}")
            self.position += 1
        if len(words) < rows:
            self.refuse(f"the file ends, expected {expected}")
        if rows:
            self._check_last_line(expected)
        return self.parse_numbers([row[labels:] for row in words], range(self.position - rows, self.position), expected)

    def make_plain(self, rows: range | Integer, labels: int = 0) -> bool:
        """Rewrite the lines of these indices as `plain_line` does; True if any of them changes."""
        changed = False
        for at in rows:
            plain = plain_line(self.lines[at], labels)
            changed |= plain != self.lines[at]
            self.lines[at] = plain
        return changed

    def _parse_plain(self, rows: range | Integer, columns: int) -> Float | None:
        """Parse lines at once, those of other forms after they are made plain; None if any of them is malformed."""
        numbers = parse_table([self.lines[at] for at in rows], columns)
        if numbers is None and self.make_plain(rows):
            numbers = parse_table([self.lines[at] for at in rows], columns)
        return numbers

    def _check_last_line(self, expected: str) -> None:
        """Raise an error if the last line has no line end and looks truncated compared to the line before.

        A complete line has as many words as the line before and at least as many decimals, or the same length.
        """
        if self.position < len(self.lines):
            return
        last, before = self.lines[-1].rstrip(), self.lines[-2].rstrip() if len(self.lines) > 1 else ""
        words, words_before = last.split(), before.split()
        alike = len(words) == len(words_before) and decimals(words[-1]) >= decimals(words_before[-1])
        if not (alike or len(last) == len(before)):
            self.refuse(f"the file ends within {shown(last)}, expected {expected} and a line end")

    def parse_numbers(self, words: list[list[str]], rows: range | Integer, expected: str) -> Float:
        """Convert the words of the given lines to numbers; NaN and numbers above `LARGEST_VALUE` are errors."""
        numbers = parse_words(words)
        # comparisons with NaN are false
        self._check_rows(~(np.abs(numbers) < LARGEST_VALUE).all(axis=1), words, rows, expected)
        return numbers

    def parse_integers(self, words: list[list[str]], rows: range | Integer, expected: str) -> Integer:
        """Convert the words of the given lines to integers of at most 10^6."""
        numbers = self.parse_numbers(words, rows, expected)
        self._check_rows(((numbers != np.rint(numbers)) | (np.abs(numbers) > 1e6)).any(axis=1), words, rows, expected)
        return numbers.astype(np.int64)

    def _check_rows(
        self, wrong: NDArray[np.bool_] | np.bool_, words: list[list[str]], rows: range | Integer, expected: str
    ) -> None:
        """Raise an error about the first wrong row; `rows` are the line indices."""
        if wrong.any():
            row = int(np.argmax(wrong))
            self.refuse(f"{shown(' '.join(words[row]))}, expected {expected}", line=int(rows[row]) + 1)

    def read_integers(self, columns: int, expected: str) -> list[int]:
        """Read the integers of the next line."""
        self.make_plain(range(self.position, min(self.position + 1, len(self.lines))))
        numbers = self.read_rows(1, columns, expected)[0]
        line = self.lines[self.position - 1]
        # an integer of Fortran has no decimal point
        if not all(_WHOLE.match(word) for word in line.split()) or np.abs(numbers).max(initial=0) > 1e6:
            self.position -= 1
            self.refuse(f"{line.strip()!r}, expected {expected}")
        return [int(x) for x in numbers]

    def read_count(self, expected: str) -> int:
        """Read a positive integer from a line of its own, which may end in a comment."""
        self.make_plain(range(self.position, min(self.position + 1, len(self.lines))))
        words = self.current_line().split()
        if len(words) > 1 and words[1][0] not in "+-.0123456789":
            number = self.parse_integers([words[:1]], range(self.position, self.position + 1), expected)[0, 0]
            self.position += 1
        else:
            (number,) = self.read_integers(1, expected)
        if number < 1:
            self.refuse(f"{number}, expected {expected}", line=self.position)
        return int(number)

    def read_degeneracies(self, cells: int, *, more: bool = False) -> Integer:
        """Read the degeneracies of the lattice vectors from several lines.

        Parameters
        ----------
        cells : int
            Number of lattice vectors.
        more : bool
            Allow further numbers on the last line.
        """
        self.degeneracy_line = self.position + 1
        found: list[int] = []
        expected = f"{cells} degeneracies, positive integers"
        while len(found) < cells:
            if self.position >= len(self.lines):
                self.refuse(f"the file ends, expected {expected}")
            line = self.lines[self.position]
            for word in re.split("[!#/]", line)[0].replace(",", " ").split():
                stated = _REPEATED.match(word)
                if stated is None or int(stated[2]) < 1 or int(stated[1] or 1) > cells:
                    self.refuse(f"{shown(line)}, expected {expected}")
                found += [int(stated[2])] * int(stated[1] or 1)
            self.position += 1
        if len(found) > cells and not more:
            self.refuse(f"{len(found)} numbers, expected {expected}", line=self.position)
        return np.array(found[:cells])

    def read_matrices(
        self, n: int, cells: int, components: int, translations: Integer | None = None
    ) -> tuple[Integer, Complex]:
        """Read an n x n matrix for each R, with R on a line of its own above the matrix (`_tb.dat`).

        Parameters
        ----------
        n : int
            Number of Wannier functions.
        cells : int
            Number of lattice vectors R.
        components : int
            Number of complex components of each matrix element.
        translations : int array, shape (R, 3), optional
            Expected R.

        Returns
        -------
        translations : int array, shape (R, 3)
        matrices : complex array, shape (R, n, n, components)
        """
        self.require_lines(cells * (n * n + 1), f"{cells} matrices of {n} x {n} lines")
        together = self._read_all_matrices(n, cells, components)
        if together is None and self.make_plain(range(self.position, len(self.lines))):
            together = self._read_all_matrices(n, cells, components)
        found, values = together or self._read_each_matrix(n, cells, components)
        self._check_last_line("the last line of a matrix")
        if translations is not None and (found != translations).any():
            cell = int(np.argmax((found != translations).any(axis=1)))
            R, wanted = (tuple(some[cell].tolist()) for some in (found, translations))
            self.refuse(f"R = {R}, expected {wanted} as for the hoppings", line=self.matrix_lines[cell])
        return found, values

    def _read_all_matrices(self, n: int, cells: int, components: int) -> tuple[Integer, Complex] | None:
        """Read all matrices at once, which is fast; None if any of them is malformed."""
        at, heads, rows = self.position, list[int](), list[str]()
        for _ in range(cells):
            while at < len(self.lines) and not self.lines[at].strip():
                at += 1
            if at + n * n >= len(self.lines):
                return None
            heads.append(at)
            rows += self.lines[at + 1 : at + 1 + n * n]
            at += 1 + n * n
        above = [self.lines[head] for head in heads]
        found, numbers = parse_table(above, 3), parse_table(rows, 2 + 2 * components)
        if found is None or numbers is None or "." in "".join(above) or np.abs(found).max() > 1e6:
            return None
        matrices = arrange_matrices(numbers[:, :2], numbers[:, 2:], np.repeat(np.arange(cells), n * n), cells, n)
        if matrices is None:
            return None
        self.position, self.matrix_lines = at, [head + 1 for head in heads]
        return found.astype(np.int64), matrices

    def _read_each_matrix(self, n: int, cells: int, components: int) -> tuple[Integer, Complex]:
        """Read one matrix after the other, to name the malformed one in the error."""
        found = np.zeros((cells, 3), dtype=np.int64)
        values = np.empty((cells, n, n, components), dtype=np.complex128)
        self.matrix_lines = []
        for cell in range(cells):
            self.skip_blank()
            found[cell] = self.read_integers(3, "a lattice vector R, three integers")
            self.matrix_lines.append(self.position)
            numbers = self.read_rows(n * n, 2 + 2 * components, f"i, j and {2 * components} numbers")
            matrix = arrange_matrices(numbers[:, :2], numbers[:, 2:], np.zeros(n * n, dtype=np.int64), 1, n)
            if matrix is None:
                self.refuse(f"indices of this matrix, expected each i, j = 1..{n} once", line=self.position - n * n + 1)
            values[cell] = matrix[0]
        return found, values

    def read_elements(self, n: int, cells: int) -> tuple[Integer, Complex]:
        """Read an n x n matrix for each R, with R on every line (`_hr.dat`), from all remaining lines.

        Zeros may be left out, also whole matrices of zeros. A missing element with a nonzero Hermitian partner in the
        file is an error.

        Parameters
        ----------
        n : int
            Number of Wannier functions.
        cells : int
            Number of lattice vectors R.

        Returns
        -------
        translations : int array, shape (R, 3)
        matrices : complex array, shape (R, n, n, 1)
        """
        expected = "R (three integers), i, j and 2 numbers"
        where, numbers = self._read_remaining_rows(7, expected)
        rows = [self.lines[at] for at in where]
        labels = np.rint(numbers[:, :5]).astype(np.int64)
        wrong = (labels != numbers[:, :5]).any(axis=1) | (np.abs(labels) > 1e6).any(axis=1)
        starts = np.flatnonzero(np.diff(labels[:, :3], axis=0, prepend=np.iinfo(np.int32).min).any(axis=1))
        # a repeated matrix counts as a new one
        sizes = np.diff([*starts, len(rows)])
        starts = np.concatenate(
            [np.arange(at, at + size, n * n) for at, size in zip(starts, sizes, strict=True)] or [starts]
        )
        # programs write all lines in one format: a decimal point is in all labels or in none
        wrong[starts] |= ["." in "".join(rows[start].split()[:5]) for start in starts]
        if wrong.any():
            row = int(np.argmax(wrong))
            self.refuse(f"{shown(rows[row])}, expected {expected}", line=int(where[row]) + 1)
        found = labels[starts, :3]
        self.matrix_lines = (where[starts] + 1).tolist()
        if len(found) > cells:
            R = tuple(found[cells].tolist())
            self.refuse(
                f"R = {R} after {cells} lattice vectors, expected the end of the file", line=self.matrix_lines[cells]
            )
        cell = np.repeat(np.arange(len(found)), np.diff([*starts, len(rows)]))
        outside = (labels[:, 3:] < 1).any(axis=1) | (labels[:, 3:] > n).any(axis=1)
        if outside.any():
            row = int(np.argmax(outside))
            self.refuse(f"i, j = {labels[row, 3:].tolist()}, expected 1 to {n}", line=int(where[row]) + 1)
        full = len(rows) == cells * n * n
        if not full and (len(rows) < n or len(found) * n * n > LARGEST_SPARSE):
            self.refuse(f"{len(rows)} lines left, expected {cells} matrices of {n} x {n} lines")
        matrices = arrange_matrices(labels[:, 3:], numbers[:, 5:], cell, len(found), n, partial=True)
        if matrices is None or len(rows) > cells * n * n:
            _, first = np.unique((cell * n + labels[:, 4] - 1) * n + labels[:, 3] - 1, return_index=True)
            row = int(np.setdiff1d(np.arange(len(rows)), first)[0])
            self.refuse(
                f"indices of this matrix, expected each i, j = 1..{n} at most once among {n * n} lines",
                line=int(where[row]) + 1,
            )
        if not full:
            self._check_missing_elements(found, labels[:, 3:], cell, matrices, cells)
        return found, matrices

    def _read_remaining_rows(self, columns: int, expected: str) -> tuple[Integer, Float]:
        """Read all remaining lines that are not blank: line indices, and numbers (rows, columns)."""
        where = np.array([at for at in range(self.position, len(self.lines)) if self.lines[at].strip()], dtype=np.int64)
        numbers = self._parse_plain(where, columns) if len(where) else np.zeros((0, columns))
        rows = [self.lines[at] for at in where]
        if numbers is None:
            words = [row.split() for row in rows]
            for at, own in zip(where, words, strict=True):
                if len(own) != columns:
                    self.refuse(f"{shown(' '.join(own))}, expected {expected}", line=int(at) + 1)
            numbers = self.parse_numbers(words, where, expected)
        self.position = len(self.lines) if len(rows) else self.position
        if len(rows) and where[-1] == len(self.lines) - 1:
            self._check_last_line(expected)
        return where, numbers

    def _check_missing_elements(
        self, found: Integer, labels: Integer, cell: Integer, matrices: Complex, cells: int
    ) -> None:
        """Raise an error if a missing element has a nonzero Hermitian partner.

        The partner of the element (R, i, j) is (-R, j, i).
        """
        n = matrices.shape[1]
        there = np.zeros(matrices.shape[:3], dtype=bool)
        there[cell, labels[:, 0] - 1, labels[:, 1] - 1] = True
        index = {R: number for number, R in enumerate(map(tuple, found.tolist()))}
        back = np.array([index.get(tuple(-x for x in R), -1) for R in map(tuple, found.tolist())])
        expected = f"{cells} matrices of {n} x {n} lines, or all but the zeros and both R and -R: cut off?"
        if (back < 0).any():
            self.refuse(f"{len(cell)} lines after the degeneracies, expected {expected}")
        lost = ~there & (matrices[back].swapaxes(1, 2)[..., 0] != 0)
        if lost.any() or (len(found) == cells and _only_on_site(~there, index)):
            number, i, j = (int(x) for x in np.argwhere(lost if lost.any() else ~there)[0])
            R = tuple(found[number].tolist())
            self.refuse(
                f"no line of R = {R}, i, j = {i + 1}, {j + 1}, expected {expected}", line=self.matrix_lines[number]
            )

    def require_lines(self, lines: int, expected: str) -> None:
        """Raise an error if fewer lines are left, before memory is allocated for them."""
        if lines > len(self.lines) - self.position:
            self.refuse(f"{len(self.lines) - self.position} lines left, expected {expected}")

    def skip_blank(self) -> None:
        """Go to the next line that is not blank."""
        while self.position < len(self.lines) and not self.lines[self.position].strip():
            self.position += 1

    def require_end(self) -> None:
        """Raise an error if anything but blank lines is left."""
        self.skip_blank()
        if self.position < len(self.lines):
            self.refuse(f"{shown(self.lines[self.position])}, expected the end of the file")


def arrange_matrices(
    labels: Integer | Float, parts: Float, cell: Integer, cells: int, n: int, *, partial: bool = False
) -> Complex | None:
    """Arrange rows of i, j (from 1) and real and imaginary parts as matrices, (cells, n, n, components).

    None unless each i, j occurs exactly once, or with `partial` at most once.
    """
    exact = np.rint(labels).astype(np.int64)
    if (exact != labels).any() or (exact < 1).any() or (exact > n).any():
        return None
    indices = (cell * n + exact[:, 1] - 1) * n + exact[:, 0] - 1
    times = np.bincount(indices, minlength=cells * n * n)
    if (times > 1).any() or not (partial or times.all()):
        return None
    entries = np.ascontiguousarray(parts).view(np.complex128)
    values = np.zeros((cells * n * n, entries.shape[1]), dtype=np.complex128)
    values[indices] = entries
    return values.reshape(cells, n, n, -1).swapaxes(1, 2)


def _only_on_site(missing: NDArray[np.bool_], index: dict[tuple[int, ...], int]) -> bool:
    """Return True if only on-site energies, which are their own partners, are missing."""
    home = index.get((0, 0, 0))
    return home is not None and missing.sum() == np.trace(missing[home]) > 0
