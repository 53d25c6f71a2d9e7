"""Bands of a snapshot of a cycle, or of its image under a symmetry operation, read one k point at a time."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.io.espresso_waves import (
    ORTHONORMALITY_TOLERANCE,
    read_amplitudes,
    read_header,
    read_reciprocal_vectors,
    wave_file,
)
from adiabloch.io.neighbours import matching, shell_weights
from adiabloch.io.overlaps import OverlapFile
from adiabloch.io.safe_open import uncompressed
from adiabloch.io.seed_files import find_seed_file, read_energies
from adiabloch.linalg import dagger
from adiabloch.symmetries import Operation
from adiabloch.symmetries.wave_images import PlaneWaveMap, common_rows
from adiabloch.units import BOHR

PathLike = str | os.PathLike[str]
WAVE_VECTOR_TOLERANCE = 1e-5
"""Largest difference between equal wave vectors, or reciprocal vectors, 1/bohr."""
ENERGY_TOLERANCE = 1e-6
"""Largest decrease in eV of successive energies, which should be in ascending order."""
OVERLAP_TOLERANCE = 1e-4
"""Largest difference between an overlap in the file and that of the wave functions."""


@dataclass(frozen=True, eq=False)
class BandMesh:
    """Mesh of k points that all snapshots share."""

    folder: Path
    """Files of the first snapshot, with which others are compared."""
    size: int
    """Number of bands."""
    dimension: int
    reciprocal: Float
    """All three reciprocal vectors as rows, 1/Angstrom."""
    points: Float
    """Reduced wave vectors, (K, 3)."""

    def waves(self, snapshot: Snapshot, point: int) -> tuple[Integer, Complex]:
        """Read the plane waves G (M, 3) and the amplitudes (spinor, M, bands) in the files of a snapshot."""
        with wave_file(snapshot.folder, point) as file:
            head = read_header(file)
            if np.abs(head.reciprocal - self.reciprocal * BOHR).max() > WAVE_VECTOR_TOLERANCE:
                file.refuse(f"another lattice than in {self.folder}, expected the same in all snapshots")
            if np.abs(head.wave - self.points[point] @ head.reciprocal).max() > WAVE_VECTOR_TOLERANCE:
                file.refuse(
                    f"k = {head.reduced.round(6).tolist()} (reduced), expected {self.points[point].round(6).tolist()} "
                    f"as in {self.folder}"
                )
            if head.bands != self.size:
                file.refuse(f"{head.bands} bands, expected {self.size} as in {snapshot.overlaps}")
            G, states = read_amplitudes(file, head)
            flat = states.reshape(-1, head.bands)
            defect = float(np.abs(dagger(flat) @ flat - np.eye(head.bands)).max())
            if defect > ORTHONORMALITY_TOLERANCE:
                file.refuse(f"bands are not orthonormal by {defect:.1e}, expected norm-conserving pseudopotentials")
        return G, states


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Files of a snapshot, and its energies."""

    folder: Path
    overlaps: Path
    energies: Float
    """(K, bands)"""
    back: Operation | None = None
    """Symmetry operation that takes the snapshot to the crystal of the files; None if it is that crystal."""

    @classmethod
    def of(cls, folder: PathLike, seed: PathLike, back: Operation | None = None) -> Snapshot:
        """Find the files of a snapshot and read its energies."""
        base = Path(folder)
        if not base.is_dir():
            raise FileFormatError(f"{folder}: no such folder, expected PREFIX.save of Quantum ESPRESSO")
        path = find_seed_file(f"{os.fspath(seed)}.mmn", ".mmn", ".mmn")
        if path is None:
            raise FileFormatError(f"{os.fspath(seed)}.mmn: no such file, expected the overlaps of all bands")
        with closing(OverlapFile(path)) as file:
            points, bands = file.points, file.bands
        energies = read_energies(uncompressed(path), ".mmn", points, bands)
        descending = (np.diff(energies, axis=1) < -ENERGY_TOLERANCE).any(axis=1)
        if descending.any():
            point = int(np.argmax(descending))
            raise FileFormatError(f"{seed}.eig: energies at k point {point + 1} fall, expected them in ascending order")
        return cls(base, path, energies, back)


