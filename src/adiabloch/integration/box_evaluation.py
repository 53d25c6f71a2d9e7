"""Evaluation of boxes: contributions to all integrals, their errors, and the search for unresolved structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid
from adiabloch.integration import chebyshev
from adiabloch.integration.folding import Folded
from adiabloch.integration.interpolant import BoxIntegrals, Rule
from adiabloch.integration.kept_scan import KeptScan
from adiabloch.integration.protocols import BandIntegrand, Bands
from adiabloch.integration.simplices import ragged
from adiabloch.integration.wedges import Boxes
from adiabloch.occupation import Scan

FLAT_WIDTH = 1e-13
"""Width of a flat band by rounding, relative to the largest energy."""
NEGLIGIBLE_LEVEL = 1e-6
"""Contribution of a level to the Fermi surface that counts as zero, relative to the largest one: velocities of a flat
band, for instance."""

SMEARED_POWERS = 2
"""Largest power of the inverse distance from touching bands at which the surface terms of both bands cancel."""
LINEAR = 4.0
"""Ratio of first to second differences from which a band is linear at a face. It is a half at an extremum."""
SAFETY = 1.5
"""Factor on the difference between two resolutions, chosen with random metals (docs/theory/accuracy.md)."""


@dataclass(frozen=True, eq=False)
class BoxValues:
    """Contributions of a batch of boxes to the integrals."""

    value: Float
    """(B, outputs, S, M)."""
    error: np.ndarray
    """Estimated from the difference between two resolutions, with its sign, (B, outputs, S, M), single precision."""
    unresolved: np.ndarray
    """(B,): True if the box may contain unresolved structure."""
    size: Float
    """(outputs,): integrand without signs, summed over all boxes of the batch."""
    points: int
    flat_bands: np.ndarray
    """(M,): True if a flat band lies at the chemical potential."""
    infinite: np.ndarray
    """(outputs, S, M): True if a flat band contributes a delta function at zero temperature."""
    at_extremum: np.ndarray
    """(B, outputs, S, M): True if the chemical potential may be at an extremum of a band in the box, where a term of
    the Fermi surface jumps or diverges at zero temperature."""
    threshold_dependent: bool
    degenerate_splitting: float


def evaluate_boxes(integrand: BandIntegrand, kept: KeptScan, rule: Rule, folded: Folded, batch: Boxes) -> BoxValues:
    """Evaluate a batch of boxes.

    Parameters
    ----------
    integrand : BandIntegrand
    kept : KeptScan
        Part of the scan for which values and errors of the boxes are found. Unresolved structure and flat bands are
        searched for the whole scan.
    rule : Rule
    folded : Folded
    batch : Boxes
    """
    wedge, combination = folded.wedge, folded.combination
    scan, wanted = kept.whole, kept.of(combination)
    d, order, boxes = integrand.dimension, rule.order, len(batch.corners)
    node = 0.5 * (chebyshev.nodes(order) + 1)
    grid = tensor_grid([node] * d)
    points = (batch.corners[:, None] + batch.sides[:, None] * grid).reshape(-1, d)
    frame = integrand.frame(wedge.points(points))
    size = frame.energies.shape[1]
    energies, flat = _flatten(frame.energies.reshape(boxes, -1, size), scan)
    # bound of the difference between the energy at a node and around it
    margin = 2.0 * np.ptp(energies, axis=1) / order
    needed = _needed_counts(energies, margin, scan)
    band_counts = [int(c) + 1 for c in np.flatnonzero(needed.any(axis=0))]
    sea, surface, sizes = integrand.band_values(frame, band_counts)
    sea = _without_unneeded(sea.reshape(boxes, order**d, size, sea.shape[-1]), needed)
    unresolved = _has_narrow_gap(integrand, frame, energies, needed, scan, wedge.reach(batch.sides) * _spacing(order))
    surface = surface.reshape(boxes, order**d, size, surface.shape[-1])
    functions = np.concatenate([energies[..., None], sea, surface], axis=3).transpose(0, 2, 3, 1)
    coefficients = chebyshev.along_each(chebyshev.transform(order), functions.reshape(boxes, size, -1, *[order] * d), d)
    lower, upper = energies.min(axis=1) - margin, energies.max(axis=1) + margin
    unresolved[_pockets(coefficients[:, :, 0], lower, upper, scan, rule).box] = True
    pockets = _pockets(coefficients[:, :, 0], lower, upper, kept.scan, rule, monotonic=False)
    value, error = BoxIntegrals(integrand, kept.scan, rule, coefficients, lower, upper).all()
    volumes = batch.volumes
    value = volumes[:, None, None, None] * np.einsum("ocsm,bcsm->bosm", wanted, value)
    error = (SAFETY * volumes)[:, None, None, None] * np.einsum("ocsm,bcsm->bosm", wanted, error)
    sources = [column.output + (sea.shape[-1] if column.at_surface else 0) for column in integrand.columns]
    largest = (np.abs(combination) * integrand.weight_sizes(scan)).max(axis=(2, 3))
    threshold_dependent, degenerate_splitting = frame.degeneracy_among(np.repeat(needed[:, :-1], order**d, axis=0))
    return BoxValues(
        value,
        error.astype(np.float32),
        unresolved,
        volumes.sum() * largest @ sizes[sources],
        len(points),
        np.asarray(flat.any(axis=(0, 1))),
        _infinite(integrand, scan, combination, surface, sizes[sources], flat),
        _at_extremum(integrand, kept.scan, wanted, surface, sizes[sources], pockets),
        threshold_dependent,
        degenerate_splitting,
    )


def _infinite(
    integrand: BandIntegrand, scan: Scan, combination: Float, surface: Float, sizes: Float, flat: np.ndarray
) -> np.ndarray:
    """Outputs to which a flat band contributes a delta function at zero temperature, (outputs, S, M)."""
    infinite = np.zeros((len(integrand.columns), *scan.shape))
    for c, column in enumerate(integrand.columns):
        if column.weight == "level":
            heights = np.abs(surface[..., column.output].mean(axis=1))
            heights[heights < NEGLIGIBLE_LEVEL * sizes[c]] = 0.0
            infinite[c] = (flat & (heights > 0)[:, :, None]).any(axis=(0, 1)) * (scan.temperatures == 0)[:, None]
    return np.asarray(np.einsum("ocsm,csm->osm", np.abs(combination), infinite) > 0)


def _flatten(energies: Float, scan: Scan) -> tuple[Float, np.ndarray]:
    """Remove the rounding of flat bands from the energies (B, nodes, N), and find those at a chemical potential.

    A flat band that agrees with a chemical potential within rounding gets that energy, and so counts as filled.

    Returns
    -------
    energies : float array, shape (B, nodes, N)
    flat : bool array, shape (B, N, M)
        True for flat bands at a chemical potential.
    """
    rounding = FLAT_WIDTH * max(float(np.abs(energies).max()), float(np.abs(scan.potentials).max()))
    flat = np.ptp(energies, axis=1) <= rounding
    if not flat.any():
        return energies, np.zeros((*flat.shape, len(scan.potentials)), dtype=bool)
    level = energies.mean(axis=1)
    nearest = scan.potentials[np.abs(level[..., None] - scan.potentials).argmin(axis=-1)]
    level = np.where(np.abs(level - nearest) <= rounding, nearest, level)
    return np.where(flat[:, None], level[:, None], energies), flat[..., None] & (level[..., None] == scan.potentials)


def _spacing(order: int) -> float:
    """Largest distance between neighbouring nodes, in units of the side."""
    return float(np.abs(np.diff(chebyshev.nodes(order))).max() / 2)


def _needed_counts(energies: Float, margin: Float, scan: Scan) -> np.ndarray:
    """Numbers of filled bands, 1 to N, that occur for some (mu, T) somewhere in the box; (B, N)."""
    low = energies - margin[:, None]
    high = np.full_like(energies, np.inf)
    high[..., :-1] = energies[..., 1:] + margin[:, None, 1:]
    return np.asarray(scan.touched(low, high).any(axis=1))


def _without_unneeded(sea: Float, needed: np.ndarray) -> Float:
    """Values of the sea without band counts that do not occur in a box but in others of the batch."""
    if needed.all() or not sea.shape[-1]:
        return sea
    filled = np.cumsum(sea, axis=2)
    filled *= needed[:, None, :, None]
    filled[:, :, 1:] -= filled[:, :, :-1].copy()
    return filled


def _singular_levels(integrand: BandIntegrand) -> bool:
    """True for surface terms with a square of the gap or more in the denominator.

    Where two bands approach each other they are large for each of the bands, and since the velocities of the bands
    differ, they do not cancel if both levels have equal weight.
    """
    return integrand.powers > SMEARED_POWERS and any(column.at_surface for column in integrand.columns)


def _has_narrow_gap(
    integrand: BandIntegrand, frame: Bands, energies: Float, needed: np.ndarray, scan: Scan, spacing: Float
) -> np.ndarray:
    """Boxes with a gap at the Fermi level that is smaller than its possible change over a spacing (B,); (B,)."""
    boxes, nodes, size = energies.shape
    if size == 1 or not needed[:, :-1].any():
        return np.zeros(boxes, dtype=bool)
    slopes = integrand.gap_slopes(frame).reshape(boxes, nodes, size - 1, -1).sum(axis=3)
    spacing = spacing[:, None, None]
    gaps = np.diff(energies, axis=2)
    if not _singular_levels(integrand):
        # the temperature smears smaller gaps
        gaps = np.maximum(gaps, 0.5 * scan.temperatures.min())
    narrow = (spacing * slopes > gaps) & needed[:, None, :-1]
    # the Fermi level lies in the gap, or may lie in it before the next node
    change = spacing * integrand.slopes(frame).reshape(boxes, nodes, size)
    change = np.maximum(change[..., :-1], change[..., 1:]) + 0.5 * spacing * slopes
    narrow &= scan.touched(energies[..., :-1] - change, energies[..., 1:] + change)
    return np.asarray(narrow.any(axis=(1, 2)))


class _Pockets(NamedTuple):
    """Bands with an extremum at or next to chemical potentials."""

    box: Integer
    """(K,)"""
    band: Integer
    """(K,)"""
    first: Integer
    """(K,): number of the first chemical potential that may be at the extremum."""
    last: Integer
    """(K,): number after the last one."""


def _pockets(
    coefficients: Float, lower: Float, upper: Float, scan: Scan, rule: Rule, *, monotonic: bool = True
) -> _Pockets:
    """Bands with a chemical potential closer to an extremum than the accuracy of the interpolant.

    With `monotonic`, the extremum may be that of a box on one of its faces, while the band goes on beyond it.
    """
    d, potentials = coefficients.ndim - 2, scan.potentials
    crossed = np.searchsorted(potentials, upper, side="right") > np.searchsorted(potentials, lower)
    box, band = np.nonzero(crossed & (upper > lower))
    if len(box) == 0:
        return _Pockets(box, band, box, box)
    lower_order = (slice(None), *[slice(0, rule.order - 2)] * d)
    full = coefficients[box, band]
    energies = chebyshev.along_each(chebyshev.uniform(rule.order, rule.cells), full, d)
    rough = chebyshev.along_each(chebyshev.uniform(rule.order - 2, rule.cells), full[lower_order], d)
    inside = tuple(range(1, d + 1))
    uncertainty = 2 * np.abs(energies - rough).max(axis=inside)
    # at a face of a box, an extremum is on the grid, up to rounding
    uncertainty += FLAT_WIDTH * np.abs(energies).max(axis=inside)
    # height of a parabola above the points of the grid
    uncertainty += sum(np.abs(np.diff(energies, 2, axis=axis)).max(axis=inside) / 8 for axis in inside)
    found = []
    for extreme in (np.min, np.max):
        extremum = extreme(energies, axis=inside)
        first = np.searchsorted(potentials, extremum - uncertainty, side="right")
        last = np.searchsorted(potentials, extremum + uncertainty, side="left")
        # the temperature smears smaller pockets
        near = (last > first) & (uncertainty > 0.5 * scan.temperatures.min())
        if not monotonic:
            near &= ~_linear_at_minimum(energies if extreme is np.min else -energies)
        found.append(np.array([box[near], band[near], first[near], last[near]]))
    return _Pockets(*np.concatenate(found, axis=1))


def _linear_at_minimum(energies: Float) -> np.ndarray:
    """True for energies on grids (K, n, ..., n) whose minimum is on a face at which they are linear, (K,)."""
    count = len(energies)
    place = np.array(np.unravel_index(energies.reshape(count, -1).argmin(axis=1), energies.shape[1:]))
    linear = np.zeros(count, dtype=bool)
    for axis in range(energies.ndim - 1):
        at_face = (place[axis] == 0) | (place[axis] == energies.shape[1 + axis] - 1)
        inside = place.copy()
        inside[axis] = np.where(place[axis] == 0, 1, place[axis] - 1)
        each = np.arange(count)
        step = np.abs(energies[(each, *inside)] - energies[(each, *place)])
        bend = np.abs(np.diff(energies, 2, axis=1 + axis)).reshape(count, -1).max(axis=1)
        linear |= at_face & (step > LINEAR * bend)
    return linear


def _at_extremum(
    integrand: BandIntegrand, scan: Scan, combination: Float, surface: Float, sizes: Float, pockets: _Pockets
) -> np.ndarray:
    """Outputs and chemical potentials at which a term of the Fermi surface meets an extremum, (B, outputs, S, M)."""
    at_extremum = np.zeros((len(surface), combination.shape[0], *scan.shape), dtype=bool)
    levels = [c for c, column in enumerate(integrand.columns) if column.weight == "level"]
    frozen = np.flatnonzero(scan.temperatures == 0)
    if not levels or not len(frozen):
        return at_extremum
    sources = [integrand.columns[c].output for c in levels]
    heights = np.abs(surface[pockets.box, :, pockets.band][..., sources]).max(axis=1)
    used = heights > NEGLIGIBLE_LEVEL * sizes[levels]
    pocket, potential = ragged(pockets.first, pockets.last)
    for c, here in zip(levels, used[pocket].T, strict=True):
        for s in frozen:
            met = (combination[:, c, s] != 0)[:, potential[here]].T
            np.logical_or.at(at_extremum[:, :, s].swapaxes(1, 2), (pockets.box[pocket[here]], potential[here]), met)
    return at_extremum
