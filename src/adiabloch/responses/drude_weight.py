"""Drude weight."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import Options, Part, Response, SurfaceTerm, cartesian, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.transport import velocity_squared

DRUDE_WEIGHT = Response(
    "Drude weight",
    unit=Unit(charge=2, hbar=-2, energy=1, length=2),
    parts={"total": Part((SurfaceTerm(velocity_squared),))},
    axes={"component": cartesian, "field": cartesian},
    time_reversal=1,
    inversion=1,
    reference="N. W. Ashcroft, N. D. Mermin, Solid State Physics (1976), Eq. (13.25)",
)


@response(DRUDE_WEIGHT)
def drude_weight(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Drude weight: conductivity per relaxation time.

    .. math:: \sigma_{ij} = \tau D_{ij}, \qquad
              D_{ij} = e^2 \int \frac{dk}{(2\pi)^d} \sum_n (-f_n')\, v^i_n v^j_n

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` i and `field` j: D_ij in units of e^2/hbar^2 times the energy unit (2D; per
        length in 3D). Other authors multiply by pi.

    Examples
    --------
    >>> import adiabloch as ab
    >>> chain = ab.TightBinding([[1.0]], [[0.0]], {(1,): [[-1.0]]})
    >>> weight = ab.drude_weight(chain, chemical_potential=0.0).total.sel(component="x", field="x")
    >>> f"{float(weight):.6f}"  # 2 |v|/(2 pi), |v| = 2
    '0.636620'
    """
    return of_metal(DRUDE_WEIGHT, model, chemical_potential, temperature, options, degeneracy=degeneracy)
