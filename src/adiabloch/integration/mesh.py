"""Uniform meshes on the torus, doubled along each axis until the error is small.

For a smooth periodic integrand the mean over a uniform mesh converges exponentially, if the mesh resolves the smallest
gap. The axes converge at different rates: the phase of a cycle often needs eight points where k needs a hundred. A mesh
of 2n points consists of the mesh of n points and the points between them, so no point is evaluated twice. The error is
estimated from the Fourier coefficients on the mesh (`adiabloch.integration.spectrum`). For this, sums over all axes but
one, and sums over residue classes of the point numbers, are kept. Their memory grows with the side of the mesh only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import Unpack

import numpy as np

from adiabloch.arrays import Float
from adiabloch.integration.block_sums import (
    Block,
    BlockSums,
    Levels,
    Mesh,
    blocks,
    bundles,
    smallest,
    sum_block,
    sum_bundle,
    sum_orbits,
)
from adiabloch.integration.checkpoints import run_stage
from adiabloch.integration.goal import Goal, Settings
from adiabloch.integration.orbits import Orbits, find_orbits, worthwhile
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import Integrand, Minimum
from adiabloch.integration.running import stoppable, workers
from adiabloch.integration.spectrum import aliasing_errors, axis_decays, classes

CHEAPER = 0.7
"""Points of a new mesh for each missing point of doubled meshes, up to which the new mesh is chosen."""
FEWEST = 24
"""Number of points along an axis from which the decay of the error is taken as known."""
MARGIN = 0.9
"""Fraction of the decay of the error that the choice of a sufficient mesh relies on."""
LARGER = 8
"""Factor on the number of points of a block, up to which it is raised if only one of all equivalent points is
evaluated."""
RESOLUTION = 1.0
"""Required number of points along an axis for each width of the narrowest feature found."""


@dataclass(frozen=True, eq=False)
class Integral:
    """Mean of an integrand over the torus."""

    value: Float
    """(outputs,)."""
    error: float
    """Estimated error of the largest output, rounding included."""
    mesh: Mesh
    """Points along each axis; empty for boxes."""
    points: int
    """Number of evaluations."""
    converged: bool
    """True if the error is below the tolerance and the points resolve the narrowest feature found."""
    resolved: bool
    """True if the points resolve the narrowest feature found."""
    minima: Mapping[str, Minimum]
    """Smallest values found of quantities that must not vanish: "gap", "overlap"."""
    boxes: int = 0
    """Number of boxes of an adaptive integral."""
    next_points: float = 0.0
    """Number of evaluations with the next mesh, if there are more than the limit allows."""
    lack: float = 0.0
    """Further error by what the integrand lacks of given symmetries."""
    share: float = 1.0
    """Fraction of the phases of a cycle that symmetry leaves."""

    @property
    def described_points(self) -> str:
        """Arrangement of the points, for messages."""
        if self.boxes:
            return f"in {self.boxes} boxes with {self.points} points in all"
        return f"on a mesh of {' x '.join(map(str, self.mesh))}"

    def times(self, factor: float) -> Integral:
        """Copy of the integral in another unit, multiplied by `factor`."""
        size = abs(factor)
        return replace(self, value=self.value * factor, error=self.error * size, lack=self.lack * size)


def integrate(
    integrand: Integrand,
    goal: Goal,
    *,
    start: Mesh,
    fixed: bool = False,
    symmetry: bool = False,
    **settings: Unpack[Settings],
) -> Integral:
    """Mean of `integrand` over the unit torus.

    Parameters
    ----------
    integrand : Integrand
    goal : Goal
    start : tuple of int
        Half the number of points of the first mesh along each axis.
    fixed : bool
        True to evaluate the mesh `start` itself and no finer mesh.
    symmetry : bool
        True to evaluate one of all points that are equivalent by symmetry, if the integrand has any.
    **settings : Settings

    Returns
    -------
    Integral
        Its `converged` is True if the goal was reached.

    Raises
    ------
    ToleranceNotReachedError
        If the coarsest mesh has more points than the limit. Nothing is evaluated then.
    Stopped
        Ctrl-C; with the Integral on the finest completed mesh.
    """
    bar, inspect = settings.get("progress") or ProgressBar("", visible=False), settings.get("inspect")
    sums = _Sums(integrand, start if fixed else tuple(2 * n for n in start), symmetry)
    levels: Levels = (0,) * integrand.dimension
    best: Integral | None = None
    spent = 0
    coarsest = sums.mesh_at(levels)
    points = math.prod(coarsest)
    goal.check_first(points, f"the coarsest mesh has {' x '.join(map(str, coarsest))} points, {points:.3g}")
    with stoppable(lambda: best), workers(settings.get("executor")) as pool:
        while True:
            sums.refine(levels, pool, bar)
            if inspect is not None:
                inspect(sums.minima, sums.resolved)
            value, noise = sums.mean, sums.noise / sums.points
            errors = sums.errors()
            error = math.fsum(errors.values()) + noise
            allowed = goal.allowed(value, noise)
            done = error <= allowed and sums.resolved
            best = Integral(value, error, sums.mesh, spent + sums.evaluated, done, sums.resolved, dict(sums.minima))
            if done or fixed:
                return best
            finer = sums.finer(errors, allowed)
            wanted = sums.sufficient(errors, allowed)
            if wanted is not None and math.prod(wanted) < CHEAPER * sums.cost_of_doubling(wanted):
                spent += sums.evaluated
                sums = sums.anew(wanted)
                finer = (0,) * integrand.dimension
            if spent + math.prod(sums.mesh_at(finer)) > goal.limit:
                return replace(best, next_points=spent + sums.evaluated + sums.missing(finer))
            levels = finer


class _Sums:
    """Sums of an integrand over a mesh that is doubled along its axes, with its minima and narrowest features."""

    def __init__(self, integrand: Integrand, first: Mesh, symmetry: bool) -> None:
        self.integrand = integrand
        self.first = first
        self._symmetry = symmetry
        self._orbits: Orbits | None = None
        self.levels: Levels | None = None
        self.points = 0
        self.evaluated = 0
        self.noise = 0.0
        self.minima: dict[str, Minimum] = {}
        self.sharpness: Float | None = None
        # over the other axes, for each axis; and by residue classes of all axes
        self._marginals: list[Float] = []
        self._residues: Float = np.zeros(0)

    def mesh_at(self, levels: Levels) -> Mesh:
        """Points along each axis after these numbers of doublings."""
        return tuple(n * 2**level for n, level in zip(self.first, levels, strict=True))

    @property
    def mesh(self) -> Mesh:
        """Points along each axis."""
        assert self.levels is not None
        return self.mesh_at(self.levels)

    @property
    def mean(self) -> Float:
        """Mean over the mesh, (outputs,)."""
        axes = tuple(range(self._residues.ndim - 1))
        return np.asarray(self._residues.sum(axis=axes) / self.points)

    def errors(self) -> dict[tuple[int, ...], float]:
        """Error of the mean by the axes along which the coefficients are aliased."""
        marginals = self._means()
        residues = self._residues * (math.prod(self._residues.shape[:-1]) / self.points)
        return aliasing_errors(marginals, residues, self.sharpness)

    def _means(self) -> list[Float]:
        """Means over the other axes, for each axis."""
        return [sums * (n / self.points) for n, sums in zip(self.mesh, self._marginals, strict=True)]

    @property
    def unresolved(self) -> set[int]:
        """Axes along which the mesh does not resolve the narrowest feature found."""
        if self.sharpness is None:
            return set()
        wanted = np.broadcast_to(RESOLUTION * self.sharpness, len(self.mesh))
        return {axis for axis, n in enumerate(self.mesh) if n < wanted[axis]}

    @property
    def resolved(self) -> bool:
        """True if the mesh resolves the narrowest feature found."""
        return not self.unresolved

    def finer(self, errors: Mapping[tuple[int, ...], float], allowed: float) -> Levels:
        """Levels of the next mesh: doubled along the axes with the largest errors."""
        assert self.levels is not None
        self._search_symmetry((2 ** len(self.levels) - 1) * self.points)
        single = [errors[(axis,)] for axis in range(len(self.levels))]
        # a small error along one axis is often caused by a large error along another
        share = max(allowed / (2 * len(single)), 0.5 * max(single))
        grow = self.unresolved or {axis for axis, own in enumerate(single) if own > share}
        grow = grow or set(max(errors.items(), key=itemgetter(1))[0])
        grow = {axis for axis in range(len(single)) if not grow.isdisjoint(self._equivalent_axes(axis))}
        return tuple(level + (axis in grow) for axis, level in enumerate(self.levels))

    def sufficient(self, errors: Mapping[tuple[int, ...], float], allowed: float) -> Mesh | None:
        """Mesh on which the error falls below `allowed` if it decays as seen; None if that is not known."""
        if self.unresolved:
            return None
        missing = {axes: math.log(max(len(errors) * error / allowed, 1.0)) for axes, error in errors.items()}
        decays = MARGIN * axis_decays(self._means(), self.sharpness)
        for axis, n in enumerate(self.mesh):
            if missing[(axis,)] and (n < FEWEST or decays[axis] * n < 0.1 * missing[(axis,)]):
                return None
        more = np.array([missing[(axis,)] / decay if missing[(axis,)] else 0.0 for axis, decay in enumerate(decays)])
        for axes, decades in missing.items():
            # an alias along several axes decays with the one along which it decays most
            if decades > max(decays[axis] * more[axis] for axis in axes):
                best = max(axes, key=lambda axis: decays[axis] * self.mesh[axis])
                if decays[best] * self.mesh[best] < 0.1 * decades:
                    return None
                more[best] = decades / decays[best]
        wanted = []
        for n, own in zip(self.mesh, more, strict=True):
            step = 8 if n + own < 64 else 16
            wanted.append(step * math.ceil((n + own) / step) if own else n)
        return tuple(max(wanted[other] for other in self._equivalent_axes(axis)) for axis in range(len(wanted)))

    def _equivalent_axes(self, axis: int) -> set[int]:
        """Axes along which the mesh has as many points as along this one, by symmetry."""
        return {axis} if self._orbits is None else self._orbits.equivalent_axes(axis)

    def cost_of_doubling(self, wanted: Mesh) -> int:
        """Number of missing points of the doubled mesh with at least as many points along each axis."""
        doubled = (n * 2 ** math.ceil(math.log2(max(more / n, 1.0))) for n, more in zip(self.mesh, wanted, strict=True))
        return math.prod(doubled) - self.points

    def missing(self, levels: Levels) -> float:
        """Number of evaluations that the mesh with these levels needs."""
        mesh = self.mesh_at(levels)
        orbits = None if self._orbits is None else self._orbits.on(mesh)
        return (math.prod(mesh) - self.points) / (1 if orbits is None else len(orbits.operations))

    def anew(self, mesh: Mesh) -> _Sums:
        """Empty sums for another mesh, with what is known of the integrand."""
        other = _Sums(self.integrand, mesh, self._symmetry)
        other.minima, other.sharpness, other._orbits = dict(self.minima), self.sharpness, self._orbits
        return other

    def refine(self, levels: Levels, pool: Executor, bar: ProgressBar) -> None:
        """Evaluate the missing points of the mesh with these levels."""
        known = set() if self.levels is None else set(_parts(self.levels))
        mesh = self.mesh_at(levels)
        bar.stage("mesh " + " x ".join(map(str, mesh)), math.prod(mesh) - self.points)
        missing = [part for part in _parts(levels) if part not in known]
        if self.levels is None:
            missing = [levels]
        orbits, batch = self._orbits_on(mesh), self.integrand.batch
        # an iterator, since their number grows with the mesh
        tasks: Iterator[Block] = (block for part in missing for block in blocks(self.first, part, batch))
        evaluate: Callable[[Block], BlockSums | None] = partial(sum_block, self.integrand, mesh)
        if orbits is not None:
            # few points of each part are evaluated: large blocks of the whole mesh
            tasks = blocks(mesh, (0,) * len(mesh), batch * min(len(orbits.operations), LARGER))
            evaluate = partial(sum_orbits, self.integrand, mesh, orbits, self._spacing_in(levels))
        grown = False
        together = bundles(tasks, math.prod(mesh) - self.points)
        for outcome in run_stage(pool, partial(sum_bundle, evaluate), together, self):
            if outcome is None:
                continue
            if not grown:
                self._resize(levels, outcome.sums.shape[-1])
                grown = True
            for marginal, numbers, sums in zip(self._marginals, outcome.numbers, outcome.marginals, strict=True):
                marginal[numbers] += sums
            self._residues[np.ix_(*outcome.classes)] += outcome.sums
            self.points += outcome.points
            self.evaluated += outcome.evaluated
            self.noise += outcome.noise
            if outcome.sharpness is not None:
                self.sharpness = np.maximum(0.0 if self.sharpness is None else self.sharpness, outcome.sharpness)
            self.minima = smallest(self.minima, outcome.minima)
            bar.advance(outcome.points)

    def _orbits_on(self, mesh: Mesh) -> Orbits | None:
        """Symmetries of the integrand that leave this mesh and the one before unchanged."""
        self._search_symmetry(math.prod(mesh) - self.points)
        meshes = [mesh] if self.levels is None else [mesh, self.mesh]
        return None if self._orbits is None else self._orbits.on(*meshes)

    def _search_symmetry(self, missing: int) -> None:
        """Search for the symmetries of the integrand, if that is worth its time for this number of missing points."""
        if self._symmetry and self._orbits is None and worthwhile(missing, self.integrand):
            self._orbits = find_orbits(self.integrand)
            self._symmetry = self._orbits is not None

    def arrays(self) -> dict[str, np.ndarray]:
        """Sums as arrays, for a checkpoint."""
        arrays = {"levels": np.array(self.levels), "noise": np.array(self.noise)}
        arrays |= {"points": np.array(self.points), "evaluated": np.array(self.evaluated)}
        arrays |= {f"marginals {axis}": sums for axis, sums in enumerate(self._marginals)}
        arrays |= {"residues": self._residues, **arrays_of_minima(self.minima)}
        return arrays if self.sharpness is None else {**arrays, "sharpness": self.sharpness}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the sums to those of a checkpoint."""
        self.levels = tuple(arrays["levels"].tolist())
        self.points, self.evaluated = int(arrays["points"]), int(arrays["evaluated"])
        self.noise = float(arrays["noise"])
        self._marginals = [arrays[f"marginals {axis}"] for axis in range(len(self.first))]
        self._residues, self.sharpness = arrays["residues"], arrays.get("sharpness")
        self.minima = minima_of(arrays)

    def _spacing_in(self, levels: Levels) -> list[int]:
        """Distances of the points known so far on a finer mesh along each axis; empty if there are none."""
        return [] if self.levels is None else [2 ** (new - old) for new, old in zip(levels, self.levels, strict=True)]

    def _resize(self, levels: Levels, outputs: int) -> None:
        """Resize the sums for a finer mesh: point j of an axis becomes point 2 j with each doubling."""
        mesh = self.mesh_at(levels)
        counts = [classes(n) for n in mesh]
        marginals = [np.zeros((n, outputs)) for n in mesh]
        residues = np.zeros((*counts, outputs))
        if self.levels is not None:
            times = self._spacing_in(levels)
            for new, old, step in zip(marginals, self._marginals, times, strict=True):
                new[::step] = old
            moved = [
                np.arange(n) * step % count
                for n, step, count in zip(self._residues.shape[:-1], times, counts, strict=True)
            ]
            np.add.at(residues, np.ix_(*moved), self._residues)
        self.levels, self._marginals, self._residues = levels, marginals, residues


def arrays_of_minima(minima: Mapping[str, Minimum]) -> dict[str, np.ndarray]:
    """Smallest values as arrays of a checkpoint; the inverse of `minima_of`."""
    return {f"minimum {name}": np.array([value, *at]) for name, (value, at) in minima.items()}


def minima_of(arrays: Mapping[str, np.ndarray]) -> dict[str, Minimum]:
    """Smallest values among the arrays of a checkpoint."""
    found = {name.removeprefix("minimum "): of for name, of in arrays.items() if name.startswith("minimum ")}
    return {name: Minimum(float(of[0]), of[1:]) for name, of in found.items()}


def _parts(levels: Levels) -> Iterator[Levels]:
    """Parts of a mesh: level 0 is the first mesh, level l are the points between those of level l - 1."""
    return itertools.product(*(range(level + 1) for level in levels))
