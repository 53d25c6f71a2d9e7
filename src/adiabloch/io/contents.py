"""What is in files and objects of Wannier functions, on its way to a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import AdiablochError
from adiabloch.lattice import AXES
from adiabloch.models import TightBinding, WannierModel
from adiabloch.models.hoppings import checked_spin

HOPPING_DEFECT = 1e-5
"""How far h(R) and h(-R)^dagger may be apart, relative to the largest: files have finite digits."""
POSITION_DEFECT = 0.1
"""The same for the position matrix: Wannier90 takes it by finite differences, which leave a few percent."""
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
    """Largest difference of h(R) and h(-R)^dagger as they are in the file, relative to the largest h; likewise r."""
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
                return TightBinding(vectors, centres, hoppings, operators, reduced=False)
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
    tolerance: float,
    name: str,
    refuse: Callable[[str, int], NoReturn],
    rounding: float = 0.0,
) -> tuple[Complex, float]:
    """Matrices averaged with their Hermitian partners, and how far they were from them.

    Parameters
    ----------
    translations : int array, shape (R, 3)
    matrices : complex array, shape (R, n, n, components)
    tolerance : float
        How far X(R) and X(-R)^dagger may be apart, relative to the largest entry.
    name : str
        What to call them in errors.
    refuse : callable
        Raises the error, given the message and the number of the R that it is about.
    rounding : float
        How far they may be apart besides.

    Returns
    -------
    averaged : complex array
    defect : float
        The largest difference, relative to the largest entry.
    """
    index: dict[tuple[int, ...], int] = {}
    for number, R in enumerate(map(tuple, translations.tolist())):
        if index.setdefault(R, number) != number:
            refuse(f"R = {R} once more, expected each R once", number)
    for R, number in index.items():
        if tuple(-x for x in R) not in index:
            refuse(f"R = {R} comes without -R, expected both", number)
    adjoint = matrices[[index[tuple(-x for x in R)] for R in index]].conj().swapaxes(1, 2)
    defect = np.abs(matrices - adjoint).max(axis=(1, 2, 3))
    worst = int(np.argmax(defect))
    largest = float(np.abs(matrices).max())
    if defect[worst] > tolerance * largest + rounding:
        refuse(
            f"{name}(R) and {name}(-R)^dagger differ by {defect[worst]:.1e} at R = {list(index)[worst]}, "
            f"expected less than {tolerance:.0e} of the largest {name}",
            worst,
        )
    return 0.5 * (matrices + adjoint), float(defect[worst]) / max(largest, 1e-300)
