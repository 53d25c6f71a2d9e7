"""Lattice of plaquettes on a plane of the unit torus that is refined where the gap is small.

A plaquette is split into four if the phase around it is large, or if the gap at its corners is smaller than its change
across the plaquette, so that it may close inside. Plaquettes of different sizes share all points on their common
border, so that the sum of the phases is a multiple of 2 pi.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from adiabloch.arrays import Complex, Float, Integer, tensor_grid
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.gaps import closing_slopes, direct_gaps
from adiabloch.linalg import dagger
from adiabloch.models.crystal import Crystal, Matrices
from adiabloch.occupation import Group, subspace_indices

DEPTH = 40
"""Largest number of times a plaquette is split."""
LARGEST_PHASE = 0.5 * np.pi
"""Phase around a plaquette from which it is split."""
CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
"""Corners of a plaquette in the order around it."""


@dataclass(eq=False)
class Plaquettes:
    """Points on a plane with the states of a group of bands, and plaquettes between them.

    Parameters
    ----------
    crystal : Crystal
    group : int or (int, int)
    axes : (int, int)
        Axes of the torus that span the plane; the other coordinates are zero.
    points : int
        Number of plaquettes along each side before any is split.
    """

    crystal: Crystal
    group: Group
    axes: tuple[int, int]
    points: int
    number: dict[tuple[int, int], int] = field(default_factory=dict)
    """Index of each point by its integer coordinates, in units of 1/(points 2^DEPTH)."""

    def __post_init__(self) -> None:
        size = self.crystal.size
        self._bands = subspace_indices(self.group, size)[0]
        self._counts = [count for count in (self._bands.start, self._bands.stop) if 0 < count < size]
        self._matrices: Matrices = self.crystal.matrices(self.crystal.directions)
        self._side = self.points * 2**DEPTH
        self._states: Complex = np.zeros((0, size, self._bands.stop - self._bands.start), dtype=np.complex128)
        self._gaps: Float = np.zeros(0)
        self._slopes: Float = np.zeros((0, 2))
        corners = tensor_grid(2 * [np.arange(self.points)])
        self.lower: Integer = corners * 2**DEPTH
        self.size: Integer = np.full(len(corners), 2**DEPTH)
        self._loops: Complex | None = None

    def refine(self, limit: int) -> bool:
        """Split plaquettes until none is too coarse.

        Returns
        -------
        bool
            False if that needs more than `limit` points, or plaquettes smaller than the smallest one.
        """
        coarse = np.ones(len(self.size), dtype=bool)
        while True:
            corners = self._corners(self.lower[coarse], self.size[coarse])
            around = self._around(corners)
            # valid until plaquettes are split, which adds points on the borders of their neighbours
            self._loops = around if len(around) == self.points**2 == len(self.size) else None
            coarse[coarse] = self._too_coarse(corners, around, self.size[coarse])
            if not coarse.any():
                return True
            if len(self.number) > limit or self.size[coarse].min() == 1:
                return False
            half = self.size[coarse] // 2
            children = (self.lower[coarse][:, None] + half[:, None, None] * CORNERS).reshape(-1, 2)
            self.lower = np.concatenate([self.lower[~coarse], children])
            self.size = np.concatenate([self.size[~coarse], np.repeat(half, 4)])
            coarse = np.arange(len(self.size)) >= len(self.size) - len(children)

    def phases(self) -> Float:
        """Flux through each plaquette, between -pi and pi."""
        if self._loops is not None:
            return -np.angle(self._loops)
        owners, links = [], []
        for owner, (lower, size) in enumerate(zip(self.lower.tolist(), self.size.tolist(), strict=True)):
            ring = [(lower[0] + size * x, lower[1] + size * y) for x, y in CORNERS.tolist()]
            for start, end in zip(ring, [*ring[1:], ring[0]], strict=True):
                pieces = self._pieces(start, end)
                links += pieces
                owners += [owner] * len(pieces)
        loops = np.ones(len(self.size), dtype=np.complex128)
        np.multiply.at(loops, owners, self._links(np.array(links)))
        return -np.angle(loops)

    def _pieces(self, start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
        """Links along a side of a plaquette, between all points on it."""
        middle = ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2)
        if middle != start and self._key(middle) in self.number:
            return [*self._pieces(start, middle), *self._pieces(middle, end)]
        return [(self.number[self._key(start)], self.number[self._key(end)])]

    def _key(self, point: tuple[int, int]) -> tuple[int, int]:
        return point[0] % self._side, point[1] % self._side

    def _links(self, pairs: Integer) -> Complex:
        """Phase factors of det <u|u'> between pairs of points (L, 2); <u|u'> = exp(-i A.dx)."""
        first, second = self._states[pairs[:, 0]], self._states[pairs[:, 1]]
        products = np.linalg.det(dagger(first) @ second)
        return np.asarray(products / np.maximum(np.abs(products), np.finfo(float).tiny))

    def _corners(self, lower: Integer, size: Integer) -> Integer:
        """Indices of the corners of plaquettes (Q, 4), whose states are computed where they are missing."""
        keys = [
            tuple(key)
            for key in ((lower[:, None] + size[:, None, None] * CORNERS) % self._side).reshape(-1, 2).tolist()
        ]
        new = [key for key in dict.fromkeys(keys) if key not in self.number]
        if new:
            self.number.update(zip(new, range(len(self.number), len(self.number) + len(new)), strict=True))
            points = np.zeros((len(new), len(self.crystal.directions)))
            points[:, list(self.axes)] = np.array(new, dtype=float) / self._side
            frame = frame_of(self._matrices.at(points), self.crystal.directions)
            gaps, slopes = np.full(len(new), np.inf), np.zeros((len(new), 2))
            for count in self._counts:
                gaps = np.minimum(gaps, direct_gaps(frame, count))
                slopes = np.maximum(slopes, closing_slopes(frame, count, self.crystal.lattice)[:, list(self.axes)])
            self._states = np.concatenate([self._states, frame.states[:, :, self._bands]])
            self._gaps = np.concatenate([self._gaps, gaps])
            self._slopes = np.concatenate([self._slopes, slopes])
        return np.array([self.number[key] for key in keys]).reshape(-1, 4)

    def _too_coarse(self, corners: Integer, around: Complex, size: Integer) -> np.ndarray:
        """True for plaquettes inside which the gap may close, or with a large phase around them."""
        change = 0.5 * self._slopes[corners].max(axis=1).sum(axis=1) * size / self._side
        large = np.abs(np.angle(around)) >= LARGEST_PHASE
        return np.asarray((change >= self._gaps[corners].min(axis=1)) | large)

    def _around(self, corners: Integer) -> Complex:
        """Product of the links between the corners of plaquettes (Q, 4), around each of them."""
        return np.asarray(np.prod([self._links(corners[:, [i, (i + 1) % 4]]) for i in range(4)], axis=0))