@dataclass(frozen=True, eq=False)
class BlochStates:
    """Bloch states and velocities of a snapshot at a k point."""

    G: Integer
    """Plane waves, (M, 3)."""
    states: Complex
    """(spinor, M, bands)"""
    velocities: Complex
    """(d, bands, bands)"""
    energies: Float
    """(bands,)"""


class SnapshotReader:
    """Reader of a snapshot, one k point after the other."""

    def __init__(self, mesh: BandMesh, snapshot: Snapshot, file: OverlapFile) -> None:
        self._mesh, self._snapshot, self._file = mesh, snapshot, file
        self._blocks = file.blocks()
        self._steps = self._weights = np.zeros(0)
        self._before: tuple[Integer, Complex] | None = None

    def read(self, point: int) -> BlochStates:
        """Read the next k point."""
        rows, M = next(self._blocks)
        G, states = self._mesh.waves(self._snapshot, point)
        if self._before is not None:
            self._check_link(point, rows, M, G, states)
        self._before = G, states
        return BlochStates(G, states, self._velocities(point, rows, M), self._snapshot.energies[point])

    def check_end(self) -> None:
        """Raise an error if the file of overlaps does not end after the last k point."""
        next(self._blocks, None)

    def _velocities(self, point: int, rows: Integer, M: Complex) -> Complex:
        """Velocity matrices (d, bands, bands) from the overlaps with the neighbours."""
        mesh, d = self._mesh, self._mesh.dimension
        steps = (mesh.points[rows[:, 0]] + rows[:, 1:] - mesh.points[point]) @ mesh.reciprocal
        if point == 0:
            self._steps, self._weights = steps, shell_weights(self._file.path, steps)
        which = matching(steps, self._steps)
        if (which < 0).any():
            self._file.refuse(
                f"steps to the neighbours of k point {point + 1} differ from those of the first, expected a mesh"
            )
        M, there = M[which], self._snapshot.energies[rows[which, 0]]
        transported = (M * there[:, None, :]) @ dagger(M)
        v = np.tensordot((self._weights[:, None] * self._steps[:, :d]).T, transported, axes=1)
        return np.asarray(0.5 * (v + dagger(v)))

    def _check_link(self, point: int, rows: Integer, M: Complex, G: Integer, states: Complex) -> None:
        """Raise an error if the overlaps with the previous k point are not those of the wave functions."""
        assert self._before is not None
        others, before = self._before
        for number in np.flatnonzero(rows[:, 0] == point - 1):
            # the plane wave G at k' + cell is G + cell at k'
            here, there = common_rows(G, others - rows[number, 1:])
            overlap = (dagger(states[:, here]) @ before[:, there]).sum(axis=0)
            apart = float(np.abs(overlap - M[number]).max())
            if apart > OVERLAP_TOLERANCE:
                self._file.refuse(
                    f"overlaps of k point {point + 1} with {point} are not those of the wave functions in "
                    f"{self._snapshot.folder}, by {apart:.1e}, expected files of one calculation"
                )


class ImageReader:
    """Reader of the image of a snapshot under a symmetry operation."""

    def __init__(self, mesh: BandMesh, snapshot: Snapshot, back: Operation, velocities: Complex) -> None:
        self._mesh, self._snapshot, self._velocities = mesh, snapshot, velocities
        self._map = PlaneWaveMap(back, mesh.reciprocal, mesh.points)

    def read(self, point: int) -> BlochStates:
        """Make the states of a k point from those of its source."""
        snapshot, d = self._snapshot, self._mesh.dimension
        source = int(self._map.sources[point])
        with wave_file(snapshot.folder, point) as file:
            wanted = read_reciprocal_vectors(file, read_header(file))
        states = self._map.of(point, *self._mesh.waves(snapshot, source), wanted)
        velocities = np.tensordot(self._map.operation.rotation[:d, :d].T, self._velocities[source], 1)
        return BlochStates(wanted, states, velocities, snapshot.energies[source])

    def check_end(self) -> None:
        """Nothing is left to check: the file of overlaps was read to its end."""
