"""Integrands of insulators: formulas over eigenframes, with checks of the gap and of the smooth gauge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce

import numpy as np

from adiabloch.arrays import Complex, Float, Integer, largest, tensor_grid
from adiabloch.engine.points import PointList, Points, SelectedPoints, SeveralGrids, TensorGrid, smallest_of
from adiabloch.errors import BrokenGaugeError
from adiabloch.geometry.band_edges import BandEdges, band_edges, check_insulator, check_insulator_near
from adiabloch.geometry.frame import Eigenframe, frame_of, observables_of
from adiabloch.geometry.gaps import (
    CLOSED_GAP,
    FLAT,
    axes_of,
    axis_slopes,
    bandwidth,
    closed_gap_error,
    describe_point,
    direct_gaps,
    gap_at,
    smallest_gap,
)
from adiabloch.geometry.gauge import SmoothGauge, smooth_gauge
from adiabloch.geometry.projections import Projections, overlap_at
from adiabloch.geometry.recording import Product, Recorded
from adiabloch.integration.protocols import Minimum, Sample
from adiabloch.linalg import energies_batch
from adiabloch.minimize import pattern_search
from adiabloch.models.crystal import Crystal, Derivative, Matrices, Operator, connection_names, directions_of
from adiabloch.occupation import Group, subspace_indices

Formula = Callable[[Eigenframe], Float]
"""Eigenframe -> (P, outputs)."""
Form = Callable[[Sequence[SmoothGauge]], Float]
"""A smooth gauge for each group of bands -> (P, outputs)."""
LEVEL = "level"
"""Name, among the minima, of the distance of the levels from an energy inside the indirect gap."""
OVERLAP_SLOPES = 2.0
"""Factor on slope/overlap. The slope of an overlap sqrt(a^2 + x^2) vanishes at its minimum, so the largest ratio is
1/(2 a) and not 1/a."""
ROUNDING = 3 * np.finfo(float).eps
"""Rounding error of a value, relative to the size of its products: chosen with random insulators whose bars contain
rounding errors only."""
MIXED = 2.0
"""Rounding error of states next to a gap, relative to ROUNDING times the scale of H over the gap: from Dirac cones."""
CALL_BYTES = 2**23
"""Size of the matrices of a call. Calls of NumPy that take less than a tenth of a millisecond cost more than matrices
that do not fit into the innermost cache, and hinder other threads."""
BROKEN_GAUGE = 1e-5
"""Overlap below which a gauge counts as singular."""


@dataclass(frozen=True, eq=False)
class Insulator:
    """Integrand over the zone (and the cycle) of a crystal with a gap.

    Parameters
    ----------
    crystal : Crystal
    groups : sequence of int or (int, int)
        Groups of occupied bands, each with a gap to all other bands; usually one, the number of occupied bands.
    formula : callable, optional
        Eigenframe -> values (P, outputs); picklable.
    needs : Recorded
        Derivatives that the formula needs, and the sizes of its products.
    form : callable, optional
        Terms that need a smooth gauge: gauges of the groups -> values (P, outputs), added to those of the formula.
    gauge_needs : sequence
        Derivatives that the gauges need.
    projections : sequence of Projections, optional
        Projections of each group, for the form.
    operators : mapping {name: Operator}, optional
        Bounded observables of the frame.
    theta : float array, optional
        For a cycle: phases that become outputs, in place of the integral over theta.
    """

    crystal: Crystal
    groups: tuple[Group, ...]
    formula: Formula | None = None
    needs: Recorded = field(default_factory=Recorded)
    form: Form | None = None
    gauge_needs: tuple[Derivative, ...] = ()
    projections: tuple[Projections, ...] = ()
    operators: Mapping[str, Operator] = field(default_factory=dict)
    theta: Float | None = None
    extra_directions: tuple[str, ...] = ()
    """Directions other than those of the torus with a connection; the trial orbitals do not depend on them."""
    filled: bool = True
    """True if the bands up to the last group are filled and all others empty, and so must not overlap in energy."""

    @property
    def dimension(self) -> int:
        """Number of axes integrated over."""
        return len(self.crystal.directions) - (self.theta is not None)

    @cached_property
    def along(self) -> tuple[Derivative, ...]:
        """Derivatives of the frame: those of the formula and the gauge, and those along all axes for the slopes."""
        of_gauge = [x for x in self.gauge_needs if x not in self._positions]
        wanted = [*self.crystal.directions, *self.needs.derivatives, *of_gauge]
        return tuple(x for x in dict.fromkeys(wanted) if x not in self.operators)

    @cached_property
    def _positions(self) -> dict[str, Complex]:
        """Positions (N, N) of orbitals that do not depend on the point, by name, which then act on trial orbitals only.

        Empty for Wannier functions, orbitals that move, and if the formula itself needs positions.
        """
        names = tuple(name for a in self.crystal.directions if a.startswith("k") for name in connection_names(a))
        fixed = not (self.crystal.has_basis_connection or self.crystal.orbitals_move)
        if not fixed or self.form is None or not {*names}.isdisjoint(self.needs.derivatives):
            return {}
        matrices = self.crystal.matrices(names).at(np.zeros((1, len(self.crystal.directions))))[0, 1:]
        return dict(zip(names, matrices, strict=True))

    @property
    def batch(self) -> int:
        """Number of points for each call, with working arrays of about the size of the cache."""
        return points_per_call(self.crystal.size, len(self.along), self.theta)

    @cached_property
    def _matrices(self) -> Matrices:
        return self.crystal.matrices(self.along)

    @cached_property
    def _closed(self) -> float:
        return CLOSED_GAP * bandwidth(self.crystal)

    @cached_property
    def _level(self) -> BandEdges | None:
        """Band edges around the Fermi level; None if there are no empty bands, or if other bands may be filled."""
        if not self.filled or self._occupied == self.crystal.size:
            return None
        return band_edges(self.crystal, self._occupied)

    @cached_property
    def _searched(self) -> dict[str, float]:
        """Smallest gap and overlap that a search has found so far."""
        return {}

    @property
    def _occupied(self) -> int:
        """Number of bands up to the last group."""
        return max(subspace_indices(group, self.crystal.size)[0].stop for group in self.groups)

    @property
    def _band_counts(self) -> list[int]:
        """Numbers of bands below each gap; empty if all bands are filled."""
        bounds = (subspace_indices(group, self.crystal.size)[0] for group in self.groups)
        return sorted({count for inside in bounds for count in (inside.start, inside.stop)} - {0, self.crystal.size})

    def __getstate__(self) -> dict[str, object]:
        """Not pickled: the Fourier series is rebuilt in each worker."""
        return {key: value for key, value in self.__dict__.items() if key != "_matrices"}

    def __call__(self, axes: Sequence[Float]) -> Sample:
        """Evaluate values, rounding errors, minima and slopes on a tensor grid."""
        return self._sample(TensorGrid(axes))

    def on_grids(self, grids: Sequence[Sequence[Float]], edges: Float | None = None) -> Sample:
        """Evaluate the same on several tensor grids, whose points follow each other.

        With `edges`, reduced vectors as rows (D, D), the coordinates and the slopes are those along these vectors.
        """
        if edges is None:
            return self._sample(SeveralGrids([TensorGrid(axes) for axes in grids]))
        lengths = np.diag(edges)
        if (edges == np.diag(lengths)).all():
            along = ([length * axis for length, axis in zip(lengths, axes, strict=True)] for axes in grids)
            return self._sample(SeveralGrids([TensorGrid(axes) for axes in along]), edges)
        return self._sample(PointList(np.concatenate([tensor_grid(axes) for axes in grids]) @ edges), edges)

    @property
    def reciprocal(self) -> Float | None:
        """Reciprocal vectors, for the search for symmetries; None with fixed phases of a cycle."""
        return self.crystal.lattice.reciprocal if self.theta is None else None

    def near_smallest_gaps(self, count: int) -> Float:
        """Random reduced points within the width of the smallest gaps, `count` points for each gap."""
        points: list[Float] = []
        for bands in self._band_counts:
            found = smallest_gap(self.crystal, bands)
            away = np.random.default_rng(25).uniform(-0.5, 0.5, (count, self.dimension))
            points.extend(found.at + away / np.maximum(found.sharpness, 1.0))
        return np.array(points).reshape(-1, self.dimension)

    def levels(self, points: Float) -> Float:
        """Energies at reduced points (P, d), (P, N)."""
        return energies_batch(self._matrices.at(points)[:, 0])

    def values(self, points: Float) -> Float:
        """Values at reduced points (P, d), (P, outputs)."""
        return self._sample(PointList(points)).values

    def on_part(self, axes: Sequence[Float], which: np.ndarray, steps: Integer) -> Sample:
        """Evaluate at points of a tensor grid that a mask selects, with the sharpness along integer steps (S, d)."""
        return self._sample(SelectedPoints(axes, which), steps)

    def _sample(self, given: Points, steps: Integer | Float | None = None) -> Sample:
        points = given if self.theta is None else given.repeated(self.theta / (2 * np.pi))
        frame = self._frame(points)
        gap, slopes = self._smallest_gaps(frame, points, steps)
        values, noise = np.zeros((len(gap), 1)), np.zeros(len(gap))
        if self.formula is not None:
            values = self.formula(frame)
            noise = np.maximum(self._sizes(frame, gap), largest(np.abs(values)) * _mixing(frame, gap))
        minima = {"gap": smallest_of(gap, points)} if self._band_counts else {}
        if self._level is not None:
            minima[LEVEL] = smallest_of(self._distance_from_level(frame, self._level, points), points)
        sharpness = slopes / gap[:, None]
        if self.form is not None:
            gauges = self._gauges(frame, points)
            overlap, change = self._smallest_overlaps(gauges, steps)
            minima["overlap"] = smallest_of(overlap, points)
            sharpness = np.maximum(sharpness, OVERLAP_SLOPES * change / overlap[:, None])
            values = values + self.form(gauges)
            noise = noise + self._form_noise(frame, gap, overlap, gauges)
        noise = ROUNDING * noise
        if self.theta is not None:
            values, noise = phases_as_outputs(values, noise, len(self.theta))
            sharpness = sharpness.reshape(-1, len(self.theta), sharpness.shape[1]).max(axis=1)
        return Sample(values, noise, minima, sharpness if steps is not None else sharpness[:, : self.dimension])

    def size(self) -> float:
        """Mean size of the terms of the formula, without cancellation, on a coarse mesh."""
        axes = [np.arange(4) / 4 + 0.05] * self.dimension
        points = TensorGrid(axes if self.theta is None else [*axes, self.theta / (2 * np.pi)])
        frame = self._frame(points)
        return float(self._sizes(frame, self._smallest_gaps(frame, points)[0]).mean())

    def _frame(self, points: Points) -> Eigenframe:
        """Eigenframe with all derivatives and observables that the integrand needs."""
        return frame_of(points.of(self._matrices), self.along, observables_of(self.operators, points.of))

    @property
    def over_cycle(self) -> bool:
        """True if the last axis of the integral is the phase of a cycle."""
        return self.dimension > self.crystal.lattice.dimension

    def largest_sharpness(self) -> Float:
        """Inverse width of the narrowest feature along each axis, from a coarse mesh and from the smallest gap."""
        largest = np.zeros(self.dimension)
        for count in self._band_counts:
            largest = np.maximum(largest, smallest_gap(self.crystal, count).sharpness[: self.dimension])
        return largest

    def check_filling(self) -> None:
        """Check that no occupied level lies above an empty level.

        Raises
        ------
        OverlappingBandsError
        """
        if self._level is not None:
            check_insulator(self.crystal, self._occupied)

    def inspect(self, minima: Mapping[str, Minimum], resolved: bool) -> None:
        """Refine the minima if the mesh does not resolve a gap or overlap, or if a level crosses the middle of the gap.

        A gap or overlap is searched for again only if the mesh shows a smaller value than the last search has found.

        Raises
        ------
        OverlappingBandsError
            An occupied level lies above an empty level.
        GapClosedError
            The gap closes near the smallest one on the mesh.
        BrokenGaugeError
            An overlap vanishes near the smallest one on the mesh.
        """
        if LEVEL in minima and minima[LEVEL].value < 0:
            check_insulator_near(self.crystal, self._occupied, minima[LEVEL].at)
        if resolved:
            return
        if self._band_counts and minima["gap"].value < self._searched.get("gap", np.inf):
            for count in self._band_counts:
                gap, fixed = gap_at(self.crystal, count), self.crystal.lattice.constant_axes
                smallest, where = pattern_search(gap, minima["gap"].at, flat=FLAT, fixed=fixed)
                if smallest <= self._closed:
                    raise closed_gap_error(self.crystal, smallest, where, count)
                self._searched["gap"] = min(smallest, self._searched.get("gap", np.inf))
        if "overlap" not in minima or minima["overlap"].value >= self._searched.get("overlap", np.inf):
            return
        for group, projections in zip(self.groups, self.projections, strict=False):
            overlap, fixed = overlap_at(self.crystal, group, projections), self.crystal.lattice.constant_axes
            smallest, where = pattern_search(overlap, minima["overlap"].at, flat=FLAT, fixed=fixed)
            self._searched["overlap"] = min(smallest, self._searched.get("overlap", np.inf))
            if smallest < BROKEN_GAUGE:
                raise BrokenGaugeError(
                    f"the projections do not span the occupied states: their smallest overlap falls to "
                    f"{smallest:.1e} at {describe_point(self.crystal, where)}. No Chern number forbids a smooth gauge, "
                    "so other projections will do; give them as projections=",
                    overlap=smallest,
                    at=tuple(float(x) for x in where),
                )

    def _gauges(self, frame: Eigenframe, points: Points) -> list[SmoothGauge]:
        gauges, directions = [], (*self.crystal.directions, *self.extra_directions)
        positions = list(self._positions.values())
        for group, projections in zip(self.groups, self.projections, strict=True):
            orbitals, slopes = projections.coefficients[0], []
            if not projections.constant:
                orbitals, *slopes = points.of(projections.series(self.crystal.lattice.vectors)).swapaxes(0, 1)
            if slopes or positions:
                slopes += [np.zeros_like(orbitals)] * (len(directions) - len(slopes))
                # covariant derivatives along k
                slopes[: len(positions)] = [
                    slope - 1j * (r @ orbitals) for slope, r in zip(slopes, positions, strict=False)
                ]
            gauges.append(smooth_gauge(frame, group, orbitals, directions, slopes))
        return gauges

    def _distance_from_level(self, frame: Eigenframe, level: BandEdges, points: Points) -> Float:
        """Distance of the levels next to the gap from an energy inside it, (P,); negative on the wrong side."""
        occupied = self._occupied
        cyclic = len(self.crystal.directions) > self.crystal.lattice.dimension
        middle = points.of_last(lambda last: level.middle(last[:, None], cyclic))
        return np.minimum(frame.energies[:, occupied] - middle, middle - frame.energies[:, occupied - 1])

    def _smallest_gaps(
        self, frame: Eigenframe, points: Points, steps: Integer | Float | None = None
    ) -> tuple[Float, Float]:
        """Smallest gap at each point, and its slopes along the axes, or along steps."""
        gaps: list[Float] = []
        slopes = np.zeros((len(frame.energies), len(self.crystal.directions if steps is None else steps)))
        for count in self._band_counts:
            here = direct_gaps(frame, count)
            narrowest = smallest_of(here, points)
            if narrowest.value <= self._closed:
                raise closed_gap_error(self.crystal, narrowest.value, narrowest.at, count)
            own = axis_slopes(frame, count, self.crystal.lattice, steps)
            slopes = np.where((here < gaps[-1])[:, None], own, slopes) if gaps else own
            gaps.append(np.minimum(here, gaps[-1]) if gaps else here)
        return gaps[-1] if gaps else np.full(len(slopes), np.inf), slopes

    def _smallest_overlaps(
        self, gauges: Sequence[SmoothGauge], steps: Integer | Float | None = None
    ) -> tuple[Float, Float]:
        """Smallest overlap at each point, and its slopes along the axes, or along steps."""
        names, to_axes = axes_of(gauges[0].frame, self.crystal.lattice, steps)
        overlap = np.min([gauge.overlaps[:, -1] for gauge in gauges], axis=0)
        change = [
            np.abs(np.tensordot(to_axes, [gauge.overlap_changes[a] for a in names], axes=1)).T for gauge in gauges
        ]
        return overlap, np.max(change, axis=0)

    def _sizes(self, frame: Eigenframe, gap: Float) -> Float:
        """Largest product of the formula, (P,)."""
        sizes = [self._product_size(frame, gap, product) for product in self.needs.products]
        return reduce(np.maximum, sizes, np.zeros(len(gap)))

    def _product_size(self, frame: Eigenframe, gap: Float, product: Product) -> Float:
        """Bound of a product of the formula, (P,): the sizes of its factors over powers of the gap.

        Products without denominators have the errors of the states. With denominators this would overestimate those
        of formulas whose largest terms cancel, for which the values count.
        """
        squares = [self._largest_square(frame, group) for group in product.factors]
        size = np.sqrt(reduce(np.multiply, squares)) if squares else np.ones(len(gap))
        inverse = 1.0 / gap
        factors = [inverse] * product.denominators if product.denominators else [_mixing(frame, gap)]
        return reduce(np.multiply, factors, size)

    def _form_noise(self, frame: Eigenframe, gap: Float, overlap: Float, gauges: Sequence[SmoothGauge]) -> Float:
        """Bound of the forms A_a F_bc of a gauge, three factors of the size of a connection; (P,)."""
        if not self._band_counts:
            # all bands are in the group: the connections are those of the basis
            each = [np.abs(A).sum(axis=(1, 2)) for gauge in gauges for A in gauge.connections.values()]
            return np.asarray(np.max(each, axis=0) ** 3 + np.max(each, axis=0))
        coupling = np.sqrt(self._largest_square(frame, [(a,) for a in self.crystal.directions])) / gap
        return (coupling / overlap) ** 3

    @staticmethod
    def _largest_square(frame: Eigenframe, group: Sequence[Derivative]) -> Float:
        """Largest sum of the squared moduli of a matrix among several derivatives, (P,)."""
        return reduce(np.maximum, [frame.square(*directions_of(direction)) for direction in group])


def _mixing(frame: Eigenframe, gap: Float) -> Float:
    """Rounding error of the states, relative to ROUNDING, (P,): states on both sides of a small gap are mixed."""
    return np.maximum(1.0, MIXED * frame.scale / gap)


def points_per_call(size: int, derivatives: int, theta: Float | None) -> int:
    """Number of points for each call, with matrices of about `CALL_BYTES`; each phase counts as a point."""
    bytes_each = 16 * size**2 * (3 + derivatives)
    points = min(CALL_BYTES // bytes_each, 16384) // (1 if theta is None else len(theta))
    return max(points, min(16, 2 * CALL_BYTES // bytes_each), 1)


def phases_as_outputs(values: Float, noise: Float, phases: int) -> tuple[Float, Float]:
    """Reshape values at points, with the phase as the fastest axis, to (P, outputs x phases)."""
    by_output = values.reshape(-1, phases, values.shape[1]).swapaxes(1, 2)
    return by_output.reshape(len(by_output), -1), noise.reshape(-1, phases).max(axis=1)
