"""Task of an integral over a Fermi sea: what is integrated, for which occupations, how accurately, under which name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adiabloch.engine.metal_integrand import FermiSea
from adiabloch.engine.run import LIMIT, Run
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.occupation import Scan
from adiabloch.units import Unit

SMALLEST_LIMIT = 2**16
"""Smallest default limit of points; the default decreases with the number of bands."""


@dataclass(frozen=True, eq=False)
class ScanTask:
    """Integral over a Fermi sea for all temperatures and chemical potentials of a scan.

    Parameters
    ----------
    integrand : FermiSea
    scan : Scan
    run : Run
    output_groups : sequence of sequences of int
        Outputs whose accuracy is relative to the largest of the group.
    title : str
        Name of the quantity, for the progress bar and messages.
    unit : Unit
        Of the integral per length, area or volume.
    """

    integrand: FermiSea
    scan: Scan
    run: Run
    output_groups: Sequence[Sequence[int]]
    title: str
    unit: Unit

    @property
    def limit(self) -> int:
        """Largest number of points; by default it falls with the number of bands."""
        size = self.integrand.crystal.size
        return min(LIMIT, max(4 * LIMIT // size**2, SMALLEST_LIMIT)) if self.run.limit == LIMIT else self.run.limit

    @property
    def sides(self) -> tuple[int, ...] | None:
        """Points of the fixed mesh along each axis; None without a fixed mesh."""
        return self.run.sides(self.integrand.dimension)

    @property
    def density(self) -> float:
        """Factor from an integral per cell to one per length, area or volume."""
        return 1.0 / self.integrand.crystal.lattice.measure

    @property
    def per_cell_in_user_units(self) -> float:
        """Factor from an integral per cell in natural units to the result in the units of the user."""
        return self.integrand.crystal.units.size(self.unit) * self.density

    def within(self, limit: int) -> ScanTask:
        """Copy of the task with a limit of points."""
        return replace(self, run=replace(self.run, limit=limit))

    def with_degeneracy(self, degeneracy: Degeneracy) -> ScanTask:
        """Copy of the task with another criterion for degenerate bands."""
        return replace(self, integrand=replace(self.integrand, degeneracy=degeneracy))
