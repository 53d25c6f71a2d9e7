"""Integrals of interpolated bands over boxes, for all chemical potentials and temperatures.

The Chebyshev interpolant of a box needs no further diagonalization, so it can be evaluated on fine grids: on small
simplices with a sharp step at T = 0 (extrapolated in their size), on Gauss points with the exact Fermi weights at
T > 0, or, where these would be too many, by an average of the integral at T = 0 over -f'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.integration import chebyshev
from adiabloch.integration.protocols import BandIntegrand, Weight
from adiabloch.integration.simplices import on_simplices, steps_and_levels, volume
from adiabloch.integration.thermal import ThermalAverage, ThermalGrid
from adiabloch.occupation import THERMAL_REACH, Scan

CELLS = {1: 1024, 2: 32, 3: 8}
"""Simplices along each side of a box, by dimension."""
FINE, FINER_CELLS = 2e-5, 64
"""Tolerance from which on in two dimensions boxes are cut more finely, which saves diagonalizations, and how finely."""
LEVELS = {1: 4, 2: 4, 3: 2}
"""Energies per kT for the average of sharp steps; kinks of the density of states are weaker in higher dimensions."""
GAUSS = {1: 256, 2: 48, 3: 16}
"""Largest number of Gauss points along each side. If the temperature needs more, the sharp step is averaged."""
ZERO_TEMPERATURE = 1e-13
"""Fraction of the largest energy below which a temperature counts as zero."""
BATCH = 32
"""Number of bands of boxes whose simplices are evaluated together."""


@dataclass(frozen=True)
class Rule:
    """Numerical parameters of a box: order of the interpolant, simplices and Gauss points along each side."""

    order: int
    cells: int
    gauss: int

    @classmethod
    def of(cls, dimension: int, tolerance: float) -> Rule:
        """Parameters for a tolerance."""
        order = {1: 12, 2: 8, 3: 6}[dimension] if tolerance > 1e-8 else {1: 24, 2: 16, 3: 10}[dimension]
        cells = FINER_CELLS if dimension == 2 and tolerance <= FINE else CELLS[dimension]
        return cls(order, cells, GAUSS[dimension])


@dataclass(eq=False)
class BoxIntegrals:
    """Integrals of interpolated bands over unit boxes.

    A band whose energies are far from all chemical potentials contributes as a whole. Others are cut at the Fermi
    level.
    """

    integrand: BandIntegrand
    scan: Scan
    rule: Rule
    coefficients: Float
    """Coefficients of energies, sea and surface, (B, N, 1 + J + K, order, ..., order)."""
    lower: Float
    upper: Float
    """Bounds of the energies, (B, N)."""

    def all(self) -> tuple[Float, Float]:
        """Values and errors, (B, columns, S, M)."""
        shape = (len(self.lower), len(self.integrand.columns), *self.scan.shape)
        value, error = np.zeros(shape), np.zeros(shape)
        largest = max(np.abs(array).max() for array in (self.lower, self.upper, self.scan.potentials))
        # a temperature below the rounding of the energies counts as zero
        for s, kT in enumerate(
            np.where(self.scan.temperatures < ZERO_TEMPERATURE * largest, 0.0, self.scan.temperatures)
        ):
            first = np.searchsorted(self.scan.potentials, self.lower - THERMAL_REACH * kT, side="left")
            last = np.searchsorted(self.scan.potentials, self.upper + THERMAL_REACH * kT, side="right")
            # at zero temperature a flat band is filled as a whole, whatever its rounding
            cut = (last > first) & ((self.upper > self.lower) | (kT > 0))
            whole, off = self._whole(first, ~cut)
            value[:, :, s] += whole
            error[:, :, s] += off
            if cut.any():
                box, band = np.nonzero(cut)
                part, off = self._cut(self.coefficients[box, band], box, kT, self.upper[cut] - self.lower[cut])
                value[:, :, s] += part
                error[:, :, s] += off
        return value, error

    @property
    def _dimension(self) -> int:
        return self.integrand.dimension

    @property
    def _seas(self) -> int:
        """Number of outputs of the sea, J."""
        return 1 + max((c.output for c in self.integrand.columns if not c.at_surface), default=-1)

    def _truncated(self, coefficients: Float) -> Float:
        """Coefficients of the interpolant of lower order."""
        less = (slice(None),) * (coefficients.ndim - self._dimension)
        return coefficients[less + (slice(0, self.rule.order - 2),) * self._dimension]

    def _whole(self, first: Integer, which: np.ndarray) -> tuple[Float, Float]:
        """Contribution of bands below the chemical potentials from `first` on, and its change with the order."""
        boxes, count = len(first), len(self.scan.potentials)
        column = np.where(which, first, count) + (count + 1) * np.arange(boxes)[:, None]
        result = np.zeros((2, boxes, len(self.integrand.columns), count))
        for version, here in enumerate((self.coefficients, self._truncated(self.coefficients))):
            mean = here
            for _ in range(self._dimension):
                mean = mean @ chebyshev.means(here.shape[-1])
            for c, kind in enumerate(self.integrand.columns):
                if kind.weight == "filled":
                    sums = np.bincount(column.ravel(), mean[:, :, 1 + kind.output].ravel(), boxes * (count + 1))
                    result[version, :, c] = np.cumsum(sums.reshape(boxes, -1), axis=1)[:, :count]
        return result[0], result[0] - result[1]

    def _cut(self, coefficients: Float, owner: Integer, kT: float, span: Float) -> tuple[Float, Float]:
        """Contribution of bands at the Fermi level and its error, on Gauss points if they resolve the temperature."""
        # at low temperatures more points would be needed than are allowed
        needed = 1.5 * span / kT + 5 if kT > 0 else np.full(len(span), np.inf)
        smooth = needed <= self.rule.gauss
        value, error = np.zeros((2, len(self.lower), len(self.integrand.columns), len(self.scan.potentials)))
        if smooth.any():
            points = max(self.rule.order, math.floor(needed[smooth].max()))
            value = self._smooth(coefficients[smooth], owner[smooth], kT, points)
            less = self._truncated(coefficients[smooth])
            error = value - self._smooth(less, owner[smooth], kT, max(3 * points // 4, 3))
        if not smooth.all():
            part, off = self._stepwise(coefficients[~smooth], owner[~smooth], kT)
            value, error = value + part, error + off
        return value, error

    def _stepwise(self, coefficients: Float, owner: Integer, kT: float) -> tuple[Float, Float]:
        """Contribution of bands with a sharp cut, averaged over the temperature, extrapolated in the simplex size."""
        finest = self.rule.cells
        (fine, off), *coarser = (self._sharp(coefficients, owner, kT, finest // n) for n in (1, 2, 4, 8))
        (middle, _), (coarse, _), (coarsest, _) = coarser
        rough, _ = self._sharp(self._truncated(coefficients), owner, kT, finest // 2)
        # the error of linear interpolation is proportional to the square of the size
        value, previous, first = (x + (x - y) / 3 for x, y in ((fine, middle), (middle, coarse), (coarse, coarsest)))
        # after the extrapolation, the error falls at least by a factor of four with each halving, mostly by eight; the
        # last change of a single box may be small by accident
        left = np.copysign(np.hypot(value - previous, (previous - first) / 8) / 3, value - previous)
        if kT == 0:
            # the slope of a level is that of the centre of a simplex, and its error alternates between simplices
            levels = [c for c, column in enumerate(self.integrand.columns) if column.at_surface]
            left[:, levels] = np.copysign(np.hypot(left, value - fine), left)[:, levels]
        return value, left + (middle - rough) + off

    def _smooth(self, coefficients: Float, owner: Integer, kT: float, points: int) -> Float:
        """Contribution with exact Fermi weights on Gauss points, (B, columns, M)."""
        boxes, count, d = len(self.lower), len(self.scan.potentials), self._dimension
        to_points, weight = chebyshev.gauss(coefficients.shape[-1], points)
        values = chebyshev.along_each(to_points, coefficients, d).reshape(*coefficients.shape[:2], -1)
        measure = weight
        for _ in range(d - 1):
            measure = np.multiply.outer(measure, weight)
        masses = (values[:, 1:] * measure.ravel()).swapaxes(0, 1).reshape(coefficients.shape[1] - 1, -1)
        grid = ThermalGrid(self.scan.potentials, kT)
        table, below = grid.distribute(values[:, 0].ravel(), masses, np.repeat(owner, values.shape[-1]), boxes)
        result = np.zeros((boxes, len(self.integrand.columns), count))
        for source, members in self._by_source():
            for c, sums in zip(members, grid.summed(table[source], [self._kind(c) for c in members]), strict=True):
                result[:, c] = sums + (below[source] if self._kind(c) == "filled" else 0.0)
        return result

    def _sharp(self, coefficients: Float, owner: Integer, kT: float, cells: int) -> tuple[Float, Float]:
        """Contribution of simplices with a sharp cut, averaged if T > 0, (B, columns, M); error of the average."""
        result, error = np.zeros((2, len(self.lower), len(self.integrand.columns), len(self.scan.potentials)))
        average = ThermalAverage(self.scan.potentials, kT, LEVELS[self._dimension]) if kT else None
        levels = average.energies if average else self.scan.potentials
        d = self._dimension
        share = volume(d) / cells**d
        for first in range(0, len(coefficients), BATCH):
            here = chebyshev.along_each(
                chebyshev.uniform(coefficients.shape[-1], cells), coefficients[first : first + BATCH], d
            )
            count = len(here)
            corners = np.stack([on_simplices(here[:, number]) for number in range(here.shape[1])])
            if d == 1 and not average:
                corners[1 + self._seas :] *= _slopes_corrected(here[:, 0])
            inside = np.repeat(np.arange(count), corners.shape[3])
            flat = corners.reshape(len(corners), d + 1, -1)
            low, high = np.searchsorted(levels, [flat[0].min(), flat[0].max()])
            high = min(high + 1, len(levels))
            # the thermal average acts on integrals of the states below a level, also for surface terms
            steps = len(flat) - 1 if average else self._seas
            sea, surface = flat[1 : 1 + steps], flat[1 + steps :]
            tables = share * steps_and_levels(flat[0], sea, surface, inside, count, levels[low:high])
            beyond = corners[1:].mean(axis=(1, 3))
            boxes = owner[first : first + BATCH]
            for source, members in self._by_source():
                for c in members:
                    if average:
                        value, off = average.averaged(tables[source], int(low), beyond[source], self._kind(c))
                        np.add.at(error[:, c], boxes, off)
                    elif self._kind(c) in ("filled", "level"):
                        value = np.zeros((count, len(levels)))
                        value[:, low:high] = tables[source]
                        value[:, high:] = beyond[source][:, None] if source < self._seas else 0.0
                    else:
                        continue
                    np.add.at(result[:, c], boxes, value)
        return result, error

    def _kind(self, column: int) -> Weight:
        return self.integrand.columns[column].weight

    def _by_source(self) -> Iterator[tuple[int, list[int]]]:
        """Indices of the functions, each with the columns that use it."""
        for at_surface in (False, True):
            outputs = sorted({c.output for c in self.integrand.columns if c.at_surface is at_surface})
            for output in outputs:
                members = [
                    c for c, k in enumerate(self.integrand.columns) if (k.at_surface, k.output) == (at_surface, output)
                ]
                yield output + (self._seas if at_surface else 0), members


def _slopes_corrected(energies: Float) -> Float:
    """Ratio of the slope of each segment to that of the band at its ends, in one dimension, (2, B, segments).

    In one dimension a level surface is a single point, without an area over which errors average out.
    """
    slopes = on_simplices(np.gradient(energies, axis=1, edge_order=2))
    segments = np.diff(energies, axis=1)
    ratio = np.divide(segments, slopes, out=np.ones_like(slopes), where=slopes * segments > 0)
    return np.asarray(np.clip(ratio, 0.5, 2.0))
