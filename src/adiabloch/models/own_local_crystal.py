"""Local crystal of a texture of crystals of the user's own, of which only the matrices are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Crystal, Derivative, Matrices, directions_of
from adiabloch.models.crystal_samples import CombinedMatrices
from adiabloch.models.local_crystal import TIME, LocalCrystal

Elementary = tuple[tuple[str, ...], tuple[str, ...]]
"""Directions of the crystal, and axes of the texture, along which H is differentiated."""


@dataclass(frozen=True, eq=False)
class OwnLocalCrystal(LocalCrystal):
    """Local crystal whose H is a combination of the crystals around the position.

    The orbitals neither move nor have a position matrix that is not diagonal, so that covariant derivatives commute.
    `gradients` has the observables, and zeros for H.
    """

    crystals: tuple[Crystal, ...] = ()
    """Crystal at the position, then those at the points of the differences."""
    weights: Mapping[tuple[str, ...], Float] = field(default_factory=dict)
    """Weights of the crystals (S,) in H and its derivatives along the texture: (), ("x",), ("x", "y"), ...."""

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives (see `LocalCrystal`)."""
        names: list[tuple[str, ...]] = [(), *map(directions_of, along)]
        known = {*self.directions, *AXES, TIME}
        of_series = [number for number, name in enumerate(names) if not known.issuperset(name)]
        expanded = [self._expanded(name) if known.issuperset(name) else {} for name in names]
        waves: dict[tuple[str, ...], int] = {(): 0}
        for terms in expanded:
            for directions, _ in terms:
                waves.setdefault(directions, len(waves))
        rows = {axes: number for number, axes in enumerate(self.weights)}
        outputs = [
            {(rows[axes], waves[directions]): factor for (directions, axes), factor in terms.items()}
            for terms in expanded
        ]
        wanted: list[Derivative] = [one if len(one) > 1 else one[0] for one in waves if one]
        combined = CombinedMatrices(
            [crystal.matrices(wanted) for crystal in self.crystals], np.array([*self.weights.values()]), outputs
        )
        if not of_series:
            return combined
        series = LocalCrystal.matrices(self, [names[number] for number in of_series])
        return WithSeries(combined, series, of_series)

    def _expanded(self, name: tuple[str, ...]) -> dict[Elementary, float]:
        """Derivative as a sum over derivatives along single directions, with their factors."""
        terms: dict[Elementary, float] = {((), ()): 1.0}
        for direction in name:
            parts = self._parts(direction)
            longer: dict[Elementary, float] = {}
            for (waves, axes), factor in terms.items():
                for part, share in parts.items():
                    one = (waves, tuple(sorted((*axes, part)))) if part in AXES else ((*waves, part), axes)
                    longer[one] = longer.get(one, 0.0) + factor * share
            terms = longer
        return {key: factor for key, factor in terms.items() if key[1] in self.weights and factor}

    def _parts(self, direction: str) -> dict[str, float]:
        """Directions that are no sums, with their factors, whose sum is a direction."""
        if direction in AXES:
            return {direction: 1.0, **self._vector_potential(direction)}
        if direction != TIME:
            return {direction: 1.0}
        parts: dict[str, float] = {}
        for one, rate in self.rates.items():
            for part, share in self._parts(one).items():
                parts[part] = parts.get(part, 0.0) + rate * share
        return parts


@dataclass(frozen=True, eq=False)
class WithSeries:
    """Matrices of which some are those of Fourier series; it implements `Matrices`."""

    combined: Matrices
    series: Matrices
    of_series: Sequence[int]
    """Numbers of the outputs that are those of `series` after H."""

    def at(self, points: Float) -> Complex:
        """Values at points (P, D), shape (P, outputs, N, N)."""
        return self._joined(self.combined.at(points), self.series.at(points))

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Values on the tensor grid of D axes, shape (P, outputs, N, N)."""
        return self._joined(self.combined.on_grid(axes), self.series.on_grid(axes))

    def _joined(self, values: Complex, others: Complex) -> Complex:
        values[:, self.of_series] = others[:, 1:]
        return values
