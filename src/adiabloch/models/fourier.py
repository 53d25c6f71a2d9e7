"""Matrix-valued Fourier series over the Brillouin zone, and over the cycle.

The Hamiltonian of every crystal model and its derivatives are series sum_f C_f exp(2 pi i f.x) over integer frequencies
f (lattice translations, and the harmonic of the cycle), with x the reduced coordinates on the unit torus. On a tensor
grid the sum is done one axis at a time, so that all points along the inner axes share the partial sums over the outer
ones.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.markup import record_html

KEPT_BYTES = 2**27
"""Largest size of a partial sum over outer axes that is kept for the next grid."""
DENSE_BYTES = 2**26
"""Largest size of the coefficients on the full box of frequencies; if they fit, sums over an axis are one product."""

SHORT = 16
"""Number of points up to which an axis is short."""
REPEATED = 16
"""Number of axes whose phases are kept, since most grids share all axes but one with the grid before."""


@dataclass(frozen=True, eq=False)
class FourierSeries:
    """Several N x N matrix series with common frequencies.

    Parameters
    ----------
    frequencies : int array, shape (F, D)
    coefficients : complex array, shape (F, K, N, N)
        K series: the Hamiltonian first, then its derivatives.
    """

    frequencies: Integer
    coefficients: Complex
    grid_sums: GridSums = field(init=False, repr=False)
    """Evaluator on tensor grids; it keeps the partial sums of the last grid."""

    _repr_html_ = record_html

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid_sums", GridSums(self.frequencies, self.coefficients))

    def at(self, points: Float) -> Complex:
        """Values at arbitrary points.

        Parameters
        ----------
        points : float array, shape (P, D)
            Reduced coordinates.

        Returns
        -------
        complex array, shape (P, K, N, N)
        """
        phases = np.exp(2j * np.pi * (points @ self.frequencies.T))
        flat = phases @ self.coefficients.reshape(len(self.frequencies), -1)
        values: Complex = flat.reshape(len(points), *self.coefficients.shape[1:])
        return values

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Values on a tensor grid.

        Parameters
        ----------
        axes : sequence of D float arrays
            Reduced coordinates along each axis.

        Returns
        -------
        complex array, shape (P, K, N, N)
            P is the product of the lengths of the axes; the index along the last axis varies fastest.
        """
        return self.grid_sums(axes)


class GridSums:
    """Evaluation of a Fourier series on tensor grids, with reuse of partial sums.

    Consecutive grids of a thread share the partial sums over the leading axes that they have in common. Partial sums
    are kept for each thread separately, so that one evaluator may be called from several threads, and are not pickled.
    They do not change the values.

    Parameters
    ----------
    frequencies : int array, shape (F, D)
    coefficients : complex array, shape (F, K, N, N)
    """

    def __init__(self, frequencies: Integer, coefficients: Complex) -> None:
        self._frequencies, self._coefficients = frequencies, coefficients
        self._lowest = frequencies.min(axis=0)
        self._extent = frequencies.max(axis=0) - self._lowest + 1
        self._box: Complex | None = None
        """Coefficients on the full box of frequencies, if it is small or well filled."""
        size = int(np.prod(self._extent)) * coefficients[0].size
        if len(self._extent) == 1 or size * 16 <= DENSE_BYTES or size < 2 * coefficients.size:
            self._box = np.zeros((*self._extent, *coefficients.shape[1:]), dtype=np.complex128)
            self._box[tuple((frequencies - self._lowest).T)] = coefficients
        self._of_thread = threading.local()
        """Its `kept`: phases along the leading axes of the last grid, and the partial sums over these axes."""

    def __getstate__(self) -> dict[str, object]:
        """Omit the partial sums."""
        return {name: value for name, value in self.__dict__.items() if name != "_of_thread"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _of_thread=threading.local())

    def __call__(self, axes: Sequence[Float]) -> Complex:
        """Values on the tensor grid of `axes`, (P, K, N, N) (see `FourierSeries.on_grid`)."""
        known: list[tuple[int, Complex, Complex]] = getattr(self._of_thread, "kept", [])
        kept: list[tuple[int, Complex, Complex]] = []
        values = self._coefficients if self._box is None else self._box
        *outer, (_, last, before) = self._sums(axes)
        for depth, (axis, phases, points) in enumerate(outer):
            # phases of the same points are the same array
            if depth == len(kept) < len(known) and known[depth][0] == axis and known[depth][1] is phases:
                values = known[depth][2]
            else:
                known = []
                if values is self._coefficients:
                    values = self._sum_over_first_axis(phases)
                else:
                    values = phases @ values.reshape(points, phases.shape[1], -1)
            if depth == len(kept) and values.nbytes <= KEPT_BYTES:
                kept.append((axis, phases, values))
        self._of_thread.kept = kept
        result: Complex = last @ values.reshape(before, last.shape[1], -1)
        return result.reshape(-1, *self._coefficients.shape[1:])

    def _sums(self, axes: Sequence[Float]) -> list[tuple[int, Complex, int]]:
        """Sums in order: the axis, its phases (points, frequencies), and the number of points or frequencies before.

        The first axis comes first. Over a short last axis, such as the phase of a cycle, the sum comes before all
        others: as the last one it would be many products of small matrices.
        """
        phases = [
            _phases(np.asarray(axis, dtype=np.float64).tobytes(), first, extent)
            for axis, first, extent in zip(axes, self._lowest.tolist(), self._extent.tolist(), strict=True)
        ]
        before = np.cumprod([1, *map(len, axes[:-1])]).tolist()
        sums = list(zip(range(len(axes)), phases, before, strict=True))
        if self._box is not None and len(axes) > 1 and len(axes[-1]) <= SHORT < len(axes[-2]):
            return [(len(axes) - 1, phases[-1], int(np.prod(self._extent[:-1]))), *sums[:-1]]
        return sums

    def _sum_over_first_axis(self, phases: Complex) -> Complex:
        """Sum over the first axis for phases (points, frequencies), if the box of frequencies is sparsely filled."""
        first, *others = (self._frequencies - self._lowest).T
        extents = self._extent[1:]
        flat_index = np.ravel_multi_index(tuple(others), tuple(extents))
        flat = self._coefficients.reshape(len(first), -1)
        values = np.zeros((len(phases), int(np.prod(extents)), flat.shape[1]), dtype=np.complex128)
        for number in range(phases.shape[1]):
            rows = np.flatnonzero(first == number)
            values[:, flat_index[rows]] += phases[:, number, None, None] * flat[rows]
        return values


@lru_cache(maxsize=REPEATED)
def _phases(axis: bytes, first: int, extent: int) -> Complex:
    """Phases exp(2 pi i f x) for points x in double precision and frequencies f from `first` on, (points, extent)."""
    frequencies = np.arange(first, first + extent, dtype=np.float64)
    phases: Complex = np.exp(2j * np.pi * np.multiply.outer(np.frombuffer(axis), frequencies))
    phases.flags.writeable = False
    return phases
