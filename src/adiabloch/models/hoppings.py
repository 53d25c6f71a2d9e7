"""Hoppings as users write them, checked and completed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidModelError
from adiabloch.linalg import dagger

Translation = tuple[int, ...]


def fingerprint(*arrays: Float | Complex | Integer | None) -> str:
    """Short hash of arrays, stable across runs and machines."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(str((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def exact_translation(R: Any, d: int) -> Translation:
    """The tuple of d integers that R stands for, or an error."""
    try:
        entries = tuple(R)
        exact = tuple(int(r) for r in entries)
    except (TypeError, ValueError):
        raise InvalidModelError(f"translation {R!r}: expected a tuple of {d} integers") from None
    if len(exact) != d or any(a != b for a, b in zip(entries, exact, strict=True)):
        raise InvalidModelError(f"translation {R!r}: expected a tuple of {d} integers")
    return exact


def checked_block(amplitude: ArrayLike, m: int, name: str) -> Complex:
    """An m x m block, or a number times the unit block."""
    expected = " ".join(f"{name}: amplitude {amplitude!r}, expected a number or a {m} x {m} block".split())
    try:
        block = np.asarray(amplitude, dtype=np.complex128)
    except (TypeError, ValueError):
        raise InvalidModelError(expected) from None
    if block.shape not in ((), (m, m)):
        raise InvalidModelError(expected)
    return block * np.eye(m) if block.ndim == 0 else block


def hermitian(matrices: Complex, name: str) -> Complex:
    """The Hermitian part of matrices that must be Hermitian, or an error that says which is not."""
    defect = np.abs(matrices - dagger(matrices)).max(axis=(-1, -2))
    scale = np.abs(matrices).max(initial=1e-300)
    if (defect > 1e-8 * scale).any():
        worst = int(np.argmax(defect))
        raise InvalidModelError(f"{name} {worst}: not Hermitian, off by {defect[worst]:.1e}")
    return frozen(0.5 * (matrices + dagger(matrices)))


def checked_hoppings(hoppings: Mapping[Any, ArrayLike], d: int, n: int) -> dict[Translation, Complex]:
    """Every R an exact tuple of integers, every h(R) a finite matrix; the on-site block added if it is missing."""
    if not isinstance(hoppings, Mapping):
        raise InvalidModelError(f"hoppings: expected a mapping {{R: ({n}, {n}) array}}, got {type(hoppings).__name__}")
    result = {}
    for R, h in hoppings.items():
        exact = exact_translation(R, d)
        result[exact] = checked(h, f"hopping at R = {exact}", (n, n), complex)
    result.setdefault((0,) * d, np.zeros((n, n), dtype=np.complex128))
    return result


def with_partners(hoppings: dict[Translation, Complex]) -> dict[Translation, Complex]:
    """Add h(-R) = h(R)^dagger where it is missing; where both are given they must agree."""
    scale = max(float(np.abs(h).max(initial=0.0)) for h in hoppings.values())
    complete: dict[Translation, Complex] = {}
    for R, h in hoppings.items():
        opposite = tuple(-r for r in R)
        partner = hoppings.get(opposite, h.conj().T)
        difference = np.abs(h - partner.conj().T)
        if difference.max(initial=0.0) > 1e-8 * scale:
            i, j = (int(x) for x in np.unravel_index(int(np.argmax(difference)), difference.shape))
            raise InvalidModelError(
                f"hoppings at R = {R} and {opposite} contradict each other: h({R})[{i}, {j}] = {h[i, j]:.6g} but "
                f"h({opposite})[{j}, {i}]* = {partner[j, i].conjugate():.6g}; expected h(-R) = h(R)^dagger"
            )
        complete[R] = 0.5 * (h + partner.conj().T)
        complete[opposite] = complete[R].conj().T
    return complete
