"""Checkpoints `SEED.chk` of Wannier90: the Wannier functions as combinations of Bloch states."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.io.fortran_records import FortranRecords, is_text
from adiabloch.io.text_lines import LineReader
from adiabloch.io.text_numbers import LARGEST_VALUE
from adiabloch.linalg import dagger

FINAL_STAGE = "postwann"
"""Stage stated in the checkpoint of a finished calculation."""
ORTHONORMALITY_TOLERANCE = 1e-6
"""Largest deviation of V^dagger V from the unit matrix."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Wannier functions of a `SEED.chk`, w_nk = sum_m psi_mk V_mn(k)."""

    path: Path
    """File of the checkpoint."""
    vectors: Float
    """Lattice vectors, (3, 3) rows, Angstrom."""
    mesh: tuple[int, int, int]
    """Number of k points along each reciprocal vector."""
    points: Float
    """Reduced wave vectors, (K, 3)."""
    bands: Integer
    """Indices, from 0, of the bands of V among those of the calculation, (M,)."""
    states: Complex
    """V, (K, M, n)."""
    centres: Float
    """Centres of the Wannier functions, (n, 3), Angstrom."""
    overlaps: Complex
    """Overlaps between the functions at k and at its neighbours, (K, neighbours, n, n)."""


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a `SEED.chk` of Wannier90, or the `SEED.chk.fmt` that w90chk2chk makes of it.

    Raises
    ------
    FileFormatError
        The file is malformed or truncated, or its k points do not form a mesh; the message names the location.
    """
    # numbers that overflow are rejected below
    with np.errstate(over="ignore", invalid="ignore"):
        functions = _of_text(path) if is_text(path) else _of_records(path)
        steps = functions.points * functions.mesh
        distinct = len(np.unique(np.rint(steps) % functions.mesh, axis=0))
        volume = abs(float(np.linalg.det(functions.vectors)))
    if not np.abs(steps - np.rint(steps)).max() < 1e-5 or np.abs(steps).max() > LARGEST_VALUE or distinct != len(steps):
        raise FileFormatError(f"{path}: k points that do not form a mesh of {functions.mesh}, expected each point once")
    if not 1e-6 < volume < LARGEST_VALUE or np.abs(functions.vectors).max() > LARGEST_VALUE:
        raise FileFormatError(
            f"{path}: lattice vectors {functions.vectors.tolist()}, expected three that are independent"
        )
    return functions


def _of_records(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a binary checkpoint."""
    with FortranRecords(path) as file:
        file.read_record("a title of 33 characters")
        bands = file.read_count("the number of bands")
        excluded = int(file.read_array("i4", 1, "the number of excluded bands")[0])
        if not 0 <= excluded <= 10**6:
            file.refuse(f"{excluded}, expected the number of excluded bands")
        left_out = file.read_array("i4", excluded, "the excluded bands")
        vectors = file.read_array("f8", 9, "the lattice vectors").reshape(3, 3).T
        file.read_array("f8", 9, "the reciprocal vectors")
        count = file.read_count("the number of k points")
        mesh = file.read_array("i4", 3, "the mesh of k points")
        points = file.read_array("f8", 3 * count, "the k points").reshape(count, 3)
        if (mesh < 1).any() or int(np.prod(mesh)) != count:
            file.refuse(f"{count} k points on a mesh of {mesh.tolist()}, expected as many as the mesh has")
        neighbours = file.read_count("the number of neighbours of a k point")
        n = file.read_count("the number of Wannier functions", bands)
        stage = file.read_record("a stage").decode("ascii", "replace").strip()
        if stage != FINAL_STAGE:
            file.refuse(f"stage {stage!r}, expected {FINAL_STAGE!r}: Wannier90 did not finish")
        disentangled = bool(file.read_array("i4", 1, "whether bands were disentangled")[0])
        window = packed = None
        if disentangled:
            file.read_array("f8", 1, "the invariant spread")
            window = file.read_array("i4", count * bands, "the bands in the window").reshape(count, bands) != 0
            sizes = file.read_array("i4", count, "how many bands are in the window")
            packed = file.read_array("c16", count * n * bands, "the disentangled states").reshape(count, n, bands)
            if (window.sum(axis=1) != sizes).any() or (sizes < n).any():
                file.refuse(
                    f"wrong number of bands in the window, expected {n} at least, and as many as the window has"
                )
        elif n != bands:
            file.refuse(f"{n} Wannier functions of {bands} bands, expected as many, or disentangled ones")
        rotations = file.read_array("c16", count * n * n, "the rotations").reshape(count, n, n)
        states = _states(rotations, window, packed)
        _check_states(states, file.refuse)
        elements = file.read_array("c16", count * neighbours * n * n, "the overlaps")
        overlaps = elements.reshape(count, neighbours, n, n).swapaxes(2, 3)
        centres = file.read_array("f8", 3 * n, "the centres").reshape(n, 3)
        kept = _kept(bands, excluded, left_out.tolist(), file.refuse)
    shape = (int(mesh[0]), int(mesh[1]), int(mesh[2]))
    return Checkpoint(Path(path), vectors, shape, points, kept, states, centres, overlaps)


