"""Uniform meshes on the torus, doubled axis by axis until the integral stands still.

For a smooth periodic integrand the plain mean over a uniform mesh converges exponentially, so nothing cleverer is
needed as long as the mesh resolves the smallest gap. Each axis has its own rate: the phase of a cycle is often done
with eight points where k needs a hundred. A mesh of 2n points is the mesh of n points and the points between them:
sums over the points that came with each doubling are kept, so nothing is evaluated twice, and every coarser mesh, from
which the error is judged, costs nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from operator import itemgetter

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import ToleranceNotReachedError
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run, stoppable, workers
from adiabloch.integration.sample import Integrand, Low

Mesh = tuple[int, ...]
Levels = tuple[int, ...]
"""How often each axis has been doubled."""
Block = tuple[tuple[float, float, int], ...]
"""First coordinate, step and number of points along each axis."""

SAFETY = 1.0
"""Points along an axis for each width of the narrowest feature seen."""


@dataclass(frozen=True, eq=False)
class Integral:
    """Mean of an integrand over the torus."""

    value: Float
    """(outputs,)."""
    error: float
    """Estimated error of the largest output, rounding included."""
    mesh: Mesh
    """Points along each axis."""
    points: int
    """Number of evaluations."""
    converged: bool
    """Whether the error is below the tolerance and the mesh resolves the narrowest feature that it saw."""
    resolved: bool
    """Whether the mesh resolves the narrowest feature that it saw."""
    lows: Mapping[str, Low]
    """Lowest values seen of what must not vanish: "gap", "overlap"."""

    def times(self, factor: float) -> Integral:
        """The same integral in another unit."""
        return replace(self, value=self.value * factor, error=self.error * abs(factor))


def integrate(
    integrand: Integrand,
    *,
    tolerance: float,
    start: Mesh,
    limit: int = 2**27,
    scale: float = 0.0,
    leading: int | None = None,
    executor: Executor | int | None = None,
    progress: ProgressBar | None = None,
    inspect: Callable[[Mapping[str, Low], bool], None] | None = None,
) -> Integral:
    """Mean of `integrand` over the unit torus.

    Parameters
    ----------
    integrand : Integrand
    tolerance : float
        Relative accuracy, of the largest output.
    start : tuple of int
        Coarsest mesh worth looking at, points along each axis.
    limit : int
        Largest number of evaluations.
    scale : float
        A natural size of the outputs: the tolerance is relative to the largest output or to this.
    leading : int, optional
        How many outputs, from the first, the tolerance is relative to; all by default.
    executor : concurrent.futures.Executor or int, optional
        Where blocks run; threads by default.
    progress : ProgressBar, optional
    inspect : callable, optional
        Called after each refinement with the lowest values of what must not vanish, and whether the mesh resolves
        how they change; may raise.

    Returns
    -------
    Integral
        `converged` tells whether the tolerance was reached.

    Raises
    ------
    ToleranceNotReachedError
        If the coarsest meshes have more points than the limit: nothing is evaluated.
    Stopped
        Ctrl-C; with the Integral on the finest mesh that was finished.
    """
    bar = progress or ProgressBar("", visible=False)
    sums = _Sums(integrand, start)
    levels: Levels = (1,) * integrand.dimension
    best: Integral | None = None
    if math.prod(sums.mesh(levels)) > limit:
        raise ToleranceNotReachedError(
            f"nothing evaluated: the coarsest mesh has {' x '.join(map(str, sums.mesh(levels)))} points, "
            f"{math.prod(sums.mesh(levels)):.3g}, more than {limit}; allow more points (limit)",
            estimate=np.nan,
            error=np.inf,
        )
    with stoppable(lambda: best), workers(executor) as pool:
        while True:
            sums.refine(levels, pool, bar)
            if inspect is not None:
                inspect(sums.lows, sums.resolves(levels))
            value, noise = sums.mean(levels), sums.noise / sums.points
            errors = {axes: _error(sums, levels, axes, noise) for axes in _subsets(integrand.dimension)}
            single = [errors[(axis,)] for axis in range(integrand.dimension)]
            error = max(math.fsum(single), *errors.values()) + noise
            allowed = max(tolerance * max(float(np.abs(value[:leading]).max()), scale), 4 * noise)
            resolved = sums.resolves(levels)
            coarse = sums.unresolved(levels)
            # what a small error along one axis shows is often the shadow of a large one along another
            share = max(allowed / (2 * integrand.dimension), 0.5 * max(single))
            grow = coarse or {axis for axis in range(integrand.dimension) if single[axis] > share}
            grow = grow or set(max(errors.items(), key=itemgetter(1))[0])
            finer = tuple(level + (axis in grow) for axis, level in enumerate(levels))
            done = error <= allowed and resolved
            best = Integral(value, error, sums.mesh(levels), sums.points, done, resolved, sums.lows)
            if done or math.prod(sums.mesh(finer)) > limit:
                return best
            levels = finer


def _subsets(dimension: int) -> list[tuple[int, ...]]:
    """Sets of axes to coarsen together: a skewed cell hides harmonics from the axes taken one by one."""
    return [axes for size in range(1, dimension + 1) for axes in itertools.combinations(range(dimension), size)]


def _error(sums: _Sums, levels: Levels, axes: tuple[int, ...], noise: float) -> float:
    """Error of a mesh from how much its last two doublings along `axes` changed the mean.

    With changes c (n/2 -> n) and c' (n/4 -> n/2), exponential convergence leaves about c (c/c')^2; c (c/c') is asked
    for, as some integrands converge unevenly. Without a history the change itself is the estimate.
    """

    def change(step: int, others: int) -> float:
        """How much the last (0) or last but one doubling of `axes` changed the mean, all else `others` coarser."""

        def mean(less: int) -> Float:
            drop = (less if axis in axes else others for axis in range(len(levels)))
            return sums.mean(tuple(max(level - by, 0) for level, by in zip(levels, drop, strict=True)))

        return float(np.abs(mean(step) - mean(step + 1)).max())

    last = change(0, 0)
    if last <= noise:
        return 0.0
    if max(levels[axis] for axis in axes) < 2:
        return last
    # a change may be small by accident: it is also looked at on the coarser mesh of the other axes
    now, before = (max(change(step, 0), change(step, 1)) for step in (0, 1))
    return last * min(1.0, now / max(before, noise))


@dataclass
class _Sums:
    """Sums of an integrand over the points that came with each doubling, and the worst seen on the way."""

    integrand: Integrand
    first: Mesh
    totals: dict[Levels, Float | float] = field(default_factory=dict)
    points: int = 0
    noise: float = 0.0
    lows: dict[str, Low] = field(default_factory=dict)
    sharpness: Float | float = 0.0

    def mesh(self, levels: Levels) -> Mesh:
        """Points along each axis."""
        return tuple(n * 2**level for n, level in zip(self.first, levels, strict=True))

    def mean(self, levels: Levels) -> Float:
        """Mean over the mesh with these levels, which must have been refined to them."""
        total = sum(self.totals[part] for part in _parts(levels))
        return np.asarray(total) / math.prod(self.mesh(levels))

    def unresolved(self, levels: Levels) -> set[int]:
        """Axes along which the mesh steps over the narrowest feature seen."""
        wanted = np.broadcast_to(SAFETY * np.asarray(self.sharpness), len(levels))
        return {axis for axis, n in enumerate(self.mesh(levels)) if n < wanted[axis]}

    def resolves(self, levels: Levels) -> bool:
        """Whether the mesh resolves all that has been seen."""
        return not self.unresolved(levels)

    def refine(self, levels: Levels, pool: Executor, bar: ProgressBar) -> None:
        """Evaluate the points that the mesh with these levels lacks."""
        missing = [part for part in _parts(levels) if part not in self.totals]
        mesh = self.mesh(levels)
        bar.stage("mesh " + " x ".join(map(str, mesh)), math.prod(mesh) - self.points)
        # one by one: their number grows with the mesh
        tasks = ((part, block) for part in missing for block in _blocks(self.first, part, self.integrand.batch))
        for part, outcome in run(pool, partial(_summed_part, self.integrand), tasks):
            self.totals[part] = self.totals.get(part, 0.0) + outcome.total
            self.points += outcome.points
            self.noise += outcome.noise
            self.sharpness = np.maximum(self.sharpness, outcome.sharpness)
            for name, low in outcome.lows.items():
                self.lows[name] = min(self.lows.get(name, low), low, key=itemgetter(0))
            bar.advance(outcome.points)


@dataclass(frozen=True, eq=False)
class _Outcome:
    """A block, summed."""

    total: Float
    points: int
    noise: float
    lows: Mapping[str, Low]
    sharpness: Float | float


def _parts(levels: Levels) -> Iterator[Levels]:
    """The doublings that make up a mesh: level 0 stands for the first mesh, l for the points between those of l - 1."""
    return itertools.product(*(range(level + 1) for level in levels))


def _blocks(first: Mesh, part: Levels, batch: int) -> Iterator[Block]:
    """Cut one part of a mesh into tensor blocks of at most about `batch` points, long along the last axes."""
    counts = [n * 2 ** max(level - 1, 0) for n, level in zip(first, part, strict=True)]
    sizes, room = [], max(batch, 1)
    for n in reversed(counts):
        sizes.append(math.ceil(n / math.ceil(n / room)))
        room = max(room // sizes[-1], 1)
    axes = []
    for n, level, size in zip(counts, part, reversed(sizes), strict=True):
        offset = 0.5 if level else 0.0
        axes.append([((begin + offset) / n, 1.0 / n, min(size, n - begin)) for begin in range(0, n, size)])
    return itertools.product(*axes)


def _summed_part(integrand: Integrand, task: tuple[Levels, Block]) -> tuple[Levels, _Outcome]:
    part, block = task
    return part, _summed(integrand, block)


def _summed(integrand: Integrand, block: Block) -> _Outcome:
    axes: list[Float] = [begin + step * np.arange(count, dtype=np.float64) for begin, step, count in block]
    sample = integrand(axes)
    return _Outcome(
        sample.values.sum(axis=0),
        len(sample.values),
        float(sample.noise.sum()),
        sample.lows,
        0.0 if sample.sharpness is None else sample.sharpness,
    )
