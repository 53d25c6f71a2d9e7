"""Sums of an integrand over blocks of a uniform mesh."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import itemgetter

import numpy as np

from adiabloch import compiled
from adiabloch.arrays import Float, Integer
from adiabloch.integration.orbits import Orbits, SymmetricIntegrand
from adiabloch.integration.protocols import Integrand, Minimum
from adiabloch.integration.spectrum import REPEATED, by_class, classes

Mesh = tuple[int, ...]
Levels = tuple[int, ...]
"""Number of doublings of each axis."""
Block = tuple[tuple[float, float, int], ...]
"""First coordinate, step and number of points along each axis."""
FEWEST_BUNDLES, LARGEST_BUNDLE = 512, 16
"""Number of bundles of blocks below which each has one block, and the largest number of blocks in a bundle. The process
that adds all sums then has little to do."""


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


def bundles(tasks: Iterable[Block], points: int) -> Iterator[tuple[Block, ...]]:
    """Bundles of successive blocks of a mesh; one block in each if there are few.

    They depend on the mesh only, so that sums over a bundle have the same bits wherever they are computed.
    """
    remaining = iter(tasks)
    first = next(remaining, None)
    if first is None:
        return
    size = points // (FEWEST_BUNDLES * math.prod(count for _, _, count in first))
    size = min(max(size, 1), LARGEST_BUNDLE)
    remaining = itertools.chain([first], remaining)
    while bundle := tuple(itertools.islice(remaining, size)):
        yield bundle


def sum_bundle(evaluate: Callable[[Block], BlockSums | None], bundle: Sequence[Block]) -> BlockSums | None:
    """Sums over the points of several blocks; None without points."""
    parts = [part for part in map(evaluate, bundle) if part is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    axes = range(len(parts[0].numbers))
    numbers = [np.unique(np.concatenate([part.numbers[axis] for part in parts])) for axis in axes]
    labels = [np.unique(np.concatenate([part.classes[axis] for part in parts])) for axis in axes]
    outputs = parts[0].sums.shape[-1]
    marginals = [np.zeros((len(own), outputs)) for own in numbers]
    sums = np.zeros((*map(len, labels), outputs))
    minima: dict[str, Minimum] = {}
    for part in parts:
        for axis in axes:
            marginals[axis][np.searchsorted(numbers[axis], part.numbers[axis])] += part.marginals[axis]
        sums[np.ix_(*map(np.searchsorted, labels, part.classes))] += part.sums
        minima = smallest(minima, part.minima)
    sharpness = [part.sharpness for part in parts if part.sharpness is not None]
    return BlockSums(
        numbers,
        marginals,
        labels,
        sums,
        sum(part.points for part in parts),
        sum(part.evaluated for part in parts),
        sum(part.noise for part in parts),
        minima,
        np.max(sharpness, axis=0) if sharpness else None,
    )


def smallest(first: Mapping[str, Minimum], other: Mapping[str, Minimum]) -> dict[str, Minimum]:
    """Smaller of the minima found of each quantity; the first one if they are equal."""
    found = dict(first)
    for name, minimum in other.items():
        found[name] = min(found.get(name, minimum), minimum, key=itemgetter(0))
    return found


def _axes_of(block: Block, mesh: Mesh) -> tuple[list[Float], list[Integer]]:
    """Coordinates of a block along each axis, and the numbers of its points."""
    axes, numbers = zip(*(_axis_of(*axis, n) for axis, n in zip(block, mesh, strict=True)), strict=True)
    return list(axes), list(numbers)


@lru_cache(maxsize=REPEATED)
def _axis_of(begin: float, step: float, count: int, n: int) -> tuple[Float, Integer]:
    """Coordinates of `count` points of an axis with n points, and their numbers."""
    axis: Float = begin + step * np.arange(count, dtype=np.float64)
    numbers = np.rint(axis * n).astype(int)
    axis.flags.writeable = numbers.flags.writeable = False
    return axis, numbers


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
