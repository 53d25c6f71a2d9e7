"""A molecule from the functions of a calculation in a box that repeats it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.models.deformation import Deformation
from adiabloch.models.hoppings import with_replaced_fields
from adiabloch.models.tight_binding import TightBinding

LARGEST_OUTSIDE = 0.1
"""Largest hopping to other cells, relative to those within the cell, that is left out."""
Repeated = TypeVar("Repeated", TightBinding, Deformation)


def isolated(crystal: Repeated) -> Repeated:
    """Molecule of the functions of the home cell, without the hoppings to its copies in other cells.

    Codes of plane waves repeat a molecule in a box. Responses of a molecule, such as `adiabloch.axial_tensor`, are
    those of a model without lattice vectors.

    Parameters
    ----------
    crystal : TightBinding or Deformation
        Functions in a box, whose atoms do not lie across its boundary.

    Returns
    -------
    TightBinding or Deformation
        Without lattice vectors. States outside the functions are left out.

    Raises
    ------
    InvalidModelError
        Hoppings to other cells are larger than a tenth of those within the cell: the molecule is cut by the boundary of
        the cell, or the box is too small.
    InvalidArgumentError
        Something else than a model or a deformation.

    Examples
    --------
    >>> import adiabloch as ab
    >>> hoppings = {(0, 0): [[-1, 0.4], [0.4, 1]], (-1, 0): [[0, 1e-3], [0, 0]]}
    >>> ab.models.isolated(ab.TightBinding([[9, 0], [0, 9]], [[0, 0], [1.1, 0]], hoppings))
    TightBinding(molecule in 2D, 2 orbitals)
    """
    if isinstance(crystal, TightBinding):
        return _molecule(crystal)
    if not isinstance(crystal, Deformation):
        raise InvalidArgumentError(f"isolated: expected a TightBinding or a Deformation, got {type(crystal).__name__}")
    pairs = {
        name: [(_molecule(minus), _molecule(plus)) for minus, plus in several]
        for name, several in crystal.displaced.items()
    }
    return Deformation(
        _molecule(crystal.model),
        pairs,
        crystal.steps,
        motion=_at_home(crystal.motion),
        coarser_motion=_at_home(crystal.coarser_motion),
        patterns=crystal.patterns,
    )


def _molecule(model: TightBinding) -> TightBinding:
    """The functions of the home cell."""
    if not model.lattice.periodic:
        return model
    home = (0,) * model.lattice.dimension
    inside = model.hoppings[home]
    scale = float(np.abs(inside - np.mean(np.diagonal(inside)) * np.eye(model.size)).max())
    others = {R: float(np.abs(H).max()) for R, H in model.hoppings.items() if any(R)}
    where = max(others, key=others.__getitem__, default=home)
    far = others.get(where, 0.0)
    if far > LARGEST_OUTSIDE * scale:
        raise InvalidModelError(
            f"isolated: a hopping of {far:.2g} at R = {where}, where the largest within the cell is {scale:.2g}; "
            "expected a molecule that the boundary of the cell does not cut, in a box with room around it"
        )
    matrix = model.position_matrix
    molecule = TightBinding(
        None,
        model.positions,
        inside,
        None if model.spin is None else model.spin_by_cell[home],
        position_matrix=None if matrix is None else matrix[home],
    )
    cell = Lattice(molecule.lattice.vectors, periodic=False, ev_angstrom=model.lattice.ev_angstrom)
    return with_replaced_fields(molecule, lattice=cell)


def _at_home(motion: Mapping[Any, Mapping[Any, Complex]] | None) -> dict[Any, dict[Any, Complex]] | None:
    """Motion of the functions of the home cell."""
    if motion is None:
        return None
    return {name: {R: A for R, A in by_cell.items() if not any(R)} for name, by_cell in motion.items()}
