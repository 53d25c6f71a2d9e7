"""Nearest periodic images of Wannier functions in the supercell of their k mesh."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.models.hoppings import Translation

TIE = 5e-3
"""Difference of distances, in lattice vectors, that counts as none; it exceeds the spread of centres along a cycle."""
SEARCH_RANGE = 2
"""Supercells to either side in which the nearest image is searched."""


class NearestImages:
    """Translations to the nearest images of each pair of functions, in the supercell of a k mesh.

    Parameters
    ----------
    vectors : array, shape (d, d)
        Lattice vectors as rows.
    mesh : sequence of d int
        Number of k points along each reciprocal vector: sides of the supercell.
    centres : array, shape (n, d)
        Centres of the functions. All snapshots of a cycle must share one set: otherwise the choice between images at
        equal distance changes from snapshot to snapshot, and the cycle is not smooth. With a single centre, (1, d), the
        nearest cells are found, whatever functions they contain.
    tie : float
        Difference of distances, in units of the longest lattice vector, that counts as none.
    """

    translations: Integer
    """(R, d)"""
    weights: Float
    """(R, n, n), or (R, 1, 1): share of each pair's matrix element at R; images at equal distance share equally."""

    def __init__(self, vectors: Float, mesh: Sequence[int], centres: Float, *, tie: float = TIE) -> None:
        sides = np.array(mesh)
        cells = np.array(list(product(*[range(side) for side in mesh])))
        steps = np.array(list(product(range(-SEARCH_RANGE, SEARCH_RANGE + 1), repeat=len(mesh)))) * sides
        apart = centres[None, :] - centres[:, None]
        tied = tie * float(np.abs(vectors).max())
        found: dict[Translation, Float] = {}
        for cell in cells:
            images = cell + steps
            lengths = np.sqrt((((images @ vectors)[:, None, None] + apart) ** 2).sum(axis=-1))
            near = lengths < lengths.min(axis=0) + tied
            weights = near / near.sum(axis=0)
            for number in np.flatnonzero(near.any(axis=(1, 2))):
                found[tuple(map(int, images[number]))] = weights[number]
        self.translations = np.array(sorted(found))
        self.weights = np.array([found[R] for R in sorted(found)])

    def by_translation(self, matrices: Complex, points: Float) -> Complex:
        """Matrix elements by translation, from matrices on the k mesh.

        Parameters
        ----------
        matrices : complex array, shape (K, n, n, ...)
        points : float array, shape (K, d)
            Reduced wave vectors.

        Returns
        -------
        complex array, shape (R, n, n, ...)
        """
        weights = self.weights.reshape(*self.weights.shape, *[1] * (matrices.ndim - 3))
        return mesh_fourier_transform(matrices, points, self.translations) * weights


def mesh_fourier_transform(matrices: Complex, points: Float, translations: Integer) -> Complex:
    """Fourier transform from a mesh of reduced wave vectors (K, d) to translations (R, d): (K, ...) -> (R, ...)."""
    phases = np.exp(-2j * np.pi * (translations @ points.T)) / len(points)
    return np.asarray(np.tensordot(phases, matrices, axes=1))
