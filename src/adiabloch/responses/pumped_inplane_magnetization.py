"""In-plane orbital magnetization pumped by a cycle of a layer."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import BandTerm, Options, Part, Response, cartesian, response
from adiabloch.engine.cycles import without_current
from adiabloch.engine.layers import LAYER, Heights, height_operators
from adiabloch.engine.types import Cycle, Dataset, Eigenframe, Float, Group, Unit
from adiabloch.geometry.layers import inplane_pumped


def shift(frame: Eigenframe, group: Group, component: str) -> Float:
    """Change of the in-plane moment with theta, summed over the occupied bands; (P,)."""
    return inplane_pumped(frame, group, component)


PUMPED_INPLANE_MAGNETIZATION = Response(
    "pumped in-plane magnetization",
    unit=Unit(charge=1, omega=1, length=2),
    parts={"total": Part((BandTerm(shift),))},
    axes={"component": cartesian},
    dimensions=(2,),
    reason=LAYER,
    time_reversal=1,
    inversion=1,
    equation="Eq. (B6)",
    long_name="pumped in-plane magnetization per {measure}",
    cycle=True,
    observables=height_operators,
)


@response(PUMPED_INPLANE_MAGNETIZATION)
def pumped_inplane_magnetization(cycle: Cycle, occupied: int, heights: Heights, **options: Unpack[Options]) -> Dataset:
    """In-plane orbital magnetization pumped by a cycle of a layer, averaged over its period (Eq. B6).

    Parameters
    ----------
    cycle : Cycle
        Cycle in two dimensions, insulating at every k and theta. The heights of the orbitals are constant. The orbitals
        may move in the plane, Wannier functions as given by `motion`. A layer whose atoms move along z is a crystal
        in three dimensions without hopping along the third vector.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y"): moment per area, in units of e*omega.

    Raises
    ------
    ObstructedError
        The cycle pumps charge along the layer (a Chern number of k and theta): the moment of a net current depends
        on the origin of the heights.
    """
    return without_current(PUMPED_INPLANE_MAGNETIZATION, cycle, occupied, options, heights)
