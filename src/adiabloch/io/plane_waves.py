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
from adiabloch.io.waves import NORM, read_amplitudes, read_head, wave_file
from adiabloch.linalg import dagger
from adiabloch.models import Cycle, WannierModel, motion_from_plane_waves
from adiabloch.models.hoppings import Translation
from adiabloch.responses.evaluation import Effort
from adiabloch.responses.polarization import dipoles
from adiabloch.units import BOHR


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
        with wave_file(self.folder, point) as file:
            head = read_head(file)
            expected = self.points[point] @ head.reciprocal
            if np.abs(head.wave - expected).max() > 1e-5:
                file.refuse(
                    f"k = {head.reduced.round(6).tolist()} (reduced), expected {self.points[point].tolist()} as in "
                    f"{self.checkpoint.path}"
                )
            if np.abs(head.reciprocal @ self.checkpoint.vectors.T / BOHR - 2 * np.pi * np.eye(3)).max() > 1e-4:
                file.refuse(f"another lattice than in {self.checkpoint.path}, expected the same calculation")
            if self.checkpoint.bands[-1] >= head.bands:
                expected_bands = self.checkpoint.bands[-1] + 1
                file.refuse(f"{head.bands} bands, expected at least {expected_bands}: {self.checkpoint.path}")
            G, amplitudes = read_amplitudes(file, head)
        states = amplitudes[..., self.checkpoint.bands] @ self.checkpoint.states[point]
        flat = states.reshape(head.spinors * head.size, -1)
        defect = float(np.abs(dagger(flat) @ flat - np.eye(flat.shape[1])).max())
        if defect > NORM:
            raise FileFormatError(
                f"{file.path}: the Wannier functions' plane waves are not orthonormal by {defect:.1e}, expected "
                f"norm-conserving pseudopotentials, and the calculation that {self.checkpoint.path} belongs to"
            )
        return G, states


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
        `adiabloch.models.motion_from_plane_waves`).
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
    return motion_from_plane_waves(snapshots, waves, common=electrons)
