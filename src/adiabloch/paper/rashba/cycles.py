"""Cycles of the honeycomb model with spin, with and without the symmetry that forbids orbital magnetization.

Energies are in units of t0, lengths in bond lengths a0.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.models import (
    Cycle,
    TightBinding,
    gapped_honeycomb,
    kane_mele,
    linear,
    phonon_cycle,
    rashba_honeycomb,
    rotating_bonds,
)
from adiabloch.models.spin import PAULI
from adiabloch.paper.honeycomb import AMPLITUDE, DELTA, T1

Follow = Literal["hopping", "strength", "direction"]
"""Terms that follow the atoms: the hopping alone, Eq. (24); also the Rashba strength; also its direction."""
FOLLOW: tuple[Follow, ...] = ("hopping", "strength", "direction")
RASHBA = 0.4
"""Rashba coupling of the paper."""
BETA = 3.0
"""Logarithmic derivative -d ln t/d ln d of graphene's hopping; it relates displacements to changes of the hopping."""
EXCHANGE, EXCHANGE_DELTA = 0.6, 0.8
"""Staggered exchange field that separates the occupied bands, and the staggered potential of the model in this field.

With the staggered potential 0.2 its bands would overlap in energy or have Chern numbers.
"""
INTRINSIC = 0.01
"""Intrinsic spin-orbit coupling."""
BOND_SPIN_ORBIT = 0.01
"""Largest coupling i sigma_z on bonds that leave their direction at rest."""
VALLEY_RADIUS = 0.03
"""Radius of the motion in the valley phonon."""


def rashba_cycle(delta: float = DELTA, rashba: float = RASHBA, t1: float = T1, follow: Follow = "hopping") -> Cycle:
    """Honeycomb model with Rashba coupling whose two atoms rotate in opposite phase.

    Parameters
    ----------
    delta, rashba, t1 : float
        Parameters of `rashba_honeycomb`, in t0.
    follow : {"hopping", "strength", "direction"}
        Terms that follow the atoms: the hopping alone; the strength of the Rashba coupling too, by the same factor; the
        direction of the bond in sigma x d as well.
    """
    model = rashba_honeycomb(delta, rashba, t1=t1)
    if follow == "hopping":
        return rotating_bonds(model, AMPLITUDE)
    if follow == "strength":
        radius = 0.5 * AMPLITUDE / BETA
        return phonon_cycle(model, radius * np.outer([1, 1, -1, -1], [1, 1j]), linear(BETA))
    if follow == "direction":
        return _rotating_spin_bonds(model, rashba, 0.0, rashba_follows=True)
    raise InvalidArgumentError(f"follow: {follow!r}, expected one of {', '.join(FOLLOW)}{did_you_mean(follow, FOLLOW)}")


def bond_spin_orbit_cycle(delta: float = DELTA, rashba: float = RASHBA, strength: float = BOND_SPIN_ORBIT) -> Cycle:
    """Cycle at t1 = 0 with a coupling i sigma_z on each bond, proportional to the transverse displacement of the bond.

    Mirrors forbid this coupling at rest, but not while the atoms move. `strength` is its largest value, in t0.
    """
    return _rotating_spin_bonds(rashba_honeycomb(delta, rashba), rashba, strength, rashba_follows=False)


def exchange_cycle(delta: float = EXCHANGE_DELTA, rashba: float = RASHBA, exchange: float = EXCHANGE) -> Cycle:
    """Cycle at t1 = 0 in a staggered exchange field, which separates all four bands and keeps the symmetry."""
    without = rashba_cycle(delta, rashba, 0.0)
    half = np.diag([0.5, -0.5, -0.5, 0.5]).astype(np.complex128)
    return Cycle([_with_changes(model, {(0, 0): exchange * half}) for model in without.snapshots])


def intrinsic_cycle(delta: float = DELTA, rashba: float = RASHBA, intrinsic: float = INTRINSIC) -> Cycle:
    """Cycle at t1 = 0 with intrinsic spin-orbit coupling."""
    return rotating_bonds(kane_mele(delta, intrinsic, rashba), AMPLITUDE)


def valley_phonon(delta: float = DELTA) -> Cycle:
    """Cycle at t1 = 0 without spin in which the A atoms alone rotate, with the wave vector K."""
    model = gapped_honeycomb(delta)
    pattern = VALLEY_RADIUS * np.array([[1, 1j], [0, 0]])
    return phonon_cycle(model, pattern, linear(BETA), q=[1 / 3, 2 / 3], supercell=[[1, 1], [-1, 2]])


def _rotating_spin_bonds(model: TightBinding, rashba: float, strength: float, *, rashba_follows: bool) -> Cycle:
    """Cycle whose nearest-neighbour bonds change one by one.

    The hopping follows the length of each bond. The Rashba coupling follows length and direction if `rashba_follows`. A
    coupling i sigma_z is proportional to the transverse displacement; `strength` is its largest value.
    """
    bonds = model.bonds[:, 0, 2]
    nearest = np.flatnonzero(np.abs(np.sqrt((bonds**2).sum(axis=-1)) - 1.0) < 1e-6)
    distance = AMPLITUDE / BETA

    def snapshot(theta: float) -> TightBinding:
        direction = np.array([np.cos(theta), np.sin(theta)])
        changes = {}
        for number in nearest:
            d = bonds[number]
            displaced = d - distance * direction
            stretch, transverse = AMPLITUDE * (d @ direction), d[0] * direction[1] - d[1] * direction[0]
            e = displaced / np.sqrt(displaced @ displaced)
            block = stretch * np.eye(2) + 1j * strength * transverse * PAULI[2]
            if rashba_follows:
                block = block + rashba * ((1 + stretch) * _rashba_matrix(-e) - _rashba_matrix(-d))
            changes[tuple(map(int, model.translations[number]))] = np.kron([[0, 1], [0, 0]], block)
        return _with_changes(model, changes)

    return Cycle.from_function(snapshot, 8 if rashba_follows else 4)


def _rashba_matrix(d: Float) -> Complex:
    """Matrix i (sigma x d)_z of a bond with the direction d."""
    matrix: Complex = 1j * (PAULI[0] * d[1] - PAULI[1] * d[0])
    return matrix


def _with_changes(model: TightBinding, changes: dict[tuple[int, ...], Complex]) -> TightBinding:
    """Add a matrix to the hopping at each R and its conjugate to that at -R; at R = 0 both are added."""
    hoppings = {R: h.copy() for R, h in model.hoppings.items()}
    for R, matrix in changes.items():
        hoppings[R] += matrix
        hoppings[tuple(-r for r in R)] += matrix.conj().T
    return TightBinding(model.lattice, model.positions, hoppings, model.spin, reduced=False)
