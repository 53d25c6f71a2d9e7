"""Wedges of the zone: parallelepipeds whose images under a symmetry group cover the zone uniformly.

If each point of the zone has the same number of images in a wedge, the integral of a function over the zone is that of
its mean over the group, over the wedge, divided by the volume of the wedge. A wedge begins at the origin, so that its
faces, and not the points inside its boxes, lie in symmetric planes. Exchanges of its edges that are symmetries relate
boxes of the wedge to each other; only one of two such boxes is evaluated, and counts twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid

REACH = {1: 1, 2: 2, 3: 3}
"""Largest component of the lattice vectors along which edges are tried, by dimension."""
FRACTIONS = (1, 2, 4)
"""Edges are tried that are lattice vectors divided by these numbers."""
LAYERS = (1, 2, 3, 6)
"""The same for the edge along a threefold axis."""
FEW, MANY = 4, 512
"""Numbers of random points at which the covering is tested, first quickly."""
SHIFT = 0.0902
"""Displacement of the faces between the boxes of a wedge, in boxes: they do not coincide with level surfaces at simple
fractions of the zone, which would then be counted twice or not at all."""
FINER = 0.5
"""Number of boxes of a wedge at the beginning, as a power of its share of the zone."""
OFFSETS = (0.3820, 0.7549, 0.5698)
"""Corner of the first box without symmetry, in units of its side, for the same reason."""


@dataclass(frozen=True, eq=False)
class Wedge:
    """Parallelepiped in reduced coordinates whose images cover the zone uniformly.

    Its own coordinates x run from 0 to 1 along each edge. They are periodic for the whole zone.
    """

    edges: Float
    """Edges as rows, (d, d)."""
    exchanged: tuple[int, ...] = ()
    """Edges in the order of their images under a symmetry that exchanges two of them; empty without one."""
    whole: bool = False
    """True for the whole zone, without symmetry."""

    @classmethod
    def zone(cls, dimension: int) -> Wedge:
        """The whole zone."""
        return cls(np.eye(dimension), whole=True)

    def image(self, operation: Integer) -> Wedge:
        """Image under an operation k -> k W."""
        return replace(self, edges=self.edges @ operation)

    def along_axes(self) -> Wedge:
        """The same wedge with its edges in the order of the axes of the zone, if each lies along one of them."""
        axes = np.abs(self.edges).argmax(axis=1)
        if (self.edges != 0).sum() > len(axes) or len(set(axes)) < len(axes):
            return self
        order = np.argsort(axes)
        exchanged = tuple(int(axes[self.exchanged[edge]]) for edge in order) if self.exchanged else ()
        return replace(self, edges=self.edges[order], exchanged=exchanged)

    @cached_property
    def share(self) -> float:
        """Fraction of the zone."""
        return float(abs(np.linalg.det(self.edges)))

    def lengths(self, dimension: int) -> Float:
        """Changes of the reduced coordinates along each edge, (d,)."""
        return np.ones(dimension) if self.whole else np.abs(self.edges).sum(axis=1)

    def points(self, x: Float) -> Float:
        """Reduced coordinates of points in coordinates of the wedge, (..., d)."""
        return x if self.whole else np.asarray(x @ self.edges)

    def reach(self, sides: Float) -> Float:
        """Bound of the change of a function in boxes with sides (B, d), per sum of its changes along the axes; (B,)."""
        return np.asarray((sides @ np.abs(self.edges)).max(axis=1))

    def boxes(self, reciprocal: Float, start: int, offsets: Sequence[float] = OFFSETS) -> Boxes:
        """Boxes to begin with, for the whole zone `start` along each axis.

        Errors of equivalent boxes are equal. In a wedge boxes are smaller, so that their errors add up to about those
        of independent boxes in the whole zone.
        """
        d = len(self.edges)
        if self.whole:
            axes = [(np.arange(start) + offset) / start for offset in offsets[:d]]
            corners = tensor_grid(axes)
            return Boxes(corners, np.full(corners.shape, 1.0 / start), np.ones(len(corners)), 0)
        share = self.share / (2 if self.exchanged else 1)
        length = (abs(np.linalg.det(reciprocal)) * share**FINER) ** (1 / d) / start
        # edges of equal length are cut equally
        numbers = np.round(np.linalg.norm(self.edges @ reciprocal, axis=1) / length, 6)
        numbers = np.maximum(np.rint(numbers), 2).astype(int)
        faces = [np.concatenate([[0.0], (np.arange(1, n) + SHIFT) / n, [1.0]]) for n in numbers]
        corners, ends = (tensor_grid([face[part] for face in faces]) for part in (slice(None, -1), slice(1, None)))
        boxes = Boxes(corners, ends - corners, np.ones(len(corners)), 0)
        return boxes.part(*self.folded(boxes.corners[None], boxes.sides[None], np.array([bool(self.exchanged)])))

    def halves(self, boxes: Boxes) -> tuple[Boxes, Integer]:
        """Halves of boxes, those of each box one after the other, and the number for each box."""
        d = len(self.edges)
        count = 1 << d
        corners = boxes.corners[:, None] + boxes.sides[:, None] * tensor_grid([[0.0, 0.5]] * d)
        sides = np.repeat(boxes.sides[:, None] / 2, count, axis=1)
        halves = Boxes(corners.reshape(-1, d), sides.reshape(-1, d), np.repeat(boxes.copies, count), boxes.depth + 1)
        which, copies = self.folded(corners, sides, self.fixed(boxes.corners, boxes.sides))
        return halves.part(which, copies), which.reshape(len(corners), -1).sum(axis=1)

    def fixed(self, corners: Float, sides: Float) -> np.ndarray:
        """True for boxes (B, d) that the exchange of edges maps to themselves, (B,)."""
        if not self.exchanged:
            return np.zeros(len(corners), dtype=bool)
        order = list(self.exchanged)
        same = (corners == corners[:, order]) & (sides == sides[:, order])
        return np.asarray(same.all(axis=1))

    def folded(self, corners: Float, sides: Float, fixed: np.ndarray) -> tuple[np.ndarray, Integer]:
        """Mask of one of all boxes (B, n) that the exchange of edges relates, and their numbers, both (B n,).

        Parameters
        ----------
        corners, sides : float arrays, shape (B, n, d)
        fixed : bool array, shape (B,)
            True where the exchange maps the n boxes to each other.
        """
        if not fixed.any():
            return np.ones(corners[..., 0].size, dtype=bool), np.ones(corners[..., 0].size, dtype=int)
        first = next(axis for axis, image in enumerate(self.exchanged) if axis != image)
        other = self.exchanged[first]
        lower, upper = corners[..., first], corners[..., other]
        which = ~fixed[:, None] | (lower <= upper)
        return which.ravel(), np.where(fixed[:, None] & (lower < upper), 2, 1).ravel()


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one depth in coordinates of a wedge."""

    corners: Float
    """Lowest corners, (B, d)."""
    sides: Float
    """(B, d)."""
    copies: Float
    """Number of boxes of the wedge that each of them represents, (B,)."""
    depth: int
    """Number of times that the initial boxes were halved."""

    def part(self, which: np.ndarray | slice, copies: Integer | int = 1) -> Boxes:
        """Some of the boxes, each in place of `copies` boxes like it."""
        number = (self.copies * copies)[which]
        return replace(self, corners=self.corners[which], sides=self.sides[which], copies=number)

    def split(self, size: int) -> Iterator[Boxes]:
        """Parts of at most `size` boxes."""
        for first in range(0, len(self.corners), size):
            yield self.part(slice(first, first + size))

    @property
    def volumes(self) -> Float:
        """Fractions of the wedge that they represent, (B,)."""
        return np.asarray(self.copies * self.sides.prod(axis=1))


