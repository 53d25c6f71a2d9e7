"""Magnetoelectric response of a layer in all directions."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import BandTerm, GaugeTerm, Options, Part, Response, all_axes, of_insulator, response
from adiabloch.engine.layers import LAYER, Heights, height_operators
from adiabloch.engine.types import Dataset, Eigenframe, Float, Group, ProjectionChoice, SmoothGauge, TightBinding, Unit
from adiabloch.geometry.layers import layer_chern_simons, layer_shift


def shift(frame: Eigenframe, group: Group, component: str, field: str) -> Float:
    """dM_i/dE_j of the occupied bands; (P,)."""
    return layer_shift(frame, group, component, field)


def axion(gauge: SmoothGauge, component: str, field: str) -> Float:
    """Chern-Simons part of dM_z/dE_z, (P,); the other elements follow from bounded observables alone."""
    return layer_chern_simons(gauge, component, field)


LAYER_MAGNETOELECTRIC = Response(
    "layer magnetoelectric response",
    unit=Unit(charge=2, hbar=-1, length=3),
    parts={"total": Part((BandTerm(shift), GaugeTerm(axion)))},
    axes={"component": all_axes, "field": all_axes},
    dimensions=(2,),
    reason=LAYER,
    time_reversal=-1,
    inversion=-1,
    long_name="layer magnetoelectric response per {measure}",
    observables=height_operators,
)


@response(LAYER_MAGNETOELECTRIC)
def layer_magnetoelectric(
    model: TightBinding,
    occupied: int,
    heights: Heights,
    *,
    projections: ProjectionChoice = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Orbital magnetization induced by an electric field in a layer, in all directions including across the layer.

    .. math:: \alpha_{ij} = \frac{\partial M_i}{\partial E_j}

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` and `field` ("x", "y", "z" each): dM_i/dE_j per area, in units of e^2 times
        length (over hbar). Row z in fields x and y equals `adiabloch.magnetoelectric` for the same model.

    Raises
    ------
    ObstructedError
        The bands have a Chern number: their Hall current makes the moment depend on the origin of the heights.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> found = ab.layer_magnetoelectric(cone, occupied=1, heights=[0.0, 1.0]).total
    >>> f"{float(found.sel(component='z', field='y')):.5f}"
    '-0.06411'
    """
    return of_insulator(LAYER_MAGNETOELECTRIC, model, occupied, options, projections=projections, operators=heights)
