"""Minimization without derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adiabloch.arrays import Float, tensor_grid


def pattern_search(
    values_at: Callable[[Float], Float],
    starts: Float,
    reach: float = 0.02,
    finest: float = 1e-12,
    *,
    flat: float = 0.0,
    periodic: bool = True,
    fixed: int = 0,
) -> tuple[float, Float]:
    """Minimize a function from one or several starting points: smallest value and its point.

    Pattern search: a grid of 3^D points around the best point is moved while it finds smaller values, and its step is
    halved otherwise. The search ends at values of zero or below (a closed gap, crossed levels).

    Parameters
    ----------
    values_at : callable
        Points (P, D) -> values (P,), for instance a gap or the smallest overlap of a gauge.
    starts : float array, shape (D,) or (S, D)
    reach, finest : float
        Largest and smallest step.
    flat : float
        End the search where the values on the grid differ by less than this fraction of the smallest.
    periodic : bool
        True for a function on the unit torus: the point is reduced to it.
    fixed : int
        Number of the first coordinates on which the function does not depend.
    """
    best = np.array(starts, dtype=float, ndmin=2)
    smallest, size = np.full(len(best), np.inf), np.full(len(best), reach)
    offsets = tensor_grid([[0.0]] * fixed + [[-1.0, 0.0, 1.0]] * (best.shape[1] - fixed))
    if fixed == best.shape[1]:
        return float(values_at(best[:1])[0]), best[0]
    while len(active := np.flatnonzero((size > finest) & (smallest > 0))):
        points = best[active, None] + size[active, None, None] * offsets
        values = values_at(points.reshape(-1, best.shape[1])).reshape(len(active), -1)
        lowest = values.argmin(axis=1)
        each = np.arange(len(active))
        found, positions = values[each, lowest], points[each, lowest]
        # halve steps with a negligible gain
        stalled = found > 0.99 * smallest[active]
        size[active[stalled]] *= 0.5
        size[active[stalled & (np.ptp(values, axis=1) < flat * found)]] = 0.0
        better = found < smallest[active]
        smallest[active[better]], best[active[better]] = found[better], positions[better]
    winner = int(smallest.argmin())
    return float(smallest[winner]), best[winner] % 1.0 if periodic else best[winner]
