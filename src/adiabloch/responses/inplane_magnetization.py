"""Orbital magnetization of a layer in its plane."""

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
    cartesian,
    of_crystal,
    response,
)
from adiabloch.engine.layers import LAYER, Heights, height_operators
from adiabloch.engine.types import ArrayLike, BandCounts, Dataset, Eigenframe, Float, Group, TightBinding, Unit
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.layers import filled_inplane, inplane_expectation


def moment(frame: Eigenframe, group: Group, component: str) -> Float:
    """In-plane moment, summed over the occupied bands; (P,)."""
    return inplane_expectation(frame, group, component)


def filled_moment(frame: Eigenframe, band_counts: BandCounts, component: str) -> Float:
    """In-plane moment of filled bands; (P, counts)."""
    return filled_inplane(frame, band_counts, component)


INSULATOR = Response(
    "in-plane magnetization",
    unit=Unit(charge=1, energy=1, hbar=-1, length=2),
    parts={"total": Part((BandTerm(moment),))},
    axes={"component": cartesian},
    dimensions=(2,),
    reason=LAYER,
    time_reversal=-1,
    inversion=1,
    long_name="in-plane magnetization per {measure}",
    observables=height_operators,
)
METAL = replace(INSULATOR, parts={"total": Part((SeaTerm(filled_moment),))})


@response(METAL)
def inplane_magnetization(
    model: TightBinding,
    occupied: int | None,
    heights: Heights,
    *,
    chemical_potential: ArrayLike | None = None,
    temperature: ArrayLike = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Orbital magnetization of a layer in its plane, in equilibrium, of metals and insulators.

    .. math:: M_x = \int \frac{dk}{(2\pi)^2} \sum_n f_n \langle n | -\frac{e}{2} \{z, v_y\} | n \rangle, \qquad
              M_y = \int \frac{dk}{(2\pi)^2} \sum_n f_n \langle n | \frac{e}{2} \{z, v_x\} | n \rangle

    `adiabloch.orbital_magnetization` gives the component across the layer.

    Parameters
    ----------
    occupied : int or None
        Number of occupied bands of an insulator; None where the chemical potential is given.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y"): moment per area, in units of e times energy (over hbar).

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> found = ab.inplane_magnetization(cone, occupied=1, heights=[0.0, 1.0]).total
    >>> f"{float(found.sel(component='y')):.5f}"
    '-0.01001'
    """
    filling = Filling(occupied, chemical_potential, temperature, Degeneracy())
    return of_crystal(METAL, (INSULATOR,), model, filling, options, operators=heights)
