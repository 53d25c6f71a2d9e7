"""Products of small matrices, rounding errors and sums over pairs of bands (NumPy bodies in `linalg`, `geometry`)."""

from __future__ import annotations

import numpy as np
from numba import njit

from adiabloch.compiled.frames import FAST


@njit("void(c16[:,:,::1], c16[:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def assemble(parts, product):
    """Fill `product` (N, M) with parts_0 - i parts_1, of shape (N, 2, M)."""
    rows, columns = np.uint64(product.shape[0]), np.uint64(product.shape[1])
    for i in range(rows):
        for j in range(columns):
            x, y = parts[i, 0, j], parts[i, 1, j]
            product[i, j] = complex(x.real + y.imag, x.imag - y.real)


@njit("void(c16[:,:], c16[:,:], c16[:,:])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def add_commutator(term, P, out):
    """Fill `out` with a Hermitian term and -i (P - P^dagger), each (N, N)."""
    n = np.uint64(P.shape[0])
    # columns of P, which fits into the innermost cache, but rows of the others
    for i in range(n):
        for j in range(n):
            one, other = P[i, j], P[j, i]
            out[i, j] = complex(term[i, j].real + (one.imag + other.imag), term[i, j].imag + (other.real - one.real))


@njit("void(c16[:,:,:], c16[:,:,:], c16[:,:,:])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def add_commutators(terms, products, sums):
    """Fill `sums` with Hermitian terms and -i (P - P^dagger) for products P, (P, N, N) each."""
    for point in range(len(sums)):
        add_commutator(terms[point], products[point], sums[point])


@njit("void(c16[:,:,:], c16[:,:,:,::1], c16[:,:,:])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def add_commutators_of_parts(terms, parts, sums):
    """As `add_commutators`, for products P = parts_0 - i parts_1 (`from_parts`)."""
    n = sums.shape[1]
    P = np.empty((n, n), np.complex128)
    for point in range(len(sums)):
        assemble(parts[point], P)
        add_commutator(terms[point], P, sums[point])


@njit("void(c16[:,:,:,::1], c16[:,:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def from_parts(parts, products):
    """Fill `products` (P, N, M) with parts_0 - i parts_1, of shape (P, N, 2, M)."""
    for point in range(len(products)):
        assemble(parts[point], products[point])


@njit("void(c16[:,:,:], f8[:,:,:,:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def as_real(matrices, real):
    """Fill `real` (P, N, 2, M, 2) with the real matrices that multiply rows of complex numbers by `matrices`."""
    rows, columns = np.uint64(matrices.shape[1]), np.uint64(matrices.shape[2])
    for point in range(len(matrices)):
        for i in range(rows):
            for j in range(columns):
                element = matrices[point, i, j]
                real[point, i, 0, j, 0] = element.real
                real[point, i, 0, j, 1] = element.imag
                real[point, i, 1, j, 0] = -element.imag
                real[point, i, 1, j, 1] = element.real


@njit("void(c16[:,:,::1], c16[:,:,::1], f8[:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def expectation_values(states, turned, values):
    """Fill `values` (P, N) with the diagonal elements of U^dagger M U, from U and M U, (P, N, N) each."""
    n = np.uint64(states.shape[1])
    for point in range(len(states)):
        U, MU, out = states[point], turned[point], values[point]
        out[:] = 0.0
        for i in range(n):
            for j in range(n):
                out[j] += U[i, j].real * MU[i, j].real + U[i, j].imag * MU[i, j].imag


@njit("f8(c16[:,:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def largest_square(matrices):
    """Largest squared modulus of all elements of matrices (P, N, N)."""
    largest = 0.0
    n = np.uint64(matrices.shape[1])
    for point in range(len(matrices)):
        for i in range(n):
            for j in range(n):
                element = matrices[point, i, j]
                largest = max(largest, element.real * element.real + element.imag * element.imag)
    return largest


@njit("void(c16[:,:,::1], f8[:,::1], f8, f8)", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def drop_rounding(D, energies, rounding, degenerate):
    """Set elements of D (P, N, N) to zero whose product with the gap is below the rounding error.

    Diagonal elements, and those between bands that are closer than `degenerate`, are kept.
    """
    n = np.uint64(D.shape[1])
    limit = rounding * rounding
    for point in range(len(D)):
        for i in range(n):
            for j in range(n):
                gap = energies[point, j] - energies[point, i]
                element = D[point, i, j]
                square = element.real * element.real + element.imag * element.imag
                if i != j and square * gap * gap < limit and abs(gap) > degenerate:
                    D[point, i, j] = 0.0


@njit(
    "void(c16[:,:,::1], c16[:,:,::1], f8[:,:,::1], f8[:,:,::1])",
    cache=True,
    nogil=True,
    error_model="numpy",
    fastmath=FAST,
)
def pair_curvatures(first, second, differences, pairs):
    """Curvature of pairs of bands, -2 Im D^a_nm D^b_mn over the squared energy difference; fills `pairs` (P, N, N)."""
    n = np.uint64(first.shape[1])
    for point in range(len(first)):
        a, b = first[point], second[point]
        for i in range(n):
            pairs[point, i, i] = 0.0
            for j in range(i + np.uint64(1), n):
                imaginary = a[i, j].real * b[j, i].imag + a[i, j].imag * b[j, i].real
                value = -2.0 * imaginary / (differences[point, i, j] * differences[point, i, j])
                pairs[point, i, j], pairs[point, j, i] = value, -value


@njit("void(f8[:,:,::1], f8[:,::1], f8[:,:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def times_mean_energies(pairs, energies, products):
    """Values of pairs of bands (P, N, N) times the mean of their energies (P, N); fills `products` (P, N, N)."""
    n = np.uint64(pairs.shape[1])
    for point in range(len(pairs)):
        for i in range(n):
            half = 0.5 * energies[point, i]
            for j in range(n):
                products[point, i, j] = pairs[point, i, j] * (half + 0.5 * energies[point, j])


@njit("void(f8[:,:,::1], i8[::1], f8[:,::1])", cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def sums_between(pairs, counts, sums):
    """Sums over pairs (P, N, N) of one of the `counts` lowest bands and one above; fills `sums` (P, counts)."""
    n = np.uint64(pairs.shape[1])
    for point in range(len(pairs)):
        here = pairs[point]
        for number in range(len(counts)):
            count, total = np.uint64(counts[number]), 0.0
            for i in range(count):
                for j in range(count, n):
                    total += here[i, j]
            sums[point, number] = total
