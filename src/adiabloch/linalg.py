"""Linear algebra of batches of matrices.

All diagonalisations use :func:`eigh_batch`, so that the eigensolver can be replaced in one place.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from adiabloch import compiled
from adiabloch.arrays import Complex, Float, for_kernels, writeable

LARGEST_COMPILED = 32
"""Size of matrices up to which the compiled eigensolver is faster than LAPACK."""
LARGEST_REAL = 24
"""Size of matrices up to which products in real arithmetic may be faster than those of complex matrices."""
WIDE_REGISTERS = ("AVX512_SKX", "X86_V4")
"""NumPy's names of processors with registers of 512 bits, which OpenBLAS uses for products of small real matrices."""
SMALLEST_FROM_SQUARES = 1e-2
"""Ratio of singular values down to which they are computed from the eigenvectors of M^dagger M."""


def eigh_batch(matrices: Complex) -> tuple[Float, Complex]:
    """Diagonalise a batch of Hermitian matrices.

    Parameters
    ----------
    matrices : complex array, shape (..., N, N)
        Hermitian matrices; for N > 2 only the lower triangle is used.

    Returns
    -------
    energies : float array, shape (..., N)
        Eigenvalues in ascending order.
    states : complex array, shape (..., N, N)
        Eigenvectors as columns.
    """
    if matrices.shape[-1] == 2:
        return _eigh_2x2(matrices)
    if (found := _diagonalized(matrices, matrices.shape[-1])) is not None:
        return found
    energies, states = np.linalg.eigh(matrices)
    return energies, states


def energies_batch(matrices: Complex) -> Float:
    """Eigenvalues of a batch of Hermitian matrices (..., N, N), ascending, (..., N), as those of `eigh_batch`."""
    if matrices.shape[-1] == 2:
        return _eigh_2x2(matrices)[0]
    if (found := _diagonalized(matrices, 0)) is not None:
        return found[0]
    return np.asarray(np.linalg.eigvalsh(matrices), dtype=np.float64)


def _diagonalized(matrices: Complex, columns: int) -> tuple[Float, Complex] | None:
    """Energies and `columns` states by the compiled eigensolver, all or none; None if it cannot be used."""
    size = matrices.shape[-1]
    solver = compiled.available("eigensolver") if 2 < size <= LARGEST_COMPILED else None
    if solver is None:
        return None
    flat = np.ascontiguousarray(matrices, dtype=np.complex128).reshape(-1, size, size)
    energies, states = np.empty(flat.shape[:2]), np.empty((len(flat), columns, columns), dtype=np.complex128)
    if solver.diagonalize(flat, energies, states) < len(flat):
        return None
    return energies.reshape(matrices.shape[:-1]), states.reshape(*matrices.shape[:-2], columns, columns)


def in_eigenbasis(matrices: Complex) -> tuple[Float, Complex, Complex]:
    """Diagonalise H, and transform other matrices to the basis of its eigenstates.

    Parameters
    ----------
    matrices : complex array, shape (P, 1 + K, N, N)
        H, then the others.

    Returns
    -------
    energies : float array, shape (P, N)
    states : complex array, shape (P, N, N)
    rotated : complex array, shape (K, P, N, N)
        U^dagger M U.
    """
    points, count, size, _ = matrices.shape
    rotated = np.empty((count - 1, points, size, size), dtype=np.complex128)
    if size == 2 and (kernels := compiled.of_frames(points, size)) is not None:
        energies, states = np.empty((points, 2)), np.empty((points, 2, 2), dtype=np.complex128)
        kernels.of_two_bands(np.ascontiguousarray(matrices, dtype=np.complex128), energies, states, rotated)
        return energies, states, rotated
    energies, states = eigh_batch(matrices[:, 0])
    if size == 2:
        for number in range(count - 1):
            rotated[number] = in_basis(matrices[:, number + 1], states)
        return energies, states, rotated
    # one product for all M U
    right = product(matrices[:, 1:].reshape(points, (count - 1) * size, size), states)
    right = right.reshape(points, count - 1, size, size)
    if in_real_arithmetic(size):
        for number in range(count - 1):
            _from_parts(_parts_of_product(states, right[:, number]), rotated[number])
    else:
        np.matmul(dagger(states), right.swapaxes(0, 1), out=rotated)
    return energies, states, rotated


