"""Interpolating polynomials."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Float


def lagrange_weights(nodes: Float, at: Float) -> Float:
    """Weights (S, L) of the values at distinct nodes (S,) in their interpolating polynomial, at points (L,)."""
    apart = nodes[:, None] - nodes
    np.fill_diagonal(apart, 1.0)
    weights = np.empty((len(nodes), len(at)))
    # product over the nodes before each one, and then over those behind it
    product = np.ones_like(at)
    for i, node in enumerate(nodes):
        weights[i] = product / apart[i].prod()
        product = product * (at - node)
    product = np.ones_like(at)
    for i in reversed(range(len(nodes))):
        weights[i] *= product
        product = product * (at - nodes[i])
    return weights
