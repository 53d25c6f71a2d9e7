"""Cycle of a phonon whose atoms move on closed orbits: displacements, action, angular momentum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES, components
from adiabloch.models.cycle import Cycle
from adiabloch.models.harmonics import theta_derivatives
from adiabloch.units import ELECTRON_MASS, HBAR_SQUARED_PER_DALTON


@dataclass(frozen=True, eq=False)
class CircularPhonon:
    """Cycle of a crystal with the displacements and masses of its atoms."""

    cycle: Cycle
    displacements: Float
    """At the snapshots, (N, n, 3), Angstrom."""
    rates: Float
    """Derivatives of the displacements with respect to theta, (N, n, 3)."""
    masses: Float
    """(n,), dalton."""

    @classmethod
    def of(cls, cycle: Cycle, displacements: ArrayLike, masses: Float) -> CircularPhonon:
        """Check the displacements of a cycle, and differentiate them.

        Raises
        ------
        InvalidArgumentError
        """
        d, count = cycle.lattice.dimension, len(cycle.snapshots)
        given = checked(displacements, "displacements", (count, len(masses), None))
        if given.shape[2] not in (d, 3):
            raise InvalidArgumentError(
                f"displacements: {given.shape[2]} components, expected {' or '.join(map(str, sorted({d, 3})))}"
            )
        padded = np.zeros((*given.shape[:2], 3))
        padded[..., : given.shape[2]] = given
        phonon = cls(cycle, padded, theta_derivatives(padded), masses)
        if phonon.action <= 1e-16 * np.abs(cycle.lattice.vectors).max() ** 2 * masses.max():
            raise InvalidArgumentError("displacements: no atom moves, expected a turning phonon")
        return phonon

    @property
    def names(self) -> tuple[str, ...]:
        """Components of the moment."""
        return components(self.cycle.lattice.dimension)

    @property
    def amplitude(self) -> float:
        """Largest displacement of an atom, Angstrom."""
        return float(np.linalg.norm(self.displacements, axis=-1).max())

    @property
    def action(self) -> float:
        """Action J over omega: the sum over atoms of m <u'.u'>, dalton Angstrom^2."""
        return float(self.masses @ (self.rates**2).sum(axis=-1).mean(axis=0))

    def areas(self, charges: Float) -> Float:
        """Sum over atoms of <u x Z u'>/2 by component, for charge tensors Z (n, 3, 3)."""
        moved = np.einsum("kab,jkb->jka", charges, self.rates)
        crossed = 0.5 * np.cross(self.displacements, moved).mean(axis=0).sum(axis=0)
        return np.array([crossed[AXES.index(name)] for name in self.names])

    @property
    def angular_momentum(self) -> Float:
        """Angular momentum of a quantum by component, in units of hbar."""
        return 2.0 * self.areas(self.masses[:, None, None] * np.eye(3)) / self.action

    @property
    def magneton(self) -> float:
        """Moment of a quantum in Bohr magnetons, for an elementary charge and a unit of area."""
        return 2.0 * ELECTRON_MASS * HBAR_SQUARED_PER_DALTON / self.action
