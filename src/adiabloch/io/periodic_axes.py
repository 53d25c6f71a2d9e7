"""Lattice vectors along which a crystal is periodic, and the Cartesian axes that they span."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError


def right_handed_order(axes: Iterable[int]) -> tuple[int, ...]:
    """Order axes cyclically, which keeps the handedness: x, y; y, z; z, x."""
    chosen = set(axes)
    missing = {0, 1, 2} - chosen
    start = (max(missing) + 1) % 3 if len(chosen) == 2 else min(chosen)
    return tuple(x for x in ((start + step) % 3 for step in range(3)) if x in chosen)


def cyclic_axes(plane: tuple[int, ...]) -> tuple[int, ...]:
    """All three Cartesian axes in cyclic order, beginning with the first axis of the plane."""
    return tuple((plane[0] + step) % 3 for step in range(3))


def spanned_axes(vectors: Float, kept: tuple[int, ...]) -> tuple[int, ...] | None:
    """Cartesian axes spanned by the lattice vectors `kept`; None unless the other vectors are perpendicular."""
    others = [axis for axis in range(3) if axis not in kept]
    if not others:
        return 0, 1, 2
    plane = np.flatnonzero(np.abs(vectors[list(kept)]).max(axis=0) > 1e-8).tolist()
    fits = len(plane) == len(kept) and np.abs(vectors[np.ix_(others, plane)]).max(initial=0.0) <= 1e-8
    return right_handed_order(plane) if fits else None


def spanned_axes_message(vectors: Float, kept: tuple[int, ...]) -> str:
    """Error message for lattice vectors that do not span Cartesian axes."""
    names = ", ".join(f"a{axis + 1}" for axis in kept)
    return (
        f"lattice vectors {vectors.tolist()}, expected {names} along as many of the axes x, y, z, and the others "
        f"perpendicular for dimension = {len(kept)}"
    )


def checked_axes(dimension: int | None, axes: Sequence[int] | None) -> tuple[int, tuple[int, ...] | None]:
    """Check the number of dimensions and the lattice vectors along which a crystal is periodic.

    Parameters
    ----------
    dimension : int or None
        Number of dimensions; by default that of `axes`, or 3.
    axes : sequence of int or None
        Lattice vectors, from 0.

    Returns
    -------
    dimension : int
    axes : tuple of int or None

    Raises
    ------
    InvalidArgumentError
        An argument is out of range, or the two contradict each other.
    """
    if dimension is not None and dimension not in (1, 2, 3):
        raise InvalidArgumentError(f"dimension: {dimension!r}, expected 1, 2 or 3")
    if axes is None:
        return dimension or 3, None
    try:
        chosen = tuple(operator.index(axis) for axis in axes)
    except TypeError:
        chosen = ()
    if not chosen or len(set(chosen)) != len(chosen) or not set(chosen) <= {0, 1, 2}:
        raise InvalidArgumentError(f"axes: {axes!r}, expected some of the lattice vectors 0, 1, 2, each once")
    if dimension not in (None, len(chosen)):
        raise InvalidArgumentError(f"axes: {axes!r}, expected {dimension} of them for dimension = {dimension}")
    return len(chosen), chosen