def _of_text(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a formatted checkpoint."""
    file = LineReader(path)
    bands = file.read_count("the number of bands")
    (excluded,) = file.read_integers(1, "the number of excluded bands")
    if excluded < 0:
        file.refuse(f"{excluded}, expected the number of excluded bands", line=file.position)
    file.require_lines(excluded, f"the excluded bands on {excluded}")
    left_out = [file.read_count("an excluded band") for _ in range(excluded)]
    # the first index of Fortran runs fastest
    vectors = file.read_rows(1, 9, "the lattice vectors, nine numbers").reshape(3, 3).T
    file.read_rows(1, 9, "the reciprocal vectors, nine numbers")
    count = file.read_count("the number of k points")
    mesh = file.read_integers(3, "the mesh of k points, three integers")
    if min(mesh) < 1 or int(np.prod(mesh)) != count:
        file.refuse(f"a mesh of {mesh}, expected one of {count} k points", line=file.position)
    file.require_lines(count, f"the k points on {count}")
    points = file.read_rows(count, 3, "a k point, three numbers")
    neighbours = file.read_count("the number of neighbours of a k point")
    n = file.read_count("the number of Wannier functions")
    stage = file.lines[file.position].strip() if file.position < len(file.lines) else ""
    file.position += 1
    if stage != FINAL_STAGE:
        file.refuse(f"stage {stage[:80]!r}, expected {FINAL_STAGE!r}: Wannier90 did not finish", line=file.position)
    (disentangled,) = file.read_integers(1, "1 or 0, whether bands were disentangled")
    if n > bands or (not disentangled and n != bands) or disentangled not in (0, 1):
        file.refuse(f"{n} functions of {bands} bands, expected as many, or disentangled ones", line=file.position)
    rows = count * n * (n + (bands if disentangled else 0) + neighbours * n)
    file.require_lines(rows, f"the states on {rows}")
    window = packed = None
    if disentangled:
        file.read_rows(1, 1, "the invariant spread")
        inside = file.read_rows(count * bands, 1, "1 or 0, whether a band is in the window")
        sizes = file.read_rows(count, 1, "how many bands are in the window")[:, 0]
        window = inside.reshape(count, bands) == 1
        if (window.sum(axis=1) != sizes).any() or (sizes < n).any():
            file.refuse(
                f"wrong number of bands in the window, expected {n} at least, and as many as the window has",
                line=file.position,
            )
        packed = _complex(file, "a disentangled state", count, n, bands)
    states = _states(_complex(file, "a rotation", count, n, n), window, packed)
    _check_states(states, partial(file.refuse, line=file.position))
    overlaps = _complex(file, "an overlap", count, neighbours, n, n).swapaxes(2, 3)
    centres = file.read_rows(n, 3, "a centre, three numbers")
    file.read_rows(n, 1, "a spread")
    file.require_end()
    kept = _kept(bands, excluded, left_out, partial(file.refuse, line=3))
    return Checkpoint(file.path, vectors, (mesh[0], mesh[1], mesh[2]), points, kept, states, centres, overlaps)


def _states(rotations: Complex, window: NDArray[np.bool_] | None, packed: Complex | None) -> Complex:
    """Calculate V, (K, M, n), from the rotations and the disentangled states.

    The file stores both column by column, and the disentangled states only for the bands in the window.
    """
    if window is None or packed is None:
        return np.ascontiguousarray(rotations.swapaxes(1, 2))
    count, n, bands = packed.shape
    optimal = np.zeros((count, bands, n), dtype=np.complex128)
    for own, states, found in zip(optimal, packed, window, strict=True):
        own[found] = states[:, : found.sum()].T
    return np.asarray(optimal @ rotations.swapaxes(1, 2))


def _check_states(states: Complex, refuse: Callable[[str], NoReturn]) -> None:
    """Raise an error unless V^dagger V is the unit matrix."""
    defect = float(np.abs(dagger(states) @ states - np.eye(states.shape[2])).max())
    # comparisons with NaN are false
    if not defect <= ORTHONORMALITY_TOLERANCE:
        refuse(f"Wannier functions that are not orthonormal, by {defect:.1e}, expected orthonormal ones")


def _kept(bands: int, excluded: int, left_out: list[int], refuse: Callable[[str], NoReturn]) -> Integer:
    """Indices, from 0, of the bands that are not excluded."""
    kept = np.setdiff1d(np.arange(bands + excluded), np.array(left_out, dtype=int) - 1)
    if len(kept) != bands:
        refuse(f"excluded bands {left_out} of {bands + excluded}, expected each once")
    return kept


def _complex(file: LineReader, expected: str, *shape: int) -> Complex:
    numbers = file.read_rows(int(np.prod(shape)), 2, f"{expected}, two numbers")
    return numbers.view(np.complex128).reshape(shape)
