"""Overlaps of the bands at neighbouring k points, M_mn(k, b) = <u_mk|u_n,k+b>: SEED.mmn of Wannier90.

These files are large, so they are read block by block, and what is known of overlaps is checked on the way: none is
above 1, and the way back, M(k + b, -b) = M(k, b)^+, stands in the file as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.files import checked_path
from adiabloch.io.safe_open import UNREADABLE, open_content
from adiabloch.io.text_numbers import LARGEST_VALUE, parse_words

LARGEST = 1.1
"""What an overlap cannot exceed: 1, up to what pseudopotentials leave out."""
THERE_AND_BACK = 1e-6
"""How far the overlaps of a step and of the step back may be from adjoint, each of them."""
_PLAIN = b"0123456789+-.eE \t\r\n"
_SENSIBLE = _PLAIN + b"dD"
_PRINTED = bytes(range(32, 127)) + b"\t\r\n"


@dataclass(frozen=True, eq=False)
class Overlaps:
    """All of a `SEED.mmn`."""

    neighbours: Integer
    """(K, neighbours, 4): number of the neighbour from 0, and the cell of it, three integers."""
    matrices: Complex
    """M(k, b), (K, neighbours, bands, bands)."""


def read_overlaps(path: str | os.PathLike[str]) -> Overlaps:
    """Read the overlaps of the bands at neighbouring k points.

    Parameters
    ----------
    path : path-like
        `SEED.mmn` as pw2wannier90 and its like write it for Wannier90; compressed if the name ends in .gz, .bz2 or .xz.

    Returns
    -------
    Overlaps

    Raises
    ------
    FileFormatError
        A file that is none or is cut, or whose overlaps are none; the message names file and line.
    """
    with closing(OverlapFile(path)) as file:
        blocks = list(file.blocks())
    return Overlaps(np.array([rows for rows, _ in blocks]), np.array([matrices for _, matrices in blocks]))


class OverlapFile:
    """A `SEED.mmn` that is read k point by k point.

    Parameters
    ----------
    path : path-like
    """

    bands: int
    points: int
    neighbours: int
    """Of each point."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = checked_path(path)
        self.position = 0
        self._file = open_content(path)
        try:
            (title,) = self._lines(1, "a title")
            if title.translate(None, _PRINTED):
                self.refuse(f"{_shown(title)}, expected a title in plain letters", line=1)
            expected = "numbers of bands, k points and neighbours, three positive integers"
            self.bands, self.points, self.neighbours = self._integers(3, expected)
            if min(self.bands, self.points, self.neighbours) < 1:
                self.refuse(f"{[self.bands, self.points, self.neighbours]}, expected {expected}", line=2)
        except FileFormatError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def refuse(self, message: str, *, line: int | None = None) -> NoReturn:
        """Raise the error that names file and line (counted from one; the one read last if not given)."""
        raise FileFormatError(f"{self.path}, line {line or self.position}: {message}")

    def blocks(self) -> Iterator[tuple[Integer, Complex]]:
        """For each k point its neighbours (neighbours, 4), number from 0 and cell, and M (neighbours, bands, bands)."""
        links = _Links(self)
        for point in range(self.points):
            rows = np.empty((self.neighbours, 4), dtype=np.int64)
            found = []
            for number in range(self.neighbours):
                rows[number] = self._head(point)
                found.append(self._matrix())
                links.add(point, rows[number], found[-1])
            yield rows, np.array(found)
        for line in self._rest():
            if line.strip(b" \t\r\n"):
                self.refuse(f"{_shown(line)}, expected the end of the file")
        links.check()

    def _head(self, point: int) -> list[int]:
        expected = f"k point {point + 1}, one of {self.points} as its neighbour, and the cell of that, five integers"
        here, there, *cell = self._integers(5, expected)
        if here != point + 1 or not 1 <= there <= self.points:
            self.refuse(f"{[here, there, *cell]}, expected {expected}")
        return [there - 1, *cell]

    def _matrix(self) -> Complex:
        n, first = self.bands, self.position
        expected = "an overlap, two numbers"
        lines = self._lines(n * n, expected)
        numbers = self._numbers(lines, 2, expected)
        if not np.abs(numbers).max() <= LARGEST:
            row = int(np.argmax((~(np.abs(numbers) <= LARGEST)).any(axis=1)))
            self.refuse(f"{_shown(lines[row])}, expected {expected}, none above 1", line=first + row + 1)
        # the first index runs fastest
        return numbers.view(np.complex128).reshape(n, n).T

    def _integers(self, columns: int, expected: str) -> list[int]:
        lines = self._lines(1, expected)
        (numbers,) = self._numbers(lines, columns, expected)
        if (numbers != np.rint(numbers)).any() or np.abs(numbers).max() > 1e6:
            self.refuse(f"{_shown(lines[0])}, expected {expected}")
        return [int(x) for x in numbers]

    def _numbers(self, lines: list[bytes], columns: int, expected: str) -> Float:
        """So many numbers from each of the lines read last."""
        first = self.position - len(lines)
        if not b"".join(lines).translate(None, _PLAIN):
            try:
                numbers = np.loadtxt(lines, comments=None, ndmin=2)
            except ValueError:
                numbers = np.empty((0, 0))
            if numbers.shape == (len(lines), columns) and (np.abs(numbers) < LARGEST_VALUE).all():
                return numbers
        # one by one: exponents as Fortran writes them, or the line that is wrong
        for number, line in enumerate(lines, start=first + 1):
            words = line.split()
            odd = line.translate(None, _SENSIBLE) or b"\r" in line.rstrip(b"\r\n") or len(words) != columns
            if odd or not (np.abs(parse_words([[word.decode("ascii") for word in words]])) < LARGEST_VALUE).all():
                self.refuse(f"{_shown(line)}, expected {expected}", line=number)
        return parse_words([line.decode("ascii").split() for line in lines])

    def _lines(self, count: int, expected: str) -> list[bytes]:
        """So many lines, each of them with its end."""
        found: list[bytes] = []
        try:
            found.extend(islice(self._file, count))
        except UNREADABLE as reason:
            self.refuse(f"cannot be read ({reason}), expected {expected}", line=self.position + len(found) + 1)
        self.position += len(found)
        if len(found) < count or not found[-1].endswith(b"\n"):
            last = f" within {_shown(found[-1])}" if found and not found[-1].endswith(b"\n") else ""
            self.refuse(f"the file ends{last}, expected {expected} and a line end")
        return found

    def _rest(self) -> Iterator[bytes]:
        try:
            for line in self._file:
                self.position += 1
                yield line
        except UNREADABLE as reason:
            self.refuse(f"cannot be read ({reason}), expected the end of the file", line=self.position + 1)


