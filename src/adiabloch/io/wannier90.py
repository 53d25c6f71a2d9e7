"""Wannier functions from and to the files of Wannier90: `_tb.dat`, and `_hr.dat` with what lies beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import FileFormatError, InvalidArgumentError, warn
from adiabloch.files import atomic_write, checked_path
from adiabloch.io.hermiticity import hermitian_hoppings, hermitian_positions
from adiabloch.io.periodic_axes import checked_axes
from adiabloch.io.safe_open import COMPRESSED
from adiabloch.io.seed_files import PathLike, beside, read_cell, read_centres, translated_home
from adiabloch.io.spins import spin_beside
from adiabloch.io.text_lines import LineReader
from adiabloch.io.wannier_matrices import WannierMatrices
from adiabloch.io.wigner_seitz import WignerSeitzShifts
from adiabloch.models import TightBinding, WannierModel

ROUNDING = 2e-6
"""How far h(R) and h(-R)^dagger of `_hr.dat` may be apart besides, in eV: it has six decimals."""


Spin = ArrayLike | Mapping[Any, ArrayLike] | bool
"""Spin operators that are given, (3, n, n) or by translation; True for those in files of the same seed."""


def read_tb(
    path: PathLike,
    *,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    wsvec: PathLike | bool | None = None,
    spin: Spin | None = None,
) -> WannierModel:
    """Read a `_tb.dat` file of Wannier90, or of another program that writes them.

    Lengths are in Angstrom, energies in eV. The degeneracy weights of the lattice vectors are divided out, and
    h(R) is averaged with h(-R)^dagger; likewise the position matrix, which Wannier90 makes Hermitian only up to the
    error of its finite differences. Of R and -R one may be missing, if all that are there lie on one side.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.
    dimension : int
        3 by default. 2 for a slab, 1 for a chain, in vacuum: nothing may hop through it. Which copy of a function the
        file has in the home cell does not matter. Positions across are dropped.
    axes : sequence of int, optional
        The lattice vectors along which the crystal repeats, (0, 1) for a slab whose third one leads through the
        vacuum, (2,) for a chain along the third one; by default those along which something hops. They must lie along
        as many Cartesian axes, which the model counts anew and in turn: y, z of a slab across x become x, y, and z
        becomes x in a chain.
    wsvec : path-like or False, optional
        The `_wsvec.dat` file that says to which images of a Wannier function its hoppings go; by default the one
        beside SEED_tb.dat if there is one. False leaves it out.
    spin : array_like of shape (3, n, n), mapping {R: (3, n, n) array_like}, or True, optional
        Spin operators in units of hbar, which the format does not hold; True takes them from SEED.chk (or SEED.chk.fmt)
        and SEED.spn beside the file, as `read_spin` does, on its own R.

    Returns
    -------
    WannierModel

    Raises
    ------
    FileFormatError
        If the file is not what it should be; the message names the file, the line, and what was expected.

    Warns
    -----
    AccuracyWarning
        The position matrix is so far from Hermitian that its elements between functions are in doubt; the message says
        by how much, in Angstrom.
    """
    count, axes = checked_axes(dimension, axes)
    model = tb_contents(path, wsvec, spin is True).model(count, None if isinstance(spin, bool) else spin, axes)
    assert isinstance(model, WannierModel)
    return model


def read_hr(
    path: PathLike,
    *,
    centres: PathLike | ArrayLike | None = None,
    cell: PathLike | ArrayLike | None = None,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    wsvec: PathLike | bool | None = None,
    spin: Spin | None = None,
) -> TightBinding:
    """Read a `_hr.dat` file of Wannier90, with centres, cell and Wigner-Seitz vectors from the files beside it.

    Lengths are in Angstrom, energies in eV. There is no position matrix in these files: Wannier functions count as
    points at their centres. Read the `_tb.dat` file instead if there is one.

    The file is read as Fortran programs read it: comments behind the counts, blank lines, the elements of an R in any
    order. Zeros may be left out, and of R and -R one, if all that are there lie on one side; R = 0 must be there. What
    has a Hermitian partner in the file cannot be missing.

    Parameters
    ----------
    path : path-like
        Like all files here, compressed if the name ends in .gz, .bz2 or .xz.
    centres : path-like or array_like of shape (n, 3), optional
        A `_centres.xyz` file, or Cartesian centres; by default SEED_centres.xyz beside SEED_hr.dat.
    cell : path-like or array_like of shape (3, 3), optional
        A `.win` or `.wout` file, or lattice vectors as rows; by default SEED.win or SEED.wout beside SEED_hr.dat.
    dimension, axes
        As for `read_tb`.
    wsvec : path-like or False, optional
        As for `read_tb`.
    spin : array_like of shape (3, n, n), mapping {R: (3, n, n) array_like}, or True, optional
        Spin operators in units of hbar, which the format does not hold; True takes them from SEED.chk (or SEED.chk.fmt)
        and SEED.spn beside the file, as `read_spin` does, on its own R.

    Returns
    -------
    TightBinding

    Raises
    ------
    FileFormatError
        If a file is missing, is not what it should be, or belongs to other files than the rest (mixed seeds); the
        message names the file, the line, and what was expected.

    Warns
    -----
    AccuracyWarning
        Degeneracies that are not those of Wannier90, by which the hoppings are Hermitian all the same.
    """
    count, axes = checked_axes(dimension, axes)
    contents = hr_contents(path, centres, cell, wsvec, spin is True)
    return contents.model(count, None if isinstance(spin, bool) else spin, axes)


def write_tb(model: TightBinding, path: str | os.PathLike[str]) -> Path:
    """Write a model as a `_tb.dat` file, whole or not at all.

    One- and two-dimensional models get lattice vectors of unit length along the missing axes. The format has no room
    for spin operators.

    Parameters
    ----------
    model : TightBinding
        A `WannierModel` with its position matrix; the orbitals of any other model sit where they are.
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.

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
    target = checked_path(path)
    with atomic_write(target) as name, COMPRESSED.get(target.suffix, open)(name, "wt", encoding="ascii") as file:
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


