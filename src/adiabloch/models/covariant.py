"""Covariant derivatives of a Hamiltonian whose basis has a connection, from ordinary Fourier series.

The basis u_i depends on k, and perhaps on other directions, with the connection A_a = i <u_i|d_a u_j>. The covariant
derivative is D_a F = d_a F - i [A_a, F]; covariant derivatives commute up to the curvature of the basis,
Omega_ab = d_a A_b - d_b A_a - i [A_a, A_b]. Products of matrices are taken at each point: H, the connections and their
ordinary derivatives are Fourier series, over k alone or over k and theta.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.linalg import dagger, plus_commutator
from adiabloch.models.crystal import (
    BASIS_CURVATURE,
    OUTSIDE_COUPLING,
    OUTSIDE_MOMENT,
    Derivative,
    Matrices,
    connection_names,
    directions_of,
    position_names,
)
from adiabloch.models.fourier import FourierSeries

HAMILTONIAN = "H"
CURL = "curl"
SeriesName = tuple[str, ...]
"""Name of an ordinary series: "H" or the direction of a connection, then the directions of its derivatives."""
OrdinaryDerivatives = Callable[[SeriesName], Complex | None]
"""Matrices (F, N, N) of an ordinary series by its name; None stands for zero."""


def coupling_series(a: str) -> str:
    """Name of the ordinary series of the coupling to states outside the basis, along a direction."""
    return f"{OUTSIDE_COUPLING} {a}"


def moment_series(a: str, b: str) -> str:
    """Name of the ordinary series of the moment of states outside the basis, in a plane."""
    return f"{OUTSIDE_MOMENT} {a} {b}"


def curl_series(a: str, b: str) -> str:
    """Name of the ordinary series of the curl of the connections, d_a A_b - d_b A_a."""
    return f"{CURL} {a} {b}"


def covariant_series(
    frequencies: Integer,
    ordinary: OrdinaryDerivatives,
    centres: Mapping[str, Float],
    directions: Sequence[str],
    along: Sequence[Derivative],
    together: Callable[[Sequence[SeriesName]], Matrices] | None = None,
) -> Matrices:
    """H and its covariant derivatives as functions on the unit torus.

    Parameters
    ----------
    frequencies : int array, shape (F, D)
    ordinary : callable
        Amplitudes of H, ("H",), of the connection along a direction, ("kx",), and of their ordinary derivatives,
        ("H", "kx", "theta"), ...; connections along k without the orbital positions.
    centres : mapping {"rx": float array (N,)}
        Orbital positions, by name of the position matrix.
    directions : sequence of str
        Directions of derivatives.
    along : sequence of str or tuple of str
        Derivatives (see `adiabloch.models.crystal.Derivative`). The order counts: ("kx", "ky") is D_x D_y H.
    together : callable, optional
        For large models: names of ordinary series -> their values at points. `ordinary` then only tells which of them
        are zero.

    Raises
    ------
    InvalidArgumentError
        A derivative along another direction.
    """
    names = tuple(map(directions_of, along))
    connections = {connection: a for a in directions for connection in connection_names(a)}
    for name in names:
        if not ((len(name) == 1 and name[0] in connections) or _is_derivative(name, directions)):
            raise InvalidArgumentError(
                f"derivative along {name[0] if len(name) == 1 else name!r}: expected one or several of "
                f"{tuple(directions)}, or one of {tuple(connections)}"
            )
    needed: dict[SeriesName, Complex] = {}

    def recorded(series: SeriesName) -> Complex | None:
        if series not in needed and (matrices := _with_curls(ordinary, series)) is not None:
            needed[series] = matrices
        # a placeholder: only the series that occur are recorded here, not the values of the derivatives
        return np.zeros((1, 1, 1), complex) if series in needed else None

    recorded((HAMILTONIAN,))
    derivatives = _CovariantDerivatives(recorded, connections)
    for name in names:
        derivatives(name)
    if together is None and all(series[0] == HAMILTONIAN for series in needed):
        # without connections each covariant derivative is an ordinary one
        stack = [_ordinary_amplitudes(name, needed, frequencies, centres) for name in ((), *names)]
        return FourierSeries(frequencies, np.stack(stack, axis=1))
    return CovariantSeries(
        together([*needed]) if together else FourierSeries(frequencies, np.stack([*needed.values()], axis=1)),
        columns={series: index for index, series in enumerate(needed)},
        along=names,
        connections=connections,
        centres={name: np.diag(tau).astype(np.complex128) for name, tau in centres.items()},
    )


def terms_of_series(series: SeriesName) -> list[tuple[int, SeriesName]]:
    """Series of which an ordinary series is the sum, with their signs: two for a curl of the connections."""
    kind, *directions = series[0].split()
    if kind != CURL:
        return [(1, series)]
    a, b = directions
    return [(1, (b, *sorted((a, *series[1:])))), (-1, (a, *sorted((b, *series[1:]))))]


def _with_curls(ordinary: OrdinaryDerivatives, series: SeriesName) -> Complex | None:
    """Amplitudes of an ordinary series, or of the curl of the connections; None stands for zero."""
    (_, one), *others = terms_of_series(series)
    if not others:
        return ordinary(series)
    slope, other = ordinary(one), ordinary(others[0][1])
    return slope if other is None else -other if slope is None else slope - other


def _ordinary_amplitudes(
    name: tuple[str, ...], needed: Mapping[SeriesName, Complex], frequencies: Integer, centres: Mapping[str, Float]
) -> Complex:
    """Amplitudes of a derivative, or of the position matrix, in a basis without connections."""
    series = (HAMILTONIAN, *sorted(name))
    if series in needed:
        return needed[series]
    matrices = np.zeros_like(needed[HAMILTONIAN,])
    if len(name) == 1 and name[0] in centres:
        matrices[(frequencies == 0).all(axis=1)] = np.diag(centres[name[0]])
    return matrices


def _is_derivative(name: tuple[str, ...], directions: Sequence[str]) -> bool:
    """True if a name stands for a derivative of H, the basis curvature or one of its derivatives, or outside states."""
    if name[:1] in ((OUTSIDE_COUPLING,), (OUTSIDE_MOMENT,)):
        return len(name) == (2 if name[0] == OUTSIDE_COUPLING else 3) and set(name[1:]) <= set(directions)
    if BASIS_CURVATURE in name:
        rest = name[name.index(BASIS_CURVATURE) + 1 :]
        return len(rest) == 2 and {*name} - {BASIS_CURVATURE} <= set(directions)
    return bool(name) and set(name) <= set(directions)


@dataclass(frozen=True, eq=False)
class CovariantSeries:
    """Covariant derivatives, computed at each point from ordinary Fourier series; it implements `Matrices`.

    Parameters
    ----------
    ordinary : Matrices
        H, connections and their ordinary derivatives.
    columns : mapping {SeriesName: int}
        Columns of `ordinary` by name; series that are missing are zero.
    along : sequence of tuple of str
        Derivatives returned after H.
    connections : mapping {str: str}
        Directions of the connections by name, "rx", ....
    centres : mapping {str: (N, N) array}
        Orbital positions on the diagonal, which `ordinary` does not contain.
    """

    ordinary: Matrices
    columns: Mapping[SeriesName, int]
    along: Sequence[tuple[str, ...]]
    connections: Mapping[str, str]
    centres: Mapping[str, Complex]

    def at(self, points: Float) -> Complex:
        """Values at points (P, D), shape (P, 1 + derivatives, N, N)."""
        return self._covariant(self.ordinary.at(points))

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Values on the tensor grid of D axes, shape (P, 1 + derivatives, N, N); the last axis varies fastest."""
        return self._covariant(self.ordinary.on_grid(axes))

    def _covariant(self, values: Complex) -> Complex:
        """Covariant derivatives (P, 1 + derivatives, N, N) from ordinary series at the same points."""
        derivatives = _CovariantDerivatives(
            lambda series: values[:, self.columns[series]] if series in self.columns else None, self.connections
        )
        result = np.empty((len(values), 1 + len(self.along), *values.shape[2:]), dtype=np.complex128)
        result[:, 0] = values[:, self.columns[HAMILTONIAN,]]
        for index, name in enumerate(self.along, start=1):
            target = result[:, index]
            matrices = derivatives(name, target)
            if matrices is not target:
                target[...] = 0.0 if matrices is None else matrices
            if len(name) == 1 and name[0] in self.centres:
                target += self.centres[name[0]]
        return result


