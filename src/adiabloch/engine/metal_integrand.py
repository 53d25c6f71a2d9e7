r"""Integrands of metals: the Fermi sea for each number of filled bands, and the Fermi surface for each level.

In a response of the Fermi sea, pairs of occupied states cancel. So it is given for numbers c of filled bands and not
for bands: F_c is its value with the c lowest bands filled, with energy denominators between filled and empty bands
only. At any temperature it is sum_c (f_c - f_{c+1}) F_c. Touching bands with the same occupation then cause no
divergence. A term of the Fermi surface, s_n, belongs to the level n.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.engine.points import PointList, Points, SelectedPoints, TensorGrid
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.expansion import expanded
from adiabloch.geometry.frame import Eigenframe, frame_of, observables_of
from adiabloch.geometry.gaps import axes_of, neighbour_slopes
from adiabloch.integration.fermi_weights import largest_weight
from adiabloch.integration.protocols import Column
from adiabloch.linalg import energies_batch
from adiabloch.models.crystal import BASIS_CURVATURE, Crystal, Derivative, Matrices, Operator, directions_of
from adiabloch.occupation import Scan

SeaFormula = Callable[[Eigenframe, Sequence[int]], Float]
"""Eigenframe and band counts c -> F_c, (P, counts, J)."""
SurfaceFormula = Callable[[Eigenframe], Float]
"""Eigenframe -> s_n, (P, N, K)."""


CACHE_BYTES, LARGEST_BYTES = 2**22, 2**26
"""Size of the working arrays of a call, and the largest one that is accepted for more points."""
LARGE_MATRICES, FEW_BYTES = 2**19, 2**24
"""Size of the matrices at a point from which more points are not faster, and that of the working arrays then."""


@dataclass(frozen=True, eq=False)
class FermiSea:
    """Integrand over the zone of a crystal whose bands are filled up to some energy.

    Parameters
    ----------
    crystal : Crystal
    columns : sequence of Column
        Integrals to compute.
    sea, surface : callable, optional
        Formulas over eigenframes; picklable.
    along : sequence
        Derivatives that the formulas need.
    operators : mapping {name: Operator}, optional
        Bounded observables of the frame.
    outputs : callable, optional
        Scan -> combination matrix (outputs, columns, S, M), broadcastable; by default the results are the columns.
    degeneracy : Degeneracy, optional
        Criterion for degenerate bands; by default only bands that differ by rounding are joined.
    """

    crystal: Crystal
    columns: tuple[Column, ...]
    sea: SeaFormula | None = None
    surface: SurfaceFormula | None = None
    along: tuple[Derivative, ...] = ()
    operators: Mapping[str, Operator] = field(default_factory=dict)
    outputs: Callable[[Scan], Float] | None = None
    powers: int = 4
    """Largest power of the inverse distance with which formulas grow near a point where bands touch."""
    degeneracy: Degeneracy = field(default_factory=Degeneracy)

    def combination_matrix(self, scan: Scan) -> Float:
        """Results as linear combinations of the columns, (outputs, columns, S, M)."""
        combination = np.eye(len(self.columns))[:, :, None, None] if self.outputs is None else self.outputs(scan)
        return np.broadcast_to(combination, (*combination.shape[:2], *scan.shape))

    def weight_sizes(self, scan: Scan) -> Float:
        """Largest values of the weights of the columns, (columns, S, 1)."""
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
        """Number of points for each call, with working arrays of about the size of the cache."""
        size = 16 * self.crystal.size**2 * (3 + len(self.frame_derivatives))
        # few points cost time, as long as they are matrices of a moderate size
        largest = LARGEST_BYTES if size < LARGE_MATRICES else FEW_BYTES
        return min(max(CACHE_BYTES // size, min(256, largest // size), 1), 8192)

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
        return energies_batch(self._hamiltonian.at(points)[:, 0])

    def frame(self, points: Float) -> Eigenframe:
        """Eigenframe at reduced points (P, d)."""
        return self._frame(PointList(points))

    def frame_on_grid(self, axes: Sequence[Float], which: np.ndarray | None = None) -> Eigenframe:
        """Eigenframe on a tensor grid, or at those of its points that a mask selects."""
        return self._frame(TensorGrid(axes) if which is None else SelectedPoints(axes, which))

    def _frame(self, points: Points) -> Eigenframe:
        operators = observables_of(self.operators, points.of)
        frame = frame_of(points.of(self._matrices), self.frame_derivatives, operators, touching="joined")
        return self.degeneracy.joined(frame, self.crystal.lattice)

    @property
    def expandable(self) -> bool:
        """True if `around` gives the frames that the formulas need: no higher derivatives, and no joined bands."""
        names = [directions_of(derivative) for derivative in self.frame_derivatives]
        first = all(len(name) == 1 or (len(name) == 3 and name[0] == BASIS_CURVATURE) for name in names)
        return first and self.degeneracy.threshold == 0

    def around(self, frame: Eigenframe, points: Integer, bands: Integer, steps: Float) -> Eigenframe:
        """Frame of a few neighbouring bands at some distance from its points (k.p, `adiabloch.geometry.expansion`).

        Parameters
        ----------
        frame : Eigenframe
        points : int array, shape (P,)
            Indices of points of the frame.
        bands : int array, shape (P, n)
        steps : float array, shape (P, Q, d)
            Distances in reduced coordinates.

        Returns
        -------
        Eigenframe
            With P Q points, the steps varying fastest.
        """
        names, to_axes = axes_of(frame, self.crystal.lattice)
        return expanded(frame, points, bands, names, steps @ to_axes)

    def joins(self, point: Float, first: int, last: int) -> bool:
        """True if bands that are equal at a reduced point (d,) count as degenerate around it, by the threshold."""
        points = PointList(point[None])
        frame = frame_of(points.of(self._matrices), self.frame_derivatives, observables_of(self.operators, points.of))
        noise = replace(self.degeneracy, crossed=0.0)
        joined = noise.joined(frame, self.crystal.lattice, rounding=False).joined
        return joined is not None and bool((joined.strength[0, first : last + 1, first : last + 1] == 1.0).all())

    def sea_values(self, frame: Eigenframe, band_counts: Sequence[int]) -> Float:
        """Value of the sea for each number of filled bands, (P, counts, J).

        Values for counts that split a degenerate group are zero, since its bands have one occupation.
        """
        if self.sea is None:
            return np.zeros((len(frame.energies), len(band_counts), 0))
        values = self.sea(frame, band_counts)
        if frame.group_weights is not None:
            inside = [c for c in band_counts if c < frame.energies.shape[1]]
            separation = 1.0 - frame.group_weights[:, [c - 1 for c in inside], inside]
            here = [number for number, c in enumerate(band_counts) if c < frame.energies.shape[1]]
            # what is joined may be infinite where it was to be left out
            values = np.array(values)
            values[:, here] = np.where(separation[..., None] > 0, separation[..., None] * values[:, here], 0.0)
        return values

    def surface_values(self, frame: Eigenframe) -> Float:
        """Contribution of each level to the Fermi surface, (P, N, K)."""
        return np.zeros((*frame.energies.shape, 0)) if self.surface is None else self.surface(frame)

    def sizes_without_cancellation(self, frame: Eigenframe) -> Float:
        """Typical sizes (J + K,) of the values if terms did not cancel: means over points, largest of all bands."""
        scrambled = frame.with_random_phases(np.random.default_rng(24))
        counts = range(1, frame.energies.shape[1] + 1)
        values = (self.sea_values(scrambled, counts), self.surface_values(scrambled))
        return np.concatenate([np.abs(one).max(axis=1).mean(axis=0) for one in values])

    def band_values(self, frame: Eigenframe, band_counts: Sequence[int]) -> tuple[Float, Float, Float]:
        """Contribution of each band to the sea (P, N, J), surface values (P, N, K), and their sizes (J + K,).

        Values for other counts are taken as zero: they separate states whose occupations never differ. The sizes are
        means of absolute values over the points, for the estimate of rounding errors.
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
        """Largest change of each energy along the axes of the torus, summed over them, (P, N)."""
        names, to_axes = axes_of(frame, self.crystal.lattice)
        velocities = np.stack([frame.velocity(name) for name in names], axis=-1)
        return np.asarray(np.abs(velocities @ to_axes.T).sum(axis=-1))

    def gap_slopes(self, frame: Eigenframe) -> Float:
        """Largest change of each gap between neighbouring bands along the axes of the torus, (P, N - 1, axes)."""
        return neighbour_slopes(frame, self.crystal.lattice)
