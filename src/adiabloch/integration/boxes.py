"""Adaptive boxes for metals: one pass over the zone serves all chemical potentials and temperatures.

The bands of each box and their contributions are interpolated (`adiabloch.integration.interpolant`). The error of a box
is the difference between two orders of interpolation and between two sizes of cells. A box is halved until its error is
small for every chemical potential and temperature. It is also halved while it may contain unresolved structure: a gap
at the Fermi level that is narrower than the spacing of the nodes, or a pocket of the Fermi surface that is smaller than
the accuracy of the interpolant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import numpy as np

from adiabloch.arrays import Float
from adiabloch.integration.box_evaluation import BoxValues, evaluate_boxes
from adiabloch.integration.box_refinement import BoxPartition
from adiabloch.integration.cells import integrate_cells, rough_cells, suits_cells
from adiabloch.integration.checkpoints import run_stage
from adiabloch.integration.divergence import Divergence, divergences
from adiabloch.integration.folding import Folded, fold
from adiabloch.integration.forecast import check_scan
from adiabloch.integration.interpolant import Rule
from adiabloch.integration.kept_scan import BYTES, KEPT_BYTES, KeptScan
from adiabloch.integration.mesh_symmetry import Symmetry
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.integration.running import processors, stoppable, workers
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.integration.symmetry import find_vanishing
from adiabloch.integration.wedges import Boxes
from adiabloch.integration.whole_sums import WholeSums, sum_boxes
from adiabloch.occupation import Scan

CANCELLING = 0.1
"""Default accuracy of a result that cancels: the tolerance times this fraction of the sum of the absolute values of the
boxes."""
FEWEST = 2
"""Number of boxes along each axis of the zone from which it is seen what a model lacks of given symmetries."""
TASK_BYTES = 2**22
"""Size of one array with the numbers of all boxes that are evaluated together."""
TOTALS = ("size", "points", "flat_bands", "infinite", "threshold_dependent", "degenerate_splitting")
"""Sums and maxima over all boxes."""


def integrate_boxes(
    integrand: BandIntegrand,
    scan: Scan,
    *,
    tolerance: float,
    absolute: float | None = None,
    output_groups: Sequence[Sequence[int]],
    limit: int = 2**27,
    start: int = 4,
    symmetry: Symmetry = "none",
    executor: Executor | int | None = None,
    progress: ProgressBar | None = None,
) -> SeaIntegral:
    """Integrate over the unit torus for all chemical potentials and temperatures.

    Parameters
    ----------
    integrand : BandIntegrand
    scan : Scan
    tolerance : float
        Accuracy relative to the largest value in each group of outputs anywhere in the scan.
    absolute : float, optional
        Accuracy that suffices whatever the values are. By default `tolerance` times a tenth of the sum of the absolute
        values of the boxes, which counts where parts of the zone cancel.
    output_groups : sequence of sequences of int
        Outputs of one kind, whose accuracy is relative to the largest of them.
    limit : int
        Largest number of points.
    start : int
        Number of initial boxes along each axis of the zone.
    symmetry : "find", "none" or sequence of (d, d) float arrays
        Symmetries by which the zone is reduced to a wedge.
    executor : concurrent.futures.Executor or int, optional
    progress : ProgressBar, optional

    Returns
    -------
    SeaIntegral

    Raises
    ------
    InvalidArgumentError
        If the chemical potentials and temperatures need more memory than is free. Nothing is evaluated then.
    Stopped
        Ctrl-C; with the SeaIntegral after the last completed refinement.
    """
    bar = progress or ProgressBar("", visible=False)
    rule = Rule.of(integrand.dimension, tolerance)
    check_scan(scan, len(integrand.columns), 16 * (1 + processors()))
    combination, symmetry_rounding = _combination_without_zeros(integrand, scan)
    divergent = divergences(integrand, combination, scan, tolerance)
    missing = np.any([np.zeros((len(combination), *scan.shape), dtype=bool), *(d.outputs for d in divergent)], axis=0)
    combination[np.broadcast_to(missing[:, None], combination.shape)] = 0.0
    if not combination.any():
        return _Totals(scan, missing, symmetry_rounding, divergent).without_boxes()
    folded = fold(integrand, combination, symmetry)
    in_cells = not missing.any() and suits_cells(integrand, scan, combination, tolerance)
    roughly = rough_cells if in_cells else partial(_rough_boxes, rule=rule)
    lack, points = folded.lack(combination, partial(roughly, integrand, scan))
    further = symmetry_rounding + lack
    totals = _Totals(scan, missing, further, divergent, folded.inaccuracy, points)
    if not folded.combination.any():
        return totals.without_boxes()
    allowed_errors = partial(_allowed_errors, output_groups, tolerance, absolute)
    if in_cells:
        found = integrate_cells(integrand, scan, folded, allowed_errors, limit=limit, executor=executor, bar=bar)
        return replace(found, error=found.error + further, points=found.points + points)
    first = folded.wedge.boxes(integrand.reciprocal, start)
    refinement = _Refinement(integrand, scan, rule, folded, allowed_errors, totals, first, limit)
    with stoppable(lambda: refinement.best), workers(executor) as pool:
        while not refinement.advance(pool, bar):
            pass
    assert refinement.best is not None
    return refinement.best


def kept_bytes(integrand: BandIntegrand, scan: Scan, tolerance: float, points: float) -> float:
    """Memory of the numbers that are kept of all boxes, if they have this number of points."""
    boxes = points / Rule.of(integrand.dimension, tolerance).order ** integrand.dimension
    return min(BYTES * len(integrand.combination_matrix(scan)) * math.prod(scan.shape) * boxes, KEPT_BYTES)


def _rough_boxes(integrand: BandIntegrand, scan: Scan, folded: Folded, rule: Rule) -> tuple[Float, int]:
    """Sums over a few boxes, (outputs, S, M), and the number of points."""
    boxes = folded.wedge.boxes(integrand.reciprocal, FEWEST)
    parts = boxes.split(max(integrand.batch // rule.order**integrand.dimension, 1))
    whole = KeptScan.all(scan)
    found = [evaluate_boxes(integrand, whole, rule, folded, part) for part in parts]
    return np.asarray(sum(part.value.sum(axis=0) for part in found)), sum(part.points for part in found)


class _Refinement:
    """Refinement of boxes until all integrals have the allowed errors.

    Parameters
    ----------
    integrand : BandIntegrand
    scan : Scan
    rule : Rule
    folded : Folded
    allowed_errors : callable
        Values, sums of the absolute values of the boxes, rounding errors -> errors that the tolerance allows.
    totals : _Totals
    first : Boxes
        Boxes at the beginning.
    limit : int
        Largest number of points.
    """

    def __init__(
        self,
        integrand: BandIntegrand,
        scan: Scan,
        rule: Rule,
        folded: Folded,
        allowed_errors: Callable[[Float, Float, Float], Float],
        totals: _Totals,
        first: Boxes,
        limit: int,
    ) -> None:
        self.integrand, self.scan, self.rule, self.folded = integrand, scan, rule, folded
        self.allowed_errors, self.totals, self.limit = allowed_errors, totals, limit
        self.kept = KeptScan.all(scan)
        self.partition = BoxPartition(len(folded.combination), scan.shape, folded.wedge)
        self.new = [first]
        """Boxes that will be evaluated next."""
        self.best: SeaIntegral | None = None
        """Integrals after the last refinement for which those of the whole scan are known."""
        self._sufficient: Float = np.zeros((len(folded.combination), *scan.shape))
        """Errors that were allowed when the integrals of the whole scan were known last."""
        self._halved = True
        """True if boxes were halved since the last choice of the kept part of the scan."""

    def advance(self, pool: Executor, bar: ProgressBar) -> bool:
        """Evaluate the new boxes and choose those to halve; True at the end."""
        self._evaluate(pool, bar)
        partition, totals, d = self.partition, self.totals, self.integrand.dimension
        unsigned = partition.unsigned_value()
        noise = totals.noise(unsigned)
        allowed = self.allowed_errors(partition.value.sum(axis=0), unsigned, noise)
        allowed = np.maximum(allowed, self.kept.of(self._sufficient))
        to_halve = partition.select(allowed)
        halves = int(to_halve.sum()) << d
        again = 0 if self.kept.complete else len(partition.depth) + halves
        exhausted = totals.points + (halves + again) * self.rule.order**d > self.limit
        if self.kept.complete:
            value, error, undecided = partition.value.sum(axis=0), partition.total_error(), partition.undecided()
            self.best = totals.integral(value, error, undecided, allowed, noise, len(partition.depth), exhausted)
        if to_halve.any() and not exhausted:
            self.new, self._halved = partition.halve(to_halve), True
            return False
        return self.kept.complete or self._whole_scan(pool, bar, exhausted)

    def _evaluate(self, pool: Executor, bar: ProgressBar) -> None:
        partition = self.partition
        boxes = len(partition.depth) + sum(len(batch.corners) for batch in self.new)
        before, self.kept = self.kept, self.kept.within(len(self.folded.combination), boxes)
        if self.kept is not before:
            partition.keep(self.kept.relative_to(before))
        tasks = self._tasks(self.new, self.kept)
        bar.stage(f"{boxes} boxes", len(tasks))
        partition.allocate(tasks)
        evaluate = partial(evaluate_boxes, self.integrand, self.kept, self.rule, self.folded)
        for values in run_stage(pool, evaluate, tasks, _Stage(partition, self.totals)):
            partition.add(vars(values))
            self.totals.add(values)
            bar.advance(1)

    def _tasks(self, batches: Sequence[Boxes], kept: KeptScan) -> list[Boxes]:
        """Boxes that are evaluated together, with working arrays of about the size of the cache."""
        by_points = self.integrand.batch // self.rule.order**self.integrand.dimension
        by_numbers = TASK_BYTES // (8 * len(self.folded.combination) * kept.size)
        size = max(min(by_points, by_numbers), 1)
        return [part for batch in batches for part in batch.split(size)]

    def _whole_scan(self, pool: Executor, bar: ProgressBar, exhausted: bool) -> bool:
        """Evaluate all boxes for the whole scan; False if some integrals need a further refinement."""
        partition, totals, every = self.partition, self.totals, KeptScan.all(self.scan)
        tasks = self._tasks(partition.batches(), every)
        bar.stage(f"all chemical potentials, {len(partition.depth)} boxes", len(tasks))
        sums = WholeSums((len(self.folded.combination), *self.scan.shape))
        depth = partition.undecided_depth
        evaluate = partial(sum_boxes, self.integrand, self.scan, self.rule, self.folded, depth)
        for part in run_stage(pool, evaluate, tasks, sums):
            sums.add(part)
            bar.advance(1)
        totals.points += len(partition.depth) * self.rule.order**self.integrand.dimension
        noise = totals.noise(sums.unsigned)
        allowed = self.allowed_errors(sums.value, sums.unsigned, noise)
        error = partition.whole_error(sums.error, sums.squares, self.kept)
        wrong = (error > allowed) & ~(totals.infinite | totals.missing | sums.at_extremum)
        self.best = totals.integral(
            sums.value, error, sums.at_extremum, allowed, noise, len(partition.depth), exhausted
        )
        if exhausted or not self._halved or not wrong.any():
            return True
        excess = np.where(wrong, error / np.maximum(allowed, np.finfo(float).tiny), 0.0)
        kept = self.kept.worst(excess)
        self.partition, self.new = partition.again(self.kept, kept)
        self.kept, self._sufficient, self._halved = kept, allowed, False
        return False


class _Totals:
    """Sums and maxima over all evaluated boxes.

    Parameters
    ----------
    scan : Scan
    missing : bool array, shape (outputs, S, M)
        Integrals that do not exist.
    symmetry_rounding : float array, shape (outputs, S, M)
        Rounding error of the columns that vanish by symmetry, and error by what a model lacks of given symmetries.
    divergent : sequence of Divergence
    inaccuracy : float
        Further error relative to the sum of the absolute values of the boxes.
    points : int
        Number of points evaluated before.
    """

    def __init__(
        self,
        scan: Scan,
        missing: np.ndarray,
        symmetry_rounding: Float,
        divergent: Sequence[Divergence],
        inaccuracy: float = 0.0,
        points: int = 0,
    ) -> None:
        self.inaccuracy = inaccuracy
        self.missing, self.symmetry_rounding, self.divergent = missing, symmetry_rounding, divergent
        self.points = points
        self.size = np.zeros(len(missing))
        self.flat_bands = np.zeros(scan.shape[1], dtype=bool)
        self.infinite = np.zeros(missing.shape, dtype=bool)
        self.threshold_dependent, self.degenerate_splitting = False, 0.0

    def add(self, values: BoxValues) -> None:
        """Add the values of a batch of boxes."""
        self.size = np.maximum(self.size, values.size)
        self.points += values.points
        self.flat_bands = self.flat_bands | values.flat_bands
        self.infinite = self.infinite | values.infinite
        self.threshold_dependent = self.threshold_dependent or values.threshold_dependent
        self.degenerate_splitting = max(self.degenerate_splitting, values.degenerate_splitting)

    def noise(self, unsigned: Float) -> Float:
        """Rounding error of sums over boxes with these absolute values, and of values that cancel at every point."""
        rounding = np.finfo(float).eps * (16 * unsigned + 256 * self.size[:, None, None])
        return np.asarray(rounding + self.inaccuracy * unsigned)

    def without_boxes(self) -> SeaIntegral:
        """Result if all integrals vanish by symmetry or do not exist."""
        return SeaIntegral(
            np.where(self.missing, np.nan, 0.0),
            np.where(self.missing, np.inf, self.symmetry_rounding),
            np.asarray(~self.missing.any(axis=0)),
            self.symmetry_rounding,
            self.points,
            0,
            exhausted=False,
            flat_bands=self.flat_bands,
            divergent=self.divergent,
        )

    def integral(
        self,
        value: Float,
        error: Float,
        undecided: np.ndarray,
        allowed: Float,
        noise: Float,
        boxes: int,
        exhausted: bool,
    ) -> SeaIntegral:
        """Integrals from the sums over all boxes, each (outputs, S, M)."""
        # a step or a divergence of the density of states
        error = np.where(undecided, np.inf, error)
        return SeaIntegral(
            np.where(self.missing, np.nan, np.where(self.infinite, np.inf, value)),
            np.where(self.infinite | self.missing, np.inf, error + noise + self.symmetry_rounding),
            np.asarray(((error <= allowed) & ~self.infinite & ~self.missing).all(axis=0)),
            allowed,
            self.points,
            boxes,
            exhausted=exhausted,
            flat_bands=self.flat_bands,
            divergent=self.divergent,
            threshold_dependent=self.threshold_dependent,
            degenerate_splitting=self.degenerate_splitting,
        )


class _Stage:
    """Values of the boxes of a refinement and the totals, for a checkpoint."""

    def __init__(self, partition: BoxPartition, totals: _Totals) -> None:
        self.partition, self.totals = partition, totals

    def arrays(self) -> dict[str, np.ndarray]:
        """Values as arrays, for a checkpoint."""
        totals = {f"total {name}": np.asarray(getattr(self.totals, name)) for name in TOTALS}
        return {**self.partition.added(), **totals}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the values to those of a checkpoint."""
        for name in TOTALS:
            of = arrays[f"total {name}"]
            setattr(self.totals, name, of if of.ndim else of.item())
        self.partition.add(arrays)


