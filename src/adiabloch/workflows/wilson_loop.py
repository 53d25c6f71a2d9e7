"""Flow of hybrid Wannier centres, with the Chern number and the Z2 number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import chosen_group, model_digest
from adiabloch.engine.results import labelled
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.geometry.gaps import check_gap
from adiabloch.geometry.wilson import hybrid_centres, largest_gaps, winding, z2_number
from adiabloch.linalg import energies_batch
from adiabloch.memory import check_matrices
from adiabloch.models.crystal import THETA, Crystal, checked_crystal
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.names import checked_call
from adiabloch.occupation import Group
from adiabloch.scalars import is_number, is_whole
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

PAIRED = 1e-3
"""Largest distance of two centres, or difference of energies relative to their spread, of a pair."""
LARGEST_STEP = 0.25
"""Largest step of the sum of the centres between two lines."""
MOST_LINES = 3000


@checked_call
def wilson_loop(
    model: TightBinding | Cycle,
    occupied: int | None = None,
    loop: str | None = None,
    across: str | None = None,
    *,
    bands: int | tuple[int, int] | None = None,
    at: Mapping[str, float] | None = None,
    lines: int = 61,
    points: int = 60,
) -> xarray.Dataset:
    r"""Flow of the centres of hybrid Wannier functions (Wilson loops) of occupied bands.

    .. math:: x_j(k) = \frac{1}{2\pi} \arg w_j(k), \qquad W(k) = P \exp\, i \oint A(k, k^\prime)\, dk^\prime

    Parameters
    ----------
    model : TightBinding or Cycle
        The crystal, in two or three dimensions, or a cycle in any.
    occupied : int
        Number of occupied bands.
    loop : str, optional
        Direction along which the functions are localized, "kx" (default), "ky" or "kz", in the sense of the first,
        second and third reciprocal vector.
    across : str, optional
        Direction along which the centres are followed: the next one by default, and "theta" for a cycle.
    bands : int or (int, int), optional
        In place of `occupied`: a group of bands, the lowest ones or from first to last + 1.
    at : mapping {str: float}, optional
        Reduced coordinates of the other directions (theta in turns), zero by default.
    lines : int
        Number of loops; more are added while the centres move too far from one to the next.
    points : int
        Number of points of each loop.

    Returns
    -------
    xarray.Dataset
        `centre` over `position` (the reduced coordinate, or the phase in turns, from 0 to 1) and `function`, in units
        of the lattice vector; `chern_number` on the plane, in the order of the directions of the crystal (for a cycle:
        the number of electrons that it pumps backwards along the loop). With time reversal (pairs of states at the
        invariant lines) also `z2_number` and `largest_gap`, the middle of the largest gap.

    Raises
    ------
    InvalidArgumentError
        Unknown directions.
    GapClosedError
        No gap above the occupied bands.

    Examples
    --------
    >>> import adiabloch as ab
    >>> int(ab.wilson_loop(ab.models.haldane(delta=0.3, t2=0.1, phi=1.2), occupied=1).chern_number)
    -1
    >>> int(ab.wilson_loop(ab.models.kane_mele(delta=0.1, intrinsic=0.1), occupied=2).z2_number)
    1
    """
    crystal: Crystal = checked_crystal(model, "model")
    group = chosen_group(model, occupied, bands)[0]
    if isinstance(group, int):
        check_gap(crystal, group)
    loop, across = _directions(crystal, loop, across)
    if not is_whole(lines, 3) or not is_whole(points, 3):
        raise InvalidArgumentError(f"lines, points: {lines!r}, {points!r}, expected integers, at least 3")
    home = _coordinates(crystal, loop, across, at)
    axes = [crystal.directions.index(name) for name in (loop, across)]
    count = int(lines) + (1 - int(lines) % 2)
    while True:
        check_matrices(count * int(points), crystal.size, 2 + crystal.lattice.dimension, "lines, points")
        position = np.linspace(0.0, 1.0, count)
        through = np.tile(home, (count, 1))
        through[:, axes[1]] = position
        centres = hybrid_centres(crystal, group, axes[0], through, int(points))
        turns, step = winding(centres)
        if step < LARGEST_STEP or count > MOST_LINES:
            break
        count = 2 * count - 1
    if step >= LARGEST_STEP:
        raise InvalidArgumentError(
            f"lines: the centres move by {step:.2f} between two of {count} lines; is the gap open?"
        )
    # C = (1/2 pi) int d_a A_b - d_b A_a with the centres (1/2 pi) int A
    chern = -turns if axes[0] < axes[1] else turns
    variables = {
        "centre": (["position", "function"], centres, Unit(), f"hybrid Wannier centre along {loop}"),
        "chern_number": ([], np.asarray(chern), Unit(), "Chern number"),
    }
    half = centres[: count // 2 + 1]
    if across != THETA and _time_reversal(crystal, group, home, axes, half):
        variables["z2_number"] = ([], np.asarray(z2_number(half)), Unit(), "Z2 number")
        variables["largest_gap"] = (["half"], largest_gaps(half), Unit(), "middle of the largest gap")
    return labelled(
        variables,
        {
            "position": ("position", position, {"units": "1", "long_name": across}),
            "half": ("half", position[: len(half)]),
        },
        model=model_digest(crystal),
        response="wilson_loop",
        loop=loop,
        across=across,
    )


def _directions(crystal: Crystal, loop: str | None, across: str | None) -> tuple[str, str]:
    """Names of the two directions of the plane."""
    along = crystal.lattice.directions
    loop = "kx" if loop is None else loop
    if loop not in along:
        raise InvalidArgumentError(
            f"loop: {loop!r}, expected one of {', '.join(along)}{did_you_mean(str(loop), along)}"
        )
    others = [name for name in crystal.directions if name != loop]
    if not others:
        raise InvalidArgumentError("wilson_loop: a crystal in one dimension, expected two or three, or a cycle")
    if across is None:
        across = THETA if THETA in others else others[0]
    if across not in others:
        raise InvalidArgumentError(f"across: {across!r}, expected one of {', '.join(others)}")
    return loop, across


def _coordinates(crystal: Crystal, loop: str, across: str, at: Mapping[str, float] | None) -> Float:
    """Point of the torus with the coordinates of the other directions."""
    free = [name for name in crystal.directions if name not in (loop, across)]
    given = {} if at is None else at
    if not isinstance(given, Mapping) or any(name not in free or not is_number(x) for name, x in given.items()):
        raise InvalidArgumentError(f"at: {at!r}, expected reduced coordinates of {', '.join(free) or 'no direction'}")
    return np.array([float(given.get(name, 0.0)) for name in crystal.directions])


def _time_reversal(crystal: Crystal, group: Group, home: Float, axes: list[int], centres: Float) -> bool:
    """Return True if the centres come in pairs on the invariant lines, and the energies are equal at k and -k."""
    number = centres.shape[1]
    others = [axis for axis in range(len(home)) if axis not in axes]
    if number % 2 or any(not float(2 * home[axis]).is_integer() for axis in others):
        return False
    for line in (centres[0], centres[-1]):
        # pairs may meet across the end of the cell
        pairs = [np.roll(line, shift) for shift in (0, 1)]
        apart = [np.abs((found[1::2] - found[::2] + 0.5) % 1.0 - 0.5).max() for found in pairs]
        if min(apart) > PAIRED:
            return False
    k = np.random.default_rng(0).uniform(size=(8, len(home)))
    k[:, others] = home[others]
    levels = [energies_batch(crystal.matrices().at(sign * k)[:, 0]) for sign in (1, -1)]
    return bool(np.abs(levels[0] - levels[1]).max() < PAIRED * 1e-3 * np.ptp(levels[0]))
