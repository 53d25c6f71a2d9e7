r"""What a temperature makes of the levels: four weights, all averages of steps and levels over -f'.

With the Fermi function f and x = (E - mu)/kT,

.. math:: \int (-f'(\eta))\, \{\theta, \delta\}(\eta - E)\, d\eta = \{f, -f'\}, \qquad
          \int (-f'(\eta))\, (\eta - \mu)\, \{\theta, \delta\}(\eta - E)\, d\eta = \{T s, -(E - \mu) f'\},

so whatever is known of the ground state at every Fermi level is known at every temperature, with or without the heat
eta - mu that each level carries. T s = (E - mu) f - g is the entropy of a level times the temperature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, numbers
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.fermi_level import occupation, sharpness

Weight = Literal["filled", "entropy", "level", "heat"]
"""f, T s for what counts in the whole sea; -f', -(E - mu) f' for what counts at the Fermi surface."""

REACH = 37.0
"""f and 1 - f are below machine precision this many kT away."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Chemical potentials and temperatures wanted, all of them from one pass over the zone."""

    potentials: Float
    """(M,), ascending."""
    temperatures: Float
    """(S,), kT in the energy unit of the model."""

    @property
    def shape(self) -> tuple[int, int]:
        """Temperatures, chemical potentials."""
        return len(self.temperatures), len(self.potentials)

    def touched(self, lowest: Float, highest: Float) -> np.ndarray:
        """Whether any wanted (mu, T) tells levels at `lowest` from levels at `highest` (arrays of equal shape)."""
        found = np.zeros(np.shape(lowest), dtype=bool)
        for kT in self.temperatures:
            first = np.searchsorted(self.potentials, lowest - REACH * kT, side="left")
            last = np.searchsorted(self.potentials, highest + REACH * kT, side="right")
            found |= last > first
        return found


def checked_scan(chemical_potential: ArrayLike, temperature: ArrayLike) -> Scan:
    """Return the scan over all pairs; the chemical potentials in ascending order."""
    potentials = numbers(chemical_potential, "chemical_potential")
    temperatures = numbers(temperature, "temperature")
    if len(potentials) == 0 or len(temperatures) == 0:
        raise InvalidArgumentError("chemical_potential, temperature: expected at least one number each")
    if temperatures.min() < 0:
        raise InvalidArgumentError("temperature: a negative one, expected kT >= 0 in the energy unit of the model")
    return Scan(np.sort(potentials), temperatures)


def entropy(x: Float) -> Float:
    """s/k_B = x f + log(1 + exp(-x)), a positive even function."""
    y = np.abs(x)
    return y * occupation(y) + np.log1p(np.exp(-y))


def weights(kinds: Sequence[Weight], x: Float, kT: float) -> list[Float]:
    """The weights of the given kinds at x = (E - mu)/kT, kT > 0."""
    made = {
        "filled": lambda: occupation(x),
        "entropy": lambda: kT * entropy(x),
        "level": lambda: sharpness(x) / kT,
        "heat": lambda: x * sharpness(x),
    }
    return [made[kind]() for kind in kinds]


def largest(kind: Weight, kT: Float) -> Float:
    """The largest that a weight gets; of a level at low temperatures, averaged over a natural unit of energy."""
    made = {
        "filled": np.ones_like(kT),
        "entropy": kT * np.log(2),
        "level": 0.25 / np.maximum(kT, 0.25),
        "heat": np.full_like(kT, 0.25),
    }
    return made[kind]


def falls(kind: Weight, x: Float, kT: float) -> Float:
    """How much the weight "filled" or "entropy" falls from each level to the next one above, (..., N), kT > 0.

    For x = (E - mu)/kT ascending along the last axis; above the last level there is nothing. Levels that nearly agree
    lose no digits: the slope of the weight is integrated between them.
    """
    (all_of,) = weights([kind], x, kT)
    result = -np.diff(all_of, axis=-1, append=0.0)
    apart = np.diff(x, axis=-1)
    near = np.abs(apart) < 0.5
    if near.any():
        nodes, shares = np.polynomial.legendre.leggauss(8)
        middle, half = 0.5 * (x[..., 1:] + x[..., :-1])[near], 0.5 * apart[near]
        between = middle[:, None] + half[:, None] * nodes
        slope = sharpness(between)
        if kind == "entropy":
            slope = kT * between * slope
        result[..., :-1][near] = half * (slope @ shares)
    return result


def smearing(kind: Weight, x: Float, kT: float) -> Float:
    r"""What the integral of the states below eta is averaged with, at x = (eta - mu)/kT, kT > 0.

    Levels are the derivative of that integral, which by parts is taken from the weight instead:
    :math:`\int w\, \delta = -\int w'\, \theta`.
    """
    level = sharpness(x) / kT
    slope = np.tanh(0.5 * x)
    made = {
        "filled": lambda: level,
        "entropy": lambda: kT * x * level,
        "level": lambda: level * slope / kT,
        "heat": lambda: level * (x * slope - 1.0),
    }
    return made[kind]()
