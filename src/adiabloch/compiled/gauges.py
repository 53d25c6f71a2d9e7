"""Connections of smooth gauges for batches of small groups of bands (the NumPy body is in `geometry.gauge`)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

TINY = 2.3e-308
"""Smallest singular value that a column is divided by."""


@njit("void(c16[:,::1], c16[:,::1], f8[::1], c16[:,::1])", cache=True, nogil=True, error_model="numpy")
def decompose_2x2(m, left, singular, right):
    """Singular value decomposition m = left singular right^dagger, from the eigenvectors of m^dagger m.

    `right` receives the right singular vectors as columns, those of the larger singular value first.
    """
    upper = m[0, 0].real ** 2 + m[0, 0].imag ** 2 + m[1, 0].real ** 2 + m[1, 0].imag ** 2
    lower = m[0, 1].real ** 2 + m[0, 1].imag ** 2 + m[1, 1].real ** 2 + m[1, 1].imag ** 2
    b = np.conj(m[0, 0]) * m[0, 1] + np.conj(m[1, 0]) * m[1, 1]
    z = 0.5 * (upper - lower)
    square = b.real**2 + b.imag**2
    u = math.sqrt(z * z + square) + abs(z)
    scale = math.sqrt(u * u + square)
    cosine, sine = 1.0 + 0j, 0j
    if scale > 0.0:
        cosine, sine = u / scale + 0j, b / scale
    if z >= 0.0:
        right[0, 0], right[1, 0], right[0, 1], right[1, 1] = cosine, np.conj(sine), -sine, cosine
    else:
        right[0, 0], right[1, 0], right[0, 1], right[1, 1] = sine, cosine, cosine, -np.conj(sine)
    for j in range(2):
        x, y = m[0, 0] * right[0, j] + m[0, 1] * right[1, j], m[1, 0] * right[0, j] + m[1, 1] * right[1, j]
        singular[j] = math.sqrt(x.real**2 + x.imag**2 + y.real**2 + y.imag**2)
        inverse = 1.0 / max(singular[j], TINY)
        left[0, j], left[1, j] = x * inverse, y * inverse


@njit(
    "void(c16[:,::1], f8[::1], c16[:,::1], c16[:,::1], c16[:,::1], c16[:,::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
)
def connect(left, singular, right, change, connection, work):
    """Connection i Z [(B - B^dagger)/(sigma_i + sigma_j)] Z^dagger from the change of the projections.

    `work` receives B = Z^dagger change V.
    """
    size = len(singular)
    for i in range(size):
        for j in range(size):
            total = 0j
            for k in range(size):
                total += np.conj(left[k, i]) * change[k, j]
            connection[i, j] = total
    for i in range(size):
        for j in range(size):
            total = 0j
            for k in range(size):
                total += connection[i, k] * right[k, j]
            work[i, j] = total
    for i in range(size):
        for j in range(i + 1):
            total = 1j * (work[i, j] - np.conj(work[j, i])) / (singular[i] + singular[j])
            connection[i, j], connection[j, i] = total, np.conj(total)
    last = work[size - 1, size - 1]
    for i in range(size):
        for j in range(size):
            total = 0j
            for k in range(size):
                total += left[i, k] * connection[k, j]
            work[i, j] = total
    for i in range(size):
        for j in range(size):
            total = 0j
            for k in range(size):
                total += work[i, k] * np.conj(left[j, k])
            connection[i, j] = total
    work[size - 1, size - 1] = last


@njit(
    "void(c16[:,:,::1], c16[:,:,:,::1], f8[:,::1], c16[:,:,:,::1], c16[:,::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
)
def of_pairs(overlaps, changes, singular, connections, last):
    """Gauge of groups of two bands.

    Reads the overlaps (P, 2, 2) between states and trial orbitals and the changes of the projections (A, P, 2, 2).
    Fills the singular values (P, 2), the connections (A, P, 2, 2), and B of the smallest singular value, (A, P).
    """
    left, right = np.empty((2, 2), np.complex128), np.empty((2, 2), np.complex128)
    work = np.empty((2, 2), np.complex128)
    for point in range(len(overlaps)):
        decompose_2x2(overlaps[point], left, singular[point], right)
        for a in range(len(changes)):
            connect(left, singular[point], right, changes[a, point], connections[a, point], work)
            last[a, point] = work[1, 1]
