r"""Adaptive integration of insulators with small gaps: boxes of Gauss points that are split where a gap is narrow.

A uniform mesh needs a number of points along each axis that grows with the inverse of the smallest gap. Boxes need one
more generation for each factor of two. Two rules decide which boxes are split.

- *Error.* Along each axis, the means over the other axes are expanded in Legendre polynomials. A rule of n Gauss points
  is exact up to degree 2 n - 1; the coefficient of degree 2 n is extrapolated from the decay of those below n.
- *Guard.* A feature between the nodes has no influence on the values. So a box is split as long as the largest distance
  of its nodes along an axis exceeds a fraction of the width of the narrowest feature, gap over slope, that is seen from
  its nodes. A gap that is closed to zero is found in this way as well.

The last axis, the phase of a cycle, may be a uniform mesh instead: after the integral over k the dependence on the
phase is smooth unless the smallest gap itself changes quickly. The mesh is doubled as in `adiabloch.integration.mesh`.

By symmetry the boxes cover a wedge of the zone only, and one of all equivalent phases
(`adiabloch.integration.folded_mean`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from operator import attrgetter, itemgetter
from typing import Unpack

import numpy as np

from adiabloch.arrays import Float, tensor_grid
from adiabloch.integration.checkpoints import run_stage
from adiabloch.integration.folded_mean import FoldedMean, fold_mean
from adiabloch.integration.gauss_boxes import Boxes, BoxTask, evaluated_boxes, gauss_rule
from adiabloch.integration.goal import Goal, Settings
from adiabloch.integration.mesh import Integral, arrays_of_minima, minima_of
from adiabloch.integration.mesh_symmetry import Symmetry
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import GridsIntegrand, Minimum
from adiabloch.integration.running import stoppable, workers
from adiabloch.integration.spectrum import seen_error
from adiabloch.integration.wedges import Wedge

NODES = {1: 12, 2: 10, 3: 8}
"""Gauss points along each axis of a box, by the number of axes."""
FIRST = {1: 6, 2: 4, 3: 3}
"""Smallest number of boxes along each axis of the first partition, by the number of axes."""
GUARD = 0.5
"""Largest distance of the nodes of a box, in widths of the narrowest feature."""
KEPT = 0.3
"""Share of the allowed error that boxes which are not split may have together."""
SMALLEST = 1e-11
"""Width of boxes that are not split."""
ANISOTROPY = 0.1
"""A box is split along an axis if its error along the axis is at least this fraction of the largest."""


def first_boxes(first: Sequence[int]) -> list[int]:
    """Boxes along each axis of the first partition, for numbers of points that resolve a smooth integrand."""
    d = len(first)
    return [max(FIRST[d], math.ceil(count / NODES[d])) for count in first]


def box_points(sharpness: Float, first: Sequence[int]) -> float:
    """Estimated number of points for one narrow minimum of the gap."""
    sides, d = first_boxes(first), len(first)
    widths = np.array(sides) * NODES[d] / np.maximum(sharpness, 1.0)
    generations = max(0.0, -math.log2(float(widths.min())) + 2.0)
    return (math.prod(sides) + 2**d * 1.5 * generations) * float(NODES[d] ** d)


def integrate_adaptively(
    integrand: GridsIntegrand,
    goal: Goal,
    *,
    first: Sequence[int],
    phases: int | None = None,
    symmetry: Symmetry = "none",
    **settings: Unpack[Settings],
) -> Integral:
    """Mean of `integrand` over the unit torus, by boxes that are split adaptively.

    Parameters
    ----------
    integrand : GridsIntegrand
        Its samples carry the width of the narrowest feature at each point.
    goal : Goal
    first : sequence of int
        Number of points along each axis that resolves a smooth integrand.
    phases : int, optional
        Initial number of points along the last axis, if that is a uniform mesh; a few more by symmetry.
    symmetry : "find", "none" or sequence of (d, d) float arrays
        Symmetries of which one of all equivalent boxes is evaluated.
    **settings : Settings

    Returns
    -------
    Integral
        Its `mesh` is empty.

    Raises
    ------
    InvalidArgumentError
        A given operation is no symmetry of the integrand.
    ToleranceNotReachedError
        If the first boxes have more points than the limit. Nothing is evaluated then.
    Stopped
        Ctrl-C; with the Integral of the last completed generation.
    """
    bar, inspect = settings.get("progress") or ProgressBar("", visible=False), settings.get("inspect")
    tree = _Tree(integrand, first, phases)
    best: Integral | None = None
    tree.fold(symmetry, goal.tolerance)
    tasks: Sequence[BoxTask] = tree.first_tasks(range(tree.phases or 1))
    goal.check_first(tree.cost(tasks), f"the first boxes have {tree.cost(tasks):.3g}")
    with stoppable(lambda: best), workers(settings.get("executor")) as pool:
        while True:
            tree.evaluate(tasks, pool, bar)
            if inspect is not None:
                inspect(tree.minima, not tree.unresolved.any())
            value = tree.value
            allowed = goal.allowed(value, tree.noise)
            error, along_mesh = tree.error(), tree.mesh_error()
            done = error + along_mesh <= allowed and tree.resolved
            total = error + along_mesh + tree.noise
            boxes, minima = len(tree.boxes.width), dict(tree.minima)
            best = Integral(
                value, total, (), tree.points, done, tree.resolved, minima, boxes, 0.0, tree.lack, tree.share
            )
            if done:
                return best
            share = 1.0 if tree.phases is None else 0.5
            tasks = tree.refinement(share * allowed)
            if not tasks and tree.phases is not None:
                tasks = tree.more_phases()
            if not tasks or tree.points + tree.cost(tasks) > goal.limit:
                return best


class _Tree:
    """Boxes over the first axes, and points of a mesh along the last axis."""

    def __init__(self, integrand: GridsIntegrand, first: Sequence[int], phases: int | None) -> None:
        self.integrand = integrand
        self.axes = integrand.dimension - (phases is not None)
        self.phases = phases
        self.rule = gauss_rule(NODES[self.axes])
        self.sides = first_boxes(first[: self.axes])
        self.folded = FoldedMean(Wedge.zone(self.axes))
        self.boxes: Boxes
        self.minima: dict[str, Minimum] = {}
        self.points = 0

    def fold(self, symmetry: Symmetry, tolerance: float) -> None:
        """Reduce the zone and the phases by symmetry, before the first tasks."""
        most = math.prod(self.sides) * len(self.rule.nodes) ** self.axes * (self.phases or 1)
        self.folded = fold_mean(self.integrand, self.phases is not None, symmetry, tolerance, most)
        self.points = self.folded.points
        if self.phases is not None:
            self.phases = self.folded.phases(self.phases)
        wedge = self.folded.wedge
        if not wedge.whole:
            sides = np.ceil(np.abs(wedge.edges) @ self.sides - 1e-9).astype(int)
            self.sides = (np.maximum(sides, sides[[*wedge.exchanged]]) if wedge.exchanged else sides).tolist()

    # evaluation

    def first_tasks(self, numbers: Iterable[int]) -> list[BoxTask]:
        """Boxes of the first partition at these points of the mesh, in layers along the first axis."""
        _, sizes = self.folded.orbits(self.phases or 1)
        chosen = [number for number in numbers if sizes[number]]
        if self.folded.wedge.exchanged:
            lower, width = np.zeros(self.axes), np.ones(self.axes)
            return [task for number in chosen for task in self._parts(lower, width, self.sides, number)]
        layers, parts = self.sides[0], (1, *self.sides[1:])
        width = np.array([1.0 / layers, *np.ones(self.axes - 1)])
        return [
            BoxTask(width * [layer, *[0] * (self.axes - 1)], width, parts, self._phase(number), number)
            for number, layer in itertools.product(chosen, range(layers))
        ]

    def _parts(self, lower: Float, width: Float, parts: Sequence[int], number: int, copies: int = 1) -> list[BoxTask]:
        """Tasks for the parts of a box; of two parts that the exchange of edges relates, one counts twice."""
        phase, fixed = self._phase(number), self.folded.wedge.fixed(lower[None], width[None])
        if not fixed.any():
            return [BoxTask(lower, width, tuple(parts), phase, number, copies)]
        side = width / parts
        corners = lower + side * tensor_grid([np.arange(n) for n in parts])
        which, times = self.folded.wedge.folded(corners[None], np.tile(side, (1, len(corners), 1)), fixed)
        return [
            BoxTask(corner, side, (1,) * self.axes, phase, number, copies * int(n))
            for corner, n in zip(corners[which], times[which], strict=True)
        ]

    def _phase(self, number: int) -> Float:
        return np.zeros(0) if self.phases is None else np.array([number / self.phases])

    def cost(self, tasks: Sequence[BoxTask]) -> int:
        """Number of points of tasks."""
        return sum(math.prod(task.parts) for task in tasks) * len(self.rule.nodes) ** self.axes

    def evaluate(self, tasks: Sequence[BoxTask], pool: Executor, bar: ProgressBar) -> None:
        """Evaluate tasks and add their boxes."""
        bar.stage(f"generation of {len(tasks)} boxes", self.cost(tasks))
        generation = _Generation(self)
        evaluate = partial(evaluated_boxes, self.integrand, self.rule, self.folded)
        for outcome in run_stage(pool, evaluate, self._groups(tasks), generation):
            generation.found.append(outcome.boxes)
            self.points += outcome.points
            for name, minimum in outcome.minima.items():
                self.minima[name] = min(self.minima.get(name, minimum), minimum, key=itemgetter(0))
            bar.advance(outcome.points)
        before = [self.boxes] if hasattr(self, "boxes") else []
        self.boxes = Boxes.joined([*before, *generation.found])

    def _groups(self, tasks: Sequence[BoxTask]) -> Iterator[list[BoxTask]]:
        """Tasks that are evaluated together: at one point of the mesh, with about as many points as fit the cache.

        Tasks with as many parts follow each other.
        """
        for _, several in itertools.groupby(sorted(tasks, key=attrgetter("number", "parts")), attrgetter("number")):
            group: list[BoxTask] = []
            for task in several:
                if group and self.cost([*group, task]) > self.integrand.batch:
                    yield group
                    group = []
                group.append(task)
            yield group

    # results

    @property
    def value(self) -> Float:
        """Mean over the torus, (outputs,)."""
        return self._along_mesh().mean(axis=0)

    def _along_mesh(self) -> Float:
        """Integrals over the boxes at each point of the mesh, (phases, outputs)."""
        totals = np.zeros((self.phases or 1, self.boxes.value.shape[1]))
        np.add.at(totals, self.boxes.number, self.boxes.value)
        return self.folded.at_all_phases(totals)

    def _weights(self) -> Float:
        """Fraction of the mesh that the phase of each box represents, (B,)."""
        phases = self.phases or 1
        _, sizes = self.folded.orbits(phases)
        return np.asarray(sizes[self.boxes.number] / phases)

    @property
    def noise(self) -> float:
        """Rounding error of the mean."""
        return float(self._weights() @ self.boxes.noise)

    @property
    def share(self) -> float:
        """Fraction of the points of the mesh that are evaluated."""
        _, sizes = self.folded.orbits(self.phases or 1)
        return float((sizes > 0).mean())

    @property
    def lack(self) -> float:
        """Error by what the integrand lacks of given operations."""
        return self.folded.lack * float(self._weights() @ self.boxes.size)

    def error(self) -> float:
        """Error of the boxes, of the largest output."""
        return float((self._weights() @ self.boxes.errors.sum(axis=1)).max())

    def mesh_error(self) -> float:
        """Error of the mesh along the last axis."""
        if self.phases is None:
            return 0.0
        return seen_error(self._along_mesh(), self._change_of_gap())

    def _smallest_gaps(self) -> Float:
        """Smallest gap at each point of the mesh."""
        gaps = np.full(self.phases or 1, np.inf)
        np.minimum.at(gaps, self.boxes.number, self.boxes.gap)
        return gaps[self.folded.orbits(len(gaps))[0]]

    def _change_of_gap(self) -> float:
        """Largest relative change of the smallest gap along the mesh, per period."""
        gaps = self._smallest_gaps()
        if not np.isfinite(gaps).all():
            return 0.0
        after = np.roll(gaps, -1)
        return float((np.abs(after - gaps) / np.minimum(after, gaps)).max()) * len(gaps)

    @property
    def unresolved(self) -> np.ndarray:
        """True for boxes and axes whose nodes do not resolve the narrowest feature that they see, (B, d)."""
        return np.asarray(self.boxes.narrow > GUARD) & (self.boxes.width > SMALLEST)

    @property
    def resolved(self) -> bool:
        """True if boxes and mesh resolve the narrowest features found."""
        along_mesh = self.phases is None or self._change_of_gap() <= self.phases
        return along_mesh and not self.unresolved.any()

    # refinement

    def refinement(self, allowed: float) -> list[BoxTask]:
        """Remove the boxes that need to be split, and return them as tasks."""
        by_box = self.boxes.errors.sum(axis=1).max(axis=1) * self._weights()
        unresolved = self.unresolved
        chosen = np.asarray(unresolved.any(axis=1))
        if by_box.sum() > allowed:
            order = np.argsort(by_box, kind="stable")
            chosen[order[np.cumsum(by_box[order]) > KEPT * allowed]] = True
            chosen &= (self.boxes.width > SMALLEST).any(axis=1)
        which = np.flatnonzero(chosen)
        if not len(which):
            return []
        by_axis = self.boxes.errors[which].max(axis=2)
        split = by_axis >= ANISOTROPY * by_axis.max(axis=1, keepdims=True)
        # without a large error the guard alone decides
        small = by_box[which] <= KEPT * allowed / len(by_box)
        split = np.where((small & unresolved[which].any(axis=1))[:, None], unresolved[which], split | unresolved[which])
        old = self.boxes.select(which)
        if self.folded.wedge.exchanged:
            fixed = self.folded.wedge.fixed(old.lower, old.width)
            split[fixed] |= split[fixed][:, [*self.folded.wedge.exchanged]]
        self.boxes = self.boxes.select(np.flatnonzero(~chosen))
        every = zip(old.lower, old.width, (1 + split).tolist(), old.number.tolist(), old.copies.tolist(), strict=True)
        return [task for box in every for task in self._parts(*box)]

    def more_phases(self) -> list[BoxTask]:
        """Double the mesh along the last axis, and return the tasks of its new points."""
        assert self.phases is not None
        self.phases *= 2
        self.boxes.number *= 2
        return self.first_tasks(range(1, self.phases, 2))


class _Generation:
    """Boxes that are evaluated together, with the minima and the number of points of the tree, for a checkpoint."""

    def __init__(self, tree: _Tree) -> None:
        self.tree = tree
        self.found: list[Boxes] = []

    def arrays(self) -> dict[str, np.ndarray]:
        """Boxes as arrays, for a checkpoint."""
        boxes = vars(Boxes.joined(self.found))
        return {"points": np.array(self.tree.points), **boxes, **arrays_of_minima(self.tree.minima)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the boxes to those of a checkpoint."""
        self.tree.points, self.tree.minima = int(arrays["points"]), minima_of(arrays)
        self.found = [Boxes(*(arrays[name] for name in Boxes.__dataclass_fields__))]
