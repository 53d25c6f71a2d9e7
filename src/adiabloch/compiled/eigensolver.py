"""Diagonalization of batches of small Hermitian matrices: Householder reduction and implicit QL iterations.

Real and imaginary parts are kept in separate arrays, and eigenvectors in rows, so that the inner loops run over
neighbouring numbers. LAPACK is faster for large matrices only.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

EPSILON = 1.1e-16
"""Off-diagonal element, relative to its neighbours on the diagonal, that counts as zero."""
ITERATIONS = 60
"""Largest number of iterations for one eigenvalue."""
FAST = {"contract", "reassoc", "nsz"}
"""Reordering and fusing of operations that vectorization needs."""
ONE, TWO = np.uint64(1), np.uint64(2)
"""With unsigned indices no index is taken as counted from the end, which inner loops would have to test."""


@njit(
    "void(f8[:,::1], f8[:,::1], u8, f8, f8[::1], f8[::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST
)
def reflect(re, im, k, factor, q_re, q_im):
    """Apply the reflector in row k from both sides to the rows and columns behind k."""
    n = np.uint64(len(q_re))
    size = 0.0
    for i in range(k + ONE, n):
        s_re, s_im = 0.0, 0.0
        for j in range(k + ONE, n):
            s_re += re[i, j] * re[k, j] - im[i, j] * im[k, j]
            s_im += re[i, j] * im[k, j] + im[i, j] * re[k, j]
        q_re[i], q_im[i] = factor * s_re, factor * s_im
        size += re[k, i] * s_re + im[k, i] * s_im
    size *= 0.5 * factor * factor
    for i in range(k + ONE, n):
        q_re[i] -= size * re[k, i]
        q_im[i] -= size * im[k, i]
    for i in range(k + ONE, n):
        v_re, v_im, w_re, w_im = re[k, i], im[k, i], q_re[i], q_im[i]
        # one loop for each array: together they are not vectorized
        for j in range(k + ONE, n):
            re[i, j] -= v_re * q_re[j] + v_im * q_im[j] + w_re * re[k, j] + w_im * im[k, j]
        for j in range(k + ONE, n):
            im[i, j] -= v_im * q_re[j] - v_re * q_im[j] + w_im * re[k, j] - w_re * im[k, j]


@njit(
    "void(f8[:,::1], f8[:,::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=FAST,
)
def tridiagonalize(re, im, d, e, beta, phase_re, phase_im, q_re, q_im):
    """Reduce a Hermitian matrix to a real symmetric tridiagonal one, D T D^dagger.

    The reflector of step k stays in row k of the matrix. `d` and `e` receive the diagonal and the moduli next to it,
    `beta` the factors of the reflectors, `phase_re` and `phase_im` the diagonal of D from its second element on.
    """
    n = np.uint64(len(d))
    d_re, d_im = 1.0, 0.0
    for k in range(n - ONE):
        rest = 0.0
        for j in range(k + TWO, n):
            rest += re[k, j] * re[k, j] + im[k, j] * im[k, j]
        x_re, x_im = re[k, k + ONE], -im[k, k + ONE]
        first = math.sqrt(x_re * x_re + x_im * x_im)
        length = math.sqrt(first * first + rest)
        d[k], e[k], beta[k] = re[k, k], length, 0.0
        f_re, f_im = 1.0, 0.0
        if first > 0.0:
            f_re, f_im = x_re / first, x_im / first
        if length > 0.0:
            v_re, v_im = x_re + f_re * length, x_im + f_im * length
            factor = 2.0 / (v_re * v_re + v_im * v_im + rest)
            beta[k] = factor
            for j in range(k + ONE, n):
                im[k, j] = -im[k, j]
            re[k, k + ONE], im[k, k + ONE] = v_re, v_im
            reflect(re, im, k, factor, q_re, q_im)
            f_re, f_im = -f_re, -f_im
        d_re, d_im = d_re * f_re - d_im * f_im, d_re * f_im + d_im * f_re
        phase_re[k], phase_im[k] = d_re, d_im
    d[n - ONE], e[n - ONE] = re[n - ONE, n - ONE], 0.0


@njit("b1(f8[::1], f8[::1], f8[:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def implicit_ql(d, e, z):
    """Diagonalize a real symmetric tridiagonal matrix: `d` receives the eigenvalues, the rows of `z` the eigenvectors.

    If the rows are empty, only eigenvalues are computed. Returns False if an eigenvalue has not converged.
    """
    n, size = len(d), np.uint64(z.shape[1])
    for start in range(n):
        for iteration in range(ITERATIONS + 1):
            end = start
            while end < n - 1 and not abs(e[end]) <= EPSILON * (abs(d[end]) + abs(d[end + 1])):
                end += 1
            if end == start:
                break
            if iteration == ITERATIONS:
                return False
            g = (d[start + 1] - d[start]) / (2.0 * e[start])
            r = math.sqrt(g * g + 1.0)
            g = d[end] - d[start] + e[start] / (g + math.copysign(r, g))
            s, c, p = 1.0, 1.0, 0.0
            deflated = False
            for i in range(end - 1, start - 1, -1):
                f, b = s * e[i], c * e[i]
                r = math.sqrt(f * f + g * g)
                e[i + 1] = r
                if r == 0.0:
                    d[i + 1] -= p
                    e[end] = 0.0
                    deflated = True
                    break
                inverse = 1.0 / r
                s, c = f * inverse, g * inverse
                g = d[i + 1] - p
                r = (d[i] - g) * s + 2.0 * c * b
                p = s * r
                d[i + 1] = g + p
                g = c * r - b
                for j in range(size):
                    upper, lower = z[i + 1, j], z[i, j]
                    z[i + 1, j] = s * lower + c * upper
                    z[i, j] = c * lower - s * upper
            if not deflated:
                d[start] -= p
                e[start], e[end] = g, 0.0
    return True


@njit(
    "void(f8[:,::1], f8[:,::1], f8[::1], f8[::1], f8[::1], f8[:,::1], f8[:,::1], f8[:,::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=FAST,
)
def transform_back(re, im, beta, phase_re, phase_im, z, x_re, x_im):
    """Eigenvectors of the Hermitian matrix, as rows, from those of the tridiagonal one."""
    n = np.uint64(len(beta))
    for b in range(n):
        x_re[b, 0], x_im[b, 0] = z[b, 0], 0.0
        for j in range(ONE, n):
            x_re[b, j], x_im[b, j] = z[b, j] * phase_re[j - ONE], z[b, j] * phase_im[j - ONE]
    for step in range(n - ONE):
        k = n - TWO - step
        if beta[k] == 0.0:
            continue
        for b in range(n):
            s_re, s_im = 0.0, 0.0
            for j in range(k + ONE, n):
                s_re += re[k, j] * x_re[b, j] + im[k, j] * x_im[b, j]
                s_im += re[k, j] * x_im[b, j] - im[k, j] * x_re[b, j]
            s_re *= beta[k]
            s_im *= beta[k]
            for j in range(k + ONE, n):
                x_re[b, j] -= s_re * re[k, j] - s_im * im[k, j]
            for j in range(k + ONE, n):
                x_im[b, j] -= s_re * im[k, j] + s_im * re[k, j]


@njit("i8(c16[:,:,::1], f8[:,::1], c16[:,:,::1])", cache=True, nogil=True, error_model="numpy")
def diagonalize(matrices, energies, states):
    """Diagonalize Hermitian matrices (P, N, N), of which the lower triangles are read.

    Fills `energies` (P, N), ascending, and `states` (P, N, N), columns; with an empty array (P, 0, 0) only the energies
    are computed. Returns the number of matrices that were diagonalized before one that is not finite or has not
    converged.
    """
    count, n = energies.shape
    columns = states.shape[2]
    re, im, z, x_re, x_im = (
        np.empty((n, n)),
        np.empty((n, n)),
        np.empty((n, columns)),
        np.empty((n, n)),
        np.empty((n, n)),
    )
    d, e, beta, q_re, q_im = np.empty(n), np.empty(n), np.zeros(n), np.empty(n), np.empty(n)
    phase_re, phase_im = np.empty(n), np.empty(n)
    order = np.empty(n, np.int64)
    for point in range(count):
        scale = 0.0
        for i in range(n):
            for j in range(i + 1):
                element = matrices[point, i, j]
                scale = max(scale, abs(element.real), abs(element.imag))
        if not 0.0 <= scale < np.inf:
            return point
        unit = 1.0 if scale == 0.0 else scale
        for i in range(n):
            for j in range(i + 1):
                element = matrices[point, i, j]
                re[i, j], im[i, j] = element.real / unit, element.imag / unit
                re[j, i], im[j, i] = re[i, j], -im[i, j]
            im[i, i] = 0.0
            for j in range(columns):
                z[i, j] = 1.0 if i == j else 0.0
        tridiagonalize(re, im, d, e, beta, phase_re, phase_im, q_re, q_im)
        if not implicit_ql(d, e, z):
            return point
        if columns > 0:
            transform_back(re, im, beta, phase_re, phase_im, z, x_re, x_im)
        for i in range(n):
            j = i
            while j > 0 and d[order[j - 1]] > d[i]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = i
        for b in range(n):
            energies[point, b] = unit * d[order[b]]
            for i in range(columns):
                states[point, i, b] = complex(x_re[order[b], i], x_im[order[b], i])
    return count
