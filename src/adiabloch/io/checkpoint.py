"""Checkpoints of Wannier90: which Bloch states its functions are made of."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.io.records import Records
from adiabloch.linalg import dagger

ENDING = "postwann"
"""What a checkpoint says of itself when the functions are final."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The Wannier functions of a `SEED.chk`, w_nk = sum_m psi_mk V_mn(k)."""

    path: Path
    vectors: Float
    """Lattice vectors, (3, 3) rows, Angstrom."""
    mesh: tuple[int, int, int]
    points: Float
    """Reduced wave vectors, (K, 3)."""
    bands: Integer
    """Which bands of the calculation, from 0, those of V are; (M,)."""
    states: Complex
    """V, (K, M, n)."""
    centres: Float
    """(n, 3), Angstrom."""
    overlaps: Complex
    """Between the functions at k and its neighbours, (K, neighbours, n, n)."""


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a `SEED.chk` of Wannier90 (the binary one).

    Raises
    ------
    FileFormatError
        A file that is none or is cut; the message names the record.
    """
    with Records(path) as file:
        file.raw("a title of 33 characters")
        bands = file.count("the number of bands")
        excluded = int(file.array("i4", 1, "the number of excluded bands")[0])
        if not 0 <= excluded <= 10**6:
            file.refuse(f"{excluded}, expected the number of excluded bands")
        left_out = file.array("i4", excluded, "the excluded bands")
        vectors = file.array("f8", 9, "the lattice vectors").reshape(3, 3).T
        file.array("f8", 9, "the reciprocal vectors")
        count = file.count("the number of k points")
        mesh = file.array("i4", 3, "the mesh of k points")
        points = file.array("f8", 3 * count, "the k points").reshape(count, 3)
        if (mesh < 1).any() or int(np.prod(mesh)) != count:
            file.refuse(f"{count} k points on a mesh of {mesh.tolist()}, expected as many as the mesh has")
        neighbours = file.count("the number of neighbours of a k point")
        n = file.count("the number of Wannier functions", bands)
        stage = file.raw("a stage").decode("ascii", "replace").strip()
        if stage != ENDING:
            file.refuse(f"stage {stage!r}, expected {ENDING!r}: Wannier90 did not finish")
        disentangled = bool(file.array("i4", 1, "whether bands were disentangled")[0])
        optimal = None
        if disentangled:
            file.array("f8", 1, "the invariant spread")
            inside = file.array("i4", count * bands, "the bands in the window").reshape(count, bands) != 0
            sizes = file.array("i4", count, "how many bands are in the window")
            packed = file.array("c16", count * n * bands, "the disentangled states").reshape(count, n, bands)
            if (inside.sum(axis=1) != sizes).any() or (sizes < n).any():
                file.refuse("bands in the window miscounted, expected as many as the window has, and n at least")
            optimal = np.zeros((count, bands, n), dtype=np.complex128)
            for at, (window, size) in enumerate(zip(inside, sizes, strict=True)):
                optimal[at, window] = packed[at, :, :size].T
        elif n != bands:
            file.refuse(f"{n} Wannier functions of {bands} bands, expected as many, or disentangled ones")
        turns = file.array("c16", count * n * n, "the rotations").reshape(count, n, n).swapaxes(1, 2)
        states = turns if optimal is None else optimal @ turns
        defect = float(np.abs(dagger(states) @ states - np.eye(n)).max())
        if defect > 1e-6:
            file.refuse(f"the functions' states are not orthonormal by {defect:.1e}, expected that they are")
        packed = file.array("c16", count * neighbours * n * n, "the overlaps")
        overlaps = packed.reshape(count, neighbours, n, n).swapaxes(2, 3)
        centres = file.array("f8", 3 * n, "the centres").reshape(n, 3)
    kept = np.setdiff1d(np.arange(bands + excluded), left_out - 1)
    if len(kept) != bands:
        file.refuse(f"excluded bands {left_out.tolist()} of {bands + excluded}, expected each once")
    shape = (int(mesh[0]), int(mesh[1]), int(mesh[2]))
    return Checkpoint(Path(path), vectors, shape, points, kept, np.ascontiguousarray(states), centres, overlaps)
