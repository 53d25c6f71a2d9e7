"""Integrals over the zone as integrals over a wedge, by the symmetries of a Fermi sea."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.integration.mesh_symmetry import (
    MeshSymmetry,
    Symmetry,
    change_by_symmetry,
    find_symmetry,
    members_of,
)
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.integration.wedges import Wedge, find_wedge

ZERO = 1e-8
"""Elements of transformations that are rounding errors of zero."""


class Folded(NamedTuple):
    """Integrals over the zone in terms of those over a wedge."""

    wedge: Wedge
    combination: Float
    """Results as linear combinations of the columns, (outputs, columns, S, M): means over the group."""
    inaccuracy: float = 0.0
    """Error by what the model lacks of symmetries that are found, relative to the sum of absolute values."""
    approximate: Integer | None = None
    """Operations that are given and that the model has only approximately, (G, d, d)."""

    def lack(self, combination: Float, values: Callable[[Folded], tuple[Float, int]]) -> tuple[Float | float, int]:
        """Error of the integrals by what the model lacks of the operations, and the number of points that this takes.

        The error, (outputs, S, 1), is zero if it lacks nothing. It is the change when the wedge is replaced by all of
        its images, in which the same boxes are evaluated.

        Parameters
        ----------
        combination : float array, shape (outputs, columns, S, M)
            Without symmetry.
        values : callable
            Rough integrals (outputs, S, M) over a wedge, and the number of their points.
        """
        if self.approximate is None:
            return 0.0, 0
        images = (self._replace(wedge=self.wedge.image(W), combination=combination) for W in self.approximate)
        (own, points), *others = [values(self), *map(values, images)]
        mean = np.mean([of_image for of_image, _ in others], axis=0)
        return change_by_symmetry(own, mean), points + sum(number for _, number in others)


def fold(integrand: BandIntegrand, combination: Float, symmetry: Symmetry) -> Folded:
    """Integrals of combinations of columns over a wedge, or the whole zone without symmetry.

    The mean of a function over its equivalent points is that of v M over all operations, v being its value at one of
    them (`adiabloch.integration.mesh_symmetry`).

    Parameters
    ----------
    integrand : BandIntegrand
    combination : float array, shape (outputs, columns, S, M)
    symmetry : "find", "none" or sequence of (d, d) float arrays

    Raises
    ------
    InvalidArgumentError
        A given operation is no symmetry of the lattice, of the energies or of the values.
    """
    found = find_symmetry(integrand, None, symmetry, members_of(integrand))
    wedge = None if found is None else find_wedge(found.operations, np.asarray(integrand.reciprocal))
    if found is None or wedge is None:
        return Folded(Wedge.zone(integrand.dimension), combination)
    mean = _symmetrized(integrand, combination, found)
    return Folded(wedge, mean, found.inaccuracy) if found.exact else Folded(wedge, mean, 0.0, found.operations)


def _symmetrized(integrand: BandIntegrand, combination: Float, symmetry: MeshSymmetry) -> Float:
    """Combinations of the means of the columns over the group."""
    result = np.zeros_like(combination)
    for weight, columns in members_of(integrand).items():
        mean = symmetry.means[weight]
        mean = np.where(np.abs(mean) < ZERO, 0.0, mean)
        result[:, columns] = np.einsum("cd,odsm->ocsm", mean, combination[:, columns])
    # an output that the group cancels has no contribution at all
    sizes = np.abs(combination).max(axis=(1, 2, 3), keepdims=True)
    result[np.abs(result) < ZERO * sizes] = 0.0
    return result
