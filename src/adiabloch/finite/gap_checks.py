"""Gaps of open samples: comparison with the gap of the crystal, and search for the smallest gap between samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import GapClosedError
from adiabloch.linalg import energies_batch
from adiabloch.minimize import pattern_search
from adiabloch.models.cycle import Cycle
from adiabloch.models.harmonics import equidistant_phases
from adiabloch.units import Units

CLOSED_FRACTION = 0.02
"""Ratio of the gap of a sample to that of the crystal, below which edge states are taken to close the gap.

Edge states that cross the gap leave a small gap, because states at opposite edges overlap.
"""


def crystal_gap(cycle: Cycle, occupied: int, samples: int = 12) -> float:
    """Smallest gap of the crystal on a coarse mesh of wave vectors and phases."""
    series = cycle.matrices()
    axes = [np.arange(samples) / samples] * cycle.lattice.dimension
    gaps = []
    for theta in equidistant_phases(samples):
        energies = energies_batch(series.on_grid([*axes, np.array([theta / (2 * np.pi)])])[:, 0])
        gaps.append((energies[:, occupied] - energies[:, occupied - 1]).min())
    return float(min(gaps))


def needs_refinement(gaps: Float) -> bool:
    """True if the gap on a periodic mesh changes between neighbouring points by more than its smallest value."""
    steps = [np.abs(np.diff(gaps, axis=axis, append=gaps.take([0], axis))).max() for axis in range(gaps.ndim)]
    return bool(max(steps) > gaps.min())


def lowest_gap(gap_at: Callable[[Float], Float], start: Float, reach: Float) -> tuple[float, Float]:
    """Minimize a gap near a point.

    The search ends where the gap is nearly constant on the grid (a smooth minimum) or the grid is negligibly small (a
    crossing).

    Parameters
    ----------
    gap_at : callable
        Gaps (P,) at points (P, D).
    start : float array, shape (D,)
    reach : float array, shape (D,)
        Initial distance of the grid points.

    Returns
    -------
    gap : float
    point : float array, shape (D,)
    """
    smallest, best = pattern_search(
        lambda points: gap_at(points * reach), start / reach, reach=1.0, finest=1e-10, flat=0.1, periodic=False
    )
    return smallest, best * reach


def edge_states_error(
    what: str, gap: float, crystal: float, k: tuple[float, ...], theta: float, units: Units
) -> GapClosedError:
    """Error for a sample whose gap is closed by states at its edges.

    Parameters
    ----------
    what : str
        Description of the sample.
    gap, crystal : float
        Gap of the sample and of the crystal.
    k : tuple of float
        Reduced wave numbers; empty for a flake.
    theta : float
    units : Units
        Units of the gaps in terms of the user's units.
    """
    theta %= 2 * np.pi
    gap, crystal = units.energy * gap, units.energy * crystal
    at_k = "".join(f"k = {x:.6g} (reduced), " for x in k)
    return GapClosedError(
        f"{what}: its gap closes, {gap:.1e} at {at_k}theta = {theta:.6g}, while that of the crystal is {crystal:.2g}. "
        "States at the edges cross the gap, so that this sample is no reference for the bulk; cut it along other "
        "directions (another cell, another shape)",
        gap=gap,
        k=k,
        theta=theta,
    )
