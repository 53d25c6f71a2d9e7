"""Intrinsic nonlinear Ettingshausen effect."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from adiabloch.engine import (
    ACROSS,
    Options,
    Part,
    Response,
    SeaTerm,
    SurfaceTerm,
    cartesian,
    chemical_potential_of,
    of_metal,
    response,
)
from adiabloch.engine.types import ArrayLike, Dataset, Float, TightBinding, Unit
from adiabloch.geometry.fields import metric_dipole_z, moment_between_bands, shift_current


def minus_e_cross_m(dimension: int) -> Float:
    """Matrix from alpha_k to -E x M = -(E_y, -E_x) M_z, M_z = alpha_k E_k, symmetrized in the two fields; (8, 2)."""
    tensor = np.einsum("ij,kl->ijkl", [[0.0, -1.0], [1.0, 0.0]], np.eye(dimension))
    return (0.5 * (tensor + tensor.swapaxes(1, 2))).reshape(8, 2)


HEAT = SurfaceTerm(shift_current, "heat", tensor=True)
WORK = SurfaceTerm(shift_current, scale=chemical_potential_of, tensor=True)
CURL = (
    SeaTerm(moment_between_bands, axes={"field": cartesian}, into=minus_e_cross_m),
    SurfaceTerm(metric_dipole_z, axes={"field": cartesian}, into=minus_e_cross_m),
)
NONLINEAR_ETTINGSHAUSEN = Response(
    "nonlinear Ettingshausen effect",
    unit=Unit(charge=2, hbar=-1, length=3),
    parts={
        "total": Part((HEAT,)),
        "energy_current": Part((HEAT, WORK, *CURL), "energy current"),
        "magnetization_current": Part(CURL, "energy magnetization current"),
        "work": Part((WORK,), "work of the electric current, (mu/e) j"),
    },
    axes={"component": cartesian, "field": cartesian, "other_field": cartesian},
    dimensions=(2,),
    reason=ACROSS,
    no_bulk={
        3: "the heat current is what is left of the energy current without the magnetization current, and the "
        "magnetization that an electric field induces in a 3D metal is not known to be a property of the bulk; "
        "expected a crystal in two dimensions"
    },
    time_reversal=-1,
    inversion=-1,
    equation="Eqs. (27) to (30)",
    long_name="nonlinear heat current",
    separate=True,
)


@response(NONLINEAR_ETTINGSHAUSEN)
def nonlinear_ettingshausen(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic nonlinear anomalous Ettingshausen effect in two dimensions. Implements Eqs. (27) to (30).

    The transport heat current of second order in the field,

    .. math:: j^h = j^E - j^{E,mag} - \frac{\mu}{e} j
                  = -e E \times T \int \frac{dk}{(2\pi)^2} \sum_n s(E_n)\, \partial_k \times a_n,
              \qquad j^{E,mag} = -E \times M,

    where M is the magnetization induced by the field, which the Mott relation requires. The current vanishes at zero
    temperature.

    Returns
    -------
    xarray.Dataset
        Over `component`, `field` and `other_field`, symmetric in the fields: `total`, the heat current j^h, and its
        `error`; `energy_current` j^E, `magnetization_current` j^{E,mag} and `work`, (mu/e) j; the heat current is the
        first minus the other two. In units of e^2 length/hbar.

    Raises
    ------
    NoBulkDefinitionError
        For a crystal in three dimensions.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> found = ab.nonlinear_ettingshausen(cone, chemical_potential=0.15, temperature=0.01, tolerance=1e-3).total
    >>> f"{float(found.sel(component='x', field='y', other_field='y')):.3e}"
    '1.824e-05'
    """
    return of_metal(NONLINEAR_ETTINGSHAUSEN, model, chemical_potential, temperature, options, degeneracy=degeneracy)
