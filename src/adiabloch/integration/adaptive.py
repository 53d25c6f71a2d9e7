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
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, partial
from operator import attrgetter, itemgetter
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid
from adiabloch.integration.mesh import Integral
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import Minimum, PointIntegrand, Sample
from adiabloch.integration.running import run, stoppable, workers
from adiabloch.integration.spectrum import SMOOTHEST, aliasing_errors, by_class, classes

NODES = {1: 12, 2: 10, 3: 8}
"""Gauss points along each axis of a box, by the number of axes."""
FIRST = {1: 6, 2: 4, 3: 3}
"""Smallest number of boxes along each axis of the first partition, by the number of axes."""
GUARD = 0.5
"""Largest distance of the nodes of a box, in widths of the narrowest feature."""
GAP_DECAY, SEEN_DECAY, FASTEST_DECAY = 1.0, 1.2, 1.2
"""Fractions of decays of the Legendre coefficients in the extrapolation to degree 2 n: of the slowest one that the gap
and its slope allow, of the one that is seen, and of the fastest one."""
SAFETY = 1.5
"""Factor on the extrapolated coefficients."""
KEPT = 0.3
"""Share of the allowed error that boxes which are not split may have together."""
SMALLEST = 1e-11
"""Width of boxes that are not split."""
ANISOTROPY = 0.1
"""A box is split along an axis if its error along the axis is at least this fraction of the largest."""


class Rule(NamedTuple):
    """Gauss-Legendre rule on the unit interval."""

    nodes: Float
    weights: Float
    coefficients: Float
    """(n, n): matrix from values at the nodes to Legendre coefficients."""
    spacing: float
    """Largest distance between neighbouring nodes, and of the boundary from the next node."""


@cache
def gauss_rule(n: int) -> Rule:
    """Rule of n points."""
    x, w = np.polynomial.legendre.leggauss(n)
    degrees = np.arange(n)
    coefficients = (degrees[:, None] + 0.5) * w * np.polynomial.legendre.legvander(x, n - 1).T
    return Rule(0.5 * (x + 1), 0.5 * w, coefficients, float(0.5 * np.diff(x).max()))


class _Task(NamedTuple):
    """A box that is divided into parts, at one point of the mesh along the last axis."""

    lower: Float
    width: Float
    parts: tuple[int, ...]
    phase: Float
    """(0,) or (1,): coordinate along the last axis if it is a mesh."""
    number: int
    """Number of this point of the mesh."""


@dataclass(eq=False)
class _Boxes:
    """Boxes with their integrals."""

    lower: Float
    """(B, d)"""
    width: Float
    """(B, d)"""
    number: Integer
    """(B,): number of the point of the mesh along the last axis."""
    value: Float
    """(B, outputs): integral over the box."""
    errors: Float
    """(B, d, outputs): estimated error by axis."""
    noise: Float
    """(B,): rounding error."""
    narrow: Float
    """(B, d): largest distance of nodes in widths of the narrowest feature."""
    gap: Float
    """(B,): smallest gap on the nodes of the box and its siblings; infinite without gaps."""

    def select(self, which: np.ndarray) -> _Boxes:
        """Boxes with these indices."""
        return _Boxes(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, several: Sequence[_Boxes]) -> _Boxes:
        """All boxes of several sets."""
        return cls(*(np.concatenate([getattr(one, name) for one in several]) for name in cls.__dataclass_fields__))


class _Outcome(NamedTuple):
    boxes: _Boxes
    minima: Mapping[str, Minimum]
    points: int


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
    integrand: PointIntegrand,
    *,
    tolerance: float,
    absolute: float = 0.0,
    first: Sequence[int],
    phases: int | None = None,
    limit: int = 2**27,
    scale: float = 0.0,
    leading: int | None = None,
    executor: Executor | int | None = None,
    progress: ProgressBar | None = None,
    inspect: Callable[[Mapping[str, Minimum], bool], None] | None = None,
) -> Integral:
    """Mean of `integrand` over the unit torus, by boxes that are split adaptively.

    Parameters
    ----------
    integrand : PointIntegrand
        Its samples carry the width of the narrowest feature at each point.
    tolerance, absolute, limit, scale, leading, executor, progress, inspect
        As in `adiabloch.integration.mesh.integrate`.
    first : sequence of int
        Number of points along each axis that resolves a smooth integrand.
    phases : int, optional
        Initial number of points along the last axis, if that is a uniform mesh.

    Returns
    -------
    Integral
        Its `mesh` is empty.

    Raises
    ------
    Stopped
        Ctrl-C; with the Integral of the last completed generation.
    """
    bar = progress or ProgressBar("", visible=False)
    tree = _Tree(integrand, first, phases)
    best: Integral | None = None
    with stoppable(lambda: best), workers(executor) as pool:
        tasks: Sequence[_Task] = tree.first_tasks(range(tree.phases or 1))
        while True:
            tree.evaluate(tasks, pool, bar)
            if inspect is not None:
                inspect(tree.minima, not tree.unresolved.any())
            value = tree.value
            largest = max(float(np.abs(value[:leading]).max()), scale)
            allowed = max(tolerance * largest, absolute, 4 * tree.noise)
            error, along_mesh = tree.error(), tree.mesh_error()
            done = error + along_mesh <= allowed and tree.resolved
            total = error + along_mesh + tree.noise
            best = Integral(
                value, total, (), tree.points, done, tree.resolved, dict(tree.minima), len(tree.boxes.width)
            )
            if done:
                return best
            share = 1.0 if tree.phases is None else 0.5
            tasks = tree.refinement(share * allowed)
            if not tasks and tree.phases is not None:
                tasks = tree.more_phases()
            if not tasks or tree.points + tree.cost(tasks) > limit:
                return best


