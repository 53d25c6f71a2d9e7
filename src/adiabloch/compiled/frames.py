"""Frames of two bands, slopes of gaps and shifts of few bands (NumPy bodies in `linalg` and `geometry`)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

FAST = {"contract", "reassoc", "nsz"}
"""Reordering and fusing of operations that vectorization needs."""


@njit(
    "void(c16[:,:,:,::1], f8[:,::1], c16[:,:,::1], c16[:,:,:,::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=FAST,
)
def of_two_bands(matrices, energies, states, rotated):
    """Diagonalize H and rotate other matrices, (P, 1 + K, 2, 2).

    Fills `energies` (P, 2), `states` (P, 2, 2) and `rotated` (K, P, 2, 2). The closed form is that of `linalg`.
    """
    for point in range(len(matrices)):
        upper, lower, b = matrices[point, 0, 0, 0].real, matrices[point, 0, 1, 1].real, matrices[point, 0, 0, 1]
        mean, z = 0.5 * (upper + lower), 0.5 * (upper - lower)
        size = max(abs(z), abs(b.real), abs(b.imag))
        cosine, sine, r = 1.0, 0j, 0.0
        if size != 0.0:
            x, re, im = z / size, b.real / size, b.imag / size
            r = math.sqrt(x * x + re * re + im * im)
            u = r + abs(x)
            inverse = 1.0 / math.sqrt(2.0 * r * u)
            cosine, sine, r = u * inverse, complex(re * inverse, im * inverse), size * r
        energies[point, 0], energies[point, 1] = mean - r, mean + r
        a0, a1, b0, b1 = cosine + 0j, -np.conj(sine), sine, cosine + 0j
        if z >= 0.0:
            a0, a1, b0, b1 = -sine, cosine + 0j, cosine + 0j, np.conj(sine)
        states[point, 0, 0], states[point, 0, 1], states[point, 1, 0], states[point, 1, 1] = a0, b0, a1, b1
        for k in range(len(rotated)):
            m, D = matrices[point, k + 1], rotated[k, point]
            x0, x1 = m[0, 0] * a0 + m[0, 1] * a1, m[1, 0] * a0 + m[1, 1] * a1
            y0, y1 = m[0, 0] * b0 + m[0, 1] * b1, m[1, 0] * b0 + m[1, 1] * b1
            D[0, 0], D[0, 1] = np.conj(a0) * x0 + np.conj(a1) * x1, np.conj(a0) * y0 + np.conj(a1) * y1
            D[1, 0], D[1, 1] = np.conj(b0) * x0 + np.conj(b1) * x1, np.conj(b0) * y0 + np.conj(b1) * y1


@njit("void(c16[:,:,::1], f8[::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def sums_of_squares(matrices, sums):
    """Sums of the squared moduli of all elements of matrices (P, N, N); fills `sums` (P,)."""
    n = np.uint64(matrices.shape[1])
    for point in range(len(matrices)):
        total = 0.0
        for i in range(n):
            for j in range(n):
                element = matrices[point, i, j]
                total += element.real * element.real + element.imag * element.imag
        sums[point] = total


@njit(
    "void(c16[:,:,::1], c16[:,:,::1], c16[:,:,::1], c16[:,:,::1], f8[:,::1], i8, f8[:,::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=FAST,
)
def gap_slopes(first, second, third, fourth, to_axes, occupied, slopes):
    """Two-level bound on the change of the gap above the occupied bands along axes.

    Reads derivatives (P, N, N) along up to four directions and the factors (S, directions) from these to the axes;
    fills `slopes` (S, P).
    """
    n, filled, axes, count = np.uint64(first.shape[1]), np.uint64(occupied), len(to_axes), to_axes.shape[1]
    top = filled - np.uint64(1)
    v = np.empty(4, np.complex128)
    largest = np.empty(axes)
    for point in range(len(first)):
        largest[:] = 0.0
        for c in range(filled, n):
            for o in range(filled):
                v[0] = first[point, c, o]
                if count > 1:
                    v[1] = second[point, c, o]
                if count > 2:
                    v[2] = third[point, c, o]
                if count > 3:
                    v[3] = fourth[point, c, o]
                for axis in range(axes):
                    re, im = 0.0, 0.0
                    for k in range(count):
                        re += to_axes[axis, k] * v[k].real
                        im += to_axes[axis, k] * v[k].imag
                    largest[axis] = max(largest[axis], re * re + im * im)
        v[0] = first[point, filled, filled] - first[point, top, top]
        if count > 1:
            v[1] = second[point, filled, filled] - second[point, top, top]
        if count > 2:
            v[2] = third[point, filled, filled] - third[point, top, top]
        if count > 3:
            v[3] = fourth[point, filled, filled] - fourth[point, top, top]
        for axis in range(axes):
            difference = 0.0
            for k in range(count):
                difference += to_axes[axis, k] * v[k].real
            slopes[axis, point] = math.sqrt(difference * difference + 4.0 * largest[axis])


@njit(
    "void(f8[:,::1], c16[:,:,::1], c16[:,:,::1], i8, i8, c16[:,:,::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=FAST,
)
def interband_moment(energies, first, second, start, stop, moment):
    """Moment between a group of bands and the others over the energy differences (`geometry.induced`).

    Reads the energies (P, N) and the derivatives (P, N, N) along two directions; fills `moment` (P, C, J).
    """
    points, n = energies.shape
    a, b = np.empty((n, n), np.complex128), np.empty((n, n), np.complex128)
    for point in range(points):
        E, Da, Db = energies[point], first[point], second[point]
        # interband couplings D_cn/(E_n - E_c), c outside the group and n inside
        for c in range(n):
            if not start <= c < stop:
                for j in range(start, stop):
                    over = 1.0 / (E[j] - E[c])
                    a[c, j], b[c, j] = over * Da[c, j], over * Db[c, j]
        row = 0
        for c in range(n):
            if not start <= c < stop:
                for j in range(start, stop):
                    m = 0j
                    for other in range(start):
                        m += Da[c, other] * b[other, j] - Db[c, other] * a[other, j]
                    for other in range(stop, n):
                        m += Da[c, other] * b[other, j] - Db[c, other] * a[other, j]
                    for other in range(start, stop):
                        m += b[c, other] * Da[other, j] - a[c, other] * Db[other, j]
                    # connections are i times the couplings
                    over = 1.0 / (E[j] - E[c])
                    moment[point, row, j - start] = complex(-over * m.imag, over * m.real)
                row += 1


@njit(
    "void(f8[:,::1], c16[:,:,::1], c16[:,:,::1], i8, i8, f8[::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=FAST,
)
def moment_overlap(energies, drive, moment, start, stop, overlap):
    """Real part of tr A^dagger m, with the connection A along the drive and a moment (P, C, J); fills `overlap` (P,).

    Reads the energies (P, N) and the derivative (P, N, N) along the drive.
    """
    n = energies.shape[1]
    for point in range(len(energies)):
        total, row = 0.0, 0
        for c in range(n):
            if not start <= c < stop:
                for j in range(start, stop):
                    D, m = drive[point, c, j], moment[point, row, j - start]
                    total += (D.real * m.imag - D.imag * m.real) / (energies[point, j] - energies[point, c])
                row += 1
        overlap[point] = total
