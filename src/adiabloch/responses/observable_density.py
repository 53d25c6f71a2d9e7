"""Bounded observables in the ground state of an insulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

from adiabloch.arrays import Float
from adiabloch.engine.arguments import checked_model, checked_occupied
from adiabloch.engine.declaration import BandTerm, Part, Response
from adiabloch.engine.insulators import TOLERANCE, Occupied, mean_of_insulator
from adiabloch.engine.interface import response
from adiabloch.engine.operators import Given, checked_operators
from adiabloch.engine.run import Options, Run
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.observables import expectation
from adiabloch.models.tight_binding import TightBinding
from adiabloch.occupation import Group
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray


def value(frame: Eigenframe, group: Group, observable: str) -> Float:
    """Expectation value summed over the occupied bands; (P,)."""
    return expectation(frame, group, frame.derivative(observable))


OBSERVABLE_DENSITY = Response(
    "observable density",
    unit=Unit(),
    parts={"total": Part((BandTerm(value),))},
    axes={"observable": None},
    long_name="observable density per {measure}",
)


@response(OBSERVABLE_DENSITY)
def observable_density(
    model: TightBinding, occupied: int, operators: Mapping[str, Given], **options: Unpack[Options]
) -> xarray.Dataset:
    """Expectation values of bounded observables in the ground state of an insulator, per length, area or volume.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable`, in the operator's unit.
    """
    model = checked_model(model)
    found = checked_operators(model, operators)
    bands, run = Occupied((checked_occupied(model, occupied),)), Run.of(options, TOLERANCE)
    return mean_of_insulator(OBSERVABLE_DENSITY, model, bands, run, operators=found, labels={"observable": [*found]})
