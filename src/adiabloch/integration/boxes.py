"""Adaptive boxes for metals: one pass over the zone serves all chemical potentials and temperatures.

The bands of each box and their contributions are interpolated (`adiabloch.integration.interpolant`). The error of a box
is the difference between two orders of interpolation and between two sizes of cells. A box is halved until its error is
small for every chemical potential and temperature. It is also halved while it may contain unresolved structure: a gap
at the Fermi level that is narrower than the spacing of the nodes, or a pocket of the Fermi surface that is smaller than
the accuracy of the interpolant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import numpy as np

from adiabloch.arrays import Float, tensor_grid
from adiabloch.integration.box_evaluation import Batch, BoxValues, evaluate_boxes, split_batch
from adiabloch.integration.box_refinement import BoxPartition
from adiabloch.integration.cells import integrate_cells, suits_cells
from adiabloch.integration.checkpoints import run_stage
from adiabloch.integration.divergence import Divergence, divergences
from adiabloch.integration.forecast import check_scan
from adiabloch.integration.interpolant import Rule
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.integration.running import stoppable, workers
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.integration.symmetry import find_vanishing
from adiabloch.occupation import Scan

CANCELLING = 0.1
"""Default accuracy of a result that cancels: the tolerance times this fraction of the sum of the absolute values of the
boxes."""
TOTALS = ("size", "points", "flat_bands", "infinite", "threshold_dependent", "degenerate_splitting")
"""Sums and maxima over all boxes."""
OFFSETS = (0.3820, 0.7549, 0.5698)
"""Corner of the first box, in units of its side. With a corner at a symmetric point, faces could coincide with a level
surface, which would then be counted twice or not at all."""


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
        Accuracy relative to the largest value in each group of outputs anywhere in the scan.
    absolute : float, optional
        Accuracy that suffices whatever the values are. By default `tolerance` times a tenth of the sum of the absolute
        values of the boxes, which counts where parts of the zone cancel.
    output_groups : sequence of sequences of int
        Outputs of one kind, whose accuracy is relative to the largest of them.
    limit : int
        Largest number of points.
    start : int
        Number of initial boxes along each axis.
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
    d = integrand.dimension
    rule = Rule.of(d, tolerance)
    check_scan(scan, len(integrand.columns), 2 * (2 * start) ** d)
    combination, symmetry_rounding = _combination_without_zeros(integrand, scan)
    divergent = divergences(integrand, combination, scan, tolerance)
    missing = np.any([np.zeros((len(combination), *scan.shape), dtype=bool), *(d.outputs for d in divergent)], axis=0)
    combination[np.broadcast_to(missing[:, None], combination.shape)] = 0.0
    totals = _Totals(scan, missing, symmetry_rounding, divergent)
    if not combination.any():
        return totals.without_boxes()
    allowed_errors = partial(_allowed_errors, output_groups, tolerance, absolute)
    if not missing.any() and suits_cells(integrand, scan, combination, tolerance):
        found = integrate_cells(integrand, scan, combination, allowed_errors, limit=limit, executor=executor, bar=bar)
        return replace(found, error=found.error + symmetry_rounding)
    axes = [(np.arange(start) + offset) / start for offset in OFFSETS[:d]]
    corners = tensor_grid(axes)
    new = [Batch(corners, 1.0 / start, 0)]
    partition = BoxPartition(len(combination), scan.shape, d)
    evaluate = partial(evaluate_boxes, integrand, scan, rule, combination)
    best: SeaIntegral | None = None
    with stoppable(lambda: best), workers(executor) as pool:
        while True:
            tasks = [part for batch in new for part in split_batch(batch, integrand.batch, rule.order**d)]
            bar.stage(f"{len(partition.side) + sum(len(t.corners) for t in tasks)} boxes", len(tasks))
            partition.allocate(tasks)
            for values in run_stage(pool, evaluate, tasks, _Stage(partition, totals)):
                partition.add(vars(values))
                totals.add(values)
                bar.advance(1)
            noise = totals.noise(partition)
            allowed = allowed_errors(partition.value.sum(axis=0), partition.unsigned_value(), noise)
            to_halve = partition.select(allowed)
            exhausted = bool(totals.points + to_halve.sum() * (2 * rule.order) ** d > limit)
            best = totals.integral(partition, allowed, noise, exhausted=exhausted)
            if not to_halve.any() or exhausted:
                return best
            new = partition.halve(to_halve)


class _Totals:
    """Sums and maxima over all evaluated boxes.

    Parameters
    ----------
    scan : Scan
    missing : bool array, shape (outputs, S, M)
        Integrals that do not exist.
    symmetry_rounding : float array, shape (outputs, S, M)
        Rounding error of the columns that vanish by symmetry.
    divergent : sequence of Divergence
    """

    def __init__(
        self, scan: Scan, missing: np.ndarray, symmetry_rounding: Float, divergent: Sequence[Divergence]
    ) -> None:
        self.missing, self.symmetry_rounding, self.divergent = missing, symmetry_rounding, divergent
        self.points = 0
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

    def noise(self, partition: BoxPartition) -> Float:
        """Rounding error of the sums over boxes, and of values that cancel at every point; (outputs, S, M)."""
        return np.finfo(float).eps * (16 * partition.unsigned_value() + 256 * self.size[:, None, None])

    def without_boxes(self) -> SeaIntegral:
        """Result if all integrals vanish by symmetry or do not exist."""
        return SeaIntegral(
            np.where(self.missing, np.nan, 0.0),
            np.where(self.missing, np.inf, self.symmetry_rounding),
            np.asarray(~self.missing.any(axis=0)),
            self.symmetry_rounding,
            0,
            0,
            exhausted=False,
            flat_bands=self.flat_bands,
            divergent=self.divergent,
        )

    def integral(self, partition: BoxPartition, allowed: Float, noise: Float, *, exhausted: bool) -> SeaIntegral:
        """Integrals as the sums over all boxes."""
        value, error = partition.value.sum(axis=0), partition.total_error()
        # a step or a divergence of the density of states
        error[partition.undecided()] = np.inf
        return SeaIntegral(
            np.where(self.missing, np.nan, np.where(self.infinite, np.inf, value)),
            np.where(self.infinite | self.missing, np.inf, error + noise + self.symmetry_rounding),
            np.asarray(((error <= allowed) & ~self.infinite & ~self.missing).all(axis=0)),
            allowed,
            self.points,
            len(partition.side),
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
