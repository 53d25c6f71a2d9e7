"""Text files line by line: numbers as Fortran writes them, and errors that say file, line and what was expected."""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.files import checked_path
from adiabloch.io.opening import text_of

ABSURD = 1e9
"""No energy and no length is that large."""


class Lines:
    """The lines of a file and how far they have been read.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz.
    comments : int
        Lines to leave out at the top.
    """

    def __init__(self, path: str | os.PathLike[str], comments: int = 1) -> None:
        self.path = checked_path(path)
        self.lines: list[str] = text_of(path).split("\n")
        self.at = comments
        self.heads: list[int] = []  # where each R stood, counted from one, in the matrices read last

    def refuse(self, message: str, *, line: int | None = None) -> NoReturn:
        """Raise the error that names file and line (counted from one; where reading stands if not given)."""
        raise FileFormatError(f"{self.path}, line {line or min(self.at + 1, len(self.lines))}: {message}")

    def block(self, rows: int, columns: int, expected: str, labels: int = 0) -> Float:
        """The next rows as an array of numbers; the first words of each may be labels."""
        words = [line.split() for line in islice(self.lines, self.at, self.at + rows)]
        for words_of_row in words:
            if len(words_of_row) != columns + labels:
                self.refuse(f"{' '.join(words_of_row)[:80]!r}, expected {expected}")
            self.at += 1
        if len(words) < rows:
            self.refuse(f"the file ends, expected {expected}")
        if rows and self.at >= len(self.lines):
            self.refuse(f"the file ends within {self.lines[-1].strip()[:80]!r}, expected {expected} and a line end")
        return self.numbers([row[labels:] for row in words], range(self.at - rows, self.at), expected)

    def numbers(self, words: list[list[str]], rows: range | Integer, expected: str) -> Float:
        """Words of the given lines as numbers, none of them NaN or absurd."""
        numbers = parsed(words)
        # NaN is not smaller than anything
        wrong = ~(np.abs(numbers) < ABSURD).all(axis=1)
        if wrong.any():
            row = int(np.argmax(wrong))
            self.refuse(f"{' '.join(words[row])[:80]!r}, expected {expected}", line=int(rows[row]) + 1)
        return numbers

    def whole_numbers(self, words: list[list[str]], rows: range | Integer, expected: str) -> Integer:
        """Words of the given lines as integers of a sensible size."""
        numbers = self.numbers(words, rows, expected)
        wrong = ((numbers != np.rint(numbers)) | (np.abs(numbers) > 1e6)).any(axis=1)
        if wrong.any():
            row = int(np.argmax(wrong))
            self.refuse(f"{' '.join(words[row])[:80]!r}, expected {expected}", line=int(rows[row]) + 1)
        return numbers.astype(np.int64)

    def integers(self, columns: int, expected: str) -> list[int]:
        """The integers of the next line."""
        numbers = self.block(1, columns, expected)[0]
        if (numbers != np.rint(numbers)).any() or np.abs(numbers).max(initial=0) > 1e6:
            self.at -= 1
            self.refuse(f"{self.lines[self.at].strip()!r}, expected {expected}")
        return [int(x) for x in numbers]

    def count(self, expected: str) -> int:
        """A positive integer on a line of its own."""
        (number,) = self.integers(1, expected)
        if number < 1:
            self.refuse(f"{number}, expected {expected}", line=self.at)
        return number

    def weights(self, cells: int) -> Integer:
        """Degeneracies of the lattice vectors, over as many lines as it takes."""
        found: list[int] = []
        expected = f"{cells} degeneracies, positive integers"
        while len(found) < cells:
            columns = len(self.lines[self.at].split()) if self.at < len(self.lines) else 0
            found += self.integers(max(columns, 1), expected)
            if len(found) > cells or min(found) < 1:
                self.refuse(f"{len(found)} numbers down to {min(found)}, expected {expected}", line=self.at)
        return np.array(found)

    def matrices(
        self, n: int, cells: int, components: int, translations: Integer | None = None
    ) -> tuple[Integer, Complex]:
        """One n x n matrix of complex numbers or vectors for each R -> (R, 3), (R, n, n, components).

        Each R stands on a line of its own above its matrix.
        """
        self.enough(cells * (n * n + 1), f"{cells} matrices of {n} x {n} lines")
        found = np.zeros((cells, 3), dtype=np.int64)
        values = np.empty((cells, n, n, components), dtype=np.complex128)
        self.heads = []
        for cell in range(cells):
            self.skip_blank()
            found[cell] = self.integers(3, "a lattice vector R, three integers")
            self.heads.append(self.at)
            if translations is not None and (found[cell] != translations[cell]).any():
                wanted = tuple(translations[cell].tolist())
                self.refuse(f"R = {tuple(found[cell].tolist())}, expected {wanted} as for the hoppings", line=self.at)
            numbers = self.block(n * n, 2 + 2 * components, f"i, j and {2 * components} numbers")
            values[cell] = self._arranged(n, numbers)
        return found, values

    def rows_of_matrices(self, n: int, cells: int) -> tuple[Integer, Complex]:
        """One n x n matrix of complex numbers for each R, R on every line -> (R, 3), (R, n, n, 1)."""
        self.enough(cells * n * n, f"{cells} matrices of {n} x {n} lines")
        found = np.zeros((cells, 3), dtype=np.int64)
        values = np.empty((cells, n, n, 1), dtype=np.complex128)
        self.heads = []
        for cell in range(cells):
            first = self.at
            numbers = self.block(n * n, 7, "R (three integers), i, j and 2 numbers")
            R = numbers[:, :3]
            wrong = ((np.rint(R[0]) != R) | (np.abs(R) > 1e6)).any(axis=1)
            if wrong.any():
                row = int(np.argmax(wrong))
                self.refuse(
                    f"R = {' '.join(self.lines[first + row].split()[:3])}, expected {n * n} lines with one and the "
                    f"same R of three integers, from line {first + 1} on",
                    line=first + row + 1,
                )
            found[cell] = R[0]
            self.heads.append(first + 1)
            values[cell] = self._arranged(n, numbers[:, 3:])
        return found, values

    def enough(self, lines: int, expected: str) -> None:
        """Before memory is taken: refuse where less is left to read."""
        if lines > len(self.lines) - self.at:
            self.refuse(f"{len(self.lines) - self.at} lines left, expected {expected}")

    def _arranged(self, n: int, numbers: Float) -> Complex:
        """Rows of i, j and numbers, the last n x n lines that were read, as a matrix (n, n, components)."""
        i, j = numbers[:, 0], numbers[:, 1]
        order = np.lexsort((i, j))
        if (np.sort(i + n * (j - 1)) != np.arange(1, n * n + 1)).any() or not ((i >= 1) & (i <= n)).all():
            self.refuse(f"indices of this matrix, expected each i, j = 1..{n} once", line=self.at - n * n + 1)
        entries = np.ascontiguousarray(numbers[order, 2:]).view(np.complex128)
        return entries.reshape(n, n, -1).swapaxes(0, 1)

    def skip_blank(self) -> None:
        """Go to the next line that holds something."""
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1

    def end(self) -> None:
        """Refuse anything that is left."""
        self.skip_blank()
        if self.at < len(self.lines):
            self.refuse(f"{self.lines[self.at].strip()[:80]!r}, expected the end of the file")


def parsed(words: list[list[str]]) -> Float:
    """Rows of words as numbers, NaN where a word is none."""
    try:
        numbers = np.array(words, dtype=np.float64)
    except ValueError:
        numbers = np.array([[_number(word) for word in row] for row in words])
    if "_" in "".join("".join(row) for row in words):
        # Python reads 1_000, nobody writes it
        numbers[[any("_" in word for word in row) for row in words]] = np.nan
    return numbers


def _number(word: str) -> float:
    """A number as Fortran writes it: 1.0D+00, and 1.0-100 where the exponent leaves no room for its letter."""
    try:
        return float(re.sub(r"(?<=[0-9.])([+-][0-9]{3})$", r"E\1", re.sub("[dD]", "E", word)))
    except ValueError:
        return float("nan")
