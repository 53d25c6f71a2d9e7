"""Density of states."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from adiabloch.engine import Options, Part, Response, SurfaceTerm, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, Eigenframe, Float, TightBinding, Unit
from adiabloch.geometry.degeneracy import Degeneracy


def one(frame: Eigenframe) -> Float:
    """Unit weight of each level, (P, N)."""
    return np.ones_like(frame.energies)


DENSITY_OF_STATES = Response(
    "density of states",
    unit=Unit(energy=-1),
    parts={"total": Part((SurfaceTerm(one),))},
    long_name="density of states per {measure}",
    time_reversal=1,
    inversion=1,
)


@response(DENSITY_OF_STATES)
def density_of_states(
    model: TightBinding, chemical_potential: ArrayLike, temperature: ArrayLike = 0.0, **options: Unpack[Options]
) -> Dataset:
    r"""Density of states at the Fermi level, per length, area or volume.

    .. math:: D(\mu, T) = \sum_n \int \frac{dk}{(2\pi)^d} \Big( -\frac{\partial f}{\partial E} \Big)

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `temperature` and `chemical_potential`, if these are arrays.

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True.

    Warns
    -----
    AccuracyWarning
        The tolerance was not reached within the limit of points, or the Fermi level meets a van Hove energy where the
        density of states is infinite.

    Examples
    --------
    >>> import adiabloch as ab
    >>> graphene = ab.models.gapped_honeycomb(delta=0.0)
    >>> levels = ab.density_of_states(graphene, chemical_potential=[0.1, 0.2])
    >>> [f"{x:.3f}" for x in levels.total.values]  # mu/(pi v^2) for two cones, v = 3/2
    ['0.014', '0.029']
    """
    return of_metal(DENSITY_OF_STATES, model, chemical_potential, temperature, options, degeneracy=Degeneracy())
