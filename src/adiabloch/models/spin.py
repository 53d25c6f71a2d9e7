"""Pauli matrices and operators of spin one half."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adiabloch.arrays import Complex, Float, Integer, frozen
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Operator
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.hoppings import Translation

PAULI = frozen(np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=np.complex128))
"""sigma_x, sigma_y, sigma_z."""
SPIN = frozen(0.5 * PAULI)
"""Spin operators in units of hbar."""
PAIR_DISTANCE = 0.1
"""Distance between the centres of a pair of functions, relative to the shortest lattice vector, above which the other
order of the spins is tried."""


def spin_operators(size: int, order: str = "interleaved") -> Complex:
    """Spin operators of functions with spin up or down along z.

    Parameters
    ----------
    size : int
        Number of functions, n; even.
    order : "interleaved" or "blocks"
        "interleaved" for up, down, up, down, ...; "blocks" for all functions with spin up, then the same functions with
        spin down.

    Returns
    -------
    complex array, shape (3, n, n)
        S_x, S_y, S_z in units of hbar.

    Raises
    ------
    InvalidArgumentError
        Another order, or an odd number of functions.

    Examples
    --------
    >>> import adiabloch as ab
    >>> ab.models.spin_operators(4, "blocks")[2].diagonal().real.tolist()
    [0.5, 0.5, -0.5, -0.5]
    """
    _check_order(size, order)
    unit = np.eye(size // 2)
    return np.array([np.kron(unit, S) if order == "interleaved" else np.kron(S, unit) for S in SPIN])


def check_pairs(order: str, centres: Float, vectors: Float) -> None:
    """Compare the centres of the functions that an order of the spins pairs.

    Parameters
    ----------
    order : "interleaved" or "blocks"
    centres : float array, shape (n, d)
    vectors : float array, shape (d, d)

    Raises
    ------
    InvalidArgumentError
        Another order, an odd number of functions, or functions that the other order pairs better.
    """
    _check_order(len(centres), order)
    shortest = float(np.sqrt((vectors**2).sum(axis=1)).min())
    apart = {
        kind: pair_distance(pairs[:, 0], pairs[:, 1], vectors)
        for kind, pairs in (
            ("interleaved", centres.reshape(-1, 2, centres.shape[1])),
            ("blocks", centres.reshape(2, -1, centres.shape[1]).swapaxes(0, 1)),
        )
    }
    other = "blocks" if order == "interleaved" else "interleaved"
    if apart[order] > PAIR_DISTANCE * shortest and apart[other] < 0.5 * apart[order]:
        raise InvalidArgumentError(
            f'spin: in the order "{order}" the centres of functions up and down are up to {apart[order]:.3g} apart; '
            f'with "{other}" they are {apart[other]:.3g} apart'
        )


def pair_distance(one: Float, other: Float, vectors: Float) -> float:
    """Largest distance between points (n, d) and others, each in its nearest image up to the shape of the cell."""
    steps = (other - one) @ np.linalg.inv(vectors)
    nearest = (steps - np.rint(steps)) @ vectors
    return float(np.sqrt((nearest**2).sum(axis=1)).max(initial=0.0))


def _check_order(size: int, order: str) -> None:
    """Raise an error for an unknown order of spins or an odd number of functions."""
    if order not in ("interleaved", "blocks"):
        raise InvalidArgumentError(
            f'spin: {order!r}, expected spin operators, True, "interleaved" (up, down, up, down, ...) or "blocks" (all '
            "up, then all down)"
        )
    if size % 2 or size <= 0:
        raise InvalidArgumentError(f'spin: "{order}" for {size} functions, expected an even number')


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
