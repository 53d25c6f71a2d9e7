r"""Exact integrals of step and delta functions in linear interpolation: segments, triangles, tetrahedra.

The energy and the integrand are linear in a simplex. The states below eta fill a corner of it, all but a corner, or (in
a tetrahedron) a wedge. The level surface E = eta is the boundary of the filled part.
"""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np

from adiabloch.arrays import Float, Integer

PAIRS = 2**17
"""Largest number of pairs of a simplex and a level that cuts it, for one evaluation."""


@cache
def corners(dimension: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Simplices that fill a unit cube, each by its corners, one for every order of the axes."""
    simplices = []
    for order in itertools.permutations(range(dimension)):
        corner = [0] * dimension
        path = [tuple(corner)]
        for axis in order:
            corner[axis] = 1
            path.append(tuple(corner))
        simplices.append(tuple(path))
    return tuple(simplices)


def on_simplices(values: Float) -> Float:
    """Values at the corners of the simplices of a grid with (m + 1)^d points.

    Parameters
    ----------
    values : float array, shape (B, m + 1, ..., m + 1)

    Returns
    -------
    float array, shape (d + 1, B, simplices)
    """
    d = values.ndim - 1
    m = values.shape[-1] - 1
    pieces = [
        [values[(slice(None), *(slice(x, x + m) for x in corner))].reshape(len(values), -1) for corner in simplex]
        for simplex in corners(d)
    ]
    return np.concatenate([np.stack(piece) for piece in pieces], axis=-1)


def ragged(first: Integer, last: Integer) -> tuple[Integer, Integer]:
    """All pairs (item, column) with first[item] <= column < last[item]."""
    counts = last - first
    items = np.repeat(np.arange(len(counts)), counts)
    columns = np.arange(len(items)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    return items, columns


def steps_and_levels(energies: Float, sea: Float, surface: Float, owner: Integer, owners: int, levels: Float) -> Float:
    r"""Mean over simplices of theta(eta - E) a and delta(eta - E) s, for all levels eta, summed by owner.

    Parameters
    ----------
    energies : float array, shape (d + 1, S)
        At the corners of S simplices.
    sea, surface : float arrays, shape (J, d + 1, S), (K, d + 1, S)
        a and s.
    owner : int array, shape (S,)
    owners : int
    levels : float array, shape (L,)
        eta, ascending.

    Returns
    -------
    float array, shape (J + K, owners, L)
    """
    count = len(levels)
    lowest, highest = energies.min(axis=0), energies.max(axis=0)
    # a level at a corner belongs to the simplices above it, so that it counts once
    first = np.searchsorted(levels, lowest, side="left")
    last = np.searchsorted(levels, highest, side="left")
    size = owners * (count + 1)
    # simplices wholly below eta
    below = owner * (count + 1) + last
    result = np.zeros((len(sea) + len(surface), owners, count))
    for j, values in enumerate(sea):
        full = np.bincount(below, values.mean(axis=0), minlength=size).reshape(owners, count + 1)
        result[j] = np.cumsum(full, axis=1)[:, :count]
    cut = np.flatnonzero(last > first)
    # all pairs of a simplex and a level together could need many times the memory of the result
    share = np.cumsum(last[cut] - first[cut]) // max(PAIRS, owners * count)
    for some in np.split(cut, np.flatnonzero(np.diff(share)) + 1):
        order = np.argsort(energies[:, some], axis=0)
        sorted_energies = np.take_along_axis(energies[:, some], order, axis=0)
        items, column = ragged(first[some], last[some])
        where = owner[some][items] * count + column
        parts = _PARTS[len(energies) - 1](
            sorted_energies[:, items], levels[column], sea=len(sea) > 0, surface=len(surface) > 0
        )
        for number, values in enumerate((*sea, *surface)):
            here = np.take_along_axis(values[:, some], order, axis=0)[:, items]
            weights = parts[0] if number < len(sea) else parts[1]
            inside = sum(w * here[corner] for corner, w in enumerate(weights))
            result[number] += np.bincount(where, inside, minlength=owners * count).reshape(owners, count)
    return result


Parts = tuple[list[Float], list[Float]]
"""Weights of the corner values for the filled part and for the level surface; empty if not requested."""


def _segment(e: Float, eta: Float, *, sea: bool, surface: bool) -> Parts:
    width = e[1] - e[0]
    x = (eta - e[0]) / width
    filled = [x * (1 - 0.5 * x), 0.5 * x * x] if sea else []
    return filled, [(1 - x) / width, x / width] if surface else []


def _triangle(e: Float, eta: Float, *, sea: bool, surface: bool) -> Parts:
    lower = eta < e[1]
    # the corner that is cut off, at the bottom or at the top; since e[0] <= eta < e[2], the energies differ
    tip = np.where(lower, e[0], e[2])
    far = np.where(lower, e[2], e[0])
    near = e[1] - tip
    x, y = (eta - tip) / near, (eta - tip) / (far - tip)
    filled, level = [], []
    if sea:
        area, third = x * y, 1 / 3
        tip_side = [area * (1 - (x + y) / 3), area * x / 3, area * y / 3]
        filled = [np.where(lower, low, third - high) for low, high in zip(tip_side, reversed(tip_side), strict=True)]
    if surface:
        # d area/d eta = 2 area/(eta - tip), written without a division by zero
        length = 2 * np.abs(y / near)
        tip_side = [length * (1 - (x + y) / 2), length * x / 2, length * y / 2]
        level = [np.where(lower, low, high) for low, high in zip(tip_side, reversed(tip_side), strict=True)]
    return filled, level


def _tetrahedron(e: Float, eta: Float, *, sea: bool, surface: bool) -> Parts:

    def along(i: int, j: int, chosen: np.ndarray) -> Float:
        """Position of the cut on the edge from corner i to corner j, from 0 to 1."""
        return np.where(chosen, eta - e[i], 0.0) / np.where(chosen, e[j] - e[i], 1.0)

    # since e[0] <= eta < e[3], the corners of a cut edge have different energies
    low, high = eta < e[1], eta >= e[2]
    zero = np.zeros_like(eta)
    filled, level = [zero.copy() for _ in range(4)], [zero.copy() for _ in range(4)]
    # a corner is cut off at the bottom, or at the top (complement)
    for tip, rest, chosen, complement in ((0, (1, 2, 3), low, False), (3, (0, 1, 2), high & ~low, True)):
        cuts = [along(tip, other, chosen) for other in rest]
        volume = cuts[0] * cuts[1] * cuts[2]
        steep = np.where(chosen, e[rest[0]] - e[tip], 1.0)
        area = 3 * cuts[1] * cuts[2] / np.abs(steep)
        shares = {tip: 4 - sum(cuts), **dict(zip(rest, cuts, strict=True))}
        for corner, share in shares.items():
            if sea:
                part = volume * share / 4
                filled[corner] += np.where(chosen, 0.25 - part if complement else part, 0.0)
            if surface:
                level[corner] += np.where(chosen, area * (share - (corner == tip)) / 3, 0.0)
    # a wedge: three tetrahedra with corners 0, 1 and the four cuts
    middle = ~(low | high)
    cut = {(i, j): along(i, j, middle) for i in (0, 1) for j in (2, 3)}
    between = {(i, j): np.where(middle, e[j] - e[i], 1.0) for i in (0, 1) for j in (2, 3)}
    V = [
        cut[0, 2] * cut[0, 3],
        cut[0, 3] * cut[1, 2] * (1 - cut[0, 2]),
        cut[1, 3] * cut[1, 2] * (1 - cut[0, 3]),
    ]
    D = [3 * cut[0, 3] * (1 - cut[0, 2]) / between[1, 2], 3 * cut[1, 2] * (1 - cut[0, 3]) / between[1, 3]]
    pieces: list[tuple[Float, list[tuple[int, ...]]]] = [
        (V[0] / 4, [(0,), (1,), (0, 2), (0, 3)]),
        (V[1] / 4, [(1,), (0, 2), (0, 3), (1, 2)]),
        (V[2] / 4, [(1,), (0, 3), (1, 2), (1, 3)]),
    ]
    faces_of: list[tuple[Float, list[tuple[int, ...]]]] = [
        (D[0] / 3, [(0, 2), (0, 3), (1, 2)]),
        (D[1] / 3, [(0, 3), (1, 2), (1, 3)]),
    ]
    for target, polyhedra in [(filled, pieces)] * sea + [(level, faces_of)] * surface:
        for size, vertices in polyhedra:
            share = np.where(middle, size, 0.0)
            for vertex in vertices:
                if len(vertex) == 1:
                    target[vertex[0]] += share
                else:
                    i, j = vertex
                    target[i] += share * (1 - cut[i, j])
                    target[j] += share * cut[i, j]
    return filled, level


_PARTS = {1: _segment, 2: _triangle, 3: _tetrahedron}


def volume(dimension: int) -> float:
    """Volume of one simplex in units of its cube."""
    return 1.0 / math.factorial(dimension)
