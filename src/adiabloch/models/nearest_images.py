"""Which copies of a Wannier function are nearest to another one, on the mesh that they were made on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.models.hoppings import Translation

TIE = 5e-3
"""For the centres of snapshots: what their mean leaves is less."""
REACH = 2
"""Supercells to either side in which the nearest copy is looked for."""


class NearestImages:
    """For each pair of functions the translations that lead to the nearest copies, in the supercell of a mesh.

    Parameters
    ----------
    vectors : array, shape (d, d)
        Lattice vectors as rows.
    mesh : sequence of d int
    centres : array, shape (n, d)
        Where the functions are: for snapshots of a cycle one set for all, or ties break differently from one to the
        next and the cycle is not smooth. One of them for all: which cells are nearest, whatever is in them.
    tie : float
        In units of the longest lattice vector: distances that are the same.
    """

    translations: Integer
    """(R, d)"""
    weights: Float
    """(R, n, n), or (R, 1, 1): what part of the matrix element of a pair is at R; equally near copies share."""

    def __init__(self, vectors: Float, mesh: Sequence[int], centres: Float, *, tie: float = TIE) -> None:
        sides = np.array(mesh)
        cells = np.array(list(product(*[range(side) for side in mesh])))
        steps = np.array(list(product(range(-REACH, REACH + 1), repeat=len(mesh)))) * sides
        apart = centres[None, :] - centres[:, None]
        tied = tie * float(np.abs(vectors).max())
        found: dict[Translation, Float] = {}
        for cell in cells:
            copies = cell + steps
            lengths = np.sqrt((((copies @ vectors)[:, None, None] + apart) ** 2).sum(axis=-1))
            near = lengths < lengths.min(axis=0) + tied
            weights = near / near.sum(axis=0)
            for number in np.flatnonzero(near.any(axis=(1, 2))):
                found[tuple(map(int, copies[number]))] = weights[number]
        self.translations = np.array(sorted(found))
        self.weights = np.array([found[R] for R in sorted(found)])

    def by_cell(self, matrices: Complex, points: Float) -> Complex:
        """Matrices (K, n, n, ...) on the mesh of reduced wave vectors (K, d) as a series in R, (R, n, n, ...)."""
        weights = self.weights.reshape(*self.weights.shape, *[1] * (matrices.ndim - 3))
        return mesh_fourier_transform(matrices, points, self.translations) * weights


def mesh_fourier_transform(matrices: Complex, points: Float, translations: Integer) -> Complex:
    """Fourier transform of matrices (K, ...) on a mesh of reduced wave vectors, at the translations (R, d)."""
    phases = np.exp(-2j * np.pi * (translations @ points.T)) / len(points)
    return np.asarray(np.tensordot(phases, matrices, axes=1))