class _CovariantDerivatives:
    """Covariant derivatives by name, from ordinary ones at the same points; None stands for zero.

    Each derivative is computed once.
    """

    def __init__(self, ordinary: OrdinaryDerivatives, connections: Mapping[str, str]) -> None:
        self._ordinary, self._connections = ordinary, connections
        self._known: dict[tuple[tuple[str, ...], tuple[str, ...]], Complex | None] = {}

    def __call__(self, name: tuple[str, ...], out: Complex | None = None) -> Complex | None:
        """Derivative by its name, in `out` if its last step is a commutator that is computed now."""
        if name[0] in self._connections:
            return self._ordinary((self._connections[name[0]],))
        return self._derivative(name, (), out)

    def _derivative(self, name: tuple[str, ...], waves: tuple[str, ...], out: Complex | None = None) -> Complex | None:
        """Ordinary derivatives along `waves` of the covariant derivative `name`."""
        key = name, tuple(sorted(waves))
        if key not in self._known:
            self._known[key] = self._computed(*key, out)
        return self._known[key]

    def _computed(self, name: tuple[str, ...], waves: tuple[str, ...], out: Complex | None) -> Complex | None:
        """D_a F = d_a F - i [A_a, F], or the curvature, with the ordinary derivatives distributed over the product."""
        if not name:
            return self._ordinary((HAMILTONIAN, *waves))
        a, *others = name
        rest = tuple(others)
        if a == OUTSIDE_COUPLING:
            return self._outside_coupling(*rest)
        if a == OUTSIDE_MOMENT:
            return self._outside_moment(*rest)
        if a == BASIS_CURVATURE:
            one, other = rest
            slopes = self._ordinary((curl_series(one, other), *sorted(waves)))
            parts = [(self._connection(one, left), self._connection(other, right)) for left, right in _divisions(waves)]
        else:
            slopes = self._derivative(rest, (*waves, a))
            parts = [(self._connection(a, left), self._derivative(rest, right)) for left, right in _divisions(waves)]
        for A, F in parts:
            if A is not None and F is not None:
                slopes = plus_commutator(slopes, A, F, out if len(parts) == 1 else None)
        return slopes

    def _outside_coupling(self, a: str) -> Complex | None:
        """B_a - H A_a (`adiabloch.models.outside_states`)."""
        H, A = self._ordinary((HAMILTONIAN,)), self._connection(a, ())
        return _sum(self._ordinary((coupling_series(a),)), None if A is None or H is None else -(H @ A))

    def _outside_moment(self, a: str, b: str) -> Complex | None:
        """Orbital moment K_ab of the states outside the basis (`adiabloch.models.outside_states`)."""
        H, own = self._ordinary((HAMILTONIAN,)), self._ordinary((moment_series(a, b),))
        curvature = self._derivative((BASIS_CURVATURE, a, b), ())
        Aa, Ab = self._connection(a, ()), self._connection(b, ())
        Ba, Bb = self._outside_coupling(a), self._outside_coupling(b)
        assert H is not None
        terms = [None if own is None else 0.5 * own]
        if Aa is not None and Ab is not None and Ba is not None and Bb is not None:
            Z = Aa @ (Bb + H @ Ab) - Ab @ Ba
            terms.append(-0.5j * (Z - dagger(Z)))
        if curvature is not None:
            product = H @ curvature
            terms.append(-0.25 * (product + dagger(product)))
        return _sum(*terms)

    def _connection(self, direction: str, waves: tuple[str, ...]) -> Complex | None:
        """Ordinary derivatives along `waves` of a connection."""
        return self._ordinary((direction, *sorted(waves)))


