"""Connections of smooth gauges for batches of small groups of bands (the NumPy body is in `geometry.gauge`)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

TINY = 2.3e-308
"""Smallest singular value that a column is divided by."""
FAST = {"contract", "reassoc", "nsz"}
"""Reordering and fusing of operations that vectorization needs."""


@njit("void(c16[:,::1], c16[:,::1], f8[::1], c16[:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
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
        cosine, sine = u / scale + 0j, (1.0 / scale) * b
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
    "void(c16[:,:,::1], c16[:,:,:,::1], f8[:,::1], c16[:,:,:,::1], c16[:,::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=FAST,
)
def of_pairs(overlaps, changes, singular, connections, last):
    """Gauge of groups of two bands.

    Reads the overlaps (P, 2, 2) between states and trial orbitals and the changes of the projections (A, P, 2, 2).
    Fills the singular values (P, 2), the connections (A, P, 2, 2), and B of the smallest singular value, (A, P).
    """
    z, v = np.empty((2, 2), np.complex128), np.empty((2, 2), np.complex128)
    for point in range(len(overlaps)):
        decompose_2x2(overlaps[point], z, singular[point], v)
        z00, z01, z10, z11 = z[0, 0], z[0, 1], z[1, 0], z[1, 1]
        c00, c10, c01, c11 = np.conj(z00), np.conj(z01), np.conj(z10), np.conj(z11)
        v00, v01, v10, v11 = v[0, 0], v[0, 1], v[1, 0], v[1, 1]
        upper, lower = singular[point]
        both = 1.0 / (upper + lower)
        for a in range(len(changes)):
            m = changes[a, point]
            # B = Z^dagger M V
            x0, x1, y0, y1 = (
                c00 * m[0, 0] + c01 * m[1, 0],
                c00 * m[0, 1] + c01 * m[1, 1],
                c10 * m[0, 0] + c11 * m[1, 0],
                c10 * m[0, 1] + c11 * m[1, 1],
            )
            b00, b01, b10, b11 = x0 * v00 + x1 * v10, x0 * v01 + x1 * v11, y0 * v00 + y1 * v10, y0 * v01 + y1 * v11
            last[a, point] = b11
            # i (B - B^dagger)/(sigma_i + sigma_j)
            first, second = -b00.imag / upper, -b11.imag / lower
            between = complex(-(b01.imag + b10.imag) * both, (b01.real - b10.real) * both)
            # back to the states: Z A Z^dagger
            s0, s1, t0, t1 = (
                z00 * first + z01 * np.conj(between),
                z00 * between + z01 * second,
                z10 * first + z11 * np.conj(between),
                z10 * between + z11 * second,
            )
            A = connections[a, point]
            A[0, 0] = (s0 * c00 + s1 * c10).real
            A[0, 1] = s0 * c01 + s1 * c11
            A[1, 0] = np.conj(A[0, 1])
            A[1, 1] = (t0 * c01 + t1 * c11).real
