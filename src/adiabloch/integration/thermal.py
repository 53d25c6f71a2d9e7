"""Energy grids around the chemical potentials that resolve a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.integration.fermi_weights import smearing, weights
from adiabloch.integration.protocols import Weight
from adiabloch.interpolation import lagrange_weights
from adiabloch.occupation import THERMAL_REACH

FINENESS = 8
"""Grid points per kT."""
POINTS = 10
"""Number of grid points over which a mass is distributed. Fermi weights are then interpolated to 2e-10 of their largest
value."""


@dataclass(frozen=True, eq=False)
class ThermalGrid:
    """Equidistant energies within the thermal reach of the chemical potentials.

    Masses at arbitrary energies are distributed over the grid such that sums with polynomials of degree 9 are exact.
    Fermi weights are well approximated by such polynomials on this scale. So the masses of many points are distributed
    once for all chemical potentials.
    """

    potentials: Float
    """(M,), ascending."""
    kT: float

    @property
    def step(self) -> float:
        """Distance between neighbouring energies."""
        return float(self.kT) / FINENESS

    @cached_property
    def _number(self) -> Integer:
        """Multiples of the step that are in the grid, ascending."""
        around = np.arange(-self._half - POINTS, self._half + POINTS + 1)
        return np.unique(self._nearest[:, None] + around)

    @cached_property
    def _nearest(self) -> Integer:
        return np.rint(self.potentials / self.step).astype(np.int64)

    @property
    def _half(self) -> int:
        return int(THERMAL_REACH * FINENESS)

    @property
    def energies(self) -> Float:
        """(G,), ascending."""
        return np.asarray(self._number * self.step, dtype=np.float64)

    def distribute(self, energies: Float, masses: Float, owner: Integer, owners: int) -> tuple[Float, Float]:
        """Distribute masses (J, L) at energies (L,) over the grid, by owner.

        Returns
        -------
        table : float array, shape (J, owners, G)
        below : float array, shape (J, owners, M)
            Masses below the grid, for each chemical potential.
        """
        size = len(self._number)
        place = energies / self.step
        lowest = np.floor(place).astype(np.int64) - (POINTS // 2 - 1)
        first = np.searchsorted(self._number, lowest)
        last = np.minimum(first + POINTS - 1, size - 1)
        near = (self._number[np.minimum(first, size - 1)] == lowest) & (self._number[last] == lowest + POINTS - 1)
        table = np.zeros((len(masses), owners, size))
        inside = np.flatnonzero(near)
        where, u = owner[inside] * size + first[inside], place[inside] - lowest[inside]
        shares = lagrange_weights(np.arange(float(POINTS)), u)
        for j, mass in enumerate(masses[:, inside]):
            total = np.zeros(owners * size)
            for offset, share in enumerate(shares):
                total += np.bincount(where + offset, share * mass, owners * size)
            table[j] = total.reshape(owners, size)
        count = len(self.potentials)
        far = np.flatnonzero(~near)
        place_in_scan = owner[far] * (count + 1) + np.searchsorted(self.potentials, energies[far])
        below = np.zeros((len(masses), owners, count))
        for j, mass in enumerate(masses[:, far]):
            steps = np.bincount(place_in_scan, mass, owners * (count + 1)).reshape(owners, count + 1)
            below[j] = np.cumsum(steps, axis=1)[:, :count]
        return table, below

    @cached_property
    def _window(self) -> Integer:
        """Indices of the energies within the reach of each chemical potential, (M, W)."""
        middle = np.searchsorted(self._number, self._nearest)
        return middle[:, None] + np.arange(-self._half, self._half + 1)

    @cached_property
    def _x(self) -> Float:
        """Reduced energies (E - mu)/kT in these windows, (M, W)."""
        return (self.energies[self._window] - self.potentials[:, None]) / self.kT

    def summed(self, table: Float, kinds: Sequence[Weight]) -> list[Float]:
        """Sum a table of masses (owners, G) with Fermi weights of the given kinds, each (owners, M)."""
        from scipy import sparse  # slow to import, and rarely needed

        count, width = self._window.shape
        ends = width * np.arange(count + 1)
        sums = [
            (sparse.csr_array((weight.ravel(), self._window.ravel(), ends), (count, table.shape[1])) @ table.T).T
            for weight in weights(kinds, self._x, self.kT)
        ]
        if "filled" in kinds:
            cumulative = np.concatenate([np.zeros((len(table), 1)), np.cumsum(table, axis=1)], axis=1)
            sums[kinds.index("filled")] += cumulative[:, self._window[:, 0]]
        return sums


@dataclass(frozen=True, eq=False)
class ThermalAverage:
    """Averages of functions of energy over -f', for all chemical potentials at one temperature."""

    potentials: Float
    """(M,), ascending."""
    kT: float
    fineness: int = 4
    """Energies per kT. With two, the error of the trapezoidal rule is 1e-16 for smooth functions, but integrals over a
    box of the zone are not smooth."""

    @property
    def step(self) -> float:
        """Distance between neighbouring energies."""
        return float(self.kT) / self.fineness

    @cached_property
    def _half(self) -> int:
        return int(THERMAL_REACH * self.fineness)

    @cached_property
    def _number(self) -> Integer:
        """Multiples of the step that are in use, ascending."""
        around = np.arange(-self._half, self._half + 1)
        return np.unique(np.rint(self.potentials / self.step).astype(np.int64)[:, None] + around)

    @cached_property
    def energies(self) -> Float:
        """(G,), ascending."""
        return np.asarray(self._number * self.step, dtype=np.float64)

    @cached_property
    def _windows(self) -> tuple[Integer, Float]:
        """Energies in the reach of each chemical potential: index of the first, and (E - mu)/kT, (M, W)."""
        middle = np.rint(self.potentials / self.step).astype(np.int64)
        first = np.searchsorted(self._number, middle - self._half)
        x = (middle[:, None] + np.arange(-self._half, self._half + 1)) / self.fineness - self.potentials[
            :, None
        ] / self.kT
        return first, x

    def averaged(self, table: Float, first: int, beyond: Float, kind: Weight) -> tuple[Float, Float]:
        """Thermal average of integrals that are known in the ground state at each Fermi level.

        Parameters
        ----------
        table : float array, shape (owners, L)
            Integrals of the states below each energy, from index `first` on; zero before it.
        first : int
        beyond : float array, shape (owners,)
            Integral at the energies above those of the table.
        kind : "filled", "entropy", "level" or "heat"

        Returns
        -------
        value, error : float arrays, shape (owners, M)
            Average by the trapezoidal rule, and a third of its change when every other energy is left out, with its
            sign: the rule is of second order where the function has kinks.
        """
        from scipy import sparse  # slow to import, and rarely needed

        start, x = self._windows
        weight = self.step * smearing(kind, x, self.kT)
        count, width = weight.shape
        column = (start[:, None] + np.arange(width) - first).ravel()
        rows = np.repeat(np.arange(count), width)
        inside = (column >= 0) & (column < table.shape[1])
        above = (column >= table.shape[1]).reshape(weight.shape)
        results = []
        # twice the weight on every other energy: the rule with twice the step
        for w in (weight, np.where(np.arange(width) % 2 == 0, 2 * weight, 0.0)):
            matrix = sparse.csr_array((w.ravel()[inside], (rows[inside], column[inside])), (count, table.shape[1]))
            results.append((matrix @ table.T).T + np.multiply.outer(beyond, np.where(above, w, 0.0).sum(axis=1)))
        return results[0], (results[0] - results[1]) / 3