def _allowed_errors(
    output_groups: Sequence[Sequence[int]],
    tolerance: float,
    absolute: float | None,
    value: Float,
    unsigned: Float,
    noise: Float,
) -> Float:
    """Errors that the tolerance allows, at least the noise; (outputs, S, M)."""
    allowed = np.zeros(len(value))
    for group in output_groups:
        of = [*group]
        sufficient = CANCELLING * tolerance * unsigned[of].max() if absolute is None else absolute
        allowed[of] = max(tolerance * np.abs(value[of]).max(), sufficient)
    return np.maximum(allowed[:, None, None], noise)


def _combination_without_zeros(integrand: BandIntegrand, scan: Scan) -> tuple[Float, Float]:
    """Combination matrix without the columns that vanish by symmetry, and the rounding error of these columns."""
    combination = np.array(integrand.combination_matrix(scan))
    rounding = np.zeros((combination.shape[0], *scan.shape))
    found = find_vanishing(integrand)
    if found is None:
        return combination, rounding
    for c, column in enumerate(integrand.columns):
        if found.of(column):
            weights = {
                "filled": np.ones_like(scan.temperatures),
                "entropy": scan.temperatures,
                "level": 1 / np.maximum(scan.temperatures, found.fineness),
                "heat": np.ones_like(scan.temperatures),
            }[column.weight]
            rounding += np.abs(combination[:, c]) * (found.rounding(column) * weights)[:, None]
            combination[:, c] = 0.0
    return combination, rounding
