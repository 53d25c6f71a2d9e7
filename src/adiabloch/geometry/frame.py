"""Eigenframe: energies, eigenstates, and derivatives of H in the basis of the eigenstates, at a batch of points."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from itertools import permutations
from typing import Any, Literal, ParamSpec, TypeVar, cast

import numpy as np

from adiabloch.arrays import Complex, Float, numbers, radians
from adiabloch.errors import DegenerateBandsError, InvalidArgumentError
from adiabloch.geometry.rotation import RotatedOnDemand, drop_rounding
from adiabloch.linalg import dagger, in_basis, in_eigenbasis, largest_modulus, sums_of_squares
from adiabloch.markup import record_html
from adiabloch.memory import check_matrices
from adiabloch.models.crystal import (
    BASIS_CURVATURE,
    OUTSIDE_COUPLING,
    OUTSIDE_MOMENT,
    Crystal,
    Derivative,
    Matrices,
    Operator,
    basis_curvature_name,
    checked_crystal,
    directions_of,
)

P = ParamSpec("P")
T = TypeVar("T")
Touching = Literal["refused", "joined"]
JOINED = 1e-9
"""Fraction of the largest energy or slope below which bands are joined, if formulas join touching bands."""
TOUCHING = 1e-10
"""Fraction of the largest energy or slope below which bands touch, if formulas refuse touching bands."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Groups of degenerate bands at each point (`adiabloch.geometry.degeneracy`)."""

    strength: Float
    """(P, N, N): 1 on the diagonal and within a group, 0 between groups, and in between where a group forms."""
    energy_differences: Float
    """(E_m - E_n)/(1 - strength), (P, N, N) over n, m; infinite within a group."""
    degenerate_splitting: Float
    """(P, N - 1): difference of two neighbours in one group, if it exceeds rounding."""
    threshold_dependent: np.ndarray
    """(P, N - 1): True if neighbours would be joined differently with the criterion for comparison."""
    energies: Float
    """(P, N): energies before the average over groups."""


