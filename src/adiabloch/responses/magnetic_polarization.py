"""Polarization induced by a magnetic field, the second derivation of the magnetoelectric response."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import (
    FLAT,
    BandTerm,
    Options,
    Part,
    Response,
    cartesian,
    components,
    of_insulator,
    response,
    response_for,
)
from adiabloch.engine.axion import in_three_dimensions
from adiabloch.engine.types import Dataset, Eigenframe, Float, Group, ProjectionChoice, TightBinding, Unit
from adiabloch.geometry.inhomogeneous import shift_in_magnetic_field


def shift(frame: Eigenframe, group: Group, component: str, field: str) -> Float:
    """Perturbative dP_j/dB_i of the occupied bands; (P,)."""
    return shift_in_magnetic_field(frame, group, f"k{component}", field)


def shift_z(frame: Eigenframe, group: Group, component: str) -> Float:
    """Perturbative dP_j/dB_z in two dimensions; (P,)."""
    return shift(frame, group, component, "z")


LAYER = Response(
    "magnetic polarization",
    unit=Unit(charge=2, hbar=-1, length=3),
    parts={"total": Part((BandTerm(shift_z),))},
    axes={"component": cartesian},
    dimensions=(2,),
    reason=FLAT,
    time_reversal=-1,
    inversion=-1,
    along_z=1,
    equation="Eq. (18)",
    long_name="magnetic polarization per {measure}",
)
SOLID = in_three_dimensions(LAYER, shift, {"component": cartesian, "field": components})


@response(SOLID)
def magnetic_polarization(
    model: TightBinding, occupied: int, *, projections: ProjectionChoice = None, **options: Unpack[Options]
) -> Dataset:
    r"""Electric polarization induced by a magnetic field in an insulator. Implements Eq. (18).

    .. math:: \frac{\partial P_j}{\partial B_i} = \int \frac{dk}{(2\pi)^d} \sum_{n \in occ}
              e\, \partial_{B_i} (a^{k_j}_n)^B + \frac{e^2}{4 \pi^2} \theta\, \delta_{ij}

    with the positional shift a^k of Eqs. (2) and (4) in the inhomogeneity of the vector potential. It equals dM_i/dE_j
    of `magnetoelectric`, from an independent formula.

    Returns
    -------
    xarray.Dataset
        In 2D: `total` (dP_j/dB_z) and `error` over `component` ("x", "y"). In 3D, over `component` (of P) and
        `field` (of B): `total`, `perturbative`, `chern_simons`, `error`, and `axion_angle` and `quantum` as in
        `magnetoelectric`. Units e^2 (over hbar).

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> polarization, magnetization = ab.magnetic_polarization(cone, 1).total, ab.magnetoelectric(cone, 1).total
    >>> f"{float(polarization.sel(component='y')):.5f}", f"{float(magnetization.sel(field='y')):.5f}"
    ('-0.06411', '-0.06411')
    """
    return of_insulator(response_for((LAYER, SOLID), model), model, occupied, options, projections=projections)
