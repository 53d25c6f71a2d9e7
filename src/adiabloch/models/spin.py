"""Pauli matrices and operators of spin one half."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adiabloch.arrays import Complex, Integer, frozen
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Operator
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.hoppings import Translation

PAULI = frozen(np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex128))
"""sigma_x, sigma_y, sigma_z."""
SPIN = frozen(0.5 * PAULI)
"""Spin operators in units of hbar."""


def spin_observables(spin: Complex | Mapping[Translation, Complex] | None) -> dict[str, Operator]:
    """Spin operators by name, "sx", "sy", "sz"; empty without spin."""
    if spin is None:
        return {}
    if not isinstance(spin, Mapping):
        return {f"s{axis}": S for axis, S in zip(AXES, spin, strict=True)}
    cells, blocks = np.array([*spin]), np.array([*spin.values()])
    return {f"s{axis}": FourierSeries(cells, blocks[:, [number]]) for number, axis in enumerate(AXES)}


def spin_arrays(spin: Complex | Mapping[Translation, Complex] | None) -> tuple[Complex | Integer, ...]:
    """Arrays of the spin operators, for the hash of a model."""
    if isinstance(spin, Mapping):
        return np.array([*spin]), np.array([*spin.values()])
    return () if spin is None else (spin,)


def spin_by_cell(spin: Complex | Mapping[Translation, Complex] | None, d: int) -> Mapping[Translation, Complex]:
    """Spin operators by translation in d dimensions, (3, n, n) each; empty without spin."""
    if spin is None:
        return {}
    return spin if isinstance(spin, Mapping) else {(0,) * d: spin}
