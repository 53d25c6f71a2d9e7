"""Periodic samples: how far their mean can be trusted, and how close the gap comes between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import GapClosedError, InvalidArgumentError
from adiabloch.linalg import eigh_batch
from adiabloch.models.cycle import MOTION_HINT, Cycle
from adiabloch.responses.evaluation import checked_occupied
from adiabloch.units import Units

CLOSED = 0.02
"""A piece whose gap is below this fraction of the crystal's counts as closed by states on its edges.

Edge states that cross leave a small gap, for those of opposite edges still feel each other.
"""


def checked_arguments(cycle: Cycle, occupied: int, dimensions: tuple[int, ...]) -> int:
    """Look at both arguments and return the number of occupied bands."""
    if not isinstance(cycle, Cycle):
        raise InvalidArgumentError(f"cycle: expected an adiabloch.Cycle, got {type(cycle).__name__}")
    if cycle.lattice.dimension not in dimensions:
        expected = " or ".join(f"{d}D" for d in dimensions)
        raise InvalidArgumentError(f"cycle: a {cycle.lattice.dimension}D crystal, expected {expected}")
    bands = checked_occupied(cycle, occupied)
    if cycle.has_basis_connection and not cycle.orbitals_move:
        raise InvalidArgumentError(f"cycle: what it pumps depends on how its Wannier functions move; {MOTION_HINT}")
    return bands


def theta_count(cycle: Cycle, samples: int | None) -> int:
    """Choose the number of phases: the one asked for, or four for each harmonic and at least twelve.

    Twelve because an open piece of a threefold crystal has lost its symmetry: its moment varies as cos(theta) and
    cos(2 theta) too.
    """
    if samples is None:
        moving = np.abs(cycle.position_harmonics).max(axis=(1, 2)) > 1e-14 * np.abs(cycle.lattice.vectors).max()
        shifted = np.abs(np.flatnonzero(moving) - len(cycle.position_harmonics) // 2).max(initial=0)
        return int(max(12, 4 * np.abs(cycle.frequencies[:, -1]).max(), 4 * shifted))
    if not (isinstance(samples, (int, np.integer)) and samples >= 4 and samples % 2 == 0):
        raise InvalidArgumentError(f"theta_samples: {samples!r}, expected an even number, at least 4")
    return int(samples)


def circle(count: int) -> Float:
    """Equidistant phases from 0 to 2 pi."""
    phases: Float = 2 * np.pi * np.arange(count) / count
    return phases


def mean_error(values: Float, axis: int = 0) -> Float:
    """Error of the mean of N periodic samples along an axis, seen from what every second sample gives.

    The mean of an analytic periodic function converges as rho^N. With half the samples it is off by d ~ A rho^(N/2),
    A the size of the variation, so that the whole mean is off by d^2/A: ten times that, to be on the safe side of
    prefactors, and never more than d.
    """
    values = np.moveaxis(values, axis, 0)
    mean = values.mean(axis=0)
    half = np.abs(values[::2].mean(axis=0) - mean)
    variation = np.abs(values - mean).max(axis=0)
    estimate: Float = np.minimum(half, 10 * half**2 / np.maximum(variation, 1e-300))
    return estimate


def crystal_gap(cycle: Cycle, occupied: int, samples: int = 12) -> float:
    """Smallest gap of the crystal itself on a coarse mesh."""
    series = cycle.matrices()
    axes = [np.arange(samples) / samples] * cycle.lattice.dimension
    gaps = []
    for theta in circle(samples):
        energies = eigh_batch(series.on_grid([*axes, np.array([theta / (2 * np.pi)])])[:, 0])[0]
        gaps.append((energies[:, occupied] - energies[:, occupied - 1]).min())
    return float(min(gaps))


def suspicious(gaps: Float) -> bool:
    """Whether a gap sampled on a periodic mesh changes between neighbours by more than its smallest value."""
    steps = [np.abs(np.diff(gaps, axis=axis, append=gaps.take([0], axis))).max() for axis in range(gaps.ndim)]
    return bool(max(steps) > gaps.min())


def lowest_gap(gap_at: Callable[[Float], Float], start: Float, reach: Float) -> tuple[float, Float]:
    """Follow a gap downhill from a point: the smallest gap and where it is.

    A grid of 3^D points around the best one so far, moved while it finds better ones and halved while it does not,
    until the gap hardly changes over the grid (a smooth minimum) or the grid has shrunk to nothing (a crossing).
    """
    offsets = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * len(start), indexing="ij"), -1).reshape(-1, len(start))
    offsets = offsets * reach
    best, smallest, scale = start, np.inf, 1.0
    while scale > 1e-10:
        points = best + scale * offsets
        gaps = gap_at(points)
        lowest = int(np.argmin(gaps))
        if gaps[lowest] < smallest:
            smallest, best = float(gaps[lowest]), points[lowest]
            continue
        if np.ptp(gaps) < 0.1 * smallest:
            break
        scale *= 0.5
    return smallest, best


def closed_edges(
    what: str, gap: float, crystal: float, k: tuple[float, ...], theta: float, units: Units
) -> GapClosedError:
    """Return the error for a piece whose own gap closes."""
    theta %= 2 * np.pi
    gap, crystal = units.energy * gap, units.energy * crystal
    place = "".join(f"k = {x:.6g} (reduced), " for x in k)
    return GapClosedError(
        f"{what}: its gap closes, {gap:.1e} at {place}theta = {theta:.6g}, while that of the crystal is {crystal:.2g}. "
        "States on the edges cross it, and such a piece is no reference for the bulk; cut it along other directions "
        "(another cell, another shape)",
        gap=gap,
        k=k,
        theta=theta,
    )
