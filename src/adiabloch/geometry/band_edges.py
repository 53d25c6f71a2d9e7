"""Indirect gap: search for occupied levels above empty levels, at every phase of a cycle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from adiabloch.arrays import Float, tensor_grid
from adiabloch.errors import OverlappingBandsError
from adiabloch.geometry.batches import energies_at
from adiabloch.geometry.gaps import coarse_mesh, describe_point
from adiabloch.geometry.kept_results import ResultsByCrystal
from adiabloch.models.crystal import Crystal, Matrices

POINTS = 1500
"""Approximate number of points of the coarse mesh."""
CANDIDATES = 3
"""Number of maxima of the valence band, and of minima of the conduction band, from which the search starts."""
PHASES = 3
"""Number of phases of a cycle from which the search starts."""
FINEST = 1e-9
"""Smallest step of the search, in reduced coordinates."""
ROUNDING = 1e-12
"""Fraction of the largest energy below which an overlap counts as rounding."""


@dataclass(frozen=True, eq=False)
class BandEdges:
    """Highest occupied and lowest empty level, at the phase of a cycle where their distance is smallest."""

    valence: float
    conduction: float
    valence_at: Float
    """Reduced coordinates, and theta/2 pi for a cycle."""
    conduction_at: Float
    phases: Float
    """theta/2 pi of the coarse mesh; a single zero for a model."""
    middles: Float
    """Energy half-way between the two levels at each of these phases."""
    rounding: float
    """Largest overlap that counts as rounding."""

    @property
    def gap(self) -> float:
        """Indirect gap; negative if the bands overlap."""
        return self.conduction - self.valence

    @property
    def overlap(self) -> bool:
        """True if the bands overlap by more than rounding."""
        return self.gap < -self.rounding

    def middle(self, points: Float, cyclic: bool) -> Float:
        """Energy between occupied and empty levels at the phases of points (P, D), by linear interpolation."""
        if not cyclic:
            return np.full(len(points), self.middles[0])
        return np.interp(points[:, -1], self.phases, self.middles, period=1.0)


_KNOWN: ResultsByCrystal[int, BandEdges] = ResultsByCrystal()


def band_edges(crystal: Crystal, occupied: int) -> BandEdges:
    """Highest occupied and lowest empty level, each at its own k but at one phase.

    The search starts from the extrema of a coarse mesh. The result is kept as long as the crystal exists.

    Parameters
    ----------
    crystal : Crystal
    occupied : int
        Number of occupied bands, smaller than the number of bands.
    """
    known = _KNOWN.of(crystal)
    if occupied not in known:
        known[occupied] = _search(crystal, occupied)
    return known[occupied]


def exact_band_edges(crystal: Crystal, occupied: int, points: int | None = None) -> BandEdges:
    """Highest occupied and lowest empty level, refined to the smallest step whatever the gap is."""
    return _search(crystal, occupied, points=points, to_the_end=True)


def check_insulator(crystal: Crystal, occupied: int) -> None:
    """Check that no occupied level lies above an empty level.

    Raises
    ------
    OverlappingBandsError
    """
    if occupied < crystal.size:
        edges = band_edges(crystal, occupied)
        if edges.overlap:
            edges = min(edges, exact_band_edges(crystal, occupied), key=attrgetter("gap"))
            raise _overlap_error(crystal, occupied, edges)


def check_insulator_near(crystal: Crystal, occupied: int, at: Float) -> None:
    """Check the gap at the phase of a point `at` where a level crosses the middle of the gap.

    Raises
    ------
    OverlappingBandsError
    """
    if _search(crystal, occupied, at).overlap:
        raise _overlap_error(crystal, occupied, _search(crystal, occupied, at, to_the_end=True))


def _overlap_error(crystal: Crystal, occupied: int, edges: BandEdges) -> OverlappingBandsError:
    d = crystal.lattice.dimension
    top, bottom, energy = edges.valence_at, edges.conduction_at, crystal.units.energy
    return OverlappingBandsError(
        f"occupied: no insulator has {occupied} occupied bands here: the highest level of band {occupied - 1}, "
        f"{energy * edges.valence:.6g} at {describe_point(crystal, top)}, lies above the lowest one of band "
        f"{occupied}, {energy * edges.conduction:.6g} at {describe_point(crystal, bottom)}. "
        "This is a metal: give chemical_potential= to a "
        "response that takes it, or bands= to one that is defined for any group of bands apart from the others",
        gap=energy * edges.gap,
        valence=energy * edges.valence,
        conduction=energy * edges.conduction,
        k=tuple(float(x) for x in top[:d]),
        k_conduction=tuple(float(x) for x in bottom[:d]),
        theta=float(2 * np.pi * top[d]) if len(top) > d else None,
    )


def _search(
    crystal: Crystal, occupied: int, near: Float | None = None, points: int | None = None, *, to_the_end: bool = False
) -> BandEdges:
    """Band edges by a search from the extrema of a coarse mesh, or from a point and the extrema at its phase."""
    d, cyclic = crystal.lattice.dimension, len(crystal.directions) > crystal.lattice.dimension
    levels, points = _levels(crystal.matrices(), occupied), POINTS if points is None else points
    if not crystal.lattice.periodic:
        # nothing depends on the wave vector
        mesh = np.zeros((points if cyclic else 1, len(crystal.directions)))
        mesh[:, d:] = np.arange(len(mesh))[:, None] / len(mesh)
        return _of_molecule(levels, mesh, cyclic)
    if near is None:
        mesh, n = coarse_mesh(crystal, points)
    else:
        n = max(4, int(points ** (1 / len(crystal.directions))))
        axes = [np.arange(n) / n] * d + [near[d:]] * cyclic
        mesh = tensor_grid(axes)
    # (2, k, phases): minus the highest occupied level, and the lowest empty level; both are minimized
    found = levels(mesh).reshape(2, n**d, -1)
    positions = mesh.reshape(found.shape[1], found.shape[2], -1)
    gap = found.min(axis=1).sum(axis=0)
    starts = []
    for phase in np.argsort(gap, kind="stable")[: PHASES if near is None else 1]:
        here = positions[:, phase]
        top, bottom = ([here[i] for i in _local_minima(values, n, d)] for values in found[:, :, phase])
        if near is not None:
            top, bottom = [near, *top], [near, *bottom]
        starts += [(a, b) for i, a in enumerate(top) for j, b in enumerate(bottom) if i == 0 or j == 0]
    pairs = np.array(starts).swapaxes(0, 1)
    rounding = ROUNDING * float(np.abs(found).max())
    steepest, sufficient = (np.inf, -np.inf) if to_the_end else (_steepest(found, n, d), -rounding)
    lowest, where = _descend(levels, pairs, cyclic, 0.5 / n, steepest, sufficient, 0.1 * rounding)
    # a cycle: both levels at one phase; a model: each at its own minimum
    each = np.full(2, lowest.sum(axis=0).argmin()) if cyclic else lowest.argmin(axis=1)
    (valence, conduction), (valence_at, conduction_at) = lowest[(0, 1), each], where[(0, 1), each] % 1.0
    middles = 0.5 * (found[1].min(axis=0) - found[0].min(axis=0))
    if not cyclic:
        middles = np.array([0.5 * (conduction - valence)])
    phases = positions[0, :, -1] if cyclic else np.zeros(1)
    return BandEdges(float(-valence), float(conduction), valence_at, conduction_at, phases, middles, rounding)


def _of_molecule(levels: Callable[[Float], Float], mesh: Float, cyclic: bool) -> BandEdges:
    """Levels of a molecule, the same at all k, at the phases of a mesh: at one phase they are in order."""
    found = levels(mesh)
    (valence, conduction), at = found[:, found.sum(axis=0).argmin()], mesh[found.sum(axis=0).argmin()]
    phases = mesh[:, -1] if cyclic else np.zeros(1)
    rounding = ROUNDING * float(np.abs(found).max())
    return BandEdges(float(-valence), float(conduction), at, at, phases, 0.5 * (found[1] - found[0]), rounding)


def _levels(series: Matrices, occupied: int) -> Callable[[Float], Float]:
    """Function of points (P, D): minus the highest occupied level, and the lowest empty level, (2, P)."""

    def levels(points: Float) -> Float:
        size = series.at(points[:1]).shape[-1]
        return energies_at(series, points, size)[:, occupied - 1 : occupied + 1].T * [[-1.0], [1.0]]

    return levels


def _local_minima(values: Float, n: int, d: int) -> list[int]:
    """Lowest local minima of values on a mesh of n^d points, compared with neighbours along the axes."""
    grid = values.reshape((n,) * d)
    low = np.ones(grid.shape, dtype=bool)
    for axis in range(d):
        for step in (1, -1):
            low &= grid <= np.roll(grid, step, axis)
    candidates = np.flatnonzero(low.ravel())
    order: list[int] = candidates[np.argsort(values[candidates], kind="stable")][:CANDIDATES].tolist()
    return order


def _steepest(found: Float, n: int, d: int) -> float:
    """Largest change of both levels together over a step of the mesh along all axes, times n."""
    grid = found.reshape(2, *(n,) * d, -1)
    changes = [np.abs(grid - np.roll(grid, 1, axis)).reshape(2, -1).max(axis=1).sum() for axis in range(1, d + 2)]
    return n * float(np.sum(changes))


def _descend(
    levels: Callable[[Float], Float],
    pairs: Float,
    cyclic: bool,
    largest_step: float,
    steepest: float,
    sufficient: float,
    rounding: float,
) -> tuple[Float, Float]:
    """Minimize both levels from pairs of points with a common phase, if there is one.

    A pair stops when its levels are too far apart to meet within its step. All pairs stop when the gap of one is below
    `sufficient`.

    Parameters
    ----------
    levels : callable
    pairs : float array, shape (2, S, D)
    cyclic : bool
    largest_step : float
    steepest : float
        Bound of the change of both levels together, per unit of the step.
    sufficient : float
    rounding : float
        Largest gain that counts as rounding.

    Returns
    -------
    levels : float array, shape (2, S)
    points : float array, shape (2, S, D)
    """
    _, S, D = pairs.shape
    d = D - cyclic
    best, size = pairs.copy(), np.full(S, largest_step)
    lowest = levels(best.reshape(-1, D)).reshape(2, 2, S)[(0, 1), (0, 1)]
    k_steps = tensor_grid([[-1.0, 0.0, 1.0]] * d)
    offsets = np.zeros((3 if cyclic else 1, len(k_steps), D))
    offsets[..., :d] = k_steps
    if cyclic:
        offsets[..., d] = np.array([[-1.0], [0.0], [1.0]])
    while True:
        gap = lowest.sum(axis=0)
        near = (size > FINEST) & (gap <= 2 * steepest * size)
        if gap.min() < sufficient or not near.any():
            return lowest, best
        moving = np.flatnonzero(near)
        # (2, W, phases, k, D)
        points = best[:, moving, None, None] + size[moving, None, None, None] * offsets
        both = levels(points.reshape(-1, D)).reshape(2, *points.shape[:-1])[(0, 1), (0, 1)]
        k = both.argmin(axis=3)
        values = np.take_along_axis(both, k[..., None], axis=3)[..., 0]
        phase = values.sum(axis=0).argmin(axis=1)
        each = np.arange(len(moving))
        values, k = values[:, each, phase], k[:, each, phase]
        better = values.sum(axis=0) < gap[moving]
        # a step with a negligible gain was too long
        slow = values.sum(axis=0) > gap[moving] - np.maximum(0.01 * np.abs(gap[moving]), rounding)
        size[moving[slow]] *= 0.5
        moved = moving[better]
        lowest[:, moved] = values[:, better]
        for side in (0, 1):
            best[side, moved] = points[side, each, phase, k[side]][better]
