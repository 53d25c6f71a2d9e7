r"""All bands of a calculation along a cycle, without Wannier functions.

The velocities follow from the overlaps of neighbouring k points,

.. math:: D_a = \sum_b w_b\, b_a\, M(k, b)\, E(k + b)\, M(k, b)^\dagger ,

a finite difference of :math:`\sum_n |n\rangle E_n \langle n|` over the mesh. The derivatives along the cycle follow
from the wave functions in plane waves (`adiabloch.geometry.snapshots`). The snapshots are read one k point at a time,
so that the memory does not depend on the size of the mesh.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.engine.run import Run
from adiabloch.errors import CoarseCycleError, FileFormatError, InvalidArgumentError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.snapshots import frame_of_snapshots
from adiabloch.io.band_snapshots import WAVE_VECTOR_TOLERANCE, BandMesh, ImageReader, Snapshot, SnapshotReader
from adiabloch.io.espresso_waves import (
    read_header,
    wave_file,
)
from adiabloch.io.overlaps import OverlapFile
from adiabloch.lattice import Lattice
from adiabloch.markup import record_html
from adiabloch.models import Cycle
from adiabloch.models.arguments import checked_sequence
from adiabloch.models.harmonics import power_tail, theta_derivatives
from adiabloch.names import checked_call
from adiabloch.scalars import is_whole
from adiabloch.units import BOHR
from adiabloch.workflows.dipoles import dipoles

PathLike = str | os.PathLike[str]
LARGEST_TAIL = 0.1
"""Largest size of the last harmonics of the occupied states, relative to the largest harmonic."""


@checked_call
def read_bands(
    folders: Sequence[PathLike],
    seeds: Sequence[PathLike],
    occupied: int,
    *,
    common: Cycle | ArrayLike | None,
    dimension: int = 3,
    tolerance: float = 1e-4,
) -> Bands:
    """Read all bands of the snapshots of a cycle, for `adiabloch.perturbative_by_bands`.

    Parameters
    ----------
    folders : sequence of path-like
        Folder `PREFIX.save` of Quantum ESPRESSO for each snapshot, at theta_j = 2 pi j/N, with the wave functions
        `wfc1.dat`, ...; norm-conserving pseudopotentials; k points in the order of Wannier90.
    seeds : sequence of path-like
        Seed name of each snapshot: `SEED.mmn` and `SEED.eig`, plain or compressed, of all bands of the wave functions.
        If bands are excluded from the Wannier functions, this seed differs from that of the Wannier functions.
    occupied : int
        Number of occupied bands.
    common : Cycle, or array_like of shape (N, d), or None
        Common motion of all electrons, taken with the velocity of H in base of the momentum (see
        `adiabloch.models.motion_from_plane_waves`): the mean displacement of the electrons in each snapshot in
        Angstrom, or the cycle of the same snapshots in Wannier functions, whose polarization gives it, or None. In a
        local potential the result does not depend on it, apart from the finite differences. With nonlocal
        pseudopotentials it shifts a contribution between this part and the Chern-Simons part. Therefore it must be the
        motion that `read_motion` subtracted, which is that of the cycle of Wannier functions: pass this cycle.
    dimension : int
        Number of dimensions; 2 for a slab in the xy plane.
    tolerance : float
        Accuracy of the mean displacement, relative to a lattice vector.

    Returns
    -------
    Bands
        Overlaps and wave functions are read on demand.

    Raises
    ------
    FileFormatError
        A file is missing, truncated, or of another calculation; the message names the file and the location.
    InvalidArgumentError
        The lists differ in length, the cycle is of another crystal, or `occupied` is out of range.
    """
    return bands_of_snapshots(_find_snapshots(folders, seeds), occupied, common, dimension, tolerance)


def bands_of_snapshots(
    snapshots: tuple[Snapshot, ...],
    occupied: int,
    common: Cycle | ArrayLike | None,
    dimension: int,
    tolerance: float,
    velocities: dict[Path, Complex] | None = None,
) -> Bands:
    """Bands of snapshots whose files were found, as `read_bands`; `velocities` keeps those of images."""
    if dimension not in (2, 3):
        raise InvalidArgumentError(f"dimension: {dimension!r}, expected 2 or 3")
    bands = snapshots[0].energies.shape[1]
    if not (is_whole(occupied, 1) and occupied < bands):
        raise InvalidArgumentError(f"occupied: {occupied!r}, expected 1 <= occupied <= {bands - 1}")
    reciprocal, points = _mesh(snapshots[0], dimension)
    lattice = _lattice(snapshots[0], reciprocal, dimension)
    if isinstance(common, Cycle):
        common = _mean_displacement(common, lattice, len(snapshots), int(occupied), tolerance)
    shape = (len(snapshots), dimension)
    moved = np.zeros(shape) if common is None else checked(common, "common", shape)
    kept = {} if velocities is None else velocities
    return Bands(snapshots, int(occupied), lattice, reciprocal, points, theta_derivatives(moved), kept)


def _lattice(snapshot: Snapshot, reciprocal: Float, dimension: int) -> Lattice:
    """Lattice of the crystal from all three reciprocal vectors."""
    vectors = 2 * np.pi * np.linalg.inv(reciprocal).T
    if np.abs(vectors[:dimension, dimension:]).max(initial=0.0) > 1e-6:
        raise FileFormatError(
            f"{snapshot.folder}: lattice vectors with components beyond the first {dimension} axes, expected none"
        )
    return Lattice(vectors[:dimension, :dimension], ev_angstrom=True)


def _find_snapshots(folders: Sequence[PathLike], seeds: Sequence[PathLike]) -> tuple[Snapshot, ...]:
    """Find the files of all snapshots and check that these have the same numbers of bands and k points."""
    folders, seeds = (
        checked_sequence(given, name, str | os.PathLike, "paths, one for each snapshot")
        for given, name in ((folders, "folders"), (seeds, "seeds"))
    )
    if len(folders) != len(seeds) or len(seeds) < 3:
        raise InvalidArgumentError(
            f"read_bands: {len(folders)} folders and {len(seeds)} seeds, expected one of each for every snapshot, "
            "three at least"
        )
    snapshots = tuple(Snapshot.of(folder, seed) for folder, seed in zip(folders, seeds, strict=True))
    first = snapshots[0]
    for one in snapshots:
        if one.energies.shape != first.energies.shape:
            points, bands = one.energies.shape
            raise FileFormatError(
                f"{one.overlaps}, line 2: {bands} bands at {points} k points, expected {first.energies.shape[1]} at "
                f"{first.energies.shape[0]} as in {first.overlaps}"
            )
    return snapshots


@dataclass(frozen=True, eq=False)
class Bands:
    """All bands of the snapshots of a cycle, read one k point at a time.

    Implements the protocol `adiabloch.workflows.all_bands.BandsOfCycle`.
    """

    snapshots: tuple[Snapshot, ...]
    occupied: int
    lattice: Lattice
    reciprocal: Float
    """All three reciprocal vectors as rows, 1/Angstrom."""
    points: Float
    """Reduced wave vectors, (K, 3)."""
    rates: Float
    """Velocity of the common motion, (N, d)."""
    velocities: dict[Path, Complex]
    """Velocity matrices (K, d, bands, bands) of the sources of images, by the file of overlaps, once they are known."""

    _repr_html_ = record_html

    @property
    def size(self) -> int:
        """Number of bands."""
        return int(self.snapshots[0].energies.shape[1])

    def frames(self) -> Iterator[Eigenframe]:
        """Iterate over the k points: eigenframes of all snapshots, (N, bands), along k and theta.

        Raises
        ------
        FileFormatError
            As for `read_bands`.
        CoarseCycleError
            The occupied states are not smooth along the cycle; the message states the size of their last harmonics.
        """
        names = self.lattice.directions
        harmonics = np.zeros(len(self.snapshots))
        with ExitStack() as stack:
            tracks = [self._reader(one, stack) for one in self.snapshots]
            for point in range(len(self.points)):
                found = [track.read(point) for track in tracks]
                G = found[0].G
                for one, other in zip(self.snapshots, found, strict=True):
                    if not np.array_equal(other.G, G):
                        raise FileFormatError(
                            f"{one.folder}: plane waves at k point {point + 1} that are not those of "
                            f"{self.snapshots[0].folder}, expected one lattice and one cutoff"
                        )
                momenta = ((self.points[point] + G) @ self.reciprocal)[:, : len(names)]
                velocities = np.array([one.velocities for one in found])
                frame, powers = frame_of_snapshots(
                    np.array([one.energies for one in found]),
                    {name: velocities[:, axis] for axis, name in enumerate(names)},
                    np.array([one.states for one in found]),
                    momenta,
                    self.occupied,
                    self.rates,
                )
                harmonics += powers
                yield frame
            for track in tracks:
                track.check_end()
        # four displaced crystals have a first harmonic, and the second one is the error
        tail = power_tail(harmonics) if len(harmonics) != 4 else float(np.sqrt(harmonics[2] / max(harmonics[1:])))
        if tail > LARGEST_TAIL:
            raise CoarseCycleError(
                f"bands: the occupied states are not smooth along the cycle: their last harmonics reach {tail:.1e} of "
                f"the largest one, expected at most {LARGEST_TAIL:.0e}; give more snapshots, in the order of their "
                "phases",
                tail=tail,
            )

    def _reader(self, snapshot: Snapshot, stack: ExitStack) -> SnapshotReader | ImageReader:
        """Reader of a snapshot, or of an image of it."""
        mesh = BandMesh(self.snapshots[0].folder, self.size, self.lattice.dimension, self.reciprocal, self.points)
        if snapshot.back is None:
            return SnapshotReader(mesh, snapshot, stack.enter_context(closing(OverlapFile(snapshot.overlaps))))
        if snapshot.overlaps not in self.velocities:
            with closing(OverlapFile(snapshot.overlaps)) as file:
                reader = SnapshotReader(mesh, snapshot, file)
                found = np.array([reader.read(point).velocities for point in range(len(self.points))])
                reader.check_end()
            self.velocities[snapshot.overlaps] = found
        return ImageReader(mesh, snapshot, snapshot.back, self.velocities[snapshot.overlaps])


def _mesh(snapshot: Snapshot, dimension: int) -> tuple[Float, Float]:
    """Read the reciprocal vectors in 1/Angstrom and the reduced k points (K, 3), and check that these form a mesh."""
    heads = []
    for point in range(len(snapshot.energies)):
        with wave_file(snapshot.folder, point) as file:
            heads.append(read_header(file))
            if abs(float(np.linalg.det(heads[0].reciprocal))) < 1e-9:
                file.refuse("reciprocal vectors that are not independent, expected three that are")
            if np.abs(heads[point].reciprocal - heads[0].reciprocal).max() > WAVE_VECTOR_TOLERANCE:
                file.refuse("another lattice than at the first k point, expected the same")
    points = np.array([head.reduced for head in heads])
    # in the interval [0, 1), up to rounding errors
    steps = (points - points[0] + 1e-6) % 1.0 - 1e-6
    sides = [1 + int((np.diff(np.sort(along)) > 1e-5).sum()) for along in steps.T]
    scaled = steps * sides
    rounded = np.rint(scaled)
    distinct = len(np.unique(rounded % sides, axis=0))
    if np.abs(scaled - rounded).max() > 1e-3 or not distinct == len(points) == int(np.prod(sides)):
        raise FileFormatError(f"{snapshot.folder}: k points that do not form a mesh, expected each point once")
    if any(side != 1 for side in sides[dimension:]):
        raise FileFormatError(
            f"{snapshot.folder}: a mesh of {tuple(sides)}, expected one point across the {dimension}D crystal"
        )
    return heads[0].reciprocal / BOHR, points


def _mean_displacement(cycle: Cycle, lattice: Lattice, count: int, occupied: int, tolerance: float) -> Float:
    """Mean displacement of the electrons, (N, d), from the polarization of the snapshots in Wannier functions."""
    if cycle.lattice.dimension != lattice.dimension or np.abs(cycle.lattice.vectors - lattice.vectors).max() > 1e-4:
        raise InvalidArgumentError(
            f"common: a cycle with lattice vectors {cycle.lattice.vectors.tolist()}, expected "
            f"those of the wave functions, {lattice.vectors.round(6).tolist()}"
        )
    if len(cycle.snapshots) != count:
        raise InvalidArgumentError(f"common: a cycle of {len(cycle.snapshots)} snapshots, expected {count}")
    return dipoles(cycle, occupied, Run(tolerance)) / occupied
