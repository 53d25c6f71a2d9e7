"""Occupation of levels at a temperature, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.jets import Jet


def occupation(x: Float) -> Float:
    """Fermi function of x = (E - mu)/kT."""
    return 0.5 * (1.0 - np.tanh(0.5 * x))


def sharpness(x: Float) -> Float:
    """-df/dx, the thermally broadened level."""
    return 0.25 / np.cosh(np.clip(0.5 * x, -350, 350)) ** 2


@dataclass(frozen=True)
class FermiLevel:
    """Where levels are filled up to, and how sharply; kT > 0.

    Functions of the energy of a band, (P,), or of a group of degenerate bands: a matrix (P, J, J) that here is a number
    times one, though not so around.
    """

    chemical_potential: float
    kT: float

    def filled(self, energy: Jet) -> Jet:
        """The Fermi function f(E)."""
        f, f1, f2 = self._derivatives(energy)
        return energy.composed([f, f1, f2])

    def slope(self, energy: Jet) -> Jet:
        """f'(E), with one derivative at most."""
        _, f1, f2 = self._derivatives(energy)
        return energy.composed([f1, f2])

    def grand_potential(self, energy: Jet) -> Jet:
        """g(E) = -kT log(1 + exp((mu - E)/kT)), whose derivative is f."""
        f, f1, _ = self._derivatives(energy)
        return energy.composed([-self.kT * np.logaddexp(0.0, -self._x(energy)), f, f1])

    def _x(self, energy: Jet) -> Float:
        value = energy.parts[0].real
        mean = value if value.ndim == 1 else value.trace(axis1=1, axis2=2) / value.shape[-1]
        return np.asarray((mean - self.chemical_potential) / self.kT)

    def _derivatives(self, energy: Jet) -> tuple[Float, Float, Float]:
        x = self._x(energy)
        level = sharpness(x) / self.kT
        return occupation(x), -level, level * np.tanh(0.5 * x) / self.kT
