"""H(k) and its k derivatives from the hoppings alone, for large models whose derivatives would need too much memory.

A derivative along k multiplies h_ij(R) by i (R + tau_j - tau_i). Here the powers of R multiply the phases, and the
positions multiply the sums, so that only h(R) is kept (`bond_derivatives` makes a series of each derivative).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Complex, Float, Integer, tensor_grid

if TYPE_CHECKING:
    from scipy import sparse

Powers = tuple[int, ...]
"""Powers of the components of R in lattice vectors."""
Polynomial = Mapping[Powers, Complex]
"""Polynomial in R; its coefficients are numbers, or matrices (N, N) that multiply the elements."""
CHUNK_BYTES = 2**24
"""Size of the partial sums over an axis at a time."""
FEW = 16
"""Number of points up to which one product of matrices is faster than partial sums over an axis."""


@dataclass(frozen=True, eq=False)
class BondSeries:
    """H and k derivatives of it as functions on the unit torus.

    Parameters
    ----------
    translations : int array, shape (R, d), d > 0
    amplitudes : complex array, shape (R, N, N)
    vectors : float array, shape (d, d)
        Lattice vectors as rows.
    positions : float array, shape (N, d)
    along : sequence of tuples of int
        Axes of each derivative.
    unit : float
        Unit of the values in terms of that of the amplitudes.
    """

    translations: Integer
    amplitudes: Complex
    vectors: Float
    positions: Float
    along: Sequence[tuple[int, ...]]
    unit: float = 1.0

    @cached_property
    def _factors(self) -> list[Polynomial]:
        """Factors of h(R) in H and in each derivative."""
        return [self._factor(axes) for axes in ((), *self.along)]

    def _factor(self, axes: Sequence[int]) -> Polynomial:
        d = len(self.vectors)
        found: dict[Powers, Complex] = {(0,) * d: np.ones((), complex)}
        for axis in axes:
            tau = self.positions[:, axis]
            between = 1j * (tau[None, :] - tau[:, None])
            terms = [(np.eye(d, dtype=int)[b], 1j * self.vectors[b, axis]) for b in range(d)]
            product: dict[Powers, Complex] = {}
            for powers, factor in found.items():
                for more, by in [*terms, (np.zeros(d, dtype=int), between)]:
                    if np.any(by):
                        key = tuple(int(p) for p in more + powers)
                        product[key] = product.get(key, 0.0) + by * factor
            found = product
        return found

    @cached_property
    def _powers(self) -> list[Powers]:
        """All powers of R that occur."""
        return sorted({powers for factor in self._factors for powers in factor})

    def at(self, points: Float) -> Complex:
        """Values at points (P, d), shape (P, 1 + derivatives, N, N)."""
        phases = np.exp(2j * np.pi * (points @ self.translations.T))
        weights = np.array([np.prod(self.translations**powers, axis=1) for powers in self._powers], dtype=float)
        flat = self.amplitudes.reshape(len(self.translations), -1)
        sums = (weights[:, None] * phases).reshape(-1, len(flat)) @ flat
        return self._combined(sums.reshape(len(self._powers), len(points), *self.amplitudes.shape[1:]))

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Values on the tensor grid of d axes, shape (P, 1 + derivatives, N, N); the last axis varies fastest."""
        if math.prod(map(len, axes)) <= FEW:
            return self.at(tensor_grid(axes))
        steps = [self._steps(axis, x) for axis, x in enumerate(axes)]
        first, extents = self._first_axis(steps[0]), [step.shape[2] for step in steps[1:]]
        flat = self.amplitudes.reshape(len(self.translations), -1)
        sums = np.empty((len(self._powers), math.prod(map(len, axes)), flat.shape[1]), dtype=np.complex128)
        chunk = max(CHUNK_BYTES // (16 * first.shape[0]), 1)
        for begin in range(0, flat.shape[1], chunk):
            part = slice(begin, begin + chunk)
            by_power = (first @ flat[:, part]).reshape(len(steps[0]), len(axes[0]), *extents, -1)
            partial: dict[Powers, Complex] = {(p,): values for p, values in enumerate(by_power)}
            for axis, step in enumerate(steps[1:], 1):
                partial = {
                    powers: _over_axis(step[powers[-1]], partial[powers[:-1]])
                    for powers in sorted({powers[: axis + 1] for powers in self._powers})
                }
            for number, powers in enumerate(self._powers):
                sums[number, :, part] = partial[powers]
        return self._combined(sums.reshape(*sums.shape[:2], *self.amplitudes.shape[1:]))

    def _steps(self, axis: int, x: Float) -> Complex:
        """Phases at coordinates along an axis times powers of R, (powers, points, R)."""
        R = self.translations[:, axis]
        every = np.arange(R.min(), R.max() + 1)
        highest = max(powers[axis] for powers in self._powers)
        return np.array([every**p * np.exp(2j * np.pi * np.multiply.outer(x, every)) for p in range(highest + 1)])

    def _first_axis(self, steps: Complex) -> sparse.csr_array:
        """Sum over R along the first axis: from h(R) to powers, points, and R along the other axes."""
        from scipy import sparse  # slow to import

        first, *others = (self.translations - self.translations.min(axis=0)).T
        extents = [int(R.max()) + 1 for R in others]
        place = np.ravel_multi_index(tuple(others), tuple(extents)) if extents else np.zeros(len(first), dtype=int)
        factors = steps[:, :, first].reshape(-1, len(first))
        rows = np.arange(len(factors))[:, None] * math.prod(extents) + place
        columns = np.broadcast_to(np.arange(len(first)), rows.shape)
        shape = (len(factors) * math.prod(extents), len(first))
        return sparse.csr_array((factors.ravel(), (rows.ravel(), columns.ravel())), shape)

    def _combined(self, sums: Complex) -> Complex:
        """H and the derivatives (P, 1 + derivatives, N, N) from the sums for all powers of R, (powers, P, N, N)."""
        number = {powers: n for n, powers in enumerate(self._powers)}
        values = np.zeros((sums.shape[1], len(self._factors), *sums.shape[2:]), dtype=np.complex128)
        for k, polynomial in enumerate(self._factors):
            for powers, factor in polynomial.items():
                own = sums[number[powers]]
                values[:, k] += own if factor.ndim == 0 and factor == 1.0 else factor * own
        if self.unit != 1.0:
            values /= self.unit
        return values


@dataclass(frozen=True, eq=False)
class SeveralBondSeries:
    """Sums and differences of matrices of several series.

    Parameters
    ----------
    parts : sequence of BondSeries
    columns : sequence of lists of (int, int, int)
        Terms of each matrix: sign, part, and number of the matrix there.
    """

    parts: Sequence[BondSeries]
    columns: Sequence[Sequence[tuple[int, int, int]]]

    def at(self, points: Float) -> Complex:
        """Values at points (P, d), shape (P, matrices, N, N)."""
        return self._added(part.at(points) for part in self.parts)

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Values on the tensor grid of d axes, shape (P, matrices, N, N); the last axis varies fastest."""
        return self._added(part.on_grid(axes) for part in self.parts)

    def _added(self, values: Iterable[Complex]) -> Complex:
        found: Complex | None = None
        for number, part in enumerate(values):
            if found is None:
                found = np.zeros((len(part), len(self.columns), *part.shape[2:]), dtype=np.complex128)
            for column, terms in enumerate(self.columns):
                for sign, of, index in terms:
                    if of == number:
                        found[:, column] += sign * part[:, index]
        assert found is not None
        return found


def _over_axis(step: Complex, values: Complex) -> Complex:
    """Sum values (points, R along this axis, R along further axes..., columns) over an axis."""
    summed = step @ values.reshape(len(values), step.shape[1], -1)
    return summed.reshape(len(values) * len(step), *values.shape[2:])