def _divisions(waves: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """All ways to divide derivatives between the two factors of a product."""
    everything = range(len(waves))
    for count in range(len(waves) + 1):
        for chosen in combinations(everything, count):
            yield tuple(waves[i] for i in chosen), tuple(waves[i] for i in everything if i not in chosen)


def _sum(*terms: Complex | None) -> Complex | None:
    """Sum of terms; None stands for zero."""
    present = [term for term in terms if term is not None]
    return sum(present[1:], present[0]) if present else None


def centres_by_name(directions: Sequence[str], centres: Float) -> dict[str, Float]:
    """Orbital positions (N, d) by name of the position matrix, {"rx": (N,), ...}."""
    return dict(zip(position_names(directions), centres.T, strict=True))


def derivative_factors(
    directions: Sequence[str], vectors: Float, frequencies: Integer, centres: Float
) -> dict[str, Complex]:
    """Factors by which derivatives multiply amplitudes (F, N, N).

    They are i (R + tau_j - tau_i) along k and i m along theta, m being the harmonic.

    Parameters
    ----------
    directions : sequence of str
    vectors : float array, shape (d, d)
        Lattice vectors as rows.
    frequencies : int array, shape (F, D)
    centres : float array, shape (N, d)
        Orbital positions.
    """
    d = len(vectors)
    bonds = (frequencies[:, :d] @ vectors)[:, None, None] + (centres[None, :] - centres[:, None])
    waves = [*np.moveaxis(bonds, 3, 0), *frequencies[:, d:].T[..., None, None]]
    return {direction: np.asarray(1j * wave) for direction, wave in zip(directions, waves, strict=True)}


def ordinary_derivatives(amplitudes: Mapping[str, Complex], factors: Mapping[str, Complex]) -> OrdinaryDerivatives:
    """Ordinary derivatives of H and of connections, from their amplitudes and the factors of derivatives."""

    def ordinary(series: SeriesName) -> Complex | None:
        matrices = amplitudes.get(series[0])
        for wave in series[1:]:
            if matrices is not None:
                matrices = factors[wave] * matrices
        return matrices

    return ordinary