def svd_batch(matrices: Complex) -> tuple[Complex, Float, Complex]:
    """Singular value decomposition M = Z sigma V^dagger of a batch of square matrices.

    Parameters
    ----------
    matrices : complex array, shape (..., J, J)

    Returns
    -------
    left : complex array, shape (..., J, J)
        Z.
    singular : float array, shape (..., J)
        Singular values in descending order.
    right : complex array, shape (..., J, J)
        V^dagger.
    """
    if matrices.shape[-1] == 1:
        singular = np.abs(matrices[..., 0])
        phase = np.divide(matrices[..., 0], singular, out=np.ones_like(matrices[..., 0]), where=singular > 0)
        return phase[..., None], singular, np.ones_like(matrices)
    if matrices.shape[-1] == 2:
        return _svd_of_squares(matrices)
    if matrices.shape[-1] <= LARGEST_COMPILED and compiled.available("eigensolver") is not None:
        left, singular, right = _svd_of_squares(matrices)
        if singular.size and (singular[..., -1] > SMALLEST_FROM_SQUARES * singular[..., 0]).all():
            return left, singular, right
    left, singular, right = np.linalg.svd(matrices)
    return left, singular, right


def dagger(matrices: Complex) -> Complex:
    """Hermitian conjugate with respect to the last two axes."""
    return np.conj(np.swapaxes(matrices, -1, -2))


def in_basis(matrices: Complex, states: Complex) -> Complex:
    """Transform matrices to the basis of the states, U^dagger M U, batched over the leading axes."""
    return adjoint_product(states, product(matrices, states))


def _product_2x2(left: Complex, right: Complex) -> Complex:
    """Product of 2 x 2 matrices, with the sums written out."""
    product = np.empty(np.broadcast_shapes(left.shape, right.shape), dtype=np.complex128)
    for i in (0, 1):
        for j in (0, 1):
            np.multiply(left[..., i, 0], right[..., 0, j], out=product[..., i, j])
            product[..., i, j] += left[..., i, 1] * right[..., 1, j]
    return product


def _eigh_2x2(h: Complex) -> tuple[Float, Complex]:
    """Diagonalise 2 x 2 matrices in closed form, about seven times faster than LAPACK.

    With h = m + z sigma_z + [[0, b], [b*, 0]] and r = sqrt(z^2 + |b|^2), the eigenvector with the larger of r + z and
    r - z is computed without cancellation; the other one is its orthogonal complement.
    """
    upper, lower = h[..., 0, 0].real, h[..., 1, 1].real
    b = h[..., 0, 1]
    mean, z = 0.5 * (upper + lower), 0.5 * (upper - lower)
    r = np.hypot(z, np.abs(b))
    u = r + np.abs(z)
    scale = np.hypot(u, np.abs(b))
    touching = scale == 0.0
    scale = np.where(touching, 1.0, scale)
    cosine = np.where(touching, 1.0, u / scale)
    sine = b / scale
    positive = z >= 0
    states = np.empty_like(h, dtype=np.complex128)
    # z >= 0: the upper state is (u, b*), the lower one (-b, u); z < 0: (b, u) and (u, -b*)
    states[..., 0, 1] = np.where(positive, cosine, sine)
    states[..., 1, 1] = np.where(positive, sine.conj(), cosine)
    states[..., 0, 0] = np.where(positive, -sine, cosine)
    states[..., 1, 0] = np.where(positive, cosine, -sine.conj())
    return np.stack([mean - r, mean + r], axis=-1), states


def _svd_of_squares(m: Complex) -> tuple[Complex, Float, Complex]:
    """Singular value decomposition of small matrices from the eigenvectors of M^dagger M.

    About five times faster than LAPACK; accurate to machine precision times sigma_1/sigma_J.
    """
    right = eigh_batch(adjoint_product(m, m))[1][..., ::-1]
    left = product(m, right)
    singular = np.sqrt((left.real**2 + left.imag**2).sum(axis=-2))
    left /= np.maximum(singular, np.finfo(float).tiny)[..., None, :]
    return left, singular, dagger(right)


def trace_of_product(A: Complex, B: Complex) -> Complex:
    """Traces tr A^dagger B of batches of matrices (P, M, N), shape (P,); A is conjugated."""
    return np.asarray(np.einsum("pij,pij->p", A.conj(), B))


def commutator(A: Complex, B: Complex) -> Complex:
    """Commutator [A, B] of Hermitian matrices."""
    product = A @ B
    return np.asarray(product - dagger(product))


