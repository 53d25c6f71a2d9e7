"""Cycles of crystals of the user's own, of which only the matrices are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import CoarseCycleError, InvalidArgumentError, InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.models.crystal import (
    BASIS_CURVATURE,
    THETA,
    Crystal,
    Derivative,
    Matrices,
    Operator,
    connection_names,
    directions_of,
    is_crystal,
    kind_of,
)
from adiabloch.models.crystal_samples import check_alike, fixed_positions, probed
from adiabloch.models.cycle_closure import CLOSURE_TOLERANCE, TEST_POINT, known_samples, tail_with_interpolation
from adiabloch.models.harmonics import (
    equidistant_phases,
    harmonic_phases,
    harmonic_tail,
    interpolated_harmonics,
)
from adiabloch.models.html import own_crystal_html
from adiabloch.scalars import is_whole
from adiabloch.units import Units

FIRST_SAMPLES, MOST_SAMPLES = 8, 256
"""Number of snapshots that `CrystalCycle.from_function` starts with, and the largest number it takes."""
CONVERGED = 1e-13
"""Size of the last harmonics that ends the doubling of the number of snapshots."""


@dataclass(frozen=True, eq=False, repr=False)
class CrystalCycle:
    r"""Closed cycle of crystals of the user's own, H(k, theta) with theta = omega t from 0 to 2 pi.

    `adiabloch.Cycle` returns it where the snapshots are no `TightBinding` but other objects with the interface of
    `adiabloch.models.Crystal`. Between the snapshots H and its derivatives along k are interpolated by trigonometric
    polynomials. The orbitals must not move.

    Parameters
    ----------
    snapshots : sequence of Crystal
        N crystals at theta_j = 2 pi j/N with the same lattice and the same orbitals.
    tolerance : float
        Largest size of the last harmonics, relative to the largest one, for which the sampling is accepted.

    Raises
    ------
    InvalidModelError
        Snapshots of different lattices or numbers of orbitals, or orbitals that move.
    CoarseCycleError
        Too few snapshots.
    """

    snapshots: tuple[Crystal, ...]
    tail: float
    """Size of the last harmonics relative to the largest one: relative error of the interpolation."""

    _repr_html_ = own_crystal_html

    def __init__(self, snapshots: Sequence[Crystal], *, tolerance: float = 1e-2) -> None:
        snapshots = tuple(snapshots)
        if len(snapshots) < 3:
            raise CoarseCycleError(f"cycle: {len(snapshots)} snapshots, expected at least 4", tail=1.0)
        if not (isinstance(tolerance, Real) and tolerance > 0):
            raise InvalidArgumentError(
                f"tolerance: {tolerance!r}, expected the largest relative size of the last harmonics"
            )
        check_crystals(snapshots)
        fixed_positions(snapshots, "cycle")
        samples = np.stack([probed(crystal)[:, 0] for crystal in snapshots])
        tail = harmonic_tail(samples)
        if tail > tolerance:
            raise CoarseCycleError(
                f"cycle: sampled too coarsely: with {len(snapshots)} snapshots its last harmonics reach {tail:.1e} of "
                f"the largest one, expected below {tolerance:.0e}; give more snapshots (theta_j = 2 pi j/N)",
                tail=tail,
            )
        orders, harmonics = interpolated_harmonics(samples)
        sizes = np.abs(harmonics).reshape(len(orders), -1).max(axis=1)
        object.__setattr__(self, "snapshots", snapshots)
        object.__setattr__(self, "tail", tail)
        object.__setattr__(self, "_orders", orders[(sizes > 1e-14 * sizes.max()) | (orders == 0)])

    @classmethod
    def from_function(
        cls, function: Callable[[float], Crystal], samples: int | None = None, *, tolerance: float = 1e-2
    ) -> CrystalCycle:
        """Sample a function of theta; arguments and exceptions as for `adiabloch.Cycle.from_function`."""
        if samples is not None and not is_whole(samples, 3):
            raise InvalidArgumentError(f"samples: {samples!r}, expected a number of snapshots, at least 3")
        if (known := known_samples()) is not None:
            count = known if samples is None else samples
            return cls([function(float(x)) for x in equidistant_phases(count)], tolerance=np.inf)
        count = FIRST_SAMPLES if samples is None else samples
        check_ends(function)
        while True:
            last = samples is not None or count >= MOST_SAMPLES
            cycle = cls(
                [function(float(x)) for x in equidistant_phases(count)], tolerance=tolerance if last else np.inf
            )
            off, where = cycle._interpolation_error(function)
            if last or max(cycle.tail, off) <= CONVERGED:
                break
            count *= 2
        tail = tail_with_interpolation(cycle.tail, off, where, count, tolerance)
        object.__setattr__(cycle, "tail", tail)
        return cycle

    def __repr__(self) -> str:
        kind = type(self.snapshots[0]).__name__
        return (
            f"CrystalCycle({self.lattice.dimension}D, {self.size} orbitals, {len(self.snapshots)} snapshots of {kind}, "
            f"last harmonic {self.tail:.1e})"
        )

    @property
    def lattice(self) -> Lattice:
        """The Bravais lattice."""
        return self.snapshots[0].lattice

    @property
    def size(self) -> int:
        """Number of orbitals in the cell, N."""
        return self.snapshots[0].size

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the coordinates: "kx", ..., "theta"."""
        return (*self.snapshots[0].directions, THETA)

    @property
    def units(self) -> Units:
        """Units of the snapshots in terms of the user's units."""
        return self.snapshots[0].units

    @property
    def orbitals_move(self) -> bool:
        """False: moving orbitals are refused."""
        return False

    @property
    def has_basis_connection(self) -> bool:
        """False: position matrices are refused."""
        return False

    @cached_property
    def frequencies(self) -> Integer:
        """Frequencies of H, (F, d + 1): those of the snapshots, with the harmonics of theta."""
        own = np.unique(np.concatenate([crystal.frequencies for crystal in self.snapshots]), axis=0)
        orders: Integer = self.__dict__["_orders"]
        return np.concatenate([np.column_stack([own, np.full(len(own), m)]) for m in orders])

    @cached_property
    def observables(self) -> Mapping[str, Operator]:
        """Observables of the snapshots, interpolated where they are not constant."""
        found: dict[str, Operator] = {}
        for name, first in self.snapshots[0].observables.items():
            each = [crystal.observables[name] for crystal in self.snapshots]
            constant = isinstance(first, np.ndarray) and all(np.array_equal(first, X) for X in each)  # type: ignore[arg-type]
            found[name] = first if constant else InterpolatedMatrices([_as_matrices(X) for X in each], [(0, 0)])
        return found

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H(k, theta) and its derivatives (see `Crystal`)."""
        names = [directions_of(one) for one in along]
        waves: dict[tuple[str, ...], int] = {(): 0}
        outputs: list[tuple[int, int] | None] = [(0, 0)]
        for name in names:
            # orbitals that do not move have neither a connection nor a curvature along theta
            if name[0] in connection_names(THETA) or (BASIS_CURVATURE in name and THETA in name):
                outputs.append(None)
                continue
            rest = tuple(direction for direction in name if direction != THETA)
            position = len(rest) == 1 and rest[0].startswith("r") and len(name) > 1
            outputs.append(None if position else (len(name) - len(rest), waves.setdefault(rest, len(waves))))
        wanted = [name if len(name) > 1 else name[0] for name in waves if name]
        return InterpolatedMatrices([crystal.matrices(wanted) for crystal in self.snapshots], outputs)

    def _interpolation_error(self, function: Callable[[float], Crystal]) -> tuple[float, float]:
        """Largest difference between a function and this interpolation relative to the change, and its phase."""
        count = len(self.snapshots)
        samples = np.stack([probed(crystal)[:, 0] for crystal in self.snapshots])
        change, size = float(np.abs(samples - samples[0]).max()), float(np.abs(samples).max())
        worst, where = 0.0, 0.0
        for number in np.unique(np.linspace(0, count, min(count, 24), endpoint=False).astype(int)):
            theta = 2 * np.pi * (number + TEST_POINT) / count
            guess = np.tensordot(interpolation_weights(count, np.array([theta]))[0], samples, axes=1)
            true = probed(function(float(theta)))[:, 0]
            off = float(np.abs(true - guess).max())
            if off > 1e-12 * size:
                worst, where = max((worst, where), (off / max(change, float(np.abs(true - samples[0]).max())), theta))
        return worst, where


@dataclass(frozen=True, eq=False)
class InterpolatedMatrices:
    """Matrices of the snapshots of a cycle, interpolated along theta, the last coordinate; it implements `Matrices`.

    Parameters
    ----------
    snapshots : sequence of Matrices
        Matrix functions of k with the same K matrices each.
    outputs : sequence of (int, int) or None
        Order of the derivative along theta and number of the matrix, for each output; None for zero.
    """

    snapshots: Sequence[Matrices]
    outputs: Sequence[tuple[int, int] | None]

    def at(self, points: Float) -> Complex:
        """Values at points (P, D), shape (P, outputs, N, N)."""
        k, inverse = np.unique(points[:, :-1], axis=0, return_inverse=True)
        values = np.stack([of.at(k) for of in self.snapshots])[:, inverse.ravel()]
        theta = 2 * np.pi * points[:, -1]
        return self._interpolated(values, theta, "pj,jpab->pab", (len(points),))

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Values on the tensor grid of D axes, shape (P, outputs, N, N); theta varies fastest."""
        values = np.stack([of.on_grid(axes[:-1]) for of in self.snapshots])
        theta = 2 * np.pi * np.asarray(axes[-1])
        result = self._interpolated(values, theta, "tj,jpab->ptab", (values.shape[1], len(theta)))
        return result.reshape(-1, *result.shape[2:])

    def _interpolated(self, values: Complex, theta: Float, product: str, shape: tuple[int, ...]) -> Complex:
        """Sums over the snapshots, the first axis of `values` (N, P, K, n, n)."""
        result = np.zeros((*shape, len(self.outputs), *values.shape[3:]), dtype=np.complex128)
        weights: dict[int, Float] = {}
        for number, term in enumerate(self.outputs):
            if term is None:
                continue
            order, matrix = term
            if order not in weights:
                weights[order] = interpolation_weights(len(self.snapshots), theta, order)
            result[..., number, :, :] = np.einsum(product, weights[order], values[:, :, matrix], optimize=True)
        return result


