"""Pumped magnetization along a cycle, without the average over the period."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import FLAT, BandTerm, Options, Part, Response, components, of_insulator, response
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, Unit
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
    cycle=True,
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

    Examples
    --------
    >>> import adiabloch as ab
    >>> cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    >>> found = ab.instantaneous_magnetization(cycle, occupied=1, theta=[0.0, 1.0]).perturbative
    >>> [f"{float(one):.5e}" for one in found.sel(component="z")]
    ['6.89039e-04', '6.92721e-04']
    """
    return of_insulator(INSTANTANEOUS_MAGNETIZATION, cycle, occupied, options, theta=theta)
