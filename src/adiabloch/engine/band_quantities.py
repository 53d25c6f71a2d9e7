"""Quantities of bands by name: formula, axes and unit of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.engine.arguments import checked_degeneracy
from adiabloch.engine.declaration import LevelTerm, Parity, Part, all_axes, cartesian, components
from adiabloch.engine.operators import SPIN
from adiabloch.engine.terms import Labels
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.geometry.bands import K_PLANES, curvature, metric, orbital_moment
from adiabloch.geometry.fields import shift_tensor
from adiabloch.geometry.frame import Eigenframe, Joined, eigenframe
from adiabloch.geometry.induced import band_shift
from adiabloch.geometry.recording import needs_of
from adiabloch.memory import check_matrices
from adiabloch.models.crystal import THETA, Crystal
from adiabloch.units import Unit

Label = Any
"""Label along an axis of a quantity: a Cartesian axis, or the number of an orbital."""


@dataclass(frozen=True)
class BandQuantity:
    """A quantity that every band has at each wave vector.

    Parameters
    ----------
    long_name : str
    unit : Unit
    formula : callable
        (frame, *labels) -> value of each band, (P, N).
    axes : mapping {name: function}
        Names of the axes beside point and band, and functions from the dimension to their labels; None for orbitals.
    crystal : "any", "spin" or "cycle"
        Crystals that have the quantity.
    time_reversal, inversion : 1 or -1
        Parities, at the opposite wave vector.
    """

    long_name: str
    unit: Unit
    formula: Callable[..., Float]
    axes: Mapping[str, Labels | None] = field(default_factory=dict)
    crystal: str = "any"
    time_reversal: Parity = 1
    inversion: Parity = 1

    @property
    def part(self) -> Part:
        """Part of a declaration."""
        term = LevelTerm(self.formula, self.axes)
        return Part(
            (term,),
            self.long_name,
            unit=self.unit,
            time_reversal=self.time_reversal,
            inversion=self.inversion,
        )

    def labels(self, crystal: Crystal) -> dict[str, Sequence[Label]]:
        """Labels of the axes for a crystal."""
        return {
            name: range(crystal.size) if labels is None else labels(crystal.lattice.dimension)
            for name, labels in self.axes.items()
        }

    def missing(self, crystal: Crystal) -> str | None:
        """Reason why a crystal does not have the quantity; None if it has."""
        if self.crystal == "spin" and not crystal.observables:
            return "the model has no spin operators"
        if self.crystal == "cycle" and THETA not in crystal.directions:
            return "expected a Cycle"
        if not all(self.labels(crystal).values()):
            return "not defined in one dimension"
        return None

    def values(self, frame: Eigenframe, crystal: Crystal) -> Float:
        """Values of the bands of a frame, (P, N, *axes)."""
        labels = self.labels(crystal)
        columns = [self.formula(frame, *names) for names in product(*labels.values())]
        shape = (*frame.energies.shape, *map(len, labels.values()))
        return np.stack(columns, axis=-1).reshape(shape)


def berry_curvature(frame: Eigenframe, component: str) -> Float:
    """Component of the Berry curvature, (P, N)."""
    return curvature(frame, *K_PLANES[component])


def quantum_metric(frame: Eigenframe, axis: str, other_axis: str) -> Float:
    """Element of the quantum metric, (P, N)."""
    return metric(frame, f"k{axis}", f"k{other_axis}")


def polarizability(frame: Eigenframe, axis: str, other_axis: str) -> Float:
    """Element of the Berry connection polarizability G', (P, N)."""
    return shift_tensor(frame, f"k{axis}", f"k{other_axis}")


def velocity(frame: Eigenframe, axis: str) -> Float:
    """Component of the group velocity, (P, N)."""
    return frame.velocity(f"k{axis}")


def spin(frame: Eigenframe, spin_axis: str) -> Float:
    """Component of the spin, (P, N)."""
    return frame.velocity(f"s{spin_axis}")


def projection(frame: Eigenframe, orbital: int) -> Float:
    """Weight of an orbital in the states, (P, N)."""
    return np.abs(frame.states[:, orbital, :]) ** 2


def pumped_magnetization(frame: Eigenframe, component: str) -> Float:
    """Integrand of the magnetization that a cycle pumps, d_B a^theta, (P, N)."""
    return band_shift(frame, THETA, component)


PLANE = {"axis": cartesian, "other_axis": cartesian}
QUANTITIES = {
    "berry_curvature": BandQuantity(
        "Berry curvature", Unit(length=2), berry_curvature, {"component": components}, time_reversal=-1
    ),
    "quantum_metric": BandQuantity("quantum metric", Unit(length=2), quantum_metric, PLANE),
    "orbital_moment": BandQuantity(
        "orbital moment",
        Unit(charge=1, energy=1, length=2, hbar=-1),
        orbital_moment,
        {"component": components},
        time_reversal=-1,
    ),
    "berry_connection_polarizability": BandQuantity(
        "Berry connection polarizability", Unit(length=2, energy=-1), polarizability, PLANE
    ),
    "velocity": BandQuantity(
        "velocity", Unit(energy=1, length=1, hbar=-1), velocity, {"axis": cartesian}, time_reversal=-1, inversion=-1
    ),
    "spin": BandQuantity("spin", Unit(hbar=1), spin, {"spin_axis": all_axes}, "spin", time_reversal=-1),
    "projection": BandQuantity("weight of the orbital", Unit(), projection, {"orbital": None}),
    "pumped_magnetization": BandQuantity(
        "pumped magnetization",
        Unit(charge=1, omega=1, length=2),
        pumped_magnetization,
        {"component": components},
        "cycle",
    ),
}
"""Quantities of bands by name."""


