"""Isotropic Chern-Simons part of the magnetoelectric response, shared by both of its derivations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import Model
from adiabloch.engine.declaration import GaugeTerm, Response
from adiabloch.engine.insulators import of_insulator
from adiabloch.engine.run import Options
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form
from adiabloch.geometry.projections import ProjectionChoice

if TYPE_CHECKING:
    import xarray


def isotropic(gauge: SmoothGauge, component: str, field: str) -> Float:
    """Isotropic part -(e^2/2) CS on the diagonal of the tensor; (P,)."""
    if component != field:
        return np.zeros(len(gauge.overlaps))
    return -0.5 * chern_simons_form(gauge, "kx", "ky", "kz")


def chern_simons_part() -> tuple[GaugeTerm, ...]:
    """Terms of the Chern-Simons part of a magnetoelectric tensor."""
    return (GaugeTerm(isotropic),)


def insulator_with_axion_angle(
    layer: Response, solid: Response, model: Model, occupied: object, options: Options, projections: ProjectionChoice
) -> xarray.Dataset:
    """Magnetoelectric tensor of an insulator; in three dimensions with the axion angle and its quantum.

    Parameters
    ----------
    layer, solid : Response
        Declarations for two and three dimensions.
    model : TightBinding
    occupied : int
    options : Options
    projections : sequence of int or array_like, optional
        Projections of the user.
    """
    if model.lattice.dimension == 2:
        return of_insulator(layer, model, occupied, options)
    result = of_insulator(solid, model, occupied, options, projections=projections)
    theta = 4 * np.pi**2 * float(result.chern_simons.values[0, 0])
    unit = result.total.attrs["units"]
    return result.assign(
        axion_angle=((), np.asarray(principal(theta)), {"units": "rad", "long_name": "axion angle, modulo 2 pi"}),
        quantum=((), np.asarray(1 / (2 * np.pi)), {"units": unit, "long_name": "quantum of the diagonal of total"}),
    )


def principal(angle: float, slack: float = 1e-9) -> float:
    """Angle modulo 2 pi in (-pi, pi]; values above -pi by less than `slack` count as pi."""
    wrapped = np.pi - (np.pi - angle) % (2 * np.pi)
    return wrapped + 2 * np.pi if wrapped <= -np.pi + slack else float(wrapped)
