"""Orbital magnetoelectric response: magnetization from an electric field."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from adiabloch.engine import (
    FLAT,
    NO_CURL,
    BandTerm,
    Filling,
    Options,
    Part,
    Response,
    SeaTerm,
    SurfaceTerm,
    cartesian,
    components,
    of_crystal,
    response,
    sum_of,
)
from adiabloch.engine.axion import in_three_dimensions
from adiabloch.engine.types import ArrayLike, Dataset, ProjectionChoice, Terms, TightBinding, Unit
from adiabloch.geometry.fields import metric_dipole_z, moment_between_bands
from adiabloch.geometry.induced import field_shift, field_shift_z

PARTS: Terms = {
    "interband": (SeaTerm(moment_between_bands), "moments between the bands"),
    "metric_dipole": (SurfaceTerm(metric_dipole_z), "dipole of the quantum metric"),
}
METAL = Response(
    "magnetoelectric response",
    unit=Unit(charge=2, hbar=-1, length=3),
    parts=sum_of(PARTS),
    axes={"field": cartesian},
    dimensions=(2,),
    reason=FLAT,
    no_bulk={3: NO_CURL},
    time_reversal=-1,
    inversion=-1,
    along_z=1,
    equation="Eqs. (13), (14) and (19)",
    long_name="magnetoelectric response per {measure}",
)
LAYER = replace(METAL, parts={"total": Part((BandTerm(field_shift_z),))}, no_bulk={})
SOLID = in_three_dimensions(LAYER, field_shift, {"component": components, "field": cartesian})


@response(METAL)
def magnetoelectric(
    model: TightBinding,
    occupied: int | None = None,
    *,
    degeneracy: float | None = None,
    chemical_potential: ArrayLike | None = None,
    temperature: ArrayLike = 0.0,
    projections: ProjectionChoice = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Orbital magnetization induced by an electric field. Implements Eqs. (13), (14) and (19).

    In an insulator, given the number of occupied bands, in two or three dimensions:

    .. math:: \frac{\partial M_i}{\partial E_j} = \int \frac{dk}{(2\pi)^d} \sum_{n \in occ} e\, \partial_{B_i} a^{k_j}_n
              + \frac{e^2}{4 \pi^2} \theta\, \delta_{ij}

    with the axion angle theta in three dimensions only. In a metal or a Chern insulator, given chemical potential and
    temperature, in two dimensions:

    .. math:: \frac{\partial M_z}{\partial E_i} = \int \frac{dk}{(2\pi)^2} \sum_n f_n
              \Big[ -2e\, \mathrm{Re} \sum_{m \ne n} \frac{A^i_{nm} m_{mn}}{E_n - E_m}
              + \frac{e^2}{2} (\partial_x G^{yi}_n - \partial_y G^{xi}_n) \Big]

    Parameters
    ----------
    occupied : int, optional
        Number of occupied bands of an insulator.
    chemical_potential : float or array_like, optional
        In place of `occupied`, in the energy unit of the model. In three dimensions it must lie in a gap.

    Returns
    -------
    xarray.Dataset
        In 2D: `total` (dM_z/dE_i) and `error` over `field` ("x", "y"), in units of e^2 length/hbar; for a scan with its
        parts `interband` (first term) and `metric_dipole` (second term). In 3D, over `component` and `field`: `total`,
        `perturbative`, `chern_simons`, `error`, in units of e^2/hbar; and `axion_angle`, theta modulo 2 pi, so that
        the diagonal of `total` is defined modulo `quantum` = e^2/(2 pi hbar).

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    NoBulkDefinitionError
        In 3D: the chemical potential is not in a gap, or the temperature not zero.
    GapClosedError
        The gap closes, or occupied levels lie above empty levels (`OverlappingBandsError`).
    ObstructedError
        In 3D: a Chern number does not vanish.
    BrokenGaugeError
        In 3D: the projections do not span the occupied states at some point.
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> response = ab.magnetoelectric(cone, occupied=1)
    >>> f"{float(response.total.sel(field='y')):.5f}"
    '-0.06411'
    """
    filling = Filling(occupied, chemical_potential, temperature, degeneracy)
    return of_crystal(METAL, (LAYER, SOLID), model, filling, options, projections=projections)
