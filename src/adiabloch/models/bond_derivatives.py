"""Wave-vector derivatives of a tight-binding Hamiltonian whose position matrix is diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.models.bond_series import BondSeries
from adiabloch.models.crystal import Derivative, Matrices, directions_of, position_names
from adiabloch.models.fourier import FourierSeries

if TYPE_CHECKING:
    from adiabloch.models.tight_binding import TightBinding

LARGE = 2**26
"""Size in bytes of H and its derivatives as series, from which the derivatives are not kept."""


def bond_matrices(model: TightBinding, along: Sequence[Derivative]) -> Matrices:
    """H and its k derivatives as functions on the unit torus, for orbitals at points.

    Raises
    ------
    InvalidArgumentError
        A derivative along another direction.
    """
    large = model.amplitudes.nbytes * (1 + len(along)) > LARGE
    if large and (axes := axes_of_derivatives(model.directions, along)) is not None:
        return BondSeries(model.translations, model.amplitudes, model.lattice.vectors, model.positions, axes)
    stack = hoppings_with_derivatives(
        model.amplitudes, model.translations, model.bonds, model.positions, model.directions, along
    )
    return FourierSeries(model.translations, stack)


def axes_of_derivatives(directions: Sequence[str], along: Sequence[Derivative]) -> list[tuple[int, ...]] | None:
    """Axes of each derivative along k; None for other derivatives, and for molecules."""
    names = [directions_of(derivative) for derivative in along]
    if not directions or not {name for several in names for name in several} <= {*directions}:
        return None
    return [tuple(map(directions.index, several)) for several in names]


def hoppings_with_derivatives(
    amplitudes: Complex,
    translations: Integer,
    bonds: Float,
    positions: Float,
    directions: tuple[str, ...],
    along: Sequence[Derivative],
) -> Complex:
    """Hoppings together with those of the k derivatives of H.

    d/dk multiplies h_ij(R) by i (R + tau_j - tau_i). The phases exp(i k.(tau_j - tau_i)) are omitted: they are a change
    of basis that does not affect eigenframes.

    Parameters
    ----------
    amplitudes : complex array, shape (R, N, N)
    translations : int array, shape (R, d)
    bonds : float array, shape (R, N, N, d)
        Cartesian bond vectors R + tau_j - tau_i.
    positions : float array, shape (N, d)
    directions : tuple of str
        "kx", ..., one for each dimension.
    along : sequence of str or tuple of str
        Derivatives (see `adiabloch.models.crystal.Derivative`).

    Returns
    -------
    complex array, shape (R, 1 + derivatives, N, N)

    Raises
    ------
    InvalidArgumentError
        A derivative along another direction.
    """
    stack = [amplitudes]
    for derivative in along:
        names = directions_of(derivative)
        if names[0] in position_names(directions):
            if len(names) > 1:
                raise InvalidArgumentError(
                    f"derivative {derivative!r}: orbital positions do not depend on k, expected {names[0]!r} alone"
                )
            axis = position_names(directions).index(names[0])
            stack.append(_position_matrix(amplitudes, translations, positions[:, axis]))
            continue
        matrices = amplitudes
        for name in names:
            if name not in directions:
                raise InvalidArgumentError(
                    f"derivative along {name!r}: expected one of {directions}{did_you_mean(name, directions)}"
                )
            matrices = 1j * bonds[..., directions.index(name)] * matrices
        stack.append(matrices)
    return np.stack(stack, axis=1)


def _position_matrix(amplitudes: Complex, translations: Integer, coordinates: Float) -> Complex:
    """One component of the position matrix by translation, (R, N, N): diagonal, and only at R = 0."""
    matrices = np.zeros_like(amplitudes)
    matrices[(translations == 0).all(axis=1)] = np.diag(coordinates)
    return matrices
