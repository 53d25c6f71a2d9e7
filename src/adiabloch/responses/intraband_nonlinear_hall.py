"""Contribution of the intraband quantum metric dipole to the nonlinear Hall effect."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import ACROSS, Options, Part, Response, SurfaceTerm, cartesian, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.fields import metric_dipole_current

INTRABAND_NONLINEAR_HALL = Response(
    "intraband part of the nonlinear Hall effect",
    unit=Unit(charge=3, hbar=-1, energy=-1, length=3),
    parts={"total": Part((SurfaceTerm(metric_dipole_current, tensor=True),))},
    axes={"component": cartesian, "field": cartesian, "other_field": cartesian},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=-1,
    inversion=-1,
    reference="Y. Ulrich, J. Mitscherling, L. Classen, A. P. Schnyder, arXiv:2506.17386 (2025)",
)


@response(INTRABAND_NONLINEAR_HALL)
def intraband_nonlinear_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Nonlinear Hall conductivity from the dipole of the quantum metric of each band.

    .. math:: \chi_{ijk} = \frac{e^3}{3} \int \frac{dk}{(2\pi)^d} \sum_n (-f_n') \Big[ \partial_i G^{jk}_n
              - \tfrac12 (\partial_j G^{ik}_n + \partial_k G^{ij}_n) \Big]

    Semiclassical theory gives `adiabloch.nonlinear_hall` alone. If all states have the same broadening hbar/(2 tau),
    the current of zeroth order in tau contains this term in addition. It is the exact result for a crystal whose
    orbitals are each in contact with a reservoir; for other mechanisms of relaxation the term of this order is
    different.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` i, `field` j and `other_field` k, as for `adiabloch.nonlinear_hall`.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> found = ab.intraband_nonlinear_hall(cone, chemical_potential=0.15, tolerance=1e-3).total
    >>> f"{float(found.sel(component='x', field='y', other_field='y')):.4f}"
    '0.0207'
    """
    return of_metal(INTRABAND_NONLINEAR_HALL, model, chemical_potential, temperature, options, degeneracy=degeneracy)
