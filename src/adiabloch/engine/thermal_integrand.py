"""Integrands of metals at a temperature, whose smooth Fermi function allows uniform meshes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.insulator_integrand import phases_as_outputs, points_per_call
from adiabloch.geometry.degeneracy import Degeneracy, weighted_groups
from adiabloch.geometry.frame import Eigenframe, frame_of
from adiabloch.geometry.gaps import axes_of, neighbour_slopes
from adiabloch.integration.protocols import Minimum, Sample
from adiabloch.models.crystal import Crystal, Derivative, Matrices
from adiabloch.occupation import FermiLevel

ROUNDING = 64 * np.finfo(float).eps
"""Rounding error relative to the contributions of the bands."""
THRESHOLD = "degeneracy"
"""Name, among the minima, of a dependence on the degeneracy threshold."""
NEAR_LEVELS = 20.0
"""Distance from the chemical potential, in kT, up to which levels determine the width of features."""


@dataclass(frozen=True, eq=False)
class ThermalBands:
    """Integrand over the zone (and the cycle) of a crystal with levels filled at a temperature.

    Parameters
    ----------
    crystal : Crystal
    formula : callable
        Eigenframe, groups (first, last + 1) of bands -> contribution of each group with its occupation,
        (P, groups, outputs); picklable.
    along : sequence of str or tuple of str
        Derivatives that the frame carries.
    level : FermiLevel
    theta : float array, optional
        For a cycle: phases that become outputs, in place of the integral over theta.
    degeneracy : Degeneracy, optional
        Criterion for degenerate bands; by default each band is a group.
    """

    crystal: Crystal
    formula: Callable[[Eigenframe, Sequence[tuple[int, int]]], Float]
    along: tuple[Derivative, ...]
    level: FermiLevel
    theta: Float | None = None
    degeneracy: Degeneracy = field(default_factory=Degeneracy)

    @property
    def dimension(self) -> int:
        """Number of axes integrated over."""
        return len(self.crystal.directions) - (self.theta is not None)

    @property
    def batch(self) -> int:
        """Number of points for each call."""
        return points_per_call(self.crystal.size, len(self.along), self.theta)

    @cached_property
    def _matrices(self) -> Matrices:
        return self.crystal.matrices(self.along)

    def __getstate__(self) -> dict[str, object]:
        """Not pickled: the Fourier series is rebuilt in each worker."""
        return {key: value for key, value in self.__dict__.items() if key != "_matrices"}

    def __call__(self, axes: Sequence[Float]) -> Sample:
        """Evaluate values, rounding errors and the width of features on a tensor grid.

        Raises
        ------
        DegenerateBandsError
            Bands touch and are not degenerate.
        """
        whole = [*axes] if self.theta is None else [*axes, self.theta / (2 * np.pi)]
        frame = frame_of(self._matrices.on_grid(whole), self.along)
        frame = self.degeneracy.joined(frame, self.crystal.lattice, rounding=False)
        frame.refuse_touching()
        values, sizes = None, np.zeros(len(frame.energies))
        for points, weight, here, groups in weighted_groups(frame):
            each = weight[:, None, None] * self.formula(here, groups)
            if values is None:
                values = np.zeros((len(sizes), each.shape[2]))
            values[points] += each.sum(axis=1)
            sizes[points] += np.abs(each).sum(axis=1).max(axis=1)
        assert values is not None
        noise = ROUNDING * sizes
        sharpness = self._sharpness(frame)
        if self.theta is not None:
            values, noise = phases_as_outputs(values, noise, len(self.theta))
            sharpness = sharpness.reshape(-1, len(self.theta), sharpness.shape[1]).max(axis=1)
        minima = {THRESHOLD: Minimum(0.0, np.zeros(self.dimension))} if self._threshold_dependent(frame) else {}
        return Sample(values, noise, minima, sharpness[:, : self.dimension])

    def size(self) -> float:
        """Mean size of the contributions of the bands without signs, on a coarse mesh."""
        axes = [np.arange(4) / 4 + 0.05] * self.dimension
        return float(self(axes).noise.mean() / ROUNDING)

    def inspect(self, minima: object, resolved: bool) -> None:
        """No operation: a metal has no gap or overlap to check."""

    def _threshold_dependent(self, frame: Eigenframe) -> bool:
        """True if a pair with a partly filled band would be joined differently with the threshold for comparison."""
        if frame.joined is None:
            return False
        _, partly_filled = self._near_level(frame.joined.energies)
        return bool((frame.joined.threshold_dependent & partly_filled).any())

    def _near_level(self, energies: Float) -> tuple[np.ndarray, np.ndarray]:
        """True for levels near the Fermi level (P, N), and for pairs of neighbours with different occupations."""
        levels = energies - self.level.chemical_potential
        near = np.abs(levels) < NEAR_LEVELS * self.level.kT
        return near, near[:, 1:] | near[:, :-1] | (levels[:, 1:] * levels[:, :-1] < 0)

    def _sharpness(self, frame: Eigenframe) -> Float:
        """Inverse width of the narrowest feature along each axis at each point, (P, axes).

        It is the largest of the slopes of the energies at the Fermi level over pi kT, the distance of the poles of the
        Fermi function, and of slope/gap between neighbouring bands with different occupations.
        """
        names, to_axes = axes_of(frame, self.crystal.lattice)
        slopes = np.abs(np.tensordot(to_axes, [frame.velocity(name) for name in names], axes=1))
        near, partly_filled = self._near_level(frame.energies)
        widest: Float = np.where(near, slopes, 0.0).max(axis=2).T / (np.pi * self.level.kT)
        slopes = neighbour_slopes(frame, self.crystal.lattice)
        # the gap of joined bands may be zero and is no feature
        gaps = np.diff(frame.energies if frame.joined is None else frame.joined.energies, axis=1)[:, :, None]
        relative = np.divide(slopes, gaps, out=np.zeros_like(slopes), where=slopes > 0)
        return np.maximum(widest, np.where(partly_filled[:, :, None], relative, 0.0).max(axis=1, initial=0.0))
