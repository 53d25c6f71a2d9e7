"""Combinations of crystals that are only known by their matrices: along a cycle, and around a position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import InvalidModelError
from adiabloch.models.crystal import Crystal, Derivative, Matrices, position_names

PROBES = 12
"""Number of points at which crystals are compared."""
SAME = 1e-10
"""Largest relative difference of quantities that must be the same in all crystals."""


def probe_points(crystal: Crystal) -> Float:
    """Points of the unit torus at which crystals are compared, (P, D); on no line or plane of symmetry."""
    steps = np.sqrt([2.0, 3.0, 5.0, 7.0])[: len(crystal.directions)]
    return np.outer(np.arange(1, PROBES + 1), steps) % 1.0


def probed(crystal: Crystal, along: Sequence[Derivative] = ()) -> Complex:
    """H and derivatives at the probe points, (P, 1 + derivatives, N, N)."""
    return np.asarray(crystal.matrices(along).at(probe_points(crystal)), dtype=np.complex128)


def fixed_positions(crystals: Sequence[Crystal], name: str) -> Float:
    """Orbital positions that crystals of the user's own have in common, (N, d).

    Parameters
    ----------
    crystals : sequence of Crystal
    name : str
        Name of the argument, for messages.

    Raises
    ------
    InvalidModelError
        Position matrices that are not diagonal, or depend on k or on the crystal.
    """
    wanted = "orbitals that do not move and a position matrix that is diagonal, or else TightBinding models"
    positions: Float | None = None
    for number, crystal in enumerate(crystals):
        where = f"{name}: crystal {number}, {type(crystal).__name__}"
        if crystal.has_basis_connection or crystal.orbitals_move:
            raise InvalidModelError(f"{where}, has a basis that moves or a position matrix; expected {wanted}")
        r = probed(crystal, position_names(crystal.lattice.directions))[:, 1:]
        own = np.moveaxis(np.diagonal(r[0], axis1=1, axis2=2).real, 0, 1)
        positions = own if positions is None else positions
        expected = np.einsum("ia,ij->aij", positions, np.eye(crystal.size))
        if np.abs(r - expected).max() > SAME * np.abs(crystal.lattice.vectors).max():
            raise InvalidModelError(f"{where}, has other orbital positions than crystal 0 at k = 0; expected {wanted}")
    assert positions is not None
    return positions


def check_alike(crystals: Sequence[Any], name: str) -> None:
    """Check that crystals have the same lattice, directions and number of orbitals.

    Raises
    ------
    InvalidModelError
    """
    first = crystals[0]
    for number, crystal in enumerate(crystals):
        if crystal.size != first.size:
            raise InvalidModelError(f"{name}: crystal {number} has {crystal.size} orbitals, expected {first.size}")
        if tuple(crystal.directions) != tuple(first.directions):
            raise InvalidModelError(
                f"{name}: crystal {number} has the directions {tuple(crystal.directions)}, expected those of the "
                f"first, {tuple(first.directions)}"
            )
        vectors, expected = crystal.lattice.vectors, first.lattice.vectors
        if vectors.shape != expected.shape or not np.allclose(vectors, expected, rtol=1e-10, atol=0):
            raise InvalidModelError(f"{name}: crystal {number} has another lattice than the first, expected the same")


@dataclass(frozen=True, eq=False)
class CombinedMatrices:
    """Linear combinations of the matrices of several crystals, with constant weights; it implements `Matrices`.

    Parameters
    ----------
    parts : sequence of Matrices
        S matrix functions with the same K matrices each.
    weights : float array, shape (T, S)
    outputs : sequence of mapping {(row of weights, matrix): factor}
        Terms of each output.
    """

    parts: Sequence[Matrices]
    weights: Float
    outputs: Sequence[Mapping[tuple[int, int], float]]

    def at(self, points: Float) -> Complex:
        """Values at points (P, D), shape (P, outputs, N, N)."""
        return self._combined([part.at(points) for part in self.parts])

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Values on the tensor grid of D axes, shape (P, outputs, N, N)."""
        return self._combined([part.on_grid(axes) for part in self.parts])

    def _combined(self, values: Sequence[Complex]) -> Complex:
        P, _, N, _ = values[0].shape
        rows = np.tensordot(self.weights, np.stack(values), axes=1)
        result = np.zeros((P, len(self.outputs), N, N), dtype=np.complex128)
        for number, terms in enumerate(self.outputs):
            for (row, matrix), factor in terms.items():
                result[:, number] += factor * rows[row, :, matrix]
        return result
