"""Symmetry of an integrand of an insulator on a uniform mesh: one point of each orbit is evaluated.

The operations act on reduced wave vectors about the origin. They are found from the energies at random points, and kept
if the values at such points transform linearly, v(k W) = v(k) M; terms of a smooth gauge do so only if the trial
orbitals have the symmetry. The sums over all points of a mesh follow from those over one point of each orbit, so that
the error is estimated as without symmetry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.integration.mesh_symmetry import is_group, on_mesh, orbit_sizes
from adiabloch.integration.protocols import Integrand, Sample
from adiabloch.integration.symmetry import find_operations

WORTHWHILE = (2048, 8192)
"""Smallest and largest number of missing points of a mesh from which the search for symmetries is worth its time: half
a call of the integrand, which contains fewer points the more a point costs."""
ACCURACY = 1e-10
"""Accuracy with which values at equivalent points agree, relative to the largest value."""


@runtime_checkable
class SymmetricIntegrand(Integrand, Protocol):
    """An integrand that may have symmetries, and is also evaluated at some points of a grid."""

    @property
    def reciprocal(self) -> Float | None:
        """Vectors along the axes of k of the torus, as rows; None if symmetries are not to be searched for."""
        ...

    def levels(self, points: Float) -> Float:
        """Energies at reduced points (P, d), (P, N)."""
        ...

    def values(self, points: Float) -> Float:
        """Values at reduced points (P, d), (P, outputs)."""
        ...

    def on_part(self, axes: Sequence[Float], which: np.ndarray, steps: Integer) -> Sample:
        """Sample at the points of a tensor grid that a mask selects, with the sharpness along integer steps (S, d)."""
        ...


@dataclass(frozen=True, eq=False)
class Orbits:
    """Group of operations of an integrand with the transformations of its values."""

    operations: Integer
    """(G, d, d): k -> k W on reduced wave vectors, the identity first."""
    transformations: Float
    """(G, outputs, outputs): v(k W) = v(k) M."""
    inaccuracy: float
    """Mean difference of values at equivalent points, of the worst operation and output."""

    def on(self, *meshes: Sequence[int]) -> Orbits | None:
        """Operations that leave meshes unchanged; None if there is only the identity."""
        kept = np.ones(len(self.operations), dtype=bool)
        for mesh in meshes:
            sides = np.array(mesh)
            kept &= (self.operations * sides % sides[:, None] == 0).all(axis=(1, 2))
        if kept.sum() < 2:
            return None
        return Orbits(self.operations[kept], self.transformations[kept], self.inaccuracy)

    def sizes(self, numbers: Sequence[Integer], mesh: Sequence[int]) -> Integer:
        """Size of the orbit of each point of a block, at one of its points; else zero."""
        return orbit_sizes(self.operations, numbers, mesh)

    def equivalent_axes(self, axis: int) -> set[int]:
        """Axes to which an operation maps an axis, with itself."""
        return {axis, *np.flatnonzero(self.operations[:, axis].any(axis=0)).tolist()}

    @property
    def steps(self) -> tuple[Integer, Integer]:
        """Different images of the axes, (S, d), and the index of that of each axis for each operation, (G, d)."""
        images = self.operations.reshape(-1, self.operations.shape[-1])
        leading = images[np.arange(len(images)), (images != 0).argmax(axis=1)]
        steps, which = np.unique(images * np.sign(leading)[:, None], axis=0, return_inverse=True)
        return steps, which.reshape(len(self.operations), -1)

    def images(self, points: Integer, mesh: Sequence[int]) -> Integer:
        """Numbers along the axes of the images of points (R, d) under all operations, (G, R, d)."""
        sides = np.array(mesh)
        return np.asarray([points @ on_mesh(W, sides) % sides for W in self.operations])


def worthwhile(missing: int, integrand: Integrand) -> bool:
    """True if the search for symmetries costs less than it saves on a mesh with this number of missing points."""
    return missing >= np.clip(integrand.batch // 2, *WORTHWHILE)


def find_orbits(integrand: Integrand) -> Orbits | None:
    """Symmetries of an integrand over the zone; None if there is only the identity."""
    if not isinstance(integrand, SymmetricIntegrand) or integrand.reciprocal is None:
        return None
    if len(integrand.reciprocal) < integrand.dimension:
        return None
    operations = find_operations(integrand)
    if len(operations) == 1:
        return None
    found = transformations(integrand, operations, np.zeros(operations.shape[:2]))
    if len(found.accepted) < 2 or not is_group(operations[found.accepted]):
        return None
    return Orbits(operations[found.accepted], found.matrices, float(found.differences.max()))


class Transformations(NamedTuple):
    """Operations under which the values of an integrand transform linearly."""

    accepted: list[int]
    """Indices of these operations."""
    matrices: Float
    """(G, outputs, outputs): v(k W) = v(k) M."""
    differences: Float
    """Mean difference of each output at equivalent points, (G, outputs)."""
    size: float
    """Mean of the largest output at these points."""


def transformations(
    integrand: SymmetricIntegrand, operations: Integer, shifts: Float, accuracy: float | None = None
) -> Transformations:
    """Transformations of the values under operations x -> x W + shift, (G, d, d) and (G, d), the identity first.

    Of operations that an integrand has only approximately, another accuracy may be sufficient than that of rounding.
    """
    rng, d = np.random.default_rng(24), integrand.dimension
    first = rng.random((8, d))
    # twice as many points as outputs to find the transformations, and some to check them
    points = np.concatenate([first, rng.random((2 * integrand.values(first).shape[1], d))], dtype=np.float64)
    values = values_at_images(integrand, operations, shifts, points)
    accepted, matrices, differences = [], [], []
    for g, there in enumerate(values):
        M = np.linalg.lstsq(values[0, 4:], there[4:], rcond=ACCURACY)[0]
        wrong = np.abs(values[0] @ M - there)
        if wrong.max() <= (ACCURACY if accuracy is None else accuracy) * np.abs(values).max():
            accepted.append(g)
            matrices.append(M)
            differences.append(wrong.mean(axis=0))
    size = float(np.abs(values[0]).max(axis=1).mean())
    return Transformations(accepted, np.array(matrices), np.array(differences), size)


def values_at_images(integrand: SymmetricIntegrand, operations: Integer, shifts: Float, points: Float) -> Float:
    """Values at the images of points (P, d) under operations x -> x W + shift, (G, P, outputs)."""
    images: Float = (points @ operations + shifts[:, None]).reshape(-1, integrand.dimension)
    parts = [integrand.values(images[n : n + integrand.batch]) for n in range(0, len(images), integrand.batch)]
    return np.concatenate(parts).reshape(len(operations), len(points), -1)