@dataclass(frozen=True, eq=False)
class Eigenframe:
    """Energies, states and derivatives of H in the basis of its eigenstates.

    All coordinates are treated alike: components of k ("kx", ...), the phase of a cycle ("theta"), and the strength of
    a field conjugate to a bounded observable ("sx", ...; the derivative of H is then the observable).
    """

    energies: Float
    """(P, N), ascending."""
    states: Complex
    """Eigenvectors as columns, (P, N, N), or (P, M, N) for the lowest N of M bands."""
    derivatives: Mapping[tuple[str, ...], Complex]
    """D^a = U^dagger (d_a H) U by direction, each (P, N, N)."""
    touching: Touching = "refused"
    """Formulas of single bands refuse touching bands, or join them and leave out the pair."""
    joined: Joined | None = None
    """Groups of degenerate bands with their common energies; None if there are none."""

    _repr_html_ = record_html

    def derivative(self, *directions: str) -> Complex:
        """D along a direction, or along several for a higher derivative; shape (P, N, N).

        Derivatives commute in a basis without curvature; then any order of the directions is found.
        """
        if not all(isinstance(direction, str) for direction in directions):
            raise InvalidArgumentError(f"frame: derivative along {directions}, expected names of directions")
        for order in [directions] if self._curved else permutations(directions):
            if order in self.derivatives:
                return self.derivatives[order]
        known = ", ".join("".join(key) for key in self.derivatives)
        raise InvalidArgumentError(
            f"frame: carries no derivative along {directions}; it was made with {known or 'none'}"
        )

    def basis_curvature(self, a: str, b: str) -> Complex | None:
        """Basis curvature Omega_ab, (P, N, N), or None if the frame does not carry it (`adiabloch.models.crystal`)."""
        if (known := self.derivatives.get(basis_curvature_name(a, b))) is not None:
            return known
        return None if (known := self.derivatives.get(basis_curvature_name(b, a))) is None else -known

    def basis_curvature_diagonal(self, a: str, b: str) -> Float | None:
        """Diagonal of the basis curvature Omega_ab, (P, N), or None; the other elements need not be computed."""
        key, opposite = basis_curvature_name(a, b), basis_curvature_name(b, a)
        if isinstance(self.derivatives, RotatedOnDemand) and (key in self.derivatives or opposite in self.derivatives):
            return self.derivatives.diagonal(key) if key in self.derivatives else -self.derivatives.diagonal(opposite)
        known = self.basis_curvature(a, b)
        return None if known is None else np.diagonal(known, axis1=1, axis2=2).real

    def outside_coupling(self, a: str) -> Complex | None:
        """Coupling B_a to states outside the basis, (P, N, N), or None if unknown (`models.outside_states`)."""
        return self.derivatives.get((OUTSIDE_COUPLING, a))

    def outside_moment(self, a: str, b: str) -> Complex | None:
        """Orbital moment K_ab of states outside the basis, in units of e, (P, N, N), or None if unknown."""
        return self.derivatives.get((OUTSIDE_MOMENT, a, b))

    def square(self, *directions: str) -> Float:
        """Sum of the squares of all matrix elements of a derivative, (P,)."""
        key = ("square", *directions)
        if key not in self.cache:
            self.cache[key] = sums_of_squares(self.derivative(*directions))
        square: Float = self.cache[key]
        return square

    def velocity(self, direction: str) -> Float:
        """Band velocities (slopes of the energies) along a direction, shape (P, N)."""
        return np.diagonal(self.derivative(direction), axis1=1, axis2=2).real

    def rotated(self, unitary: Complex) -> Eigenframe:
        """Copy of the frame with its states multiplied by U: a change of gauge if U only mixes equal energies.

        Parameters
        ----------
        unitary : complex array, shape (P, N, N) or (N, N)
        """
        turned = {key: in_basis(D, unitary) for key, D in self.derivatives.items()}
        return replace(self, states=self.states @ unitary, derivatives=turned)

    def with_random_phases(self, rng: np.random.Generator) -> Eigenframe:
        """Copy of the frame whose matrix elements have random phases, so that terms of formulas do not cancel."""
        size = self.energies.shape[1]
        phases = {
            key: np.triu(np.exp(2j * np.pi * rng.random((size, size))), 1)
            + 0.5 * np.diag(rng.choice([-1.0, 1.0], size))
            for key in self.derivatives
        }
        scrambled = {key: (phases[key] + dagger(phases[key])) * D for key, D in self.derivatives.items()}
        return replace(self, derivatives=scrambled)

    def lowest(self, count: int) -> Eigenframe:
        """Copy of the frame with the `count` lowest bands only."""
        kept = slice(count)
        cut = {key: D[:, kept, kept] for key, D in self.derivatives.items()}
        joined = self.joined
        if joined is not None:
            joined = Joined(
                joined.strength[:, kept, kept],
                joined.energy_differences[:, kept, kept],
                joined.degenerate_splitting[:, : count - 1],
                joined.threshold_dependent[:, : count - 1],
                joined.energies[:, kept],
            )
        return replace(
            self, energies=self.energies[:, kept], states=self.states[:, :, kept], derivatives=cut, joined=joined
        )

    def at(self, points: np.ndarray) -> Eigenframe:
        """Copy of the frame at some of its points, given by indices or a mask."""
        joined = self.joined
        if joined is not None:
            parts = (
                joined.strength,
                joined.energy_differences,
                joined.degenerate_splitting,
                joined.threshold_dependent,
                joined.energies,
            )
            joined = Joined(*(part[points] for part in parts))
        return replace(
            self,
            energies=self.energies[points],
            states=self.states[points],
            derivatives={key: D[points] for key, D in self.derivatives.items()},
            joined=joined,
        )

    def refuse_touching(self) -> None:
        """Check that all touching bands are joined.

        Raises
        ------
        DegenerateBandsError
        """
        touching = np.diff(self.energies, axis=1) <= TOUCHING * self.scale
        if self.joined is not None:
            n = np.arange(touching.shape[1])
            touching &= self.joined.strength[:, n, n + 1] == 0
        if touching.any():
            raise _touching_error(self, *(int(i) for i in np.argwhere(touching)[0]))

    @cached_property
    def group_weights(self) -> Float | None:
        """Weights of pairs of bands, (P, N, N): 1 within a group, 0 between groups; None without degenerate bands."""
        if self.joined is not None:
            return self.joined.strength
        if self.touching == "refused":
            return None
        touching = np.isinf(self.energy_differences())
        alone = np.count_nonzero(touching) == touching.shape[0] * touching.shape[1]
        return None if alone else touching.astype(float)

    def degeneracy_among(self, which: np.ndarray) -> tuple[bool, float]:
        """Influence of the degeneracy criterion on selected pairs of neighbours.

        Parameters
        ----------
        which : bool array, shape (P, N - 1)

        Returns
        -------
        threshold_dependent : bool
            True if a pair would be joined differently with the criterion for comparison.
        degenerate_splitting : float
            Largest splitting within a group.
        """
        if self.joined is None:
            return False, 0.0
        return bool((self.joined.threshold_dependent & which).any()), float(
            (self.joined.degenerate_splitting * which).max()
        )

    def inside(self, *directions: str) -> Complex:
        """Derivative within groups of degenerate bands only, (P, N, N); its diagonal if there are none."""
        D = self.derivative(*directions)
        return D * (np.eye(D.shape[1]) if self.group_weights is None else self.group_weights)

    def shifted(self, origin: float) -> Eigenframe:
        """Copy of the frame with energies relative to an origin."""
        moved = replace(self, energies=self.energies - origin)
        kept = ("_energy_differences", "group_weights", "scale")
        moved.__dict__.update({name: self.__dict__[name] for name in kept if name in self.__dict__})
        return moved

    @cached_property
    def cache(self) -> dict[tuple[str, ...], Any]:
        """Cache of quantities that several formulas share."""
        return {}

    def with_derivatives(self, extra: Mapping[tuple[str, ...], Complex]) -> Eigenframe:
        """Copy of the frame with additional or replaced derivatives."""
        return replace(self, derivatives=ChainMap(dict(extra), cast(Any, self.derivatives)))

    def energy_differences(self) -> Float:
        """Energy differences E_m - E_n, (P, N, N) over n, m; infinite on the diagonal and between joined bands.

        Raises
        ------
        DegenerateBandsError
            Two bands touch and are not joined: single-band quantities do not exist there.
        """
        return self._energy_differences

    @cached_property
    def scale(self) -> float:
        """Largest energy or derivative of H, to which small gaps are compared."""
        of_energies = float(np.abs(self.energies).max(initial=0.0))
        of_hamiltonian = (
            D for name in self.derivatives if BASIS_CURVATURE not in name for D in [self.derivatives[name]]
        )
        return max([of_energies, *map(largest_modulus, of_hamiltonian)])

    @cached_property
    def _curved(self) -> bool:
        return any(BASIS_CURVATURE in name for name in self.derivatives)

    @cached_property
    def _energy_differences(self) -> Float:
        if self.joined is not None:
            return self.joined.energy_differences
        gaps = self.energies[:, None, :] - self.energies[:, :, None]
        n = np.arange(gaps.shape[-1])
        gaps[:, n, n] = np.inf
        scale = self.scale
        if self.touching == "joined":
            gaps[np.abs(gaps) <= JOINED * scale] = np.inf
            return gaps
        self.refuse_touching()
        return gaps


