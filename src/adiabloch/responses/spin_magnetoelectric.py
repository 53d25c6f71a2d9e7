"""Spin induced by an electric field."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from adiabloch.engine import (
    BandTerm,
    Filling,
    Options,
    Part,
    Response,
    SeaTerm,
    all_axes,
    cartesian,
    checked_spins,
    of_crystal,
    response,
)
from adiabloch.engine.types import ArrayLike, BandCounts, Dataset, Eigenframe, Float, Group, Spin, TightBinding, Unit
from adiabloch.geometry.filled import filled_observable_shift
from adiabloch.geometry.observables import observable_shift


def shift(frame: Eigenframe, group: Group, component: str, field: str) -> Float:
    """Change of the spin in a field, summed over the occupied bands; (P,)."""
    return observable_shift(frame, group, f"k{field}", frame.derivative(f"s{component}"))


def filled_shift(frame: Eigenframe, band_counts: BandCounts, component: str, field: str) -> Float:
    """Change of the spin in a field for several numbers of filled bands; (P, counts)."""
    return filled_observable_shift(frame, band_counts, f"k{field}", f"s{component}")


METAL = Response(
    "spin response",
    unit=Unit(charge=1, hbar=1, energy=-1, length=1),
    parts={"total": Part((SeaTerm(filled_shift),))},
    axes={"component": all_axes, "field": cartesian},
    time_reversal=-1,
    inversion=-1,
    equation="Eq. (B7)",
    observables=checked_spins,
)
INSULATOR = replace(METAL, parts={"total": Part((BandTerm(shift),))}, long_name="spin response per {measure}")


@response(METAL)
def spin_magnetoelectric(
    model: TightBinding,
    occupied: int | None = None,
    spin_operators: Spin | None = None,
    *,
    degeneracy: float | None = None,
    chemical_potential: ArrayLike | None = None,
    temperature: ArrayLike = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Spin induced by an electric field, in insulators and metals. Implements Eq. (B7).

    .. math:: \frac{\partial S_i}{\partial E_j} = e \int \frac{dk}{(2\pi)^d} \sum_n f_n \sum_{m \ne n}
              2 \mathrm{Re} \frac{(S_i)_{nm} (A_j)_{mn}}{E_m - E_n}

    Parameters
    ----------
    occupied : int, optional
        Number of occupied bands of an insulator.
    chemical_potential : float or array_like, optional
        In place of `occupied`, for metals and insulators alike.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` (of the spin) and `field`: spin per length, area or volume and electric
        field, in units of e hbar over the energy unit (times length^(1-d)).

    Examples
    --------
    >>> import adiabloch as ab
    >>> sx, sy, sz = 2 * ab.models.spin_operators(2)
    >>> terms = {(0, 0): 0.1 * sz, (1, 0): sx, (0, 1): sy}
    >>> cone = ab.models.from_kp(terms, cutoff=2.0, boundary=2 * sz, spin=ab.models.spin_operators(2))
    >>> found = ab.spin_magnetoelectric(cone, occupied=1).total
    >>> f"{float(found.sel(component='x', field='y')):.5f}"
    '-0.01323'
    """
    filling = Filling(occupied, chemical_potential, temperature, degeneracy)
    return of_crystal(METAL, (INSULATOR,), model, filling, options, operators=spin_operators)
