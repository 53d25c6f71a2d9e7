r"""Plane waves of displaced crystals from those of other ones by symmetry.

An operation h: r -> Q r + t takes a crystal to its source. From the states of the source those of the crystal are

.. math:: \psi'(r) = U_h^\dagger\, \psi(Q r + t), \qquad c'(q') = U_h^\dagger\, c(Q q')\, e^{i (Q q') \cdot t} ,

with wave vectors q = k + G, and the rotation U of spinors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidModelError
from adiabloch.linalg import dagger
from adiabloch.models.orbital_motion import Waves
from adiabloch.symmetries.fields import Action
from adiabloch.symmetries.operations import Operation, angle_and_axis, nearest_orthogonal

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
LARGEST_LOSS = 1e-3
"""Weight of plane waves of a state, at the cutoff, that have no image."""
DIFFERENT = 0.3
"""Deviation of the functions at rest from their images beyond which they do not have the symmetry."""


@dataclass(frozen=True, eq=False)
class PlaneWaveMap:
    """Map of plane waves on a mesh of k points under an operation.

    Parameters
    ----------
    operation : Operation
        Operation that takes the crystal to its source.
    reciprocal : float array, shape (3, 3)
        Reciprocal lattice vectors as rows, including the factor 2 pi.
    points : float array, shape (K, 3)
        Reduced wave vectors.

    Raises
    ------
    InvalidModelError
        The mesh does not have the symmetry.
    """

    operation: Operation
    reciprocal: Float
    points: Float

    @cached_property
    def matrix(self) -> Integer:
        """Rotation of reduced wave vectors, q -> q M, (3, 3)."""
        exact = self.reciprocal @ self.operation.rotation.T @ np.linalg.inv(self.reciprocal)
        whole = np.rint(exact)
        if np.abs(exact - whole).max() > 1e-3:
            raise InvalidModelError(f"displacements: {self.operation} does not map the lattice of the waves to itself")
        return np.asarray(whole, dtype=np.int64)

    @cached_property
    def sources(self) -> Integer:
        """Number of the point of the source for each point, (K,)."""
        there = self.points @ self.matrix
        apart = there[:, None] - self.points
        far = np.abs(apart - np.rint(apart)).max(axis=-1)
        if far.min(axis=1).max() > 1e-5:
            raise InvalidModelError(
                f"displacements: {self.operation} does not map the k points of the waves to each other, expected a "
                "mesh with the symmetry of the crystal, such as one about Gamma with equal sides"
            )
        return np.asarray(far.argmin(axis=1), dtype=np.int64)

    @cached_property
    def spinor(self) -> Complex:
        """Matrix of the inverse rotation of spinors, (2, 2)."""
        angle, axis = angle_and_axis(self.operation.proper)
        turned = np.tensordot(axis, PAULI, axes=1)
        return np.asarray(np.cos(angle / 2) * np.eye(2) + 1j * np.sin(angle / 2) * turned)

    def of(self, point: int, G: Integer, amplitudes: Complex, wanted: Integer) -> Complex:
        """Amplitudes at a point, (spinor, M, n), on its reciprocal vectors `wanted`.

        Parameters
        ----------
        point : int
        G, amplitudes
            Reciprocal vectors (M, 3) and amplitudes (spinor, M, n) of the source at the point `sources[point]`.
        wanted : int array, shape (M, 3)
            Reciprocal vectors in lexicographic order.
        """
        source = self.points[self.sources[point]]
        shift = np.rint(self.points[point] @ self.matrix - source).astype(np.int64)
        back = np.rint(np.linalg.inv(self.matrix)).astype(np.int64)
        phases = ((source + G) @ self.reciprocal) @ self.operation.translation
        moved = amplitudes * np.exp(1j * phases)[:, None]
        if len(moved) == 2:
            moved = np.einsum("st,tmn->smn", self.spinor, moved)
        here, there = common_rows(wanted, (G - shift) @ back)
        found = np.zeros((len(moved), len(wanted), moved.shape[2]), dtype=np.complex128)
        found[:, here] = moved[:, there]
        lost = float(((np.abs(moved) ** 2).sum(axis=(0, 1)) - (np.abs(found) ** 2).sum(axis=(0, 1))).max())
        if lost > LARGEST_LOSS:
            raise InvalidModelError(
                f"displacements: the plane waves of k point {point + 1} are not the images of those of its source "
                f"under {self.operation}, expected one lattice and one cutoff"
            )
        return found


def common_rows(one: Integer, other: Integer) -> tuple[Integer, Integer]:
    """Indices of the common rows in two arrays of different rows of three integers."""
    reach = int(max(np.abs(one).max(), np.abs(other).max())) + 1
    sides = np.array([4 * reach**2, 2 * reach, 1])
    _, here, there = np.intersect1d(one @ sides, other @ sides, assume_unique=True, return_indices=True)
    return here, there


class FunctionMap:
    """Map of Wannier functions in plane waves under an operation, with its unitary matrix D.

    Parameters
    ----------
    action : Action
        Action of the operation, which takes the crystal to its source, on the orbitals.
    rest : Waves
        Plane waves of the functions at rest.
    orbital_cells : int array, shape (n, d)
        Cell of the site of each function.

    Raises
    ------
    InvalidModelError
        The functions or their mesh do not have the symmetry.
    """

    def __init__(self, action: Action, rest: Waves, site: Integer, orbital_cells: Integer) -> None:
        self.map = PlaneWaveMap(action.operation, rest.reciprocal, rest.points)
        d = len(action.Q)
        back = np.rint(np.linalg.inv(action.Q)).astype(np.int64)
        # function j goes to a cell of function i
        cells = (orbital_cells[None, :] - action.cells[site][:, None]) @ back - orbital_cells[:, None]
        self._phases = np.exp(-2j * np.pi * np.einsum("kd,ijd->kij", rest.points[:, :d], cells))
        each = np.empty((len(rest.points), len(site), len(site)), dtype=np.complex128)
        for point in range(len(rest.points)):
            G, own = rest.at(point)
            image = self.map.of(point, *rest.at(int(self.map.sources[point])), G)
            each[point] = (dagger(own) @ image).sum(axis=0) * self._phases[point].conj()
        total = each.mean(axis=0)
        V = np.asarray(nearest_orthogonal(total), dtype=np.complex128)
        if np.abs(total - V).max() > DIFFERENT:
            raise InvalidModelError(
                f"displacements: {action.operation} changes the Wannier functions at rest by "
                f"{np.abs(total - V).max():.2g}, expected functions that have the symmetry of the crystal: projections "
                "on complete sets of p or d orbitals, without localization"
            )
        self.unitary = dagger(V)
        #: deviation of the functions from their images at each point, (K,)
        self.deviations = np.sqrt(2.0 * np.maximum(len(site) - (V.conj() * each).real.sum(axis=(1, 2)), 0.0))

    def of(self, point: int, G: Integer, functions: Complex, wanted: Integer) -> Complex:
        """Functions of the crystal at a point, from those of its source at the source of the point."""
        U = dagger(self.unitary) * self._phases[point]
        return np.asarray(self.map.of(point, G, functions, wanted) @ dagger(U))


@dataclass(frozen=True, eq=False)
class WaveImage:
    """Plane waves of the image of a displaced crystal: those at rest and the image of the change."""

    rest: Waves
    source: Waves
    image: FunctionMap
    centres: Float
    """Centres of the functions, (n, d)."""

    @property
    def mesh(self) -> tuple[int, ...]:
        """Number of k points along each reciprocal vector."""
        return self.rest.mesh

    @property
    def points(self) -> Float:
        """Reduced wave vectors, (K, 3)."""
        return self.rest.points

    @property
    def reciprocal(self) -> Float:
        """Reciprocal lattice vectors as rows."""
        return self.rest.reciprocal

    def at(self, point: int) -> tuple[Integer, Complex]:
        """Reciprocal vectors G (M, 3) in lexicographic order, and the amplitudes (spinor, M, n)."""
        G, own = self.rest.at(point)
        there = int(self.image.map.sources[point])
        at, before = self.rest.at(there)
        other, after = self.source.at(there)
        if not np.array_equal(at, other):
            raise InvalidModelError(
                f"displacements: a displaced crystal has other plane waves at k point {there + 1} than that at rest, "
                "expected one lattice and one cutoff"
            )
        return G, own + self.image.of(point, at, after - before, G)
