"""Result of integrating a Fermi sea for all chemical potentials and temperatures of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float
from adiabloch.integration.divergence import Divergence


@dataclass(frozen=True, eq=False)
class SeaIntegral:
    """Integrals over the zone, for all temperatures and chemical potentials."""

    value: Float
    """(outputs, S, M), means over the zone; NaN where an integral does not exist."""
    error: Float
    """(outputs, S, M)."""
    converged: np.ndarray
    """(S, M): True if all outputs are within the tolerance."""
    allowed: Float
    """(outputs, S, M): error that the tolerance allows."""
    points: int
    """Number of evaluated points."""
    boxes: int
    """Number of boxes; 0 for a fixed mesh."""
    exhausted: bool
    """True if the limit of points was reached."""
    flat_bands: np.ndarray
    """(M,): True if a flat band lies at the chemical potential. It counts as filled."""
    divergent: Sequence[Divergence] = ()
    """Touching bands at which integrals do not exist."""
    threshold_dependent: bool = False
    """True if bands at the Fermi level would be joined differently with the threshold for comparison."""
    degenerate_splitting: float = 0.0
    """Largest splitting of bands that are joined at the Fermi level, if it exceeds rounding."""
    rounding: Float | float = 0.0
    """(outputs, S, M), for a fixed mesh: rounding error that remains where the values of the points cancel."""
