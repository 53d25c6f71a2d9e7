"""Bounded observables pumped by a cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from adiabloch.engine import (
    THETA,
    BandTerm,
    Options,
    Part,
    Response,
    checked_operators,
    of_insulator,
    response,
)
from adiabloch.engine.types import Cycle, Dataset, Eigenframe, Float, Given, Group, Unit
from adiabloch.geometry.observables import observable_shift


def shift(frame: Eigenframe, group: Group, observable: str) -> Float:
    """Change of an observable with theta, summed over the occupied bands; (P,)."""
    return observable_shift(frame, group, THETA, frame.derivative(observable))


PUMPED_OBSERVABLE = Response(
    "pumped observable",
    unit=Unit(hbar=1, omega=1, energy=-1),
    parts={"total": Part((BandTerm(shift),))},
    axes={"observable": None},
    time_reversal=-1,
    inversion=1,
    equation="Eq. (B6)",
    cycle=True,
    long_name="pumped observable per {measure}",
    observables=checked_operators,
)


@response(PUMPED_OBSERVABLE)
def pumped_observable(
    cycle: Cycle, occupied: int, operators: Mapping[str, Given], **options: Unpack[Options]
) -> Dataset:
    r"""Any bounded observable pumped by a cycle, averaged over its period. Implements Eq. (B6).

    .. math:: \bar O = \int_0^T \frac{dt}{T} \int \frac{dk}{(2\pi)^d} \sum_{n \in occ} \sum_{c}
              2 \mathrm{Re} \frac{O_{nc} A^t_{cn}}{E_c - E_n}

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable`: per length, area or volume, in the operator's unit times omega.

    Examples
    --------
    >>> import adiabloch as ab
    >>> pump = ab.models.thouless_pump(0.5, 0.3)
    >>> found = ab.pumped_observable(pump, 1, {"within the cell": [[0.0, -1.0j], [1.0j, 0.0]]}).total
    >>> f"{float(found[0]):.4f}"
    '-0.1491'
    """
    return of_insulator(PUMPED_OBSERVABLE, cycle, occupied, options, operators=operators)
