"""Overlaps of the bands at neighbouring k points, M_mn(k, b) = <u_mk|u_n,k+b>: `SEED.mmn` of Wannier90.

These files are large and are read block by block. Two properties are checked on reading: no overlap exceeds 1, and the
reverse overlaps M(k + b, -b) = M(k, b)^dagger are in the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Integer
from adiabloch.errors import FileFormatError
from adiabloch.io.number_stream import NumberStream
from adiabloch.markup import record_html
from adiabloch.names import checked_call

LARGEST_OVERLAP = 1.1
"""Largest overlap accepted; the norm of pseudo wave functions may deviate from 1."""
ADJOINT_TOLERANCE = 1e-6
"""Largest deviation of M(k + b, -b) from M(k, b)^dagger, per band."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Overlaps of a `SEED.mmn` file."""

    neighbours: Integer
    """Index of each neighbour, from 0, and the three integers of its cell, (K, neighbours, 4)."""
    matrices: Complex
    """M(k, b), (K, neighbours, bands, bands)."""

    _repr_html_ = record_html


@checked_call
def read_overlaps(path: str | os.PathLike[str]) -> Overlaps:
    """Read the overlaps of the bands at neighbouring k points.

    Parameters
    ----------
    path : path-like
        `SEED.mmn` as pw2wannier90 and similar programs write it for Wannier90; compressed if the name ends in .gz,
        .bz2 or .xz.

    Returns
    -------
    Overlaps

    Raises
    ------
    FileFormatError
        The file is missing, malformed or truncated, or contains impossible overlaps; the message names file and line.
    """
    with closing(OverlapFile(path)) as file:
        blocks = list(file.blocks())
    return Overlaps(np.array([rows for rows, _ in blocks]), np.array([matrices for _, matrices in blocks]))


class OverlapFile:
    """Reader of a `SEED.mmn` file, one k point at a time.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.
    """

    bands: int
    points: int
    neighbours: int
    """Number of neighbours of each k point."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = NumberStream(path)
        self.path = self._file.path
        try:
            self._file.read_title()
            expected = "numbers of bands, k points and neighbours, three positive integers"
            self.bands, self.points, self.neighbours = self._file.read_integers(3, expected)
            if min(self.bands, self.points, self.neighbours) < 1:
                self.refuse(f"{[self.bands, self.points, self.neighbours]}, expected {expected}", line=2)
        except FileFormatError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def refuse(self, message: str, *, line: int | None = None) -> NoReturn:
        """Raise an error that names the file and the line (from 1; by default the one read last)."""
        self._file.refuse(message, line=line)

    @property
    def position(self) -> int:
        """Number of the line read last, from 1."""
        return self._file.position

    def blocks(self) -> Iterator[tuple[Integer, Complex]]:
        """Iterate over the k points.

        Yields
        ------
        neighbours : int array, shape (neighbours, 4)
            Index of each neighbour, from 0, and its cell.
        overlaps : complex array, shape (neighbours, bands, bands)
            M(k, b).
        """
        reverse = _ReverseOverlaps(self)
        for point in range(self.points):
            rows = np.empty((self.neighbours, 4), dtype=np.int64)
            found = []
            for number in range(self.neighbours):
                rows[number] = self._read_neighbour(point)
                found.append(self._read_overlaps())
                reverse.add(point, rows[number], found[-1])
            yield rows, np.array(found)
        self._file.require_end()
        reverse.check()

    def _read_neighbour(self, point: int) -> list[int]:
        """Read the line above a matrix: index of the neighbour, from 0, and its cell."""
        expected = f"k point {point + 1}, one of {self.points} as its neighbour, and the cell of that, five integers"
        here, there, *cell = self._file.read_integers(5, expected)
        if here != point + 1 or not 1 <= there <= self.points:
            self.refuse(f"{[here, there, *cell]}, expected {expected}")
        return [there - 1, *cell]

    def _read_overlaps(self) -> Complex:
        """Read a matrix of overlaps, (bands, bands)."""
        n, expected = self.bands, "an overlap, two numbers, none above 1"
        numbers = self._file.read_numbers(n * n, 2, expected, LARGEST_OVERLAP)
        # the first index runs fastest
        return numbers.view(np.complex128).reshape(n, n).T


class _ReverseOverlaps:
    """Check of M(k + b, -b) = M(k, b)^dagger for all k and b, with two numbers kept for each matrix.

    For two vectors x, y of phases, x^dagger M y of a step is the conjugate of y^dagger M x of the reverse step.
    """

    def __init__(self, file: OverlapFile) -> None:
        self.file = file
        numbers = np.arange(file.bands) ** 2
        self._left, self._right = np.exp(1j * np.sqrt(2) * numbers), np.exp(1j * np.sqrt(3) * numbers)
        self._known: dict[tuple[int, ...], tuple[complex, complex, int]] = {}

    def add(self, point: int, row: Integer, matrix: Complex) -> None:
        """Record the overlaps of a step."""
        line = self.file.position - self.file.bands**2
        key = (point, *map(int, row))
        if key in self._known:
            self.file.refuse(f"the same step as on line {self._known[key][2]}, expected each step once", line=line)
        x, y = self._left, self._right
        self._known[key] = complex(x.conj() @ matrix @ y), complex(y.conj() @ matrix @ x), line

    def check(self) -> None:
        """Compare each step with its reverse step."""
        tolerance = ADJOINT_TOLERANCE * self.file.bands
        for (point, other, *cell), (there, _, line) in self._known.items():
            back = self._known.get((other, point, *(-x for x in cell)))
            if back is None:
                self.file.refuse("a step without the reverse step in the file, expected both", line=line)
            if not abs(there - back[1].conjugate()) <= tolerance:
                self.file.refuse(
                    f"the overlaps below this line differ from the adjoint of those of the reverse step, below line "
                    f"{back[2]}, by {abs(there - back[1].conjugate()):.1e}, expected at most {tolerance:.0e}",
                    line=line,
                )
