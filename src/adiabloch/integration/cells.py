r"""Cells for metals in three dimensions at T = 0, refined where they change the result.

The zone is divided into families of eight cells, each with one diagonalization (`adiabloch.integration.cell_values`).
The change from one cell of twice the size to the eight is of second order in the size, and shows the error of what is
left. A family is split only if what it may still change exceeds its share of the tolerance: a near-degeneracy at which
no chemical potential lies, or whose contributions cancel, is left alone.

The members of a family that is split become families. Their changes, as far as they are independent, have together the
square of the last change of the family times the square of a factor. This factor is measured at every refinement, also
on families that are split at random, so that the error does not rest on those that looked worst.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Float, tensor_grid
from adiabloch.integration.cell_values import Cells, evaluate_cells
from adiabloch.integration.checkpoints import run_stage
from adiabloch.integration.folding import Folded
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.integration.running import stoppable, workers
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.occupation import Scan

SMALLEST_TOLERANCE = 3e-4
"""Tolerance below which boxes of higher order are faster."""
TABLE = 2048
"""Largest number of outputs times chemical potentials."""
START = 6
"""Number of families along each axis at the beginning."""
OFFSETS = (0.0620, 0.2345, 0.1409)
"""Corner of the first family, in units of its side, away from points of high symmetry."""
HALVES = tensor_grid([[-0.25, 0.25]] * 3)
"""Centres of the eight cells of a family, in its side."""
POINTS = 9
"""Number of points of a family: eight cells, and the one of twice the size."""
SECOND_ORDER = 0.25
"""Next change relative to the last one, if both are of second order."""
FACTOR = 4 / 3
"""Sum of all further changes relative to the next one, if each is a quarter of the one before."""
SMALLEST_FACTOR, LARGEST_FACTOR = 1 / 3, 5.0
"""Limits of the error relative to the last change; the smallest one belongs to an error of second order."""
CREDIBLE = 0.25
"""Error relative to the largest value, above which all families of the beginning are split."""
TRIED = 1 / 16
"""Fraction of the families of the beginning that are split in any case, to measure how errors fall."""
DEVIATIONS = 4
"""Error bar of independent changes, in root-mean-square errors."""
SHARE = 0.5
"""Fraction of the allowed error that the families that are not split may have."""
AUDITED = 1 / 32
"""Fraction of further families, chosen at random, that are split to measure how errors fall."""
GROWTH = 1.0
"""Largest number of new points of a refinement, relative to all before."""
STEP = 0.25
"""Width of the classes by size of the error, in powers of two of its square, of which families are split together."""
SINGLE = 6e-8
"""Rounding error of values in single precision."""
PART = 1024
"""Number of families whose changes are held in double precision at a time."""


def suits_cells(integrand: BandIntegrand, scan: Scan, combination: Float, tolerance: float) -> bool:
    """True for terms of the sea in three dimensions at zero temperature, without flat bands."""
    if integrand.dimension != 3 or tolerance < SMALLEST_TOLERANCE or not integrand.expandable:
        return False
    if scan.shape[0] > 1 or scan.temperatures.any() or len(combination) * scan.shape[1] > TABLE:
        return False
    if any(column.at_surface and combination[:, c].any() for c, column in enumerate(integrand.columns)):
        return False
    levels = integrand.levels(np.random.default_rng(7).random((64, 3)))
    return bool((np.ptp(levels, axis=0) > 1e-6 * np.abs(levels).max()).all())


def integrate_cells(
    integrand: BandIntegrand,
    scan: Scan,
    folded: Folded,
    allowed_errors: Callable[[Float, Float, Float], Float],
    *,
    limit: int,
    executor: Executor | int | None,
    bar: ProgressBar,
) -> SeaIntegral:
    """Integrate terms of the sea over the unit torus at zero temperature.

    Parameters
    ----------
    integrand : BandIntegrand
    scan : Scan
    folded : Folded
    allowed_errors : callable
        Values, sums of the absolute values of the families, rounding errors -> errors that the tolerance allows; each
        (outputs, 1, M).
    limit : int
        Largest number of points.
    executor : concurrent.futures.Executor or int, optional
    bar : ProgressBar

    Returns
    -------
    SeaIntegral
    """
    new = Cells.of(folded.wedge.boxes(integrand.reciprocal, START, OFFSETS))
    families = Families(len(folded.combination), scan.shape[1], folded.inaccuracy)
    evaluate = partial(evaluate_families, integrand, scan, folded)
    points = 0
    best: SeaIntegral | None = None
    with stoppable(lambda: best), workers(executor) as pool:
        while True:
            families.allocate(new)
            tasks = tasks_of(new, integrand.batch)
            bar.stage(f"{8 * len(families.change)} cells", len(tasks))
            for values in run_stage(pool, evaluate, tasks, families):
                families.add(values)
                bar.advance(1)
            points += POINTS * len(new.sides)
            families.calibrate()
            found = (numbers[:, None] for numbers in (families.value, families.unsigned, families.noise()))
            allowed = allowed_errors(*found)[:, 0]
            which = families.select(allowed, most=max(int(GROWTH * points) // (8 * POINTS), 1))
            exhausted = points + 8 * POINTS * int(which.sum()) > limit
            best = families.integral(points, allowed, exhausted=exhausted)
            if not which.any() or exhausted:
                return best
            new = families.split(which)


def rough_cells(integrand: BandIntegrand, scan: Scan, folded: Folded) -> tuple[Float, int]:
    """Sums over the cells of the beginning, (outputs, 1, M), and the number of points."""
    cells = halves(Cells.of(folded.wedge.boxes(integrand.reciprocal, START, OFFSETS)))
    parts = tasks_of(cells, integrand.batch)
    sums = [evaluate_cells(integrand, scan, folded, part).value.sum(axis=0, dtype=float) for part in parts]
    return np.sum(sums, axis=0)[:, None], len(cells.sides)


class FamilyValues(NamedTuple):
    """Values of families of eight cells."""

    change: np.ndarray
    """Sum of the eight less the value of the cell that became the family, (F, outputs, M), single precision."""
    value: Float
    """Sum over the families, (outputs, M)."""
    unsigned: Float
    """Sum of the absolute values of the families, (outputs, M)."""
    before: Float
    """The same for what was split into eight successive families."""
    size: Float
    """(outputs,): integrand without signs."""


def evaluate_families(integrand: BandIntegrand, scan: Scan, folded: Folded, cells: Cells) -> FamilyValues:
    """Evaluate cells that become families, and the eight halves of each."""
    old, new = (evaluate_cells(integrand, scan, folded, some) for some in (cells, halves(cells)))
    families = new.value.reshape(-1, 8, *new.value.shape[1:]).sum(axis=1)
    # those of the beginning replace nothing
    members = old.value[cells.depths > 0]
    before = np.abs(members.reshape(-1, 8, *members.shape[1:]).sum(axis=1)).sum(axis=0)
    change = (families - old.value).astype(np.float32)
    return FamilyValues(change, families.sum(axis=0), np.abs(families).sum(axis=0), before, new.size)


def tasks_of(cells: Cells, batch: int) -> list[Cells]:
    """Parts of cells that become families, with the halves of one cell in one part."""
    size = 8 * max(batch // 64, 1)
    return [cells.part(slice(first, first + size)) for first in range(0, len(cells.sides), size)]


def halves(cells: Cells) -> Cells:
    """The eight halves of each cell, one after the other."""
    centres = (cells.centres[:, None] + cells.sides[:, None] * HALVES).reshape(-1, 3)
    sides, copies = np.repeat(cells.sides / 2, 8, axis=0), np.repeat(cells.copies, 8)
    return Cells(centres, sides, copies, np.repeat(cells.depths + 1, 8))


class Families:
    """Families of eight cells that cover a wedge of the zone.

    Parameters
    ----------
    outputs, potentials : int
    inaccuracy : float
        Further error relative to the sum of the absolute values of the families.
    """

    def __init__(self, outputs: int, potentials: int, inaccuracy: float = 0.0) -> None:
        self.inaccuracy = inaccuracy
        self.cells = Cells(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0, dtype=int))
        """Cells that became families."""
        self.change = np.zeros((0, outputs, potentials), dtype=np.float32)
        self.value, self.unsigned = np.zeros((2, outputs, potentials))
        self.size = np.zeros(outputs)
        self.factor: Float = np.ones((outputs, potentials))
        """Error relative to the last change."""
        self.regular = 0.0
        """Next change in proportion to the last one."""
        self._replaced = self.change
        """Changes of the families that were split last."""
        self._calibrated = False
        """True if the factor is measured."""
        self._first = self._last = 0
        """Range of the families of the last refinement that are evaluated."""
        self._rng = np.random.default_rng(11)

    # evaluation

    def allocate(self, cells: Cells) -> None:
        """Make room for cells that become families."""
        self._first = self._last = len(self.change)
        self.cells = Cells(*(np.concatenate(pair) for pair in zip(self.cells, cells, strict=True)))
        self.change = np.concatenate([self.change, np.zeros((len(cells.sides), *self.value.shape), dtype=np.float32)])

    def add(self, values: FamilyValues) -> None:
        """Store the values of the next families."""
        first, self._last = self._last, self._last + len(values.change)
        self.change[first : self._last] = values.change
        self.value = self.value + (values.change.sum(axis=0, dtype=float) if len(self._replaced) else values.value)
        self.unsigned = self.unsigned + values.unsigned - (values.before if len(self._replaced) else 0.0)
        self.size = np.maximum(self.size, values.size)

    def arrays(self) -> dict[str, np.ndarray]:
        """Values as arrays, for a checkpoint."""
        totals = {name: getattr(self, name) for name in ("value", "unsigned", "size")}
        return {"change": self.change[self._first : self._last], **totals}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the values to those of a checkpoint."""
        self._last = self._first + len(arrays["change"])
        self.change[self._first : self._last] = arrays["change"]
        self.value, self.unsigned, self.size = (arrays[name] for name in ("value", "unsigned", "size"))

    def calibrate(self) -> None:
        """Compare the changes of the last families with those of the families that were split into them."""
        old = self._replaced
        if not len(old):
            return
        self._calibrated = True
        new = self.change[self._first :]
        found, expected = _squares(new), _squares(old)
        # chemical potentials share most of the cells, so that all of them tell about each
        own = _root_ratio(found, expected)
        common = _root_ratio(found.sum(axis=1, keepdims=True), expected.sum(axis=1, keepdims=True))
        self.factor = np.clip(FACTOR * np.maximum(0.5 * own, common), SMALLEST_FACTOR, LARGEST_FACTOR)
        together = new.reshape(-1, 8, *self.value.shape).sum(axis=1, dtype=float)
        same = float(np.einsum("cij,cij->", together, old)) / max(float(expected.sum()), np.finfo(float).tiny)
        self.regular = min(max(same, 0.0), SECOND_ORDER)

    # results

    def error(self) -> Float:
        """Error of the sum over all cells, (outputs, M).

        It is the sum of the changes, to which a series of halved changes adds up, and four times the error of
        independent changes. Where the sum is small by accident, half of its mean square over the scan counts.
        """
        sums = self.change.sum(axis=0, dtype=float)
        regular = np.maximum(np.abs(sums), 0.5 * np.sqrt((sums**2).mean(axis=1, keepdims=True)))
        return np.hypot(regular, DEVIATIONS * self.factor * np.sqrt(_squares(self.change)))

    def extrapolated(self) -> Float:
        """Sum over all cells with the changes that are expected next, (outputs, M)."""
        return self.value + self.regular / (1 - self.regular) * self.change.sum(axis=0, dtype=float)

    def noise(self) -> Float:
        """Rounding error, (outputs, M)."""
        return (SINGLE + self.inaccuracy) * self.unsigned + 256 * np.finfo(float).eps * self.size[:, None]

    def integral(self, points: int, allowed: Float, *, exhausted: bool) -> SeaIntegral:
        """Integrals as the sums over all cells; `allowed` is (outputs, M)."""
        error = self.error()
        return SeaIntegral(
            self.extrapolated()[:, None],
            (error + self.noise())[:, None],
            np.asarray((error <= allowed).all(axis=0))[None],
            allowed[:, None],
            points,
            8 * len(self.change),
            exhausted=exhausted,
            flat_bands=np.zeros(self.value.shape[1], dtype=bool),
        )

    # refinement

    def select(self, allowed: Float, most: int) -> np.ndarray:
        """Families to split, (F,), none at the end: about `most` of the largest errors, or until the others suffice."""
        wrong = self.error() > allowed
        chosen = np.zeros(len(self.change), dtype=bool)
        if not wrong.any() and self._calibrated:
            return chosen
        wrong |= not self._calibrated
        scale = (1 / np.maximum(allowed[wrong], np.finfo(float).tiny)).astype(np.float32)
        largest = np.concatenate([np.abs(changes[:, wrong] * scale).max(axis=1) for changes in self._parts()])
        sizes = np.floor(np.log2(np.maximum(largest, 1e-30)) / STEP).astype(np.int64)
        classes, number = np.unique(sizes, return_inverse=True)
        sums, squares = np.zeros((2, len(classes), int(wrong.sum())))
        for changes, part in zip(self._parts(), np.array_split(number, range(PART, len(number), PART)), strict=True):
            here = (changes[:, wrong] * scale).astype(float)
            np.add.at(sums, part, here)
            np.add.at(squares, part, (DEVIATIONS * self.factor[wrong] * here) ** 2)
        left = np.cumsum(sums, axis=0) ** 2 + np.cumsum(squares, axis=0)
        members = np.bincount(number)
        above = len(number) - np.cumsum(members) + members
        split = np.logical_or.accumulate(left.max(axis=1) > SHARE**2) & (above <= most)
        # the factor is measured once at least, on the families with the largest changes
        split |= (not self._calibrated) & (above <= TRIED * len(number))
        split[-1] = True
        chosen = split[number]
        # a coarse cell may miss what is inside, and then changes little
        coarse = self.cells.depths == 0
        if coarse.any() and self.error().max() > CREDIBLE * np.abs(self.value).max():
            return np.asarray(coarse)
        rest = np.flatnonzero(~chosen)
        audited = min(4 + int(AUDITED * chosen.sum()), len(rest))
        chosen[self._rng.choice(rest, audited, replace=False)] = True
        return chosen

    def split(self, which: np.ndarray) -> Cells:
        """Remove families, and return their members."""
        cells = halves(self.cells.part(which))
        self._replaced = self.change[which]
        self.cells, self.change = self.cells.part(~which), self.change[~which]
        return cells

    def _parts(self) -> Iterator[np.ndarray]:
        return (self.change[first : first + PART] for first in range(0, len(self.change), PART))


def _squares(values: np.ndarray) -> Float:
    """Sum of squares over the first axis, in double precision."""
    return np.einsum("cij,cij->ij", values, values, dtype=float)


def _root_ratio(found: Float, expected: Float) -> Float:
    """Root of a ratio; one where nothing was expected."""
    return np.sqrt(np.divide(found, expected, out=np.ones_like(found), where=expected > 0))
