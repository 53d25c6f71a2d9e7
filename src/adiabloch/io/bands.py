r"""All bands of a calculation along a cycle, not only those that Wannier functions span.

Their velocities follow from the overlaps of neighbouring k points,

.. math:: D_a = \sum_b w_b\, b_a\, M(k, b)\, E(k + b)\, M(k, b)^\dagger ,

a finite difference of :math:`\sum_n |n\rangle E_n \langle n|` over the mesh, and how they change along the cycle from
their wave functions in plane waves (`adiabloch.geometry.snapshots`). One k point after the other is read, in all
snapshots, so that memory does not grow with the mesh.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import CoarseCycleError, FileFormatError, InvalidArgumentError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.snapshots import frame_of_snapshots
from adiabloch.io.neighbours import matching, shell_weights
from adiabloch.io.opening import uncompressed
from adiabloch.io.overlaps import OverlapFile
from adiabloch.io.seeds import beside, energies_beside
from adiabloch.io.waves import NORM, read_amplitudes, read_head, wave_file
from adiabloch.lattice import Lattice
from adiabloch.linalg import dagger
from adiabloch.models import Cycle
from adiabloch.models.harmonics import power_tail, theta_derivatives
from adiabloch.responses.evaluation import Effort
from adiabloch.responses.polarization import dipoles
from adiabloch.units import BOHR

PathLike = str | os.PathLike[str]
SMOOTH = 0.1
"""How large the last harmonics of the occupied states may be, relative to the largest one."""
SAME = 1e-5
"""Between wave vectors, or reciprocal vectors, that are the same; 1/bohr."""
LEVEL = 1e-6
"""eV by which degenerate energies may be out of order."""
LINKED = 1e-4
"""Between an overlap on file and that of the wave functions."""


def read_bands(
    folders: Sequence[PathLike],
    seeds: Sequence[PathLike],
    occupied: int,
    *,
    common: Cycle | ArrayLike | None,
    dimension: int = 3,
    tolerance: float = 1e-4,
) -> Bands:
    """All bands of the snapshots of a cycle, for `adiabloch.perturbative_by_bands`.

    Parameters
    ----------
    folders : sequence of path-like
        Where Quantum ESPRESSO left the wave functions of each snapshot, at theta_j = 2 pi j/N: `PREFIX.save` with
        `wfc1.dat`, ...; norm-conserving pseudopotentials; k points as Wannier90 lists them.
    seeds : sequence of path-like
        Of each snapshot: `SEED.mmn` and `SEED.eig`, plain or compressed, of all bands that are in the wave functions.
        If some are excluded from the Wannier functions, that is another seed than theirs.
    occupied : int
        Number of occupied bands.
    common : Cycle, or array_like of shape (N, d), or None
        A motion that all electrons share, taken with the velocity of H in place of the momentum (see
        `adiabloch.models.motion_from_plane_waves`): the mean displacement of the electrons in each snapshot in
        Angstrom, or the cycle of the same snapshots in Wannier functions, whose polarization knows it; or none. In a
        local potential it changes nothing but for the finite differences. In nonlocal pseudopotentials it moves
        something from this part to the Chern-Simons part or back, so it must be the one that the motion of the
        functions was found with: `read_motion` takes out what the polarization of their cycle knows, and so that cycle
        stands here.
    dimension : int
        2 for a slab in the xy plane.
    tolerance : float
        Accuracy of that displacement, relative to a lattice vector.

    Returns
    -------
    Bands
        Overlaps and wave functions are read when they are needed.

    Raises
    ------
    FileFormatError
        A file that is missing, cut, or of another calculation; the message names it and where.
    InvalidArgumentError
        Lists of other lengths, a cycle of another crystal, `occupied` out of range.
    """
    if dimension not in (2, 3):
        raise InvalidArgumentError(f"dimension: {dimension!r}, expected 2 or 3")
    if len(folders) != len(seeds) or len(seeds) < 3:
        raise InvalidArgumentError(
            f"read_bands: {len(folders)} folders and {len(seeds)} seeds, expected one of each for every snapshot, "
            "three at least"
        )
    snapshots = tuple(_Snapshot.of(folder, seed) for folder, seed in zip(folders, seeds, strict=True))
    first = snapshots[0]
    for one in snapshots:
        if one.energies.shape != first.energies.shape:
            points, bands = one.energies.shape
            raise FileFormatError(
                f"{one.overlaps}, line 2: {bands} bands at {points} k points, expected {first.energies.shape[1]} at "
                f"{first.energies.shape[0]} as in {first.overlaps}"
            )
    if not (isinstance(occupied, int | np.integer) and 1 <= occupied < first.energies.shape[1]):
        raise InvalidArgumentError(f"occupied: {occupied!r}, expected 1 <= occupied <= {first.energies.shape[1] - 1}")
    reciprocal, points = _mesh(first, dimension)
    vectors = 2 * np.pi * np.linalg.inv(reciprocal).T
    if np.abs(vectors[:dimension, dimension:]).max(initial=0.0) > 1e-6:
        raise FileFormatError(
            f"{first.folder}: lattice vectors out of the first {dimension} axes, expected them within"
        )
    lattice = Lattice(vectors[:dimension, :dimension])
    if isinstance(common, Cycle):
        common = _mean_displacement(common, lattice, len(snapshots), int(occupied), tolerance)
    shape = (len(snapshots), dimension)
    moved = np.zeros(shape) if common is None else checked(common, "common", shape)
    return Bands(snapshots, int(occupied), lattice, reciprocal, points, theta_derivatives(moved))


@dataclass(frozen=True, eq=False)
class Bands:
    """All bands of the snapshots of a cycle, one k point at a time.

    What `adiabloch.responses.all_bands.BandsOfCycle` asks for.
    """

    snapshots: tuple[_Snapshot, ...]
    occupied: int
    lattice: Lattice
    reciprocal: Float
    """All three reciprocal vectors as rows, 1/Angstrom."""
    points: Float
    """Reduced wave vectors, (K, 3)."""
    rates: Float
    """Velocity of the common motion, (N, d)."""

    @property
    def size(self) -> int:
        """Number of bands."""
        return int(self.snapshots[0].energies.shape[1])

    def frames(self) -> Iterator[Eigenframe]:
        """Eigenframes of all snapshots, (N, bands), along k and theta, one for each k point.

        Raises
        ------
        FileFormatError
            As `read_bands`.
        CoarseCycleError
            Occupied states that are not smooth along the cycle: the message says how large their last harmonics are.
        """
        names = self.lattice.directions
        harmonics = np.zeros(len(self.snapshots))
        with ExitStack() as stack:
            tracks = [
                _Track(self, one, stack.enter_context(closing(OverlapFile(one.overlaps)))) for one in self.snapshots
            ]
            for point in range(len(self.points)):
                found = [track.at(point) for track in tracks]
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
                    np.array([one.energies[point] for one in self.snapshots]),
                    {name: velocities[:, axis] for axis, name in enumerate(names)},
                    np.array([one.states for one in found]),
                    momenta,
                    self.occupied,
                    self.rates,
                )
                harmonics += powers
                yield frame
            for track in tracks:
                track.end()
        tail = power_tail(harmonics)
        if tail > SMOOTH:
            raise CoarseCycleError(
                f"bands: the occupied states are not smooth along the cycle: their last harmonics reach {tail:.1e} of "
                f"the largest one, expected below {SMOOTH:.0e}; give more snapshots, in the order of their phases",
                tail=tail,
            )


@dataclass(frozen=True, eq=False)
class _Snapshot:
    """Where a snapshot is, and its energies."""

    folder: Path
    overlaps: Path
    energies: Float
    """(K, bands)"""

    @classmethod
    def of(cls, folder: PathLike, seed: PathLike) -> _Snapshot:
        place = Path(folder)
        if not place.is_dir():
            raise FileFormatError(f"{folder}: no such folder, expected PREFIX.save of Quantum ESPRESSO")
        path = beside(f"{os.fspath(seed)}.mmn", ".mmn", ".mmn")
        if path is None:
            raise FileFormatError(f"{os.fspath(seed)}.mmn: no such file, expected the overlaps of all bands")
        with closing(OverlapFile(path)) as file:
            points, bands = file.points, file.bands
        energies = energies_beside(uncompressed(path), ".mmn", points, bands)
        falls = (np.diff(energies, axis=1) < -LEVEL).any(axis=1)
        if falls.any():
            point = int(np.argmax(falls))
            raise FileFormatError(f"{seed}.eig: energies at k point {point + 1} fall, expected them in ascending order")
        return cls(place, path, energies)


@dataclass(frozen=True, eq=False)
class _Found:
    """What is known of a snapshot at a k point."""

    G: Integer
    states: Complex
    """(spinor, M, bands)"""
    velocities: Complex
    """(d, bands, bands)"""


class _Track:
    """A snapshot that is read k point by k point."""

    def __init__(self, bands: Bands, snapshot: _Snapshot, file: OverlapFile) -> None:
        self._bands, self._snapshot, self._file = bands, snapshot, file
        self._blocks = file.blocks()
        self._steps = self._weights = np.zeros(0)
        self._before: tuple[Integer, Complex] | None = None

    def at(self, point: int) -> _Found:
        """The next k point."""
        rows, M = next(self._blocks)
        G, states = self._waves(point)
        if self._before is not None:
            self._check_link(point, rows, M, G, states)
        self._before = G, states
        return _Found(G, states, self._velocities(point, rows, M))

    def end(self) -> None:
        """Whether the file ends as it should."""
        next(self._blocks, None)

    def _waves(self, point: int) -> tuple[Integer, Complex]:
        bands = self._bands
        with wave_file(self._snapshot.folder, point) as file:
            head = read_head(file)
            if np.abs(head.reciprocal - bands.reciprocal * BOHR).max() > SAME:
                file.refuse(f"another lattice than in {bands.snapshots[0].folder}, expected the same in all snapshots")
            if np.abs(head.wave - bands.points[point] @ head.reciprocal).max() > SAME:
                file.refuse(
                    f"k = {head.reduced.round(6).tolist()} (reduced), expected {bands.points[point].round(6).tolist()} "
                    f"as in {bands.snapshots[0].folder}"
                )
            if head.bands != bands.size:
                file.refuse(f"{head.bands} bands, expected {bands.size} as in {self._file.path}")
            G, states = read_amplitudes(file, head)
            flat = states.reshape(-1, head.bands)
            defect = float(np.abs(dagger(flat) @ flat - np.eye(head.bands)).max())
            if defect > NORM:
                file.refuse(f"bands are not orthonormal by {defect:.1e}, expected norm-conserving pseudopotentials")
        return G, states

    def _velocities(self, point: int, rows: Integer, M: Complex) -> Complex:
        bands, d = self._bands, self._bands.lattice.dimension
        steps = (bands.points[rows[:, 0]] + rows[:, 1:] - bands.points[point]) @ bands.reciprocal
        if point == 0:
            self._steps, self._weights = steps, shell_weights(self._file.path, steps)
        which = matching(steps, self._steps)
        if (which < 0).any():
            self._file.refuse(
                f"neighbours of k point {point + 1} by other steps than those of the first, expected a uniform mesh"
            )
        M, there = M[which], self._snapshot.energies[rows[which, 0]]
        transported = (M * there[:, None, :]) @ dagger(M)
        v = np.tensordot((self._weights[:, None] * self._steps[:, :d]).T, transported, axes=1)
        return np.asarray(0.5 * (v + dagger(v)))

    def _check_link(self, point: int, rows: Integer, M: Complex, G: Integer, states: Complex) -> None:
        """Whether the overlaps are those of these wave functions, if the point before is a neighbour."""
        assert self._before is not None
        others, before = self._before
        for number in np.flatnonzero(rows[:, 0] == point - 1):
            # plane wave G at k' + cell is G + cell at k'
            here, there = _common(G, others - rows[number, 1:])
            overlap = (dagger(states[:, here]) @ before[:, there]).sum(axis=0)
            apart = float(np.abs(overlap - M[number]).max())
            if apart > LINKED:
                self._file.refuse(
                    f"overlaps of k point {point + 1} with {point} are not those of the wave functions in "
                    f"{self._snapshot.folder}, by {apart:.1e}, expected files of one calculation"
                )


def _common(one: Integer, other: Integer) -> tuple[Integer, Integer]:
    """Where the rows are that both have."""
    reach = int(max(np.abs(one).max(), np.abs(other).max())) + 1
    sides = np.array([4 * reach**2, 2 * reach, 1])
    _, here, there = np.intersect1d(one @ sides, other @ sides, assume_unique=True, return_indices=True)
    return here, there


def _mesh(snapshot: _Snapshot, dimension: int) -> tuple[Float, Float]:
    """Reciprocal vectors in 1/Angstrom and reduced points (K, 3), those of a uniform mesh."""
    heads = []
    for point in range(len(snapshot.energies)):
        with wave_file(snapshot.folder, point) as file:
            heads.append(read_head(file))
            if abs(float(np.linalg.det(heads[0].reciprocal))) < 1e-9:
                file.refuse("reciprocal vectors that are not independent, expected three that are")
            if np.abs(heads[point].reciprocal - heads[0].reciprocal).max() > SAME:
                file.refuse("another lattice than at the first k point, expected the same")
    points = np.array([head.reduced for head in heads])
    # from 0 to 1, rounding included
    steps = (points - points[0] + 1e-6) % 1.0 - 1e-6
    sides = [1 + int((np.diff(np.sort(along)) > 1e-5).sum()) for along in steps.T]
    scaled = steps * sides
    whole = np.rint(scaled)
    distinct = len(np.unique(whole % sides, axis=0))
    if np.abs(scaled - whole).max() > 1e-3 or not distinct == len(points) == int(np.prod(sides)):
        raise FileFormatError(f"{snapshot.folder}: k points that are not those of a mesh, expected each of them once")
    if any(side != 1 for side in sides[dimension:]):
        raise FileFormatError(
            f"{snapshot.folder}: a mesh of {tuple(sides)}, expected one point across the {dimension}D crystal"
        )
    return heads[0].reciprocal / BOHR, points


def _mean_displacement(cycle: Cycle, lattice: Lattice, count: int, occupied: int, tolerance: float) -> Float:
    """Of the electrons, from the polarization of the snapshots in Wannier functions."""
    if cycle.lattice.dimension != lattice.dimension or np.abs(cycle.lattice.vectors - lattice.vectors).max() > 1e-4:
        raise InvalidArgumentError(
            f"common: a cycle with lattice vectors {cycle.lattice.vectors.tolist()}, expected "
            f"those of the wave functions, {lattice.vectors.round(6).tolist()}"
        )
    if len(cycle.snapshots) != count:
        raise InvalidArgumentError(f"common: a cycle of {len(cycle.snapshots)} snapshots, expected {count}")
    return dipoles(cycle, occupied, Effort(tolerance)) / occupied
