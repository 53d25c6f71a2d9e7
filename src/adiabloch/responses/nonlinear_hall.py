"""Intrinsic nonlinear Hall effect."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import ACROSS, Options, Part, Response, SurfaceTerm, cartesian, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.fields import shift_current

NONLINEAR_HALL = Response(
    "nonlinear Hall effect",
    unit=Unit(charge=3, hbar=-1, energy=-1, length=3),
    parts={"total": Part((SurfaceTerm(shift_current, tensor=True),))},
    axes={"component": cartesian, "field": cartesian, "other_field": cartesian},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=-1,
    inversion=-1,
    reference="Y. Gao, S. A. Yang, Q. Niu, Phys. Rev. Lett. 112, 166601 (2014)",
    long_name="nonlinear Hall conductivity",
)


@response(NONLINEAR_HALL)
def nonlinear_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic nonlinear Hall effect: the current of second order in the field without scattering.

    .. math:: j = -e^2 E \times \int \frac{dk}{(2\pi)^d} \sum_n f_n\, \partial_k \times a_n
                = e^2 E \times \int \frac{dk}{(2\pi)^d} \sum_n f_n' (v_n \times a_n), \qquad a_n = -e G'_n E

    with the positional shift a of wave packets in the field (Gao, Yang, Niu): the dipole of the Berry connection
    polarizability G', also called interband quantum metric dipole. A term of the same order in the relaxation time that
    a constant broadening of the bands adds is `adiabloch.intraband_nonlinear_hall`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` i, `field` j and `other_field` k: chi_ijk of j_i = chi_ijk E_j E_k,
        symmetric in j and k, in units of e^3/hbar times length/energy (2D; per length in 3D). No current flows along
        a single field: chi_iii vanishes.

    Warns
    -----
    AccuracyWarning
        Degenerate or nearly degenerate bands contribute; the message gives the size.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> response = ab.nonlinear_hall(cone, chemical_potential=0.15)
    >>> f"{float(response.total.sel(component='x', field='y', other_field='y')):.2f}"
    '0.25'
    """
    return of_metal(NONLINEAR_HALL, model, chemical_potential, temperature, options, degeneracy=degeneracy)
