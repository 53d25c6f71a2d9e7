"""Interpolation on boxes by products of Chebyshev polynomials."""

from __future__ import annotations

from functools import cache

import numpy as np

from adiabloch.arrays import Float, frozen


@cache
def nodes(order: int) -> Float:
    """Chebyshev nodes in (-1, 1), (order,)."""
    return frozen(np.cos(np.pi * (np.arange(order) + 0.5) / order))


@cache
def transform(order: int) -> Float:
    """Matrix from values at the nodes to coefficients, (order, order)."""
    matrix = 2.0 / order * np.cos(np.pi * np.outer(np.arange(order), np.arange(order) + 0.5) / order)
    matrix[0] /= 2.0
    return frozen(matrix)


@cache
def means(order: int) -> Float:
    """Mean of each polynomial over (-1, 1), (order,)."""
    values = np.zeros(order)
    values[::2] = 1.0 / (1.0 - np.arange(0, order, 2) ** 2)
    return frozen(values)


@cache
def uniform(order: int, cells: int) -> Float:
    """Matrix from coefficients to values on cells + 1 equidistant points with the ends, (cells + 1, order)."""
    x = np.linspace(-1.0, 1.0, cells + 1)
    return frozen(np.cos(np.outer(np.arccos(x), np.arange(order))))


@cache
def gauss(order: int, points: int) -> tuple[Float, Float]:
    """Matrix from coefficients to values on Gauss-Legendre points, (points, order), and their weights for the mean."""
    x, weight = np.polynomial.legendre.leggauss(points)
    return frozen(np.cos(np.outer(np.arccos(x), np.arange(order)))), frozen(0.5 * weight)


def along_each(matrix: Float, values: Float, dimension: int) -> Float:
    """Apply a matrix (out, in) along each of the last `dimension` axes."""
    for _ in range(dimension):
        # the first axis of the box is transformed and moved to the end; after all steps the order is restored
        values = np.moveaxis(values, -dimension, -1) @ matrix.T
    return values
