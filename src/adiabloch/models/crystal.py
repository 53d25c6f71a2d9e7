"""Interface of a crystal, as the rest of the library uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import Lattice
from adiabloch.units import Units

Derivative = str | tuple[str, ...]
"""Name of a derivative: a direction ("kx", "theta"), or several for a higher derivative, ("kx", "theta").

"rx", "ry", "rz" stand for the position matrix of the basis states W instead of a derivative of H, A_a = i <W|d_a W>;
for tight-binding orbitals it is diagonal, tau_a. "r_theta" stands for the connection i <W|d_theta W> of Wannier
functions that move. ("basis_curvature", "kx", "theta") is the curvature of the basis, Omega_ab = D_a A_b - D_b A_a:
minus the velocity of orbitals that move; for Wannier functions it also contains the states outside their space. If it
does not vanish, the order of derivatives counts: ("kx", "theta") is D_x D_theta H. A derivative of the curvature is
("theta", "basis_curvature", "kx", "ky"). ("outside_coupling", "kx") and ("outside_moment", "kx", "ky") are the matrices
of the states outside the space of Wannier functions (`adiabloch.models.outside_states`), if the model knows them.
"""

THETA = "theta"
"""Direction along a cycle."""
BASIS_CURVATURE = "basis_curvature"
OUTSIDE_COUPLING = "outside_coupling"
OUTSIDE_MOMENT = "outside_moment"


def basis_curvature_name(a: str, b: str) -> tuple[str, str, str]:
    """Name of the basis curvature Omega_ab."""
    return (BASIS_CURVATURE, a, b)


def position_names(directions: Sequence[str]) -> tuple[str, ...]:
    """Names of the position matrices along the k directions among `directions`: "kx" -> "rx"."""
    return tuple(f"r{direction[1]}" for direction in directions if direction.startswith("k"))


def connection_names(direction: str) -> tuple[str, ...]:
    """Names of the basis connections along a direction: "rx" along "kx", "r_theta" along "theta"."""
    return position_names([direction]) or (f"r_{direction}",)


def directions_of(derivative: Derivative) -> tuple[str, ...]:
    """Directions of a derivative as a tuple; a single direction may be given as a string."""
    return (derivative,) if isinstance(derivative, str) else derivative


class Matrices(Protocol):
    """H and some of its derivatives as functions on the unit torus of reduced coordinates."""

    def at(self, points: Float) -> Complex:
        """Values at points (P, D), shape (P, 1 + derivatives, N, N)."""
        ...

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Values on the tensor grid of D axes, shape (P, 1 + derivatives, N, N); the last axis varies fastest."""
        ...


Operator = Complex | Matrices
"""Bounded observable in the basis of a crystal: a constant matrix (N, N), or a function whose first matrix it is."""


CRYSTAL_INTERFACE = (
    "lattice",
    "size",
    "directions",
    "units",
    "observables",
    "frequencies",
    "orbitals_move",
    "has_basis_connection",
    "matrices",
)
"""Attributes that an object must offer to be used as a crystal (`Crystal`)."""


def is_crystal(thing: object) -> bool:
    """True for objects with all attributes of `Crystal`."""
    if isinstance(thing, type):
        return False
    # the class is asked first: properties need not be computed
    return all(hasattr(type(thing), name) or hasattr(thing, name) for name in CRYSTAL_INTERFACE)


def kind_of(thing: object) -> str:
    """Name of the class of an object for messages, with what it lacks to be a crystal if it has matrices."""
    name = type(thing).__name__
    missing = [attribute for attribute in CRYSTAL_INTERFACE if not hasattr(thing, attribute)]
    return f"{name} without {', '.join(missing)}" if missing and hasattr(thing, "matrices") else name


def checked_crystal(thing: Any, name: str = "crystal") -> Any:
    """Check that an argument is a model, a cycle, or another object with the interface of a crystal.

    Raises
    ------
    InvalidArgumentError
    """
    if not is_crystal(thing):
        raise InvalidArgumentError(
            f"{name}: expected an adiabloch.TightBinding or an adiabloch.Cycle, got {kind_of(thing)}"
        )
    return thing


class Crystal(Protocol):
    """Interface of models, cycles and local crystals: anything with Bloch bands.

    Notes
    -----
    `matrices(along)` gives H first, then its derivative along each entry of `along`. Derivatives along k are covariant:
    they contain the orbital positions (see `Derivative` for the position matrix itself). All matrices are in one basis,
    which is smooth and periodic on the unit torus. The axes of the torus are the reduced wave vector and, for a cycle,
    theta / 2 pi.
    """

    @property
    def lattice(self) -> Lattice:
        """The Bravais lattice."""
        ...

    @property
    def size(self) -> int:
        """Number of orbitals in the cell, N."""
        ...

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the coordinates, "kx", ..., and "theta" for a cycle."""
        ...

    @property
    def units(self) -> Units:
        """Units of the crystal in terms of the user's units, for messages."""
        ...

    @property
    def observables(self) -> Mapping[str, Operator]:
        """Bounded observables by name. Each is the derivative of H with respect to its conjugate field."""
        ...

    @property
    def frequencies(self) -> Integer:
        """Frequencies of H as a Fourier series on the unit torus, (F, D)."""
        ...

    @property
    def orbitals_move(self) -> bool:
        """True if the orbital positions change along the cycle."""
        ...

    @property
    def has_basis_connection(self) -> bool:
        """True if the position matrix is not diagonal in the basis, as for Wannier functions."""
        ...

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives along the given directions."""
        ...
