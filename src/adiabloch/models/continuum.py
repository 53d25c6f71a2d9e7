"""Lattice models of continuum (k.p) Hamiltonians with a cut-off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import InvalidModelError
from adiabloch.models.hoppings import Translation
from adiabloch.models.tight_binding import TightBinding
from adiabloch.scalars import is_whole, positive_number

LARGEST_POWER = 8
"""Largest total power of a term."""
BOUNDARY_POWER = 4
"""Power of sin^2(k a/2) in the term at the boundary."""
Series = Float | Complex
"""Coefficients of exp(i j k a), j = -m ... m."""


def from_kp(
    terms: Mapping[Any, ArrayLike],
    cutoff: float,
    *,
    accuracy: int = 4,
    boundary: ArrayLike | None = None,
    spin: ArrayLike | None = None,
) -> TightBinding:
    r"""Make a lattice model of a k.p Hamiltonian, H(k) = sum of k_x^p k_y^q ... M_pq, with a cut-off.

    .. math:: k_a \to \frac{1}{a} \sum_j c_j \sin(j k_a a), \qquad
              k_a^2 \to \frac{1}{a^2} \sum_j d_j\, [2 - 2 \cos(j k_a a)], \qquad a = \pi/\Lambda

    on a square or cubic lattice whose zone is \|k_a\| < Lambda, so that a power of k is exact up to a relative error
    of the order (k_a a)^accuracy.

    Parameters
    ----------
    terms : mapping {powers: (n, n) array_like}
        Hermitian matrices M by the powers of k_x, k_y, ..., for example {(0, 0): m, (1, 0): v_x, (0, 1): v_y}; the
        number of powers is the dimension.
    cutoff : float
        Largest wave vector Lambda along each axis, in 1/length.
    accuracy : int
        Order of the error: 2, 4, 6 or 8.
    boundary : array_like, shape (n, n), optional
        Hermitian matrix B that is added with the weight sum_a sin^8(k_a a/2). Odd powers of k vanish at the boundary of
        the zone too, where they make further Dirac cones; this term, like that of Wilson, opens their gaps.
    spin : array_like, shape (3, n, n), optional
        Spin operators, as for `TightBinding`.

    Returns
    -------
    TightBinding
        Model with n orbitals at the origin.

    Raises
    ------
    InvalidModelError
        Powers that are not whole numbers of one dimension, matrices of different shapes or not Hermitian.
    InvalidArgumentError
        The cut-off is not positive.

    Examples
    --------
    A massive Dirac cone:

    >>> import adiabloch as ab
    >>> sx, sy, sz = 2 * ab.models.spin_operators(2)
    >>> cone = ab.models.from_kp({(0, 0): 0.1 * sz, (1, 0): sx, (0, 1): sy}, cutoff=2.0, boundary=2 * sz)
    >>> cone.energies([[0.15, 0.2]]).round(3).tolist()
    [[-0.269, 0.269]]
    """
    wide = positive_number(cutoff, "from_kp: cutoff")
    if accuracy not in (2, 4, 6, 8):
        raise InvalidModelError(f"from_kp: accuracy: {accuracy!r}, expected 2, 4, 6 or 8")
    given = _checked_terms(terms)
    d, n = len(next(iter(given))), len(next(iter(given.values())))
    spacing = math.pi / wide
    hoppings: dict[Translation, Complex] = {}
    for powers, matrix in given.items():
        _add(hoppings, [_power(p, accuracy) / spacing**p for p in powers], matrix)
    if boundary is not None:
        B = _hermitian(boundary, "boundary", n)
        # sin^2(k a/2) = (2 - 2 cos k a)/4
        weight = _repeated(np.array([-0.25, 0.5, -0.25]), BOUNDARY_POWER)
        for axis in range(d):
            _add(hoppings, [weight if axis == other else np.ones(1) for other in range(d)], B)
    return TightBinding(spacing * np.eye(d), np.zeros((n, d)), hoppings, spin)


def _checked_terms(terms: Mapping[Any, ArrayLike]) -> dict[tuple[int, ...], Complex]:
    """Terms with tuples of powers and Hermitian matrices of one shape."""
    if not isinstance(terms, Mapping) or not terms:
        raise InvalidModelError("from_kp: terms: expected a mapping {(powers of kx, ky, ...): matrix}, not empty")
    found: dict[tuple[int, ...], Complex] = {}
    for key, matrix in terms.items():
        powers = key if isinstance(key, tuple) else (key,)
        first = next(iter(found), powers)
        if not (
            all(is_whole(p, 0) for p in powers) and len(powers) == len(first) <= 3 and sum(powers) <= LARGEST_POWER
        ):
            raise InvalidModelError(
                f"from_kp: powers {key!r}, expected {len(first)} whole numbers, at most {LARGEST_POWER} in total, as "
                "for the other terms"
            )
        size = len(next(iter(found.values()))) if found else None
        found[tuple(map(int, powers))] = _hermitian(matrix, f"term {key!r}", size)
    return found


def _hermitian(matrix: ArrayLike, name: str, size: int | None) -> Complex:
    """Hermitian matrix of the given size."""
    array = checked(np.atleast_2d(matrix), f"from_kp: {name}", (size, size), complex)
    if array.shape[0] != array.shape[1]:
        raise InvalidModelError(f"from_kp: {name}: shape {array.shape}, expected a square matrix")
    defect = float(np.abs(array - array.conj().T).max())
    if defect > 1e-10 * max(float(np.abs(array).max()), 1e-300):
        raise InvalidModelError(f"from_kp: {name}: not Hermitian, off by {defect:.1e}")
    return array


def _power(p: int, accuracy: int) -> Series:
    """Coefficients of (k a)^p on the lattice."""
    reach = accuracy // 2
    steps = np.arange(1, reach + 1)
    orders = np.arange(reach)
    square = np.linalg.solve(steps ** (2.0 * orders[:, None] + 2), (orders == 0).astype(float))
    even = np.concatenate([-square[::-1], [2 * square.sum()], -square])
    found = _repeated(even, p // 2)
    if p % 2 == 0:
        return found
    # sin(j k a) = (e^{i j k a} - e^{-i j k a})/2i
    first = np.linalg.solve(steps ** (2.0 * orders[:, None] + 1), (orders == 0).astype(float))
    odd = np.concatenate([0.5j * first[::-1], [0.0], -0.5j * first])
    return np.convolve(found, odd)


def _repeated(series: Series, times: int) -> Series:
    """Power of a series."""
    found: Series = np.ones(1)
    for _ in range(times):
        found = np.convolve(found, series)
    return found


def _add(hoppings: dict[Translation, Complex], series: Sequence[Series], matrix: Complex) -> None:
    """Add the product of series along the axes, times a matrix, to the hoppings."""
    for index in np.ndindex(*[len(one) for one in series]):
        coefficient = math.prod((one[at] for one, at in zip(series, index, strict=True)), start=complex(1))
        if coefficient != 0:
            R = tuple(int(at) - len(one) // 2 for one, at in zip(series, index, strict=True))
            hoppings[R] = hoppings.get(R, np.zeros_like(matrix)) + coefficient * matrix
