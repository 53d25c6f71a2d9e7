"""Adaptive boxes for metals: one pass over the zone serves all chemical potentials and temperatures.

In each box the bands and what they contribute are interpolated (`adiabloch.integration.interpolant`). A box is halved
until its error, the difference between two orders of interpolation and between two finenesses, is small for every
wanted energy; and while something may hide in it: a gap at the Fermi level narrower than its nodes are apart, a pocket
of the Fermi surface smaller than the interpolant is accurate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np

from adiabloch.arrays import Float
from adiabloch.integration import chebyshev
from adiabloch.integration.divergence import Divergence, divergences
from adiabloch.integration.forecast import check_scan
from adiabloch.integration.interpolant import BoxIntegrals, Rule
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import BandIntegrand, Bands
from adiabloch.integration.running import run, stoppable, workers
from adiabloch.integration.symmetry import vanishing
from adiabloch.occupation import Scan

CANCELLING = 0.1
"""By default a result that cancels is wanted as well as if it were this part of the boxes without their signs."""
FLAT = 1e-13
"""Of the largest energy: what a flat band seems to vary by."""
STEEP = 1e-6
"""Of its size anywhere: what is summed over levels is nothing below this, as velocities are on a flat band."""
DEPTH = 18
"""How often a box is halved at most."""
SLIGHT = 1e-4
"""Of the square of the error: what boxes must hold more than, to tell how much errors are to be trusted."""
EXPERIENCED = 2
"""Boxes halved so often have shown, in three dimensions, what is to be expected where something narrow may hide."""
OPTIMISM = 5.0
"""Error bars are made so many times larger at most where halving has shown that the errors told were too small."""
OFFSETS = (0.3820, 0.7549, 0.5698)
"""Where the first box begins, in units of its side: at a symmetric point its faces could run along a level surface,
which then counted for both of its sides or for none."""


@dataclass(frozen=True, eq=False)
class SeaIntegral:
    """Integrals over the zone, for all temperatures and chemical potentials."""

    value: Float
    """(outputs, S, M), means over the zone."""
    error: Float
    """(outputs, S, M)."""
    converged: np.ndarray
    """(S, M): whether all outputs are within the tolerance."""
    allowed: Float
    """(outputs, S, M): the error that was wanted."""
    points: int
    boxes: int
    exhausted: bool
    """Whether the limit of points stopped it."""
    flat_bands: np.ndarray
    """(M,): whether a flat band lies at the chemical potential; it counts as filled."""
    divergent: Sequence[Divergence] = ()
    """Where bands touch and integrals do not exist; those are not numbers."""
    threshold_dependent: bool = False
    """Whether at the Fermi level bands would be joined otherwise at the threshold compared with."""
    degenerate_splitting: float = 0.0
    """By how much bands joined at the Fermi level differ at most, if by more than rounding."""
    rounding: Float | float = 0.0
    """Of a mesh, (outputs, S, M): what may be left where the values at its points cancel."""


@dataclass(frozen=True, eq=False)
class _Batch:
    """Boxes of one size."""

    corners: Float
    """Lowest corners, (B, d)."""
    side: float
    depth: int


@dataclass(frozen=True, eq=False)
class _Outcome:
    value: Float
    """(B, outputs, S, M)."""
    error: np.ndarray
    """What two finenesses differ by, with its sign, (B, outputs, S, M), single precision."""
    unresolved: np.ndarray
    """(B,): whether something narrow may hide in the box."""
    size: Float
    """(outputs,): what is summed, without signs, for all boxes together."""
    points: int
    flat_bands: np.ndarray
    """(M,): whether a flat band lies at the chemical potential."""
    infinite: np.ndarray
    """(outputs, S, M): whether such a band adds a level of no width, at zero temperature."""
    threshold_dependent: bool
    degenerate_splitting: float


def integrate_boxes(
    integrand: BandIntegrand,
    scan: Scan,
    *,
    tolerance: float,
    absolute: float | None = None,
    output_groups: Sequence[Sequence[int]],
    limit: int = 2**27,
    start: int = 4,
    executor: Executor | int | None = None,
    progress: ProgressBar | None = None,
) -> SeaIntegral:
    """Integrate over the unit torus for all chemical potentials and temperatures.

    Parameters
    ----------
    integrand : BandIntegrand
    scan : Scan
    tolerance : float
        Relative accuracy, of the largest value in each group of outputs anywhere in the scan.
    absolute : float, optional
        Accuracy that is enough whatever the values are; by default where the parts of the zone cancel, `tolerance`
        times a tenth of what they come to without their signs.
    output_groups : sequence of sequences of int
        Outputs of one kind, whose accuracy is measured against the largest of them.
    limit : int
        Largest number of points diagonalised.
    start : int
        Boxes along each axis to begin with.
    executor : concurrent.futures.Executor or int, optional
    progress : ProgressBar, optional

    Returns
    -------
    SeaIntegral

    Raises
    ------
    InvalidArgumentError
        If the chemical potentials and temperatures need more memory than is free: nothing is evaluated.
    Stopped
        Ctrl-C; with the SeaIntegral after the last halving of boxes that was finished.
    """
    bar = progress or ProgressBar("", visible=False)
    d = integrand.dimension
    rule = Rule.of(d, tolerance)
    check_scan(scan, len(integrand.columns), 2 * (2 * start) ** d)
    combination, symmetry_rounding = _without_zeros(integrand, scan)
    divergent = divergences(integrand, combination, scan, tolerance)
    missing = np.any([np.zeros((len(combination), *scan.shape), dtype=bool), *(d.outputs for d in divergent)], axis=0)
    combination[np.broadcast_to(missing[:, None], combination.shape)] = 0.0
    if not combination.any():
        value, error = np.where(missing, np.nan, 0.0), np.where(missing, np.inf, symmetry_rounding)
        none = np.zeros(scan.shape[1], dtype=bool)
        converged = ~missing.any(axis=0)
        return SeaIntegral(
            value, error, converged, symmetry_rounding, 0, 0, exhausted=False, flat_bands=none, divergent=divergent
        )
    axes = [(np.arange(start) + offset) / start for offset in OFFSETS[:d]]
    corners = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, d)
    fresh = [_Batch(corners, 1.0 / start, 0)]
    leaves = _Leaves(len(combination), scan.shape, d)
    points, size = 0, np.zeros(len(combination))
    flat, infinite = np.zeros(scan.shape[1], dtype=bool), np.zeros((len(combination), *scan.shape), dtype=bool)
    threshold_dependent, degenerate_splitting = False, 0.0
    best: SeaIntegral | None = None
    with stoppable(lambda: best), workers(executor) as pool:
        while True:
            tasks = [part for batch in fresh for part in _parts(batch, integrand.batch, rule.order**d)]
            bar.stage(f"{len(leaves.side) + sum(len(t.corners) for t in tasks)} boxes", len(tasks))
            look = partial(_look, integrand, scan, rule, combination)
            outcomes = []
            for outcome in run(pool, look, tasks):
                outcomes.append(outcome)
                size = np.maximum(size, outcome.size)
                points += outcome.points
                flat, infinite = flat | outcome.flat_bands, infinite | outcome.infinite
                threshold_dependent, degenerate_splitting = (
                    threshold_dependent or outcome.threshold_dependent,
                    max(degenerate_splitting, outcome.degenerate_splitting),
                )
                bar.advance(1)
            leaves.add(tasks, outcomes)
            value, error = leaves.value.sum(axis=0), leaves.total_error()
            unsigned = np.abs(leaves.value).sum(axis=0)
            allowed = np.zeros(len(value))
            for group in output_groups:
                of = [*group]
                enough = CANCELLING * tolerance * unsigned[of].max() if absolute is None else absolute
                allowed[of] = max(tolerance * np.abs(value[of]).max(), enough)
            # of sums, and of what cancels at every point
            noise = np.finfo(float).eps * (16 * unsigned + 256 * size[:, None, None])
            allowed = np.maximum(allowed[:, None, None], noise)
            converged = ((error <= allowed) & ~infinite & ~missing).all(axis=0)
            doubtful = leaves.doubtful(allowed)
            exhausted = points + doubtful.sum() * (2 * rule.order) ** d > limit
            best = SeaIntegral(
                np.where(missing, np.nan, np.where(infinite, np.inf, value)),
                np.where(infinite | missing, np.inf, error + noise + symmetry_rounding),
                converged,
                allowed,
                points,
                len(leaves.side),
                exhausted=bool(exhausted),
                flat_bands=flat,
                divergent=divergent,
                threshold_dependent=threshold_dependent,
                degenerate_splitting=degenerate_splitting,
            )
            if not doubtful.any() or exhausted:
                return best
            fresh = leaves.halve(doubtful)


class _Leaves:
    """The boxes that cover the zone, each with its share of the integrals and of the error."""

    def __init__(self, outputs: int, shape: tuple[int, int], dimension: int) -> None:
        self.corners = np.zeros((0, dimension))
        self.side, self.depth = np.zeros(0), np.zeros(0, dtype=int)
        self.value = np.zeros((0, outputs, *shape))
        self.error = np.zeros((0, outputs, *shape), dtype=np.float32)
        self.unresolved = np.zeros(0, dtype=bool)
        self._halved: dict[str, np.ndarray] = {}
        """Boxes taken out last."""
        self._revealed: dict[int, Float] = {}
        """By depth, what halving its boxes where something may hide is expected to change, each; (outputs, S, M)."""
        self._optimism: Float | float = 1.0
        """How many times the errors told of the boxes halved last their halves differed from them, at least one."""

    def add(self, batches: Sequence[_Batch], outcomes: Sequence[_Outcome]) -> None:
        """Put in boxes and what was found in them: halves of those taken out last, in their order."""
        counts = [len(batch.corners) for batch in batches]
        new = {
            "corners": [batch.corners for batch in batches],
            "side": [np.repeat([batch.side for batch in batches], counts)],
            "depth": [np.repeat([batch.depth for batch in batches], counts)],
            "value": [outcome.value for outcome in outcomes],
            "error": [outcome.error for outcome in outcomes],
            "unresolved": [outcome.unresolved for outcome in outcomes],
        }
        for name, arrays in new.items():
            setattr(self, name, np.concatenate([getattr(self, name), *arrays]))
        if self._halved:
            self._compare()

    def _compare(self) -> None:
        """Learn from boxes and their halves how much has unresolved, beyond what the error of the box told."""
        old = self._halved
        halves = self.value[-(len(old["value"]) << self.corners.shape[1]) :]
        changes = halves.reshape(len(old["value"]), -1, *halves.shape[1:]).sum(axis=1) - old["value"]
        told, found = (np.einsum("bosm,bosm->osm", x, x, dtype=float) for x in (old["error"], changes))
        # boxes that hold next to nothing of the error tell nothing: theirs may be rounding
        slight = SLIGHT * np.einsum("bosm,bosm->osm", self.error, self.error, dtype=float)
        told, found = told + slight, found + slight
        ratio = np.sqrt(np.divide(found, told, out=np.ones_like(told), where=told > 0))
        self._optimism = np.clip(ratio, 1.0, OPTIMISM)
        beyond = np.maximum(np.abs(changes) - np.abs(old["error"]), 0.0) ** 2
        for depth in np.unique(old["depth"]):
            here = old["depth"] == depth
            here = here & old["unresolved"] if (here & old["unresolved"]).any() else here
            # few tell less than many
            found = np.sqrt(beyond[here].mean(axis=0) + beyond[here].max(axis=0) / here.sum())
            # what is around a line, two powers of one over the distance, goes with the length of the box
            found *= 0.5 ** max(self.corners.shape[1] - 2, 0)
            self._revealed[depth + 1] = np.maximum(found, self._revealed.get(depth + 1, 0.0))

    def total_error(self) -> Float:
        """What two finenesses differ by altogether, and what the boxes are uncertain by, independent of each other."""
        return self._uncertain(np.ones(len(self.side), dtype=bool))

    def _uncertain(self, which: np.ndarray) -> Float:
        error = self.error[which]
        together = np.abs(error.sum(axis=0, dtype=float))
        apart = np.einsum("bosm,bosm->osm", error, error, dtype=float)
        for depth, revealed in self._revealed.items():
            apart += (which & self.unresolved & (self.depth == depth)).sum() * revealed**2
        return together + 3 * self._optimism * np.sqrt(apart)

    def _squares(self, outputs: np.ndarray) -> Float:
        """Squares of what each box is uncertain by, what may hide included, (B, those outputs)."""
        squares = self.error[:, outputs].astype(float) ** 2
        for depth, revealed in self._revealed.items():
            squares[self.unresolved & (self.depth == depth)] += revealed[outputs] ** 2
        return squares

    def doubtful(self, allowed: Float) -> np.ndarray:
        """Boxes to halve: those that hide something, and the worst until the rest is good enough."""
        can = self.depth < DEPTH
        # what boxes that cannot be halved are uncertain by, the others need not be better than
        allowed = np.maximum(allowed, 2 * self._uncertain(~can))
        unresolved = self.unresolved & can
        many = self.corners.shape[1] == 3
        if many:
            # what is narrow is seldom met by the Fermi level, and many boxes tell how seldom
            unresolved &= self.depth < EXPERIENCED
        wrong = self.total_error() > allowed
        if (unresolved.any() and not many) or not wrong.any():
            return unresolved
        relative = self._squares(wrong) / np.maximum(allowed[wrong], np.finfo(float).tiny) ** 2
        order = np.argsort(relative.max(axis=1))
        left = np.empty(relative.shape[0])
        left[order] = np.cumsum(relative[order], axis=0).max(axis=1)
        # what is left to the boxes that stay is a quarter of what is allowed, less if they conspire
        share, worst = 1 / 4, np.zeros_like(can)
        while not worst.any() and (can & (left > 0)).any():
            worst = (left > share**2) & can
            share /= 2
        return unresolved | worst

    def halve(self, which: np.ndarray) -> list[_Batch]:
        """Take these boxes out and return their halves, box sizes apart."""
        d = self.corners.shape[1]
        offsets = np.stack(np.meshgrid(*[[0.0, 0.5]] * d, indexing="ij"), -1).reshape(-1, d)
        batches = []
        for depth in np.unique(self.depth[which]):
            here = which & (self.depth == depth)
            side = float(self.side[here][0])
            halves = (self.corners[here][:, None] + side * offsets).reshape(-1, d)
            batches.append(_Batch(halves, side / 2, int(depth) + 1))
        by_depth = np.flatnonzero(which)[np.argsort(self.depth[which], kind="stable")]
        self._halved = {name: getattr(self, name)[by_depth] for name in ("depth", "value", "error", "unresolved")}
        for name in ("corners", "side", "depth", "value", "error", "unresolved"):
            setattr(self, name, getattr(self, name)[~which])
        return batches


def _parts(batch: _Batch, points: int, nodes: int) -> Iterator[_Batch]:
    """Cut a batch into tasks."""
    size = max(points // nodes, 1)
    for first in range(0, len(batch.corners), size):
        yield _Batch(batch.corners[first : first + size], batch.side, batch.depth)


def _look(integrand: BandIntegrand, scan: Scan, rule: Rule, combination: Float, batch: _Batch) -> _Outcome:
    """Evaluate boxes: shares of all integrals, their errors, and whether something may hide."""
    d, order, boxes = integrand.dimension, rule.order, len(batch.corners)
    node = 0.5 * (chebyshev.nodes(order) + 1)
    grid = np.stack(np.meshgrid(*[node] * d, indexing="ij"), -1).reshape(-1, d)
    points = (batch.corners[:, None] + batch.side * grid).reshape(-1, d)
    frame = integrand.frame(points)
    size = frame.energies.shape[1]
    energies, flat = _flattened(frame.energies.reshape(boxes, -1, size), scan)
    # how much an energy may differ between a node and its surroundings
    margin = 2.0 * np.ptp(energies, axis=1) / order
    seen = _counts_seen(energies, margin, scan)
    band_counts = [int(c) + 1 for c in np.flatnonzero(seen.any(axis=0))]
    sea, surface, sizes = integrand.band_values(frame, band_counts)
    sea = _without(sea.reshape(boxes, order**d, size, sea.shape[-1]), seen)
    unresolved = _unresolved(integrand, frame, energies, seen, scan, batch.side * _spacing(order))
    functions = np.concatenate(
        [energies[..., None], sea, surface.reshape(boxes, order**d, size, surface.shape[-1])], axis=3
    ).transpose(0, 2, 3, 1)
    coefficients = chebyshev.along_each(chebyshev.transform(order), functions.reshape(boxes, size, -1, *[order] * d), d)
    lower, upper = energies.min(axis=1) - margin, energies.max(axis=1) + margin
    unresolved |= _pockets(coefficients[:, :, 0], lower, upper, scan, rule)
    shares = BoxIntegrals(integrand, scan, rule, coefficients, lower, upper)
    value, error = shares.all()
    part = batch.side**d
    value = part * np.einsum("ocsm,bcsm->bosm", combination, value)
    error = part * np.einsum("ocsm,bcsm->bosm", combination, error)
    seas = sea.shape[-1]
    sources = [column.output + (seas if column.at_surface else 0) for column in integrand.columns]
    size_of = boxes * part * (np.abs(combination) * integrand.weight_sizes(scan)).max(axis=(2, 3)) @ sizes[sources]
    infinite = np.zeros((len(integrand.columns), *scan.shape))
    for c, column in enumerate(integrand.columns):
        if column.weight == "level":
            heights = np.abs(surface[:, :, column.output].reshape(boxes, order**d, size).mean(axis=1))
            heights[heights < STEEP * sizes[sources[c]]] = 0.0
            infinite[c] = (flat & (heights > 0)[:, :, None]).any(axis=(0, 1)) * (scan.temperatures == 0)[:, None]
    infinite = np.einsum("ocsm,csm->osm", np.abs(combination), infinite) > 0
    at = np.asarray(flat.any(axis=(0, 1)))
    threshold_dependent, degenerate_splitting = frame.degeneracy_among(np.repeat(seen[:, :-1], order**d, axis=0))
    return _Outcome(
        value,
        error.astype(np.float32),
        unresolved,
        size_of,
        len(points),
        at,
        infinite,
        threshold_dependent,
        degenerate_splitting,
    )


def _flattened(energies: Float, scan: Scan) -> tuple[Float, np.ndarray]:
    """Energies (B, nodes, N) with bands that are flat but for rounding made flat; which lie at which potential.

    One that lies at a chemical potential but for rounding is put there, and so counts as filled, (B, N, M).
    """
    rounding = FLAT * max(float(np.abs(energies).max()), float(np.abs(scan.potentials).max()))
    flat = np.ptp(energies, axis=1) <= rounding
    if not flat.any():
        return energies, np.zeros((*flat.shape, len(scan.potentials)), dtype=bool)
    level = energies.mean(axis=1)
    nearest = scan.potentials[np.abs(level[..., None] - scan.potentials).argmin(axis=-1)]
    level = np.where(np.abs(level - nearest) <= rounding, nearest, level)
    return np.where(flat[:, None], level[:, None], energies), flat[..., None] & (level[..., None] == scan.potentials)


def _without_zeros(integrand: BandIntegrand, scan: Scan) -> tuple[Float, Float]:
    """How results are made up of the columns less those that symmetry makes zero, and what these leave of rounding."""
    combination = np.array(integrand.combination_matrix(scan))
    symmetry_rounding = np.zeros((combination.shape[0], *scan.shape))
    found = vanishing(integrand)
    if found is None:
        return combination, symmetry_rounding
    for c, column in enumerate(integrand.columns):
        if found.of(column):
            weights = {
                "filled": np.ones_like(scan.temperatures),
                "entropy": scan.temperatures,
                "level": 1 / np.maximum(scan.temperatures, found.fineness),
                "heat": np.ones_like(scan.temperatures),
            }[column.weight]
            symmetry_rounding += np.abs(combination[:, c]) * (found.rounding(column) * weights)[:, None]
            combination[:, c] = 0.0
    return combination, symmetry_rounding


def _spacing(order: int) -> float:
    """Largest distance between neighbouring nodes, in units of the side."""
    return float(np.abs(np.diff(chebyshev.nodes(order))).max() / 2)


def _counts_seen(energies: Float, margin: Float, scan: Scan) -> np.ndarray:
    """Which numbers c of filled bands, 1 to N, some wanted (mu, T) makes out somewhere in the box; (B, N)."""
    low = energies - margin[:, None]
    high = np.full_like(energies, np.inf)
    high[..., :-1] = energies[..., 1:] + margin[:, None, 1:]
    return np.asarray(scan.touched(low, high).any(axis=1))


def _without(sea: Float, seen: np.ndarray) -> Float:
    """Leave out band counts that are not seen in a box, though they are elsewhere in the batch."""
    if seen.all() or not sea.shape[-1]:
        return sea
    filled = np.cumsum(sea, axis=2)
    filled *= seen[:, None, :, None]
    filled[:, :, 1:] -= filled[:, :, :-1].copy()
    return filled


def _unresolved(
    integrand: BandIntegrand, frame: Bands, energies: Float, seen: np.ndarray, scan: Scan, spacing: float
) -> np.ndarray:
    """Whether a gap at the Fermi level, in a box, is narrower than what it may change between two nodes."""
    boxes, nodes, size = energies.shape
    if size == 1 or not seen[:, :-1].any():
        return np.zeros(boxes, dtype=bool)
    slopes = integrand.gap_slopes(frame).reshape(boxes, nodes, size - 1, -1).sum(axis=3)
    gaps = np.diff(energies, axis=2)
    # a temperature blurs what is narrower
    blurred = np.maximum(gaps, 0.5 * scan.temperatures.min())
    narrow = (spacing * slopes > blurred) & seen[:, None, :-1]
    # the Fermi level is in the gap, or may be on the way to the next node
    reach = spacing * integrand.slopes(frame).reshape(boxes, nodes, size)
    reach = np.maximum(reach[..., :-1], reach[..., 1:]) + 0.5 * spacing * slopes
    narrow &= scan.touched(energies[..., :-1] - reach, energies[..., 1:] + reach)
    return np.asarray(narrow.any(axis=(1, 2)))


def _pockets(coefficients: Float, lower: Float, upper: Float, scan: Scan, rule: Rule) -> np.ndarray:
    """Whether a level, in a box, is closer to the bottom or top of a band than these are known: a pocket may hide."""
    boxes, d = len(lower), coefficients.ndim - 2
    found = np.zeros(boxes, dtype=bool)
    potentials = scan.potentials
    met = np.searchsorted(potentials, upper, side="right") > np.searchsorted(potentials, lower)
    box, band = np.nonzero(met & (upper > lower))
    if len(box) == 0:
        return found
    fewer = (slice(None), *[slice(0, rule.order - 2)] * d)
    full = coefficients[box, band]
    energies = chebyshev.along_each(chebyshev.uniform(rule.order, rule.cells), full, d)
    rough = chebyshev.along_each(chebyshev.uniform(rule.order - 2, rule.cells), full[fewer], d)
    inside = tuple(range(1, d + 1))
    unsure = 2 * np.abs(energies - rough).max(axis=inside)
    # how far a parabola reaches beyond points of the grid
    unsure += sum(np.abs(np.diff(energies, 2, axis=axis)).max(axis=inside) / 8 for axis in inside)
    for extreme in (np.min, np.max):
        extremum = extreme(energies, axis=inside)
        first = np.searchsorted(potentials, extremum - unsure, side="right")
        last = np.searchsorted(potentials, extremum + unsure, side="left")
        # a temperature blurs what is smaller
        found[box[(last > first) & (unsure > 0.5 * scan.temperatures.min())]] = True
    return found