def find_wedge(operations: Integer, reciprocal: Float) -> Wedge | None:
    """Smallest wedge of a group of operations; None if no wedge is smaller than the zone.

    Parameters
    ----------
    operations : int array, shape (G, d, d)
        k -> k W on reduced wave vectors, the identity first.
    reciprocal : float array, shape (d, d)
        Reciprocal vectors as rows.
    """
    metric = reciprocal @ reciprocal.T
    rounded = np.round(metric / metric.trace(), 10)
    group = tuple(sorted(tuple(W.ravel().tolist()) for W in operations))
    return _smallest(group, tuple(rounded.ravel().tolist()))


@lru_cache(maxsize=64)
def _smallest(group: tuple[tuple[int, ...], ...], metric: tuple[float, ...]) -> Wedge | None:
    g = np.array(metric)
    d = round(len(g) ** 0.5)
    operations, g = np.array(group).reshape(-1, d, d), g.reshape(d, d)
    candidates = np.array([*_candidates(operations, g)])
    shares = np.abs(np.linalg.det(candidates))
    covered = shares * len(operations)
    possible = (np.abs(covered - np.rint(covered)) < 1e-9) & (covered > 0.5) & (shares < 1 - 1e-9)
    candidates, shares = candidates[possible], shares[possible]
    wedges = [Wedge(edges, _exchange(edges, operations)) for edges in candidates]
    costs = shares / np.array([1 + (len(wedge.exchanged) > 0) for wedge in wedges])
    extents = [_extent(edges, g) for edges in candidates]
    for number in np.lexsort((np.round(extents, 9), np.round(costs, 9))):
        if all(covers(candidates[number], operations, points) for points in (FEW, MANY)):
            return wedges[number]
    return None


