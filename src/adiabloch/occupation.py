"""Occupation of states: filled bands, or chemical potentials and temperatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked, numbers
from adiabloch.errors import InvalidArgumentError

Group = int | tuple[int, int]
"""Group of bands: number of lowest bands, or (first, last) for bands first <= n < last."""
Selection = slice | list[int]
_ENERGY = {"units": "energy"}


def subspace_indices(group: Group, size: int) -> tuple[slice, Selection]:
    """Indices of the bands inside and outside of a group, out of `size` bands."""
    try:
        first, last = (0, group) if isinstance(group, int) else group
        fits = 0 <= first < last <= size
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise InvalidArgumentError(
            f"group: {group!r}, expected a number of lowest bands or (first, last + 1), out of {size} bands"
        )
    if first == 0:
        return slice(0, last), slice(last, size)
    return slice(first, last), [*range(first), *range(last, size)]


def fermi_function(x: Float) -> Float:
    """Fermi function of x = (E - mu)/kT."""
    return 0.5 * (1.0 - np.tanh(0.5 * x))


def fermi_peak(x: Float) -> Float:
    """-df/dx of the Fermi function, the thermally broadened delta function."""
    return 0.25 / np.cosh(np.clip(0.5 * x, -350, 350)) ** 2


def entropy(x: Float) -> Float:
    """Entropy of a level, s/k_B = x f + log(1 + exp(-x)), a positive even function of x = (E - mu)/kT."""
    y = np.abs(x)
    return y * fermi_function(y) + np.log1p(np.exp(-y))


@dataclass(frozen=True)
class FermiLevel:
    """One chemical potential at one temperature, kT > 0."""

    chemical_potential: float
    kT: float

    def derivatives(self, energy: Float) -> tuple[Float, Float, Float]:
        """Fermi function f(E) and its derivatives f'(E), f''(E)."""
        x = self.reduced(energy)
        peak = fermi_peak(x) / self.kT
        return fermi_function(x), -peak, peak * np.tanh(0.5 * x) / self.kT

    def grand_potential(self, energy: Float) -> Float:
        """g(E) = -kT log(1 + exp((mu - E)/kT)), whose derivative is f."""
        return -self.kT * np.logaddexp(0.0, -self.reduced(energy))

    def reduced(self, energy: Float) -> Float:
        """X = (E - mu)/kT."""
        return np.asarray((energy - self.chemical_potential) / self.kT)


THERMAL_REACH = 37.0
"""Distance from the chemical potential, in kT, beyond which f and 1 - f are below machine precision."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Chemical potentials and temperatures, all pairs of which are evaluated in one pass over the zone."""

    potentials: Float
    """(M,), ascending."""
    temperatures: Float
    """(S,), kT in the energy unit of the model."""
    order: Any = field(default_factory=lambda: slice(None))
    """Indices in `potentials` of the chemical potentials in the order of the user."""
    single: tuple[bool, bool] = (False, False)
    """True for temperature, chemical potential that were given as a number and not as an array."""

    @classmethod
    def of(cls, chemical_potential: ArrayLike, temperature: ArrayLike) -> Scan:
        """Check the arguments of the user and sort the chemical potentials.

        Raises
        ------
        InvalidArgumentError
        """
        potentials = numbers(chemical_potential, "chemical_potential")
        if isinstance(temperature, str):
            raise InvalidArgumentError(
                f"temperature: {temperature!r}, expected k_B T in the energy unit of the model; for one in eV "
                "adiabloch.units.thermal_energy(300) makes it of 300 kelvin"
            )
        temperatures = numbers(temperature, "temperature")
        if len(potentials) == 0 or len(temperatures) == 0:
            raise InvalidArgumentError("chemical_potential, temperature: expected at least one number each")
        if temperatures.min() < 0:
            raise InvalidArgumentError(
                f"temperature: {float(temperatures.min())}, expected k_B T >= 0 in the energy unit of the model"
            )
        return cls(
            np.sort(potentials),
            temperatures,
            np.argsort(np.argsort(potentials, kind="stable")),
            (np.ndim(temperature) == 0, np.ndim(chemical_potential) == 0),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of temperatures and of chemical potentials."""
        return len(self.temperatures), len(self.potentials)

    @property
    def middle(self) -> float:
        """Energy in the middle of the chemical potentials."""
        return float(self.potentials[[0, -1]].mean())

    @property
    def dims(self) -> list[str]:
        """Dimensions of a result without those of its components."""
        return [n for n, one in zip(("temperature", "chemical_potential"), self.single, strict=True) if not one]

    @property
    def coordinates(self) -> Mapping[str, Any]:
        """Coordinates of a result; scalars for arguments that were given as numbers."""
        axes = {"temperature": self.temperatures, "chemical_potential": self.potentials[self.order]}
        return {
            name: ((), values[0], _ENERGY) if one else ((name,), values, _ENERGY)
            for (name, values), one in zip(axes.items(), self.single, strict=True)
        }

    def arranged(self, values: Float) -> Float:
        """Outputs (O, S, M) in the order and with the dimensions of the arguments of the user, (..., O)."""
        ordered = np.moveaxis(values[..., self.order], 0, -1)
        # the last axis first, so that the index of the other one stays valid
        for axis in (1, 0):
            if self.single[axis]:
                ordered = np.take(ordered, 0, axis=axis)
        return ordered

    def touched(self, lowest: Float, highest: Float) -> np.ndarray:
        """True where levels at `lowest` and `highest` (arrays of equal shape) differ in occupation for some (mu, T)."""
        found = np.zeros(np.shape(lowest), dtype=bool)
        for kT in self.temperatures:
            first = np.searchsorted(self.potentials, lowest - THERMAL_REACH * kT, side="left")
            last = np.searchsorted(self.potentials, highest + THERMAL_REACH * kT, side="right")
            found |= last > first
        return found


def single_level(chemical_potential: ArrayLike, temperature: ArrayLike | None) -> FermiLevel:
    """Fermi level from the arguments of the user; the caller checks that kT > 0 if needed."""
    kT = 0.0 if temperature is None else float(checked(temperature, "temperature", ()))
    return FermiLevel(float(checked(chemical_potential, "chemical_potential", ())), kT)


def one_of(occupied: object, chemical_potential: object) -> None:
    """Check that the occupation is given in one way: by a number of bands or by a chemical potential.

    Raises
    ------
    InvalidArgumentError
    """
    if (occupied is None) == (chemical_potential is None):
        raise InvalidArgumentError("occupied, chemical_potential: expected one of the two")
