"""Protocols of integrands: the interface between quadrature and physics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.occupation import Scan


class Minimum(NamedTuple):
    """Smallest value of a quantity that must not vanish, and its position."""

    value: float
    at: Float
    """Reduced coordinates."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Values of an integrand on a block of points, with rounding errors and the width of the narrowest feature."""

    values: Float
    """(P, outputs)."""
    noise: Float
    """(P,): expected rounding error of the values, such as machine precision times the sum of absolute terms."""
    minima: Mapping[str, Minimum] = field(default_factory=dict)
    """Smallest values on the block of quantities that must not vanish: "gap", "overlap"."""
    sharpness: Float | None = None
    """(P, axes): largest |dg/dx_a|/g at each point, g being a quantity that must not vanish: the inverse width of the
    narrowest feature along each axis."""


class Integrand(Protocol):
    """A function on the unit torus, evaluated on tensor grids of points.

    It is sent to threads or other processes, so it must be picklable and must not change.
    """

    @property
    def dimension(self) -> int:
        """Number of axes of the torus."""
        ...

    @property
    def batch(self) -> int:
        """Number of points that fit the cache at once."""
        ...

    def __call__(self, axes: Sequence[Float]) -> Sample:
        """Evaluate on the tensor product of `axes` (reduced coordinates), last axis fastest."""
        ...


class GridsIntegrand(Integrand, Protocol):
    """An integrand that is also evaluated on several tensor grids at once."""

    def on_grids(self, grids: Sequence[Sequence[Float]], edges: Float | None = None) -> Sample:
        """Evaluate on tensor grids, whose points follow each other.

        The coordinates, and the axes of the sharpness, are those of the torus, or along edges, as rows (D, D).
        """
        ...


Weight = Literal["filled", "entropy", "level", "heat"]
"""f, T s for a term of the Fermi sea; -f', -(E - mu) f' for a term of the Fermi surface."""


@dataclass(frozen=True)
class Column:
    """One integral: a weight and the output of a formula that it multiplies."""

    weight: Weight
    output: int

    @property
    def at_surface(self) -> bool:
        """True for a weight of the Fermi surface."""
        return self.weight in ("level", "heat")


class Bands(Protocol):
    """Energies of the bands at a block of points, with the data that the formulas of an integrand need."""

    @property
    def energies(self) -> Float:
        """(P, N), ascending."""
        ...

    def degeneracy_among(self, which: np.ndarray) -> tuple[bool, float]:
        """Influence of the degeneracy criterion on selected pairs of neighbours (P, N - 1).

        Returns
        -------
        threshold_dependent : bool
            True if a pair would be joined differently with the criterion for comparison.
        degenerate_splitting : float
            Largest splitting within a degenerate group.
        """
        ...


class BandIntegrand(Protocol):
    """Terms of the Fermi sea and the Fermi surface on the unit torus, for bands filled up to any energy."""

    @property
    def columns(self) -> Sequence[Column]:
        """Integrals to compute."""
        ...

    @property
    def dimension(self) -> int:
        """Number of axes of the torus."""
        ...

    @property
    def batch(self) -> int:
        """Number of points that fit the cache at once."""
        ...

    @property
    def powers(self) -> int:
        """Largest power of the inverse distance with which formulas grow near a point where bands touch."""
        ...

    @property
    def reciprocal(self) -> Float:
        """Vectors along the axes of the torus, as rows (d, d); their metric determines the possible symmetries."""
        ...

    def levels(self, points: Float) -> Float:
        """Energies at reduced points (P, d), (P, N)."""
        ...

    def frame(self, points: Float) -> Any:
        """Bands at reduced points (P, d)."""
        ...

    def frame_on_grid(self, axes: Sequence[Float], which: np.ndarray | None = None) -> Any:
        """Bands on a tensor grid, last axis fastest, or at those of its points that a mask selects."""
        ...

    def sea_values(self, frame: Any, band_counts: Sequence[int]) -> Float:
        """Value of the sea for each number of filled bands, (P, counts, J)."""
        ...

    def surface_values(self, frame: Any) -> Float:
        """Contribution of each level, (P, N, K)."""
        ...

    def band_values(self, frame: Any, band_counts: Sequence[int]) -> tuple[Float, Float, Float]:
        """Contribution of each band to the sea (P, N, J), surface values (P, N, K), and their sizes (J + K,)."""
        ...

    def sizes_without_cancellation(self, frame: Any) -> Float:
        """Typical sizes (J + K,) of the values if terms did not cancel."""
        ...

    def slopes(self, frame: Any) -> Float:
        """Largest change of each energy along the axes of the torus, summed over them, (P, N)."""
        ...

    def gap_slopes(self, frame: Any) -> Float:
        """Largest change of each gap between neighbouring bands along the axes of the torus, (P, N - 1, axes)."""
        ...

    @property
    def expandable(self) -> bool:
        """True if `around` gives what the formulas need."""
        ...

    def around(self, frame: Any, points: Integer, bands: Integer, steps: Float) -> Any:
        """Neighbouring bands (P, n) at points of a frame (P,) moved by steps (P, Q, d), to first order; P Q points."""
        ...

    def joins(self, point: Float, first: int, last: int) -> bool:
        """True if these bands, which are equal at a point (d,), count as degenerate around it."""
        ...

    def combination_matrix(self, scan: Scan) -> Float:
        """Results as linear combinations of the columns, (outputs, columns, S, M)."""
        ...

    def weight_sizes(self, scan: Scan) -> Float:
        """Largest values of the weights of the columns, (columns, S, 1)."""
        ...
