r"""Weights of levels at a temperature: averages of steps and delta functions over -f'.

With the Fermi function f and x = (E - mu)/kT,

.. math:: \int (-f'(\eta))\, \{\theta, \delta\}(\eta - E)\, d\eta = \{f, -f'\}, \qquad
          \int (-f'(\eta))\, (\eta - \mu)\, \{\theta, \delta\}(\eta - E)\, d\eta = \{T s, -(E - \mu) f'\},

So a quantity that is known in the ground state for every Fermi level eta follows for every temperature, with or without
the factor eta - mu of heat. T s = (E - mu) f - g is the entropy of a level times the temperature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import Float
from adiabloch.integration.protocols import Weight
from adiabloch.occupation import entropy, fermi_function, fermi_peak


def weights(kinds: Sequence[Weight], x: Float, kT: float) -> list[Float]:
    """Weights of the given kinds at x = (E - mu)/kT, kT > 0."""
    made = {
        "filled": lambda: fermi_function(x),
        "entropy": lambda: kT * entropy(x),
        "level": lambda: fermi_peak(x) / kT,
        "heat": lambda: x * fermi_peak(x),
    }
    return [made[kind]() for kind in kinds]


def largest_weight(kind: Weight, kT: Float) -> Float:
    """Largest value of a weight; for levels at low temperatures an average over a natural unit of energy."""
    made = {
        "filled": np.ones_like(kT),
        "entropy": kT * np.log(2),
        "level": 0.25 / np.maximum(kT, 0.25),
        "heat": np.full_like(kT, 0.25),
    }
    return made[kind]


def smearing(kind: Weight, x: Float, kT: float) -> Float:
    r"""Weight for the thermal average of an integral of the states below eta, at x = (eta - mu)/kT, kT > 0.

    Terms of the levels are derivatives of this integral. By parts, the derivative acts on the weight:
    :math:`\int w\, \delta = -\int w'\, \theta`.
    """
    level = fermi_peak(x) / kT
    slope = np.tanh(0.5 * x)
    made = {
        "filled": lambda: level,
        "entropy": lambda: kT * x * level,
        "level": lambda: level * slope / kT,
        "heat": lambda: level * (x * slope - 1.0),
    }
    return made[kind]()
