"""Bounded observables pumped by a cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

from adiabloch.arrays import Float
from adiabloch.engine.arguments import checked_cycle, checked_occupied
from adiabloch.engine.declaration import BandTerm, Part, Response
from adiabloch.engine.insulators import TOLERANCE, Occupied, mean_of_insulator
from adiabloch.engine.interface import response
from adiabloch.engine.operators import Given, checked_operators
from adiabloch.engine.run import Options, Run
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.observables import observable_shift
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.occupation import Group
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray


def shift(frame: Eigenframe, group: Group, observable: str) -> Float:
    """Change of an observable with theta, summed over the occupied bands; (P,)."""
    return observable_shift(frame, group, THETA, frame.derivative(observable))


PUMPED_OBSERVABLE = Response(
    "pumped observable",
    unit=Unit(hbar=1, omega=1, energy=-1),
    parts={"total": Part((BandTerm(shift),))},
    axes={"observable": None},
    equation="Eq. (B6)",
    long_name="pumped observable per {measure}",
)


@response(PUMPED_OBSERVABLE)
def pumped_observable(
    cycle: Cycle, occupied: int, operators: Mapping[str, Given], **options: Unpack[Options]
) -> xarray.Dataset:
    r"""Any bounded observable pumped by a cycle, averaged over its period. Implements Eq. (B6).

    .. math:: \bar O = \int_0^T \frac{dt}{T} \int \frac{dk}{(2\pi)^d} \sum_{n \in occ} \sum_{c}
              2 \mathrm{Re} \frac{O_{nc} A^t_{cn}}{E_c - E_n}

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable`: per length, area or volume, in the operator's unit times omega.
    """
    cycle = checked_cycle(cycle)
    found = checked_operators(cycle, operators)
    bands = Occupied((checked_occupied(cycle, occupied),))
    run = Run.of(options, TOLERANCE)
    return mean_of_insulator(PUMPED_OBSERVABLE, cycle, bands, run, operators=found, labels={"observable": [*found]})
