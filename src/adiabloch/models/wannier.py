"""Transformations of a model to other functions of the same space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.linalg import dagger, in_basis
from adiabloch.models.hoppings import checked_translation
from adiabloch.models.position_matrix import centres_of, in_other_cells, with_centres
from adiabloch.scalars import is_whole

if TYPE_CHECKING:
    from adiabloch.models.tight_binding import TightBinding


def in_other_functions(model: TightBinding, unitary: ArrayLike) -> dict[str, Any]:
    """Arguments of the model in the functions w'_j = sum_i w_i U_ij of the same cell.

    Raises
    ------
    InvalidArgumentError
        A matrix that is not unitary.
    """
    U = checked(unitary, "unitary", (model.size, model.size), complex)
    defect = float(np.abs(dagger(U) @ U - np.eye(model.size)).max())
    if defect > 1e-8:
        raise InvalidArgumentError(
            f"rotated: unitary: U^dagger U differs from 1 by {defect:.1e}, expected a unitary matrix"
        )
    home = (0,) * model.lattice.dimension
    position_matrix = model.position_matrix or {home: _on_diagonal(model)}
    rotated = {R: np.moveaxis(in_basis(np.moveaxis(r, 2, 0), U), 0, 2) for R, r in position_matrix.items()}
    outside = model.outside
    if outside is not None:
        outside = outside.rotated(U, model.positions, centres_of(rotated[home]), model.hoppings)
    return {
        "lattice": model.lattice,
        "positions": None,
        "hoppings": {R: in_basis(h, U) for R, h in model.hoppings.items()},
        "spin": None if model.spin is None else {R: in_basis(S, U) for R, S in model.spin_by_cell.items()},
        "position_matrix": rotated,
        "outside": outside,
    }


def in_another_cell(model: TightBinding, orbital: int, R: Sequence[int]) -> dict[str, Any]:
    """Arguments of the model after one function is replaced by its periodic image in the cell R.

    Raises
    ------
    InvalidArgumentError
        No such orbital.
    """
    if not (is_whole(orbital, 0) and orbital < model.size):
        raise InvalidArgumentError(f"moved: orbital {orbital!r}, expected 0 <= orbital < {model.size}")
    d = model.lattice.dimension
    cells = np.zeros((model.size, d), dtype=np.int64)
    cells[orbital] = checked_translation(R, d)
    positions = model.positions + cells @ model.lattice.vectors
    position_matrix = None
    if model.position_matrix is not None:
        rest = in_other_cells(dict(zip(model.hoppings, model.connections, strict=True)), cells)
        position_matrix = with_centres(rest, positions)
    return {
        "lattice": model.lattice,
        "positions": positions,
        "hoppings": in_other_cells(model.hoppings, cells),
        "spin": None if model.spin is None else in_other_cells(model.spin_by_cell, cells),
        "position_matrix": position_matrix,
        "outside": None if model.outside is None else model.outside.in_other_cells(cells),
    }


def _on_diagonal(model: TightBinding) -> Any:
    """Position matrix of orbitals without a connection at R = 0, (n, n, d)."""
    return np.eye(model.size)[:, :, None] * model.positions
