"""Phases of the cycle for open samples: checks of arguments, number of phases, and error of the mean over them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import checked_occupied
from adiabloch.errors import InvalidArgumentError
from adiabloch.memory import check_memory
from adiabloch.models.cycle import MOTION_HINT, Cycle
from adiabloch.scalars import is_whole

LEAST_PHASES = 12
"""Smallest number of phases chosen automatically for an open sample."""
TASK_BYTES = 500
"""Memory for the arguments and the result of one evaluation, in bytes."""


def checked_cycle(cycle: Cycle, occupied: int, dimensions: tuple[int, ...]) -> int:
    """Check a cycle and the number of its occupied bands, and return this number.

    Raises
    ------
    InvalidArgumentError
        Not a Cycle, another dimension, a number of bands out of range, or Wannier functions without their motion.
    """
    if not isinstance(cycle, Cycle):
        raise InvalidArgumentError(f"cycle: expected an adiabloch.Cycle, got {type(cycle).__name__}")
    if cycle.lattice.dimension not in dimensions:
        expected = " or ".join(f"{d}D" for d in dimensions)
        raise InvalidArgumentError(f"cycle: a {cycle.lattice.dimension}D crystal, expected {expected}")
    bands = checked_occupied(cycle, occupied)
    if cycle.has_basis_connection and not cycle.orbitals_move:
        raise InvalidArgumentError(f"cycle: what it pumps depends on how its Wannier functions move; {MOTION_HINT}")
    return bands


def phase_count(cycle: Cycle, samples: int | None) -> int:
    """Number of phases: `samples`, or by default four for each harmonic and at least twelve.

    An open sample of a crystal with a threefold axis does not have this symmetry. Its moment varies as cos(theta) and
    cos(2 theta) too, so that fewer than twelve phases are not enough.
    """
    if samples is not None:
        return checked_phase_count(samples)
    moving = np.abs(cycle.position_harmonics).max(axis=(1, 2)) > 1e-14 * np.abs(cycle.lattice.vectors).max()
    shifted = np.abs(np.flatnonzero(moving) - len(cycle.position_harmonics) // 2).max(initial=0)
    return int(max(LEAST_PHASES, 4 * np.abs(cycle.frequencies[:, -1]).max(), 4 * shifted))


def checked_phase_count(samples: int) -> int:
    """Check the argument `theta_samples`, an even number of phases."""
    if not (is_whole(samples, 4) and samples % 2 == 0):
        raise InvalidArgumentError(f"theta_samples: {samples!r}, expected an even number, at least 4")
    check_memory(TASK_BYTES * int(samples), f"theta_samples: {samples} phases", "ask for fewer")
    return int(samples)


def checked_sizes(cells: int | Sequence[int], least: int, expected: str) -> list[int]:
    """Check the argument `cells`, one size or several in ascending order.

    Parameters
    ----------
    cells : int or sequence of int
    least : int
        Smallest size allowed.
    expected : str
        Description of one size, for messages.
    """
    given = list(cells) if np.iterable(cells) else [cells]
    whole = all(is_whole(size, least) for size in given)
    if not given or not whole or any(b <= a for a, b in pairwise(given)):
        raise InvalidArgumentError(f"cells: {cells!r}, expected {expected}, or several in ascending order")
    return [int(size) for size in given]


def mean_error(values: Float, axis: int = 0) -> Float:
    """Error of the mean of N periodic samples along an axis, from the mean of every second sample.

    The mean of an analytic periodic function converges as rho^N. The mean of half of the samples has the error
    d ~ A rho^(N/2), with A the size of the variation, so that the error of the mean of all is d^2/A. The estimate is
    ten times that, because the prefactors are unknown, and at most d.
    """
    values = np.moveaxis(values, axis, 0)
    mean = values.mean(axis=0)
    half = np.abs(values[::2].mean(axis=0) - mean)
    variation = np.abs(values - mean).max(axis=0)
    estimate: Float = np.minimum(half, 10 * half**2 / np.maximum(variation, 1e-300))
    return estimate