class _Links:
    """Whether each step has its step back, with the adjoint overlaps: two numbers of each are kept.

    With two vectors x, y of phases, x^+ M y of a step is the conjugate of y^+ M x of the step back.
    """

    def __init__(self, file: OverlapFile) -> None:
        self.file = file
        numbers = np.arange(file.bands) ** 2
        self._left, self._right = np.exp(1j * np.sqrt(2) * numbers), np.exp(1j * np.sqrt(3) * numbers)
        self._known: dict[tuple[int, ...], tuple[complex, complex, int]] = {}

    def add(self, point: int, row: Integer, matrix: Complex) -> None:
        """Remember a step."""
        line = self.file.position - self.file.bands**2
        key = (point, *map(int, row))
        if key in self._known:
            self.file.refuse(
                f"a step that was there on line {self._known[key][2]} already, expected another", line=line
            )
        x, y = self._left, self._right
        self._known[key] = complex(x.conj() @ matrix @ y), complex(y.conj() @ matrix @ x), line

    def check(self) -> None:
        """Compare all."""
        tolerance = THERE_AND_BACK * self.file.bands
        for (point, other, *cell), (there, _, line) in self._known.items():
            back = self._known.get((other, point, *(-x for x in cell)))
            if back is None:
                self.file.refuse("a step that has no step back in the file, expected both", line=line)
            if not abs(there - back[1].conjugate()) <= tolerance:
                self.file.refuse(
                    f"the overlaps from here on are not adjoint to those of the step back, from line {back[2]} on, by "
                    f"{abs(there - back[1].conjugate()):.1e}, expected below {tolerance:.0e}",
                    line=line,
                )


def _shown(line: bytes) -> str:
    return repr(line.decode("ascii", "replace").strip()[:80])
