"""Mean of an insulator over the zone, and a cycle, as that over a wedge of the zone at some of the phases.

Operations that leave the phase unchanged reduce the zone to a wedge (`adiabloch.integration.wedges`). Others map phases
to each other, perhaps in reverse: integrals over the zone at one phase follow from those at an equivalent one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.integration.mesh_symmetry import (
    ASYMMETRY,
    LARGEST_VIOLATION,
    Symmetry,
    given_operations,
    is_group,
)
from adiabloch.integration.orbits import SymmetricIntegrand, transformations, values_at_images
from adiabloch.integration.symmetry import PHASE_STEPS, find_cycle_operations, find_operations
from adiabloch.integration.wedges import Wedge, find_wedge

ZERO = 1e-8
"""Elements of mean transformations that are rounding errors of zero."""
NEAR = 8
"""Number of points near each smallest gap at which values are compared with those at equivalent points."""
ACCURACY = (1e-8, 1e-2)
"""Largest relative difference of the values at these points: in any case, and per tolerance."""


@runtime_checkable
class NarrowIntegrand(SymmetricIntegrand, Protocol):
    """An integrand that may have symmetries, and knows its narrowest features."""

    def near_smallest_gaps(self, count: int) -> Float:
        """Reduced points within the width of the narrowest features, `count` points for each of them, (P, d)."""
        ...


@dataclass(frozen=True, eq=False)
class FoldedMean:
    """Mean over the torus in terms of integrals over a wedge of the zone."""

    wedge: Wedge
    at_phase: Float | None = None
    """Mean transformation of the values under the operations of the wedge, (outputs, outputs); None for the whole zone
    without a reduction of phases."""
    everywhere: Float | None = None
    """The same under all operations."""
    turns: Float | None = None
    """Phase x -> x t_0 + t_1 under each operation, (G, 2)."""
    transformations: Float | None = None
    """(G, outputs, outputs): v(k W, x t_0 + t_1) = v(k, x) M."""
    inaccuracy: float = 0.0
    """Mean difference of values at equivalent points, relative to the values, by rounding."""
    lack: float = 0.0
    """The same for operations that are given and that the model has only approximately."""
    points: int = 0
    """Number of evaluations by which the transformations were found."""

    @property
    def trivial(self) -> bool:
        """True without any symmetry."""
        return self.at_phase is None

    def edges(self, dimension: int) -> Float | None:
        """Edges of the wedge, and along the phase if the torus has one more dimension; None for the whole zone."""
        if self.wedge.whole:
            return None
        edges = np.eye(dimension)
        d = len(self.wedge.edges)
        edges[:d, :d] = self.wedge.edges
        return edges

    def phases(self, least: int) -> int:
        """Smallest number of phases, at least this, that all operations map to each other."""
        if self.turns is None:
            return least
        steps = next(n for n in range(1, 1 + math.lcm(*PHASE_STEPS)) if _whole(self.turns[:, 1] * n))
        return steps * math.ceil(least / steps)

    def orbits(self, phases: int) -> tuple[Integer, Integer]:
        """First equivalent one of each of the phases, (P,), and their numbers at the first ones, else zero."""
        first = np.arange(phases)
        if self.turns is not None:
            first = self._images(phases).min(axis=0)
        return first, np.bincount(first, minlength=phases)

    def at_all_phases(self, values: Float) -> Float:
        """Integrals at all phases (P, outputs) from those at the first ones of equivalent phases."""
        if self.turns is None or self.transformations is None:
            return values
        first, _ = self.orbits(len(values))
        which = np.unique(first)
        sums, counts = np.zeros_like(values), np.zeros(len(values))
        for images, M in zip(self._images(len(values)), self.transformations, strict=True):
            sums[images[which]] += values[which] @ M
            counts[images[which]] += 1
        return np.asarray(sums / counts[:, None])

    def _images(self, phases: int) -> Integer:
        """Numbers of the images of phases under all operations, (G, P)."""
        assert self.turns is not None
        images = self.turns[:, :1] * np.arange(phases) + self.turns[:, 1:] * phases
        return np.rint(images).astype(int) % phases


def fold_mean(integrand: object, phases: bool, symmetry: Symmetry, tolerance: float, most: int) -> FoldedMean:
    """Symmetries of an integrand that reduce the points of boxes.

    Parameters
    ----------
    integrand : Integrand
    phases : bool
        True if the last axis is the phase of a cycle.
    symmetry : "find", "none" or sequence of (d, d) float arrays
        Given operations leave the phase unchanged.
    tolerance : float
        Relative accuracy of the integral.
    most : int
        Largest number of points that the search is worth.

    Raises
    ------
    InvalidArgumentError
        A given operation is no symmetry of the lattice, of the energies or of the values.
    """
    nothing = FoldedMean(Wedge.zone(0))
    searched = isinstance(symmetry, str)
    if (searched and symmetry == "none") or not isinstance(integrand, NarrowIntegrand) or integrand.reciprocal is None:
        return nothing
    if len(integrand.reciprocal) + phases != integrand.dimension:
        return nothing
    operations, shifts, violation = _candidates(integrand, phases, symmetry)
    if len(operations) == 1:
        return nothing
    near = integrand.near_smallest_gaps(NEAR)
    spent = len(operations) * (8 + 2 * integrand.values(near[:1]).shape[1] + len(near))
    if searched and spent > most:
        return nothing
    found = transformations(integrand, operations, shifts, np.inf if violation else None)
    operations, shifts, matrices = operations[found.accepted], shifts[found.accepted], found.matrices
    lacking = _differences(matrices, values_at_images(integrand, operations, shifts, near))
    if violation:
        lack = max(float(found.differences.max()) / found.size, float(lacking.max()))
        if lack > LARGEST_VIOLATION:
            raise InvalidArgumentError(
                f"symmetry: the energies have it to {violation:.1e} only, and the values at equivalent points are "
                f"unlike ({lack:.1e} of them, expected at most {LARGEST_VIOLATION})"
            )
        return replace(_folded(integrand, operations, shifts, matrices, phases), lack=ASYMMETRY * lack, points=spent)
    kept = lacking <= min(ACCURACY[0], ACCURACY[1] * tolerance)
    if kept.sum() < 2 or not _is_group(operations[kept], shifts[kept]):
        return nothing
    inaccuracy = max(float(found.differences[kept].max()) / found.size, float(lacking[kept].max()))
    folded = _folded(integrand, operations[kept], shifts[kept], matrices[kept], phases)
    return replace(folded, inaccuracy=inaccuracy, points=spent)


def _candidates(integrand: NarrowIntegrand, phases: bool, symmetry: Symmetry) -> tuple[Integer, Float, float]:
    """Operations x -> x W + shift with the energies' symmetry, and by how much energies violate given operations."""
    if not isinstance(symmetry, str):
        rotations, violation, rounding = given_operations(integrand, symmetry)
        operations = np.tile(np.eye(integrand.dimension, dtype=int), (len(rotations), 1, 1))
        d = rotations.shape[1]
        operations[:, :d, :d] = rotations
        return operations, np.zeros(operations.shape[:2]), 0.0 if rounding else violation
    if phases:
        return *find_cycle_operations(integrand), 0.0
    operations = find_operations(integrand)
    return operations, np.zeros(operations.shape[:2]), 0.0


