"""Models from and to the files of Wannier90: `_tb.dat`, and `_hr.dat` with the other files of the same seed."""

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
from adiabloch.io.hr_elements import read_hr_elements
from adiabloch.io.periodic_axes import checked_axes
from adiabloch.io.safe_open import COMPRESSED
from adiabloch.io.seed_files import PathLike, find_seed_file, read_cell, read_centres, translate_home_line
from adiabloch.io.spins import read_spin_of_seed
from adiabloch.io.text_lines import LineReader
from adiabloch.io.wannier_matrices import WannierMatrices
from adiabloch.io.wigner_seitz import WignerSeitzShifts
from adiabloch.models import TightBinding
from adiabloch.names import checked_call

ROUNDING = 2e-6
"""Difference between h(R) and h(-R)^dagger in eV allowed for the six decimals of `_hr.dat`."""


Spin = ArrayLike | Mapping[Any, ArrayLike] | bool
"""Spin operators, (3, n, n) or by translation; True for those in files of the same seed; or the order of the spins."""


@checked_call
def read_tb(
    path: PathLike,
    *,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    wsvec: PathLike | bool | None = None,
    spin: Spin | None = None,
) -> TightBinding:
    """Read a `_tb.dat` file of Wannier90, or of another program that writes this format.

    Lengths are in Angstrom, energies in eV. The matrices are divided by the degeneracies of the lattice vectors, and
    h(R) is averaged with h(-R)^dagger. The position matrix is averaged likewise; that of Wannier90 is Hermitian only up
    to the error of its finite differences. Of each pair R, -R one may be missing if all R lie on one side of the
    origin.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.
    dimension : int
        Number of dimensions: 3 by default; 2 for a slab, 1 for a chain, in vacuum, without hoppings through the
        vacuum. The result does not depend on which image of a function is in the home cell of the file. Positions
        along the non-periodic directions are dropped.
    axes : sequence of int, optional
        Lattice vectors along which the crystal is periodic: (0, 1) for a slab with the vacuum along the third vector,
        (2,) for a chain along the third vector; by default those along which there are hoppings. They must span as
        many Cartesian axes. These are renamed cyclically in the model: y, z of a slab become x, y, and z of a chain
        becomes x.
    wsvec : path-like or False, optional
        The `_wsvec.dat` file with the images of the Wannier functions to which the hoppings lead; by default that of
        the same seed in the same folder, if it exists. False leaves it out.
    spin : array_like of shape (3, n, n), mapping {R: (3, n, n) array_like}, True, "interleaved" or "blocks", optional
        Spin operators in units of hbar, which the format does not contain. True takes them from SEED.chk (or
        SEED.chk.fmt) and SEED.spn in the same folder, as `read_spin` does, but on the R of the file. "interleaved" is
        for functions up, down, up, down, ... of pure spin along z, "blocks" for all up, then all down.

    Returns
    -------
    TightBinding

    Raises
    ------
    FileFormatError
        The file is malformed; the message names the file, the line, and the expected content.

    Warns
    -----
    AccuracyWarning
        The position matrix is so far from Hermitian that its elements between functions are doubtful; the message
        states the difference in Angstrom.
    """
    count, axes = checked_axes(dimension, axes)
    model = read_tb_matrices(path, wsvec, spin is True).model(count, None if isinstance(spin, bool) else spin, axes)
    assert model.position_matrix is not None
    return model


@checked_call
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
    """Read a `_hr.dat` file of Wannier90, with centres, cell and Wigner-Seitz vectors from files of the same seed.

    Lengths are in Angstrom, energies in eV. These files contain no position matrix: the Wannier functions are treated
    as points at their centres. Read the `_tb.dat` file instead if it exists.

    The format is that of Fortran programs: comments may follow the counts, lines may be blank, and the elements of an
    R may be in any order. Zeros may be left out, except those with a nonzero Hermitian partner in the file. Of each
    pair R, -R one may be missing if all R lie on one side of the origin. R = 0 must be present. Sparse files of
    WannierTools, which state the number of elements first and no degeneracies, are recognized.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz, as all files here.
    centres : path-like or array_like of shape (n, 3), optional
        A `_centres.xyz` file, or Cartesian centres; by default SEED_centres.xyz in the folder of SEED_hr.dat.
    cell : path-like or array_like of shape (3, 3), optional
        A `.win` or `.wout` file, or lattice vectors as rows; by default SEED.win or SEED.wout in the same folder.
    dimension, axes, wsvec, spin
        As for `read_tb`.

    Returns
    -------
    TightBinding

    Raises
    ------
    FileFormatError
        A file is missing, is malformed, or belongs to another calculation than the others (mixed seeds); the message
        names the file, the line, and the expected content.

    Warns
    -----
    AccuracyWarning
        The degeneracies are not those of Wannier90, although the hoppings divided by them are Hermitian.
    """
    count, axes = checked_axes(dimension, axes)
    contents = read_hr_matrices(path, centres, cell, wsvec, spin is True)
    return contents.model(count, None if isinstance(spin, bool) else spin, axes)