def tb_contents(path: PathLike, wsvec: PathLike | bool | None = None, spin: bool = False) -> WannierMatrices:
    """What is in a `_tb.dat` file (see `read_tb`), with `spin` in those beside it too."""
    file = LineReader(path)
    if [len(line.split()) for line in file.lines[1:3]] == [1, 1]:
        file.refuse("a number alone, expected the first lattice vector: a _hr.dat file? read it with read_hr")
    vectors = file.read_rows(3, 3, "a lattice vector, three numbers")
    size = file.read_count("the number of Wannier functions")
    cells = file.read_count("the number of lattice vectors R")
    weights = file.read_degeneracies(cells)
    given, matrices = file.read_matrices(size, cells, 1)
    degenerate = weights[:, None, None, None]
    translations, hoppings, h_defect = hermitian_hoppings(given, matrices / degenerate, "h", _at_head(file))
    _check_cells(file, given, weights)
    _, matrices = file.read_matrices(size, cells, 3, given)
    _, positions, r_defect = hermitian_positions(
        given, matrices / degenerate, vectors, "r", _at_head(file), str(file.path)
    )
    file.require_end()
    home = np.flatnonzero((translations == 0).all(axis=1))
    centres = np.diagonal(positions[home[0]]).real.T
    spins = spin_beside(file, "_tb.dat", translations, vectors, centres) if spin else None
    shifts = _shifts(file, "_tb.dat", wsvec, translations, size)
    sources = [file.path]
    if shifts is not None:
        shifts.check_lengths(vectors, centres, file.path)
        translations, (shared, positions_, spins) = shifts.shared(hoppings, positions, spins)
        sources.append(shifts.file.path)
        assert shared is not None
        assert positions_ is not None
        hoppings, positions = shared, positions_
    return WannierMatrices(
        vectors,
        centres,
        translations,
        hoppings,
        positions,
        {"h": h_defect, "r": r_defect},
        tuple(sources),
        file.refuse,
        partial(file.refuse, line=2),
        spins,
        _sampled(given),
    )


def hr_contents(
    path: PathLike,
    centres: PathLike | ArrayLike | None = None,
    cell: PathLike | ArrayLike | None = None,
    wsvec: PathLike | bool | None = None,
    spin: bool = False,
) -> WannierMatrices:
    """What is in a `_hr.dat` file and those beside it (see `read_hr`), with `spin` in those of the spin too."""
    file = LineReader(path)
    if [len(line.split()) for line in file.lines[1:4]] == [3, 3, 3]:
        file.refuse("three numbers, expected the number of Wannier functions: a _tb.dat file? read it with read_tb")
    size = file.read_count("the number of Wannier functions")
    cells = file.read_count("the number of lattice vectors R")
    weights = file.read_degeneracies(cells, more=True)
    given, matrices = file.read_elements(size, cells)
    if len(given) < cells and (weights != weights[0]).any():
        file.refuse(
            f"{len(given)} lattice vectors, expected {cells}: their degeneracies differ, and which of them are left "
            "out as zero is not told"
        )
    weights = weights[: len(given)]
    translations, hoppings, defect = hermitian_hoppings(
        given, matrices / weights[:, None, None, None], "h", _at_head(file), ROUNDING
    )
    _check_cells(file, given, weights)
    sources = [file.path]
    vectors, refuse_cell = _cell(file, cell, size, sources)
    places, stated = _centres(file, centres, size, sources)
    spins = spin_beside(file, "_hr.dat", translations, vectors, places) if spin else None
    shifts = _shifts(file, "_hr.dat", wsvec, translations, size)
    if shifts is not None:
        if stated is not None:
            shifts.check_lengths(vectors, places, stated)
        translations, (shared, spins) = shifts.shared(hoppings, spins)
        assert shared is not None
        hoppings = shared
        sources.append(shifts.file.path)
    return WannierMatrices(
        vectors,
        places,
        translations,
        hoppings,
        None,
        {"h": defect},
        tuple(sources),
        file.refuse,
        refuse_cell,
        spins,
        _sampled(given),
    )


