"""Symmetry groups of structures, through spglib, and of models."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError, MissingExtraError
from adiabloch.integration.symmetry import lattice_operations
from adiabloch.models import Structure, TightBinding
from adiabloch.names import checked_call
from adiabloch.scalars import positive_number
from adiabloch.symmetries.averaging import changes_of
from adiabloch.symmetries.fields import Action, Fields
from adiabloch.symmetries.group import SymmetryGroup
from adiabloch.symmetries.operations import Operation, nearest_orthogonal, unique
from adiabloch.symmetries.representation import averaged_back, unitary_of
from adiabloch.symmetries.sites import possible_translations, sites_of_model

STRUCTURE_TOLERANCE = 1e-4
"""Default distance in Angstrom between equivalent atoms."""
MODEL_TOLERANCE = 1e-6
"""Default change of a model by an operation, relative to the largest hopping."""


@checked_call
def symmetry(
    crystal: Any, magnetic_moments: ArrayLike | None = None, *, tolerance: float | None = None
) -> SymmetryGroup:
    """Magnetic space group of a crystal structure, by spglib, or of a model.

    Parameters
    ----------
    crystal : ase.Atoms, Structure or TightBinding
        For a model the operations are found from its hoppings, positions and spin operators: all rotations of the
        lattice, with translations and time reversal, for which a unitary matrix between the orbitals of each position
        leaves the model unchanged.
    magnetic_moments : array_like, shape (n, 3) or (n,), optional
        Cartesian magnetic moments of the atoms in any unit; numbers are moments along z. By default the initial
        magnetic moments of `Atoms`. Moments are coupled to the lattice, as with spin-orbit coupling. Without moments
        the crystal is not magnetic, and time reversal is an operation of the group.
    tolerance : float, optional
        For a structure the distance in Angstrom between equivalent atoms, 1e-4 by default. For a model the change of
        its matrices by an operation, relative to the largest hopping and the shortest lattice vector, 1e-6 by default;
        Wannier functions of a calculation need 0.01 or more.

    Returns
    -------
    SymmetryGroup

    Raises
    ------
    InvalidArgumentError
        The argument is not a crystal, there are moments for another number of atoms or for a model, or the operations
        found do not form a group, because the tolerance is near the accuracy of the crystal.
    MissingExtraError
        spglib is not installed.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cell = [[2.87, 0, 0], [0, 2.87, 0], [0, 0, 2.87]]
    >>> iron = ab.models.Structure(cell, ["Fe", "Fe"], [[0, 0, 0], [1.435, 1.435, 1.435]], [55.8, 55.8])
    >>> ab.symmetry(iron, magnetic_moments=[2.2, 2.2])
    SymmetryGroup(magnetic space group 139.537, 16 operations, 8 with time reversal)
    """
    default = MODEL_TOLERANCE if isinstance(crystal, TightBinding) else STRUCTURE_TOLERANCE
    accuracy = default if tolerance is None else positive_number(tolerance, "symmetry: tolerance")
    if isinstance(crystal, TightBinding):
        if magnetic_moments is not None:
            raise InvalidArgumentError("symmetry: magnetic_moments of a model, expected them with a structure only")
        return _of_model(crystal, accuracy)
    vectors, positions, kinds, moments = _structure(crystal)
    if magnetic_moments is not None:
        moments = checked(magnetic_moments, "symmetry: magnetic_moments", None)
    return _of_structure(vectors, positions, kinds, _along_axes(moments, len(positions)), accuracy)


def _along_axes(moments: Float, count: int) -> Float:
    """Magnetic moments of the atoms, (count, 3)."""
    if moments.shape not in ((count,), (count, 3)):
        raise InvalidArgumentError(
            f"symmetry: magnetic_moments of shape {moments.shape}, expected ({count}, 3), or ({count},) for moments "
            "along z"
        )
    return moments if moments.ndim == 2 else moments[:, None] * np.array([0.0, 0.0, 1.0])


def _structure(crystal: Any) -> tuple[Float, Float, list[int], Float]:
    """Lattice vectors, positions, kinds and moments of the atoms of a structure."""
    if isinstance(crystal, Structure):
        names = sorted(set(crystal.symbols))
        kinds = [1 + names.index(symbol) for symbol in crystal.symbols]
        return crystal.vectors, crystal.positions, kinds, np.zeros(len(kinds))
    wanted = ("cell", "get_positions", "get_atomic_numbers", "get_initial_magnetic_moments")
    if any(not hasattr(crystal, name) for name in wanted):
        raise InvalidArgumentError(
            f"symmetry: expected ase.Atoms, a Structure or a TightBinding model, got {type(crystal).__name__}"
        )
    vectors = np.asarray(crystal.cell[:], dtype=float)
    if abs(np.dot(vectors[0], np.cross(vectors[1], vectors[2]))) < 1e-9:
        raise InvalidArgumentError("symmetry: Atoms without three lattice vectors, expected a crystal")
    numbers = [int(number) for number in crystal.get_atomic_numbers()]
    moments = np.asarray(crystal.get_initial_magnetic_moments(), dtype=float)
    return vectors, np.asarray(crystal.get_positions(), dtype=float), numbers, moments


def _of_structure(
    vectors: Float, positions: Float, kinds: list[int], moments: Float, tolerance: float
) -> SymmetryGroup:
    """Group of a structure with magnetic moments."""
    cell = (vectors, positions @ np.linalg.inv(vectors), kinds, moments)
    found, operations = _operations(cell, tolerance)
    if np.abs(moments).max() > 0:
        kind = _spglib("get_magnetic_spacegroup_type", found.uni_number)
        name = f"magnetic space group {kind.bns_number}"
    else:
        dataset = _spglib("get_symmetry_dataset", cell[:3], symprec=tolerance)
        name = f"space group {dataset.international} ({dataset.number}) with time reversal"
    return SymmetryGroup(unique(operations), name, positions)


def operations_of_structure(
    structure: Structure, tolerance: float, magnetic_moments: ArrayLike | None = None
) -> tuple[Operation, ...]:
    """Symmetry operations of a crystal without time reversal, translations within the cell included.

    Raises
    ------
    InvalidArgumentError, MissingExtraError
        As for `symmetry`.
    """
    vectors, positions, kinds, moments = _structure(structure)
    if magnetic_moments is not None:
        moments = checked(magnetic_moments, "symmetry: magnetic_moments", None)
    cell = (vectors, positions @ np.linalg.inv(vectors), kinds, _along_axes(moments, len(positions)))
    return tuple(g for g in _operations(cell, tolerance)[1] if not g.time_reversal)


def _operations(cell: tuple[Float, Float, list[int], Float], tolerance: float) -> tuple[Any, list[Operation]]:
    """Symmetry data of spglib for a cell with magnetic moments, and the operations."""
    vectors, found = cell[0], _spglib("get_magnetic_symmetry_dataset", cell, symprec=tolerance)
    operations = []
    for W, w, reversing in zip(found.rotations, found.translations, found.time_reversals, strict=True):
        rotation = nearest_orthogonal(vectors.T @ W @ np.linalg.inv(vectors.T))
        operations.append(Operation(np.asarray(rotation), (w - np.rint(w)) @ vectors, bool(reversing)))
    return found, operations


def _spglib(function: str, *arguments: Any, **options: Any) -> Any:
    """Call a function of spglib.

    Raises
    ------
    InvalidArgumentError
        spglib finds nothing.
    MissingExtraError
        spglib is not installed.
    """
    try:
        import spglib
    except ImportError:
        raise MissingExtraError("symmetries need spglib: pip install 'adiabloch[symmetry]'") from None
    reason, found = "", None
    with warnings.catch_warnings():
        # spglib warns about the two ways in which it reports errors
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = getattr(spglib, function)(*arguments, **options)
        except Exception as error:
            reason = f" ({error})"
    if found is None:
        raise InvalidArgumentError(f"symmetry: spglib finds no group{reason}; expected atoms that do not overlap")
    return found


def _of_model(model: TightBinding, tolerance: float) -> SymmetryGroup:
    """Group of a model, found from its matrices."""
    d = model.lattice.dimension
    fields = Fields.of(model, sites_of_model(model, max(tolerance, 1e-3)))
    operations = []
    for rotation, reversing in itertools.product(_rotations(model), (False, True)):
        for translation in possible_translations(fields.sites, rotation[:d, :d]):
            shift = np.zeros(3)
            shift[:d] = translation
            candidate = Operation(rotation, shift, reversing)
            if _is_symmetry(candidate, fields, tolerance):
                operations.append(candidate)
                break
    group = SymmetryGroup(tuple(operations), dimension=d, acts_on_z=d == 3 or model.spin is not None)
    _check_closed(group, tolerance)
    return group


def _rotations(model: TightBinding) -> list[Float]:
    """Rotations of the lattice in three dimensions, (3, 3) each; those along open directions differ for spins only."""
    d = model.lattice.dimension
    B = model.lattice.reciprocal
    signs = list(itertools.product((1.0, -1.0), repeat=3 - d)) if model.spin is not None else [(1.0,) * (3 - d)]
    found = []
    for W in lattice_operations(B):
        for across in signs:
            rotation = np.eye(3)
            rotation[:d, :d] = nearest_orthogonal((np.linalg.inv(B) @ W @ B).T)
            rotation[range(d, 3), range(d, 3)] = across
            found.append(rotation)
    return found


def _is_symmetry(operation: Operation, fields: Fields, tolerance: float) -> bool:
    """Return True if a unitary matrix exists with which the operation leaves the model unchanged."""
    try:
        action = Action.of(operation, fields.sites, len(fields.units))
        image = averaged_back(action, fields, unitary_of(action, fields))
    except InvalidArgumentError:
        return False
    return bool(changes_of(fields.blocks, image).max() <= tolerance)


def _check_closed(group: SymmetryGroup, tolerance: float) -> None:
    """Raise an error if products of operations are missing."""
    known = {_key(g.rotation, g.time_reversal) for g in group.operations}
    for g, h in itertools.product(group.operations, repeat=2):
        if _key(g.rotation @ h.rotation, g.time_reversal != h.time_reversal) not in known:
            raise InvalidArgumentError(
                f"symmetry: with tolerance {tolerance:g} the model has {g} and {h}, but not their product; expected a "
                "larger tolerance, or a smaller one"
            )


def _key(rotation: Float, reversing: bool) -> tuple[object, ...]:
    return (*np.rint(1e3 * rotation).astype(int).ravel().tolist(), reversing)
