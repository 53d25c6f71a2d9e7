"""Matrix-valued Fourier series over the Brillouin zone (and the cycle), evaluated fast.

Every crystal model ends up here: its Hamiltonian and the derivatives asked for are series
sum_f C_f exp(2 pi i f.x) over integer frequencies f (lattice vectors, and the harmonic of the cycle), with x the
reduced coordinates on the unit torus. On a tensor grid the sum is done one axis at a time, so that inner points
share the partial sums of outer ones.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float, Integer

KEPT = 2**27
"""Bytes that a partial sum over outer axes may take to be kept for the next grid."""
DENSE = 2**26
"""Bytes that all frequencies of a box may take, those that do not occur too: one product sums over an axis then."""


@dataclass(frozen=True, eq=False)
class FourierSeries:
    """Several N x N matrix series with common frequencies.

    Parameters
    ----------
    frequencies : int array, shape (F, D)
    coefficients : complex array, shape (F, K, N, N)
        K series side by side: the Hamiltonian first, then its derivatives.
    """

    frequencies: Integer
    coefficients: Complex

    def __post_init__(self) -> None:
        lowest = self.frequencies.min(axis=0)
        extent = self.frequencies.max(axis=0) - lowest + 1
        box: Complex | None = None
        size = int(np.prod(extent)) * self.coefficients[0].size
        if len(extent) == 1 or size * 16 <= DENSE or size < 2 * self.coefficients.size:
            box = np.zeros((*extent, *self.coefficients.shape[1:]), dtype=np.complex128)
            box[tuple((self.frequencies - lowest).T)] = self.coefficients
        object.__setattr__(self, "_box", box)
        object.__setattr__(self, "_lowest", lowest)
        object.__setattr__(self, "_extent", extent)
        object.__setattr__(self, "_partial", {})

    def __getstate__(self) -> dict[str, object]:
        """Partial sums stay at home."""
        return {**self.__dict__, "_partial": {}}

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
        """Values on the tensor product of `axes`, the last axis running fastest.

        Grids that come one after the other in a thread share the sums over the outer axes that they have in common.

        Parameters
        ----------
        axes : sequence of D float arrays
            Reduced coordinates along each axis.

        Returns
        -------
        complex array, shape (P, K, N, N), P = product of the axes' lengths
        """
        box: Complex | None = self._box  # type: ignore[attr-defined]
        lowest: Integer = self._lowest  # type: ignore[attr-defined]
        extents: Integer = self._extent  # type: ignore[attr-defined]
        partial: dict[int, list[tuple[bytes, Complex]]] = self._partial  # type: ignore[attr-defined]
        known, kept = partial.get(threading.get_ident(), []), list[tuple[bytes, Complex]]()
        values, points = self.coefficients if box is None else box, 1
        steps = [
            (np.exp(2j * np.pi * np.multiply.outer(axis, np.arange(first, first + extent))))
            for axis, first, extent in zip(axes, lowest, extents, strict=True)
        ]
        *outer, last = _merged(steps) if box is not None else [steps[0], *_merged(steps[1:])]
        for depth, phases in enumerate(outer):
            own = phases.tobytes()
            if depth == len(kept) < len(known) and known[depth][0] == own:
                values = known[depth][1]
            else:
                known = []
                if values is self.coefficients:
                    values = self._summed_first(phases)
                else:
                    values = phases @ values.reshape(points, phases.shape[1], -1)
            points *= len(phases)
            if depth == len(kept) and values.nbytes <= KEPT:
                kept.append((own, values))
        partial[threading.get_ident()] = kept
        result: Complex = last @ values.reshape(points, last.shape[1], -1)
        return result.reshape(points * len(last), *self.coefficients.shape[1:])

    def _summed_first(self, phases: Complex) -> Complex:
        """Sum over the first axis, (points, frequencies), of frequencies that fill little of their box."""
        first, *others = (self.frequencies - self._lowest).T  # type: ignore[attr-defined]
        extents = self._extent[1:]  # type: ignore[attr-defined]
        places = np.ravel_multi_index(tuple(others), tuple(extents))
        flat = self.coefficients.reshape(len(first), -1)
        values = np.zeros((len(phases), int(np.prod(extents)), flat.shape[1]), dtype=np.complex128)
        for number in range(phases.shape[1]):
            rows = np.flatnonzero(first == number)
            values[:, places[rows]] += phases[:, number, None, None] * flat[rows]
        return values


def _merged(steps: list[Complex], enough: int = 32) -> list[Complex]:
    """Join neighbouring axes while they have few frequencies: one larger product beats several tiny ones."""
    merged = steps[:1]
    for phases in steps[1:]:
        if merged[-1].shape[1] * phases.shape[1] <= enough:
            joined = merged[-1][:, None, :, None] * phases[None, :, None, :]
            merged[-1] = joined.reshape(joined.shape[0] * joined.shape[1], -1)
        else:
            merged.append(phases)
    return merged
