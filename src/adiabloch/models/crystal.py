"""What the rest of the library needs to know of a crystal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.lattice import Lattice
from adiabloch.units import Units

Derivative = str | tuple[str, ...]
"""A direction ("kx", "theta") or several for a higher derivative, ("kx", "theta").

"rx", "ry", "rz" stand for the position of the basis in place of H: the matrix A_W,a = i <W|d_a W> of the basis states,
which for orbitals at fixed places is diagonal, tau_a, and "r_theta" for the connection i <W|d_theta W> of Wannier
functions that move. ("curl", "kx", "theta") is the curvature of the basis, Omega_ab = D_a A_b - D_b A_a: minus the
velocity of orbitals that move, and for Wannier functions whatever the space that they span leaves out. Where it does
not vanish the order of derivatives counts, ("kx", "theta") being D_x D_theta H; ("theta", "curl", "kx", "ky") is the
derivative of a curvature.
"""

CURVATURE = "curl"


def curl(a: str, b: str) -> tuple[str, str, str]:
    """Name of the curvature of the basis, Omega_ab."""
    return (CURVATURE, a, b)


def position_names(directions: Sequence[str]) -> tuple[str, ...]:
    """Names of the position matrices that belong to the k directions among `directions`: "kx" -> "rx"."""
    return tuple(f"r{direction[1]}" for direction in directions if direction.startswith("k"))


def connection_names(direction: str) -> tuple[str, ...]:
    """Names of the connections of the basis along a direction: "rx" along "kx", "r_theta" along "theta"."""
    return position_names([direction]) or (f"r_{direction}",)


def directions_of(derivative: Derivative) -> tuple[str, ...]:
    """The directions of a derivative as a tuple, whichever way it was written."""
    return (derivative,) if isinstance(derivative, str) else derivative


class Matrices(Protocol):
    """H and some of its derivatives as functions on the unit torus of reduced coordinates."""

    def at(self, points: Float) -> Complex:
        """Shape (P, D) -> (P, 1 + derivatives, N, N)."""
        ...

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Tensor product of D axes -> (P, 1 + derivatives, N, N), last axis fastest."""
        ...


Operator = Complex | Matrices
"""A bounded observable in the basis of a crystal: one matrix (N, N), or its values on the torus in the first slot."""


class Crystal(Protocol):
    """Anything with Bloch bands: a model, or a closed cycle of models.

    Laws
    ----
    `matrices(along)` gives H in slot 0 and, in slot j, its derivative along `along[j - 1]`: covariant in k (it knows
    where the orbitals sit; for the places themselves see `Derivative`) and all in one and the same basis, smooth and
    periodic on the unit torus whose axes are the reduced wave vector and, for a cycle, theta / 2 pi.
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
        """Its units in those of the user, for messages."""
        ...

    @property
    def observables(self) -> Mapping[str, Operator]:
        """Bounded observables by name: the derivative of H along its conjugate field."""
        ...

    @property
    def frequencies(self) -> Integer:
        """Frequencies of H as a Fourier series on the unit torus, (F, D)."""
        ...

    @property
    def orbitals_move(self) -> bool:
        """Whether the places of the orbitals change along the cycle."""
        ...

    @property
    def has_basis_connection(self) -> bool:
        """Whether the basis has a position matrix beyond the places of its orbitals, as Wannier functions do."""
        ...

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives along the given directions."""
        ...
