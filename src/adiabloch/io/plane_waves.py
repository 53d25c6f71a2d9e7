"""Wannier functions in plane waves: wave functions of Quantum ESPRESSO combined by the matrices of Wannier90."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.engine.run import Run
from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.files import checked_path
from adiabloch.io.checkpoint import Checkpoint, read_checkpoint
from adiabloch.io.espresso_waves import ORTHONORMALITY_TOLERANCE, read_amplitudes, read_header, wave_file
from adiabloch.linalg import dagger
from adiabloch.markup import record_html
from adiabloch.models import Cycle, TightBinding, motion_from_plane_waves
from adiabloch.models.arguments import checked_sequence
from adiabloch.models.hoppings import Translation
from adiabloch.names import checked_call
from adiabloch.units import BOHR
from adiabloch.workflows.dipoles import dipoles


@dataclass(frozen=True, eq=False)
class PlaneWaves:
    """Wannier functions of a calculation, read one wave vector at a time (see `adiabloch.models.Waves`)."""

    folder: Path
    """Folder `PREFIX.save` of Quantum ESPRESSO."""
    checkpoint: Checkpoint
    """Checkpoint of Wannier90."""

    _repr_html_ = record_html

    @property
    def mesh(self) -> tuple[int, ...]:
        """Number of k points along each reciprocal vector."""
        return self.checkpoint.mesh

    @property
    def points(self) -> Float:
        """Reduced wave vectors, (K, 3)."""
        return self.checkpoint.points

    @property
    def centres(self) -> Float:
        """Centres of the Wannier functions, (n, 3), Angstrom."""
        return self.checkpoint.centres

    @property
    def reciprocal(self) -> Float:
        """Reciprocal lattice vectors as rows, 1/Angstrom."""
        return np.asarray(2 * np.pi * np.linalg.inv(self.checkpoint.vectors).T, dtype=np.float64)

    def at(self, point: int) -> tuple[Integer, Complex]:
        """Read the reciprocal vectors G (M, 3) in lexicographic order, and the amplitudes (spinor, M, n)."""
        with wave_file(self.folder, point) as file:
            head = read_header(file)
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
        if defect > ORTHONORMALITY_TOLERANCE:
            raise FileFormatError(
                f"{file.path}: the Wannier functions in plane waves are not orthonormal by {defect:.1e}, expected "
                f"norm-conserving pseudopotentials, and the calculation of {self.checkpoint.path}"
            )
        return G, states


@checked_call
def read_plane_waves(folder: str | os.PathLike[str], checkpoint: str | os.PathLike[str]) -> PlaneWaves:
    """Read the Wannier functions of a calculation in plane waves.

    Parameters
    ----------
    folder : path-like
        Folder `PREFIX.save` of Quantum ESPRESSO with the wave functions `wfc1.dat`, ...; norm-conserving
        pseudopotentials; k points in the order of Wannier90.
    checkpoint : path-like
        `SEED.chk` of Wannier90, or `SEED.chk.fmt`.

    Returns
    -------
    PlaneWaves
        Wave functions are read on demand.

    Raises
    ------
    FileFormatError
        A file is missing, truncated, or of another calculation.
    """
    found = PlaneWaves(checked_path(folder, "folder"), read_checkpoint(checkpoint))
    if not found.folder.is_dir():
        raise FileFormatError(f"{folder}: no such folder, expected PREFIX.save of Quantum ESPRESSO")
    return found


@checked_call
def read_motion(
    folders: Sequence[str | os.PathLike[str]],
    checkpoints: Sequence[str | os.PathLike[str]],
    snapshots: Sequence[TightBinding],
    occupied: int,
    *,
    tolerance: float = 1e-4,
) -> list[dict[Translation, Complex]]:
    """Motion of the Wannier functions of a cycle, from plane waves, for `Cycle(snapshots, motion=...)`.

    Parameters
    ----------
    folders, checkpoints : sequence of path-like
        Files of each snapshot, as for `read_plane_waves`.
    snapshots : sequence of TightBinding
        Models as `read_tb` returns them, neither aligned nor rotated.
    occupied : int
        Number of occupied bands. Their mean displacement is the common motion of all functions (see
        `adiabloch.models.motion_from_plane_waves`).
    tolerance : float
        Accuracy of the mean displacement, relative to a lattice vector.

    Returns
    -------
    list of dict {R: (n, n) array}
        Matrices of the motion for each snapshot.

    Raises
    ------
    FileFormatError, InvalidModelError, CoarseCycleError
        Files are malformed, belong to different calculations, or are not smooth along the cycle.
    InvalidArgumentError
        The lists differ in length.
    """
    folders, checkpoints = (
        checked_sequence(given, name, str | os.PathLike, "paths, one for each snapshot")
        for given, name in ((folders, "folders"), (checkpoints, "checkpoints"))
    )
    if len(folders) != len(checkpoints):
        raise InvalidArgumentError(f"read_motion: {len(folders)} folders and {len(checkpoints)} checkpoints")
    waves = [read_plane_waves(folder, file) for folder, file in zip(folders, checkpoints, strict=True)]
    models = checked_sequence(snapshots, "snapshots", TightBinding, "models of Wannier functions")
    electrons = dipoles(Cycle(models), occupied, Run(tolerance)) / occupied
    return motion_from_plane_waves(snapshots, waves, common=electrons)
