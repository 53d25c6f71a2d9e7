"""Integrals over a Fermi sea that do not exist: where bands touch within the reach of a temperature.

Near a point where bands touch a formula of single bands grows like a power of one over the distance. What is odd about
the point cancels in pairs, which is all that its principal value means; what is left exists if it grows less than one
over the distance to the power of the dimension.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.integration.fermi_weights import weights
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.minimize import pattern_search
from adiabloch.occupation import THERMAL_REACH, Scan

TOUCHING = 1e-9
"""Of the largest energy: bands closer than this touch."""
LARGEST, HALVINGS, ANGLES = 0.01, 10, 64
"""Radius of the first sphere about a point (reduced), how often it is halved, and how many directions are looked at."""
SHELLS = 20.0
"""How many shells, each half as wide as the last, are left inside: what they come to together decides."""
MESH = {1: 64, 2: 24, 3: 2}
"""Points along each axis from which touching bands are looked for. In three dimensions only the points that time
reversal maps to themselves are: it takes three powers to diverge at others."""
SAMPLE = 200
"""Points that tell how large an integrand is elsewhere."""
STARTS = 8
"""Most places that are followed downhill for each pair of bands."""


@dataclass(frozen=True, eq=False)
class Divergence:
    """Where and for what an integral does not exist."""

    outputs: np.ndarray
    """(outputs, S, M)."""
    bands: tuple[int, int]
    """First and last of those that touch, from zero."""
    point: Float
    """Reduced."""
    energy: float


def divergences(integrand: BandIntegrand, combination: Float, scan: Scan, negligible: float) -> list[Divergence]:
    """Points where bands touch and an integral of theirs diverges, to more than this fraction of what is elsewhere.

    Parameters
    ----------
    integrand : BandIntegrand
    combination : float array, shape (outputs, columns, S, M)
    scan : Scan
    negligible : float
        What does not come to this fraction in all shells that a computer can tell apart does not count.
    """
    if integrand.powers <= integrand.dimension or not (scan.temperatures > 0).any() or not combination.any():
        return []
    rng = np.random.default_rng(22)
    points = rng.random((SAMPLE, integrand.dimension))
    usual = np.abs(_held(integrand, combination, scan, points, slice(None))).mean(axis=0)
    return list(_divergent(integrand, combination, scan, negligible * usual))


def _divergent(integrand: BandIntegrand, combination: Float, scan: Scan, allowed: Float) -> Iterator[Divergence]:
    for first, last, point, energy in _touching(integrand, scan):
        if integrand.joins(point, first, last):
            # what one group of degenerate bands holds does not grow
            continue
        shells = np.abs(_shells(integrand, combination, scan, point, first, last))
        half = HALVINGS // 2
        lasting = (shells[half:] > 0.5 * shells[:-half][: len(shells) - half]).all(axis=0)
        found = lasting & (SHELLS * shells[-1] > allowed) & (scan.temperatures > 0)[:, None]
        if found.any():
            yield Divergence(found, (first, last), point, energy)


def _touching(integrand: BandIntegrand, scan: Scan) -> Iterator[tuple[int, int, Float, float]]:
    """First and last band, point and energy of touching bands near the Fermi level."""
    d = integrand.dimension
    mesh = np.stack(np.meshgrid(*[np.arange(MESH[d]) / MESH[d]] * d, indexing="ij"), -1).reshape(-1, d)
    energies = integrand.levels(mesh)
    scale = float(np.abs(energies).max())
    low = scan.potentials.min() - THERMAL_REACH * scan.temperatures.max()
    high = scan.potentials.max() + THERMAL_REACH * scan.temperatures.max()
    seen: list[tuple[int, Float]] = []
    for count in range(1, energies.shape[1]):
        gaps = energies[:, count] - energies[:, count - 1]
        if energies[:, count - 1].max() < low or energies[:, count].min() > high or gaps.max() <= TOUCHING * scale:
            continue
        for start in _lowest(gaps.reshape([MESH[d]] * d)) if d < 3 else np.flatnonzero(gaps <= TOUCHING * scale):
            gap, point = float(gaps[start]), mesh[start]
            if gap > TOUCHING * scale:
                gap, point = pattern_search(partial(_gap, integrand, count), point, reach=0.5 / MESH[d], finest=1e-11)
            if gap > TOUCHING * scale:
                continue
            here = integrand.levels(point[None])[0]
            near = np.abs(here - here[count]) <= 10 * TOUCHING * scale
            # bands between those that are near are near as well
            first, last = int(np.flatnonzero(near)[0]), int(np.flatnonzero(near)[-1])
            if not low < here[count] < high or any(
                known == first and np.abs((point - other + 0.5) % 1 - 0.5).max() < 1e-6 for known, other in seen
            ):
                continue
            seen.append((first, point))
            yield first, last, point, float(here[count])


def _gap(integrand: BandIntegrand, count: int, points: Float) -> Float:
    """Gap above the lowest bands up to an count, (P,)."""
    energies = integrand.levels(points)
    return energies[:, count] - energies[:, count - 1]


def _lowest(gaps: Float) -> Integer:
    """Numbers of the mesh points where a gap is lower than at the neighbours, the lowest first."""
    lower = np.ones(gaps.shape, dtype=bool)
    for axis in range(gaps.ndim):
        for step in (-1, 1):
            lower &= gaps <= np.roll(gaps, step, axis)
    positions = np.flatnonzero(lower)
    return positions[np.argsort(gaps.ravel()[positions], kind="stable")][:STARTS]


def _shells(integrand: BandIntegrand, combination: Float, scan: Scan, point: Float, first: int, last: int) -> Float:
    """What spheres about a point hold for each doubling of their radius, the largest first, (shells, outputs, S, M)."""
    d = integrand.dimension
    directions = _directions(d)
    radii = LARGEST * 0.5 ** np.arange(HALVINGS)
    points = (point + radii[:, None, None] * directions).reshape(-1, d)
    held = _held(integrand, combination, scan, points, slice(first, last + 1))
    area = {1: 2.0, 2: 2 * np.pi, 3: 4 * np.pi}[d] * np.log(2)
    means = held.reshape(HALVINGS, -1, *held.shape[1:]).mean(axis=1)
    return area * (radii**d)[:, None, None, None] * means


def _held(integrand: BandIntegrand, combination: Float, scan: Scan, points: Float, bands: slice) -> Float:
    """What some bands hold at points, with the band counts between them, (P, outputs, S, M); nothing at zero temperature."""
    frame = integrand.frame(points)
    first, last, _ = bands.indices(frame.energies.shape[1])
    sea, surface, _ = integrand.band_values(frame, range(first + 1, last))
    energies = frame.energies[:, bands]
    held = np.zeros((len(points), len(integrand.columns), *scan.shape))
    for c, column in enumerate(integrand.columns):
        values = (surface if column.at_surface else sea)[:, bands, column.output]
        for s, kT in enumerate(scan.temperatures):
            for m, mu in enumerate(scan.potentials) if kT > 0 else ():
                (weight,) = weights([column.weight], (energies - mu) / kT, kT)
                held[:, c, s, m] = (weight * values).sum(axis=1)
    return np.einsum("ocsm,pcsm->posm", combination, held)


def _directions(dimension: int) -> Float:
    """Unit vectors all around in pairs opposite to each other."""
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
