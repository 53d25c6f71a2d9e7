"""Arrays of a tight-binding model, checked and complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.models.hopping_laws import HoppingLaw, hopping_factors
from adiabloch.models.hoppings import (
    cells_in_supercell,
    check_energy_range,
    checked_hoppings,
    checked_spin,
    complete_blocks,
    folded_to_supercell,
    opposite,
)
from adiabloch.models.molecule import molecule_arguments
from adiabloch.models.orbital_positions import cartesian_positions
from adiabloch.models.outside_states import OutsideStates, checked_outside
from adiabloch.models.position_matrix import (
    by_translation,
    centres_of,
    checked_position_matrix,
    connections_of,
    folded_positions,
)
from adiabloch.units import Units

if TYPE_CHECKING:
    from adiabloch.models.tight_binding import TightBinding


def checked_arrays(
    lattice: Lattice | ArrayLike | None,
    positions: ArrayLike | None,
    hoppings: Any,
    spin: Any,
    position_matrix: Any,
    reduced: bool | None,
    outside: OutsideStates | None = None,
) -> dict[str, Any]:
    """Fields of a `TightBinding` from the user's arguments.

    Raises
    ------
    InvalidModelError
    """
    if lattice is None or (isinstance(lattice, Lattice) and not lattice.periodic):
        molecule = molecule_arguments(positions, hoppings, spin, position_matrix, reduced, lattice)
        lattice, positions, hoppings, spin, position_matrix, reduced = molecule
    lattice = lattice if isinstance(lattice, Lattice) else Lattice(lattice)
    d, home = lattice.dimension, (0,) * lattice.dimension
    matrix = None if position_matrix is None else checked_position_matrix(position_matrix, d)
    if matrix is not None:
        inside = np.moveaxis(matrix[1][matrix[0].index(home)], 0, -1).copy()
        n, reduced = len(inside), reduced or False
        positions = centres_of(inside) if positions is None else checked(positions, "positions", (n, d))
    if positions is None:
        raise InvalidModelError("positions: None, expected positions of the orbitals, or a position_matrix")
    positions = cartesian_positions(lattice, positions, "positions", reduced)
    n = len(positions)
    if n == 0:
        raise InvalidModelError("positions: expected at least one orbital, got none")
    given = checked_hoppings(hoppings, d, n)
    if outside is not None and matrix is None:
        raise InvalidModelError("outside: states outside Wannier functions, expected a position_matrix with them")
    beyond = None if outside is None else checked_outside(outside, d, n)
    farther = {*(matrix[0] if matrix else ()), *(beyond.translations if beyond else ())}
    absent = {R for R in farther if not {R, opposite(R)} & set(given)}
    given.update(dict.fromkeys(absent, np.zeros((n, n), dtype=np.complex128)))
    cells, amplitudes = complete_blocks(given)
    operators = None if spin is None else checked_spin(spin, d, n)
    translations = np.array(cells, dtype=np.int64).reshape(-1, d)
    check_energy_range(amplitudes)
    amplitudes = frozen(amplitudes)
    connections: Complex = np.zeros((0, d, n, n), dtype=np.complex128)
    by_cell = None
    if matrix is not None:
        connections = frozen(connections_of(*matrix, cells, positions))
        by_cell = by_translation(connections, cells, inside)
    return {
        "lattice": lattice,
        "positions": positions,
        "hoppings": dict(zip(cells, amplitudes, strict=True)),
        "position_matrix": by_cell,
        "connections": connections,
        "outside": None if beyond is None else beyond.on_translations(cells),
        "spin": operators,
        "translations": frozen(translations),
        "amplitudes": amplitudes,
    }


def scaled_fields(model: TightBinding, units: Units) -> dict[str, Any]:
    """Fields of the model in other units of energy and length."""
    if not isinstance(units, Units):
        raise InvalidArgumentError(f"units: expected an adiabloch.units.Units, got {type(units).__name__}")
    amplitudes, matrix = frozen(model.amplitudes / units.energy), model.position_matrix
    connections = frozen(model.connections / units.length)
    home = (0,) * model.lattice.dimension
    return {
        "_units": units,
        "lattice": model.lattice.scaled(units.length),
        "positions": frozen(model.positions / units.length),
        "amplitudes": amplitudes,
        "hoppings": dict(zip(model.hoppings, amplitudes, strict=True)),
        "position_matrix": None
        if matrix is None
        else by_translation(connections, [*matrix], matrix[home] / units.length),
        "connections": connections,
        "outside": None if model.outside is None else model.outside.scaled(units),
    }


def in_supercell(model: TightBinding, matrix: ArrayLike) -> dict[str, Any]:
    """Arguments of the model in a larger cell.

    Raises
    ------
    InvalidArgumentError
        Rows that are not integers or not linearly independent, a supercell that does not fit in memory, or a molecule.
    """
    if not model.lattice.periodic:
        raise InvalidArgumentError("supercell: a molecule has no lattice vectors, expected a crystal")
    d = model.lattice.dimension
    wide, cells = cells_in_supercell(matrix, d, len(model.hoppings), model.size)
    positions = ((cells @ model.lattice.vectors)[:, None, :] + model.positions).reshape(-1, d)
    position_matrix = None
    if model.position_matrix is not None:
        connections = dict(zip(model.hoppings, model.connections, strict=True))
        position_matrix = folded_positions(connections, cells, wide, positions)
    return {
        "lattice": model.lattice.with_vectors(wide @ model.lattice.vectors),
        "positions": positions,
        "hoppings": folded_to_supercell(model.hoppings, cells, wide),
        "spin": None if model.spin is None else folded_to_supercell(model.spin_by_cell, cells, wide),
        "position_matrix": position_matrix,
        "outside": None if model.outside is None else model.outside.in_supercell(cells, wide),
    }


def after_displacement(
    model: TightBinding, pattern: ArrayLike, law: HoppingLaw | None, move_orbitals: bool
) -> dict[str, Any]:
    """Arguments of the model after a displacement of its orbitals, its hoppings changed by a law.

    Raises
    ------
    InvalidArgumentError
        For Wannier functions.
    """
    if model.position_matrix is not None:
        raise InvalidArgumentError(
            "displaced: a hopping law does not determine the position matrix of displaced Wannier functions; read "
            "every snapshot of the displaced crystal from a file of its own"
        )
    shifts = checked(pattern, "displacement pattern", model.positions.shape)
    before = model.bonds
    factors = hopping_factors(law, before, before + shifts[None, None, :, :] - shifts[None, :, None, :])
    return {
        "lattice": model.lattice,
        "positions": model.positions + shifts if move_orbitals else model.positions,
        "hoppings": dict(zip(model.hoppings, factors * model.amplitudes, strict=True)),
        "spin": model.spin,
    }
