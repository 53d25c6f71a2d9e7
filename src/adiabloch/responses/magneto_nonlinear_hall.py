"""Intrinsic magneto-nonlinear Hall effect."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import ACROSS, Options, Part, Response, SurfaceTerm, components, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.fields import magneto_nonlinear_hall_vector

MAGNETO_NONLINEAR_HALL = Response(
    "magneto-nonlinear Hall effect",
    unit=Unit(charge=3, hbar=-2, length=4),
    parts={"total": Part((SurfaceTerm(magneto_nonlinear_hall_vector),))},
    axes={"component": components, "magnetic_field": components},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=1,
    inversion=1,
    equation="the second term of Eq. (10)",
    long_name="Hall conductivity per magnetic field",
)


@response(MAGNETO_NONLINEAR_HALL)
def magneto_nonlinear_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic magneto-nonlinear Hall effect, of order EB. Implements the second term of Eq. (10).

    .. math:: j = e^2 E \times \int \frac{dk}{(2\pi)^d} \sum_n f_n' [ v_n \times (a_n)^B + (m_n \cdot B)\, \Omega_n ]

    at a fixed chemical potential, with the positional shift in a magnetic field and the orbital moment m. The ordinary
    Hall effect, which depends on scattering, and effects of the spin in the field come in addition.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` of the Hall vector ("z" is sigma_xy, as for `adiabloch.anomalous_hall`)
        and `magnetic_field`: d sigma/dB in units of e^3/hbar^2 times an area (2D; a length in 3D).

    Examples
    --------
    >>> import adiabloch as ab
    >>> sx, sy, sz = 2 * ab.models.spin_operators(2)
    >>> terms = {(0, 0): 0.1 * sz, (1, 0): sx, (0, 1): sy}
    >>> cone = ab.models.from_kp(terms, cutoff=2.0, boundary=2 * sz, spin=ab.models.spin_operators(2))
    >>> found = ab.magneto_nonlinear_hall(cone, chemical_potential=0.2).total
    >>> f"{float(found.sel(component='z', magnetic_field='z')):.3f}"
    '0.621'
    """
    return of_metal(MAGNETO_NONLINEAR_HALL, model, chemical_potential, temperature, options, degeneracy=degeneracy)
