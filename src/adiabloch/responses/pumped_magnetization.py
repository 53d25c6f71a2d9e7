"""Orbital magnetization pumped by a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from adiabloch.engine import FLAT, BandTerm, GaugeTerm, Options, Response, components, response, total_and
from adiabloch.engine.cycles import of_cycle
from adiabloch.engine.quanta import Quantum, magnetization_quantum
from adiabloch.engine.types import Cycle, Dataset, ProjectionChoice, Unit
from adiabloch.geometry.gauge import second_chern_simons
from adiabloch.geometry.induced import pumped_shift

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
    cycle=True,
    completed=Quantum(magnetization_quantum, "quantum by multiples of which total is undetermined"),
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
    return of_cycle(
        PUMPED_MAGNETIZATION,
        cycle,
        occupied,
        options,
        groups=groups,
        chern_simons=chern_simons,
        projections=projections,
    )
