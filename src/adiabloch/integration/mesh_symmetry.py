"""Symmetry of a Fermi sea: points of a mesh that represent all equivalent ones, and how sums transform.

The operations act on reduced wave vectors about the origin. Whether they are symmetries is seen from the energies at
random points. The transformation of the values, M in v(k W) = v(k) M, is solved for from the values at such points, so
that no tensor character has to be declared. Then the sum over a mesh is that over one point of each orbit, multiplied
by the size of the orbit, times the mean of M over the group.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.protocols import BandIntegrand, Weight
from adiabloch.integration.symmetry import (
    ENERGY_ACCURACY,
    LEVEL_SPACING,
    Levels,
    find_operations,
    sums_over_levels,
)

FEWEST = 500
"""Number of points of a mesh from which the search for symmetries is worth its time."""
VALUE_ACCURACY = 1e-8
"""Relative accuracy with which values at equivalent points agree."""
LATTICE_ACCURACY = 1e-5
"""Accuracy with which a given operation maps the lattice to itself."""
LARGEST_VIOLATION = 0.1
"""Largest difference of the energies at points that a given operation relates, as a fraction of their spread."""
LARGEST_DIFFERENCE = 0.02
"""Median of the relative differences of values at equivalent points above which a given operation is refused."""
ASYMMETRY = 1.5
"""Factor on the change of a result by a symmetry that the model has only approximately, found on few points."""
LARGEST_GROUP = 192
"""Number of operations above which given operations cannot generate a point group."""

Symmetry = Literal["find", "none"] | Sequence[Float]
"""Operations to use: those that are found, none, or given orthogonal matrices that act on Cartesian wave vectors."""


@dataclass(frozen=True, eq=False)
class MeshSymmetry:
    """Group of operations of an integrand, and the means over the group of the transformations of its columns."""

    operations: Integer
    """(G, d, d): k -> k W on reduced wave vectors, the identity first."""
    means: Mapping[Weight, Float]
    """Mean of M over the group for the columns of each weight, in their order."""
    moduli: Mapping[Weight, Float]
    """The same for |M|."""
    exact: bool
    """True if the energies have the symmetry within rounding."""
    inaccuracy: float = 0.0
    """Mean difference of values at equivalent points, of the worst operation, relative to the values."""

    def weights(self, numbers: Sequence[Integer], mesh: Sequence[int]) -> Integer:
        """Number of equivalent points of each point of a block, at the representative of the orbit; else zero.

        Parameters
        ----------
        numbers : sequence of int array
            Indices of the points of the block along each axis.
        mesh : sequence of int
        """
        return orbit_sizes(self.operations, numbers, mesh)


def orbit_sizes(operations: Integer, numbers: Sequence[Integer], mesh: Sequence[int]) -> Integer:
    """Number of equivalent points of each point of a block, at the representative of the orbit; else zero."""
    strides = [math.prod(mesh[axis + 1 :]) for axis in range(len(mesh))]
    along = np.ix_(*numbers)
    own = np.asarray(sum(stride * n for stride, n in zip(strides, along, strict=True)))
    first, fixed = np.ones(own.shape, dtype=bool), np.zeros(own.shape, dtype=int)
    for W in operations:
        columns = on_mesh(W, np.array(mesh)).T
        images = (
            sum(int(w) * n for w, n in zip(column, along, strict=True) if w) % side
            for column, side in zip(columns, mesh, strict=True)
        )
        image = sum(stride * n for stride, n in zip(strides, images, strict=True))
        first &= own <= image
        fixed += own == image
    return np.where(first, len(operations) // fixed, 0).ravel()


def checked_symmetry(symmetry: Symmetry) -> None:
    """Check the kind of a choice of symmetries.

    Raises
    ------
    InvalidArgumentError
    """
    known = ("find", "none") if isinstance(symmetry, str) else ()
    if symmetry in known or (isinstance(symmetry, Sequence | np.ndarray) and not isinstance(symmetry, str)):
        return
    raise InvalidArgumentError(f'symmetry: {symmetry!r}, expected "find", "none" or a sequence of matrices')


def members_of(integrand: BandIntegrand) -> dict[Weight, list[int]]:
    """Columns with each weight."""
    members: dict[Weight, list[int]] = {}
    for c, column in enumerate(integrand.columns):
        members.setdefault(column.weight, []).append(c)
    return members


def find_symmetry(
    integrand: BandIntegrand, mesh: Sequence[int] | None, symmetry: Symmetry, members: Mapping[Weight, Sequence[int]]
) -> MeshSymmetry | None:
    """Operations that leave the energies and the mesh unchanged; None if there is only the identity.

    Parameters
    ----------
    integrand : BandIntegrand
    mesh : sequence of int, optional
        None for operations that need not map a mesh to itself.
    symmetry : "find", "none" or sequence of (d, d) float arrays
    members : mapping {weight: column numbers}

    Raises
    ------
    InvalidArgumentError
        A given operation is no symmetry of the lattice or of the energies.
    """
    if isinstance(symmetry, str):
        if symmetry == "none" or (mesh is not None and math.prod(mesh) < FEWEST):
            return None
        operations, violation, rounding = find_operations(integrand), 0.0, True
    else:
        operations, violation, rounding = given_operations(integrand, symmetry)
    if mesh is not None:
        sides = np.array(mesh)
        operations = np.array([W for W in operations if np.allclose(W * sides % sides[:, None], 0)])
    if len(operations) == 1:
        return None
    transformations, differences = _transformations(integrand, operations, members, violation)
    accepted = [g for g, of in enumerate(transformations) if of is not None]
    if len(accepted) == 1 or not is_group(operations[accepted]):
        return None
    matrices = [of for of in transformations if of is not None]
    return MeshSymmetry(
        operations[accepted],
        {weight: np.mean([of[weight] for of in matrices], axis=0) for weight in members},
        {weight: np.mean([np.abs(of[weight]) for of in matrices], axis=0) for weight in members},
        exact=isinstance(symmetry, str) or (rounding and float(differences[1, accepted].max()) <= VALUE_ACCURACY),
        inaccuracy=float(differences[0, accepted].max()),
    )


def change_by_symmetry(with_it: Float, without: Float) -> Float:
    """Error of integrals (outputs, S, M) by a symmetry that the model has only approximately, (outputs, S, 1)."""
    # the largest over all chemical potentials: at a single one the difference may be small by accident
    change: Float = ASYMMETRY * np.abs(with_it - without).max(axis=2, keepdims=True)
    return change


def on_mesh(W: Integer, sides: Integer) -> Integer:
    """The operation on indices of mesh points."""
    return np.asarray(W * sides // sides[:, None])


def given_operations(integrand: Levels, given: Sequence[Float]) -> tuple[Integer, float, bool]:
    """Group that given Cartesian matrices generate, the identity first, and what the energies lack of it.

    Returns
    -------
    operations : int array, shape (G, d, d)
    violation : float
        Largest difference of the energies at equivalent points.
    rounding : bool
        True if it is a rounding error.

    Raises
    ------
    InvalidArgumentError
        A given operation is no symmetry of the lattice or of the energies.
    """
    operations = _generated(integrand, given)
    return operations, *_violation(integrand, operations)


def _generated(integrand: Levels, given: Sequence[Float]) -> Integer:
    """Group of operations on reduced wave vectors that Cartesian matrices generate, the identity first."""
    B = np.asarray(integrand.reciprocal)
    d = len(B)
    generators = []
    for number, matrix in enumerate(given):
        R = np.asarray(matrix, dtype=float)
        if R.shape != (d, d) or not np.allclose(R @ R.T, np.eye(d), atol=LATTICE_ACCURACY):
            raise InvalidArgumentError(f"symmetry: matrix {number}, expected an orthogonal matrix of shape ({d}, {d})")
        exact = B @ R.T @ np.linalg.inv(B)
        W = np.rint(exact).astype(int)
        if np.abs(exact - W).max() > LATTICE_ACCURACY:
            raise InvalidArgumentError(
                f"symmetry: matrix {number} does not map the reciprocal lattice to itself: a reciprocal vector goes to "
                f"{np.round(exact[np.abs(exact - W).max(axis=1).argmax()], 4).tolist()} (reduced), expected whole "
                "numbers"
            )
        generators.append(W)
    group = [np.eye(d, dtype=int)]
    for W in group:
        for generator in generators:
            product = W @ generator
            if not any(np.array_equal(product, known) for known in group):
                group.append(product)
        if len(group) > LARGEST_GROUP:
            raise InvalidArgumentError(f"symmetry: the matrices generate more than {LARGEST_GROUP} operations")
    return np.array(group)


def _violation(integrand: Levels, operations: Integer) -> tuple[float, bool]:
    """Largest difference of the energies at equivalent points, and True if it is rounding.

    Raises
    ------
    InvalidArgumentError
        The energies do not have the symmetry.
    """
    points = np.random.default_rng(22).random((4, integrand.dimension))
    energies, d = integrand.levels(points), operations.shape[1]
    worst = 0.0
    for W in operations[1:]:
        # the phase of a cycle stays
        images = np.concatenate([points[:, :d] @ W, points[:, d:]], axis=1)
        change = np.abs(integrand.levels(images) - energies)
        worst = max(worst, float(change.max()))
        if worst > LARGEST_VIOLATION * np.ptp(energies):
            at = int(change.max(axis=1).argmax())
            raise InvalidArgumentError(
                f"symmetry: no symmetry of the energies: at k = {np.round(points[at], 4).tolist()} (reduced) and the "
                f"equivalent {np.round(images[at], 4).tolist()} they differ by {worst / np.ptp(energies):.1e} of "
                "their spread"
            )
    return worst, worst <= ENERGY_ACCURACY * float(np.abs(energies).max())


def _transformations(
    integrand: BandIntegrand, operations: Integer, members: Mapping[Weight, Sequence[int]], violation: float
) -> tuple[list[dict[Weight, Float] | None], Float]:
    """Transformation of the columns of each weight under each operation; None if the values have no such symmetry.

    Also the mean and the largest difference of the values for each operation, (2, G), relative to them.
    """
    d = integrand.dimension
    most = max(len(columns) for columns in members.values())
    size = integrand.levels(np.zeros((1, d))).shape[1]
    orbits = 4 + 3 * most // size
    points = np.random.default_rng(23).random((2 * orbits, d))
    frame = integrand.frame(np.concatenate([points @ W for W in operations]))
    sea, surface, _ = integrand.band_values(frame, range(1, size + 1))
    energies = frame.energies.reshape(len(operations), -1, size)[0]
    spacing = max(LEVEL_SPACING * float(np.abs(energies).max()), 4 * violation)
    found: list[dict[Weight, Float] | None] = [{} for _ in operations]
    differences = np.zeros((2, len(operations)))
    for weight, columns in members.items():
        source = surface if integrand.columns[columns[0]].at_surface else sea
        values = source[..., [integrand.columns[c].output for c in columns]]
        values = values.reshape(len(operations), 2 * orbits, size, -1)
        summed, moduli = (sums_over_levels(v, energies, spacing) for v in (values, np.abs(values)))
        for g in range(len(operations)):
            unit = (moduli[0] + moduli[g]).sum(axis=2, keepdims=True)
            before, after = (np.divide(v, unit, out=np.zeros_like(v), where=unit > 0) for v in (summed[0], summed[g]))
            x, y = (v[:orbits].reshape(-1, len(columns)) for v in (before, after))
            M = np.linalg.lstsq(x, y, rcond=VALUE_ACCURACY)[0]
            wrong = np.abs(before[orbits:] @ M - after[orbits:])
            if violation > 0 and np.median(wrong.max(axis=(1, 2))) > LARGEST_DIFFERENCE:
                raise InvalidArgumentError(
                    f"symmetry: the energies have it to {violation:.1e} only, and the values at equivalent points are "
                    f"unlike ({np.median(wrong.max(axis=(1, 2))):.1e} of them, expected at most {LARGEST_DIFFERENCE})"
                )
            differences[:, g] = np.maximum(differences[:, g], [wrong.max(axis=2).mean(), wrong.max()])
            of = found[g]
            if of is not None and (violation > 0 or wrong.max() <= VALUE_ACCURACY):
                of[weight] = M
            else:
                found[g] = None
    return found, differences


def is_group(operations: Integer, modulus: int | None = None) -> bool:
    """True if all products of operations, or their remainders, are among them."""
    known = {W.tobytes() for W in operations}
    products = (V @ W for V in operations for W in operations)
    return all((W if modulus is None else W % modulus).tobytes() in known for W in products)
