r"""Integrands of metals: what each filling of the bands, and each level, contributes at a point.

A response of the Fermi sea is a sum over occupied states in which pairs of occupied states cancel. So it is given by
band_counts, not by bands: F_c is its value when the c lowest bands are filled, with denominators between those and the
empty ones only, and at any temperature it is sum_c (f_c - f_{c+1}) F_c. Two bands that touch, with the same
occupation, then do no harm. What counts at the Fermi surface alone, s_n, comes with the level n.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.frame import Eigenframe, at_points, frame_of, on_grid
from adiabloch.geometry.gaps import axes_of, neighbour_slopes
from adiabloch.integration.fermi_weights import largest_weight
from adiabloch.integration.protocols import Column
from adiabloch.linalg import eigh_batch
from adiabloch.models.crystal import Crystal, Derivative, Matrices, Operator
from adiabloch.occupation import Scan

SeaFormula = Callable[[Eigenframe, Sequence[int]], Float]
"""Eigenframe and band_counts c -> F_c, (P, counts, J)."""
SurfaceFormula = Callable[[Eigenframe], Float]
"""Eigenframe -> s_n, (P, N, K)."""


@dataclass(frozen=True, eq=False)
class FermiSea:
    """Integrand over the zone of a crystal whose bands are filled up to some energy.

    Parameters
    ----------
    crystal : Crystal
    columns : sequence of Column
        What is integrated.
    sea, surface : callable, optional
        Formulas over eigenframes; picklable.
    along : sequence
        Derivatives that the formulas need.
    operators : mapping {name: Operator}, optional
        Bounded observables that the frame shall carry.
    outputs : callable, optional
        Scan -> (outputs, columns, S, M), broadcastable: how the results are made up of the columns; by default they
        are the columns.
    degeneracy : Degeneracy, optional
        Which bands are joined to groups; by default those that differ by rounding.
    """

    crystal: Crystal
    columns: tuple[Column, ...]
    sea: SeaFormula | None = None
    surface: SurfaceFormula | None = None
    along: tuple[Derivative, ...] = ()
    operators: Mapping[str, Operator] = field(default_factory=dict)
    outputs: Callable[[Scan], Float] | None = None
    powers: int = 4
    """Of one over the distance from where two bands touch: how the formulas may grow there, at most."""
    degeneracy: Degeneracy = field(default_factory=Degeneracy)

    def combination_matrix(self, scan: Scan) -> Float:
        """How the results are made up of the columns, (outputs, columns, S, M)."""
        combination = np.eye(len(self.columns))[:, :, None, None] if self.outputs is None else self.outputs(scan)
        return np.broadcast_to(combination, (*combination.shape[:2], *scan.shape))

    def weight_sizes(self, scan: Scan) -> Float:
        """How large the weights of the columns are, (columns, S, 1): entropies go with kT, levels with its inverse."""
        kinds = [column.weight for column in self.columns]
        return np.array([largest_weight(kind, scan.temperatures) for kind in kinds])[..., None]

    @property
    def dimension(self) -> int:
        """Number of axes integrated over."""
        return len(self.crystal.directions)

    @property
    def frame_derivatives(self) -> tuple[Derivative, ...]:
        """Derivatives that the frame carries: those of the formulas, and along all axes for the slopes."""
        return tuple(x for x in dict.fromkeys([*self.crystal.directions, *self.along]) if x not in self.operators)

    @property
    def batch(self) -> int:
        """Points a call: the working arrays stay near the cache."""
        points = 2**22 // (16 * self.crystal.size**2 * (3 + len(self.frame_derivatives)))
        return max(min(points, 8192), 256)

    @cached_property
    def _matrices(self) -> Matrices:
        return self.crystal.matrices(self.frame_derivatives)

    def __getstate__(self) -> dict[str, object]:
        """Not pickled: the Fourier series is rebuilt in each worker."""
        return {key: value for key, value in self.__dict__.items() if key not in ("_matrices", "_hamiltonian")}

    @property
    def reciprocal(self) -> Float:
        """Reciprocal vectors of the crystal, as rows."""
        return np.asarray(self.crystal.lattice.reciprocal)

    @cached_property
    def _hamiltonian(self) -> Matrices:
        return self.crystal.matrices()

    def levels(self, points: Float) -> Float:
        """Energies at reduced points (P, d), (P, N)."""
        return eigh_batch(self._hamiltonian.at(points)[:, 0])[0]

    def frame(self, points: Float) -> Eigenframe:
        """Eigenframe at reduced points (P, d)."""
        return self._frame(self._matrices.at(points), at_points(self.operators, points))

    def frame_on_grid(self, axes: Sequence[Float]) -> Eigenframe:
        """Eigenframe on a tensor grid."""
        return self._frame(self._matrices.on_grid(axes), on_grid(self.operators, axes))

    def _frame(self, matrices: Complex, operators: Mapping[str, Complex]) -> Eigenframe:
        frame = frame_of(matrices, self.frame_derivatives, operators, touching="joined")
        return self.degeneracy.joined(frame, self.crystal.lattice)

    def joins(self, point: Float, first: int, last: int) -> bool:
        """Whether these bands, equal at a reduced point (d,), count as degenerate around it too, by the threshold."""
        frame = frame_of(self._matrices.at(point[None]), self.frame_derivatives, at_points(self.operators, point[None]))
        joined = self.degeneracy.joined(frame, self.crystal.lattice, rounding=False).joined
        return joined is not None and bool((joined.strength[0, first : last + 1, first : last + 1] == 1.0).all())

    def sea_values(self, frame: Eigenframe, band_counts: Sequence[int]) -> Float:
        """What the sea holds when the lowest bands up to each count are filled, (P, counts, J).

        Half of a degenerate pair is never filled alone, and what it held would be anything: zero.
        """
        if self.sea is None:
            return np.zeros((len(frame.energies), len(band_counts), 0))
        values = self.sea(frame, band_counts)
        if frame.group_weights is not None:
            inside = [c for c in band_counts if c < frame.energies.shape[1]]
            apart = 1.0 - frame.group_weights[:, [c - 1 for c in inside], inside]
            here = [number for number, c in enumerate(band_counts) if c < frame.energies.shape[1]]
            # what is joined may be infinite where it was to be left out
            values = np.array(values)
            values[:, here] = np.where(apart[..., None] > 0, apart[..., None] * values[:, here], 0.0)
        return values

    def surface_values(self, frame: Eigenframe) -> Float:
        """What each level contributes, (P, N, K)."""
        return np.zeros((*frame.energies.shape, 0)) if self.surface is None else self.surface(frame)

    def band_values(self, frame: Eigenframe, band_counts: Sequence[int]) -> tuple[Float, Float, Float]:
        """What filling each band adds to the sea, (P, N, J), and its surface values, (P, N, K); how large both are.

        Counts that are not asked for count as zero: they separate states that are never told apart. The sizes, (J + K,),
        are means over the points without signs, and tell how much rounding to expect where all cancels.
        """
        points, size = frame.energies.shape
        sea, surface = np.zeros((points, size, 0)), np.zeros((points, size, 0))
        sizes = []
        if self.sea is not None:
            values = self.sea_values(frame, band_counts)
            sea = np.zeros((points, size, values.shape[2]))
            sizes.append(np.abs(values).sum(axis=1).mean(axis=0))
            for count, value in zip(band_counts, values.swapaxes(0, 1), strict=True):
                sea[:, count - 1] += value
                if count < size:
                    sea[:, count] -= value
        if self.surface is not None:
            surface = self.surface_values(frame)
            sizes.append(np.abs(surface).sum(axis=1).mean(axis=0))
        return sea, surface, np.concatenate(sizes)

    def slopes(self, frame: Eigenframe) -> Float:
        """How fast each band can change along the axes of the torus, summed over them, (P, N)."""
        names, to_axes = axes_of(frame, self.crystal.lattice)
        velocities = np.stack([frame.velocity(name) for name in names], axis=-1)
        return np.asarray(np.abs(velocities @ to_axes.T).sum(axis=-1))

    def gap_slopes(self, frame: Eigenframe) -> Float:
        """Largest change of each gap between neighbouring bands along the axes of the torus, (P, N - 1, axes)."""
        return neighbour_slopes(frame, self.crystal.lattice)
