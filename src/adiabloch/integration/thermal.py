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
AT_ONCE = 2048
"""Number of chemical potentials for which weights are evaluated together."""
POINTS = 14
"""Number of grid points over which a mass is distributed. Fermi weights are then interpolated to 1e-12 of their largest
value."""


@dataclass(frozen=True, eq=False)
class ThermalGrid:
    """Equidistant energies within the thermal reach of the chemical potentials.

    Masses at arbitrary energies are distributed over the grid such that sums with polynomials of degree 13 are exact.
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
        reach = self._half + POINTS
        nearest = self._nearest
        # ranges of neighbouring chemical potentials that overlap or touch are one
        breaks = np.flatnonzero(np.diff(nearest) > 2 * reach + 1)
        firsts, lasts = nearest[np.append(0, breaks + 1)] - reach, nearest[np.append(breaks, -1)] + reach
        return np.concatenate([np.arange(first, last + 1) for first, last in zip(firsts, lasts, strict=True)])

    @cached_property
    def _nearest(self) -> Integer:
        return np.rint(self.potentials / self.step).astype(np.int64)

    @property
    def _half(self) -> int:
        return int(THERMAL_REACH * FINENESS)

    @cached_property
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
        from scipy import sparse  # slow to import, and rarely needed

        size = len(self._number)
        coordinate = energies / self.step
        lowest = np.floor(coordinate).astype(np.int64) - (POINTS // 2 - 1)
        first = np.searchsorted(self._number, lowest)
        last = np.minimum(first + POINTS - 1, size - 1)
        near = (self._number[np.minimum(first, size - 1)] == lowest) & (self._number[last] == lowest + POINTS - 1)
        inside = np.flatnonzero(near)
        shares = lagrange_weights(np.arange(float(POINTS)), coordinate[inside] - lowest[inside])
        columns = (owner[inside] * size + first[inside])[:, None] + np.arange(POINTS)
        rows = POINTS * np.arange(len(inside) + 1)
        spread = sparse.csr_array((shares.T.ravel(), columns.ravel(), rows), (len(inside), owners * size))
        table = (spread.T @ masses[:, inside].T).T.reshape(len(masses), owners, size)
        count = len(self.potentials)
        far = np.flatnonzero(~near)
        place_in_scan = owner[far] * (count + 1) + np.searchsorted(self.potentials, energies[far])
        below = np.zeros((len(masses), owners, count))
        for j, mass in enumerate(masses[:, far]):
            steps = np.bincount(place_in_scan, mass, owners * (count + 1)).reshape(owners, count + 1)
            below[j] = np.cumsum(steps, axis=1)[:, :count]
        return table, below

    @cached_property
    def _starts(self) -> Integer:
        """Index of the first energy within the reach of each chemical potential, (M,)."""
        return np.searchsorted(self._number, self._nearest) - self._half

    def summed(self, table: Float, kinds: Sequence[Weight]) -> list[Float]:
        """Sum a table of masses (owners, G) with Fermi weights of the given kinds, each (owners, M)."""
        dense = self._number[-1] - self._number[0] + 1 == len(self._number) < len(self.potentials) * POINTS
        return self._convolved(table, kinds) if dense else self._weighted(table, kinds)

    def _weighted(self, table: Float, kinds: Sequence[Weight]) -> list[Float]:
        """Sums over the reach of each chemical potential."""
        from scipy import sparse  # slow to import, and rarely needed

        width = 2 * self._half + 1
        pieces: list[list[Float]] = [[] for _ in kinds]
        for first in range(0, len(self.potentials), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            window = self._starts[part, None] + np.arange(width)
            x = (self.energies[window] - self.potentials[part, None]) / self.kT
            ends = width * np.arange(len(window) + 1)
            for piece, weight in zip(pieces, weights(kinds, x, self.kT), strict=True):
                matrix = sparse.csr_array((weight.ravel(), window.ravel(), ends), (len(window), table.shape[1]))
                piece.append((matrix @ table.T).T)
        sums = [np.concatenate(piece, axis=1) for piece in pieces]
        if "filled" in kinds:
            sums[kinds.index("filled")] += self._cumulative(table)[:, self._starts]
        return sums

    def _convolved(self, table: Float, kinds: Sequence[Weight]) -> list[Float]:
        """Sums at the energies of the grid, interpolated to the chemical potentials."""
        x = np.arange(-self._half, self._half + 1) / FINENESS
        # indices among the energies whose whole reach is in the grid
        coordinate = self.potentials / self.step - self._number[self._half]
        lowest = np.floor(coordinate).astype(np.int64) - (POINTS // 2 - 1)
        shares = lagrange_weights(np.arange(float(POINTS)), coordinate - lowest)
        sums = []
        for kind, kernel in zip(kinds, weights(kinds, x, self.kT), strict=True):
            at_grid = np.array([np.correlate(row, kernel, "valid") for row in table])
            if kind == "filled":
                at_grid += self._cumulative(table)[:, : at_grid.shape[1]]
            total = np.zeros((len(table), len(self.potentials)))
            for offset, share in enumerate(shares):
                total += share * at_grid[:, lowest + offset]
            sums.append(total)
        return sums

    @staticmethod
    def _cumulative(table: Float) -> Float:
        """Sums of all masses below each energy, (owners, G + 1)."""
        return np.concatenate([np.zeros((len(table), 1)), np.cumsum(table, axis=1)], axis=1)


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
