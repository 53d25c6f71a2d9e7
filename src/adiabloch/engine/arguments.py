"""Checks of the arguments of responses."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, TypeVar, cast

import numpy as np

from adiabloch.arrays import checked
from adiabloch.engine.declaration import Response
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.band_edges import band_edges, check_insulator
from adiabloch.geometry.degeneracy import FRACTION, STEEPNESS, Degeneracy, refuse_groups
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.gaps import bandwidth
from adiabloch.models.crystal import THETA, Crystal, is_crystal, kind_of
from adiabloch.models.cycle import MOTION_HINT, Cycle
from adiabloch.models.deformation import Deformation
from adiabloch.models.tight_binding import TightBinding
from adiabloch.occupation import Group, subspace_indices
from adiabloch.scalars import is_whole

Model = TightBinding | Cycle
M = TypeVar("M", TightBinding, Cycle, Deformation)
ACROSS = "in one dimension nothing flows across"
FLAT = "a one-dimensional crystal has no orbital magnetization"
NO_CURL = (
    "in three dimensions a current of second Chern form remains if the Fermi level is not in a gap at zero "
    "temperature, and no gauge-invariant part of the current is a curl: the orbital magnetization that an electric "
    "field induces in a 3D metal is not known to be a property of the bulk. Expected a crystal in two dimensions, or a "
    "chemical potential in a gap and temperature 0"
)
"""Reasons why a response needs more than one dimension."""
UNKNOWN_MOTION = f"the motion of the Wannier functions is not given ({MOTION_HINT}): i <W|d_theta W> counts as zero"


def checked_occupied(crystal: Model, occupied: object, *, empty: int = 1) -> int:
    """Return the number of occupied bands of an insulator, at least one, with at least `empty` empty bands.

    Raises
    ------
    InvalidArgumentError
    OverlappingBandsError
        An occupied level lies above an empty level: a metal.
    """
    number = counted_bands(occupied, crystal.size, empty=empty)
    check_insulator(crystal, number)
    return number


def counted_bands(occupied: object, size: int, *, empty: int = 1) -> int:
    """Return the number of occupied bands out of `size`, with at least `empty` empty bands."""
    whole = is_whole(occupied, 0)
    most = size - empty
    if whole and 1 <= occupied <= most:  # type: ignore[operator]
        return int(occupied)  # type: ignore[call-overload]
    if most < 1:
        expected = "this crystal has a single band, and at least one must stay empty"
    elif whole and empty and occupied >= size:  # type: ignore[operator]
        expected = f"expected 1 <= occupied <= {most}: at least one of the {size} bands must stay empty"
    else:
        expected = f"expected 1 <= occupied <= {most}, a whole number of bands"
    raise InvalidArgumentError(f"occupied: {occupied!r}, {expected}")


def chosen_group(crystal: Model, occupied: object, bands: object) -> tuple[Group, dict[str, str]]:
    """Return the occupied bands of an insulator or any group of bands, with a note as attribute.

    All bands may be occupied, as for Wannier functions of the valence bands.

    Parameters
    ----------
    crystal : TightBinding or Cycle
    occupied, bands : object
        Arguments of the user, one of the two. `bands` is a number of lowest bands or (first, last + 1).

    Raises
    ------
    InvalidArgumentError
    OverlappingBandsError
        `occupied` was given, and the crystal is a metal.
    """
    if (occupied is None) == (bands is None):
        raise InvalidArgumentError("occupied, bands: expected one of the two")
    if bands is None:
        return checked_occupied(crystal, occupied, empty=0), {}
    expected = (
        f"expected a number of lowest bands or (first, last + 1), out of {crystal.size} bands and not all of them"
    )
    pair: Any = (0, bands) if np.ndim(bands) == 0 else bands  # type: ignore[arg-type]
    try:
        first, last = (operator.index(edge) for edge in pair)
    except (TypeError, ValueError):
        raise InvalidArgumentError(f"bands: {bands!r}, {expected}") from None
    if not 0 <= first < last <= crystal.size or last - first == crystal.size or isinstance(bands, bool):
        raise InvalidArgumentError(f"bands: {bands!r}, {expected}")
    below, above = (band_edges(crystal, edge).gap if 0 < edge < crystal.size else math.inf for edge in (first, last))
    overlaps = [
        f"those {side} by {-crystal.units.energy * gap:.6g}"
        for side, gap in (("below", below), ("above", above))
        if gap < 0
    ]
    if not overlaps:
        return (first, last), {}
    note = (
        f"bands {first} to {last - 1} overlap in energy {' and '.join(overlaps)}: of this group of bands, no insulator"
    )
    return (first, last), {"note": note}


def named_group(group: Group) -> dict[str, object]:
    """Attributes for a group of bands: `occupied`, or `bands` from first to last + 1."""
    return {"occupied": group} if isinstance(group, int) else {"bands": list(group)}


def checked_cycle(cycle: object, dimensions: tuple[int, ...] = (1, 2, 3), why: str = "") -> Cycle:
    """Return a cycle of the right dimension: a Cycle, or another crystal with the direction theta."""
    if not is_crystal(cycle) or THETA not in cast(Crystal, cycle).directions:
        raise InvalidArgumentError(
            "cycle: expected an adiabloch.Cycle, or an object with the interface adiabloch.models.Crystal and the "
            f"direction theta, got {kind_of(cycle)}"
        )
    return _of_dimension(cast(Cycle, cycle), "cycle", dimensions, why)


def checked_model(model: object, dimensions: tuple[int, ...] = (1, 2, 3), why: str = "") -> TightBinding:
    """Return a model of the right dimension: a TightBinding, or another object with the interface of a crystal."""
    if not is_crystal(model) or THETA in cast(Crystal, model).directions:
        raise InvalidArgumentError(
            "model: expected an adiabloch.TightBinding, or an object with the interface adiabloch.models.Crystal, got "
            f"{kind_of(model)}"
        )
    return _of_dimension(cast(TightBinding, model), "model", dimensions, why)


def checked_hoppings_of(model: object, dimensions: tuple[int, ...], why: str) -> TightBinding:
    """Return a TightBinding of the right dimension, for calculations that need hoppings."""
    if not isinstance(model, TightBinding):
        raise InvalidArgumentError(
            f"model: expected an adiabloch.TightBinding, whose hoppings can be cut, got {type(model).__name__}"
        )
    return _of_dimension(model, "model", dimensions, why)


def crystal_for(response: Response, crystal: object) -> Model:
    """Return a model, or a cycle, of a dimension in which the response is defined.

    Raises
    ------
    InvalidArgumentError
        Something else, or another dimension.
    NoBulkDefinitionError
        The response is no property of the bulk in this dimension.
    """
    checked: Callable[..., Model] = checked_cycle if response.cycle else checked_model
    response.check_bulk(checked(crystal).lattice.dimension)
    return checked(crystal, response.dimensions, response.reason)


def checked_deformation(deformation: object, dimensions: tuple[int, ...] = (1, 2, 3), why: str = "") -> Deformation:
    """Return a deformation of the right dimension."""
    if not isinstance(deformation, Deformation):
        raise InvalidArgumentError(f"deformation: expected an adiabloch.Deformation, got {type(deformation).__name__}")
    return _of_dimension(deformation, "deformation", dimensions, why)


def _of_dimension(crystal: M, name: str, dimensions: tuple[int, ...], why: str) -> M:
    if crystal.lattice.dimension not in dimensions:
        wanted = " or ".join(f"{d}D" for d in dimensions)
        reason = f": {why}" if why else ""
        raise InvalidArgumentError(f"{name}: a {crystal.lattice.dimension}D crystal, expected {wanted}{reason}")
    return crystal


def model_digest(crystal: Crystal) -> str:
    """Digest of the contents of a crystal, or the name of its class if it has none."""
    return str(getattr(crystal, "digest", type(crystal).__name__))


def checked_groups(crystal: Model, occupied: int, groups: Sequence[int] | None) -> tuple[Group, ...]:
    """Groups of occupied bands from their sizes, lowest first; by default all in one."""
    if groups is None:
        return (occupied,)
    sizes = checked(groups, "groups", (None,), int).tolist()
    if min(sizes, default=0) < 1 or sum(sizes) != occupied:
        raise InvalidArgumentError(f"groups: sizes {sizes}, expected positive numbers that add up to {occupied}")
    return tuple(itertools.pairwise([0, *itertools.accumulate(sizes)]))


def checked_degeneracy(crystal: Crystal, degeneracy: float | Degeneracy | None, *, on_mesh: bool = False) -> Degeneracy:
    """Criterion for degenerate bands: the energy of the user, or by default a fraction of the bandwidth.

    By default bands that cross, or nearly cross, are not joined. They are joined on a fixed mesh, whose points often
    coincide with crossings at points of high symmetry.
    """
    if isinstance(degeneracy, Degeneracy):
        return degeneracy
    width = bandwidth(crystal)
    crossing = STEEPNESS * width
    if degeneracy is None:
        return Degeneracy(FRACTION * width, np.inf if on_mesh else crossing, crossing)
    number = isinstance(degeneracy, Real) and not isinstance(degeneracy, bool | np.bool_)
    if not (number and 0 <= float(degeneracy) < np.inf):
        given = crystal.units.in_user_units(float(degeneracy)) if number else repr(degeneracy)
        raise InvalidArgumentError(
            f"degeneracy: {given}, expected an energy, zero or more, in the energy unit of the model"
        )
    return Degeneracy(float(degeneracy), crossing=crossing)


def check_groups_apart(crystal: Model, groups: tuple[Group, ...]) -> None:
    """Check on a coarse mesh that groups of bands given by the user are not parts of one degenerate group.

    Raises
    ------
    DegenerateBandsError
    """
    axes = [np.arange(8) / 8 + 0.03] * len(crystal.directions)
    frame = frame_of(crystal.matrices(crystal.directions).on_grid(axes), crystal.directions)
    band_counts = {subspace_indices(group, crystal.size)[0].start for group in groups} - {0}
    joined = checked_degeneracy(crystal, None).joined(frame, crystal.lattice)
    refuse_groups(joined, sorted(band_counts), energy=crystal.units.energy)