def _touching_error(frame: Eigenframe, point: int, band: int) -> DegenerateBandsError:
    apart = (frame.energies[point, band + 1] - frame.energies[point, band]) / max(frame.scale, np.finfo(float).tiny)
    return DegenerateBandsError(
        f"bands {band} and {band + 1} are degenerate at point {point} of the batch (apart by {apart:.1e} of the "
        "largest energy or slope): a single-band quantity is not defined there; use the occupied-empty form"
    )


def of_frame(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function of an eigenframe, its first argument, with a check of this argument."""

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        frame = args[0] if args else kwargs.get("frame")
        if not isinstance(frame, Eigenframe):
            raise InvalidArgumentError(
                f"{function.__name__}: frame: expected a frame as adiabloch.eigenframe makes it, got "
                f"{type(frame).__name__}"
            )
        return function(*args, **kwargs)

    return checked


def eigenframe(
    crystal: Crystal, along: Sequence[Derivative], *, k: Float, theta: Float | float | None = None
) -> Eigenframe:
    """Eigenframe at given wave vectors, and phases if the crystal is a cycle.

    Parameters
    ----------
    crystal : Crystal
        A model or a cycle.
    along : sequence of str or tuple of str
        Directions to differentiate along: "kx", "theta", ("kx", "theta"), or the name of an observable.
    k : array_like, shape (P, d)
        Cartesian wave vectors.
    theta : array_like, shape (P,), or float
        Phases, for a cycle.

    Returns
    -------
    Eigenframe
    """
    checked_crystal(crystal)
    if isinstance(along, str) or not np.iterable(along):
        raise InvalidArgumentError(f"along: {along!r}, expected a sequence of directions out of {crystal.directions}")
    points = np.atleast_2d(crystal.lattice.reduced(k))
    if "theta" in crystal.directions:
        if theta is None:
            raise InvalidArgumentError("eigenframe: a cycle needs theta beside k")
        phases = radians(numbers(theta, "theta"), "theta")
        if len(phases) not in (1, len(points)):
            raise InvalidArgumentError(
                f"theta: {len(phases)} phases for {len(points)} wave vectors, expected one or all"
            )
        points = np.column_stack([points, np.broadcast_to(phases / (2 * np.pi), len(points))])
    check_matrices(len(points), crystal.size, 2 * (1 + len(along)), "k")
    observables = crystal.observables
    spatial = [x for x in along if x not in observables]
    fields = {x: observables[x] for x in along if isinstance(x, str) and x in observables}
    return frame_of(crystal.matrices(spatial).at(points), spatial, observables_of(fields, lambda X: X.at(points)))


def observables_of(operators: Mapping[str, Operator], values: Callable[[Matrices], Complex]) -> dict[str, Complex]:
    """Observables at points: (N, N) if they do not depend on the point, else (P, N, N).

    `values` gives a matrix function at the points, (P, K, N, N).
    """
    return {name: X if isinstance(X, np.ndarray) else values(X)[:, 0] for name, X in operators.items()}


def frame_of(
    matrices: Complex,
    along: Sequence[Derivative],
    observables: Mapping[str, Complex] | None = None,
    touching: Touching = "refused",
) -> Eigenframe:
    """Diagonalize H and transform its derivatives to the eigenbasis.

    Parameters
    ----------
    matrices : complex array, shape (P, 1 + len(along), N, N)
        H, then its derivatives.
    along : sequence
        Directions of the derivatives.
    observables : mapping {name: (N, N) or (P, N, N)}, optional
        Derivatives along fields, constant or for each point.
    touching : "refused" or "joined"
        See `Eigenframe`.
    """
    names = [directions_of(derivative) for derivative in along]
    # of basis curvatures often only the diagonal is needed
    count = len(names)
    while count and names[count - 1][0] == BASIS_CURVATURE:
        count -= 1
    energies, states, rotated = in_eigenbasis(matrices[:, : count + 1])
    derivatives = dict(zip(names[:count], rotated, strict=True))
    for name, operator in (observables or {}).items():
        derivatives[(name,)] = in_basis(operator, states)
    carried: Mapping[tuple[str, ...], Complex] = derivatives
    if count < len(names):
        waiting = {name: matrices[:, number] for number, name in enumerate(names[count:], start=count + 1)}
        carried = RotatedOnDemand(derivatives, waiting, states)
    frame = Eigenframe(energies, states, carried, touching)
    if touching == "joined":
        degenerate = JOINED * frame.scale
        for key, D in derivatives.items():
            if len(key) == 1:
                drop_rounding(D, energies, degenerate)
    return frame
