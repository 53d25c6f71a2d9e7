"""Orbital magnetization pumped by a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np

from adiabloch.engine import (
    FLAT,
    THETA,
    BandTerm,
    GaugeTerm,
    Occupied,
    Options,
    Part,
    Response,
    Run,
    checked_chern_numbers,
    checked_cycle,
    checked_occupied,
    components,
    described,
    mean_of_insulator,
    preflight,
    response,
    total_and,
)
from adiabloch.engine.arguments import check_groups_apart, checked_groups
from adiabloch.engine.insulator import BROKEN_GAUGE
from adiabloch.engine.insulators import TOLERANCE
from adiabloch.engine.types import Cycle, Dataset, Float, Group, ProjectionChoice, SmoothGauge, Unit
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.bands import K_PLANES
from adiabloch.geometry.gauge import chern_simons_form
from adiabloch.geometry.induced import pumped_shift
from adiabloch.lattice import Lattice
from adiabloch.models.cycle import MOTION_HINT

REMEDY = "; chern_simons=False gives the perturbative part, which is defined"
LEFT_OUT = "chern_simons and total were not asked for"
TWO_BANDS = "two bands that do not wind: the Chern-Simons part is exactly zero"
COMPLETE = "total and chern_simons are defined modulo the quantum"


def second_chern_simons(gauge: SmoothGauge, component: str) -> Float:
    """Chern-Simons part, -(e/2) CS of theta and two of k (Eq. 17); (P,)."""
    return -0.5 * chern_simons_form(gauge, THETA, *K_PLANES[component])


PUMPED_MAGNETIZATION = Response(
    "pumped magnetization",
    unit=Unit(charge=1, omega=1, length=2),
    parts=total_and(perturbative=(BandTerm(pumped_shift),), chern_simons=(GaugeTerm(second_chern_simons),)),
    axes={"component": components},
    dimensions=(2, 3),
    reason=FLAT,
    time_reversal=1,
    inversion=1,
    equation="Eqs. (8), (17), (20), (21)",
    long_name="pumped moment per {measure}",
)


@response(PUMPED_MAGNETIZATION)
def pumped_magnetization(
    cycle: Cycle,
    occupied: int,
    *,
    groups: Sequence[int] | None = None,
    chern_simons: bool = True,
    projections: ProjectionChoice = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Orbital magnetization pumped by a cycle, averaged over its period.

    .. math:: \bar M = \int_0^T \frac{dt}{T} \int \frac{dk}{(2\pi)^d} \Big[ \sum_{n \in occ} \partial_B a^t_n
              - \frac{e}{2} \mathrm{CS}_{t k k} \Big]

    Parameters
    ----------
    groups : sequence of int, optional
        Sizes of groups of occupied bands with gaps between them, lowest first; [1, 1, ...] for the band-by-band form
        of the paper. By default all occupied bands are one group. The two parts of `total` depend on the groups;
        `total` does not.
    chern_simons : bool
        True to compute the Chern-Simons part. Without it `total` is NaN, and Chern numbers may be nonzero.

    Returns
    -------
    xarray.Dataset
        `perturbative`, `chern_simons`, `total` and `error` over `component` ("z" in 2D; x, y, z in 3D), in units of
        e*omega: moment per area in 2D, per volume in 3D. `total` is defined modulo the rows of `quantum`: e/T in 2D,
        and e/T times b/(2 pi) for the reciprocal vectors b in 3D. The contribution of moving orbitals is included. The
        instantaneous magnetization of the bands (Eq. 7) is not included.

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    GapClosedError
        The gap closes at some point of the cycle, or occupied levels lie above empty levels at some phase
        (`OverlappingBandsError`).
    DegenerateBandsError
        Two of the groups count as degenerate, since only noise splits them.
    ObstructedError
        A Chern number does not vanish, so that the Chern-Simons part is not defined.
    BrokenGaugeError
        The projections do not span the occupied states at some point.
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True; the error contains the best estimate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    >>> pumped = ab.pumped_magnetization(cycle, occupied=1)
    >>> f"{float(pumped.total.sel(component='z')):.5e}"
    '6.89008e-04'
    """
    run = Run.of(options, TOLERANCE)
    cycle = checked_cycle(cycle, (2, 3), FLAT)
    occupied = checked_occupied(cycle, occupied)
    parts = checked_groups(cycle, occupied, groups)
    if len(parts) > 1:
        check_groups_apart(cycle, parts)
    if chern_simons and cycle.has_basis_connection and not cycle.orbitals_move:
        raise InvalidArgumentError(
            f"chern_simons: it depends on how the Wannier functions move along the cycle; {MOTION_HINT}, or "
            "chern_simons=False, which leaves it out"
        )
    bands = (
        _occupied(cycle, occupied, parts, projections) if chern_simons else _perturbative_only(cycle, occupied, parts)
    )
    result = mean_of_insulator(PUMPED_MAGNETIZATION, cycle, bands, run)
    if not chern_simons:
        result = result.assign(
            {name: result[name].copy(data=np.full_like(result[name], np.nan)) for name in ("total", "chern_simons")}
        )
    attributes = {
        "units": result.total.attrs["units"],
        "long_name": "quantum by multiples of which total is undetermined",
    }
    return result.assign(quantum=(("generator", "component"), quantum(cycle.lattice), attributes))