def chosen_quantities(crystal: Crystal, names: str | Sequence[str] | None) -> dict[str, BandQuantity]:
    """Quantities by name: those that the user gave, or all that the crystal has.

    Raises
    ------
    InvalidArgumentError
        A name that is not known, or a quantity that the crystal does not have.
    """
    if names is None:
        return {name: quantity for name, quantity in QUANTITIES.items() if quantity.missing(crystal) is None}
    given = [names] if isinstance(names, str) else names
    if not np.iterable(given):
        raise InvalidArgumentError(f"quantities: {names!r}, expected names out of {', '.join(QUANTITIES)}")
    chosen = {}
    for name in given:
        if name == "energy":
            # always part of the result
            continue
        if not isinstance(name, str) or name not in QUANTITIES:
            raise InvalidArgumentError(
                f"quantities: {name!r}, expected names out of energy, {', '.join(QUANTITIES)}"
                f"{did_you_mean(str(name), QUANTITIES)}"
            )
        if (reason := QUANTITIES[name].missing(crystal)) is not None:
            raise InvalidArgumentError(f"quantities: {name!r}: {reason}")
        chosen[name] = QUANTITIES[name]
    return chosen


def reduced_points(crystal: Crystal, points: ArrayLike, cartesian: bool) -> Float:
    """Reduced coordinates of the points that the user gave, (P, d)."""
    d = crystal.lattice.dimension
    array = checked(points, "points", None)
    if d == 1 and array.ndim <= 1:
        array = array.reshape(-1, 1)
    array = np.atleast_2d(array)
    if array.ndim != 2 or array.shape[1] != d or not len(array):
        raise InvalidArgumentError(f"points: shape {np.shape(points)}, expected (P, {d}): wave vectors in {d}D")
    return crystal.lattice.reduced(array * crystal.units.length) if cartesian else array


def joined_frame(
    crystal: Crystal,
    reduced: Float,
    theta: float,
    chosen: Mapping[str, BandQuantity],
    degeneracy: float | None,
) -> Eigenframe:
    """Eigenframe with all derivatives that the quantities need, and with groups of degenerate bands."""
    spins = SPIN if any(quantity.crystal == "spin" for quantity in chosen.values()) else ()

    def all_values(frame: Eigenframe) -> Float:
        per_point = [
            quantity.values(frame, crystal).reshape(len(frame.energies), -1)
            for name, quantity in chosen.items()
            if name != "projection"
        ]
        return np.concatenate([frame.energies, *per_point], axis=1)

    along = [*dict.fromkeys([*needs_of(crystal, all_values, spins).derivatives, *crystal.directions, *spins])]
    check_matrices(len(reduced), crystal.size, 2 * (1 + len(along)), "points")
    k = crystal.lattice.cartesian(reduced)
    frame = eigenframe(crystal, along, k=k, theta=theta if THETA in crystal.directions else None)
    return checked_degeneracy(crystal, degeneracy, on_mesh=True).joined(frame, crystal.lattice)


def group_means(frame: Eigenframe, values: Float) -> Float:
    """Values of the bands, averaged over groups of degenerate bands; (P, N, ...)."""
    weights = frame.group_weights
    if weights is None:
        return values
    mean = weights / weights.sum(axis=2, keepdims=True)
    return np.asarray(np.einsum("pnm,pm...->pn...", mean, values))


def as_one_group(frame: Eigenframe, first: int, last: int) -> Eigenframe:
    """Copy of a frame in which the bands from `first` to `last` - 1 are one group.

    Pairs of bands within the group are left out of all sums, so that the sum over the group is a property of the
    subspace of these bands: its curvature, its quantum metric, its orbital moment. The other bands are unchanged.
    """
    points, size = frame.energies.shape
    bands = np.arange(size)
    inside = (bands >= first) & (bands < last)
    strength = np.broadcast_to(np.eye(size), (points, size, size)) if frame.joined is None else frame.joined.strength
    # pairs of the group and the other bands contribute in any case
    across = inside[:, None] != inside[None, :]
    strength = np.where(inside[:, None] & inside[None, :], 1.0, np.where(across, 0.0, strength))
    levels = frame.energies if frame.joined is None else frame.joined.energies
    differences = levels[:, None, :] - levels[:, :, None]
    apart = np.full_like(differences, np.inf)
    np.divide(differences, 1.0 - strength, out=apart, where=strength < 1.0)
    splitting = np.zeros((points, size - 1))
    joined = Joined(strength, apart, splitting, splitting > 0, levels)
    return replace(frame, energies=levels, joined=joined)
