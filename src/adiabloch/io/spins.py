"""Spin of Wannier functions: from the checkpoint of Wannier90 and the spin of the bands they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.io.checkpoint import ENDING, Checkpoint, read_checkpoint
from adiabloch.io.contents import NEGLIGIBLE
from adiabloch.io.lines import ABSURD, Lines
from adiabloch.io.records import Records
from adiabloch.io.seeds import PathLike, beside
from adiabloch.linalg import dagger
from adiabloch.models.hoppings import Translation

LARGEST = 1.1
"""What an element of a Pauli matrix between bands cannot exceed: 1, up to what pseudopotentials leave out."""
APART = 1e-3
"""Angstrom between centres, or lattice vectors, that are the same."""
IMAGES = 2
"""Supercells to either side in which the closest image of a cell is looked for."""


def read_spin(checkpoint: PathLike, spn: PathLike, *, dimension: int = 3) -> dict[Translation, Complex]:
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
    dimension : int
        2 for a slab in the xy plane, as for `read_tb`.

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
    if dimension not in (1, 2, 3):
        raise InvalidArgumentError(f"dimension: {dimension!r}, expected 1, 2 or 3")
    functions = checkpoint_of(checkpoint)
    cells = wigner_seitz(functions.vectors, functions.mesh)
    spins = by_cell(functions, spin_of_states(functions, spn), cells)
    inside = (cells[:, dimension:] == 0).all(axis=1)
    beyond = float(np.abs(spins[~inside]).max(initial=0.0))
    if beyond > NEGLIGIBLE * float(np.abs(spins).max()):
        raise FileFormatError(
            f"{checkpoint}: spin up to {beyond:.1e} leaves the {dimension} dimensions asked for, expected none"
        )
    kept = zip(cells[inside, :dimension], np.moveaxis(spins[inside], 3, 1), strict=True)
    return {tuple(map(int, R)): S for R, S in kept}


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
    functions = checkpoint_of(chk)
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
    read = _spin_of_text if _is_text(spn) else _spin_of_records
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
    waves = np.exp(-2j * np.pi * (cells @ functions.points.T)) / len(functions.points)
    _, same, count = np.unique(cells % functions.mesh, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(np.tensordot(waves / count[same.ravel(), None], values, axes=1))


def wigner_seitz(vectors: Float, mesh: tuple[int, int, int]) -> Integer:
    """Cells of the supercell around the origin that are nearest to it, (R, 3), all of those that are equally near."""
    sides = np.array(mesh)
    home = np.stack(np.meshgrid(*[np.arange(side) for side in mesh], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    steps = np.stack(np.meshgrid(*[np.arange(-IMAGES, IMAGES + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    images = home + steps * sides
    length = np.sqrt(((images @ vectors) ** 2).sum(axis=2))
    return np.asarray(images[length < length.min(axis=1, keepdims=True) + 1e-5 * np.abs(vectors).max()])


def checkpoint_of(path: PathLike) -> Checkpoint:
    """Read a checkpoint, binary or formatted, of the functions of a mesh."""
    # what is beyond all bounds is refused below
    with np.errstate(over="ignore", invalid="ignore"):
        functions = _checkpoint_of_text(path) if _is_text(path) else read_checkpoint(path)
        steps = functions.points * functions.mesh
        distinct = len(np.unique(np.rint(steps) % functions.mesh, axis=0))
        volume = abs(float(np.linalg.det(functions.vectors)))
    if not np.abs(steps - np.rint(steps)).max() < 1e-5 or np.abs(steps).max() > ABSURD or distinct != len(steps):
        _refuse(path, f"k points that are not those of a mesh of {functions.mesh}, expected each once")
    if not 1e-6 < volume < ABSURD or np.abs(functions.vectors).max() > ABSURD:
        _refuse(path, f"lattice vectors {functions.vectors.tolist()}, expected three that are independent")
    if not np.abs(functions.states).max() < LARGEST:
        _refuse(path, "states of the functions beyond 1, expected orthonormal ones")
    return functions


def _is_text(path: PathLike) -> bool:
    """Whether a file is formatted: records begin with their length, whose bytes are no letters."""
    if Path(path).suffix == ".gz":
        return True
    try:
        with Path(path).open("rb") as file:
            return b"\0" not in file.read(4)
    except OSError as reason:
        raise FileFormatError(f"{path}: cannot be read ({reason})") from None


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
    _enough(file, 3 * size * points, expected)
    numbers = file.block(3 * size * points, 2, expected)
    file.end()
    large = (np.abs(numbers) > LARGEST).any(axis=1)
    if large.any():
        file.refuse(f"expected {expected}, none above 1", line=first + int(np.argmax(large)) + 1)
    return numbers.view(np.complex128).reshape(points, size, 3)


def _checkpoint_of_text(path: PathLike) -> Checkpoint:
    file = Lines(path)
    bands = file.count("the number of bands")
    (excluded,) = file.integers(1, "the number of excluded bands")
    if excluded < 0:
        file.refuse(f"{excluded}, expected the number of excluded bands", line=file.at)
    _enough(file, excluded, "the excluded bands")
    left_out = [file.count("an excluded band") for _ in range(excluded)]
    # Fortran counts columns first
    vectors = file.block(1, 9, "the lattice vectors, nine numbers").reshape(3, 3).T
    file.block(1, 9, "the reciprocal vectors, nine numbers")
    count = file.count("the number of k points")
    mesh = file.integers(3, "the mesh of k points, three integers")
    if min(mesh) < 1 or int(np.prod(mesh)) != count:
        file.refuse(f"a mesh of {mesh}, expected one of {count} k points", line=file.at)
    _enough(file, count, "the k points")
    points = file.block(count, 3, "a k point, three numbers")
    neighbours = file.count("the number of neighbours of a k point")
    n = file.count("the number of Wannier functions")
    stage = file.lines[file.at].strip() if file.at < len(file.lines) else ""
    file.at += 1
    if stage != ENDING:
        file.refuse(f"stage {stage[:80]!r}, expected {ENDING!r}: Wannier90 did not finish", line=file.at)
    (disentangled,) = file.integers(1, "1 or 0, whether bands were disentangled")
    if n > bands or (not disentangled and n != bands) or disentangled not in (0, 1):
        file.refuse(f"{n} functions of {bands} bands, expected as many, or disentangled ones", line=file.at)
    _enough(file, count * n * (n + (bands if disentangled else 0) + neighbours * n), "the states")
    window, sizes = np.ones((count, bands), dtype=bool), np.full(count, bands)
    if disentangled:
        file.block(1, 1, "the invariant spread")
        inside = file.block(count * bands, 1, "1 or 0, whether a band is in the window")
        sizes = file.block(count, 1, "how many bands are in the window")[:, 0].astype(int)
        window = inside.reshape(count, bands) == 1
        if (window.sum(axis=1) != sizes).any() or (sizes < n).any():
            file.refuse(f"bands in the window miscounted, expected {n} at least, as many as it has", line=file.at)
        packed = _complex(file, "a disentangled state", count, n, bands)
    turns = _complex(file, "a rotation", count, n, n).swapaxes(1, 2)
    states = turns
    if disentangled:
        optimal = np.zeros((count, bands, n), dtype=np.complex128)
        for point, (own, size) in enumerate(zip(window, sizes, strict=True)):
            optimal[point, own] = packed[point, :, :size].T
        states = optimal @ turns
    defect = float(np.abs(dagger(states) @ states - np.eye(n)).max())
    if defect > 1e-6:
        file.refuse(f"the functions' states are not orthonormal by {defect:.1e}, expected that they are", line=file.at)
    overlaps = _complex(file, "an overlap", count, neighbours, n, n).swapaxes(2, 3)
    centres = file.block(n, 3, "a centre, three numbers")
    file.block(n, 1, "a spread")
    file.end()
    kept = np.setdiff1d(np.arange(bands + excluded), np.array(left_out, dtype=int) - 1)
    if len(kept) != bands:
        file.refuse(f"excluded bands {left_out} of {bands + excluded}, expected each once", line=3)
    whole = (mesh[0], mesh[1], mesh[2])
    return Checkpoint(file.path, vectors, whole, points, kept, np.ascontiguousarray(states), centres, overlaps)


def _complex(file: Lines, expected: str, *shape: int) -> Complex:
    numbers = file.block(int(np.prod(shape)), 2, f"{expected}, two numbers")
    return numbers.view(np.complex128).reshape(shape)


def _enough(file: Lines, rows: int, expected: str) -> None:
    """Before memory is taken: refuse where less is left to read."""
    left = len(file.lines) - file.at
    if rows > left:
        file.refuse(f"{left} lines left, expected {expected} on {rows}")


def _other_numbers(found: list[int], bands: int, points: int, owner: Path) -> str:
    return f"{found[0]} bands, {found[1]} k points, expected {bands} and {points} as in {owner}: mixed seeds?"


def _refuse(path: PathLike, message: str) -> NoReturn:
    raise FileFormatError(f"{path}: {message}")
