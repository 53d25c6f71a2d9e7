"""Covariant derivatives of a Hamiltonian whose basis has a position matrix, from plain Fourier series.

The basis u_i(k) turns with k, A_a = i <u_i|d_a u_j>, so that a derivative along k is D_a F = d_a F - i [A_a, F].
Products are taken at each point: H, the position matrix and their plain derivatives are series, over k alone or over a
cycle too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.linalg import dagger
from adiabloch.models.crystal import Derivative, connections_of, directions_of, positions_of
from adiabloch.models.fourier import FourierSeries

Slot = tuple[str, ...]
"""What one series holds: ("H", ...) or ("rx", ...), then the directions it is differentiated along."""


def covariant_series(
    frequencies: Integer,
    amplitudes: Complex,
    connections: Complex,
    factors: Mapping[str, Complex],
    centres: Float,
    along: Sequence[Derivative],
    motion: Complex | None = None,
) -> CovariantSeries:
    """H and its covariant derivatives.

    Parameters
    ----------
    frequencies : int array, shape (F, D)
    amplitudes : complex array, shape (F, N, N)
        Of H.
    connections : complex array, shape (F, d, N, N)
        Of the position matrix less the centres.
    factors : mapping {direction: array that broadcasts to (F, N, N)}
        What a plain derivative multiplies amplitudes with: i (R + tau_j - tau_i) along k, i m along theta.
    centres : float array, shape (N, d)
    along : sequence of str or tuple of str
        "kx", "theta", pairs of them, the order counts; "rx" for the position matrix diag(tau_x) + A_x, ("rx", "theta")
        for its change along the cycle, ("rx", "ry") for the curvature of the space that the basis spans.
    motion : complex array, shape (F, N, N), optional
        The connection along theta, "rtheta"; nothing by default.

    Raises
    ------
    InvalidArgumentError
        A derivative that is none of these.
    """
    places = positions_of([*factors])
    by_name = {place: connections[:, axis] for axis, place in enumerate(places)}
    if motion is not None:
        by_name["rtheta"] = motion

    def turns(direction: str) -> list[str]:
        return [name for name in connections_of(direction) if name in by_name]

    def needed(derivative: Derivative) -> list[Slot]:
        match directions_of(derivative):
            case (a,) if a in by_name:
                return [(a,)]
            case (a, b) if {a, b} <= set(places):
                return [(a,), (b,), (a, _wave(b)), (b, _wave(a))]
            case (a, "theta") if a in places and "theta" in factors:
                return [(a, "theta"), *([("rtheta", _wave(a)), (a,), ("rtheta",)] if motion is not None else [])]
            case (a,) if a in factors:
                return [("H", a), *((name,) for name in turns(a))]
            case (a, b) if {a, b} <= set(factors):
                second = [("H", *sorted((a, b))), *((name, a) for name in turns(b))]
                return [*needed(a), *needed(b), *second]
        raise InvalidArgumentError(
            f"derivative {derivative!r} of a basis with a position matrix: expected one or two of {tuple(factors)}, or "
            f"of {places}"
        )

    def coefficients(slot: Slot) -> Complex:
        name, *waves = slot
        matrices = amplitudes if name == "H" else by_name[name]
        for wave in waves:
            matrices = factors[wave] * matrices
        return matrices

    slots = list(dict.fromkeys([("H",), *(slot for derivative in along for slot in needed(derivative))]))
    return CovariantSeries(
        frequencies,
        np.stack([coefficients(slot) for slot in slots], axis=1),
        slots={slot: index for index, slot in enumerate(slots)},
        along=tuple(map(directions_of, along)),
        centres={name: np.diag(tau) for name, tau in zip(places, centres.T, strict=True)},
        moving=motion is not None,
    )


@dataclass(frozen=True, eq=False)
class CovariantSeries(FourierSeries):
    """Covariant derivatives, put together at each point from plain Fourier series.

    Parameters
    ----------
    slots : mapping {Slot: int}
        Which series holds what.
    along : sequence of tuple of str
        The derivatives to give after H.
    centres : mapping {str: (N, N) array}
        Positions of the orbitals by name, "rx", ...
    """

    slots: Mapping[Slot, int]
    along: Sequence[tuple[str, ...]]
    centres: Mapping[str, Complex]
    moving: bool
    """Whether the basis has a connection along theta."""

    def at(self, points: Float) -> Complex:
        """Shape (P, D) -> (P, 1 + derivatives, N, N)."""
        return self._covariant(super().at(points))

    def on_grid(self, axes: Sequence[Float]) -> Complex:
        """Tensor product of D axes -> (P, 1 + derivatives, N, N), last axis fastest."""
        return self._covariant(super().on_grid(axes))

    def _covariant(self, values: Complex) -> Complex:
        def series(*slot: str) -> Complex:
            return values[:, self.slots[slot]]

        result = np.empty((len(values), 1 + len(self.along), *values.shape[2:]), dtype=np.complex128)
        result[:, 0] = H = series("H")
        for index, directions in enumerate(self.along, start=1):
            match directions:
                case (a,) if a in self.centres:
                    result[:, index] = self.centres[a] + series(a)
                case (a, b) if {a, b} <= set(self.centres):
                    slope = series(b, _wave(a)) - series(a, _wave(b))
                    result[:, index] = slope + _turning(series(a), series(b))
                case ("rtheta",):
                    result[:, index] = series("rtheta")
                case (a, b) if a in self.centres:
                    result[:, index] = series(a, b)
                    if self.moving:
                        change = series("rtheta", _wave(a)) + _turning(series(a), series("rtheta"))
                        result[:, index] -= change
                case (a,):
                    result[:, index] = self._turned(series, a, series("H", a), H)
                case (a, b):
                    # d_a of D_b H, term by term
                    slope = self._turned(series, b, series("H", *sorted((a, b))), series("H", a))
                    for place in self._turns(b):
                        slope = slope + _turning(series(place, a), H)
                    along_b = self._turned(series, b, series("H", b), H)
                    result[:, index] = self._turned(series, a, slope, along_b)
        return result

    def _turns(self, direction: str) -> list[str]:
        return [name for name in connections_of(direction) if name != "rtheta" or self.moving]

    def _turned(self, series: Callable[..., Complex], direction: str, slope: Complex, matrices: Complex) -> Complex:
        """What the turning of the basis along a direction adds to a slope; nothing along theta if it is at rest."""
        for place in self._turns(direction):
            slope = slope + _turning(series(place), matrices)
        return slope


def _turning(A: Complex, F: Complex) -> Complex:
    """-i [A, F] of Hermitian matrices."""
    product = -1j * (A @ F)
    return product + dagger(product)


def _wave(place: str) -> str:
    return f"k{place[1]}"
