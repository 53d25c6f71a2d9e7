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

    Fills `energies` (P, 2), `states` (P, 2, 2) and `rotated` (K, P, 2, 2). The closed form is that of `linalg`; the
    states are (c, -s*) and (s, c) with a real c, or (-s, c) and (c, s*) if the first diagonal element of H is larger.
    """
    for point in range(len(matrices)):
        upper, lower, b = matrices[point, 0, 0, 0].real, matrices[point, 0, 1, 1].real, matrices[point, 0, 0, 1]
        mean, z = 0.5 * (upper + lower), 0.5 * (upper - lower)
        size = max(abs(z), abs(b.real), abs(b.imag))
        c, s_re, s_im, r = 1.0, 0.0, 0.0, 0.0
        if size != 0.0:
            x, re, im = z / size, b.real / size, b.imag / size
            r = math.sqrt(x * x + re * re + im * im)
            u = r + abs(x)
            inverse = 1.0 / math.sqrt(2.0 * r * u)
            c, s_re, s_im, r = u * inverse, re * inverse, im * inverse, size * r
        energies[point, 0], energies[point, 1] = mean - r, mean + r
        swapped = z >= 0.0
        if swapped:
            states[point, 0, 0], states[point, 0, 1] = complex(-s_re, -s_im), complex(c, 0.0)
            states[point, 1, 0], states[point, 1, 1] = complex(c, 0.0), complex(s_re, -s_im)
        else:
            states[point, 0, 0], states[point, 0, 1] = complex(c, 0.0), complex(s_re, s_im)
            states[point, 1, 0], states[point, 1, 1] = complex(-s_re, s_im), complex(c, 0.0)
        # c^2, |s|^2, s^2 and c s
        cc, ss, sq_re, sq_im = c * c, s_re * s_re + s_im * s_im, s_re * s_re - s_im * s_im, 2.0 * s_re * s_im
        cs_re, cs_im = c * s_re, c * s_im
        for k in range(len(rotated)):
            p, q = matrices[point, k + 1, 0, 0], matrices[point, k + 1, 1, 1]
            w, v = matrices[point, k + 1, 0, 1], matrices[point, k + 1, 1, 0]
            # c s* w + c s v, p - q, c^2 w - s^2 v, and c^2 v - s*^2 w
            t_re = cs_re * (w.real + v.real) + cs_im * (w.imag - v.imag)
            t_im = cs_re * (w.imag + v.imag) - cs_im * (w.real - v.real)
            d_re, d_im = p.real - q.real, p.imag - q.imag
            w_re, w_im = cc * w.real - sq_re * v.real + sq_im * v.imag, cc * w.imag - sq_re * v.imag - sq_im * v.real
            v_re, v_im = cc * v.real - sq_re * w.real - sq_im * w.imag, cc * v.imag - sq_re * w.imag + sq_im * w.real
            if swapped:
                p, q = q, p
                w_re, w_im, v_re, v_im = v_re, v_im, w_re, w_im
                d_re, d_im = -d_re, -d_im
            turn = -cs_im if swapped else cs_im
            rotated[k, point, 0, 0] = complex(cc * p.real + ss * q.real - t_re, cc * p.imag + ss * q.imag - t_im)
            rotated[k, point, 1, 1] = complex(ss * p.real + cc * q.real + t_re, ss * p.imag + cc * q.imag + t_im)
            rotated[k, point, 0, 1] = complex(w_re + cs_re * d_re - turn * d_im, w_im + cs_re * d_im + turn * d_re)
            rotated[k, point, 1, 0] = complex(v_re + cs_re * d_re + turn * d_im, v_im + cs_re * d_im - turn * d_re)


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

    Reads derivatives (P, N, N) along four directions and the factors (S, 4) from these to the axes, zero for directions
    that do not exist; fills `slopes` (S, P).
    """
    n, filled = np.uint64(first.shape[1]), np.uint64(occupied)
    top = filled - np.uint64(1)
    with_third, with_fourth = to_axes[:, 2].any(), to_axes[:, 3].any()
    for point in range(len(first)):
        # changes of the gap itself
        a = first[point, filled, filled].real - first[point, top, top].real
        b = second[point, filled, filled].real - second[point, top, top].real
        c, d = 0.0, 0.0
        if with_third:
            c = third[point, filled, filled].real - third[point, top, top].real
        if with_fourth:
            d = fourth[point, filled, filled].real - fourth[point, top, top].real
        for axis in range(len(to_axes)):
            p, q, r, s = to_axes[axis, 0], to_axes[axis, 1], to_axes[axis, 2], to_axes[axis, 3]
            largest = 0.0
            for i in range(filled, n):
                for j in range(filled):
                    re = p * first[point, i, j].real + q * second[point, i, j].real
                    im = p * first[point, i, j].imag + q * second[point, i, j].imag
                    if with_third:
                        re += r * third[point, i, j].real
                        im += r * third[point, i, j].imag
                    if with_fourth:
                        re += s * fourth[point, i, j].real
                        im += s * fourth[point, i, j].imag
                    largest = max(largest, re * re + im * im)
            difference = p * a + q * b + r * c + s * d
            slopes[axis, point] = math.sqrt(difference * difference + 4.0 * largest)


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
