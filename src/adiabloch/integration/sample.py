"""What an integrand tells the integrator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from adiabloch.arrays import Float


class Low(NamedTuple):
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
    lows: Mapping[str, Low] = field(default_factory=dict)
    """What must not vanish, at its lowest on the block: "gap", "overlap"."""
    sharpness: Float | None = None
    """Largest |d low/dx_a| / low on the block for each axis a: one over the width of the narrowest feature seen."""


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