def covers(edges: Float, operations: Integer, points: int) -> bool:
    """True if random points have equal numbers of images in a parallelepiped at the origin."""
    d = len(edges)
    k = np.random.default_rng(31).random((points, d))
    images = (k @ operations) % 1.0
    corners = tensor_grid([[0, 1]] * d) @ edges
    low, high = np.floor(corners.min(axis=0) + 1e-9), np.ceil(corners.max(axis=0) - 1e-9)
    cells = tensor_grid([np.arange(a, b) for a, b in zip(low, high, strict=True)])
    inverse = np.linalg.inv(edges)
    x = (images @ inverse)[:, :, None] + cells @ inverse
    inside = ((x >= 0) & (x < 1)).all(axis=3).sum(axis=(0, 2))
    return bool((inside == np.rint(len(operations) * abs(np.linalg.det(edges)))).all())


def _exchange(edges: Float, operations: Integer) -> tuple[int, ...]:
    """Order of the edges under an operation that exchanges two of them; empty if there is none."""
    d, inverse = len(edges), np.linalg.inv(edges)
    for first, second in itertools.combinations(range(d), 2):
        order = [*range(d)]
        order[first], order[second] = second, first
        # x in the coordinates of the wedge goes to x with two components exchanged
        image = inverse @ edges[order]
        if (np.abs(operations - image).max(axis=(1, 2)) < 1e-9).any():
            return tuple(order)
    return ()


def _extent(edges: Float, metric: Float) -> float:
    """Square of the longest diagonal, in the metric of the lattice."""
    diagonals = tensor_grid([[-1, 1]] * len(edges)) @ edges
    return float(np.einsum("ni,ij,nj->n", diagonals, metric, diagonals).max())


def _candidates(operations: Integer, metric: Float) -> Iterator[Float]:
    """Edges that are tried."""
    d = len(metric)
    unit = np.eye(d)
    if d == 1:
        yield unit / 2
        return
    vectors = _lattice_vectors(metric)
    for first, second in _threefold_edges(operations, vectors, metric):
        if d == 2:
            yield np.array([first, second])
            continue
        axis = next(v for v in vectors if np.abs([v @ metric @ first, v @ metric @ second]).max() < 1e-6)
        for layers in LAYERS:
            yield np.array([first, second, axis / layers])
    if d == 2:
        bases = [np.array(pair) for pair in itertools.product(vectors[: len(vectors) // 2], vectors)]
    else:
        bases = [unit, *_bases_in_space(operations, vectors, metric)]
    for basis in bases:
        if abs(np.linalg.det(basis)) > 0.5:
            for parts in itertools.product(FRACTIONS, repeat=d):
                yield basis / np.array(parts)[:, None]


def _lattice_vectors(metric: Float) -> Float:
    """Primitive lattice vectors, the shortest ones first; of each and its negative, one is in the first half."""
    d = len(metric)
    every = np.array(list(itertools.product(range(-REACH[d], REACH[d] + 1), repeat=d)))
    primitive = every[np.gcd.reduce(every, axis=1) == 1]
    leading = primitive[np.arange(len(primitive)), (primitive != 0).argmax(axis=1)]
    half = primitive[leading > 0]
    half = half[np.argsort(np.round(np.einsum("ni,ij,nj->n", half, metric, half), 6), kind="stable")]
    return np.concatenate([half, -half]).astype(float)


def _threefold_edges(operations: Integer, vectors: Float, metric: Float) -> Iterator[tuple[Float, Float]]:
    """Pairs of edges from the origin to points at which a threefold axis of the lattice ends, at 120 degrees."""
    unit = np.eye(len(metric))
    for W in operations:
        if np.array_equal(W @ W @ W, unit) and not np.array_equal(W, unit):
            plane = vectors[np.abs(vectors @ (unit + W + W @ W)).max(axis=1) < 1e-9]
            for shortest in (plane[0], -plane[0]):
                corner = (shortest - shortest @ W) / 3
                yield corner, corner @ W


def _bases_in_space(operations: Integer, vectors: Float, metric: Float) -> Iterator[Float]:
    """Axes of rotation and normals of planes that are orthogonal, and each of them with vectors across it."""
    half = vectors[: len(vectors) // 2]
    axes = []
    for v in half:
        proper = np.linalg.det(operations).round()[:, None, None] * operations
        # the identity and the inversion leave all vectors in place
        fixed = (np.abs(v @ proper - v).max(axis=1) < 1e-9) & (np.abs(proper - np.eye(3)).max(axis=(1, 2)) > 0.5)
        if fixed.any():
            axes.append(v)
    for three in itertools.combinations(axes, 3):
        basis = np.array(three)
        gram = basis @ metric @ basis.T
        if np.abs(gram - np.diag(np.diag(gram))).max() < 1e-6:
            yield basis
    for axis in axes:
        across = half[np.abs(half @ metric @ axis) < 1e-6]
        for first, second in itertools.combinations(across[:3], 2):
            yield np.array([axis, first, second])
            yield np.array([axis, first, -second])
