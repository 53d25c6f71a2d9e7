"""Divergent integrals over a Fermi sea: bands that touch within the thermal reach of the Fermi level.

Near a point where bands touch, a formula of single bands grows like a power of the inverse distance. The odd part
cancels in a principal value. The integral of the even part exists if its power is smaller than the dimension. At zero
temperature, with the Fermi level exactly at the point, the result is the limit of small temperatures, if there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid
from adiabloch.integration.fermi_weights import weights
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.minimize import pattern_search
from adiabloch.occupation import THERMAL_REACH, Scan

TOUCHING = 1e-9
"""Fraction of the largest energy below which bands touch."""
LARGEST, HALVINGS, ANGLES = 0.01, 10, 64
"""Radius of the first sphere about a point (reduced), number of halvings, and number of directions."""
SHELLS = 20.0
"""Number of further shells inside, each half as wide as the one before, whose sum must be negligible."""
MESH = {1: 64, 2: 24, 3: 2}
"""Points along each axis from which the search for touching bands starts. In three dimensions only the points that are
mapped to themselves by time reversal are tested, since a divergence elsewhere needs three powers."""
AREAS = {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}
"""Area of the unit sphere by dimension."""
WARM = 0.05
"""Temperature relative to the bandwidth at which the typical size of the integrand at zero temperature is found."""
SAMPLE = 200
"""Number of random points for the typical size of the integrand."""
STARTS = 8
"""Largest number of local minima that are refined for each pair of bands."""


@dataclass(frozen=True, eq=False)
class Divergence:
    """Touching bands with a divergent integral."""

    outputs: np.ndarray
    """(outputs, S, M): True for integrals that do not exist."""
    bands: tuple[int, int]
    """First and last of the touching bands, from zero."""
    point: Float
    """Reduced coordinates."""
    energy: float


def divergences(integrand: BandIntegrand, combination: Float, scan: Scan, negligible: float) -> list[Divergence]:
    """Points where bands touch and an integral diverges.

    Parameters
    ----------
    integrand : BandIntegrand
    combination : float array, shape (outputs, columns, S, M)
    scan : Scan
    negligible : float
        Fraction of the typical integrand. A divergence whose shells add up to less, down to the resolution of
        floating-point numbers, does not count.
    """
    if integrand.powers <= integrand.dimension or not combination.any():
        return []
    rng = np.random.default_rng(22)
    points = rng.random((SAMPLE, integrand.dimension))
    typical = np.abs(_contributions(integrand, combination, scan, points, slice(None))).mean(axis=0)
    cold = scan.temperatures == 0
    if cold.any():
        # at zero temperature nothing is added up here, and the typical size is that at a high one
        warm = _scan_at(scan, WARM * float(np.ptp(integrand.levels(points))))
        matrix = _combination_at(integrand, combination, warm)
        typical_warm = np.abs(_contributions(integrand, matrix, warm, points, slice(None))).mean(axis=0)
        typical = np.where(cold[:, None], typical_warm, typical)
    return list(_divergent(integrand, combination, scan, negligible * typical))


def _divergent(integrand: BandIntegrand, combination: Float, scan: Scan, allowed: Float) -> Iterator[Divergence]:
    half = HALVINGS // 2
    for first, last, point, energy in _touching(integrand, scan):
        if integrand.joins(point, first, last):
            # contributions of one group of degenerate bands do not diverge
            continue
        shells = np.abs(_shells(integrand, combination, scan, point, first, last))
        at_point = np.abs(scan.potentials - energy) <= 10 * TOUCHING * max(abs(energy), np.ptp(scan.potentials), 1.0)
        decided = (scan.temperatures > 0)[:, None] | at_point
        if at_point.any() and (scan.temperatures == 0).any():
            cold = np.abs(_cold_shells(integrand, combination, scan, point, first, last))
            shells = np.where((scan.temperatures == 0)[:, None], cold, shells)
        lasting = (shells[half:] > 0.5 * shells[:-half][: len(shells) - half]).all(axis=0)
        found = lasting & (SHELLS * shells[-1] > allowed) & decided
        if found.any():
            yield Divergence(found, (first, last), point, energy)


def _scan_at(scan: Scan, kT: float) -> Scan:
    """Scan with the same chemical potentials at one temperature."""
    return replace(scan, temperatures=np.array([kT]))


def _combination_at(integrand: BandIntegrand, combination: Float, scan: Scan) -> Float:
    """Combination matrix of another temperature, without the columns that vanish."""
    kept = combination.any(axis=(2, 3), keepdims=True)
    return np.where(kept, integrand.combination_matrix(scan), 0.0)


def _touching(integrand: BandIntegrand, scan: Scan) -> Iterator[tuple[int, int, Float, float]]:
    """Touching bands near the Fermi level: first and last band, point, energy."""
    d = integrand.dimension
    mesh = tensor_grid([np.arange(MESH[d]) / MESH[d]] * d)
    energies = integrand.levels(mesh)
    scale = float(np.abs(energies).max())
    margin = THERMAL_REACH * scan.temperatures.max() + 20 * TOUCHING * scale
    low, high = scan.potentials.min() - margin, scan.potentials.max() + margin
    seen: list[tuple[int, Float]] = []
    for count in range(1, energies.shape[1]):
        gaps = energies[:, count] - energies[:, count - 1]
        if energies[:, count - 1].max() < low or energies[:, count].min() > high or gaps.max() <= TOUCHING * scale:
            continue
        for start in _local_minima(gaps.reshape([MESH[d]] * d)) if d < 3 else np.flatnonzero(gaps <= TOUCHING * scale):
            gap, point = float(gaps[start]), mesh[start]
            if gap > TOUCHING * scale:
                gap, point = pattern_search(partial(_gap, integrand, count), point, reach=0.5 / MESH[d], finest=1e-11)
            if gap > TOUCHING * scale:
                continue
            here = integrand.levels(point[None])[0]
            near = np.abs(here - here[count]) <= 10 * TOUCHING * scale
            # bands are sorted, so those between near bands are near
            first, last = int(np.flatnonzero(near)[0]), int(np.flatnonzero(near)[-1])
            if not low < here[count] < high or any(
                known == first and np.abs((point - other + 0.5) % 1 - 0.5).max() < 1e-6 for known, other in seen
            ):
                continue
            seen.append((first, point))
            yield first, last, point, float(here[count])


def _gap(integrand: BandIntegrand, count: int, points: Float) -> Float:
    """Gap above the `count` lowest bands, (P,)."""
    energies = integrand.levels(points)
    return energies[:, count] - energies[:, count - 1]


def _local_minima(gaps: Float) -> Integer:
    """Indices of the local minima of a gap on the mesh, the smallest first."""
    lower = np.ones(gaps.shape, dtype=bool)
    for axis in range(gaps.ndim):
        for step in (-1, 1):
            lower &= gaps <= np.roll(gaps, step, axis)
    positions = np.flatnonzero(lower)
    return positions[np.argsort(gaps.ravel()[positions], kind="stable")][:STARTS]


def _shells(integrand: BandIntegrand, combination: Float, scan: Scan, point: Float, first: int, last: int) -> Float:
    """Contributions of shells about a point, one for each halving of the radius; (shells, outputs, S, M)."""
    d = integrand.dimension
    directions = _directions(d)
    radii = LARGEST * 0.5 ** np.arange(HALVINGS)
    points = (point + radii[:, None, None] * directions).reshape(-1, d)
    contributions = _contributions(integrand, combination, scan, points, slice(first, last + 1))
    area = AREAS[d] * np.log(2)
    means = contributions.reshape(HALVINGS, -1, *contributions.shape[1:]).mean(axis=1)
    return area * (radii**d)[:, None, None, None] * means


def _cold_shells(
    integrand: BandIntegrand, combination: Float, scan: Scan, point: Float, first: int, last: int
) -> Float:
    """As `_shells`, each shell at the temperature at which it contributes most; (shells, outputs, 1, M)."""
    d = integrand.dimension
    here = float(integrand.levels(point[None])[0, first])
    area = AREAS[d] * np.log(2)
    shells = []
    for radius in LARGEST * 0.5 ** np.arange(HALVINGS):
        points = point + radius * _directions(d)
        kT = float(np.abs(integrand.levels(points)[:, first : last + 1] - here).mean())
        warm = _scan_at(scan, max(kT, np.finfo(float).tiny))
        matrix = _combination_at(integrand, combination, warm)
        means = _contributions(integrand, matrix, warm, points, slice(first, last + 1)).mean(axis=0)
        shells.append(area * radius**d * means)
    return np.array(shells)


def _contributions(integrand: BandIntegrand, combination: Float, scan: Scan, points: Float, bands: slice) -> Float:
    """Contributions of some bands, and of the gaps between them, (P, outputs, S, M); zero at zero temperature."""
    frame = integrand.frame(points)
    first, last, _ = bands.indices(frame.energies.shape[1])
    sea, surface, _ = integrand.band_values(frame, range(first + 1, last))
    energies = frame.energies[:, bands]
    contributions = np.zeros((len(points), len(integrand.columns), *scan.shape))
    for c, column in enumerate(integrand.columns):
        values = (surface if column.at_surface else sea)[:, bands, column.output]
        for s, kT in enumerate(scan.temperatures):
            for m, mu in enumerate(scan.potentials) if kT > 0 else ():
                (weight,) = weights([column.weight], (energies - mu) / kT, kT)
                contributions[:, c, s, m] = (weight * values).sum(axis=1)
    return np.einsum("ocsm,pcsm->posm", combination, contributions)


def _directions(dimension: int) -> Float:
    """Unit vectors in all directions, in opposite pairs."""
    if dimension == 1:
        return np.array([[1.0], [-1.0]])
    if dimension == 2:
        angle = 2 * np.pi * (np.arange(ANGLES) + 0.3) / ANGLES
        return np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    number = np.arange(2 * ANGLES) + 0.5
    z = 1 - number / ANGLES
    angle = np.pi * (1 + np.sqrt(5)) * number
    half = np.stack([np.sqrt(1 - z * z) * np.cos(angle), np.sqrt(1 - z * z) * np.sin(angle), z], axis=-1)[:ANGLES]
    return np.concatenate([half, -half])
