"""Bounded observables induced by an electric field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Unpack

from adiabloch.engine import (
    BandTerm,
    Filling,
    Options,
    Part,
    Response,
    SeaTerm,
    cartesian,
    checked_operators,
    of_crystal,
    response,
)
from adiabloch.engine.types import ArrayLike, BandCounts, Dataset, Eigenframe, Float, Given, Group, TightBinding, Unit
from adiabloch.geometry.filled import filled_observable_shift
from adiabloch.geometry.observables import observable_shift


def shift(frame: Eigenframe, group: Group, observable: str, field: str) -> Float:
    """Change of an observable in a field, summed over the occupied bands; (P,)."""
    return observable_shift(frame, group, f"k{field}", frame.derivative(observable))


def filled_shift(frame: Eigenframe, band_counts: BandCounts, observable: str, field: str) -> Float:
    """Change of an observable in a field for several numbers of filled bands; (P, counts)."""
    return filled_observable_shift(frame, band_counts, f"k{field}", observable)


METAL = Response(
    "observable response",
    unit=Unit(charge=1, energy=-1, length=1),
    parts={"total": Part((SeaTerm(filled_shift),))},
    axes={"observable": None, "field": cartesian},
    time_reversal=1,
    inversion=-1,
    equation="Eq. (B7)",
    observables=checked_operators,
)
INSULATOR = replace(METAL, parts={"total": Part((BandTerm(shift),))}, long_name="observable response per {measure}")


@response(METAL)
def observable_response(
    model: TightBinding,
    occupied: int | None,
    operators: Mapping[str, Given],
    *,
    degeneracy: float | None = None,
    chemical_potential: ArrayLike | None = None,
    temperature: ArrayLike = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Any bounded observable induced by an electric field, in insulators and metals. Implements Eq. (B7).

    .. math:: \frac{\partial O}{\partial E_j} = e \int \frac{dk}{(2\pi)^d} \sum_n f_n \sum_{m \ne n}
              2 \mathrm{Re} \frac{O_{nm} (A_j)_{mn}}{E_m - E_n}

    Parameters
    ----------
    occupied : int or None
        Number of occupied bands of an insulator; None where the chemical potential is given.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `observable` and `field`, in the operator's unit times e over the energy unit (times
        length^(1-d)).

    Examples
    --------
    Charge that a field moves between the two sites of a chain.

    >>> import adiabloch as ab
    >>> import numpy as np
    >>> sites = {"A": np.diag([1.0, 0.0]), "B": np.diag([0.0, 1.0])}
    >>> chain = ab.models.rice_mele(delta=0.5, dimerization=0.2)
    >>> [f"{float(one):.4f}" for one in ab.observable_response(chain, 1, sites).total.sel(field="x")]
    ['-0.0830', '0.0830']
    """
    filling = Filling(occupied, chemical_potential, temperature, degeneracy)
    return of_crystal(METAL, (INSULATOR,), model, filling, options, operators=operators)
