"""The model of the paper, its cycle and its parameters.

Gapped graphene with second-neighbour hopping, Eq. (22), whose two atoms rotate in opposite phase, Eqs. (23) and (24).
Energies are in units of the nearest-neighbour hopping t0, lengths in bond lengths a0.
"""

from __future__ import annotations

from adiabloch.arrays import Float
from adiabloch.models import Cycle, TightBinding, gapped_honeycomb, rotating_bonds
from adiabloch.units import moment_in_bohr_magnetons

DELTA, T1, AMPLITUDE = 0.2, 0.1, 0.1
"""Staggered potential, second-neighbour hopping and change of the hopping over the cycle, in t0."""
HOPPING, LATTICE_CONSTANT = 3.0, 2.46
"""Hopping t0 of graphene in eV and its lattice constant a in Angstrom."""


def model(delta: float = DELTA, t1: float = T1) -> TightBinding:
    """Return the model of Eq. (22) with the staggered potential `delta` and second-neighbour hopping `t1`, in t0."""
    return gapped_honeycomb(delta, t1)


def cycle(delta: float = DELTA, t1: float = T1) -> Cycle:
    """Return the cycle of Eq. (24): the model with rotating atoms."""
    return rotating_bonds(model(delta, t1), AMPLITUDE)


def in_bohr_magnetons(magnetization: Float | float) -> Float:
    """Convert a magnetization in e*omega to the moment of an area a^2 in mu_B hbar*omega/t0, the unit of the paper."""
    return moment_in_bohr_magnetons(magnetization, HOPPING, LATTICE_CONSTANT**2)
