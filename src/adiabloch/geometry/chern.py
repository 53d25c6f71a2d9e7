"""Chern numbers of the occupied bands on the planes of the unit torus."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence

import numpy as np

from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.gauge import second_chern_form
from adiabloch.geometry.plaquettes import Plaquettes
from adiabloch.memory import check_matrices
from adiabloch.models.crystal import Crystal, checked_crystal
from adiabloch.models.cycle import Cycle
from adiabloch.models.shared_arrays import in_units
from adiabloch.models.tight_binding import TightBinding
from adiabloch.occupation import Group
from adiabloch.scalars import is_whole
from adiabloch.units import Units


def chern_number(
    crystal: Crystal, occupied: Group, plane: tuple[str, str] | None = None, *, points: int = 16, limit: int = 2**18
) -> int:
    """Chern number of a group of bands on a plane of the torus, the other coordinates at zero.

    Parameters
    ----------
    crystal : Crystal
    occupied : int or (int, int)
        Number of occupied bands; or first and last + 1 of a group of bands.
    plane : tuple of str, optional
        Two directions of the crystal; "kx" stands for the first reciprocal vector and so on. Not needed if the crystal
        has only two directions.
    points : int
        Initial number of points along each side. Points are added where the gap is small, and where the flux through
        a plaquette is large.
    limit : int
        Largest number of points.

    Returns
    -------
    int
        C = (1/2 pi) int Omega^{ab} d_a d_b, with Omega^{ab} = d_a A^b - d_b A^a. The bands need a direct gap to all
        others at each k, but may overlap with them in energy.

    Raises
    ------
    InvalidArgumentError
        The crystal does not have these bands or directions, or the bands touch others.

    References
    ----------
    T. Fukui, Y. Hatsugai, H. Suzuki, J. Phys. Soc. Jpn. 74, 1674 (2005).
    """
    axes = _checked_plane(crystal, plane)
    _check_group(crystal, occupied)
    _check_points(crystal, points, limit)
    crystal = _in_natural_units(crystal)
    plaquettes = Plaquettes(crystal, occupied, axes, points)
    if not plaquettes.refine(limit):
        raise InvalidArgumentError(
            f"Chern number on {tuple(crystal.directions[axis] for axis in axes)}: the states change too quickly for "
            f"{len(plaquettes.number)} points; is the gap open?"
        )
    return round(float(plaquettes.phases().sum() / (2 * np.pi)))


def _in_natural_units(crystal: Crystal) -> Crystal:
    """The crystal with energies and lengths of the order of one, whatever the units of the user."""
    if not isinstance(crystal, TightBinding | Cycle) or crystal.units != Units():
        return crystal
    units = crystal.natural_units
    return in_units(crystal, units) if isinstance(crystal, TightBinding) else crystal.scaled(units)


def _checked_plane(crystal: Crystal, plane: object) -> tuple[int, int]:
    """Indices of two directions of a crystal."""
    known = checked_crystal(crystal).directions
    if plane is None and len(known) == 2:
        return 0, 1
    planes = ", ".join(str(pair) for pair in itertools.combinations(known, 2)) or "none in one dimension"
    if isinstance(plane, str) or not isinstance(plane, Sequence) or len(plane) != 2:
        raise InvalidArgumentError(f"plane: {plane!r}, expected two directions: {planes}")
    for direction in plane:
        if direction not in known:
            raise InvalidArgumentError(
                f"plane: {direction!r} is no direction of this crystal, expected two of {', '.join(known)}"
                f"{did_you_mean(direction, known)}"
            )
    first, second = (known.index(direction) for direction in plane)
    if first == second:
        raise InvalidArgumentError(f"plane: {plane!r}, expected two different directions: {planes}")
    return first, second


def _check_group(crystal: Crystal, group: object) -> None:
    """Check that a crystal has these bands."""
    try:
        first, last = (operator.index(edge) for edge in ((0, group) if not isinstance(group, tuple) else group))
    except (TypeError, ValueError):
        first, last = 0, 0
    if not 0 <= first < last <= crystal.size or isinstance(group, bool):
        raise InvalidArgumentError(
            f"occupied: {group!r}, expected a number of lowest bands or (first, last + 1), out of {crystal.size}"
        )


def _check_points(crystal: Crystal, points: object, limit: object) -> None:
    """Check numbers of points: that along each side of a plane, and the largest one."""
    if not is_whole(points, 1):
        raise InvalidArgumentError(f"points: {points!r}, expected a positive number of points along each side")
    if not is_whole(limit, 1):
        raise InvalidArgumentError(f"limit: {limit!r}, expected a number of points")
    check_matrices(int(points) ** 2, crystal.size, 1 + len(crystal.directions), "points")  # type: ignore[call-overload]


def chern_numbers(crystal: Crystal, occupied: Group) -> dict[tuple[str, ...], int]:
    """Chern numbers of the occupied bands on every coordinate plane of the torus."""
    directions = checked_crystal(crystal).directions
    return {(a, b): chern_number(crystal, occupied, (a, b)) for a, b in itertools.combinations(directions, 2)}


def second_chern_number(crystal: Crystal, occupied: Group, *, points: int = 8, limit: int = 64) -> int:
    r"""Second Chern number of the occupied bands on a four-dimensional torus, three wave numbers and theta.

    .. math:: C_2 = \frac{1}{4 \pi^2} \int \mathrm{tr} (F_{ab} F_{cd} + F_{bc} F_{ad} + F_{ca} F_{bd})\, d^4 x

    Parameters
    ----------
    crystal : Crystal
        With four directions.
    occupied : int or (int, int)
        Number of occupied bands; or first and last + 1 of a group of bands.
    points : int
        Initial number of points along each axis, doubled until the integral is close to an integer.
    limit : int
        Largest number of points along each side.
    """
    directions = checked_crystal(crystal).directions
    if len(directions) != 4:
        raise InvalidArgumentError(
            f"second Chern number: a torus of {len(directions)} dimensions, {directions}; expected four (a 3D cycle)"
        )
    _check_points(crystal, points, limit)
    crystal = _in_natural_units(crystal)
    series = crystal.matrices(directions)
    # d^4 k d theta = (2 pi)^4/V d^4(reduced)
    factor = (2 * np.pi) ** 4 / crystal.lattice.measure / (4 * np.pi**2)
    previous: float = np.nan
    while points <= limit:
        axis = np.arange(points) / points
        total = 0.0
        for first, second in itertools.product(axis, axis):
            frame = frame_of(series.on_grid([np.array([first]), np.array([second]), axis, axis]), directions)
            total += float(second_chern_form(frame, occupied, directions).sum())
        number = factor * total / points**4
        # the convergence is exponential: after a change by a fraction, the error is of the order of its square
        if abs(number - round(number)) < 0.1 and abs(number - previous) < 0.5:
            return round(number)
        previous, points = number, 2 * points
    raise InvalidArgumentError(
        f"second Chern number: still {previous:.3f} with {limit} points a side; is the gap open?"
    )
