"""Interpolating polynomials."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Float


def weights_at_zero(x: Float) -> Float:
    """Lagrange weights of the values at distinct points x in the interpolating polynomial at 0; shape (S,)."""
    apart = x[None, :] - x[:, None]
    np.fill_diagonal(apart, 1.0)
    factors = np.broadcast_to(x, apart.shape) / apart
    np.fill_diagonal(factors, 1.0)
    weights: Float = factors.prod(axis=1)
    return weights