class _Tree:
    """Boxes over the first axes, and points of a mesh along the last axis."""

    def __init__(self, integrand: PointIntegrand, first: Sequence[int], phases: int | None) -> None:
        self.integrand = integrand
        self.axes = integrand.dimension - (phases is not None)
        self.phases = phases
        self.rule = gauss_rule(NODES[self.axes])
        self.sides = first_boxes(first[: self.axes])
        self.boxes: _Boxes
        self.minima: dict[str, Minimum] = {}
        self.points = 0

    # evaluation

    def first_tasks(self, numbers: Iterable[int]) -> list[_Task]:
        """Boxes of the first partition at these points of the mesh, in layers along the first axis."""
        layers, parts = self.sides[0], (1, *self.sides[1:])
        width = np.array([1.0 / layers, *np.ones(self.axes - 1)])
        return [
            _Task(width * [layer, *[0] * (self.axes - 1)], width, parts, self._phase(number), number)
            for number, layer in itertools.product(numbers, range(layers))
        ]

    def _phase(self, number: int) -> Float:
        return np.zeros(0) if self.phases is None else np.array([number / self.phases])

    def cost(self, tasks: Sequence[_Task]) -> int:
        """Number of points of tasks."""
        return sum(math.prod(task.parts) for task in tasks) * len(self.rule.nodes) ** self.axes

    def evaluate(self, tasks: Sequence[_Task], pool: Executor, bar: ProgressBar) -> None:
        """Evaluate tasks and add their boxes."""
        bar.stage(f"generation of {len(tasks)} boxes", self.cost(tasks))
        found = [self.boxes] if self.points else []
        for outcome in run(pool, partial(_evaluated, self.integrand, self.rule), self._groups(tasks)):
            found.append(outcome.boxes)
            self.points += outcome.points
            for name, minimum in outcome.minima.items():
                self.minima[name] = min(self.minima.get(name, minimum), minimum, key=itemgetter(0))
            bar.advance(outcome.points)
        self.boxes = _Boxes.joined(found)

    def _groups(self, tasks: Sequence[_Task]) -> Iterator[list[_Task]]:
        """Tasks that are evaluated together: at one point of the mesh, with about as many points as fit the cache."""
        for _, several in itertools.groupby(sorted(tasks, key=attrgetter("number")), attrgetter("number")):
            group: list[_Task] = []
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
        return totals

    @property
    def noise(self) -> float:
        """Rounding error of the mean."""
        return float(self.boxes.noise.sum()) / (self.phases or 1)

    def error(self) -> float:
        """Error of the boxes, of the largest output."""
        return float(self.boxes.errors.sum(axis=(0, 1)).max()) / (self.phases or 1)

    def mesh_error(self) -> float:
        """Error of the mesh along the last axis."""
        if self.phases is None:
            return 0.0
        values = self._along_mesh()
        sums, _ = by_class(values, [np.arange(self.phases)], [classes(self.phases)])
        residues = sums * (classes(self.phases) / self.phases)
        (error,) = aliasing_errors([values], residues, np.array([self._change_of_gap()])).values()
        return error

    def _smallest_gaps(self) -> Float:
        """Smallest gap at each point of the mesh."""
        gaps = np.full(self.phases or 1, np.inf)
        np.minimum.at(gaps, self.boxes.number, self.boxes.gap)
        return gaps

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

    def refinement(self, allowed: float) -> list[_Task]:
        """Remove the boxes that need to be split, and return them as tasks."""
        by_box = self.boxes.errors.sum(axis=1).max(axis=1) / (self.phases or 1)
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
        self.boxes = self.boxes.select(np.flatnonzero(~chosen))
        return [
            _Task(lower, width, tuple(int(p) for p in parts), self._phase(int(number)), int(number))
            for lower, width, parts, number in zip(old.lower, old.width, 1 + split, old.number, strict=True)
        ]

    def more_phases(self) -> list[_Task]:
        """Double the mesh along the last axis, and return the tasks of its new points."""
        assert self.phases is not None
        self.phases *= 2
        self.boxes.number *= 2
        return self.first_tasks(range(1, self.phases, 2))


