"""Integrands of insulators: a formula over eigenframes that keeps an eye on the gap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.frame import Eigenframe, frame_of
from adiabloch.geometry.gaps import CLOSED, axis_slopes, bandwidth, closed_gap, closest_approach, gaps
from adiabloch.integration.sample import Sample
from adiabloch.models.crystal import Crystal, Matrices

Formula = Callable[[Eigenframe], Float]
"""Eigenframe -> (P, outputs)."""


@dataclass(frozen=True, eq=False)
class Insulator:
    """Integrand over the zone (and the cycle) of a crystal with a gap.

    Parameters
    ----------
    crystal : Crystal
    occupied : int
        Number of occupied bands.
    formula : callable
        Eigenframe -> values (P, outputs); picklable.
    factors : sequence of sequence of str
        The formula is a sum of products D^a D^b .../(energy differences)^order: one group of directions for each
        factor. This fixes which derivatives the frame carries and how much rounding to expect.
    theta : float array, optional
        For a cycle: keep these phases apart as outputs in place of integrating over theta.
    """

    crystal: Crystal
    occupied: int
    formula: Formula
    factors: tuple[tuple[str, ...], ...]
    theta: Float | None = None

    @property
    def dimension(self) -> int:
        """Number of axes integrated over."""
        return len(self.crystal.directions) - (self.theta is not None)

    @property
    def along(self) -> tuple[str, ...]:
        """Directions that the frame carries: those of the formula and all axes, for the slopes of the gap."""
        return tuple(dict.fromkeys([*self.crystal.directions, *(x for group in self.factors for x in group)]))

    @property
    def batch(self) -> int:
        """Points a call: the working arrays (about a dozen matrices a point) stay near the cache."""
        points = 2**21 // (16 * self.crystal.size**2 * (3 + len(self.along)))
        return max(min(points, 8192) // (1 if self.theta is None else len(self.theta)), 16)

    @cached_property
    def _matrices(self) -> Matrices:
        return self.crystal.matrices(self.along)

    @cached_property
    def _closed(self) -> float:
        return CLOSED * bandwidth(self.crystal)

    def __getstate__(self) -> dict[str, object]:
        """Travel light: the Fourier series is rebuilt where it is needed."""
        return {key: value for key, value in self.__dict__.items() if key != "_matrices"}

    def __call__(self, axes: Sequence[Float]) -> Sample:
        """Values, rounding, gap and slopes on a tensor grid."""
        whole = [*axes] if self.theta is None else [*axes, self.theta / (2 * np.pi)]
        frame = frame_of(self._matrices.on_grid(whole), self.along)
        gap = gaps(frame, self.occupied)
        narrowest = int(np.argmin(gap))
        at = _grid_point(whole, narrowest)
        if gap[narrowest] <= self._closed:
            raise closed_gap(self.crystal, float(gap[narrowest]), at, self.occupied)
        values = self.formula(frame)
        noise = np.finfo(float).eps * np.prod([self._strength(frame, group) / gap for group in self.factors], axis=0)
        sharpness = (axis_slopes(frame, self.occupied, self.crystal.lattice) / gap[:, None]).max(axis=0)
        if self.theta is not None:
            values = values.reshape(-1, len(self.theta) * values.shape[1])
            noise = noise.reshape(-1, len(self.theta)).max(axis=1)
        return Sample(values, noise, float(gap[narrowest]), at, sharpness[: self.dimension])

    def check_gap(self, gap: float, at: Float | None, resolved: bool) -> None:
        """Where the mesh cannot tell a small gap from a closed one, look closely.

        Raises
        ------
        GapClosedError
            If the gap closes near the smallest one seen.
        """
        if resolved or at is None:
            return
        smallest, where = closest_approach(self.crystal, self.occupied, at)
        if smallest <= self._closed:
            raise closed_gap(self.crystal, smallest, where, self.occupied)

    @staticmethod
    def _strength(frame: Eigenframe, group: tuple[str, ...]) -> Float:
        flat = [frame.derivative(direction).view(float).reshape(len(frame.energies), -1) for direction in group]
        return np.sqrt(np.max([np.einsum("pi,pi->p", D, D) for D in flat], axis=0))


def _grid_point(axes: Sequence[Float], index: int) -> Float:
    position = np.unravel_index(index, tuple(len(axis) for axis in axes))
    return np.array([axis[i] for axis, i in zip(axes, position, strict=True)])