def _cell(
    file: LineReader, cell: PathLike | ArrayLike | None, size: int, sources: list[Path]
) -> tuple[Float, Callable[[str], NoReturn]]:
    """Lattice vectors (3, 3), and what refuses them."""
    if cell is None:
        cell = beside(file.path, "_hr.dat", ".win") or beside(file.path, "_hr.dat", ".wout")
        if cell is None:
            raise FileFormatError(
                f"{file.path}: has no lattice vectors, and neither SEED.win nor SEED.wout lies beside it; expected "
                "cell = a file, or the vectors"
            )
    if isinstance(cell, str | os.PathLike):
        sources.append(Path(cell))
        return read_cell(cell, size, file.path)

    def refuse(message: str) -> NoReturn:
        raise InvalidArgumentError(f"cell: {message}")

    return checked(cell, "cell", (3, 3)), refuse


def _centres(
    file: LineReader, centres: PathLike | ArrayLike | None, size: int, sources: list[Path]
) -> tuple[Float, Path | None]:
    """Centres (n, 3) and the file they are from."""
    if centres is None:
        centres = beside(file.path, "_hr.dat", "_centres.xyz")
        if centres is None:
            raise FileFormatError(
                f"{file.path}: has no centres, and SEED_centres.xyz does not lie beside it; expected centres = a "
                "file, or the centres"
            )
    if not isinstance(centres, str | os.PathLike):
        return checked(centres, "centres", (size, 3)), None
    sources.append(Path(centres))
    win = beside(centres, "_centres.xyz", ".win")
    line = None if win is None else translated_home(win)
    if line is not None:
        raise FileFormatError(
            f"{win}, line {line}: translate_home_cell moved the centres written to {centres} but not the hoppings, "
            "expected centres where the hoppings put them, as the .wout file lists them: give them as an array"
        )
    return read_centres(centres, size, file.path), Path(centres)


def _shifts(
    file: LineReader, ending: str, wsvec: PathLike | bool | None, translations: Integer, size: int
) -> WignerSeitzShifts | None:
    """The translations in the file given, or in the one beside, if any."""
    if wsvec is False:
        return None
    found = beside(file.path, ending, "_wsvec.dat") if wsvec is None or wsvec is True else Path(wsvec)
    if found is None:
        if wsvec is True:
            raise FileFormatError(f"{file.path}: no SEED_wsvec.dat lies beside it, expected one for wsvec = True")
        return None
    return WignerSeitzShifts(found, translations, size, file.path)


def _check_cells(file: LineReader, translations: Integer, weights: Integer) -> None:
    """R = 0 is there, and the degeneracies are those of all lattice vectors of a supercell."""
    if translations.any(axis=1).all():
        file.refuse("R = (0, 0, 0) is missing, expected it among the lattice vectors", line=file.matrix_lines[0])
    of = dict(zip(map(tuple, translations.tolist()), weights.tolist(), strict=True))
    alike = all(of.get(tuple(-x for x in R), weight) == weight for R, weight in of.items())
    # -R that are not listed are as degenerate
    total = sum((1 if tuple(-x for x in R) in of else 2) / weight for R, weight in of.items())
    if abs(total - round(total)) <= 1e-6:
        return
    problem = f"the inverses of the degeneracies add up to {total:.6g}"
    if alike:
        file.refuse(
            f"{problem}, expected a whole number, that of the k points: a wrong degeneracy, or lattice vectors that "
            "are missing; if these were left out on purpose, divide the matrices by their degeneracies and write 1",
            line=file.degeneracy_line,
        )
    warn(
        f"{file.path}, line {file.degeneracy_line}: {problem} and those of R and -R differ, not as those of Wannier90, "
        "which add up to the number of k points; matrices are divided by them"
    )


def _sampled(translations: Integer) -> frozenset[int]:
    """Lattice vectors along which there is an R before it is shared by copies: more than one k point."""
    return frozenset(np.flatnonzero(translations.any(axis=0)).tolist())


def _at_head(file: LineReader) -> Callable[[str, int], NoReturn]:
    """What refuses a matrix by the line where its R stands."""
    heads = file.matrix_lines

    def refuse(message: str, number: int) -> NoReturn:
        file.refuse(message, line=heads[number])

    return refuse