def _occupied(cycle: Cycle, occupied: int, parts: tuple[Group, ...], projections: ProjectionChoice) -> Occupied:
    """Occupied bands with projections if the Chern-Simons part needs them."""
    checked = preflight(
        cycle, parts, "pumped magnetization: the Chern-Simons part", projections=projections, remedy=REMEDY
    )
    # with two orbitals tr(A dA) is a winding number (Hopf), which is zero if some state is occupied nowhere
    zero = cycle.size == 2 and not cycle.orbitals_move and checked.projections[0].overlap > BROKEN_GAUGE
    note = {"note": TWO_BANDS if zero else COMPLETE, **checked.provenance}
    return Occupied(parts, () if zero else checked.projections, provenance=note, number=occupied)


def _perturbative_only(cycle: Cycle, occupied: int, parts: tuple[Group, ...]) -> Occupied:
    numbers = checked_chern_numbers(cycle, occupied)
    return Occupied(parts, provenance={"note": LEFT_OUT, "chern_numbers": described(numbers)}, number=occupied)


def quantum(lattice: Lattice) -> Float:
    """Quantum under changes of gauge: e/T, in 3D times reciprocal vectors over 2 pi; (generators, components)."""
    if lattice.dimension == 2:
        return np.array([[1 / (2 * np.pi)]])
    return lattice.reciprocal / (2 * np.pi) ** 2


CHERN_SIMONS_PART = replace(
    PUMPED_MAGNETIZATION,
    title="pumped magnetization, Chern-Simons part",
    parts={"chern_simons": Part((GaugeTerm(second_chern_simons),))},
)


@response(CHERN_SIMONS_PART)
def chern_simons_magnetization(cycle: Cycle, occupied: int, **options: Unpack[Options]) -> Dataset:
    """Chern-Simons part of the pumped magnetization alone, which needs no empty states.

    Parameters
    ----------
    cycle : Cycle
        Cycle with the motion of its Wannier functions, if it has any.
    occupied : int
        Number of occupied bands; may be all bands.

    Returns
    -------
    xarray.Dataset
        `chern_simons`, `error`, `quantum`, as in `pumped_magnetization`.
    """
    checked = preflight(cycle, (occupied,), "pumped magnetization: the Chern-Simons part")
    branches = quantum(cycle.lattice)
    bands, run = Occupied((occupied,), checked.projections), Run.of(options, TOLERANCE)
    # the natural size of a quantity that is defined modulo the quantum
    result = mean_of_insulator(CHERN_SIMONS_PART, cycle, bands, run, scale=float(np.abs(branches).max()))
    attributes = {"units": result.chern_simons.attrs["units"], "long_name": "quantum of the Chern-Simons part"}
    return result.assign(quantum=(("generator", "component"), branches, attributes))
