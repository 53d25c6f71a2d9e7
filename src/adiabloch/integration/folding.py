"""Integrals over the zone as integrals over a wedge, by the symmetries of a Fermi sea."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Float
from adiabloch.integration.fixed_mesh import lack_of_symmetry
from adiabloch.integration.mesh_symmetry import MeshSymmetry, Symmetry, find_symmetry, members_of
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.integration.wedges import Wedge, find_wedge
from adiabloch.occupation import Scan

ZERO = 1e-8
"""Elements of transformations that are rounding errors of zero."""


class Folded(NamedTuple):
    """Integrals over the zone in terms of those over a wedge."""

    wedge: Wedge
    combination: Float
    """Results as linear combinations of the columns, (outputs, columns, S, M): means over the group."""
    inaccuracy: float = 0.0
    """Error by what the model lacks of symmetries that are found, relative to the sum of absolute values."""
    lack: Float | float = 0.0
    """Error by what the model lacks of symmetries that are given, (outputs, S, 1)."""


def fold(
    integrand: BandIntegrand, scan: Scan, combination: Float, symmetry: Symmetry, executor: Executor | int | None
) -> Folded:
    """Integrals of combinations of columns over a wedge, or the whole zone without symmetry.

    The mean of a function over its equivalent points is that of v M over all operations, v being its value at one of
    them (`adiabloch.integration.mesh_symmetry`).

    Parameters
    ----------
    integrand : BandIntegrand
    scan : Scan
    combination : float array, shape (outputs, columns, S, M)
    symmetry : "find", "none" or sequence of (d, d) float arrays
    executor : concurrent.futures.Executor or int, optional

    Raises
    ------
    InvalidArgumentError
        A given operation is no symmetry of the lattice, of the energies or of the values.
    """
    found = find_symmetry(integrand, None, symmetry, members_of(integrand))
    wedge = None if found is None else find_wedge(found.operations, np.asarray(integrand.reciprocal))
    if found is None or wedge is None:
        return Folded(Wedge.zone(integrand.dimension), combination)
    lack = 0.0 if found.exact else lack_of_symmetry(integrand, scan, symmetry, executor)
    return Folded(wedge, _symmetrized(integrand, combination, found), found.inaccuracy if found.exact else 0.0, lack)


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
