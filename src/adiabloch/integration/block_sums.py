"""Sums of an integrand over blocks of a uniform mesh."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from adiabloch import compiled
from adiabloch.arrays import Float, Integer
from adiabloch.integration.orbits import Orbits, SymmetricIntegrand
from adiabloch.integration.protocols import Integrand, Minimum
from adiabloch.integration.spectrum import by_class, classes

Mesh = tuple[int, ...]
Levels = tuple[int, ...]
"""Number of doublings of each axis."""
Block = tuple[tuple[float, float, int], ...]
"""First coordinate, step and number of points along each axis."""


@dataclass(frozen=True, eq=False)
class BlockSums:
    """Sums over the points of a block."""

    numbers: list[Integer]
    """Numbers of the points along each axis."""
    marginals: list[Float]
    """For each axis, sums over the others, (points along it, outputs)."""
    classes: list[Integer]
    """Residue classes along each axis."""
    sums: Float
    """Sums over the points of each class, (classes along each axis..., outputs)."""
    points: int
    """Number of points, with all of each orbit."""
    evaluated: int
    noise: float
    minima: Mapping[str, Minimum]
    sharpness: Float | None


def blocks(first: Mesh, part: Levels, batch: int) -> Iterator[Block]:
    """Split one part of a mesh into tensor blocks of about `batch` points or fewer, long along the last axes."""
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


def sum_block(integrand: Integrand, mesh: Mesh, block: Block) -> BlockSums:
    """Sums over the points of a block."""
    axes, numbers = _axes_of(block, mesh)
    with compiled.expecting(math.prod(mesh)):
        sample = integrand(axes)
    values = sample.values.reshape(*map(len, axes), -1)
    sums, labels = by_class(values, numbers, [classes(n) for n in mesh])
    return BlockSums(
        numbers,
        _marginals(values),
        labels,
        sums,
        len(sample.values),
        len(sample.values),
        float(sample.noise.sum()),
        sample.minima,
        None if sample.sharpness is None else sample.sharpness.max(axis=0),
    )


def _marginals(values: Float) -> list[Float]:
    """Sums over all axes but one of values (points along each axis..., outputs), as products with vectors of ones."""
    by_output = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    outputs, *counts = by_output.shape
    marginals = []
    for axis, n in enumerate(counts):
        before, behind = math.prod(counts[:axis]), math.prod(counts[axis + 1 :])
        sums = by_output.reshape(outputs, before, n, behind) @ np.ones(behind)
        marginals.append((np.ones(before) @ sums).T)
    return marginals


def _axes_of(block: Block, mesh: Mesh) -> tuple[list[Float], list[Integer]]:
    """Coordinates of a block along each axis, and the numbers of its points."""
    axes: list[Float] = [begin + step * np.arange(count, dtype=np.float64) for begin, step, count in block]
    return axes, [np.rint(axis * n).astype(int) for axis, n in zip(axes, mesh, strict=True)]


def sum_orbits(
    integrand: Integrand, mesh: Mesh, orbits: Orbits, known: Sequence[int], block: Block
) -> BlockSums | None:
    """Sums over the orbits that have their representative in a block, without those of known points; None if none has.

    `known` are the distances of the known points along each axis; empty if there are none.
    """
    assert isinstance(integrand, SymmetricIntegrand)
    axes, numbers = _axes_of(block, mesh)
    sizes = orbits.sizes(numbers, mesh)
    if known:
        old = [number % step == 0 for number, step in zip(numbers, known, strict=True)]
        sizes[reduce(np.logical_and.outer, old).ravel()] = 0
    which = sizes > 0
    if not which.any():
        return None
    steps, step_of = orbits.steps
    order = len(orbits.operations)
    with compiled.expecting(math.prod(mesh) // order):
        sample = integrand.on_part(axes, which, steps)
    weighted = sample.values * (sizes[which] / order)[:, None]
    values = (weighted @ orbits.transformations).reshape(-1, weighted.shape[1])
    points = np.stack(np.meshgrid(*numbers, indexing="ij"), axis=-1).reshape(-1, len(mesh))[which]
    images = orbits.images(points, mesh).reshape(-1, len(mesh)).T
    counts = tuple(classes(n) for n in mesh)
    residues = np.ravel_multi_index([image % count for image, count in zip(images, counts, strict=True)], counts)
    return BlockSums(
        [np.arange(n) for n in mesh],
        [_sums_at(image, values, n) for image, n in zip(images, mesh, strict=True)],
        [np.arange(count) for count in counts],
        _sums_at(residues, values, math.prod(counts)).reshape(*counts, -1),
        int(sizes.sum()),
        len(sample.values),
        float(sizes[which] @ (sample.noise + orbits.inaccuracy)),
        sample.minima,
        None if sample.sharpness is None else sample.sharpness.max(axis=0)[step_of].max(axis=0),
    )


def _sums_at(places: Integer, values: Float, count: int) -> Float:
    """Sums of values (R, outputs) with the same place out of `count`, (count, outputs)."""
    return np.stack([np.bincount(places, column, count) for column in values.T], axis=1)
