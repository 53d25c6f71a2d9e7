"""Covariant derivatives of a Hamiltonian whose basis has a position matrix, from plain Fourier series.

The basis u_i turns with k, A_a = i <u_i|d_a u_j>, and perhaps along other directions, so that a derivative is
D_a F = d_a F - i [A_a, F], and derivatives commute up to the curvature of the basis,
Omega_ab = d_a A_b - d_b A_a - i [A_a, A_b]. Products are taken at each point: H, the connections and their plain
derivatives are series, over k alone or over a cycle too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.linalg import commutator
from adiabloch.models.crystal import CURVATURE, Derivative, connection_names, directions_of, position_names
from adiabloch.models.fourier import FourierSeries

HAMILTONIAN = "H"
Slot = tuple[str, ...]
"""What one series holds: "H" or the direction of a connection, then what it is differentiated along."""
Plain = Callable[[Slot], Complex | None]
"""Gives the amplitudes (F, N, N) of a slot; None for zero."""


def covariant_series(
    frequencies: Integer,
    plain: Plain,
    centres: Mapping[str, Float],
    directions: Sequence[str],
    along: Sequence[Derivative],
) -> FourierSeries:
    """H and its covariant derivatives.

    Parameters
    ----------
    frequencies : int array, shape (F, D)
    plain : callable
        Amplitudes of H, ("H",), of the connection along a direction, ("kx",), and of their plain derivatives,
        ("H", "kx", "theta"), ...; of the connections along k less the centres.
    centres : mapping {"rx": float array (N,)}
        Positions of the orbitals, by name.
    directions : sequence of str
        What can be differentiated along.
    along : sequence of str or tuple of str
        See `adiabloch.models.crystal.Derivative`; the order counts, ("kx", "ky") is D_x D_y H.

    Raises
    ------
    InvalidArgumentError
        A derivative that is none of these.
    """
    names = tuple(map(directions_of, along))
    connections = {connection: a for a in directions for connection in connection_names(a)}
    for name in names:
        if not ((len(name) == 1 and name[0] in connections) or _sound(name, directions)):
            raise InvalidArgumentError(
                f"derivative along {name[0] if len(name) == 1 else name!r}: expected one or several of "
                f"{tuple(directions)}, or one of {tuple(connections)}"
            )
    found: dict[Slot, Complex] = {}

    def noted(slot: Slot) -> Complex | None:
        if slot not in found and (series := plain(slot)) is not None:
            found[slot] = series
        # what it is does not matter here, but whether it is
        return np.zeros((1, 1, 1), complex) if slot in found else None

    noted((HAMILTONIAN,))
    wanted = _Derivatives(noted, connections)
    for name in names:
        wanted(name)
    if all(slot[0] == HAMILTONIAN for slot in found):
        # nothing turns: each derivative is one series
        return FourierSeries(
            frequencies, np.stack([_flat(name, found, frequencies, centres) for name in ((), *names)], axis=1)
        )
    return CovariantSeries(
        frequencies,
        np.stack([*found.values()], axis=1),
        slots={slot: index for index, slot in enumerate(found)},
        along=names,
        connections=connections,
        centres={name: np.diag(tau).astype(np.complex128) for name, tau in centres.items()},
    )


def _flat(
    name: tuple[str, ...], found: Mapping[Slot, Complex], frequencies: Integer, centres: Mapping[str, Float]
) -> Complex:
    """Amplitudes of a derivative on a basis that does not turn, or of the places of its orbitals."""
    slot = (HAMILTONIAN, *sorted(name))
    if slot in found:
        return found[slot]
    matrices = np.zeros_like(found[HAMILTONIAN,])
    if len(name) == 1 and name[0] in centres:
        matrices[(frequencies == 0).all(axis=1)] = np.diag(centres[name[0]])
    return matrices


def _sound(name: tuple[str, ...], directions: Sequence[str]) -> bool:
    """Whether it is a derivative of H, or one of the curvature."""
    if CURVATURE in name:
        rest = name[name.index(CURVATURE) + 1 :]
        return len(rest) == 2 and {*name} - {CURVATURE} <= set(directions)
    return bool(name) and set(name) <= set(directions)


@dataclass(frozen=True, eq=False)
class CovariantSeries(FourierSeries):
    """Covariant derivatives, put together at each point from plain Fourier series.

    Parameters
    ----------
    slots : mapping {Slot: int}
        Which series holds what; those that are missing are zero.
    along : sequence of tuple of str
        The derivatives to give after H.
    connections : mapping {str: str}
        Names of the connections, "rx", ..., and their directions.
    centres : mapping {str: (N, N) array}
        What is not in the series of a connection.
    """

    slots: Mapping[Slot, int]
    along: Sequence[tuple[str, ...]]
    connections: Mapping[str, str]
    centres: Mapping[str, Complex]

    def at(self, points: Float) -> Complex:
        """Shape (P, D) -> (P, 1 + derivatives, N, N)."""
        return self._covariant(super().at(points))

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Tensor product of D axes -> (P, 1 + derivatives, N, N), last axis fastest."""
        return self._covariant(super().on_grid(axes))

    def _covariant(self, values: Complex) -> Complex:
        derivatives = _Derivatives(
            lambda slot: values[:, self.slots[slot]] if slot in self.slots else None, self.connections
        )
        result = np.zeros((len(values), 1 + len(self.along), *values.shape[2:]), dtype=np.complex128)
        result[:, 0] = values[:, self.slots[HAMILTONIAN,]]
        for index, name in enumerate(self.along, start=1):
            matrices = derivatives(name)
            if matrices is not None:
                result[:, index] = matrices
            if len(name) == 1 and name[0] in self.centres:
                result[:, index] += self.centres[name[0]]
        return result