def _folded(
    integrand: NarrowIntegrand, operations: Integer, shifts: Float, matrices: Float, phases: bool
) -> FoldedMean:
    """Mean over a group of operations."""
    reciprocal = np.asarray(integrand.reciprocal)
    d = len(reciprocal)
    still = (operations[:, d:, d:] == 1).all(axis=(1, 2)) & (shifts == 0).all(axis=1)
    wedge = find_wedge(operations[still][:, :d, :d], reciprocal) if still.sum() > 1 else None
    return FoldedMean(
        Wedge.zone(d) if wedge is None else wedge.along_axes(),
        np.eye(matrices.shape[1]) if wedge is None else _mean(matrices[still]),
        _mean(matrices),
        np.stack([operations[:, d, d], shifts[:, d]], axis=1) if phases else None,
        matrices,
    )


def _differences(matrices: Float, values: Float) -> Float:
    """Mean difference of values at equivalent points (G, P, outputs) for each operation, relative to the values."""
    size = float(np.abs(values[0]).max(axis=1, initial=0.0).sum())
    wrong = np.abs(values[0] @ matrices - values).max(axis=2, initial=0.0).sum(axis=1)
    return np.asarray(wrong / max(size, np.finfo(float).tiny))


def _is_group(operations: Integer, shifts: Float) -> bool:
    """True if products of operations x -> x W + shift on the torus are among them."""
    d, steps = shifts.shape[1], math.lcm(*PHASE_STEPS)
    together = np.zeros((len(operations), d + 1, d + 1), dtype=int)
    together[:, :d, :d], together[:, d, d] = operations, 1
    together[:, d, :d] = np.rint(shifts * steps)
    return is_group(together % steps, steps)


def _mean(matrices: Float) -> Float:
    mean = matrices.mean(axis=0)
    return np.where(np.abs(mean) < ZERO, 0.0, mean)


def _whole(numbers: Float) -> bool:
    return bool((np.abs(numbers - np.rint(numbers)) < 1e-9).all())
