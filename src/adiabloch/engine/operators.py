"""Bounded observables given by the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, checked
from adiabloch.engine.arguments import Model
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.second_order import slope_name
from adiabloch.models.crystal import Operator
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.hoppings import (
    Translation,
    checked_hermitian,
    checked_hoppings,
    checked_spin,
    with_partners,
)

SPIN = ("sx", "sy", "sz")
Given = ArrayLike | Mapping[Any, ArrayLike] | Operator
"""Observable given by the user: a matrix, matrices by translation, or an operator of a crystal."""
Spin = ArrayLike | Mapping[Any, ArrayLike]
"""Three spin operators, (3, N, N), or by translation."""


def checked_operators(crystal: Model, operators: Mapping[str, Given]) -> dict[str, Operator]:
    """Observables by name, in the basis of the model: Hermitian matrices, or series of them."""
    if not isinstance(operators, Mapping) or not operators:
        raise InvalidArgumentError(f"operators: expected a mapping of names to matrices, got {operators!r}")
    taken = sorted({*crystal.directions, "rx", "ry", "rz"})
    for name in operators:
        if not isinstance(name, str) or name in taken:
            wanted = f"a string other than {', '.join(taken)}"
            raise InvalidArgumentError(f"operators: {name!r} is no name for one; expected {wanted}")
    return {name: _checked_operator(crystal, operator, name) for name, operator in operators.items()}


def _checked_operator(crystal: Model, given: Given, name: str) -> Operator:
    n, d = crystal.size, crystal.lattice.dimension
    if isinstance(given, FourierSeries):
        if given.frequencies.shape[1] != len(crystal.directions) or given.coefficients.shape[1:] != (1, n, n):
            raise InvalidArgumentError(f"operator {name!r}: a series of another crystal, expected one of this")
        return given
    if not isinstance(given, Mapping):
        matrix = checked(given, f"operator {name!r}", (n, n), complex)  # type: ignore[arg-type]
        return checked_hermitian(matrix[None], f"operator {name!r}, matrix")[0]
    return _series(
        crystal, with_partners(checked_hoppings(given, d, n, f"operator {name!r}"), f"operator {name!r}", "O")
    )


def _series(crystal: Model, blocks: Mapping[Translation, Complex]) -> FourierSeries:
    """Fourier series over the zone from matrices (n, n) by translation, constant along a cycle."""
    cells = np.zeros((len(blocks), len(crystal.directions)), dtype=np.int64)
    cells[:, : crystal.lattice.dimension] = list(blocks)
    return FourierSeries(cells, np.array(list(blocks.values()))[:, None])


def checked_spins(crystal: Model, spin_operators: Spin | None) -> dict[str, Operator]:
    """Spin operators by name, "sx", "sy", "sz": those given, or those of the model."""
    if spin_operators is None:
        observables = crystal.observables
        if not observables:
            raise InvalidArgumentError(
                "spin_operators: the model has no spin; expected S_x, S_y, S_z of shape (3, N, N) here, or as `spin` "
                "of the TightBinding"
            )
        return {name: observables[name] for name in SPIN}
    given = checked_spin(spin_operators, crystal.lattice.dimension, crystal.size, "spin_operators")
    if not isinstance(given, Mapping):
        return dict(zip(SPIN, given, strict=True))
    return {name: _series(crystal, {R: S[i] for R, S in given.items()}) for i, name in enumerate(SPIN)}


def spins_and_slopes(crystal: Model, spin_operators: Spin | None) -> dict[str, Operator]:
    """Spin operators by name, and the derivatives along k of those that connect cells."""
    spins = checked_spins(crystal, spin_operators)
    slopes: dict[str, Operator] = {}
    for name, operator in spins.items():
        if isinstance(operator, FourierSeries):
            R = operator.frequencies @ crystal.lattice.vectors
            for axis, direction in enumerate(crystal.lattice.directions):
                slope = 1j * R[:, axis, None, None, None] * operator.coefficients
                slopes[slope_name(name, direction)] = FourierSeries(operator.frequencies, slope)
    return spins | slopes
