"""Chern-Simons part of the orbital magnetization pumped by a cycle."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import FLAT, GaugeTerm, Options, Part, Response, components, of_insulator, response
from adiabloch.engine.quanta import Quantum, largest_magnetization_quantum, magnetization_quantum
from adiabloch.engine.types import Cycle, Dataset, Unit
from adiabloch.geometry.gauge import second_chern_simons

CHERN_SIMONS_MAGNETIZATION = Response(
    "pumped magnetization, Chern-Simons part",
    unit=Unit(charge=1, omega=1, length=2),
    parts={"chern_simons": Part((GaugeTerm(second_chern_simons),))},
    axes={"component": components},
    dimensions=(2, 3),
    reason=FLAT,
    time_reversal=1,
    inversion=1,
    equation="Eq. (17)",
    long_name="pumped moment per {measure}",
    empty=0,
    cycle=True,
    # a quantity that is defined modulo the quantum
    natural_size=largest_magnetization_quantum,
    completed=Quantum(magnetization_quantum, "quantum of the Chern-Simons part"),
)


@response(CHERN_SIMONS_MAGNETIZATION)
def chern_simons_magnetization(cycle: Cycle, occupied: int, **options: Unpack[Options]) -> Dataset:
    """Chern-Simons part of the magnetization pumped by a cycle; it needs no empty states.

    It is the second part of `adiabloch.pumped_magnetization`, for models whose functions are all occupied, such as
    Wannier functions of the valence bands that move along the cycle.

    Parameters
    ----------
    occupied : int
        Number of occupied bands; may be all bands.

    Returns
    -------
    xarray.Dataset
        `chern_simons` and `error` over `component` ("z" in 2D; x, y, z in 3D), in units of e*omega, modulo `quantum`.

    Raises
    ------
    ObstructedError
        A Chern number does not vanish.
    BrokenGaugeError
        The projections do not span the occupied states at some point.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    >>> pumped = ab.chern_simons_magnetization(cycle, occupied=1)
    >>> abs(float(pumped.chern_simons.sel(component="z"))) < 1e-9  # with two bands it is zero
    True
    >>> f"{pumped.quantum.values.item():.5f}"
    '0.15915'
    """
    return of_insulator(CHERN_SIMONS_MAGNETIZATION, cycle, occupied, options)
