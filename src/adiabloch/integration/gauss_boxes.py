"""Boxes of Gauss points: integrals over boxes, with errors and the width of the narrowest feature in each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid
from adiabloch.integration.folded_mean import FoldedMean
from adiabloch.integration.protocols import GridsIntegrand, Minimum, Sample
from adiabloch.integration.spectrum import SMOOTHEST

SEEN_DECAY, FASTEST_DECAY = 1.15, 1.2
"""Factors on decays of the Legendre coefficients in the extrapolation to degree 2 n: on the one that is seen, which
increases with the degree where the singularity is a pole of high order, and on the one that the gap and its slope
imply. The extrapolation assumes no faster decay than the latter product, and no slower one than that of the gap."""
SAFETY = 2.0
"""Factor on the extrapolated coefficients."""


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


class BoxTask(NamedTuple):
    """A box that is divided into parts, at one point of the mesh along the last axis."""

    lower: Float
    width: Float
    parts: tuple[int, ...]
    phase: Float
    """(0,) or (1,): coordinate along the last axis if it is a mesh."""
    number: int
    """Number of this point of the mesh."""
    copies: int = 1
    """Number of equivalent boxes of a wedge that it represents."""


@dataclass(eq=False)
class Boxes:
    """Boxes with their integrals."""

    lower: Float
    """(B, d), in coordinates of a wedge."""
    width: Float
    """(B, d)"""
    number: Integer
    """(B,): number of the point of the mesh along the last axis."""
    copies: Integer
    """(B,): number of equivalent boxes that each of them represents."""
    value: Float
    """(B, outputs): integral over these boxes, the mean over operations that leave the phase unchanged."""
    errors: Float
    """(B, d, outputs): estimated error by axis, of the mean over all operations."""
    noise: Float
    """(B,): rounding error."""
    size: Float
    """(B,): integral of the largest value without its sign."""
    narrow: Float
    """(B, d): largest distance of nodes in widths of the narrowest feature."""
    gap: Float
    """(B,): smallest gap on the nodes of the box and its siblings; infinite without gaps."""

    def select(self, which: np.ndarray) -> Boxes:
        """Boxes with these indices."""
        return Boxes(*(getattr(self, name)[which] for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, several: Sequence[Boxes]) -> Boxes:
        """All boxes of several sets."""
        return cls(*(np.concatenate([getattr(one, name) for one in several]) for name in cls.__dataclass_fields__))


class BoxOutcome(NamedTuple):
    """Boxes that were evaluated together, with the smallest values found of quantities that must not vanish."""

    boxes: Boxes
    minima: Mapping[str, Minimum]
    points: int


def evaluated_boxes(integrand: GridsIntegrand, rule: Rule, folded: FoldedMean, tasks: Sequence[BoxTask]) -> BoxOutcome:
    """Evaluate the parts of one or several boxes of a wedge."""
    grids = [[*_axes(task, rule), *([task.phase] if len(task.phase) else [])] for task in tasks]
    edges = folded.edges(integrand.dimension)
    if edges is not None:
        sample = integrand.on_grids(grids, edges)
    else:
        sample = integrand(grids[0]) if len(tasks) == 1 else integrand.on_grids(grids)
    boxes, first = [], 0
    for parts, alike in itertools.groupby(tasks, attrgetter("parts")):
        several = [*alike]
        last = first + len(several) * math.prod(parts) * len(rule.nodes) ** len(parts)
        boxes.append(_integrated(several, rule, folded, sample, slice(first, last)))
        first = last
    return BoxOutcome(Boxes.joined(boxes), sample.minima, len(sample.values))


def _axes(task: BoxTask, rule: Rule) -> list[Float]:
    """Coordinates of the nodes of all parts along each axis."""
    width = task.width / task.parts
    starts = [lower + w * np.arange(parts) for lower, w, parts in zip(task.lower, width, task.parts, strict=True)]
    return [(start[:, None] + w * rule.nodes).ravel() for start, w in zip(starts, width, strict=True)]


def _integrated(tasks: Sequence[BoxTask], rule: Rule, folded: FoldedMean, sample: Sample, points: slice) -> Boxes:
    """Integrals over the parts of boxes with equally many parts, whose nodes are these points of the sample."""
    parts = tasks[0].parts
    d, n, each = len(parts), len(rule.nodes), math.prod(parts)
    boxes = len(tasks) * each
    sides = np.array([task.width for task in tasks]) / parts
    lower = np.array([task.lower for task in tasks])[:, None] + sides[:, None] * tensor_grid([*map(np.arange, parts)])
    width = np.repeat(sides, each, axis=0)
    copies = np.repeat([task.copies for task in tasks], each)
    volume = copies * width.prod(axis=1)

    def by_box(values: Float) -> Float:
        """Values at the points (P, ...) as (boxes, n, ..., n, ...)."""
        rest = values.shape[1:]
        split = values[points].reshape(len(tasks), *(x for count in parts for x in (count, n)), *rest)
        order = [0, *range(1, 2 * d, 2), *range(2, 2 * d + 1, 2), *range(2 * d + 1, split.ndim)]
        return split.transpose(order).reshape(boxes, *[n] * d, *rest)

    assert sample.sharpness is not None
    sharpness = by_box(sample.sharpness[:, :d]).reshape(boxes, -1, d).max(axis=1)
    marginals = _marginals(by_box(sample.values), rule.weights)
    integral = np.einsum("j,bjo->bo", rule.weights, marginals[0])
    largest = np.abs(sample.values).max(axis=1)
    noise = sample.noise + folded.inaccuracy * largest
    if folded.at_phase is not None and folded.everywhere is not None:
        integral = integral @ folded.at_phase
        marginals = [marginal @ folded.everywhere for marginal in marginals]
    inverse = 0.5 * width * (sharpness + SMOOTHEST * folded.wedge.lengths(d))
    errors = np.stack([_axis_error(marginals[a], inverse[:, a], rule, each) for a in range(d)], axis=1)
    sums = by_box(np.stack([noise, largest], axis=1))
    for _ in range(d):
        sums = np.tensordot(sums, rule.weights, axes=(1, 0))
    return Boxes(
        lower.reshape(boxes, d),
        width,
        np.repeat([task.number for task in tasks], each),
        copies,
        volume[:, None] * integral,
        volume[:, None, None] * errors,
        volume * sums[:, 0],
        volume * sums[:, 1],
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


def _axis_error(marginal: Float, sharpness: Float, rule: Rule, parts: int) -> Float:
    """Error of the rule along one axis from the decay of the Legendre coefficients, (boxes, outputs).

    Parameters
    ----------
    marginal : float array, shape (boxes, n, outputs)
    sharpness : float array, shape (boxes,)
        Inverse width of the narrowest feature, in units of the inverse of half the width of the box.
    rule : Rule
    parts : int
        Number of successive boxes that are parts of one: with coefficients below the rounding error of the largest.
    """
    n = len(rule.nodes)
    half = n // 2
    seen = np.abs(np.einsum("lj,bjo->blo", rule.coefficients, marginal))
    envelope = np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
    floor = np.repeat(seen.reshape(len(seen) // parts, -1).max(axis=1), parts) * np.finfo(float).eps
    envelope = np.maximum(envelope, np.maximum(floor, np.finfo(float).tiny)[:, None, None])
    decay = np.log(envelope[:, 1 : n - half] / envelope[:, 1 + half :]).min(axis=1) / half
    # the nearest singularity lies on the ellipse with this sum of its half axes, or beyond
    distance = 1.0 / np.maximum(sharpness, 1e-3)
    ellipse = np.log(distance + np.hypot(1.0, distance))[:, None]
    decay = np.clip(SEEN_DECAY * decay, ellipse, FASTEST_DECAY * ellipse)
    left = 2 * n - np.arange(half, n)
    extrapolated = (seen[:, half:] * np.exp(-decay[:, None, :] * left[:, None])).max(axis=1)
    # the coefficients of degrees 2 n, 2 n + 2, ... are a geometric series; in resolved boxes all decays exceed 1/n
    return np.asarray(SAFETY * extrapolated / -np.expm1(-2 * np.maximum(decay, 1 / n)))
