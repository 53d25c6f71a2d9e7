"""Orbital Edelstein effect."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import FLAT, Options, Part, Response, SurfaceTerm, cartesian, components, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.transport import moment_times_velocity

ORBITAL_EDELSTEIN = Response(
    "orbital Edelstein effect",
    unit=Unit(charge=2, hbar=-2, energy=1, length=3),
    parts={"total": Part((SurfaceTerm(moment_times_velocity),))},
    axes={"component": components, "field": cartesian},
    dimensions=(2, 3),
    reason=FLAT,
    time_reversal=1,
    inversion=-1,
    reference="T. Yoda, T. Yokoyama, S. Murakami, Sci. Rep. 5, 12024 (2015); S. Zhong, J. E. Moore, I. Souza, "
    "Phys. Rev. Lett. 116, 077201 (2016)",
)


@response(ORBITAL_EDELSTEIN)
def orbital_edelstein(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Orbital Edelstein (kinetic magnetoelectric) effect: magnetization by a current, per relaxation time.

    .. math:: M_i = \tau \alpha_{ij} E_j, \qquad
              \alpha_{ij} = e \int \frac{dk}{(2\pi)^d} \sum_n (-f_n')\, m^i_n v^j_n

    with the orbital moment m of a band. `adiabloch.spin_edelstein` gives the spin. With time reversal this is the only
    linear response of the magnetization to a field; without it `adiabloch.magnetoelectric` comes in addition.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` i and `field` j: alpha_ij in units of e^2/hbar^2 times energy and length
        (2D; energy in 3D).

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> moment = ab.orbital_edelstein(cone, chemical_potential=0.15)
    >>> f"{float(moment.total.sel(component='z', field='x')):.5f}"
    '0.00850'
    """
    return of_metal(ORBITAL_EDELSTEIN, model, chemical_potential, temperature, options, degeneracy=degeneracy)
