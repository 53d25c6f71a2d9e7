"""Orbital magnetization pumped by small closed paths of the atoms."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import FLAT, BandTerm, Options, Response, components, response, total_and
from adiabloch.engine.deformations import PAIR, of_deformation, pair_of
from adiabloch.engine.types import Dataset, Deformation, Eigenframe, Float, Group, Unit
from adiabloch.geometry.lattice_response import moment_curl, second_chern_part


def perturbative_curl(frame: Eigenframe, group: Group, component: str, pair: str) -> Float:
    """Curl of the perturbative moment along two displacements (Eq. 8); (P,)."""
    return moment_curl(frame, group, component, *pair_of(pair))


def chern_simons_curl(frame: Eigenframe, group: Group, component: str, pair: str) -> Float:
    """Curl of the Chern-Simons part along two displacements, a second Chern form (Eq. 17); (P,)."""
    return second_chern_part(frame, group, component, *pair_of(pair))


MAGNETIZATION_TENSOR = Response(
    "magnetization pumped by displacements",
    unit=Unit(charge=1),
    parts=total_and(perturbative=(BandTerm(perturbative_curl),), chern_simons=(BandTerm(chern_simons_curl),)),
    axes={"component": components, PAIR: None},
    dimensions=(2, 3),
    reason=FLAT,
    time_reversal=1,
    inversion=1,
    equation="Eqs. (8), (17)",
    long_name="tensor of pumped moments",
)


@response(MAGNETIZATION_TENSOR)
def magnetization_tensor(deformation: Deformation, occupied: int, **options: Unpack[Options]) -> Dataset:
    r"""Orbital magnetization that every small closed path of the atoms pumps.

    .. math:: \bar M\, T = \frac12 \sum_{ij} M_{ij} \oint u_i\, du_j, \qquad
              M_{ij} = \int \frac{dk}{(2\pi)^d} \Big[ \partial_i m_j - \partial_j m_i
              - e\, \mathrm{tr} F F_{k k i j} \Big]

    with the moment m_j that the displacement u_j induces (d_B a^t of Eq. 8 with u_j in place of t) and the second Chern
    form of two directions of k and two displacements. A circle of radius r in the plane of u_i and u_j, run with the
    angular frequency omega, has the mean magnetization M_ij r^2/2 in units of e omega.

    Returns
    -------
    xarray.Dataset
        `total`, `perturbative`, `chern_simons` and `error` over `component` ("z" in 2D; x, y, z in 3D), `displacement`
        and `displacement_2`, antisymmetric in these two, in units of e per area (2D) or volume (3D) for displacements
        in the length unit of the model. The error contains that of the differences, if there are pairs at two steps.

    Raises
    ------
    InvalidArgumentError
        An argument out of range, or a single displacement.
    GapClosedError
        The gap closes at some k, or occupied levels lie above empty levels (`OverlappingBandsError`).
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True; the error contains the best estimate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    >>> deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
    >>> tensor = ab.magnetization_tensor(deformation, occupied=1)
    >>> f"{float(tensor.total.sel(component='z', displacement='0x', displacement_2='0y')):.5f}"
    '-0.02545'
    """
    return of_deformation(MAGNETIZATION_TENSOR, deformation, occupied, options)
