"""What the symmetry of a crystal makes zero: found from the bands themselves, not from the model's making."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.integration.protocols import BandIntegrand, Column

ALIKE = 1e-9
"""Bands are alike at two points if their energies agree to this fraction of the largest energy."""
CANCEL = 1e-4
"""Values at symmetric points that cancel to this fraction (in the median a thousandth of it) cancel exactly but for
rounding: of what is divided by small gaps rounding takes many digits."""
LEVEL = 1e-6
"""Bands closer than this fraction of the largest energy count together."""
SAMPLES, ORBITS = 6, 12
"""Random points at which bands, and values, are compared."""
LARGEST_ENTRY = {1: 1, 2: 2, 3: 1}
"""Largest entries of the matrices tried."""


@dataclass(frozen=True, eq=False)
class Vanishing:
    """Which outputs of the formulas of a Fermi sea are zero by symmetry, and how large what cancels is."""

    sea: np.ndarray
    """(J,): outputs of the sea that vanish."""
    surface: np.ndarray
    """(K,): outputs of the surface that vanish."""
    left: Float
    """(J + K,): what was left of the sums at symmetric points: rounding, if they vanish. Means over the points."""

    fineness: float
    """An energy below which no level is told from its neighbours."""

    def of(self, column: Column) -> bool:
        """Whether a column vanishes."""
        return bool((self.surface if column.at_surface else self.sea)[column.output])

    def rounding(self, column: Column) -> float:
        """What is left of it."""
        return float(self.left[column.output + (len(self.sea) if column.at_surface else 0)])


def operations(integrand: BandIntegrand) -> Integer:
    """Rotations and reflections of the zone that leave its bands alike, (G, d, d), the identity first.

    They act on reduced wave vectors, and are among those of the lattice; whether time is reversed as well does not
    matter here. Only those about the origin are found.
    """
    d = integrand.dimension
    B = np.asarray(integrand.reciprocal)
    metric = B @ B.T
    reach = range(-LARGEST_ENTRY[d], LARGEST_ENTRY[d] + 1)
    candidates = np.array(list(itertools.product(reach, repeat=d)))
    lengths = np.einsum("ni,ij,nj->n", candidates, metric, candidates)
    images = [candidates[np.abs(lengths - metric[i, i]) < 1e-6 * metric[i, i]] for i in range(d)]
    found = [np.eye(d, dtype=int)]
    rng = np.random.default_rng(20)
    points = rng.random((SAMPLES, d))
    energies = integrand.levels(points)
    scale = float(np.abs(energies).max())
    for rows in itertools.product(*images):
        # images of the reciprocal vectors
        W = np.array(rows)
        if np.abs(W @ metric @ W.T - metric).max() > 1e-6 * metric.max() or np.array_equal(W, found[0]):
            continue
        there = integrand.levels(points @ W)
        if np.abs(there - energies).max() <= ALIKE * scale:
            found.append(W)
    return np.array(found)


def vanishing(integrand: BandIntegrand) -> Vanishing | None:
    """Outputs whose values at symmetric points, of bands that are alike there, add up to zero; None if there are none.

    Such a set of points is the image of every other one, so the integral vanishes with any occupation, also where the
    values themselves grow beyond all bounds near points that are mapped to themselves: pairs cancel before they do.
    """
    group = operations(integrand)
    if len(group) == 1:
        return None
    rng = np.random.default_rng(21)
    points = rng.random((ORBITS, integrand.dimension))
    images = np.concatenate([points @ W for W in group])
    frame = integrand.frame(images)
    size = frame.energies.shape[1]
    sea, surface, _ = integrand.band_values(frame, range(1, size + 1))
    values = np.concatenate([sea, surface], axis=2).reshape(len(group), ORBITS, size, -1)
    # bands that are together are so at all images: what one of them holds alone is anybody's guess
    energies = frame.energies.reshape(len(group), ORBITS, size)[0]
    apart = np.diff(energies, axis=1) > LEVEL * np.abs(energies).max()
    together = np.concatenate([np.zeros((ORBITS, 1), dtype=int), np.cumsum(apart, axis=1)], axis=1)
    groups = np.zeros_like(values)
    for band in range(size):
        groups[:, np.arange(ORBITS), together[:, band]] += values[:, :, band]
    left = np.abs(groups.mean(axis=0))
    unsigned = np.abs(groups).mean(axis=0)
    largest = unsigned.max(axis=1)
    worst = left.max(axis=1) / np.maximum(largest, np.finfo(float).tiny)
    zero = (worst.max(axis=0) <= CANCEL) & (np.median(worst, axis=0) <= 1e-3 * CANCEL)
    if not zero.any():
        return None
    seas = sea.shape[-1]
    fineness = 1e-3 * float(np.ptp(frame.energies))
    return Vanishing(zero[:seas], zero[seas:], left.sum(axis=1).mean(axis=0), fineness)
