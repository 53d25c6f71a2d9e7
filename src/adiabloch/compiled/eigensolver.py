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
WIDTH = 8
"""Number of matrices whose iterations take turns."""
ZERO, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
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


@njit("void(f8[:,::1], f8[::1], f8[::1], u8, u8)", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def rotate_rows(z, sines, cosines, first, end):
    """Apply rotations of the neighbouring rows i + 1 and i, from i = end - 1 down to the first; two at a time."""
    size, i = np.uint64(z.shape[1]), end
    while i > first + ONE:
        i -= TWO
        s, c, t, e = sines[i + ONE], cosines[i + ONE], sines[i], cosines[i]
        for j in range(size):
            upper, middle, lower = z[i + TWO, j], z[i + ONE, j], z[i, j]
            between = c * middle - s * upper
            z[i + TWO, j] = s * middle + c * upper
            z[i + ONE, j] = t * lower + e * between
            z[i, j] = e * lower - t * between
    if i > first:
        i -= ONE
        s, c = sines[i], cosines[i]
        for j in range(size):
            upper, lower = z[i + ONE, j], z[i, j]
            z[i + ONE, j] = s * lower + c * upper
            z[i, j] = c * lower - s * upper


@njit("u8(f8[:,::1], f8[:,::1], f8[:,:,::1], u8)", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def implicit_ql(d, e, z, width):
    """Diagonalize the first `width` of several real symmetric tridiagonal matrices.

    `d` (W, n) receives the eigenvalues, the rows of `z` (W, n, columns) the eigenvectors; without columns, only
    eigenvalues are computed. Each rotation waits for the one before, so those of several matrices take turns. Returns
    the number of matrices, or the number of one with an eigenvalue that has not converged.
    """
    n = np.uint64(d.shape[1])
    start, end, length = np.zeros(WIDTH, np.uint64), np.zeros(WIDTH, np.uint64), np.zeros(WIDTH, np.uint64)
    iterations, split = np.zeros(WIDTH, np.uint64), np.zeros(WIDTH, np.bool_)
    s, c, p, g = np.empty(WIDTH), np.empty(WIDTH), np.empty(WIDTH), np.empty(WIDTH)
    sines, cosines = np.empty(d.shape), np.empty(d.shape)
    while True:
        longest = ZERO
        for t in range(width):
            length[t], split[t] = ZERO, False
            first, last = start[t], start[t]
            while first < n:
                while last + ONE < n and not abs(e[t, last]) <= EPSILON * (abs(d[t, last]) + abs(d[t, last + ONE])):
                    last += ONE
                if last > first:
                    break
                first += ONE
                last, iterations[t] = first, ZERO
            start[t] = first
            if first == n:
                continue
            if iterations[t] == ITERATIONS:
                return t
            iterations[t] += ONE
            shift = (d[t, first + ONE] - d[t, first]) / (2.0 * e[t, first])
            shift += math.copysign(math.sqrt(shift * shift + 1.0), shift)
            g[t] = d[t, last] - d[t, first] + e[t, first] / shift
            s[t], c[t], p[t] = 1.0, 1.0, 0.0
            end[t], length[t] = last, last - first
            longest = max(longest, length[t])
        if longest == ZERO:
            return width
        for step in range(longest):
            for t in range(width):
                if step < length[t]:
                    i = end[t] - ONE - step
                    f, b = s[t] * e[t, i], c[t] * e[t, i]
                    r = math.sqrt(f * f + g[t] * g[t])
                    e[t, i + ONE] = r
                    if r == 0.0:
                        d[t, i + ONE] -= p[t]
                        e[t, end[t]] = 0.0
                        length[t], split[t] = step, True
                        continue
                    inverse = 1.0 / r
                    sine, cosine = f * inverse, g[t] * inverse
                    above = d[t, i + ONE] - p[t]
                    r = (d[t, i] - above) * sine + 2.0 * cosine * b
                    d[t, i + ONE] = above + sine * r
                    s[t], c[t], p[t], g[t] = sine, cosine, sine * r, cosine * r - b
                    sines[t, i], cosines[t, i] = sine, cosine
        for t in range(width):
            if length[t] > ZERO:
                rotate_rows(z[t], sines[t], cosines[t], end[t] - length[t], end[t])
                if not split[t]:
                    d[t, start[t]] -= p[t]
                    e[t, start[t]], e[t, end[t]] = g[t], 0.0


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


@njit("f8(c16[:,::1], f8[:,::1], f8[:,::1])", cache=True, nogil=True, error_model="numpy")
def load(matrix, re, im):
    """Real and imaginary part of a Hermitian matrix in units of its largest element, which is returned."""
    n, scale = len(matrix), 0.0
    for i in range(n):
        for j in range(i + 1):
            size = max(abs(matrix[i, j].real), abs(matrix[i, j].imag))
            if not size < np.inf:
                return np.inf
            scale = max(scale, size)
    unit = 1.0 if scale == 0.0 else scale
    for i in range(n):
        for j in range(i + 1):
            re[i, j], im[i, j] = matrix[i, j].real / unit, matrix[i, j].imag / unit
            re[j, i], im[j, i] = re[i, j], -im[i, j]
        im[i, i] = 0.0
    return unit


@njit("i8(c16[:,:,::1], f8[:,::1], c16[:,:,::1])", cache=True, nogil=True, error_model="numpy")
def diagonalize(matrices, energies, states):
    """Diagonalize Hermitian matrices (P, N, N), of which the lower triangles are read.

    Fills `energies` (P, N), ascending, and `states` (P, N, N), columns; with an empty array (P, 0, 0) only the energies
    are computed. Returns the number of matrices, or the number of one that is not finite or has not converged.
    """
    count, n, columns = len(matrices), matrices.shape[1], states.shape[2]
    re, im, z = np.empty((WIDTH, n, n)), np.empty((WIDTH, n, n)), np.empty((WIDTH, n, columns))
    d, e, beta, units = np.empty((WIDTH, n)), np.empty((WIDTH, n)), np.zeros((WIDTH, n)), np.empty(WIDTH)
    phase_re, phase_im = np.empty((WIDTH, n)), np.empty((WIDTH, n))
    x_re, x_im, q_re, q_im, order = np.empty((n, n)), np.empty((n, n)), np.empty(n), np.empty(n), np.empty(n, np.int64)
    for first in range(0, count, WIDTH):
        width = min(WIDTH, count - first)
        for t in range(width):
            units[t] = load(matrices[first + t], re[t], im[t])
            if not 0.0 < units[t] < np.inf:
                return first + t
            tridiagonalize(re[t], im[t], d[t], e[t], beta[t], phase_re[t], phase_im[t], q_re, q_im)
            for i in range(n):
                for j in range(columns):
                    z[t, i, j] = 1.0 if i == j else 0.0
        finished = np.int64(implicit_ql(d, e, z, np.uint64(width)))
        if finished < width:
            return first + finished
        for t in range(width):
            if columns > 0:
                transform_back(re[t], im[t], beta[t], phase_re[t], phase_im[t], z[t], x_re, x_im)
            for i in range(n):
                j = i
                while j > 0 and d[t, order[j - 1]] > d[t, i]:
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = i
            for b in range(n):
                energies[first + t, b] = units[t] * d[t, order[b]]
                for i in range(columns):
                    states[first + t, i, b] = complex(x_re[order[b], i], x_im[order[b], i])
    return count
