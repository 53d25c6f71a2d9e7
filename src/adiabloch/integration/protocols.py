"""Protocols of integrands: what quadrature needs to know, and nothing of the physics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from adiabloch.arrays import Float
from adiabloch.occupation import Scan


class Minimum(NamedTuple):
    """The lowest value of something that must not vanish, and where it is."""

    value: float
    at: Float
    """Reduced coordinates."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Values of an integrand on a block of points, and how sharply it may vary there."""

    values: Float
    """(P, outputs)."""
    noise: Float
    """(P,): rounding error to expect in the values, for instance machine precision x sum of absolute terms."""
    minima: Mapping[str, Minimum] = field(default_factory=dict)
    """What must not vanish, at its lowest on the block: "gap", "overlap"."""
    sharpness: Float | None = None
    """Largest |d minimum/dx_a| / minimum on the block for each axis a: one over the width of the narrowest feature seen."""


class Integrand(Protocol):
    """A function on the unit torus, evaluated on tensor grids of points.

    It is sent to threads or other machines, so it must be picklable and must not change.
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
    """Energies of the bands at a block of points, with whatever an integrand needs to evaluate its formulas there."""

    @property
    def energies(self) -> Float:
        """(P, N), ascending."""
        ...

    def degeneracy_among(self, which: np.ndarray) -> tuple[bool, float]:
        """True if a gap among these (P, N - 1) is threshold_dependent; the largest splitting within a degenerate group."""
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
        """Vectors along the axes of the torus, as rows (d, d): their metric decides what may be a symmetry."""
        ...

    def levels(self, points: Float) -> Float:
        """Energies alone at reduced points (P, d), (P, N)."""
        ...

    def frame(self, points: Float) -> Any:
        """Bands at reduced points (P, d)."""
        ...

    def frame_on_grid(self, axes: Sequence[Float]) -> Any:
        """Bands on a tensor grid, last axis fastest."""
        ...

    def sea_values(self, frame: Any, band_counts: Sequence[int]) -> Float:
        """Value of the sea when the lowest bands up to each count are filled, (P, counts, J)."""
        ...

    def surface_values(self, frame: Any) -> Float:
        """Contribution of each level, (P, N, K)."""
        ...

    def band_values(self, frame: Any, band_counts: Sequence[int]) -> tuple[Float, Float, Float]:
        """Contribution of each band to the sea (P, N, J), surface values (P, N, K), and their sizes (J + K,)."""
        ...

    def slopes(self, frame: Any) -> Float:
        """Largest change of each energy along the axes of the torus, summed over them, (P, N)."""
        ...

    def gap_slopes(self, frame: Any) -> Float:
        """Largest change of each gap between neighbouring bands along the axes of the torus, (P, N - 1, axes)."""
        ...

    def joins(self, point: Float, first: int, last: int) -> bool:
        """True if these bands, equal at a point (d,), count as degenerate around it too."""
        ...

    def combination_matrix(self, scan: Scan) -> Float:
        """Results as linear combinations of the columns, (outputs, columns, S, M)."""
        ...

    def weight_sizes(self, scan: Scan) -> Float:
        """Largest values of the weights of the columns, (columns, S, 1)."""
        ...
