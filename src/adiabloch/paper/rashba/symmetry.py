"""Two symmetries of a cycle: the half turn that forbids orbital magnetization, and levels in pairs E, -E."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.models import Cycle, TightBinding

HALF_TURN: Complex = np.kron(np.array([[0, 1], [-1, 0]]), np.diag([1, -1])).astype(complex)
"""Half turn about the middle of a bond (A and B change places, sigma_z) times the sign of the sublattice."""
PHASES = 7
"""Number of phases of the cycle at which the symmetries are tested."""


def half_turn_violation(cycle: Cycle) -> float:
    """Largest element of U H(-k) U^-1 + H(k) at several k and phases; zero if the symmetry holds."""
    k = np.random.default_rng(0).normal(size=(8, 2))
    largest = 0.0
    for model in _snapshots(cycle):
        transformed = HALF_TURN @ model.hamiltonian(-k) @ HALF_TURN.conj().T
        largest = max(largest, float(np.abs(transformed + model.hamiltonian(k)).max()))
    return largest


def level_asymmetry(cycle: Cycle) -> float:
    """Largest deviation of the levels from pairs E, -E at several k and phases.

    The levels of a pair are at the same k, or at k and -k: the smaller of the two deviations is returned.
    """
    k = np.random.default_rng(0).normal(size=(8, 2))
    same, opposite = 0.0, 0.0
    for model in _snapshots(cycle):
        levels, reversed_levels = model.energies(k), model.energies(-k)[:, ::-1]
        same = max(same, float(np.abs(levels + levels[:, ::-1]).max()))
        opposite = max(opposite, float(np.abs(levels + reversed_levels).max()))
    return min(same, opposite)


def _snapshots(cycle: Cycle) -> Iterator[TightBinding]:
    """Crystals at `PHASES` equidistant phases."""
    for theta in 2 * np.pi * np.arange(PHASES) / PHASES:
        yield cycle.at(float(theta))
