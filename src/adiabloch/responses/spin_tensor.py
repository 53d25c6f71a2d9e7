"""Spin pumped by small closed paths of the atoms."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import BandTerm, Options, Part, Response, all_axes, response
from adiabloch.engine.deformations import PAIR, of_deformation, pair_of, spins_of
from adiabloch.engine.types import Dataset, Deformation, Eigenframe, Float, Group, Unit
from adiabloch.geometry.lattice_response import observable_curl


def spin_curl(frame: Eigenframe, group: Group, component: str, pair: str) -> Float:
    """Curl of the change of the spin along two displacements; (P,)."""
    return observable_curl(frame, group, f"s{component}", *pair_of(pair))


SPIN_TENSOR = Response(
    "spin pumped by displacements",
    unit=Unit(hbar=2, energy=-1, length=-2),
    parts={"total": Part((BandTerm(spin_curl),))},
    axes={"component": all_axes, PAIR: None},
    time_reversal=1,
    inversion=1,
    equation="Eq. (B6)",
    long_name="tensor of pumped spins",
    observables=spins_of,
)


@response(SPIN_TENSOR)
def spin_tensor(deformation: Deformation, occupied: int, **options: Unpack[Options]) -> Dataset:
    r"""Spin that every small closed path of the atoms pumps.

    .. math:: \bar S\, T = \frac12 \sum_{ij} S_{ij} \oint u_i\, du_j, \qquad
              S_{ij} = \int \frac{dk}{(2\pi)^d} (\partial_i s_j - \partial_j s_i)

    with the change s_j of the spin by the displacement u_j (Eq. B6 with u_j in place of t). A circle of radius r in the
    plane of u_i and u_j, run with the angular frequency omega, has the mean spin S_ij r^2/2 in units of omega.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component`, `displacement` and `displacement_2`, antisymmetric in the last two.

    Raises
    ------
    InvalidArgumentError
        An argument out of range, a single displacement, or a crystal without spin operators.
    GapClosedError
        The gap closes at some k, or occupied levels lie above empty levels (`OverlappingBandsError`).
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True; the error contains the best estimate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.rashba_honeycomb(delta=1.0, rashba=0.4)
    >>> deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
    >>> tensor = ab.spin_tensor(deformation, occupied=2)
    >>> f"{float(tensor.total.sel(component='z', displacement='0x', displacement_2='0y')):.5f}"
    '0.00792'
    """
    return of_deformation(SPIN_TENSOR, deformation, occupied, options)
