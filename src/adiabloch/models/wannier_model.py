"""Models of Wannier functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike

from adiabloch.lattice import Lattice
from adiabloch.models.outside_states import OutsideStates
from adiabloch.models.tight_binding import TightBinding


def WannierModel(
    lattice: Lattice | ArrayLike | None,
    positions: ArrayLike | None,
    hoppings: Mapping[Any, ArrayLike] | ArrayLike,
    position_matrix: Mapping[Any, ArrayLike] | ArrayLike,
    spin: ArrayLike | Mapping[Any, ArrayLike] | None = None,
    outside: OutsideStates | None = None,
) -> TightBinding:
    """Make a tight-binding model of Wannier functions: a `TightBinding` with a position matrix.

    Parameters
    ----------
    lattice, positions, hoppings, position_matrix, spin, outside
        As for `TightBinding`; positions in Cartesian coordinates, or None for the centres on the diagonal of r(0).

    Returns
    -------
    TightBinding

    Raises
    ------
    InvalidModelError
        As for `TightBinding`, and likewise for the position matrix; the message names R.
    """
    return TightBinding(
        lattice, positions, hoppings, spin, position_matrix=position_matrix, reduced=False, outside=outside
    )
