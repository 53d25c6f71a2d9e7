"""Hermitian parts of the matrices X(R) between Wannier functions, X(R) = X(-R)^dagger."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import warn

HOPPING_DEFECT = 1e-5
"""Largest difference between h(R) and h(-R)^dagger, relative to the largest h: files have finite digits."""
POSITION_DEFECT = 0.15
"""Largest difference between r(R) and r(-R)^dagger, in units of the shortest lattice vector: Wannier90 calculates r by
finite differences."""
POSITION_DOUBT = 0.5
"""Difference that causes a warning, relative to the largest element of r between two functions."""
POSITION_FLOOR = 1e-3
"""Difference below which there is no warning, in units of the shortest lattice vector."""


def hermitian_part(
    translations: Integer,
    matrices: Complex,
    name: str,
    limit: float,
    expected: str,
    refuse: Callable[[str, int], NoReturn],
) -> tuple[Integer, Complex, float]:
    """Average matrices X(R) with X(-R)^dagger.

    Parameters
    ----------
    translations : int array, shape (R, 3)
        Lattice vectors, either both R and -R, or only one of each pair; the missing ones are appended.
    matrices : complex array, shape (R, n, n, components)
        Matrices X(R).
    name : str
        Name of the matrices in error messages.
    limit : float
        Largest difference between X(R) and X(-R)^dagger.
    expected : str
        Description of the limit in error messages.
    refuse : callable
        Function that raises the error, given the message and the index of the R concerned.

    Returns
    -------
    translations : int array
        Each R once.
    averaged : complex array
        Hermitian part of the matrices.
    defect : float
        Largest difference between X(R) and X(-R)^dagger.
    """
    index: dict[tuple[int, ...], int] = {}
    for number, R in enumerate(map(tuple, translations.tolist())):
        first = index.setdefault(R, number)
        if first != number and not np.array_equal(matrices[first], matrices[number]):
            refuse(f"R = {R} once more with another matrix, expected each R once", number)
    kept = np.array([*index.values()])
    lonely = [R for R in index if tuple(-x for x in R) not in index]
    if lonely and not _is_half(list(index)):
        refuse(f"R = {lonely[0]} comes without -R, expected both", index[lonely[0]])
    cells, found = translations[kept], matrices[kept]
    if lonely:
        alone = [number for number, R in enumerate(index) if any(R)]
        cells = np.concatenate([cells, -cells[alone]])
        found = np.concatenate([found, found[alone].conj().swapaxes(1, 2)])
    numbers = {R: number for number, R in enumerate(map(tuple, cells.tolist()))}
    adjoint = found[[numbers[tuple(-x for x in R)] for R in numbers]].conj().swapaxes(1, 2)
    defect = np.abs(found - adjoint).max(axis=(1, 2, 3))
    worst = int(np.argmax(defect))
    if not defect[worst] <= limit:
        R = tuple(cells[worst].tolist())
        refuse(
            f"{name}(R) and {name}(-R)^dagger differ by {defect[worst]:.1e} at R = {R}, expected {expected}",
            index[R],
        )
    return cells, 0.5 * (found + adjoint), float(defect[worst])


def _is_half(cells: list[tuple[int, ...]]) -> bool:
    """Return True if all cells lie on one side of the origin: the first nonzero components have one sign."""
    for order in permutations(range(3)):
        heads = [next((R[axis] for axis in order if R[axis]), 0) for R in cells]
        if all(head >= 0 for head in heads) or all(head <= 0 for head in heads):
            return True
    return False


def hermitian_hoppings(
    translations: Integer, matrices: Complex, name: str, refuse: Callable[[str, int], NoReturn], rounding: float = 0.0
) -> tuple[Integer, Complex, float]:
    """Average hoppings h(R) with h(-R)^dagger (see `hermitian_part`).

    The limit of the difference is relative to the largest hopping, with on-site energies counted from their mean, so
    that it does not depend on the zero of energy.

    Parameters
    ----------
    rounding : float
        Additional difference allowed for files with few digits.

    Returns
    -------
    translations, averaged
        As for `hermitian_part`.
    defect : float
        Largest difference relative to the largest hopping.
    """
    counted = matrices[..., 0].copy()
    home = (translations == 0).all(axis=1)
    counted[home] -= np.einsum("rii->r", counted[home])[:, None, None] / counted.shape[1] * np.eye(counted.shape[1])
    spread, largest = 2 * float(np.abs(counted).max()), float(np.abs(matrices).max())
    scale = min(max(spread, 1e-6 * largest), largest)
    expected = f"less than {HOPPING_DEFECT:.0e} of the largest {name}, or of the spread of the on-site energies"
    limit = HOPPING_DEFECT * scale + rounding
    cells, found, defect = hermitian_part(translations, matrices, name, limit, expected, refuse)
    return cells, found, defect / max(largest, 1e-300)


def hermitian_positions(
    translations: Integer, matrices: Complex, vectors: Float, name: str, refuse: Callable[[str, int], NoReturn], of: str
) -> tuple[Integer, Complex, float]:
    """Average a position matrix r(R) with r(-R)^dagger (see `hermitian_part`), with a warning if they differ much.

    Wannier90 calculates r by finite differences about the origin. The result is not Hermitian on a coarse mesh or far
    from the origin. The limit of the difference is relative to the shortest lattice vector, and that of the warning
    relative to the largest element between two functions; neither depends on the origin.

    Parameters
    ----------
    vectors : float array, shape (3, 3)
        Lattice vectors.
    of : str
        Source of the matrix in the warning.
    """
    length = float(np.sqrt((vectors**2).sum(axis=1)).min())
    expected = f"less than {POSITION_DEFECT:g} of the shortest lattice vector, {length:.3g} Angstrom"
    cells, found, defect = hermitian_part(translations, matrices, name, POSITION_DEFECT * length, expected, refuse)
    between = found.copy()
    at_home, own = np.flatnonzero((cells == 0).all(axis=1)), np.arange(found.shape[1])
    between[at_home[:, None], own, own] = 0.0
    largest = float(np.abs(between).max(initial=0.0))
    if defect > max(POSITION_DOUBT * largest, POSITION_FLOOR * length):
        warn(
            f"{of}: the position matrix is not Hermitian, {name}(R) and {name}(-R)^dagger differ by up to {defect:.3f} "
            f"Angstrom ({100 * defect / length:.1f} % of the shortest lattice vector; the largest element between two "
            f"functions is {largest:.3f} Angstrom): its Hermitian part is taken. The finite differences of Wannier90 "
            "are inaccurate on a coarse mesh of k points or far from the origin; read_chk calculates a more accurate "
            "position matrix from the checkpoint"
        )
    return cells, found, defect
