"""Heights of the orbitals of a layer as operators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import checked
from adiabloch.engine.arguments import Model
from adiabloch.engine.operators import checked_operators
from adiabloch.geometry.layers import SLOPES, Z
from adiabloch.models.crystal import Operator
from adiabloch.models.fourier import FourierSeries

Heights = ArrayLike | Mapping[Any, ArrayLike]
LAYER = "a layer, with the heights of its orbitals given apart"


def height_operators(crystal: Model, heights: Heights) -> dict[str, Operator]:
    """The height z, and its plain derivatives along k where z does not commute with the positions in the plane.

    Raises
    ------
    InvalidArgumentError
    """
    z = _height(crystal, heights)
    if not crystal.has_basis_connection and np.ndim(heights) == 1:  # type: ignore[arg-type]
        return {Z: z}
    return {Z: z, **{name: _slope(crystal, z, axis) for axis, name in enumerate(SLOPES)}}


def _height(crystal: Model, heights: Heights) -> Operator:
    """The height as an operator in the basis of the crystal."""
    if isinstance(heights, Mapping | FourierSeries) or np.ndim(heights) == 2:
        return checked_operators(crystal, {Z: heights})[Z]
    return np.diag(checked(heights, "heights", (crystal.size,))).astype(np.complex128)


def _slope(crystal: Model, z: Operator, axis: int) -> Operator:
    """Plain derivative of the height along k, from its Fourier series without the positions in the cell."""
    if not isinstance(z, FourierSeries):
        return np.zeros((crystal.size, crystal.size), dtype=np.complex128)
    cells = z.frequencies[:, : crystal.lattice.dimension] @ crystal.lattice.vectors
    return FourierSeries(z.frequencies, 1j * cells[:, axis, None, None, None] * z.coefficients)
