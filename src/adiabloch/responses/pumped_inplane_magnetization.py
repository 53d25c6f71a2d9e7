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

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> def layer(theta):
    ...     cell = [[-2.0, 0.5, 0.3j], [0.5, 0.0, 0.4], [-0.3j, 0.4, 2.0]]
    ...     along = [[0.0, 0.3, 0.4 + 0.3 * np.cos(theta)], [0.0, 0.0, 0.2], [0.0, 0.0, 0.0]]
    ...     across = [[0.0, 0.0, 0.2], [0.4 + 0.3 * np.sin(theta), 0.0, 0.0], [0.0, 0.3, 0.0]]
    ...     return ab.TightBinding(np.eye(2), np.zeros((3, 2)), {(0, 0): cell, (1, 0): along, (0, 1): across})
    >>> cycle = ab.Cycle.from_function(layer)
    >>> found = ab.pumped_inplane_magnetization(cycle, occupied=1, heights=[0.0, 0.5, 1.0]).total
    >>> f"{float(found.sel(component='x')):.4e}"
    '-3.5012e-05'
    """
    return without_current(PUMPED_INPLANE_MAGNETIZATION, cycle, occupied, options, heights)
