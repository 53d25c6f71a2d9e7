"""Crystal structures: cells and atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.models.hoppings import cells_in_supercell
from adiabloch.models.structure_html import structure_html
from adiabloch.names import suggests


@suggests()
@dataclass(frozen=True, eq=False)
class Structure:
    """Crystal structure: the cell and its atoms.

    Parameters
    ----------
    vectors : array_like, shape (3, 3)
        Lattice vectors as rows, in Angstrom.
    symbols : sequence of str
        Chemical symbols of the n atoms.
    positions : array_like, shape (n, 3)
        Cartesian positions, in Angstrom.
    masses : array_like, shape (n,)
        Atomic masses, in dalton.

    Raises
    ------
    InvalidModelError
        Inconsistent shapes, lattice vectors that are linearly dependent, masses that are not positive.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cell = [[2.504, 0, 0], [-1.252, 2.1685, 0], [0, 0, 12]]
    >>> ab.models.Structure(cell, ["B", "N"], [[0, 1.4457, 0], [1.252, 0.7228, 0]], [10.81, 14.007])
    Structure(2 atoms: B N)
    """

    vectors: Float
    symbols: tuple[str, ...]
    positions: Float
    masses: Float

    def __init__(self, vectors: ArrayLike, symbols: Sequence[str], positions: ArrayLike, masses: ArrayLike) -> None:
        if not np.iterable(symbols):
            raise InvalidModelError(f"symbols: {symbols!r}, expected a sequence of chemical symbols")
        names = tuple(map(str, symbols))
        weights = checked(masses, "masses", (len(names),))
        if not names:
            raise InvalidModelError("structure: no atoms, expected at least one")
        if not (weights > 0).all():
            raise InvalidModelError(f"masses: {weights.tolist()}, expected positive numbers")
        cell = Lattice(checked(vectors, "lattice vectors", (3, 3)))
        object.__setattr__(self, "vectors", cell.vectors)
        object.__setattr__(self, "symbols", names)
        object.__setattr__(self, "positions", checked(positions, "positions", (len(names), 3)))
        object.__setattr__(self, "masses", weights)

    def __repr__(self) -> str:
        shown = " ".join(self.symbols[:8]) + (" ..." if len(self.symbols) > 8 else "")
        return f"Structure({len(self.symbols)} atom{'s' * (len(self.symbols) > 1)}: {shown})"

    _repr_html_ = structure_html

    @property
    def lattice(self) -> Lattice:
        """The Bravais lattice."""
        return Lattice(self.vectors)

    def displaced(self, displacements: ArrayLike) -> Structure:
        """Displace the atoms.

        Parameters
        ----------
        displacements : array_like, shape (n, 3)
            Cartesian displacements, in Angstrom.

        Returns
        -------
        Structure
        """
        moves = checked(displacements, "displacements", self.positions.shape)
        return replace(self, positions=self.positions + moves)

    def supercell(self, matrix: ArrayLike) -> Structure:
        """Describe the same crystal in a larger cell.

        Parameters
        ----------
        matrix : array_like, shape (3, 3), integers
            Rows are the new lattice vectors in units of the old ones.

        Returns
        -------
        Structure
            Structure with abs(det(matrix)) copies of the atoms, ordered by copy, as in `TightBinding.supercell`.

        Raises
        ------
        InvalidArgumentError
            Rows that are not integers or not linearly independent, or a supercell that does not fit in memory.
        """
        wide, cells = cells_in_supercell(matrix, 3)
        positions = (cells @ self.vectors)[:, None] + self.positions
        copies = len(cells)
        return Structure(
            wide @ self.vectors, self.symbols * copies, positions.reshape(-1, 3), np.tile(self.masses, copies)
        )
