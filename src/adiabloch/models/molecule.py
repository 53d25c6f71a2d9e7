"""Molecules: models without translations, given by single matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import checked
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.models.hoppings import Translation


class MoleculeArguments(NamedTuple):
    """Arguments of a `TightBinding` in a cell without hoppings to others."""

    lattice: Lattice
    positions: ArrayLike | None
    hoppings: dict[Translation, Any]
    spin: Any
    position_matrix: dict[Translation, Any] | None
    reduced: bool


def molecule_arguments(
    positions: ArrayLike | None,
    hoppings: Any,
    spin: Any,
    position_matrix: Any,
    reduced: bool | None,
    lattice: Lattice | None = None,
) -> MoleculeArguments:
    """Matrices of a molecule by the only translation.

    Parameters
    ----------
    positions, hoppings, spin, position_matrix, reduced
        As for `TightBinding`; matrices, or {R: matrix} with the only translation R, which may be ().
    lattice : Lattice, optional
        Cell of the molecule, made from the positions by default.

    Raises
    ------
    InvalidModelError
        Translations, reduced positions, or matrices of other shapes.
    """
    if reduced:
        raise InvalidModelError("positions: reduced, but a molecule has no lattice vectors; expected Cartesian ones")
    H, r, S = (
        _only(given, name)
        for given, name in ((hoppings, "hoppings"), (position_matrix, "position matrix"), (spin, "spin"))
    )
    matrix = None if r is None else checked(r, "position matrix", (None, None, None), complex)
    if positions is None and matrix is None:
        raise InvalidModelError("positions: None, expected positions of the orbitals, or a position_matrix")
    if positions is None:
        assert matrix is not None
        places = np.diagonal(matrix).real.T
    else:
        places = checked(positions, "positions", (None, None))
    d = places.shape[1]
    if d not in (1, 2, 3):
        raise InvalidModelError(f"positions: {d} components, expected 1, 2 or 3")
    if lattice is None:
        apart = (
            0.0 if matrix is None else float(np.abs(matrix - np.eye(len(matrix))[..., None] * places).max(initial=0))
        )
        lattice = Lattice.of_molecule(places, apart)
    home = (0,) * d
    return MoleculeArguments(lattice, positions, {home: H}, S, None if matrix is None else {home: matrix}, False)


def _only(given: Any, name: str) -> Any:
    """The matrix, which may be given by the only translation."""
    if not isinstance(given, Mapping):
        return given
    elsewhere = [R for R in given if not (isinstance(R, tuple) and not any(R)) and np.abs(given[R]).max() > 0]
    if elsewhere or len(given) < 1:
        raise InvalidModelError(
            f"{name} at R = {elsewhere[0] if elsewhere else None}: a molecule has no translations; expected one "
            "matrix, or lattice vectors"
        )
    return next(matrix for R, matrix in given.items() if isinstance(R, tuple) and not any(R))