def interpolation_weights(count: int, theta: Float, derivative: int = 0) -> Float:
    """Weights of equidistant snapshots in the trigonometric interpolation or its derivative, (P, snapshots)."""
    orders, harmonics = interpolated_harmonics(np.eye(count, dtype=np.complex128))
    return np.asarray((harmonic_phases(orders, theta, derivative) @ harmonics).real)


def check_crystals(snapshots: Sequence[Any]) -> None:
    """Check that snapshots are crystals without a cycle of their own, and alike.

    Raises
    ------
    InvalidModelError
    """
    for number, crystal in enumerate(snapshots):
        if not is_crystal(crystal) or THETA in crystal.directions:
            raise InvalidModelError(
                f"cycle: snapshot {number} is {kind_of(crystal)}, expected a TightBinding, or an object with the "
                "interface adiabloch.models.Crystal without the direction theta"
            )
    check_alike(snapshots, "cycle")


def check_ends(function: Callable[[float], Crystal]) -> None:
    """Check that a function gives the same crystal at theta = 0 and 2 pi.

    Raises
    ------
    InvalidModelError
    """
    ends = [function(0.0), function(2 * np.pi)]
    check_crystals(ends)
    start, end, middle = (probed(crystal) for crystal in (*ends, function(2 * np.pi / 3)))
    gap, change = float(np.abs(end - start).max()), float(np.abs(middle - start).max())
    if gap > max(CLOSURE_TOLERANCE * change, 1e-12 * float(np.abs(start).max())):
        raise InvalidModelError(
            f"cycle: the path does not close: between theta = 0 and 2 pi H differs by {gap:.3g} (it changes by "
            f"{change:.3g} along the way); is theta in radians?"
        )


@dataclass(frozen=True, eq=False)
class ConstantMatrix:
    """A matrix that does not depend on k; it implements `Matrices`."""

    matrix: Complex

    def at(self, points: Float) -> Complex:
        """The matrix at points (P, D), shape (P, 1, N, N)."""
        return np.broadcast_to(self.matrix, (len(points), 1, *self.matrix.shape))

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """The matrix on a tensor grid, shape (P, 1, N, N)."""
        return self.at(np.empty((int(np.prod([len(axis) for axis in axes])), 0)))


def _as_matrices(operator: Operator) -> Matrices:
    """Operator as a function."""
    return ConstantMatrix(operator) if isinstance(operator, np.ndarray) else operator
