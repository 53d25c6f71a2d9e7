"""Extrapolation of results of finite samples to infinite size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.interpolation import lagrange_weights


def flake_limit(sizes: Integer, values: Float, dimension: int) -> tuple[Float, Float]:
    """Limit of the values of flakes of linear size L for L to infinity, and its error.

    The limit is that of the polynomial in 1/L of degree `dimension` through the largest sizes, or of lower degree if
    there are fewer sizes.

    Parameters
    ----------
    sizes : int array, shape (S,)
        Ascending sizes L.
    values : float array, shape (S, components)
    dimension : int

    Returns
    -------
    limit, error : float array, shape (components,)
        The error is the difference to the limit without the largest size or, for fewer sizes, to that of lower degree:
        the largest one of all components, since that of a single component may be small by accident. NaN for a
        single size.
    """
    degree = min(len(sizes) - 1, dimension)
    limit = polynomial_limit(1.0 / sizes[-degree - 1 :], values[-degree - 1 :])
    if degree == 0:
        return limit, np.full_like(limit, np.nan)
    others = slice(-degree - 2, -1) if len(sizes) > degree + 1 else slice(1, None)
    differences = np.abs(limit - polynomial_limit(1.0 / sizes[others], values[others]))
    return limit, np.full_like(limit, differences.max())


def supercell_limit(lengths: Integer, values: Complex) -> tuple[NDArray[Any], Float]:
    """Limit of the values of supercells of length L for L to infinity, and its error.

    The limit is that of the polynomial in 1/L^2 through all lengths. The error is the difference to the limit without
    the smallest one: the largest difference in each order, since a single one may be small by accident. It is NaN for a
    single length.

    Parameters
    ----------
    lengths : int array, shape (S,)
    values : float or complex array, shape (S, orders, ...)
    """
    x = 1.0 / lengths**2
    limit = polynomial_limit(x, values)
    if len(lengths) == 1:
        return limit, np.full(limit.shape, np.nan)
    differences = np.abs(limit - polynomial_limit(x[1:], values[1:]))
    return limit, np.broadcast_to(differences.max(axis=tuple(range(1, limit.ndim)), keepdims=True), limit.shape).copy()


def polynomial_limit(x: Float, values: NDArray[Any]) -> NDArray[Any]:
    """Value at x = 0 of the polynomial through all points (Lagrange interpolation).

    Parameters
    ----------
    x : float array, shape (S,)
        Distinct numbers.
    values : float or complex array, shape (S, ...)
    """
    return np.asarray(np.tensordot(lagrange_weights(x, np.zeros(1))[:, 0], values, axes=1))
