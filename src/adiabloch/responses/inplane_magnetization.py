"""Orbital magnetization of a layer in its plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from adiabloch.arrays import Float
from adiabloch.engine.arguments import checked_model, checked_occupied
from adiabloch.engine.declaration import BandTerm, Part, Response, cartesian
from adiabloch.engine.insulators import TOLERANCE, Occupied, mean_of_insulator
from adiabloch.engine.interface import response
from adiabloch.engine.layers import LAYER, Heights, height_operators
from adiabloch.engine.run import Options, Run
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.layers import inplane_expectation
from adiabloch.models.tight_binding import TightBinding
from adiabloch.occupation import Group
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray


def moment(frame: Eigenframe, group: Group, component: str) -> Float:
    """Moment in the plane, summed over the occupied bands; (P,)."""
    return inplane_expectation(frame, group, component)


INPLANE_MAGNETIZATION = Response(
    "in-plane magnetization",
    unit=Unit(charge=1, energy=1, hbar=-1, length=2),
    parts={"total": Part((BandTerm(moment),))},
    axes={"component": cartesian},
    dimensions=(2,),
    reason=LAYER,
    time_reversal=-1,
    inversion=1,
    long_name="in-plane magnetization per {measure}",
)


@response(INPLANE_MAGNETIZATION)
def inplane_magnetization(
    model: TightBinding, occupied: int, heights: Heights, **options: Unpack[Options]
) -> xarray.Dataset:
    r"""Orbital magnetization of a layer in its plane, in equilibrium.

    .. math:: M_x = \int \frac{dk}{(2\pi)^2} \sum_{n \in occ} \langle n | -\frac{e}{2} \{z, v_y\} | n \rangle, \qquad
              M_y = \int \frac{dk}{(2\pi)^2} \sum_{n \in occ} \langle n | \frac{e}{2} \{z, v_x\} | n \rangle

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y"): moment per area, in units of e times energy (over hbar).
    """
    model = checked_model(model, (2,), LAYER)
    bands, run = Occupied((checked_occupied(model, occupied),)), Run.of(options, TOLERANCE)
    operators = height_operators(model, heights)
    return mean_of_insulator(INPLANE_MAGNETIZATION, model, bands, run, operators=operators)
