"""Hamiltonian between the bands at two neighbours of a k point, <u_m,k+b1|H_k|u_n,k+b2>: `SEED.uHu` of pw2wannier90.

These files are large and are read one k point at a time. On reading, the matrix of (b2, b1) must be the adjoint of that
of (b1, b2).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.io.fortran_records import FortranRecords, is_text
from adiabloch.io.number_stream import NumberStream
from adiabloch.linalg import dagger

ADJOINT_TOLERANCE = 1e-6
"""Largest deviation from Hermitian, relative to the largest element at a k point; formatted files have 11 digits."""
_COUNTS = "numbers of bands, k points and neighbours, three integers"


class EnergyOverlaps:
    """Reader of a `SEED.uHu` file, one k point at a time.

    Parameters
    ----------
    path : path-like
        Unformatted, or formatted; the latter is compressed if the name ends in .gz, .bz2 or .xz.
    bands, points, neighbours : int
        Numbers expected.
    owner : path
        File that states these numbers, named in errors.

    Raises
    ------
    FileFormatError
        The file is malformed, truncated, or of another calculation; the message names the file and its line or record.
    """

    def __init__(self, path: str | os.PathLike[str], bands: int, points: int, neighbours: int, owner: Path) -> None:
        self.path, self.owner = Path(path), owner
        self.bands, self.points, self.neighbours = bands, points, neighbours

    def blocks(self) -> Iterator[Complex]:
        """Iterate over the k points: matrices (neighbours b1, neighbours b2, bands, bands) in eV."""
        with _opened(self.path) as (file, read):
            wanted = [self.bands, self.points, self.neighbours]
            found = file.read_counts()
            if found != wanted:
                file.refuse(
                    f"{found[0]} bands, {found[1]} k points, {found[2]} neighbours, expected "
                    f"{wanted[0]}, {wanted[1]} and {wanted[2]} as in {self.owner}: mixed seeds?"
                )
            for point in range(self.points):
                # b2 runs slowest, then b1, then the rows of the matrix
                matrices = np.empty((self.neighbours, self.neighbours, self.bands, self.bands), dtype=np.complex128)
                for second in range(self.neighbours):
                    for first in range(self.neighbours):
                        matrices[first, second] = read(self.bands)
                self._check_adjoint(matrices, point, file.refuse)
                yield matrices
            file.finish()

    def _check_adjoint(self, matrices: Complex, point: int, refuse: Callable[[str], NoReturn]) -> None:
        defect = np.abs(matrices - dagger(matrices.swapaxes(0, 1))).max(axis=(2, 3))
        limit = ADJOINT_TOLERANCE * max(float(np.abs(matrices).max()), 1.0)
        if not defect.max() <= limit:
            first, second = (int(x) + 1 for x in np.unravel_index(int(defect.argmax()), defect.shape))
            refuse(
                f"the matrices of k point {point + 1} end here; those of neighbours {first}, {second} and {second}, "
                f"{first} differ from adjoint ones by {defect.max():.1e} eV, expected at most {limit:.0e}"
            )


class _Records:
    """Unformatted file."""

    def __init__(self, file: FortranRecords) -> None:
        self._file, self.refuse = file, file.refuse

    def read_counts(self) -> list[int]:
        self._file.read_record("a title of 60 characters")
        return [int(x) for x in self._file.read_array("i4", 3, _COUNTS)]

    def read_matrix(self, bands: int) -> Complex:
        expected = "Hamiltonian between the bands at two neighbours"
        return self._file.read_array("c16", bands * bands, expected).reshape(bands, bands)

    def finish(self) -> None:
        self._file.require_end()


class _Lines:
    """Formatted file."""

    def __init__(self, file: NumberStream) -> None:
        self._file, self.refuse = file, file.refuse

    def read_counts(self) -> list[int]:
        self._file.read_title()
        return self._file.read_integers(3, _COUNTS)

    def read_matrix(self, bands: int) -> Complex:
        numbers = self._file.read_numbers(bands * bands, 2, "an element of the Hamiltonian, two numbers")
        return numbers.view(np.complex128).reshape(bands, bands)

    def finish(self) -> None:
        self._file.require_end()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[_Records | _Lines, Callable[[int], Complex]]]:
    """Open a file of either form; the second value reads a matrix of so many bands."""
    if is_text(path):
        stream = NumberStream(path)
        try:
            lines = _Lines(stream)
            yield lines, lines.read_matrix
        finally:
            stream.close()
        return
    with FortranRecords(path) as file:
        records = _Records(file)
        yield records, records.read_matrix