@checked_call
def write_tb(model: TightBinding, path: str | os.PathLike[str]) -> Path:
    """Write a model to a `_tb.dat` file, completely or not at all.

    One- and two-dimensional models get lattice vectors of unit length along the missing axes. Spin operators are not
    written, because the format does not contain them.

    Parameters
    ----------
    model : TightBinding
        The position matrix is written; that of a model without one is diagonal, with
        the positions of the orbitals.
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The argument is not a model.
    FileWriteError
        The file cannot be written; an existing file is unchanged.
    """
    if not isinstance(model, TightBinding):
        raise InvalidArgumentError(f"write_tb: expected a model, got {type(model).__name__}")
    d, n = model.lattice.dimension, model.size
    vectors = np.eye(3)
    vectors[:d, :d] = model.lattice.vectors
    cells = np.zeros((len(model.translations), 3), dtype=np.int64)
    cells[:, :d] = model.translations
    positions = np.zeros((len(cells), n, n, 3), dtype=np.complex128)
    if model.position_matrix is not None:
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
    """Write a matrix for each R, with R on a line of its own above the matrix."""
    n, components = matrices.shape[-2:]
    j, i = (index.ravel() + 1 for index in np.indices((n, n)))
    for R, matrix in zip(cells, matrices, strict=True):
        file.write("\n{:5d}{:5d}{:5d}\n".format(*R))
        numbers = np.ascontiguousarray(matrix.swapaxes(0, 1).reshape(n * n, components)).view(np.float64)
        np.savetxt(file, np.column_stack([i, j, numbers]), fmt=["%5d", "%5d", *["%24.16e"] * (2 * components)])


def read_tb_matrices(path: PathLike, wsvec: PathLike | bool | None = None, spin: bool = False) -> WannierMatrices:
    """Read the matrices of a `_tb.dat` file (see `read_tb`); with `spin`, also the spin from files of the same seed."""
    file = LineReader(path)
    file.make_plain(range(1, min(4, len(file.lines))))
    if [len(line.split()) for line in file.lines[1:3]] == [1, 1]:
        file.refuse("a number alone, expected the first lattice vector: a _hr.dat file? read it with read_hr")
    vectors = file.read_rows(3, 3, "a lattice vector, three numbers")
    size = file.read_count("the number of Wannier functions")
    cells = file.read_count("the number of lattice vectors R")
    weights = file.read_degeneracies(cells)
    given, matrices = file.read_matrices(size, cells, 1)
    degenerate = weights[:, None, None, None]
    translations, hoppings, h_defect = hermitian_hoppings(given, matrices / degenerate, "h", _refuse_at_R(file))
    _check_cells(file, given, weights)
    _, matrices = file.read_matrices(size, cells, 3, given)
    _, positions, r_defect = hermitian_positions(
        given, matrices / degenerate, vectors, "r", _refuse_at_R(file), str(file.path)
    )
    file.require_end()
    home = np.flatnonzero((translations == 0).all(axis=1))
    centres = np.diagonal(positions[home[0]]).real.T
    spins = read_spin_of_seed(file, "_tb.dat", translations, vectors, centres) if spin else None
    shifts = _shifts(file, "_tb.dat", wsvec, translations, size)
    sources = [file.path]
    if shifts is not None:
        shifts.check_lengths(vectors, centres, file.path)
        translations, (shared, positions_, spins) = shifts.distribute(hoppings, positions, spins)
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


