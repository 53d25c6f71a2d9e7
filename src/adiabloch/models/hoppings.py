"""Hoppings as users write them, checked and completed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidModelError
from adiabloch.linalg import dagger

Translation = tuple[int, ...]
FARTHEST = 10_000
"""Cells that a hopping may reach: a mesh that resolves it has more points than that along its axis."""


def fingerprint(*arrays: Float | Complex | Integer | None) -> str:
    """Short hash of arrays, stable across runs and machines."""
    # slow to import, and needed by few who import this
    import hashlib

    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(str((array.shape, array.dtype.str)).encode())
            # a zero has no sign
            digest.update(np.ascontiguousarray(array + 0).tobytes())
    return digest.hexdigest()[:16]


def with_replaced_fields(original: Any, **fields: object) -> Any:
    """The same thing with other values of some fields."""
    other = object.__new__(type(original))
    other.__dict__.update({**original.__dict__, **fields})
    return other


def checked_translation(R: Any, d: int) -> Translation:
    """The tuple of d integers that R stands for, or an error."""
    try:
        entries = tuple(R)
        exact = tuple(int(r) for r in entries)
    except (TypeError, ValueError, OverflowError):
        raise InvalidModelError(f"translation {R!r}: expected a tuple of {d} integers") from None
    if len(exact) != d or any(a != b for a, b in zip(entries, exact, strict=True)):
        raise InvalidModelError(f"translation {R!r}: expected a tuple of {d} integers")
    if max(map(abs, exact)) > FARTHEST:
        raise InvalidModelError(f"translation {R!r}: expected at most {FARTHEST} cells in any direction")
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


def checked_hermitian(matrices: Complex, name: str) -> Complex:
    """The Hermitian part of matrices that must be Hermitian, or an error that says which is not."""
    defect = np.abs(matrices - dagger(matrices)).max(axis=(-1, -2))
    scale = np.abs(matrices).max(initial=1e-300)
    if (defect > 1e-8 * scale).any():
        worst = int(np.argmax(defect))
        raise InvalidModelError(f"{name} {worst}: not Hermitian, off by {defect[worst]:.1e}")
    return frozen(0.5 * (matrices + dagger(matrices)))


def checked_hoppings(
    hoppings: Mapping[Any, ArrayLike], d: int, n: int, name: str = "hopping"
) -> dict[Translation, Complex]:
    """Every R an exact tuple of integers, every h(R) a finite matrix; the on-site block added if it is missing."""
    if not isinstance(hoppings, Mapping):
        raise InvalidModelError(f"hoppings: expected a mapping {{R: ({n}, {n}) array}}, got {type(hoppings).__name__}")
    result = {}
    for R, h in hoppings.items():
        exact = checked_translation(R, d)
        result[exact] = checked(h, f"{name} at R = {exact}", (n, n), complex)
    result.setdefault((0,) * d, np.zeros((n, n), dtype=np.complex128))
    return result


def with_partners(
    hoppings: Mapping[Translation, Complex], name: str = "hoppings", symbol: str = "h"
) -> dict[Translation, Complex]:
    """Add h(-R) = h(R)^dagger where it is missing; where both are given they must agree.

    Parameters
    ----------
    hoppings : mapping {R: (..., n, n) array}
    name, symbol : str
        What to call them in errors.
    """
    scale = max(float(np.abs(h).max(initial=0.0)) for h in hoppings.values())
    complete: dict[Translation, Complex] = {}
    for R, h in hoppings.items():
        opposite = tuple(-r for r in R)
        partner = hoppings.get(opposite, dagger(h))
        difference = np.abs(h - dagger(partner))
        if difference.max(initial=0.0) > 1e-8 * scale:
            *which, i, j = (int(x) for x in np.unravel_index(int(np.argmax(difference)), difference.shape))
            if not any(R):
                row, column = (", ".join(map(str, (*which, *ij))) for ij in ((i, j), (j, i)))
                raise InvalidModelError(
                    f"{name}: the block within a cell, R = {R}, is not Hermitian: {symbol}[{row}] = "
                    f"{h[*which, i, j]:.6g} but {symbol}[{column}] = {h[*which, j, i]:.6g}, expected its conjugate"
                )
            there, back = (", ".join(map(str, (*which, *ij))) for ij in ((i, j), (j, i)))
            raise InvalidModelError(
                f"{name} at R = {R} and {opposite} contradict each other: {symbol}({R})[{there}] = "
                f"{h[*which, i, j]:.6g} but {symbol}({opposite})[{back}]* = {partner[*which, j, i].conjugate():.6g}; "
                f"expected {symbol}(-R) = {symbol}(R)^dagger"
            )
        complete[R] = 0.5 * (h + dagger(partner))
        complete[opposite] = dagger(complete[R])
    return complete


def checked_spin(spin: object, d: int, n: int, name: str = "spin") -> Complex | dict[Translation, Complex]:
    """Spin operators: (3, n, n) on site, or (3, n, n) by translation where they reach other cells.

    Parameters
    ----------
    spin : array_like or mapping {R: array_like}
    d, n : int
        Dimension and number of orbitals.
    name : str
        What to call them in errors.
    """
    if not isinstance(spin, Mapping):
        return checked_hermitian(checked(spin, name, (3, n, n), complex), name)  # type: ignore[arg-type]
    home = (0,) * d
    given = {checked_translation(R, d): S for R, S in spin.items()}
    blocks = {R: checked(S, f"{name} at R = {R}", (3, n, n), complex) for R, S in given.items()}
    complete = with_partners({home: np.zeros((3, n, n), dtype=np.complex128), **blocks}, name, "S")
    reaching = sorted(R for R, S in complete.items() if S.any() or home == R)
    if reaching == [home]:
        return checked_hermitian(complete[home], name)
    # zeros of either sign are the same, but not to a fingerprint
    return {R: frozen(complete[R] + 0.0) for R in reaching}


def folded_to_supercell(
    blocks: Mapping[Translation, Complex], cells: Integer, wide: Float
) -> dict[Translation, Complex]:
    """Matrices (..., n, n) by translation as those of a larger cell, copy by copy.

    Parameters
    ----------
    blocks : mapping {R: (..., n, n) array}
    cells : int array, shape (copies, d)
        Those that the larger cell holds.
    wide : float array, shape (d, d)
        Its lattice vectors in terms of the old ones, as rows.
    """
    copies, into = len(cells), np.linalg.inv(wide)
    number = {tuple(cell): index for index, cell in enumerate(cells.tolist())}
    translations = np.array([*blocks], dtype=np.int64)
    result: dict[Translation, Complex] = {}
    for index, cell in enumerate(cells):
        targets = cell + translations
        outer = np.floor(targets @ into + 1e-9)
        inner = np.rint(targets - outer @ wide).astype(int)
        for R, home, block in zip(outer.astype(int).tolist(), inner.tolist(), blocks.values(), strict=True):
            *extra, n, _ = block.shape
            whole = result.setdefault(tuple(R), np.zeros((*extra, copies, n, copies, n), dtype=np.complex128))
            whole[..., index, :, number[tuple(home)], :] += block
    return {R: b.reshape(*b.shape[:-4], b.shape[-4] * b.shape[-3], -1) for R, b in result.items()}


def cells_in_supercell(wide: Float) -> Integer:
    """Cells that a larger one holds, (|det|, d), given its lattice vectors in terms of the old ones."""
    d, reach = len(wide), int(np.abs(wide).sum())
    cells = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * d, indexing="ij"), -1).reshape(-1, d)
    inside = np.floor(cells @ np.linalg.inv(wide) + 1e-9)
    return cells[(inside == 0).all(axis=1)]
