"""Matrices by lattice translation: checks, Hermitian partners, supercells, and their energy scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen, tensor_grid
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.linalg import dagger
from adiabloch.memory import COPIES, check_memory

Translation = tuple[int, ...]
Shape = tuple[int, ...]
FARTHEST_CELL = 10_000
"""Largest component of a translation: a mesh that resolves it needs more points along that axis."""
TOGETHER = 2**22
"""Size in bytes of the blocks that are checked together."""
SMALLEST_ENERGY, LARGEST_ENERGY = 1e-200, 1e200
"""Range of the largest hopping: products and quotients of energies in the responses then stay finite."""


def fingerprint(*arrays: Float | Complex | Integer | None) -> str:
    """Short hash of arrays that does not depend on the machine; None is skipped."""
    # imported here because hashlib is slow to import
    import hashlib

    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(str((array.shape, array.dtype.str)).encode())
            for part in (array,) if array.nbytes <= TOGETHER else array:
                # adding 0 turns -0 into +0
                digest.update(np.ascontiguousarray(part + 0).tobytes())
    return digest.hexdigest()[:16]


def with_replaced_fields(original: Any, **fields: object) -> Any:
    """Copy of an object with other values of some fields, without a call of its constructor."""
    other = object.__new__(type(original))
    other.__dict__.update({**original.__dict__, **fields})
    return other


def on_translations(
    blocks: Mapping[Translation, Complex], translations: Iterable[Translation]
) -> dict[Translation, Complex]:
    """Matrices on given translations, read-only; zero where they are not known."""
    zero = np.zeros_like(next(iter(blocks.values())))
    return {R: frozen(blocks.get(R, zero)) for R in translations}


def checked_translation(R: Any, d: int) -> Translation:
    """Convert R to a tuple of d integers.

    Raises
    ------
    InvalidModelError
        R is not a sequence of d integers, or one of them exceeds `FARTHEST_CELL`.
    """
    if type(R) is tuple and [*map(type, R)] == [int] * d and max(map(abs, R)) <= FARTHEST_CELL:
        return R
    try:
        entries = tuple(R)
        exact = tuple(int(r) for r in entries)
    except (TypeError, ValueError, OverflowError):
        raise InvalidModelError(f"translation {R!r}: expected a tuple of {d} integers") from None
    if len(exact) != d or any(a != b for a, b in zip(entries, exact, strict=True)):
        raise InvalidModelError(f"translation {R!r}: expected a tuple of {d} integers")
    if max(map(abs, exact)) > FARTHEST_CELL:
        raise InvalidModelError(f"translation {R!r}: expected at most {FARTHEST_CELL} cells in any direction")
    return exact


def checked_block(amplitude: ArrayLike, m: int, name: str) -> Complex:
    """Convert an m x m block, or a number that multiplies the unit matrix, to an m x m block."""
    try:
        block = np.asarray(amplitude, dtype=np.complex128)
    except (TypeError, ValueError):
        block = np.zeros(0, dtype=np.complex128)
    if block.shape == (m, m):
        return block
    if block.shape:
        message = f"{name}: amplitude {amplitude!r}, expected a number or a {m} x {m} block"
        raise InvalidModelError(" ".join(message.split()))
    return np.full((1, 1), block) if m == 1 else block * np.eye(m)


def checked_hermitian(matrices: Complex, name: str) -> Complex:
    """Hermitian part of matrices (..., n, n) that are Hermitian up to rounding.

    Raises
    ------
    InvalidModelError
        A matrix is not Hermitian; the message gives its number.
    """
    defect = np.abs(matrices - dagger(matrices)).max(axis=(-1, -2))
    scale = np.abs(matrices).max(initial=1e-300)
    if (defect > 1e-8 * scale).any():
        worst = int(np.argmax(defect))
        raise InvalidModelError(f"{name} {worst}: not Hermitian, off by {defect[worst]:.1e}")
    return frozen(0.5 * (matrices + dagger(matrices)))


def checked_hoppings(
    hoppings: Mapping[Any, ArrayLike], d: int, n: int, name: str = "hopping"
) -> dict[Translation, Complex]:
    """Hoppings with exact translations and finite (n, n) matrices; a zero on-site block is added if it is missing.

    Parameters
    ----------
    hoppings : mapping {R: (n, n) array_like}
    d, n : int
        Dimension and number of orbitals.
    name : str
        Name of a matrix, for messages.
    """
    if not isinstance(hoppings, Mapping):
        raise InvalidModelError(f"hoppings: expected a mapping {{R: ({n}, {n}) array}}, got {type(hoppings).__name__}")
    exact = [checked_translation(R, d) for R in hoppings]
    result = dict(zip(exact, checked_blocks([*hoppings.values()], exact, (n, n), name), strict=True))
    result.setdefault((0,) * d, np.zeros((n, n), dtype=np.complex128))
    return result


def checked_blocks(
    blocks: Sequence[ArrayLike], translations: Sequence[Translation], shape: Shape, name: str
) -> list[Complex]:
    """Finite blocks of one shape, arrays without a copy; all together, and one by one to name the one that is wrong."""
    if all(isinstance(h, np.ndarray) and h.shape == shape and h.dtype.kind in "fciu" for h in blocks) and all(
        np.isfinite(np.array(part)).all() for part in _parts(blocks)
    ):
        return [np.asarray(h) for h in blocks]
    return [checked(h, f"{name} at R = {R}", shape, complex) for R, h in zip(translations, blocks, strict=True)]


def _parts(blocks: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Parts of a sequence of arrays of one shape, each of about the size `TOGETHER`."""
    size = TOGETHER // max(sum(block.nbytes for block in blocks[:1]), 1) or 1
    return (blocks[first : first + size] for first in range(0, len(blocks), size))


