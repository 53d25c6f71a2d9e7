"""Orbital positions given by the user: conversion to Cartesian coordinates and a check of their units."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked, frozen, tensor_grid
from adiabloch.errors import InvalidArgumentError, UnitWarning, warn
from adiabloch.lattice import Lattice

UNIT_LENGTH_RANGE = 1.45
"""Largest ratio of a lattice vector's length to 1, or of 1 to it, for which the cell counts as one of unit length."""
SUSPECT_RATIO = 1.2
"""Ratio of the smallest distance between sites, read as reduced and as Cartesian coordinates, that raises a warning."""
FAR_OUTSIDE = 100
"""Distance from the origin, in lattice vectors, that no Cartesian coordinate of a site has by intention."""
COMPARED_SITES = 100
"""Sites whose distances are compared; the pairs of more sites are not needed."""


def cartesian_positions(lattice: Lattice, given: ArrayLike, name: str, reduced: bool | None) -> Float:
    """Positions in Cartesian coordinates, with a warning if they look like reduced ones.

    Parameters
    ----------
    lattice : Lattice
    given : array_like, shape (n, d)
    name : str
        Name of the argument, for messages.
    reduced : bool or None
        True: `given` are multiples of the lattice vectors. False: they are Cartesian. None: they are Cartesian, and a
        warning is given if they do not look so.

    Returns
    -------
    float array, shape (n, d)

    Raises
    ------
    InvalidModelError
        `given` has another shape or is not finite.
    InvalidArgumentError
        `reduced` is not a boolean.

    Warns
    -----
    UnitWarning
        Positions that look like reduced ones, if `reduced` is None.
    """
    positions = checked(given, name, (None, lattice.dimension))
    if not (reduced is None or isinstance(reduced, bool | np.bool_)):
        raise InvalidArgumentError(f"reduced: {reduced!r}, expected True or False")
    if reduced:
        return frozen(positions @ lattice.vectors)
    lengths = np.sqrt((lattice.vectors**2).sum(axis=1))
    other_unit = lengths.min() > UNIT_LENGTH_RANGE or lengths.max() < 1 / UNIT_LENGTH_RANGE
    if reduced is None and other_unit and _look_reduced(lattice, positions):
        warn(
            f"{name}: all coordinates lie between {positions.min():.4g} and {positions.max():.4g} in a cell with "
            f"vectors of length {', '.join(f'{x:.4g}' for x in lengths)}, and are taken as Cartesian; say reduced=True "
            "if they are multiples of the lattice vectors, reduced=False if not",
            UnitWarning,
        )
    return positions


def _look_reduced(lattice: Lattice, positions: Float) -> bool:
    """True if coordinates of at most 1 would make more sense as multiples of the lattice vectors.

    They do so if sites lie far outside the cell, as 0.5 does in a cell in metres, or if all coordinates lie in [0, 1]
    and either the sites would be farther apart as reduced ones, or all are one site at a fraction of the cell.
    """
    if not positions.size or np.abs(positions).max() > 1:
        return False
    cells = lattice.reduced_positions(positions)
    if np.abs(cells).max() > FAR_OUTSIDE:
        return True
    if positions.min() < 0:
        return False
    if lattice.dimension > 1 and not np.ptp(positions, axis=0).any():
        # such as (1/2, 1/2) and (1/3, 2/3), unless it is the corner or the centre of the cell
        return _are_multiples(positions[0], 12) and not (_are_multiples(positions[0], 1) or _are_multiples(cells[0], 2))
    closest = _smallest_distance(lattice, cells[:COMPARED_SITES])
    return 0 < SUSPECT_RATIO * closest < _smallest_distance(lattice, positions[:COMPARED_SITES])


def _are_multiples(coordinates: Float, parts: int) -> bool:
    """True if all coordinates are multiples of 1/parts to three digits."""
    return np.allclose(coordinates, np.rint(parts * coordinates) / parts, rtol=0, atol=1e-3)


def _smallest_distance(lattice: Lattice, reduced: Float) -> float:
    """Smallest distance between different sites, with periodic images; 0 if all sites coincide."""
    between = (reduced[None] - reduced[:, None]).reshape(-1, lattice.dimension)
    steps = (between - np.rint(between))[:, None] + tensor_grid([[-1.0, 0.0, 1.0]] * lattice.dimension)
    distances = np.sqrt(((steps @ lattice.vectors) ** 2).sum(axis=-1)).min(axis=1)
    apart = distances[distances > 1e-6 * np.abs(lattice.vectors).max()]
    return float(apart.min(initial=np.inf)) if len(apart) else 0.0
