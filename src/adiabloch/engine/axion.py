"""Isotropic Chern-Simons part of the magnetoelectric response, and the axion angle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.declaration import BandTerm, GaugeTerm, Response, total_and
from adiabloch.engine.terms import Labels
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form
from adiabloch.lattice import Lattice

if TYPE_CHECKING:
    import xarray


def isotropic(gauge: SmoothGauge, component: str, field: str) -> Float:
    """Isotropic part -(e^2/2) CS on the diagonal of the tensor; (P,)."""
    if component != field:
        return np.zeros(len(gauge.overlaps))
    return -0.5 * chern_simons_form(gauge, "kx", "ky", "kz")


def in_three_dimensions(layer: Response, perturbative: Callable[..., Float], axes: Mapping[str, Labels]) -> Response:
    """Declaration of a magnetoelectric tensor in 3D, with its Chern-Simons part, from that in 2D.

    Parameters
    ----------
    layer : Response
    perturbative : callable
        Formula of the perturbative part, as of a `BandTerm`.
    axes : mapping {name: labels}
    """
    return replace(
        layer,
        parts=total_and(perturbative=(BandTerm(perturbative),), chern_simons=(GaugeTerm(isotropic),)),
        axes=axes,
        dimensions=(3,),
        along_z=0,
        long_name="",
        completed=with_axion_angle,
    )


def with_axion_angle(result: xarray.Dataset, lattice: Lattice) -> xarray.Dataset:
    """Magnetoelectric tensor completed by the axion angle and the quantum of its diagonal; a molecule has none."""
    if not lattice.periodic:
        return result
    theta = 4 * np.pi**2 * float(result.chern_simons.values[0, 0])
    unit = result.total.attrs["units"]
    return result.assign(
        axion_angle=((), np.asarray(principal(theta)), {"units": "rad", "long_name": "axion angle, modulo 2 pi"}),
        quantum=((), np.asarray(1 / (2 * np.pi)), {"units": unit, "long_name": "quantum of the diagonal of total"}),
    )


def principal_angle(result: xarray.Dataset, lattice: Lattice) -> xarray.Dataset:
    """Axion angle in (-pi, pi] and its error, in radians.

    Raises
    ------
    InvalidArgumentError
        A molecule.
    """
    if not lattice.periodic:
        raise InvalidArgumentError(
            "axion angle: a molecule has none, since its magnetoelectric response is not that of a volume; expected a "
            "crystal"
        )
    value, radians = principal(float(result.axion_angle), float(result.error)), {"units": "rad"}
    return result.assign(
        axion_angle=result.axion_angle.copy(data=np.asarray(value)).assign_attrs(radians),
        error=result.error.assign_attrs(radians),
    )


def half_turn(lattice: Lattice) -> float:
    """Natural size of an angle."""
    return float(np.pi)


def principal(angle: float, slack: float = 1e-9) -> float:
    """Angle modulo 2 pi in (-pi, pi]; values above -pi by less than `slack` count as pi."""
    wrapped = np.pi - (np.pi - angle) % (2 * np.pi)
    return wrapped + 2 * np.pi if wrapped <= -np.pi + slack else float(wrapped)
