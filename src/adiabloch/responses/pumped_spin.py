"""Spin pumped by a cycle."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import (
    THETA,
    BandTerm,
    Options,
    Part,
    Response,
    all_axes,
    checked_spins,
    of_insulator,
    response,
)
from adiabloch.engine.types import Cycle, Dataset, Eigenframe, Float, Group, Spin, Unit
from adiabloch.geometry.observables import observable_shift


def shift(frame: Eigenframe, group: Group, component: str) -> Float:
    """Change of the spin with theta, summed over the occupied bands; (P,)."""
    return observable_shift(frame, group, THETA, frame.derivative(f"s{component}"))


PUMPED_SPIN = Response(
    "pumped spin",
    unit=Unit(hbar=2, omega=1, energy=-1),
    parts={"total": Part((BandTerm(shift),))},
    axes={"component": all_axes},
    time_reversal=1,
    inversion=1,
    equation="Eq. (B6)",
    cycle=True,
    long_name="pumped spin per {measure}",
    observables=checked_spins,
)


@response(PUMPED_SPIN)
def pumped_spin(cycle: Cycle, occupied: int, spin_operators: Spin | None = None, **options: Unpack[Options]) -> Dataset:
    r"""Spin pumped by a cycle, averaged over its period. Implements Eq. (B6).

    .. math:: \bar S = \int_0^T \frac{dt}{T} \int \frac{dk}{(2\pi)^d} \sum_{n \in occ} \sum_{c}
              2 \mathrm{Re} \frac{S_{nc} A^t_{cn}}{E_c - E_n}

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y", "z"): spin per length, area or volume, in units of hbar times
        hbar*omega over the energy unit of the model. The magnetic moment is -g mu_B/hbar times it. The spin of the
        bands in equilibrium is not included.

    Raises
    ------
    InvalidArgumentError
        An argument out of range, or a model without spin.
    GapClosedError
        The gap closes at some point of the cycle.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.rashba_honeycomb(delta=1.0, rashba=0.4)
    >>> pumped = ab.pumped_spin(ab.models.rotating_bonds(model, amplitude=0.1), occupied=2)
    >>> f"{float(pumped.total.sel(component='z')):.4e}"
    '4.4028e-05'
    """
    return of_insulator(PUMPED_SPIN, cycle, occupied, options, operators=spin_operators)