def with_partners(
    hoppings: Mapping[Translation, Complex], name: str = "hoppings", symbol: str = "h", axes: Sequence[str] = ()
) -> dict[Translation, Complex]:
    """Add the partners h(-R) = h(R)^dagger that are missing (see `complete_blocks`)."""
    cells, blocks = complete_blocks(hoppings, name, symbol, axes)
    number = {R: index for index, R in enumerate(cells)}
    return {R: blocks[number[R]] for one in hoppings for R in (one, opposite(one))}


def complete_blocks(
    hoppings: Mapping[Translation, Complex], name: str = "hoppings", symbol: str = "h", axes: Sequence[str] = ()
) -> tuple[list[Translation], Complex]:
    """Matrices by translation with the partners h(-R) = h(R)^dagger, in one array.

    Parameters
    ----------
    hoppings : mapping {R: (..., n, n) array}
    name, symbol : str
        Name of the mapping and symbol of its matrices, for messages.
    axes : sequence of str
        Names of the matrices along the first axis of each block, if it has one.

    Returns
    -------
    cells : list of Translation
        Sorted.
    blocks : complex array, shape (R, ..., n, n)

    Raises
    ------
    InvalidModelError
        Both h(R) and h(-R) are given, and they are not Hermitian conjugates of each other.
    """
    given = [*hoppings]
    cells = sorted({*given, *map(opposite, given)})
    number = {R: index for index, R in enumerate(cells)}
    complete = np.empty((len(cells), *hoppings[given[0]].shape), dtype=np.complex128)
    largest = max(float(np.abs(np.array(part)).max(initial=0.0)) for part in _parts([*hoppings.values()]))
    size = TOGETHER // max(complete[0].nbytes, 1) or 1
    for part in (given[first : first + size] for first in range(0, len(given), size)):
        blocks: Complex = np.array([hoppings[R] for R in part], dtype=np.complex128)
        # dagger of the partner: of the one given, or the block itself
        known = np.array([opposite(R) in hoppings for R in part])
        partners: Complex = np.array([hoppings.get(opposite(R), hoppings[R]) for R in part], dtype=np.complex128)
        expected = np.where(known.reshape(-1, *[1] * (blocks.ndim - 1)), dagger(partners), blocks)
        difference = np.abs(blocks - expected)
        wrong = difference.reshape(len(part), -1).max(axis=1, initial=0.0) > 1e-8 * largest
        if wrong.any():
            at = int(np.argmax(wrong))
            raise _contradiction(part[at], blocks[at], expected[at], difference[at], name, symbol, axes)
        halves = 0.5 * (blocks + expected)
        for R, half, partner in zip(part, halves, dagger(halves), strict=True):
            complete[number[R]] = half
            complete[number[opposite(R)]] = partner
    return cells, complete


def opposite(R: Translation) -> Translation:
    """Translation -R."""
    return tuple(-r for r in R)


def _contradiction(
    R: Translation,
    block: Complex,
    expected: Complex,
    difference: Float,
    name: str,
    symbol: str,
    axes: Sequence[str],
) -> InvalidModelError:
    """Error for a matrix that is not the Hermitian conjugate of its partner."""
    *which, i, j = (int(x) for x in np.unravel_index(int(np.argmax(difference)), difference.shape))
    symbol = "_".join([symbol, *(axes[number] for number in which if axes)])
    shown = () if axes else which
    there, back = (", ".join(map(str, (*shown, *ij))) for ij in ((i, j), (j, i)))
    if not any(R):
        return InvalidModelError(
            f"{name}: the block within a cell, R = {R}, is not Hermitian: {symbol}[{there}] = "
            f"{block[*which, i, j]:.6g} but {symbol}[{back}] = {block[*which, j, i]:.6g}, expected its conjugate"
        )
    return InvalidModelError(
        f"{name} at R = {R} and {opposite(R)} contradict each other: {symbol}({R})[{there}] = "
        f"{block[*which, i, j]:.6g} but {symbol}({opposite(R)})[{back}]* = {expected[*which, i, j]:.6g}; "
        f"expected {symbol}(-R) = {symbol}(R)^dagger"
    )


