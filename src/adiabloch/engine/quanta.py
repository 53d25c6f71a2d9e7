"""Quanta by whole multiples of which results are undetermined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.results import plain_variable
from adiabloch.lattice import Lattice

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Quantum:
    """Completion of a result by its variable `quantum`, over `generator` and `component`.

    Parameters
    ----------
    rows : callable
        Lattice -> quanta, (generators, components).
    long_name : str
    principal : bool
        True to move the first part by quanta, such that its components along them lie in (-1/2, 1/2].
    """

    rows: Callable[[Lattice], Float]
    long_name: str
    principal: bool = False

    def __call__(self, result: xarray.Dataset, lattice: Lattice) -> xarray.Dataset:
        """Result with its quantum; that of a molecule has none."""
        if not lattice.periodic:
            return result
        name, rows = next(iter(result.data_vars)), self.rows(lattice)
        attributes = {"units": result[name].attrs["units"], "long_name": self.long_name}
        if self.principal:
            result = result.assign({name: result[name].copy(data=_principal(result[name].values, rows))})
        return result.assign(quantum=plain_variable(("generator", "component"), rows, attributes))


def polarization_quantum(lattice: Lattice) -> Float:
    """Lattice vectors over the measure of the cell, in units of e; (generators, components)."""
    return lattice.vectors / lattice.measure


def smallest_polarization_quantum(lattice: Lattice) -> float:
    """Length of the shortest quantum of the polarization."""
    return float(np.sqrt((polarization_quantum(lattice) ** 2).sum(axis=1)).min())


def magnetization_quantum(lattice: Lattice) -> Float:
    """Quantum of a pumped magnetization: e/T, in 3D times reciprocal vectors over 2 pi; (generators, components)."""
    if lattice.dimension == 2:
        return np.array([[1 / (2 * np.pi)]])
    return lattice.reciprocal / (2 * np.pi) ** 2


def largest_magnetization_quantum(lattice: Lattice) -> float:
    """Largest element of the quantum of a pumped magnetization."""
    return float(np.abs(magnetization_quantum(lattice)).max())


def _principal(values: Float, quantum: Float) -> Float:
    """Values with components in (-1/2, 1/2] along the quanta; those above -1/2 by rounding count as 1/2."""
    reduced = values @ np.linalg.inv(quantum)
    wrapped = 0.5 - (0.5 - reduced) % 1.0
    wrapped = np.where(wrapped < -0.5 + 1e-9, wrapped + 1.0, wrapped)
    return np.asarray(wrapped @ quantum)
