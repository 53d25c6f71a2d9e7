"""Hermitian parts of the matrices X(R) between Wannier functions, X(R) = X(-R)^dagger."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import warn

HOPPING_DEFECT = 1e-5
"""How far h(R) and h(-R)^dagger may be apart, relative to the largest: files have finite digits."""
POSITION_DEFECT = 0.15
"""The same for the position matrix, in units of the shortest lattice vector: Wannier90 takes finite differences."""
POSITION_DOUBT = 0.5
"""From when on a warning says so, relative to the largest element between two functions: these are then in doubt."""
POSITION_FLOOR = 1e-3
"""Below which none does, in units of the shortest lattice vector: elements between functions may be that small."""


def hermitian_part(
    translations: Integer,
    matrices: Complex,
    name: str,
    limit: float,
    expected: str,
    refuse: Callable[[str, int], NoReturn],
) -> tuple[Integer, Complex, float]:
    """Matrices averaged with their Hermitian partners, and how far they were from them.

    Parameters
    ----------
    translations : int array, shape (R, 3)
        With both R and -R, or of each pair one only: the other is filled in behind.
    matrices : complex array, shape (R, n, n, components)
    name : str
        What to call them in errors.
    limit : float
        How far X(R) and X(-R)^dagger may be apart.
    expected : str
        What is expected of that, for errors.
    refuse : callable
        Raises the error, given the message and the number of the R that it is about.

    Returns
    -------
    translations : int array
        Each R once.
    averaged : complex array
    defect : float
        The largest difference.
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
    ways, found = translations[kept], matrices[kept]
    if lonely:
        alone = [number for number, R in enumerate(index) if any(R)]
        ways = np.concatenate([ways, -ways[alone]])
        found = np.concatenate([found, found[alone].conj().swapaxes(1, 2)])
    places = {R: number for number, R in enumerate(map(tuple, ways.tolist()))}
    adjoint = found[[places[tuple(-x for x in R)] for R in places]].conj().swapaxes(1, 2)
    defect = np.abs(found - adjoint).max(axis=(1, 2, 3))
    worst = int(np.argmax(defect))
    if not defect[worst] <= limit:
        R = tuple(ways[worst].tolist())
        refuse(
            f"{name}(R) and {name}(-R)^dagger differ by {defect[worst]:.1e} at R = {R}, expected {expected}",
            index[R],
        )
    return ways, 0.5 * (found + adjoint), float(defect[worst])


def _is_half(cells: list[tuple[int, ...]]) -> bool:
    """Whether cells are those on one side of the origin: the first component that is not zero has one sign."""
    for order in permutations(range(3)):
        heads = [next((R[axis] for axis in order if R[axis]), 0) for R in cells]
        if all(head >= 0 for head in heads) or all(head <= 0 for head in heads):
            return True
    return False


def hermitian_hoppings(
    translations: Integer, matrices: Complex, name: str, refuse: Callable[[str, int], NoReturn], rounding: float = 0.0
) -> tuple[Integer, Complex, float]:
    """Hoppings averaged with their Hermitian partners (see `hermitian_part`); the defect relative to the largest.

    Energies are counted from their mean on site: where their zero is says nothing of how exact they are.

    Parameters
    ----------
    rounding : float
        How far they may be apart besides, for files of few digits.
    """
    counted = matrices[..., 0].copy()
    home = (translations == 0).all(axis=1)
    counted[home] -= np.einsum("rii->r", counted[home])[:, None, None] / counted.shape[1] * np.eye(counted.shape[1])
    spread, largest = 2 * float(np.abs(counted).max()), float(np.abs(matrices).max())
    scale = min(max(spread, 1e-6 * largest), largest)
    expected = f"less than {HOPPING_DEFECT:.0e} of the largest {name}, or of what energies on site differ by"
    limit = HOPPING_DEFECT * scale + rounding
    ways, found, defect = hermitian_part(translations, matrices, name, limit, expected, refuse)
    return ways, found, defect / max(largest, 1e-300)


def hermitian_positions(
    translations: Integer, matrices: Complex, vectors: Float, name: str, refuse: Callable[[str, int], NoReturn], of: str
) -> tuple[Integer, Complex, float]:
    """A position matrix averaged with its Hermitian partner (see `hermitian_part`), with a warning if that is far from it.

    Wannier90 takes it by finite differences about the origin, which is not Hermitian on a coarse mesh or far from
    there. How far it may be from it is measured by the shortest lattice vector, and whether that is said by the largest
    element between two functions: neither knows where the origin is.

    Parameters
    ----------
    vectors : float array, shape (3, 3)
        Lattice vectors.
    of : str
        Whose it is, for the warning.
    """
    length = float(np.sqrt((vectors**2).sum(axis=1)).min())
    expected = f"less than {POSITION_DEFECT:g} of the shortest lattice vector, {length:.3g} Angstrom"
    ways, found, defect = hermitian_part(translations, matrices, name, POSITION_DEFECT * length, expected, refuse)
    between = found.copy()
    at_home, own = np.flatnonzero((ways == 0).all(axis=1)), np.arange(found.shape[1])
    between[at_home[:, None], own, own] = 0.0
    largest = float(np.abs(between).max(initial=0.0))
    if defect > max(POSITION_DOUBT * largest, POSITION_FLOOR * length):
        warn(
            f"{of}: the position matrix is not Hermitian, {name}(R) and {name}(-R)^dagger differ by up to {defect:.3f} "
            f"Angstrom ({100 * defect / length:.1f} % of the shortest lattice vector; the largest element between two "
            f"functions is {largest:.3f} Angstrom): its Hermitian part is taken. The finite differences of Wannier90 "
            "are that inexact on a coarse mesh of k points or far from the origin; read_chk makes a better one from "
            "the checkpoint"
        )
    return ways, found, defect