@cache
def _wide_registers() -> bool:
    """True on processors with registers of 512 bits."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return any(name in found for name in WIDE_REGISTERS)


def in_real_arithmetic(size: int) -> bool:
    """True if products with a square matrix of this size are faster in real arithmetic on this processor.

    With registers of 512 bits by a factor of 1.6 to 2; without them up to a factor of 2 slower.
    """
    return 2 < size <= LARGEST_REAL and _wide_registers()


def product(A: Complex, B: Complex) -> Complex:
    """Product A B of batches of matrices (..., L, N), (..., N, M)."""
    if A.shape[-2:] == B.shape[-2:] == (2, 2):
        return _product_2x2(A, B)
    if not in_real_arithmetic(B.shape[-2]):
        return np.asarray(A @ B)
    return np.asarray((_components(A) @ _as_real(B)).view(np.complex128))


def adjoint_product(A: Complex, B: Complex) -> Complex:
    """Product A^dagger B of batches of matrices (..., L, N), (..., L, M)."""
    if A.shape[-2:] == B.shape[-2:] == (2, 2):
        return _product_2x2(dagger(A), B)
    if not in_real_arithmetic(A.shape[-1]):
        return np.asarray(dagger(A) @ B)
    return _from_parts(_parts_of_product(A, B))


def plus_commutator(terms: Complex | None, A: Complex, B: Complex, out: Complex | None = None) -> Complex:
    """Sum of Hermitian matrices (P, N, N), or None for zero, and -i [A, B] of Hermitian A and B; `out` may be used."""
    kernels = compiled.of_sums(*A.shape[:2]) if A.shape == B.shape and A.ndim == 3 else None
    if kernels is None or terms is None or terms.shape != A.shape:
        AB = product(A, B)
        own = -1j * (AB - dagger(AB))
        return own if terms is None else terms + own
    sums = np.empty(A.shape, dtype=np.complex128) if out is None else out
    if in_real_arithmetic(A.shape[-1]):
        kernels.add_commutators_of_parts(writeable(terms), _parts_of_product(A, B), sums)
    else:
        kernels.add_commutators(writeable(terms), product(A, B), sums)
    return sums


def _as_real(matrices: Complex) -> Float:
    """Real matrices (..., 2 N, 2 M) that multiply rows of complex numbers, as pairs of real ones, by (..., N, M)."""
    *several, rows, columns = matrices.shape
    real = np.empty((*several, rows, 2, columns, 2))
    if (kernels := compiled.available("sums")) is not None:
        kernels.as_real(writeable(matrices.reshape(-1, rows, columns)), real.reshape(-1, rows, 2, columns, 2))
    else:
        real[..., 0, :, 0] = real[..., 1, :, 1] = matrices.real
        real[..., 0, :, 1] = matrices.imag
        np.negative(matrices.imag, out=real[..., 1, :, 0])
    return real.reshape(*several, 2 * rows, 2 * columns)


def _components(matrices: Complex) -> Float:
    """Real and imaginary parts of matrices (..., N, M) side by side, (..., N, 2 M)."""
    if matrices.dtype != np.complex128 or matrices.strides[-1] != 16:
        matrices = np.ascontiguousarray(matrices, dtype=np.complex128)
    return matrices.view(np.float64)


def _parts_of_product(A: Complex, B: Complex) -> Complex:
    """Products of the real and of the imaginary part of A^T with B, (..., N, 2, M), for A^dagger B."""
    parts = _components(A).swapaxes(-1, -2) @ _components(B)
    return parts.view(np.complex128).reshape(*parts.shape[:-2], A.shape[-1], 2, B.shape[-1])


def _from_parts(parts: Complex, out: Complex | None = None) -> Complex:
    """A^dagger B, (..., N, M), from its two parts."""
    *several, rows, _, columns = parts.shape
    result = np.empty((*several, rows, columns), dtype=np.complex128) if out is None else out
    if (kernels := compiled.available("sums")) is not None:
        kernels.from_parts(parts.reshape(-1, rows, 2, columns), result.reshape(-1, rows, columns))
        return result
    np.multiply(parts[..., 1, :], -1j, out=result)
    result += parts[..., 0, :]
    return result


def expectation_values(states: Complex, turned: Complex) -> Float:
    """Diagonal elements of U^dagger M U, (P, N), for states U and M U, (P, N, N) each, and a Hermitian M."""
    if (kernels := compiled.of_sums(*states.shape[:2])) is not None:
        values = np.empty(states.shape[::2])
        kernels.expectation_values(for_kernels(states), for_kernels(turned), values)
        return values
    return np.asarray((states.real * turned.real + states.imag * turned.imag).sum(axis=1))


def largest_modulus(matrices: Complex) -> float:
    """Largest modulus of all elements of matrices (P, N, N)."""
    if (kernels := compiled.of_sums(*matrices.shape[:2])) is not None:
        square = kernels.largest_square(for_kernels(matrices))
        if np.finfo(float).tiny < square < np.inf:
            return float(np.sqrt(square))
    return float(np.abs(matrices).max(initial=0.0))


def symmetrized_product(A: Complex, B: Complex) -> Complex:
    """Symmetrized product (A B + B A)/2 of Hermitian matrices."""
    product = A @ B
    return np.asarray(0.5 * (product + dagger(product)))


def sums_of_squares(matrices: Complex) -> Float:
    """Sums of the squared moduli of all elements of matrices (P, N, N), shape (P,)."""
    contiguous = np.ascontiguousarray(matrices)
    if (kernels := compiled.of_frames(*matrices.shape[:2])) is not None:
        sums = np.empty(len(matrices))
        kernels.sums_of_squares(contiguous, sums)
        return sums
    flat = contiguous.view(np.float64).reshape(len(matrices), -1)
    return np.asarray(np.einsum("pi,pi->p", flat, flat))