def _evaluated(integrand: PointIntegrand, rule: Rule, tasks: Sequence[_Task]) -> _Outcome:
    """Evaluate the parts of one or several boxes."""
    grids = [_axes(task, rule) for task in tasks]
    if len(tasks) == 1:
        sample = integrand([*grids[0], tasks[0].phase] if len(tasks[0].phase) else grids[0])
    else:
        lists = [
            tensor_grid([*grid, task.phase] if len(task.phase) else grid)
            for task, grid in zip(tasks, grids, strict=True)
        ]
        sample = integrand.at(np.concatenate(lists))
    boxes, first = [], 0
    for task in tasks:
        last = first + math.prod(task.parts) * len(rule.nodes) ** len(task.width)
        boxes.append(_integrated(task, rule, sample, slice(first, last)))
        first = last
    return _Outcome(_Boxes.joined(boxes), sample.minima, len(sample.values))


def _starts(task: _Task) -> list[Float]:
    """Lower ends of the parts along each axis."""
    width = task.width / task.parts
    return [lower + w * np.arange(parts) for lower, w, parts in zip(task.lower, width, task.parts, strict=True)]


def _axes(task: _Task, rule: Rule) -> list[Float]:
    """Coordinates of the nodes of all parts along each axis."""
    return [
        (start[:, None] + w * rule.nodes).ravel()
        for start, w in zip(_starts(task), task.width / task.parts, strict=True)
    ]


def _integrated(task: _Task, rule: Rule, sample: Sample, points: slice) -> _Boxes:
    """Integrals over the parts of a box, whose nodes are these points of the sample."""
    d, n = len(task.width), len(rule.nodes)
    width = task.width / task.parts
    boxes, volume = math.prod(task.parts), math.prod(width)

    def by_box(values: Float) -> Float:
        """Values at the points (P, ...) as (boxes, n, ..., n, ...)."""
        rest = values.shape[1:]
        split = values[points].reshape(*(x for parts in task.parts for x in (parts, n)), *rest)
        order = [*range(0, 2 * d, 2), *range(1, 2 * d, 2), *range(2 * d, split.ndim)]
        return split.transpose(order).reshape(boxes, *[n] * d, *rest)

    assert sample.sharpness is not None
    sharpness = by_box(sample.sharpness[:, :d]).reshape(boxes, -1, d).max(axis=1)
    marginals = _marginals(by_box(sample.values), rule.weights)
    integral = np.einsum("j,bjo->bo", rule.weights, marginals[0])
    inverse = 0.5 * width * (sharpness + SMOOTHEST)
    errors = np.stack([_axis_error(marginals[a], inverse[:, a], rule) for a in range(d)], axis=1)
    noise = by_box(sample.noise)
    for _ in range(d):
        noise = np.tensordot(noise, rule.weights, axes=(1, 0))
    return _Boxes(
        tensor_grid(_starts(task)),
        np.tile(width, (boxes, 1)),
        np.full(boxes, task.number),
        volume * integral,
        volume * errors,
        volume * noise,
        sharpness * (width * rule.spacing),
        np.full(boxes, sample.minima["gap"].value if "gap" in sample.minima else np.inf),
    )


def _marginals(values: Float, weights: Float) -> list[Float]:
    """Means over all axes but one, for each axis; (boxes, n, outputs) each."""
    d = values.ndim - 2
    found = []
    for axis in range(d):
        marginal = values
        for other in reversed(range(d)):
            if other != axis:
                marginal = np.tensordot(marginal, weights, axes=(1 + other, 0))
        found.append(marginal)
    return found


def _axis_error(marginal: Float, sharpness: Float, rule: Rule) -> Float:
    """Error of the rule along one axis from the decay of the Legendre coefficients, (boxes, outputs).

    Parameters
    ----------
    marginal : float array, shape (boxes, n, outputs)
    sharpness : float array, shape (boxes,)
        Inverse width of the narrowest feature, in units of the inverse of half the width of the box.
    rule : Rule
    """
    n = len(rule.nodes)
    half = n // 2
    seen = np.abs(np.einsum("lj,bjo->blo", rule.coefficients, marginal))
    envelope = np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
    floor = max(float(seen.max()) * np.finfo(float).eps, np.finfo(float).tiny)
    envelope = np.maximum(envelope, floor)
    decay = np.log(envelope[:, 1 : n - half] / envelope[:, 1 + half :]).min(axis=1) / half
    # the nearest singularity lies on the ellipse with this sum of its half axes, or beyond
    distance = 1.0 / np.maximum(sharpness, 1e-3)
    ellipse = np.log(distance + np.hypot(1.0, distance))[:, None]
    decay = np.clip(SEEN_DECAY * decay, GAP_DECAY * ellipse, FASTEST_DECAY * ellipse)
    left = 2 * n - np.arange(half, n)
    extrapolated = seen[:, half:] * np.exp(-decay[:, None, :] * left[:, None])
    return np.asarray(SAFETY * extrapolated.max(axis=1))
