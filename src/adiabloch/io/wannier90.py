"""Wannier functions from and to the `_tb.dat` files of Wannier90."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError
from adiabloch.files import whole
from adiabloch.lattice import AXES
from adiabloch.models import TightBinding, WannierModel

HOPPING_DEFECT = 1e-5
"""How far h(R) and h(-R)^dagger may be apart, relative to the largest: files have finite digits."""
POSITION_DEFECT = 0.1
"""The same for the position matrix: Wannier90 takes it by finite differences, which leave a few percent."""
NEGLIGIBLE = 1e-6
"""Relative size of what may be dropped along the directions that a slab does not have."""
ABSURD = 1e100
"""No energy and no length is that large."""


def read_tb(path: str | os.PathLike[str], *, dimension: int = 3) -> WannierModel:
    """Read a `_tb.dat` file of Wannier90, or of another program that writes them.

    Lengths are in Angstrom, energies in eV. The degeneracy weights of the lattice vectors are divided out, and
    h(R) is averaged with h(-R)^dagger; likewise the position matrix, which Wannier90 makes Hermitian only up to the
    error of its finite differences.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz.
    dimension : int
        2 for a slab in the xy plane, its third lattice vector along z: nothing may hop along it, and the z components
        of positions are dropped.

    Returns
    -------
    WannierModel

    Raises
    ------
    FileFormatError
        If the file is not what it should be; the message names the file, the line, and what was expected.
    """
    if dimension not in (1, 2, 3):
        raise InvalidArgumentError(f"dimension: {dimension!r}, expected 1, 2 or 3")
    file = _Lines(path)
    vectors = file.block(3, 3, "a lattice vector, three numbers")
    size = file.count("the number of Wannier functions")
    cells = file.count("the number of lattice vectors R")
    weights = file.weights(cells)[:, None, None, None]
    translations, matrices = file.matrices(size, cells, 1)
    hoppings = _averaged(file, translations, matrices / weights, HOPPING_DEFECT, "h")[..., 0]
    _, matrices = file.matrices(size, cells, 3, translations)
    positions = _averaged(file, translations, matrices / weights, POSITION_DEFECT, "r")
    file.end()
    if np.abs([vectors[:dimension, dimension:], vectors[dimension:, :dimension].T]).max(initial=0.0) > 1e-8:
        file.refuse(
            f"lattice vectors {vectors.tolist()}, expected the first {dimension} along {', '.join(AXES[:dimension])} "
            f"and the others perpendicular for dimension = {dimension}",
            line=2,
        )
    inside = (translations[:, dimension:] == 0).all(axis=1)
    for matrices, name in ((hoppings, "hoppings"), (positions, "position matrix")):
        beyond, largest = (float(np.abs(part).max(initial=0.0)) for part in (matrices[~inside], matrices))
        if beyond > NEGLIGIBLE * largest:
            file.refuse(f"{name} up to {beyond:.1e} leave the {dimension} dimensions asked for, expected none")
    keys = [tuple(map(int, R)) for R in translations[inside, :dimension]]
    try:
        return WannierModel(
            vectors[:dimension, :dimension],
            None,
            dict(zip(keys, hoppings[inside], strict=True)),
            dict(zip(keys, positions[inside][..., :dimension], strict=True)),
        )
    except AdiablochError as reason:
        file.refuse(str(reason), line=2)


def write_tb(model: TightBinding, path: str | os.PathLike[str]) -> Path:
    """Write a model as a `_tb.dat` file, whole or not at all.

    One- and two-dimensional models get lattice vectors of unit length along the missing axes. The format has no room
    for spin operators.

    Parameters
    ----------
    model : TightBinding
        A `WannierModel` with its position matrix; the orbitals of any other model sit where they are.
    path : path-like
        Compressed if the name ends in .gz.

    Returns
    -------
    pathlib.Path
    """
    if not isinstance(model, TightBinding):
        raise InvalidArgumentError(f"write_tb: expected a model, got {type(model).__name__}")
    d, n = model.lattice.dimension, model.size
    vectors = np.eye(3)
    vectors[:d, :d] = model.lattice.vectors
    cells = np.zeros((len(model.translations), 3), dtype=np.int64)
    cells[:, :d] = model.translations
    positions = np.zeros((len(cells), n, n, 3), dtype=np.complex128)
    if isinstance(model, WannierModel):
        positions[..., :d] = list(model.position_matrix.values())
    else:
        positions[(cells == 0).all(axis=1), ..., :d] = np.eye(n)[:, :, None] * model.positions
    target = Path(path)
    with whole(target) as name, _opener(target)(name, "wt", encoding="ascii") as file:
        file.write(" written by adiabloch\n")
        np.savetxt(file, vectors, fmt="%24.16e")
        file.write(f"{n:12d}\n{len(cells):12d}\n")
        for first in range(0, len(cells), 15):
            file.write("    1" * len(cells[first : first + 15]) + "\n")
        for array in (model.amplitudes[..., None], positions):
            _write_matrices(file, cells, array)
    return target


def _write_matrices(file: IO[str], cells: Integer, matrices: Complex) -> None:
    n, components = matrices.shape[-2:]
    j, i = (index.ravel() + 1 for index in np.indices((n, n)))
    for R, matrix in zip(cells, matrices, strict=True):
        file.write("\n{:5d}{:5d}{:5d}\n".format(*R))
        numbers = np.ascontiguousarray(matrix.swapaxes(0, 1).reshape(n * n, components)).view(np.float64)
        np.savetxt(file, np.column_stack([i, j, numbers]), fmt=["%5d", "%5d", *["%24.16e"] * (2 * components)])


def _opener(path: Path) -> Callable[..., Any]:
    return gzip.open if path.suffix == ".gz" else open


def _averaged(file: _Lines, translations: Integer, matrices: Complex, tolerance: float, name: str) -> Complex:
    """Matrices (R, n, n, components) averaged with their Hermitian partners at -R."""
    index: dict[tuple[int, ...], int] = {}
    for number, R in enumerate(map(tuple, translations.tolist())):
        if index.setdefault(R, number) != number:
            file.refuse(f"R = {R} once more, expected each R once", line=file.heads[number])
    for R, number in index.items():
        if tuple(-x for x in R) not in index:
            file.refuse(f"R = {R} comes without -R, expected both", line=file.heads[number])
    adjoint = matrices[[index[tuple(-x for x in R)] for R in index]].conj().swapaxes(1, 2)
    defect = np.abs(matrices - adjoint).max(axis=(1, 2, 3))
    worst = int(np.argmax(defect))
    if defect[worst] > tolerance * np.abs(matrices).max():
        file.refuse(
            f"{name}(R) and {name}(-R)^dagger differ by {defect[worst]:.1e} at R = {list(index)[worst]}, "
            f"expected less than {tolerance:.0e} of the largest {name}",
            line=file.heads[worst],
        )
    return 0.5 * (matrices + adjoint)


class _Lines:
    """The lines of a file and how far they have been read."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            with _opener(self.path)(self.path, "rt", encoding="ascii", errors="replace") as file:
                self.lines: list[str] = file.read().split("\n")
        except (OSError, EOFError, zlib.error) as reason:
            raise FileFormatError(f"{path}: cannot be read ({reason})") from None
        self.at = 1  # the first line is a comment
        self.heads: list[int] = []  # where each R stood, counted from one, in the matrices read last

    def refuse(self, message: str, *, line: int | None = None) -> NoReturn:
        raise FileFormatError(f"{self.path}, line {line or min(self.at + 1, len(self.lines))}: {message}")

    def block(self, rows: int, columns: int, expected: str) -> Float:
        """The next rows as an array of numbers."""
        words = [line.split() for line in islice(self.lines, self.at, self.at + rows)]
        for words_of_row in words:
            if len(words_of_row) != columns:
                self.refuse(f"{' '.join(words_of_row)[:80]!r}, expected {expected}")
            self.at += 1
        if len(words) < rows:
            self.refuse(f"the file ends, expected {expected}")
        try:
            numbers = np.array(words, dtype=np.float64)
        except ValueError:
            numbers = np.array([[_number(word) for word in row] for row in words])
        # NaN is not smaller than anything
        wrong = ~(np.abs(numbers) < ABSURD).all(axis=1)
        if wrong.any():
            row = int(np.argmax(wrong))
            self.refuse(f"{' '.join(words[row])[:80]!r}, expected {expected}", line=self.at - rows + row + 1)
        return numbers

    def integers(self, columns: int, expected: str) -> list[int]:
        numbers = self.block(1, columns, expected)[0]
        if (numbers != np.rint(numbers)).any() or np.abs(numbers).max(initial=0) > 1e6:
            self.at -= 1
            self.refuse(f"{self.lines[self.at].strip()!r}, expected {expected}")
        return [int(x) for x in numbers]

    def count(self, expected: str) -> int:
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
        """One n x n matrix of complex numbers or vectors for each R -> (R, 3), (R, n, n, components)."""
        # before memory is taken: is there as much to read?
        if cells * (n * n + 1) > len(self.lines) - self.at:
            self.refuse(f"{len(self.lines) - self.at} lines left, expected {cells} matrices of {n} x {n} lines")
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
            i, j = numbers[:, 0], numbers[:, 1]
            order = np.lexsort((i, j))
            if (np.sort(i + n * (j - 1)) != np.arange(1, n * n + 1)).any() or not ((i >= 1) & (i <= n)).all():
                self.refuse(f"indices of this matrix, expected each i, j = 1..{n} once", line=self.at - n * n + 1)
            entries = np.ascontiguousarray(numbers[order, 2:]).view(np.complex128)
            values[cell] = entries.reshape(n, n, components).swapaxes(0, 1)
        return found, values

    def skip_blank(self) -> None:
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1

    def end(self) -> None:
        self.skip_blank()
        if self.at < len(self.lines):
            self.refuse(f"{self.lines[self.at].strip()[:80]!r}, expected the end of the file")


def _number(word: str) -> float:
    """A number as Fortran writes it: 1.0D+00, and 1.0-100 where the exponent leaves no room for its letter."""
    try:
        return float(re.sub(r"(?<=[0-9.])([+-][0-9]{3})$", r"E\1", re.sub("[dD]", "E", word)))
    except ValueError:
        return float("nan")
