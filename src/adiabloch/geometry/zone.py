"""Brillouin zone: the cell of wave vectors that are nearest to the origin, and its sections with planes."""

from __future__ import annotations

import itertools

import numpy as np

from adiabloch.arrays import Float
from adiabloch.lattice import Lattice

REACH = 2
"""Largest coefficient of the shortest reciprocal vectors that may bound the zone."""


def shortened(vectors: Float) -> Float:
    """Short vectors of the same lattice: each pair at an angle between 60 and 120 degrees."""
    found = np.array(vectors, dtype=float)
    changed = True
    while changed:
        changed = False
        for i, j in itertools.permutations(range(len(found)), 2):
            steps = np.rint(found[i] @ found[j] / (found[i] @ found[i]) * (1 - 1e-9))
            if steps:
                found[j] -= steps * found[i]
                changed = True
    return found


def zone_planes(lattice: Lattice) -> tuple[Float, Float]:
    """Half-spaces normal . k <= bound that contain the zone: normals (G, d) and bounds (G,).

    Examples
    --------
    >>> import numpy as np
    >>> import adiabloch as ab
    >>> normals, bounds = zone_planes(ab.Lattice(np.eye(2)))
    >>> len(bounds)
    4
    """
    whole = [n for n in itertools.product(range(-REACH, REACH + 1), repeat=lattice.dimension) if any(n)]
    G = np.array(whole, dtype=float) @ shortened(lattice.reciprocal)
    bounds = 0.5 * (G**2).sum(axis=1)
    # a plane belongs to the zone if the middle between the origin and its lattice point is nearest to these two
    overlap = 0.5 * G @ G.T - bounds
    np.fill_diagonal(overlap, -np.inf)
    near = overlap.max(axis=1) < -1e-9 * bounds.min()
    return G[near], bounds[near]


def clipped_polygon(corners: Float, normal: Float, bound: float) -> Float:
    """Part of a convex polygon (C, 2) in the half-plane normal . x <= bound."""
    if not len(corners):
        return corners
    kept = []
    heights = corners @ normal - bound
    for i, height in enumerate(heights):
        before = heights[i - 1]
        if (before > 0) != (height > 0):
            share = before / (before - height)
            kept.append(corners[i - 1] + share * (corners[i] - corners[i - 1]))
        if height <= 0:
            kept.append(corners[i])
    return np.array(kept).reshape(-1, corners.shape[1])


def zone_section(lattice: Lattice, origin: Float, across: Float) -> Float:
    """Corners (C, 2) of the section of the zone with a plane, in order; none if they do not meet.

    Parameters
    ----------
    lattice : Lattice
        In two or three dimensions.
    origin : float array (d,)
        A point of the plane.
    across : float array (2, d)
        Orthonormal vectors in the plane, whose coordinates the corners have.
    """
    normals, bounds = zone_planes(lattice)
    size = 2 * np.sqrt(2 * bounds.max() * lattice.dimension) + float(np.abs(origin).sum())
    corners = size * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    for normal, bound in zip(normals, bounds, strict=True):
        corners = clipped_polygon(corners, across @ normal, float(bound - normal @ origin))
    if not len(corners):
        return corners
    # corners where three planes meet occur twice
    apart = np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1) > 1e-9 * size
    return corners[apart]


def zone_edges(lattice: Lattice) -> Float:
    """Edges of the zone in three dimensions, pairs of corners (E, 2, 3)."""
    normals, bounds = zone_planes(lattice)
    found = []
    for normal, bound in zip(normals, bounds, strict=True):
        direction = normal / np.sqrt(normal @ normal)
        across = np.linalg.svd(direction[None])[2][1:]
        origin = bound / (normal @ normal) * normal
        inside = origin * (1 - 1e-9)
        corners = origin + zone_section(lattice, inside, across) @ across
        found += [(corners[i - 1], corners[i]) for i in range(len(corners))]
    return np.array(found)


def clipped_triangles(corners: Float, values: Float, normal: Float, bound: float) -> tuple[Float, Float]:
    """Parts of triangles in the half-space normal . k <= bound.

    Parameters
    ----------
    corners : float array (T, 3, 3)
    values : float array (T, 3, C)
        Values at the corners, which are interpolated.
    normal : float array (3,)
    bound : float

    Returns
    -------
    corners, values : float array (T', 3, 3), (T', 3, C)
    """
    data = np.concatenate([corners, values], axis=2)
    heights = corners @ normal - bound
    count = (heights <= 0).sum(axis=1)
    whole = data[count == 3]
    parts = [whole]
    for inside in (1, 2):
        here = np.flatnonzero(count == inside)
        if not len(here):
            continue
        # the single corner on its side comes first
        alone = (heights[here] <= 0) if inside == 1 else (heights[here] > 0)
        order = (alone.argmax(axis=1)[:, None] + np.arange(3)) % 3
        part = np.take_along_axis(data[here], order[..., None], axis=1)
        at = np.take_along_axis(heights[here], order, axis=1)
        ends = [part[:, 0] + (at[:, 0] / (at[:, 0] - at[:, i]))[:, None] * (part[:, i] - part[:, 0]) for i in (1, 2)]
        if inside == 1:
            parts.append(np.stack([part[:, 0], *ends], axis=1))
        else:
            parts.append(np.stack([ends[0], part[:, 1], part[:, 2]], axis=1))
            parts.append(np.stack([ends[0], part[:, 2], ends[1]], axis=1))
    joined = np.concatenate(parts)
    return joined[..., :3], joined[..., 3:]