class _Derivatives:
    """Covariant derivatives by name, from plain ones at the same points; None for what vanishes."""

    def __init__(self, plain: Plain, connections: Mapping[str, str]) -> None:
        self._plain, self._connections = plain, connections
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], Complex | None] = {}

    def __call__(self, name: tuple[str, ...]) -> Complex | None:
        if name[0] in self._connections:
            return self._plain((self._connections[name[0]],))
        return self._of(name, ())

    def _of(self, name: tuple[str, ...], waves: tuple[str, ...]) -> Complex | None:
        """Plain derivatives along `waves` of a covariant derivative."""
        key = name, tuple(sorted(waves))
        if key not in self._known:
            self._known[key] = self._made(*key)
        return self._known[key]

    def _made(self, name: tuple[str, ...], waves: tuple[str, ...]) -> Complex | None:
        if not name:
            return self._plain((HAMILTONIAN, *waves))
        a, *others = name
        rest = tuple(others)
        if a == CURVATURE:
            one, other = rest
            slopes = _sum(self._connection(other, (*waves, one)), _negative(self._connection(one, (*waves, other))))
            parts = [(self._connection(one, left), self._connection(other, right)) for left, right in _shared(waves)]
        else:
            slopes = self._of(rest, (*waves, a))
            parts = [(self._connection(a, left), self._of(rest, right)) for left, right in _shared(waves)]
        return _sum(slopes, *(None if A is None or F is None else -1j * commutator(A, F) for A, F in parts))

    def _connection(self, direction: str, waves: tuple[str, ...]) -> Complex | None:
        return self._plain((direction, *sorted(waves)))


def _shared(waves: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """All ways to share out derivatives between two factors."""
    everything = range(len(waves))
    for count in range(len(waves) + 1):
        for chosen in combinations(everything, count):
            yield tuple(waves[i] for i in chosen), tuple(waves[i] for i in everything if i not in chosen)


def _sum(*terms: Complex | None) -> Complex | None:
    present = [term for term in terms if term is not None]
    return sum(present[1:], present[0]) if present else None


def _negative(term: Complex | None) -> Complex | None:
    return None if term is None else -term


def centres_by_name(directions: Sequence[str], centres: Float) -> dict[str, Float]:
    """Positions of the orbitals, (N, d), by name."""
    return dict(zip(position_names(directions), centres.T, strict=True))


def derivative_factors(
    directions: Sequence[str], vectors: Float, frequencies: Integer, centres: Float
) -> dict[str, Complex]:
    """What a plain derivative multiplies amplitudes (F, N, N) with: i (R + tau_j - tau_i) along k, i m along theta."""
    d = len(vectors)
    bonds = (frequencies[:, :d] @ vectors)[:, None, None] + (centres[None, :] - centres[:, None])
    waves = [*np.moveaxis(bonds, 3, 0), *frequencies[:, d:].T[..., None, None]]
    return {direction: np.asarray(1j * wave) for direction, wave in zip(directions, waves, strict=True)}


def plain_series(amplitudes: Mapping[str, Complex], factors: Mapping[str, Complex]) -> Plain:
    """Derivatives of H and of connections from their amplitudes by name, those that there are."""

    def plain(slot: Slot) -> Complex | None:
        matrices = amplitudes.get(slot[0])
        for wave in slot[1:]:
            if matrices is not None:
                matrices = factors[wave] * matrices
        return matrices

    return plain
