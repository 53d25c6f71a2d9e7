"""Spin of Wannier functions: from the checkpoint of Wannier90 and the spin of the bands they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.io.checkpoint import Checkpoint, read_checkpoint
from adiabloch.io.contents import NEGLIGIBLE, checked_axes, in_turn
from adiabloch.io.lines import Lines
from adiabloch.io.records import Records, is_text
from adiabloch.io.seeds import PathLike, beside
from adiabloch.linalg import dagger
from adiabloch.models.hoppings import Translation
from adiabloch.models.nearest_images import NearestImages, mesh_fourier_transform

LARGEST = 1.1
"""What an element of a Pauli matrix between bands cannot exceed: 1, up to what pseudopotentials leave out."""
APART = 1e-3
"""Angstrom between centres, or lattice vectors, that are the same."""


def read_spin(
    checkpoint: PathLike, spn: PathLike, *, dimension: int | None = None, axes: Sequence[int] | None = None
) -> dict[Translation, Complex]:
    r"""Spin operators of Wannier functions, for `spin=` of a model.

    .. math:: \langle 0 i | S | R j \rangle = \frac{1}{N} \sum_k e^{-i k \cdot R} [V(k)^\dagger S(k) V(k)]_{ij}

    with S(k) between the bands of a calculation and V(k) the states that the functions are made of, both on its N
    points k; on the cells R of the Wigner-Seitz supercell, shared where several are equally near.

    Parameters
    ----------
    checkpoint : path-like
        `SEED.chk` of Wannier90, or what w90chk2chk makes of it, `SEED.chk.fmt`.
    spn : path-like
        `SEED.spn` of pw2wannier90 or its like, binary or formatted.
    dimension, axes
        As for `read_tb`, but that the first lattice vectors are taken unless others are given. The components of the
        spin are those of the file, as `read_tb` takes them with the same `axes`.

    Returns
    -------
    dict {R: complex array, shape (3, n, n)}
        In units of hbar. `read_tb(path, spin=True)` takes its own R instead, and its `_wsvec.dat`.

    Raises
    ------
    FileFormatError
        A file that is not what it should be, or belongs to another calculation; the message names the file, where,
        and what was expected.
    """
    count, axes = checked_axes(dimension, axes)
    kept = list(in_turn(axes or range(count)))
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


def spin_beside(file: Lines, ending: str, translations: Integer, vectors: Float, centres: Float) -> Complex:
    """Spin operators (R, n, n, 3) in units of hbar on the translations of a file, from those of the same seed.

    Parameters
    ----------
    file : Lines
        SEED + ending.
    ending : str
        "_tb.dat" or "_hr.dat".
    translations : int array, shape (R, 3)
    vectors, centres : float array
        By which a checkpoint of other functions is told.
    """
    chk = beside(file.path, ending, ".chk") or beside(file.path, ending, ".chk.fmt")
    spn = beside(file.path, ending, ".spn")
    if chk is None or spn is None:
        raise FileFormatError(
            f"{file.path}: SEED.chk (or SEED.chk.fmt) and SEED.spn do not both lie beside it, expected them for "
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
        if apart > APART:
            _refuse(
                chk, f"{name} up to {apart:.1e} Angstrom from those of {file.path}, expected the same: mixed seeds?"
            )
    covered = len(np.unique(translations % functions.mesh, axis=0))
    if covered != len(functions.points):
        _refuse(
            chk,
            f"a mesh of {functions.mesh}, whose supercell the R of {file.path} fill to {covered} of "
            f"{len(functions.points)} cells, expected all: mixed seeds?",
        )
    return by_cell(functions, spin_of_states(functions, spn), translations)


def spin_of_states(functions: Checkpoint, spn: PathLike) -> Complex:
    """V^dagger S V at each point of the mesh, (K, n, n, 3), in units of hbar."""
    points, bands, _ = functions.states.shape
    read = _spin_of_text if is_text(spn) else _spin_of_records
    elements = np.moveaxis(read(spn, points, bands, functions.path), 2, 0)
    # column by column, down to the diagonal
    columns, rows = np.tril_indices(bands)
    upper = np.zeros((3, points, bands, bands), dtype=np.complex128)
    upper[:, :, rows, columns] = elements
    imaginary = float(np.abs(np.einsum("skii->ski", upper).imag).max())
    if imaginary > 1e-6:
        _refuse(spn, f"elements of bands with themselves up to {imaginary:.1e} i, expected real ones")
    spins = upper + dagger(np.triu(upper, 1))
    V = functions.states
    return np.ascontiguousarray(np.moveaxis(0.5 * dagger(V) @ spins @ V, 0, 3))


def by_cell(functions: Checkpoint, values: Complex, cells: Integer) -> Complex:
    """Matrices (K, ...) on the mesh as matrices (R, ...) by cell: those that differ by supercells share equally."""
    _, same, count = np.unique(cells % functions.mesh, axis=0, return_inverse=True, return_counts=True)
    shares = 1.0 / count[same.ravel()].reshape(-1, *[1] * (values.ndim - 1))
    return shares * mesh_fourier_transform(values, functions.points, cells)


def _spin_of_records(path: PathLike, points: int, bands: int, owner: Path) -> Complex:
    """Upper triangles of the Pauli matrices, (K, M (M + 1)/2, 3)."""
    with Records(path) as file:
        file.raw("a title of 60 characters")
        found = file.array("i4", 2, "numbers of bands and of k points")
        if found.tolist() != [bands, points]:
            file.refuse(_other_numbers(found.tolist(), bands, points, owner))
        size, expected = bands * (bands + 1) // 2, "Pauli matrices between the bands"
        pauli = np.empty((points, size, 3), dtype=np.complex128)
        for point in range(points):
            pauli[point] = file.array("c16", 3 * size, expected).reshape(size, 3)
            largest = float(np.abs(pauli[point].view(np.float64)).max())
            if largest > LARGEST:
                file.refuse(f"up to {largest:.3g}, expected {expected}, none above 1")
    return pauli


def _spin_of_text(path: PathLike, points: int, bands: int, owner: Path) -> Complex:
    file = Lines(path)
    found = file.integers(2, "numbers of bands and of k points")
    if found != [bands, points]:
        file.refuse(_other_numbers(found, bands, points, owner), line=file.at)
    size, expected, first = bands * (bands + 1) // 2, "an element of a Pauli matrix, two numbers", file.at
    file.enough(3 * size * points, f"{expected} on {3 * size * points}")
    numbers = file.block(3 * size * points, 2, expected)
    file.end()
    large = (np.abs(numbers) > LARGEST).any(axis=1)
    if large.any():
        file.refuse(f"expected {expected}, none above 1", line=first + int(np.argmax(large)) + 1)
    return numbers.view(np.complex128).reshape(points, size, 3)


def _other_numbers(found: list[int], bands: int, points: int, owner: Path) -> str:
    return f"{found[0]} bands, {found[1]} k points, expected {bands} and {points} as in {owner}: mixed seeds?"


def _refuse(path: PathLike, message: str) -> NoReturn:
    raise FileFormatError(f"{path}: {message}")