def read_hr_matrices(
    path: PathLike,
    centres: PathLike | ArrayLike | None = None,
    cell: PathLike | ArrayLike | None = None,
    wsvec: PathLike | bool | None = None,
    spin: bool = False,
) -> WannierMatrices:
    """Read the matrices of a `_hr.dat` file and the files of its seed (see `read_hr`); with `spin`, also the spin."""
    file = LineReader(path)
    if [len(line.split()) for line in file.lines[1:4]] == [3, 3, 3]:
        file.refuse("three numbers, expected the number of Wannier functions: a _tb.dat file? read it with read_tb")
    size, given, weights, matrices = read_hr_elements(file)
    translations, hoppings, defect = hermitian_hoppings(
        given, matrices / weights[:, None, None, None], "h", _refuse_at_R(file), ROUNDING
    )
    _check_cells(file, given, weights)
    sources = [file.path]
    vectors, refuse_cell = _cell(file, cell, size, sources)
    found_centres, stated = _centres(file, centres, size, sources)
    spins = read_spin_of_seed(file, "_hr.dat", translations, vectors, found_centres) if spin else None
    shifts = _shifts(file, "_hr.dat", wsvec, translations, size)
    if shifts is not None:
        if stated is not None:
            shifts.check_lengths(vectors, found_centres, stated)
        translations, (shared, spins) = shifts.distribute(hoppings, spins)
        assert shared is not None
        hoppings = shared
        sources.append(shifts.file.path)
    return WannierMatrices(
        vectors,
        found_centres,
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
    """Read the lattice vectors, (3, 3); the second value is a function that raises an error about them."""
    if cell is None:
        cell = find_seed_file(file.path, "_hr.dat", (".win", ".wout"))
        if cell is None:
            raise FileFormatError(
                f"{file.path}: has no lattice vectors, and neither SEED.win nor SEED.wout is in the same folder; "
                "expected cell = a file, or the vectors"
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
    """Read the centres, (n, 3); the second value is their file, None for an array."""
    if centres is None:
        centres = find_seed_file(file.path, "_hr.dat", "_centres.xyz")
        if centres is None:
            raise FileFormatError(
                f"{file.path}: has no centres, and SEED_centres.xyz is not in the same folder; expected centres = a "
                "file, or the centres"
            )
    if not isinstance(centres, str | os.PathLike):
        return checked(centres, "centres", (size, 3)), None
    sources.append(Path(centres))
    win = find_seed_file(centres, "_centres.xyz", ".win")
    line = None if win is None else translate_home_line(win)
    if line is not None:
        raise FileFormatError(
            f"{win}, line {line}: translate_home_cell moved the centres written to {centres} but not the hoppings, "
            "expected the centres that belong to the hoppings, as listed in the .wout file: give them as an array"
        )
    return read_centres(centres, size, file.path), Path(centres)


def _shifts(
    file: LineReader, ending: str, wsvec: PathLike | bool | None, translations: Integer, size: int
) -> WignerSeitzShifts | None:
    """Read the Wigner-Seitz vectors from the file given, or from that of the same seed; None without a file."""
    if wsvec is False:
        return None
    found = find_seed_file(file.path, ending, "_wsvec.dat") if wsvec is None or wsvec is True else Path(wsvec)
    if found is None:
        if wsvec is True:
            raise FileFormatError(
                f"{file.path}: SEED_wsvec.dat is not in the same folder, expected one for wsvec = True"
            )
        return None
    return WignerSeitzShifts(found, translations, size, file.path)


def _check_cells(file: LineReader, translations: Integer, weights: Integer) -> None:
    """Check that R = 0 is present and that the inverse degeneracies add up to the number of k points."""
    if translations.any(axis=1).all():
        file.refuse("R = (0, 0, 0) is missing, expected it among the lattice vectors", line=file.matrix_lines[0])
    of = dict(zip(map(tuple, translations.tolist()), weights.tolist(), strict=True))
    alike = all(of.get(tuple(-x for x in R), weight) == weight for R, weight in of.items())
    # a missing -R has the degeneracy of R
    total = sum((1 if tuple(-x for x in R) in of else 2) / weight for R, weight in of.items())
    if abs(total - round(total)) <= 1e-6:
        return
    problem = f"the inverses of the degeneracies add up to {total:.6g}"
    if alike:
        file.refuse(
            f"{problem}, expected a whole number, that of the k points: a degeneracy is wrong, or lattice vectors are "
            "missing; if these were left out on purpose, divide the matrices by their degeneracies and write 1",
            line=file.degeneracy_line,
        )
    warn(
        f"{file.path}, line {file.degeneracy_line}: {problem} and those of R and -R differ, unlike those of Wannier90, "
        "whose inverses add up to the number of k points; matrices are divided by them"
    )


def _sampled(translations: Integer) -> frozenset[int]:
    """Lattice vectors along which some R is nonzero, before the Wigner-Seitz shifts: more than one k point."""
    return frozenset(np.flatnonzero(translations.any(axis=0)).tolist())


def _refuse_at_R(file: LineReader) -> Callable[[str, int], NoReturn]:
    """Function that raises an error about a matrix, with the line of its R."""
    heads = file.matrix_lines

    def refuse(message: str, number: int) -> NoReturn:
        file.refuse(message, line=heads[number])

    return refuse
