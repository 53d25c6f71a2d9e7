"""Spin operators of Wannier functions, from the checkpoint of Wannier90 and the spin of the bands (`SEED.spn`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.io.checkpoint import Checkpoint, read_checkpoint
from adiabloch.io.fortran_records import FortranRecords, is_text
from adiabloch.io.periodic_axes import checked_axes, right_handed_order
from adiabloch.io.seed_files import CHECKPOINT_ENDINGS, PathLike, find_seed_file
from adiabloch.io.text_lines import LineReader
from adiabloch.io.wannier_matrices import NEGLIGIBLE
from adiabloch.linalg import dagger
from adiabloch.models.hoppings import Translation
from adiabloch.models.nearest_images import NearestImages, mesh_fourier_transform
from adiabloch.names import checked_call

LARGEST_PAULI = 1.1
"""Largest element of a Pauli matrix between bands; the norm of pseudo wave functions may deviate from 1."""
LENGTH_TOLERANCE = 1e-3
"""Largest difference in Angstrom between equal centres, or equal lattice vectors."""


@checked_call
def read_spin(
    checkpoint: PathLike, spn: PathLike, *, dimension: int | None = None, axes: Sequence[int] | None = None
) -> dict[Translation, Complex]:
    r"""Read spin operators of Wannier functions, for `spin=` of a model.

    .. math:: \langle 0 i | S | R j \rangle = \frac{1}{N} \sum_k e^{-i k \cdot R} [V(k)^\dagger S(k) V(k)]_{ij}

    with S(k) the spin matrices between the bands of a calculation and V(k) the matrices that define the Wannier
    functions, both on the N points k of the mesh. The R are those of the Wigner-Seitz supercell; elements are divided
    equally among equally near R.

    Parameters
    ----------
    checkpoint : path-like
        `SEED.chk` of Wannier90, or the `SEED.chk.fmt` that w90chk2chk makes of it.
    spn : path-like
        `SEED.spn` of pw2wannier90 or similar programs, binary or formatted.
    dimension, axes
        As for `read_tb`, but by default the first lattice vectors are taken. The components of the spin are those of
        the file, as `read_tb` expects them with the same `axes`.

    Returns
    -------
    dict {R: complex array, shape (3, n, n)}
        Spin operators in units of hbar. `read_tb(path, spin=True)` uses the R of its own file instead, and its
        `_wsvec.dat`.

    Raises
    ------
    FileFormatError
        A file is malformed or belongs to another calculation; the message names the file, the location, and the
        expected content.
    """
    count, axes = checked_axes(dimension, axes)
    kept = list(right_handed_order(axes or range(count)))
    across = [axis for axis in range(3) if axis not in kept]
    functions = read_checkpoint(checkpoint)
    images = NearestImages(functions.vectors, functions.mesh, np.zeros((1, 3)), tie=1e-5)
    cells, spins = images.translations, images.by_translation(spin_of_states(functions, spn), functions.points)
    inside = (cells[:, across] == 0).all(axis=1)
    beyond = float(np.abs(spins[~inside]).max(initial=0.0))
    if beyond > NEGLIGIBLE * float(np.abs(spins).max()):
        raise FileFormatError(
            f"{checkpoint}: spin up to {beyond:.1e} leaves the {count} dimensions asked for, expected none"
        )
    found = zip(cells[inside][:, kept], np.moveaxis(spins[inside], 3, 1), strict=True)
    return {tuple(map(int, R)): S for R, S in found}


def read_spin_of_seed(file: LineReader, ending: str, translations: Integer, vectors: Float, centres: Float) -> Complex:
    """Read spin operators on the translations of a file, from the checkpoint and `SEED.spn` in the same folder.

    Parameters
    ----------
    file : LineReader
        SEED + ending.
    ending : str
        "_tb.dat" or "_hr.dat".
    translations : int array, shape (R, 3)
        Lattice vectors of the file.
    vectors, centres : float array
        Lattice vectors and centres, which must agree with those of the checkpoint.

    Returns
    -------
    complex array, shape (R, n, n, 3)
        Spin operators in units of hbar.
    """
    chk = find_seed_file(file.path, ending, CHECKPOINT_ENDINGS)
    spn = find_seed_file(file.path, ending, ".spn")
    if chk is None or spn is None:
        raise FileFormatError(
            f"{file.path}: SEED.chk (or SEED.chk.fmt) and SEED.spn are not both in the same folder, expected them for "
            "spin = True"
        )
    functions = read_checkpoint(chk)
    n = functions.states.shape[2]
    if n != len(centres):
        _refuse(chk, f"{n} Wannier functions, expected {len(centres)} as in {file.path}: mixed seeds?")
    for found, wanted, name in (
        (functions.vectors, vectors, "lattice vectors"),
        (functions.centres, centres, "centres"),
    ):
        apart = float(np.abs(found - wanted).max())
        if apart > LENGTH_TOLERANCE:
            _refuse(
                chk, f"{name} up to {apart:.1e} Angstrom from those of {file.path}, expected the same: mixed seeds?"
            )
    covered = len(np.unique(translations % functions.mesh, axis=0))
    if covered != len(functions.points):
        _refuse(
            chk,
            f"a mesh of {functions.mesh}, of whose supercell the R of {file.path} cover {covered} of "
            f"{len(functions.points)} cells, expected all: mixed seeds?",
        )
    return _fourier_by_cell(functions, spin_of_states(functions, spn), translations)


def spin_of_states(functions: Checkpoint, spn: PathLike) -> Complex:
    """Spin operators V^dagger S V at each point of the mesh, (K, n, n, 3), in units of hbar."""
    points, bands, _ = functions.states.shape
    read = _spin_of_text if is_text(spn) else _spin_of_records
    elements = np.moveaxis(read(spn, points, bands, functions.path), 2, 0)
    # the file stores the upper triangle column by column
    columns, rows = np.tril_indices(bands)
    upper = np.zeros((3, points, bands, bands), dtype=np.complex128)
    upper[:, :, rows, columns] = elements
    imaginary = float(np.abs(np.einsum("skii->ski", upper).imag).max())
    if imaginary > 1e-6:
        _refuse(spn, f"imaginary parts of diagonal elements up to {imaginary:.1e}, expected real elements")
    spins = upper + dagger(np.triu(upper, 1))
    V = functions.states
    return np.ascontiguousarray(np.moveaxis(0.5 * dagger(V) @ spins @ V, 0, 3))


def _fourier_by_cell(functions: Checkpoint, values: Complex, cells: Integer) -> Complex:
    """Fourier transform of matrices (K, ...) on the mesh to cells R, (R, ...).

    The value is divided equally among cells that differ by a vector of the superlattice.
    """
    _, same, count = np.unique(cells % functions.mesh, axis=0, return_inverse=True, return_counts=True)
    shares = 1.0 / count[same.ravel()].reshape(-1, *[1] * (values.ndim - 1))
    return shares * mesh_fourier_transform(values, functions.points, cells)


def _spin_of_records(path: PathLike, points: int, bands: int, owner: Path) -> Complex:
    """Read the upper triangles of the Pauli matrices from a binary file, (K, M (M + 1)/2, 3)."""
    with FortranRecords(path) as file:
        file.read_record("a title of 60 characters")
        found = file.read_array("i4", 2, "numbers of bands and of k points")
        if found.tolist() != [bands, points]:
            file.refuse(_size_mismatch(found.tolist(), bands, points, owner))
        size, expected = bands * (bands + 1) // 2, "Pauli matrices between the bands"
        pauli = np.empty((points, size, 3), dtype=np.complex128)
        for point in range(points):
            pauli[point] = file.read_array("c16", 3 * size, expected).reshape(size, 3)
            largest = float(np.abs(pauli[point].view(np.float64)).max())
            if largest > LARGEST_PAULI:
                file.refuse(f"up to {largest:.3g}, expected {expected}, none above 1")
    return pauli


def _spin_of_text(path: PathLike, points: int, bands: int, owner: Path) -> Complex:
    """Read the upper triangles of the Pauli matrices from a formatted file, (K, M (M + 1)/2, 3)."""
    file = LineReader(path)
    found = file.read_integers(2, "numbers of bands and of k points")
    if found != [bands, points]:
        file.refuse(_size_mismatch(found, bands, points, owner), line=file.position)
    size, expected, first = bands * (bands + 1) // 2, "an element of a Pauli matrix, two numbers", file.position
    file.require_lines(3 * size * points, f"{expected} on {3 * size * points}")
    numbers = file.read_rows(3 * size * points, 2, expected)
    file.require_end()
    large = (np.abs(numbers) > LARGEST_PAULI).any(axis=1)
    if large.any():
        file.refuse(f"expected {expected}, none above 1", line=first + int(np.argmax(large)) + 1)
    return numbers.view(np.complex128).reshape(points, size, 3)


def _size_mismatch(found: list[int], bands: int, points: int, owner: Path) -> str:
    return f"{found[0]} bands, {found[1]} k points, expected {bands} and {points} as in {owner}: mixed seeds?"


def _refuse(path: PathLike, message: str) -> NoReturn:
    raise FileFormatError(f"{path}: {message}")
