"""Pumped magnetization along a cycle, before the average over the period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from numpy.typing import ArrayLike

from adiabloch.arrays import Float, numbers, radians
from adiabloch.engine.arguments import FLAT, checked_cycle, checked_occupied
from adiabloch.engine.declaration import BandTerm, Part, Response, components
from adiabloch.engine.insulators import TOLERANCE, Occupied, mean_of_insulator
from adiabloch.engine.interface import response
from adiabloch.engine.run import Options, Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.induced import occupied_shift
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.occupation import Group
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray


def shift(frame: Eigenframe, group: Group, component: str) -> Float:
    """Perturbative part of d_B a^t, summed over the occupied bands; (P,)."""
    return occupied_shift(frame, group, THETA, component)


INSTANTANEOUS_MAGNETIZATION = Response(
    "pumped magnetization",
    unit=Unit(charge=1, omega=1, length=2),
    parts={"perturbative": Part((BandTerm(shift),))},
    axes={"component": components},
    dimensions=(2, 3),
    reason=FLAT,
    equation="Eq. (8)",
    long_name="perturbative pumped moment per {measure}",
)


@response(INSTANTANEOUS_MAGNETIZATION)
def instantaneous_magnetization(
    cycle: Cycle, occupied: int, theta: ArrayLike, **options: Unpack[Options]
) -> xarray.Dataset:
    """Perturbative pumped magnetization at given phases of the cycle, before the average over the period.

    Parameters
    ----------
    theta : float or array_like, shape (phases,)
        Phases in radians.

    Returns
    -------
    xarray.Dataset
        `perturbative` over `theta` and `component`, `error`, in e*omega. The Chern-Simons part has a meaning only on
        average.
    """
    run = Run.of(options, TOLERANCE)
    cycle = checked_cycle(cycle, (2, 3), FLAT)
    occupied = checked_occupied(cycle, occupied)
    phases = radians(numbers(theta, "theta"), "theta")
    if not len(phases):
        raise InvalidArgumentError("theta: expected at least one phase, got none")
    return mean_of_insulator(INSTANTANEOUS_MAGNETIZATION, cycle, Occupied((occupied,)), run, theta=phases)
