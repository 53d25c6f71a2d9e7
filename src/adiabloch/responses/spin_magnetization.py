"""Spin in equilibrium."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import (
    Options,
    Part,
    Response,
    SeaTerm,
    all_axes,
    checked_spins,
    of_metal,
    response,
)
from adiabloch.engine.types import ArrayLike, BandCounts, Dataset, Eigenframe, Float, Spin, TightBinding, Unit
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.filled import filled_expectation


def spin(frame: Eigenframe, band_counts: BandCounts, component: str) -> Float:
    """Spin of filled bands; (P, counts)."""
    return filled_expectation(frame, band_counts, f"s{component}")


SPIN_MAGNETIZATION = Response(
    "spin magnetization",
    unit=Unit(hbar=1),
    parts={"total": Part((SeaTerm(spin),))},
    axes={"component": all_axes},
    time_reversal=-1,
    inversion=1,
    observables=checked_spins,
)


@response(SPIN_MAGNETIZATION)
def spin_magnetization(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    spin_operators: Spin | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Spin in equilibrium, per length, area or volume.

    .. math:: S_i = \int \frac{dk}{(2\pi)^d} \sum_n f_n\, \langle n | S_i | n \rangle

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y", "z"), in units of hbar; the magnetization is -g mu_B/hbar times
        it.

    Examples
    --------
    >>> import adiabloch as ab
    >>> sx, sy, sz = 2 * ab.models.spin_operators(2)
    >>> terms = {(0, 0): 0.1 * sz, (1, 0): sx, (0, 1): sy}
    >>> cone = ab.models.from_kp(terms, cutoff=2.0, boundary=2 * sz, spin=ab.models.spin_operators(2))
    >>> found = ab.spin_magnetization(cone, chemical_potential=0.0, tolerance=1e-3).total
    >>> f"{float(found.sel(component='z')):.4f}"
    '-0.1264'
    """
    return of_metal(
        SPIN_MAGNETIZATION,
        model,
        chemical_potential,
        temperature,
        options,
        degeneracy=Degeneracy(),
        operators=spin_operators,
    )
