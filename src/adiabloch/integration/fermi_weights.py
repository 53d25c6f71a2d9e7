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


def weight_drops(kind: Weight, x: Float, kT: float) -> Float:
    """Decrease of the weight "filled" or "entropy" from each level to the next one above, (..., N), kT > 0.

    x = (E - mu)/kT ascends along the last axis; above the last level the weight is zero. For nearly equal levels the
    derivative of the weight is integrated between them, which loses no digits.
    """
    (all_of,) = weights([kind], x, kT)
    result = -np.diff(all_of, axis=-1, append=0.0)
    distance = np.diff(x, axis=-1)
    near = np.abs(distance) < 0.5
    if near.any():
        nodes, shares = np.polynomial.legendre.leggauss(8)
        middle, half = 0.5 * (x[..., 1:] + x[..., :-1])[near], 0.5 * distance[near]
        between = middle[:, None] + half[:, None] * nodes
        slope = fermi_peak(between)
        if kind == "entropy":
            slope = kT * between * slope
        result[..., :-1][near] = half * (slope @ shares)
    return result


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
