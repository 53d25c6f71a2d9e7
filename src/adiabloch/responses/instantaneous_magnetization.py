"""Pumped magnetization along a cycle, without the average over the period."""

from __future__ import annotations

from typing import Unpack

from adiabloch.arrays import numbers, radians
from adiabloch.engine import (
    FLAT,
    BandTerm,
    Occupied,
    Options,
    Part,
    Response,
    Run,
    checked_cycle,
    checked_occupied,
    components,
    mean_of_insulator,
    response,
)
from adiabloch.engine.insulators import TOLERANCE
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, Unit
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.induced import pumped_shift

INSTANTANEOUS_MAGNETIZATION = Response(
    "pumped magnetization",
    unit=Unit(charge=1, omega=1, length=2),
    parts={"perturbative": Part((BandTerm(pumped_shift),))},
    axes={"component": components},
    dimensions=(2, 3),
    reason=FLAT,
    time_reversal=1,
    inversion=1,
    equation="Eq. (8)",
    long_name="perturbative pumped moment per {measure}",
)


@response(INSTANTANEOUS_MAGNETIZATION)
def instantaneous_magnetization(cycle: Cycle, occupied: int, theta: ArrayLike, **options: Unpack[Options]) -> Dataset:
    """Perturbative pumped magnetization at given phases of the cycle, without the average over the period.

    Parameters
    ----------
    theta : float or array_like, shape (phases,)
        Phases in radians.

    Returns
    -------
    xarray.Dataset
        `perturbative` over `theta` and `component`, `error`, in e*omega. The Chern-Simons part is defined only for the
        average.
    """
    run = Run.of(options, TOLERANCE)
    cycle = checked_cycle(cycle, (2, 3), FLAT)
    occupied = checked_occupied(cycle, occupied)
    phases = radians(numbers(theta, "theta"), "theta")
    if not len(phases):
        raise InvalidArgumentError("theta: expected at least one phase, got none")
    return mean_of_insulator(INSTANTANEOUS_MAGNETIZATION, cycle, Occupied((occupied,)), run, theta=phases)
