"""Wannier functions in plane waves: the wave functions of Quantum ESPRESSO, combined as Wannier90 found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.io.checkpoint import Checkpoint, read_checkpoint
from adiabloch.io.records import Records
from adiabloch.linalg import dagger
from adiabloch.models import Cycle, WannierModel, followed
from adiabloch.models.hoppings import Translation
from adiabloch.responses.evaluation import Effort
from adiabloch.responses.polarization import dipoles
from adiabloch.units import BOHR

NORM = 1e-5
"""How far the plane waves of Wannier functions may be from orthonormal."""


@dataclass(frozen=True, eq=False)
class PlaneWaves:
    """Wannier functions of a calculation, one wave vector at a time (see `adiabloch.models.Waves`)."""

    folder: Path
    checkpoint: Checkpoint

    @property
    def mesh(self) -> tuple[int, ...]:
        """Points of the mesh along each reciprocal vector."""
        return self.checkpoint.mesh

    @property
    def points(self) -> Float:
        """Reduced wave vectors, (K, 3)."""
        return self.checkpoint.points

    @property
    def centres(self) -> Float:
        """Of the functions, (n, 3)."""
        return self.checkpoint.centres

    @property
    def reciprocal(self) -> Float:
        """Reciprocal lattice vectors as rows, 1/Angstrom."""
        return np.asarray(2 * np.pi * np.linalg.inv(self.checkpoint.vectors).T, dtype=np.float64)

    def at(self, point: int) -> tuple[Integer, Complex]:
        """Reciprocal vectors G (M, 3) in ascending order, and the functions' amplitudes (spinor, M, n) there."""
        path = self.folder / f"wfc{point + 1}.dat"
        if not path.exists() and path.with_suffix(".hdf5").exists():
            raise FileFormatError(f"{path}: only an .hdf5 file is there, expected Quantum ESPRESSO's own format")
        with Records(path) as file:
            wave = _wave_vector(file)
            _, size, spinors, bands = file.array("i4", 4, "numbers of plane waves, spinors, bands").tolist()
            if not (0 < size < 10**8 and spinors in (1, 2) and 0 < bands < 10**6):
                file.refuse(f"{[size, spinors, bands]}, expected numbers of plane waves, spinors, bands")
            reciprocal = file.array("f8", 9, "the reciprocal vectors").reshape(3, 3)
            expected = self.points[point] @ reciprocal
            if np.abs(wave - expected).max() > 1e-5:
                file.refuse(
                    f"k = {(wave @ np.linalg.inv(reciprocal)).round(6).tolist()} (reduced), expected "
                    f"{self.points[point].tolist()} as in {self.checkpoint.path}"
                )
            if np.abs(reciprocal @ self.checkpoint.vectors.T / BOHR - 2 * np.pi * np.eye(3)).max() > 1e-4:
                file.refuse(f"another lattice than in {self.checkpoint.path}, expected the same calculation")
            G = file.array("i4", 3 * size, "the plane waves").reshape(size, 3)
            if self.checkpoint.bands[-1] >= bands:
                file.refuse(f"{bands} bands, expected at least {self.checkpoint.bands[-1] + 1}: {self.checkpoint.path}")
            rows = np.array([file.array("c16", spinors * size, "amplitudes of a band") for _ in range(bands)])
        states = rows[self.checkpoint.bands].T.reshape(spinors, size, -1) @ self.checkpoint.states[point]
        flat = states.reshape(spinors * size, -1)
        defect = float(np.abs(dagger(flat) @ flat - np.eye(flat.shape[1])).max())
        if defect > NORM:
            raise FileFormatError(
                f"{path}: the Wannier functions' plane waves are not orthonormal by {defect:.1e}, expected "
                f"norm-conserving pseudopotentials, and the calculation that {self.checkpoint.path} belongs to"
            )
        order = np.lexsort(G.T[::-1])
        return G[order].astype(np.int64), states[:, order]


def _wave_vector(file: Records) -> Float:
    """Cartesian, in 1/bohr."""
    number, *rest = file.structure("<i3diid", "number, wave vector, spin, symmetry and scale of a k point")
    if rest[4]:
        file.refuse("half of the plane waves (gamma_only), expected all: give k points as a list")
    if number < 1 or not np.isfinite(rest[:3]).all():
        file.refuse(f"{[number, *rest[:3]]}, expected number and wave vector of a k point")
    return np.array(rest[:3])


def read_plane_waves(folder: str | os.PathLike[str], checkpoint: str | os.PathLike[str]) -> PlaneWaves:
    """The Wannier functions of a calculation in plane waves.

    Parameters
    ----------
    folder : path-like
        Where Quantum ESPRESSO left its wave functions: `PREFIX.save`, with `wfc1.dat`, ...; norm-conserving
        pseudopotentials; k points as Wannier90 lists them.
    checkpoint : path-like
        `SEED.chk` of Wannier90, or `SEED.chk.fmt`.

    Returns
    -------
    PlaneWaves
        Wave functions are read when they are needed.

    Raises
    ------
    FileFormatError
        A file that is missing, cut, or of another calculation.
    """
    found = PlaneWaves(Path(folder), read_checkpoint(checkpoint))
    if not found.folder.is_dir():
        raise FileFormatError(f"{folder}: no such folder, expected PREFIX.save of Quantum ESPRESSO")
    return found


def read_motion(
    folders: Sequence[str | os.PathLike[str]],
    checkpoints: Sequence[str | os.PathLike[str]],
    snapshots: Sequence[WannierModel],
    occupied: int,
    *,
    tolerance: float = 1e-4,
) -> list[dict[Translation, Complex]]:
    """How the Wannier functions of a cycle move, from their plane waves, for `Cycle(snapshots, motion=...)`.

    Parameters
    ----------
    folders, checkpoints : sequence of path-like
        Of each snapshot, as for `read_plane_waves`.
    snapshots : sequence of WannierModel
        As `read_tb` reads them, neither aligned nor rotated.
    occupied : int
        Number of occupied bands, whose mean displacement is what all functions have in common (see
        `adiabloch.models.followed`).
    tolerance : float
        Accuracy of that displacement, relative to a lattice vector.

    Returns
    -------
    list of dict {R: (n, n) array}

    Raises
    ------
    FileFormatError, InvalidModelError, CoarseCycleError
        Files that are not what they should be, do not belong together, or are not smooth along the cycle.
    """
    if len(folders) != len(checkpoints):
        raise InvalidArgumentError(f"read_motion: {len(folders)} folders and {len(checkpoints)} checkpoints")
    waves = [read_plane_waves(folder, file) for folder, file in zip(folders, checkpoints, strict=True)]
    electrons = dipoles(Cycle(snapshots), occupied, Effort(tolerance)) / occupied
    return followed(snapshots, waves, common=electrons)
