"""Filling of a crystal."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import Options, Part, Response, SeaTerm, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.filled import filled_number

FILLING = Response(
    "filling",
    unit=Unit(),
    parts={"total": Part((SeaTerm(filled_number),))},
    long_name="electrons per cell",
    per_cell=True,
    time_reversal=1,
    inversion=1,
)


@response(FILLING)
def filling(
    model: TightBinding, chemical_potential: ArrayLike, temperature: ArrayLike = 0.0, **options: Unpack[Options]
) -> Dataset:
    r"""Electrons per cell at given chemical potentials.

    .. math:: N(\mu) = V \int \frac{dk}{(2\pi)^d} \sum_n f(E_n - \mu)

    Parameters
    ----------
    tolerance : float
        Electrons per cell, relative to the largest number of the scan.

    Returns
    -------
    xarray.Dataset
        `total` and `error`, numbers of electrons per cell.

    Examples
    --------
    >>> import adiabloch as ab
    >>> found = ab.filling(ab.models.haldane(delta=0.5, t2=0.2, phi=1.1), chemical_potential=0.0)
    >>> f"{float(found.total):.6f}"
    '1.000000'
    """
    return of_metal(FILLING, model, chemical_potential, temperature, options, degeneracy=Degeneracy())
