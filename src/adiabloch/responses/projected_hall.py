"""Anomalous Hall conductivity resolved by layers, sites or orbitals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from adiabloch.engine import (
    ACROSS,
    Options,
    Part,
    Response,
    SeaTerm,
    checked_operators,
    components,
    of_metal,
    response,
)
from adiabloch.engine.types import ArrayLike, BandCounts, Dataset, Eigenframe, Float, Given, TightBinding, Unit
from adiabloch.geometry.filled import filled_projected_curvature


def hall(frame: Eigenframe, band_counts: BandCounts, projector: str, component: str) -> Float:
    """Minus the projected Berry curvature of filled bands; (P, counts)."""
    return -filled_projected_curvature(frame, band_counts, projector, component)


PROJECTED_HALL = Response(
    "projected anomalous Hall conductivity",
    unit=Unit(charge=2, hbar=-1, length=2),
    parts={"total": Part((SeaTerm(hall),))},
    axes={"projector": None, "component": components},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=-1,
    inversion=1,
    reference="A. M. Essin, J. E. Moore, D. Vanderbilt, Phys. Rev. Lett. 102, 146805 (2009), for layers",
    observables=checked_operators,
)


@response(PROJECTED_HALL)
def projected_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    projectors: Mapping[str, Given] | None = None,
    *,
    degeneracy: float | None = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic anomalous Hall conductivity resolved by layers, sites, orbitals, or any projector.

    .. math:: \sigma_{xy} = -e^2 \int \frac{dk}{(2\pi)^d} \sum_{nn' \in occ} \mathcal{P}_{n'n} F^{xy}_{nn'}

    with the non-Abelian Berry curvature F of the filled bands. The contributions of projectors that add up to one add
    up to `adiabloch.anomalous_hall`. At a surface of an axion insulator the sum over its layers is theta/(2 pi) e^2/h.
    The current that flows in a layer is `adiabloch.observable_current`; it contains the edge of the magnetization that
    the field induces in addition.

    Parameters
    ----------
    projectors : mapping {str: (N, N) array_like}
        Projector on each layer, site or orbital, by name.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `projector` and `component`: "z" is sigma_xy, as for `adiabloch.anomalous_hall`, in
        units of e^2/hbar (3D: per length).

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> chern_insulator = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> sites = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    >>> found = ab.projected_hall(chern_insulator, 0.0, projectors=sites).total.sel(component="z")
    >>> [f"{2 * np.pi * float(one):.4f}" for one in found]
    ['0.5000', '0.5000']
    """
    return of_metal(
        PROJECTED_HALL, model, chemical_potential, temperature, options, degeneracy=degeneracy, operators=projectors
    )
