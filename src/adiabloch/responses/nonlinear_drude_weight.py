"""Nonlinear Drude weight."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import Options, Part, Response, SurfaceTerm, cartesian, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.transport import mass_times_velocity

NONLINEAR_DRUDE_WEIGHT = Response(
    "nonlinear Drude weight",
    unit=Unit(charge=3, hbar=-3, energy=1, length=3),
    parts={"total": Part((SurfaceTerm(mass_times_velocity, tensor=True),))},
    axes={"component": cartesian, "field": cartesian, "other_field": cartesian},
    time_reversal=-1,
    inversion=-1,
    reference="T. Holder, D. Kaplan, B. Yan, Phys. Rev. Research 2, 033100 (2020)",
)


@response(NONLINEAR_DRUDE_WEIGHT)
def nonlinear_drude_weight(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Nonlinear Drude weight: current of second order in a static field per squared relaxation time.

    .. math:: j_i = \tau^2 D_{ijk} E_j E_k, \qquad
              D_{ijk} = e^3 \int \frac{dk}{(2\pi)^d} \sum_n f_n\, \partial_i \partial_j \partial_k E_n
                      = e^3 \int \frac{dk}{(2\pi)^d} \sum_n (-f_n')\, v^i_n\, \partial_j \partial_k E_n

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` i, `field` j and `other_field` k: D_ijk, symmetric in all three, in units
        of e^3/hbar^3 times energy and length (2D; energy in 3D).

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> weight = ab.nonlinear_drude_weight(cone, chemical_potential=0.15)
    >>> f"{float(weight.total.sel(component='x', field='x', other_field='x')):.4f}"
    '0.0230'
    """
    return of_metal(NONLINEAR_DRUDE_WEIGHT, model, chemical_potential, temperature, options, degeneracy=degeneracy)