def checked_spin(spin: object, d: int, n: int, name: str = "spin") -> Complex | dict[Translation, Complex]:
    """Spin operators, (3, n, n) if they act within the cell, else (3, n, n) by translation.

    Parameters
    ----------
    spin : array_like or mapping {R: array_like}
    d, n : int
        Dimension and number of orbitals.
    name : str
        Name of the operators, for messages.

    Raises
    ------
    InvalidModelError
        Other shapes, or operators that are not Hermitian.
    """
    if not isinstance(spin, Mapping):
        return checked_hermitian(checked(spin, name, (3, n, n), complex), name)  # type: ignore[arg-type]
    home = (0,) * d
    given = {checked_translation(R, d): S for R, S in spin.items()}
    blocks = checked_blocks([*given.values()], [*given], (3, n, n), name)
    operators = {home: np.zeros((3, n, n), dtype=np.complex128), **dict(zip(given, blocks, strict=True))}
    complete = with_partners(operators, name, "S")
    nonzero = sorted(R for R, S in complete.items() if S.any() or home == R)
    if nonzero == [home]:
        return checked_hermitian(complete[home], name)
    # adding 0 turns -0 into +0
    return {R: frozen(complete[R] + 0.0) for R in nonzero}


def folded_to_supercell(
    blocks: Mapping[Translation, Complex], cells: Integer, wide: Float
) -> dict[Translation, Complex]:
    """Matrices by translation of the supercell, with the copies of an orbital ordered by `cells`.

    Parameters
    ----------
    blocks : mapping {R: (..., n, n) array}
    cells : int array, shape (copies, d)
        Cells in the supercell (see `cells_in_supercell`).
    wide : float array, shape (d, d)
        Lattice vectors of the supercell as rows, in units of the old ones.

    Returns
    -------
    dict {R: (..., copies n, copies n) array}
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


def cells_in_supercell(matrix: ArrayLike, d: int, matrices: int = 0, size: int = 1) -> tuple[Float, Integer]:
    """Lattice vectors of a supercell and the cells in it, with a check of the memory for its matrices.

    Parameters
    ----------
    matrix : array_like, shape (d, d), integers
        Rows are the vectors of the supercell in units of the old ones.
    d : int
        Dimension.
    matrices, size : int
        Number of matrices of the crystal, and their rows.

    Returns
    -------
    wide : float array, shape (d, d)
    cells : int array, shape (|det wide|, d)

    Raises
    ------
    InvalidArgumentError
        Rows that are not integers or not linearly independent, or a supercell that does not fit in memory.
    """
    wide = checked(matrix, "supercell matrix", (d, d))
    lowest, highest = np.minimum(wide, 0).sum(axis=0), np.maximum(wide, 0).sum(axis=0)
    with np.errstate(over="ignore"):
        copies, box = abs(float(np.linalg.det(wide))), float(np.prod(highest - lowest + 1))
    if not copies > 0.5 or (wide != np.rint(wide)).any():
        raise InvalidArgumentError(f"supercell matrix: expected independent integer rows, got {wide.tolist()}")
    # without any reach beyond the supercell, there are its matrix at home and those to the adjacent supercells
    orbitals, blocks = copies * size, min(matrices, 3**d)
    check_memory(
        8.0 * 4 * d * box + COPIES * 16.0 * blocks * orbitals * orbitals,
        f"supercell matrix: {copies:.6g} copies of the cell",
        "ask for a smaller supercell",
    )
    cells = tensor_grid([np.arange(low, high + 1, dtype=np.int64) for low, high in zip(lowest, highest, strict=True)])
    inside = np.floor(cells @ np.linalg.inv(wide) + 1e-9)
    return wide, cells[(inside == 0).all(axis=1)]


def check_energy_range(amplitudes: Complex) -> None:
    """Raise InvalidModelError if the largest hopping is outside the range of `SMALLEST_ENERGY` to `LARGEST_ENERGY`."""
    largest = _largest_part(amplitudes)
    if largest and not SMALLEST_ENERGY < largest < LARGEST_ENERGY:
        raise InvalidModelError(
            f"hoppings: the largest one is {largest:.3g}, too close to the limits of the range of numbers; expected "
            f"{SMALLEST_ENERGY:.0e} to {LARGEST_ENERGY:.0e}; use another unit of energy"
        )


def energy_scale(amplitudes: Complex, translations: Integer) -> float:
    """Largest hopping or difference of on-site energies; without both, the largest on-site energy, or 1.

    Parameters
    ----------
    amplitudes : complex array, shape (R, N, N)
    translations : int array, shape (R, d)
    """
    home = (translations == 0).all(axis=1)
    levels, inside = np.diagonal(amplitudes[home][0]).real, amplitudes[home]
    orbitals = np.arange(amplitudes.shape[-1])
    inside[:, orbitals, orbitals] = 0.0
    couplings = max(_largest_part(inside), _largest_part(amplitudes, ~home))
    return float(max(np.ptp(levels), couplings) or np.abs(levels).max() or 1.0)


def _largest_part(matrices: Complex, which: np.ndarray | bool = True) -> float:
    """Largest real or imaginary part of some matrices (R, N, N).

    The rounding of a modulus depends on the unit. A copy of all matrices may not fit into memory.
    """
    parts = np.ascontiguousarray(matrices).view(float)
    where = np.broadcast_to(np.reshape(which, (-1, 1, 1)), parts.shape)
    return float(max(parts.max(initial=0.0, where=where), -parts.min(initial=0.0, where=where)))
