"""What is in files and objects of Wannier functions, on its way to a model."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import AccuracyWarning, AdiablochError
from adiabloch.lattice import AXES
from adiabloch.models import TightBinding, WannierModel
from adiabloch.models.hoppings import checked_spin

HOPPING_DEFECT = 1e-5
"""How far h(R) and h(-R)^dagger may be apart, relative to the largest: files have finite digits."""
POSITION_DEFECT = 0.25
"""The same for the position matrix, in units of the shortest lattice vector: Wannier90 takes finite differences."""
POSITION_DOUBT = 1 / 60
"""From when on a warning says so, in the same unit: about what meshes of four points a side leave stays below."""
NEGLIGIBLE = 1e-6
"""Relative size of what may be dropped along the directions that a slab does not have."""


@dataclass(frozen=True, eq=False)
class Contents:
    """Matrices of Wannier functions, made Hermitian and with all weights divided out."""

    vectors: Float
    """Lattice vectors as rows, (3, 3)."""
    centres: Float
    """Of the Wannier functions, (n, 3)."""
    translations: Integer
    """(R, 3)."""
    hoppings: Complex
    """(R, n, n, 1)."""
    positions: Complex | None
    """The position matrix (R, n, n, 3) if the files hold it."""
    defects: dict[str, float]
    """Largest difference of h(R) and h(-R)^dagger as they are in the file, relative to the largest h; that of r in
    Angstrom."""
    sources: tuple[Path, ...]
    """The files it was read from."""
    refuse: Callable[[str], NoReturn]
    """What raises the error about the hoppings' file."""
    refuse_cell: Callable[[str], NoReturn]
    """The same for the lattice vectors, wherever they came from."""
    spins: Complex | None = None
    """Spin operators (R, n, n, 3) in units of hbar, if the files hold them."""

    def model(self, dimension: int, spin: ArrayLike | Mapping[Any, ArrayLike] | None = None) -> TightBinding:
        """As a model in the first dimensions: a WannierModel if there is a position matrix.

        Spin operators that are given take the place of those in the files.
        """
        _check_slab(self.vectors, dimension, self.refuse_cell)
        inside = (self.translations[:, dimension:] == 0).all(axis=1)
        for matrices, name in (
            (self.hoppings, "hoppings"),
            (self.positions, "position matrix"),
            (self.spins, "spin matrices"),
        ):
            if matrices is None:
                continue
            beyond, largest = (float(np.abs(part).max(initial=0.0)) for part in (matrices[~inside], matrices))
            if beyond > NEGLIGIBLE * largest:
                self.refuse(f"{name} up to {beyond:.1e} leave the {dimension} dimensions asked for, expected none")
        keys = [tuple(map(int, R)) for R in self.translations[inside, :dimension]]
        hoppings = dict(zip(keys, self.hoppings[inside][..., 0], strict=True))
        vectors, centres = self.vectors[:dimension, :dimension], self.centres[:, :dimension]
        # what the caller gave is not to be blamed on the file
        operators = None if spin is None else checked_spin(spin, dimension, len(centres))
        if spin is None and self.spins is not None:
            operators = dict(zip(keys, np.moveaxis(self.spins[inside], 3, 1), strict=True))
        try:
            if self.positions is None:
                return TightBinding(vectors, centres, hoppings, operators)
            positions = dict(zip(keys, self.positions[inside][..., :dimension], strict=True))
            return WannierModel(vectors, None, hoppings, positions, operators)
        except AdiablochError as reason:
            self.refuse_cell(str(reason))


def _check_slab(vectors: Float, dimension: int, refuse: Callable[[str], NoReturn]) -> None:
    """Whether lattice vectors (3, 3) leave the first axes apart from the others."""
    if np.abs([vectors[:dimension, dimension:], vectors[dimension:, :dimension].T]).max(initial=0.0) > 1e-8:
        refuse(
            f"lattice vectors {vectors.tolist()}, expected the first {dimension} along {', '.join(AXES[:dimension])} "
            f"and the others perpendicular for dimension = {dimension}"
        )


def averaged(
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
    halved = not any(any(R) and tuple(-x for x in R) in index for R in index)
    if lonely and not halved:
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


def averaged_hoppings(
    translations: Integer, matrices: Complex, name: str, refuse: Callable[[str, int], NoReturn], rounding: float = 0.0
) -> tuple[Integer, Complex, float]:
    """Hoppings averaged with their Hermitian partners (see `averaged`); the defect relative to the largest.

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
    ways, found, defect = averaged(translations, matrices, name, limit, expected, refuse)
    return ways, found, defect / max(largest, 1e-300)


def averaged_positions(
    translations: Integer, matrices: Complex, vectors: Float, name: str, refuse: Callable[[str, int], NoReturn], of: str
) -> tuple[Integer, Complex, float]:
    """A position matrix averaged with its Hermitian partner (see `averaged`), with a warning if that is far from it.

    Wannier90 takes it by finite differences about the origin, which is not Hermitian on a coarse mesh or far from
    there. How far it may be from it is measured by the shortest lattice vector, whatever the origin.

    Parameters
    ----------
    vectors : float array, shape (3, 3)
        Lattice vectors.
    of : str
        Whose it is, for the warning.
    """
    length = float(np.sqrt((vectors**2).sum(axis=1)).min())
    expected = f"less than a quarter of the shortest lattice vector, {length:.3g} Angstrom"
    ways, found, defect = averaged(translations, matrices, name, POSITION_DEFECT * length, expected, refuse)
    if defect > POSITION_DOUBT * length:
        warn(
            f"{of}: the position matrix is not Hermitian, {name}(R) and {name}(-R)^dagger differ by up to {defect:.3f} "
            f"Angstrom ({100 * defect / length:.1f} % of the shortest lattice vector): its Hermitian part is taken. "
            "The finite differences of Wannier90 are that inexact on a coarse mesh of k points or far from the origin; "
            "read_chk makes a better one from the checkpoint"
        )
    return ways, found, defect


def warn(message: str) -> None:
    """Warn at the line of the user that called this library."""
    level, frame = 1, sys._getframe(0)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __name__.partition(".")[0]:
        level, frame = level + 1, frame.f_back  # type: ignore[assignment]
    warnings.warn(message, AccuracyWarning, stacklevel=level)
