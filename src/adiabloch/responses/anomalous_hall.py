"""Intrinsic anomalous Hall effect."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import ACROSS, Options, Part, Response, SeaTerm, components, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, TightBinding, Unit
from adiabloch.geometry.filled import filled_hall

ANOMALOUS_HALL = Response(
    "anomalous Hall conductivity",
    unit=Unit(charge=2, hbar=-1, length=2),
    parts={"total": Part((SeaTerm(filled_hall),))},
    axes={"component": components},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=-1,
    inversion=1,
)


@response(ANOMALOUS_HALL)
def anomalous_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic anomalous Hall conductivity, in metals, insulators and Chern insulators.

    .. math:: j = -e^2 E \times \int \frac{dk}{(2\pi)^d} \sum_n f_n \Omega_n,
              \qquad \sigma_{xy} = -e^2 \int \frac{dk}{(2\pi)^d} \sum_n f_n \Omega^z_n

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component`: "z" is sigma_xy = -sigma_yx, and cyclic. In units of e^2/hbar (3D: per
        length): a Chern number C in 2D gives -C/(2 pi).

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> chern_insulator = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> hall = ab.anomalous_hall(chern_insulator, chemical_potential=0.0)
    >>> f"{2 * np.pi * float(hall.total.sel(component='z')):.4f}"
    '1.0000'
    """
    return of_metal(ANOMALOUS_HALL, model, chemical_potential, temperature, options, degeneracy=degeneracy)
