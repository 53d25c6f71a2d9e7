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


def limit_weights(sizes: Float) -> tuple[Float, Float]:
    """Weights (S,) of values at sizes (S,) in their limit at size 0, for a polynomial in the squares of the sizes.

    Returns
    -------
    weights, fewer : float array, shape (S,)
        With all sizes, and without the largest one; the same for a single size.
    """
    squares = sizes**2
    order = np.argsort(squares)
    weights, fewer = np.zeros(len(squares)), np.zeros(len(squares))
    for found, kept in ((weights, order), (fewer, order[: max(len(order) - 1, 1)])):
        found[kept] = lagrange_weights(squares[kept], np.zeros(1))[:, 0]
    return weights, fewer
