"""Orbital magnetoelectric response: magnetization from an electric field."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from adiabloch.engine import (
    FLAT,
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
    total_and,
)
from adiabloch.engine.axion import chern_simons_part, with_axion_angle
from adiabloch.engine.types import ArrayLike, Dataset, Eigenframe, Float, Group, ProjectionChoice, TightBinding, Unit
from adiabloch.geometry.fields import metric_dipole_z, moment_between_bands
from adiabloch.geometry.induced import occupied_shift


def shift(frame: Eigenframe, group: Group, component: str, field: str) -> Float:
    """Perturbative dM_i/dE_j of the occupied bands, in units of e^2; (P,)."""
    return occupied_shift(frame, group, f"k{field}", component)


def shift_z(frame: Eigenframe, group: Group, field: str) -> Float:
    """Perturbative dM_z/dE_j in two dimensions; (P,)."""
    return shift(frame, group, "z", field)


INTERBAND, DIPOLE = SeaTerm(moment_between_bands), SurfaceTerm(metric_dipole_z)
METAL = Response(
    "magnetoelectric response",
    unit=Unit(charge=2, hbar=-1, length=3),
    parts={
        "total": Part((INTERBAND, DIPOLE)),
        "interband": Part((INTERBAND,), "moments between the bands"),
        "metric_dipole": Part((DIPOLE,), "dipole of the quantum metric"),
    },
    axes={"field": cartesian},
    dimensions=(2,),
    reason=FLAT,
    no_bulk={
        3: "in three dimensions a current of second Chern form remains if the Fermi level is not in a gap at zero "
        "temperature, and no gauge-invariant part of the current is a curl: the orbital magnetization that an electric "
        "field induces in a 3D metal is not known to be a property of the bulk. Expected a crystal in two dimensions, "
        "or a chemical potential in a gap and temperature 0"
    },
    time_reversal=-1,
    inversion=-1,
    along_z=1,
    equation="Eqs. (13), (14) and (19)",
    long_name="magnetoelectric response per {measure}",
)
LAYER = replace(METAL, parts={"total": Part((BandTerm(shift_z),))}, no_bulk={})
SOLID = replace(
    LAYER,
    parts=total_and(perturbative=(BandTerm(shift),), chern_simons=chern_simons_part()),
    axes={"component": components, "field": cartesian},
    dimensions=(3,),
    along_z=0,
    long_name="",
    completed=with_axion_angle,
)


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
