"""Integrals of molecules: nothing depends on the wave vector, and one point of the zone is enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.dry_run import Forecast, ForecastFound
from adiabloch.engine.insulator_integrand import Insulator
from adiabloch.engine.run import Run
from adiabloch.engine.thermal_integrand import ThermalBands
from adiabloch.integration.mesh import Integral
from adiabloch.integration.protocols import Minimum, Sample


@dataclass(frozen=True, eq=False)
class Molecule:
    """Integrand of a molecule over the phase of its cycle, or over nothing."""

    of: Insulator | ThermalBands

    @property
    def wave_vectors(self) -> int:
        """Number of directions of the wave vector."""
        return self.of.crystal.lattice.dimension

    @property
    def dimension(self) -> int:
        """Number of axes integrated over: 1 for a cycle, else 0."""
        return self.of.dimension - self.wave_vectors

    @property
    def batch(self) -> int:
        """Number of points that fit the cache at once."""
        return self.of.batch

    def __call__(self, axes: Sequence[Float]) -> Sample:
        """Evaluate on a grid of phases."""
        found = self.of([*[np.zeros(1)] * self.wave_vectors, *axes])
        sharpness = None if found.sharpness is None else found.sharpness[:, self.wave_vectors :]
        return Sample(found.values, found.noise, found.minima, sharpness)

    def inspect(self, minima: Mapping[str, Minimum], resolved: bool) -> None:
        """Refine the minima, as the integrand of a crystal does."""
        self.of.inspect(minima, resolved)

    def at_rest(self, run: Run) -> Integral:
        """Value without a cycle, at a single point."""
        if run.dry_run:
            raise ForecastFound(Forecast(1.0, 0.0, 16.0 * self.of.crystal.size**2))
        found = self([])
        noise = float(found.noise.max())
        self.inspect(found.minima, True)
        return Integral(found.values[0], noise, (1,) * self.wave_vectors, 1, True, True, dict(found.minima))
