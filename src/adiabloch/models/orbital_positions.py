"""Orbital positions given by the user: conversion to Cartesian coordinates and a check of their units."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked, frozen
from adiabloch.errors import InvalidArgumentError, UnitWarning, warn
from adiabloch.lattice import Lattice

UNIT_LENGTH_RANGE = 1.45
"""Largest ratio of a lattice vector's length to 1, or of 1 to it, for which the cell counts as one of unit length."""
SUSPECT_RATIO = 1.2
"""Ratio of the smallest distance between sites, read as reduced and as Cartesian coordinates, that raises a warning."""
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
            f"{name}: all coordinates lie between 0 and 1 in a cell with vectors of length "
            f"{', '.join(f'{x:.4g}' for x in lengths)}, and are taken as Cartesian; say reduced=True if they are "
            "multiples of the lattice vectors, reduced=False if not",
            UnitWarning,
        )
    return positions


def _look_reduced(lattice: Lattice, positions: Float) -> bool:
    """True if all coordinates lie in [0, 1) and the sites would be farther apart if the coordinates were reduced."""
    if not positions.size or positions.min() < 0 or positions.max() >= 1:
        return False
    positions = positions[:COMPARED_SITES]
    closest = _smallest_distance(lattice, lattice.reduced_positions(positions))
    return 0 < SUSPECT_RATIO * closest < _smallest_distance(lattice, positions)


def _smallest_distance(lattice: Lattice, reduced: Float) -> float:
    """Smallest distance between different sites, with periodic images; 0 if all sites coincide."""
    between = (reduced[None] - reduced[:, None]).reshape(-1, lattice.dimension)
    images = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * lattice.dimension, indexing="ij"), -1)
    steps = (between - np.rint(between))[:, None] + images.reshape(-1, lattice.dimension)
    distances = np.sqrt(((steps @ lattice.vectors) ** 2).sum(axis=-1)).min(axis=1)
    apart = distances[distances > 1e-6 * np.abs(lattice.vectors).max()]
    return float(apart.min(initial=np.inf)) if len(apart) else 0.0
