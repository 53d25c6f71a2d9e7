"""Integrands of metals at a temperature, where the Fermi function is smooth and the plain mesh does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.insulator import phases_as_outputs, points_per_call
from adiabloch.geometry.degeneracy import Degeneracy, weighted_groups
from adiabloch.geometry.frame import Eigenframe, frame_of
from adiabloch.geometry.gaps import axes_of, neighbour_slopes
from adiabloch.integration.protocols import Sample
from adiabloch.models.crystal import Crystal, Derivative, Matrices
from adiabloch.occupation import FermiLevel

ROUNDING = 64 * np.finfo(float).eps
"""Of what each band contributes."""
LEVELS_WITHIN = 20.0
"""Levels count this many kT from the chemical potential."""


@dataclass(frozen=True, eq=False)
class ThermalBands:
    """Integrand over the zone (and the cycle) of a crystal with levels filled at a temperature.

    Parameters
    ----------
    crystal : Crystal
    formula : callable
        Eigenframe, groups (first, last + 1) of bands -> what each group contributes, its occupation included,
        (P, groups, outputs); picklable.
    along : sequence of str or tuple of str
        Derivatives that the frame carries.
    level : FermiLevel
    theta : float array, optional
        For a cycle: keep these phases apart as outputs in place of integrating over theta.
    degeneracy : Degeneracy, optional
        Which bands are groups of degenerate ones; by default each is alone.
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
        """Points a call."""
        return points_per_call(self.crystal.size, len(self.along), self.theta)

    @cached_property
    def _matrices(self) -> Matrices:
        return self.crystal.matrices(self.along)

    def __getstate__(self) -> dict[str, object]:
        """Not pickled: the Fourier series is rebuilt in each worker."""
        return {key: value for key, value in self.__dict__.items() if key != "_matrices"}

    def __call__(self, axes: Sequence[Float]) -> Sample:
        """Values, rounding and the width of the Fermi surface on a tensor grid.

        Raises
        ------
        DegenerateBandsError
            Where bands touch that are no group.
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
        if self.theta is not None:
            values, noise = phases_as_outputs(values, noise, len(self.theta))
        return Sample(values, noise, {}, self._sharpness(frame)[: self.dimension])

    def size(self) -> float:
        """How large the contributions of the bands are, whatever cancels among them: mean over a coarse mesh."""
        axes = [np.arange(4) / 4 + 0.05] * self.dimension
        return float(self(axes).noise.mean() / ROUNDING)

    def inspect(self, minima: object, resolved: bool) -> None:
        """Nothing here must not vanish."""

    def _sharpness(self, frame: Eigenframe) -> Float:
        """One over the width of the narrowest feature along each axis.

        Slopes of the energies at the Fermi level over pi kT, the distance of the poles of the Fermi function; and
        slopes of the gaps over the gaps between neighbouring bands with different occupations.
        """
        names, to_axes = axes_of(frame, self.crystal.lattice)
        slopes = np.abs(np.tensordot(to_axes, [frame.velocity(name) for name in names], axes=1))
        levels = frame.energies - self.level.chemical_potential
        near = np.abs(levels) < LEVELS_WITHIN * self.level.kT
        widest: Float = np.where(near, slopes, 0.0).max(axis=(1, 2)) / (np.pi * self.level.kT)
        apart = near[:, 1:] | near[:, :-1] | (levels[:, 1:] * levels[:, :-1] < 0)
        slopes = neighbour_slopes(frame, self.crystal.lattice)
        # of bands that are joined the gap may be zero; then it is no feature
        gaps = np.diff(frame.energies if frame.joined is None else frame.joined.energies, axis=1)[:, :, None]
        relative = np.divide(slopes, gaps, out=np.zeros_like(slopes), where=slopes > 0)
        return np.maximum(widest, np.where(apart[:, :, None], relative, 0.0).max(axis=(0, 1), initial=0.0))
