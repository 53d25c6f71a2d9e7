"""Orbital magnetization of a layer in its plane."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import BandTerm, Options, Part, Response, cartesian, checked_model, of_insulator, response
from adiabloch.engine.layers import LAYER, Heights, height_operators
from adiabloch.engine.types import Dataset, Eigenframe, Float, Group, TightBinding, Unit
from adiabloch.geometry.layers import inplane_expectation


def moment(frame: Eigenframe, group: Group, component: str) -> Float:
    """In-plane moment, summed over the occupied bands; (P,)."""
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
def inplane_magnetization(model: TightBinding, occupied: int, heights: Heights, **options: Unpack[Options]) -> Dataset:
    r"""Orbital magnetization of a layer in its plane, in equilibrium.

    .. math:: M_x = \int \frac{dk}{(2\pi)^2} \sum_{n \in occ} \langle n | -\frac{e}{2} \{z, v_y\} | n \rangle, \qquad
              M_y = \int \frac{dk}{(2\pi)^2} \sum_{n \in occ} \langle n | \frac{e}{2} \{z, v_x\} | n \rangle

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y"): moment per area, in units of e times energy (over hbar).
    """
    operators = height_operators(checked_model(model, (2,), LAYER), heights)
    return of_insulator(INPLANE_MAGNETIZATION, model, occupied, options, operators=operators)
