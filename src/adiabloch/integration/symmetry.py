"""Integrals that vanish by the symmetry of a crystal, found from its bands."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.integration.protocols import BandIntegrand, Column

ENERGY_ACCURACY = 1e-9
"""Relative accuracy, to the largest energy, with which the energies at two equivalent points agree."""
CANCELLATION_ACCURACY = 1e-4
"""Relative accuracy with which values at equivalent points cancel; in the median a thousandth of it. Rounding is large
where formulas contain small denominators."""
POINTWISE_ACCURACY = 1e-11
"""Largest values, relative to those without cancellation, that count as rounding errors."""
LEVEL_SPACING = 1e-6
"""Fraction of the largest energy below which bands are treated together."""
SAMPLES, ORBITS = 6, 12
"""Numbers of random points at which energies, and values, are compared."""
PHASE_STEPS = (8, 12)
"""Shifts of the phase of a cycle that are tried are multiples of its period over these numbers."""
LARGEST_ENTRY = {1: 1, 2: 2, 3: 1}
"""Largest entries of candidate matrices, by dimension."""


@dataclass(frozen=True, eq=False)
class Vanishing:
    """Outputs of the formulas of a Fermi sea that vanish by symmetry, with their rounding errors."""

    sea: np.ndarray
    """(J,): True for outputs of the sea that vanish."""
    surface: np.ndarray
    """(K,): True for outputs of the surface that vanish."""
    left: Float
    """(J + K,): remainder of the sums over equivalent points, averaged over the points: rounding, if they vanish."""

    fineness: float
    """Smallest energy on which levels are resolved."""

    def of(self, column: Column) -> bool:
        """True if a column vanishes."""
        return bool((self.surface if column.at_surface else self.sea)[column.output])

    def rounding(self, column: Column) -> float:
        """Rounding error of a column that vanishes."""
        return float(self.left[column.output + (len(self.sea) if column.at_surface else 0)])


class Levels(Protocol):
    """Energies on the unit torus."""

    @property
    def dimension(self) -> int:
        """Number of axes of the torus."""
        ...

    @property
    def reciprocal(self) -> Float | None:
        """Vectors along the axes of k of the torus, as rows (d, d)."""
        ...

    def levels(self, points: Float) -> Float:
        """Energies at reduced points (P, d), (P, N)."""
        ...


def find_operations(integrand: Levels) -> Integer:
    """Rotations and reflections of the zone that leave the energies unchanged, (G, d, d), the identity first.

    They act on reduced wave vectors about the origin, and are symmetries of the lattice. They may include time
    reversal.
    """
    operations = lattice_operations(np.asarray(integrand.reciprocal))
    return operations[_preserving(integrand, operations, np.zeros(operations.shape[:2]))]


def find_cycle_operations(integrand: Levels) -> tuple[Integer, Float]:
    """Operations on wave vectors and the phase of a cycle that leave the energies unchanged, the identity first.

    Returns
    -------
    operations : int array, shape (G, D, D)
        (k, x) -> (k W, x or -x) + shift on the torus, with x = theta/2 pi.
    shifts : float array, shape (G, D)
        Zero along k.
    """
    rotations = lattice_operations(np.asarray(integrand.reciprocal))
    number, d = rotations.shape[:2]
    steps = sorted({j / n for n in PHASE_STEPS for j in range(n)})
    operations = np.zeros((number, 2, len(steps), d + 1, d + 1), dtype=int)
    operations[..., :d, :d] = rotations[:, None, None]
    operations[..., d, d] = np.array([1, -1])[:, None]
    shifts = np.zeros(operations.shape[:-1])
    shifts[..., d] = steps
    operations, shifts = operations.reshape(-1, d + 1, d + 1), shifts.reshape(-1, d + 1)
    kept = _preserving(integrand, operations, shifts)
    return operations[kept], shifts[kept]


def _preserving(integrand: Levels, operations: Integer, shifts: Float) -> Integer:
    """Indices of the operations x -> x W + shift that leave the energies unchanged."""
    d = integrand.dimension
    points = np.random.default_rng(20).random((SAMPLES, d))
    energies = integrand.levels(points)
    scale = float(np.abs(energies).max())
    kept = np.arange(len(operations))
    # most candidates are excluded by the first point
    for several in (points[:1], points[1:]):
        known, energies = energies[: len(several)], energies[len(several) :]
        images = (several @ operations[kept] + shifts[kept, None]).reshape(-1, d)
        there = integrand.levels(images).reshape(len(kept), *known.shape)
        kept = kept[np.abs(there - known).max(axis=(1, 2)) <= ENERGY_ACCURACY * scale]
    return kept


def lattice_operations(reciprocal: Float) -> Integer:
    """Rotations and reflections of a lattice, (G, d, d), the identity first.

    Parameters
    ----------
    reciprocal : float array, shape (d, d)
        Reciprocal vectors as rows; the operations act on reduced wave vectors, k -> k W.
    """
    d = len(reciprocal)
    metric = reciprocal @ reciprocal.T
    reach = range(-LARGEST_ENTRY[d], LARGEST_ENTRY[d] + 1)
    candidates = np.array(list(itertools.product(reach, repeat=d)))
    lengths = np.einsum("ni,ij,nj->n", candidates, metric, candidates)
    images = [candidates[np.abs(lengths - metric[i, i]) < 1e-6 * metric[i, i]] for i in range(d)]
    rows = np.array(list(itertools.product(*images))).reshape(-1, d, d)
    # images of the reciprocal vectors
    symmetric = np.abs(rows @ metric @ rows.swapaxes(1, 2) - metric).max(axis=(1, 2)) <= 1e-6 * metric.max()
    return np.array([np.eye(d, dtype=int), *(W for W in rows[symmetric] if not np.array_equal(W, np.eye(d)))])


def find_vanishing(integrand: BandIntegrand) -> Vanishing | None:
    """Outputs whose values at equivalent points, for bands of equal energy, add up to zero; None if there are none.

    The integral of such an output vanishes for any occupation, also if its values diverge near points that are mapped
    to themselves, since equivalent points cancel at any distance. Values that vanish at each point, as those of bands
    in pairs related by time reversal and inversion, are rounding errors, much smaller than terms without cancellation.
    """
    group = find_operations(integrand)
    rng = np.random.default_rng(21)
    points = rng.random((ORBITS, integrand.dimension))
    images = np.concatenate([points @ W for W in group])
    frame = integrand.frame(images)
    size = frame.energies.shape[1]
    sea, surface, _ = integrand.band_values(frame, range(1, size + 1))
    values = np.concatenate([sea, surface], axis=2).reshape(len(group), ORBITS, size, -1)
    energies = frame.energies.reshape(len(group), ORBITS, size)[0]
    sums = sums_over_levels(values, energies, LEVEL_SPACING * float(np.abs(energies).max()))
    left = np.abs(sums.mean(axis=0))
    unsigned = np.abs(sums).mean(axis=0)
    largest = unsigned.max(axis=1)
    worst = left.max(axis=1) / np.maximum(largest, np.finfo(float).tiny)
    zero = (worst.max(axis=0) <= CANCELLATION_ACCURACY) & (np.median(worst, axis=0) <= 1e-3 * CANCELLATION_ACCURACY)
    sizes = integrand.sizes_without_cancellation(frame)
    # an output that vanishes in the basis of the eigenstates has no size of its own
    sizes = np.maximum(sizes, 1e-3 * sizes.max())
    zero |= left.max(axis=(0, 1)) <= POINTWISE_ACCURACY * sizes
    if not zero.any():
        return None
    seas = sea.shape[-1]
    fineness = 1e-3 * float(np.ptp(frame.energies))
    return Vanishing(zero[:seas], zero[seas:], left.sum(axis=1).mean(axis=0), fineness)


def sums_over_levels(values: Float, energies: Float, spacing: float) -> Float:
    """Sums of values (G, P, N, J) over bands closer than `spacing`, in place of the first ones of them; else zero.

    Bands that are close are close at all equivalent points; only their sum is meaningful. `energies` is (P, N).
    """
    separated = np.diff(energies, axis=1) > spacing
    level = np.concatenate([np.zeros((len(energies), 1), dtype=int), np.cumsum(separated, axis=1)], axis=1)
    sums = np.zeros_like(values)
    for band in range(energies.shape[1]):
        sums[:, np.arange(len(energies)), level[:, band]] += values[:, :, band]
    return sums
