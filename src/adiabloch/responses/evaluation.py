"""From an integrand to numbers with an error bar: what all responses of insulators share."""

from __future__ import annotations

import itertools
import math
import operator
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import numpy as np

from adiabloch.arrays import checked
from adiabloch.errors import InvalidArgumentError, ObstructedError, Stopped, ToleranceNotReachedError, warn
from adiabloch.geometry.band_edges import band_edges, check_insulator
from adiabloch.geometry.chern import chern_numbers, second_chern_number
from adiabloch.geometry.degeneracy import FRACTION, STEEPNESS, Degeneracy, refuse_groups
from adiabloch.geometry.frame import frame_of
from adiabloch.geometry.gaps import bandwidth, check_gap
from adiabloch.geometry.occupied import Group, inside_outside
from adiabloch.geometry.trials import Choice, Trials, trial_orbitals
from adiabloch.integration.insulator import LEVEL, Insulator
from adiabloch.integration.mesh import Integral, integrate
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import checked_executor
from adiabloch.integration.thermal_bands import ThermalBands
from adiabloch.models.crystal import Crystal
from adiabloch.models.cycle import MOTION_HINT, THETA, Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.results import labelled

if TYPE_CHECKING:
    import xarray

Model = TightBinding | Cycle
PER = {1: "length", 2: "area", 3: "volume"}
ACROSS = "in one dimension nothing flows across"
FLAT = "a one-dimensional crystal has no orbital magnetization"
"""Why a response needs more than one dimension."""
UNTOLD = f"how the Wannier functions move was not told ({MOTION_HINT}): i <W|d_theta W> counts as zero"
LIMIT = 2**27
"""Points after which an integral gives up."""
CANCELLING = 1e-3
"""By default a result that cancels is wanted as well as if it were this part of the integrand without its signs: what
a cycle pumps is often a hundredth of what goes on in it, and the next digit of a smooth integral costs little."""
M = TypeVar("M", TightBinding, Cycle)
Windings = Mapping[tuple[str, ...], int]
"""Chern numbers by directions."""


class Means(TypedDict):
    """What the keyword arguments of a response say of how it runs."""

    strict: bool
    limit: int
    executor: Executor | int | None
    progress: bool | None


@dataclass(frozen=True, eq=False)
class Effort:
    """How accurate, at most how many points, where, and whether somebody watches."""

    tolerance: float
    limit: int = LIMIT
    executor: Executor | int | None = None
    progress: bool | None = None
    started: float = field(default_factory=time.perf_counter)
    absolute: float | None = None
    """Accuracy that is enough whatever the result, in its unit; None for one made of the size of what cancels."""
    strict: bool = False
    """Whether a tolerance that is not reached is an error."""

    def __post_init__(self) -> None:
        if self.absolute is not None:
            number = isinstance(self.absolute, Real) and not isinstance(self.absolute, bool | np.bool_)
            if not (number and 0 <= self.absolute < math.inf):
                raise InvalidArgumentError(
                    f"absolute: {self.absolute!r}, expected an accuracy in the unit of the result, 0 or more"
                )
        if not (isinstance(self.tolerance, Real) and 0 < self.tolerance < 1):
            raise InvalidArgumentError(f"tolerance: {self.tolerance!r}, expected a relative accuracy between 0 and 1")
        if not (isinstance(self.limit, int | np.integer) and self.limit > 0):
            raise InvalidArgumentError(f"limit: {self.limit!r}, expected a number of points")
        checked_executor(self.executor)

    @property
    def means(self) -> Means:
        """For another response that this one calls."""
        return {
            "strict": self.strict,
            "limit": self.limit,
            "executor": self.executor,
            "progress": self.progress,
        }

    def in_units_of(self, factor: float) -> Effort:
        """The same for what is this factor times smaller than the result."""
        return self if self.absolute is None or factor == 0 else replace(self, absolute=self.absolute / abs(factor))

    def complain(self, message: str, estimate: object, error: float) -> None:
        """Tell that the tolerance was not reached: an error if that is wanted, else a warning.

        Raises
        ------
        ToleranceNotReachedError
        """
        if self.strict:
            raise ToleranceNotReachedError(message, estimate=estimate, error=error)
        warn(message)

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.started


def evaluated(
    integrand: Insulator | ThermalBands,
    effort: Effort,
    *,
    title: str,
    unit: str,
    scale: float = 0.0,
    leading: int | None = None,
    density: int = 2,
    quiet: bool = False,
) -> Integral:
    """Mean of an integrand over the torus, divided by the measure of the cell.

    Parameters
    ----------
    integrand : Insulator or ThermalBands
    effort : Effort
    title : str
        What is computed, for the progress bar and errors.
    unit : str
    scale : float
        A natural size of the result: the tolerance is relative to the result or to this, whichever is larger.
    leading : int, optional
        How many outputs, from the first, are the result; the others are parts of it.
    density : int
        Points of the first mesh for each harmonic of H.
    quiet : bool
        Do not warn of a tolerance that is not reached: the caller does.

    Returns
    -------
    Integral
        `converged` tells whether the tolerance was reached within the limit of points; if not, there is a warning.

    Raises
    ------
    GapClosedError, BrokenGaugeError
    ToleranceNotReachedError
        The limit was reached first, and that is to be an error.
    """
    crystal = integrand.crystal
    if isinstance(integrand, Insulator):
        integrand.check_filling()
    per_cell = 1.0 / crystal.lattice.measure
    highest = np.abs(crystal.frequencies).max(axis=0)[: integrand.dimension]
    start = tuple(
        max(4 if d == THETA else 6, density * int(m) + 2) for d, m in zip(crystal.directions, highest, strict=False)
    )
    factor = per_cell * crystal.units.size(unit)
    with ProgressBar(title, effort.progress) as bar, _stopped(title, unit, factor):
        if effort.absolute is not None:
            enough = effort.absolute / crystal.units.size(unit)
        else:
            enough = per_cell * effort.tolerance * CANCELLING * _without_signs(integrand, start, leading)
        integral = integrate(
            integrand,
            tolerance=effort.tolerance,
            absolute=enough / per_cell,
            start=start,
            limit=effort.limit,
            scale=scale / per_cell,
            leading=leading,
            executor=effort.executor,
            progress=bar,
            inspect=integrand.inspect,
        ).times(per_cell)
    if not integral.converged and (effort.strict or not quiet):
        size = crystal.units.size(unit)
        value, error = size * integral.value, size * integral.error
        scales = {"gap": crystal.units.energy}
        lows = {name: scales.get(name, 1.0) * low for name, low in _reported(integral).items()}
        narrow = " and ".join(f"the smallest {name}, {low:.2e}," for name, low in lows.items())
        reason = "" if integral.resolved else f"; {narrow} not resolved"
        asked = size * max(effort.tolerance * max(float(np.abs(integral.value[:leading]).max()), scale), enough)
        effort.complain(
            f"{title}: tolerance {effort.tolerance:.0e} not reached within {effort.limit} points: error "
            f"{error:.1e} {unit}, {asked:.1e} {unit} wanted, of best estimate "
            f"{np.array2string(value[:leading], precision=6)} {unit} on a mesh of {' x '.join(map(str, integral.mesh))}"
            f"{reason}; allow more points (limit), or ask for less (tolerance, absolute)",
            value,
            error,
        )
    return integral


def _without_signs(integrand: Insulator | ThermalBands, mesh: Sequence[int], leading: int | None) -> float:
    """What the largest output is without its sign, on a coarse mesh; the median, as a narrow peak says too much."""
    shift = (math.sqrt(5) - 1) / 2
    axes = [(np.arange(n) + shift) / n for n in mesh]
    # no more points than one call serves
    while math.prod(len(axis) for axis in axes) > max(integrand.batch, 2 ** len(axes)):
        longest = int(np.argmax([len(axis) for axis in axes]))
        axes[longest] = axes[longest][::2]
    size = float(np.median(np.abs(integrand(axes).values[:, :leading]), axis=0).max())
    return size if math.isfinite(size) else 0.0


@contextmanager
def _stopped(title: str, unit: str, factor: float) -> Iterator[None]:
    """Say what had been found by Ctrl-C, the means over the torus being so many units of the user's."""
    try:
        yield
    except KeyboardInterrupt as reason:
        best = getattr(reason, "estimate", None)
        if not isinstance(best, Integral):
            raise Stopped(f"{title}: stopped before there was an estimate") from None
        best = best.times(factor)
        raise Stopped(
            f"{title}: stopped; best estimate {np.array2string(best.value, precision=6)} {unit}, error "
            f"{best.error:.1e}, on a mesh of {' x '.join(map(str, best.mesh))}",
            estimate=best.value,
            error=best.error,
        ) from None


def error_bar(integral: Integral, crystal: Crystal) -> float:
    """Quadrature error, and what the interpolation between the snapshots of a cycle leaves uncertain."""
    tail = crystal.tail if isinstance(crystal, Cycle) else 0.0
    return math.hypot(integral.error, tail * float(np.abs(integral.value).max()))


def facts(integral: Integral, crystal: Model, occupied: Group, effort: Effort, **more: object) -> dict[str, object]:
    """Attributes that tell how a result was made."""
    lows = _reported(integral)
    tail: dict[str, object] = {"cycle_tail": crystal.tail} if isinstance(crystal, Cycle) else {}
    if isinstance(crystal, Cycle) and crystal.has_basis_connection and not crystal.orbitals_move:
        tail["motion"] = UNTOLD
    return {
        "model": crystal.digest,
        **named_group(occupied),
        "tolerance": float(effort.tolerance),
        "converged": integral.converged,
        "mesh": list(integral.mesh),
        "points": integral.points,
        **lows,
        **tail,
        **more,
        "seconds": effort.elapsed,
    }


def _reported(integral: Integral) -> dict[str, float]:
    """Lowest values of what must not vanish, without those that say where to look only."""
    return {name: low.value for name, low in integral.lows.items() if name != LEVEL}


def measured(
    integrand: Insulator,
    effort: Effort,
    *,
    title: str,
    unit: str,
    coordinates: Mapping[str, Sequence[str]],
    **more: object,
) -> xarray.Dataset:
    """Integrate and label: `total` and `error`, the outputs in the order of the coordinates, the last one fastest."""
    crystal = integrand.crystal
    assert isinstance(crystal, TightBinding | Cycle)
    (occupied,) = integrand.groups
    assert isinstance(occupied, int)
    integral = evaluated(integrand, effort, title=title, unit=unit)
    shape = tuple(len(labels) for labels in coordinates.values())
    per = PER[crystal.lattice.dimension]
    return labelled(
        {
            "total": ([*coordinates], integral.value.reshape(shape), unit, f"{title} per {per}"),
            "error": ([*coordinates], np.full(shape, error_bar(integral, crystal)), unit, "error bar"),
        },
        {name: list(labels) for name, labels in coordinates.items()},
        **facts(integral, crystal, occupied, effort, **more),
    )


def checked_occupied(crystal: Model, occupied: object, *, empty: int = 1) -> int:
    """Return the number of occupied bands of an insulator, at least one, with so many empty ones left or more.

    Raises
    ------
    InvalidArgumentError
    OverlappingBandsError
        The occupied bands rise above the empty ones: a metal.
    """
    number = counted_bands(occupied, crystal.size, empty=empty)
    check_insulator(crystal, number)
    return number


def counted_bands(occupied: object, size: int, *, empty: int = 1) -> int:
    """Return a number of occupied bands out of `size`, with so many empty ones left at least."""
    whole = isinstance(occupied, int | np.integer) and not isinstance(occupied, bool | np.bool_)
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
    """Return the occupied bands of an insulator, or a group of bands whatever the filling, with a note on it.

    All bands may be occupied: Wannier functions of the valence bands have no empty ones.

    Parameters
    ----------
    crystal : TightBinding or Cycle
    occupied, bands : object
        What the user gave; one of the two. `bands` is a number of lowest bands or (first, last + 1).

    Raises
    ------
    InvalidArgumentError
    OverlappingBandsError
        `occupied` was given, and it is a metal.
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
    """How attributes name a group of bands: `occupied`, or `bands` from first to last + 1."""
    return {"occupied": group} if isinstance(group, int) else {"bands": list(group)}


def checked_cycle(cycle: object, dimensions: tuple[int, ...] = (1, 2, 3), why: str = "") -> Cycle:
    """Return a cycle of the right dimension."""
    if not isinstance(cycle, Cycle):
        raise InvalidArgumentError(f"cycle: expected an adiabloch.Cycle, got {type(cycle).__name__}")
    return _of_dimension(cycle, "cycle", dimensions, why)


def checked_model(model: object, dimensions: tuple[int, ...] = (1, 2, 3), why: str = "") -> TightBinding:
    """Return a model of the right dimension."""
    if not isinstance(model, TightBinding):
        raise InvalidArgumentError(f"model: expected an adiabloch.TightBinding, got {type(model).__name__}")
    return _of_dimension(model, "model", dimensions, why)


def _of_dimension(crystal: M, name: str, dimensions: tuple[int, ...], why: str) -> M:
    if crystal.lattice.dimension not in dimensions:
        wanted = " or ".join(f"{d}D" for d in dimensions)
        reason = f": {why}" if why else ""
        raise InvalidArgumentError(f"{name}: a {crystal.lattice.dimension}D crystal, expected {wanted}{reason}")
    return crystal


def checked_groups(crystal: Model, occupied: int, groups: Sequence[int] | None) -> tuple[Group, ...]:
    """Groups of occupied bands from their sizes, lowest first; by default all in one."""
    if groups is None:
        return (occupied,)
    sizes = checked(groups, "groups", (None,), int).tolist()
    if min(sizes, default=0) < 1 or sum(sizes) != occupied:
        raise InvalidArgumentError(f"groups: sizes {sizes}, expected positive numbers that add up to {occupied}")
    edges = [0, *itertools.accumulate(sizes)]
    return tuple(itertools.pairwise(edges))


def checked_degeneracy(crystal: Crystal, degeneracy: float | None, *, on_mesh: bool = False) -> Degeneracy:
    """Which bands count as degenerate: the user's energy, or by default a fraction of the bandwidth.

    By default bands that only cross, or nearly so, are not joined; but on a mesh, whose points lie just where symmetry
    makes bands meet, they are.
    """
    width = bandwidth(crystal)
    crossing = STEEPNESS * width
    if degeneracy is None:
        return Degeneracy(FRACTION * width, np.inf if on_mesh else crossing, crossing)
    number = isinstance(degeneracy, Real) and not isinstance(degeneracy, bool | np.bool_)
    if not (number and 0 <= float(degeneracy) < np.inf):
        given = crystal.units.told(float(degeneracy)) if number else repr(degeneracy)
        raise InvalidArgumentError(
            f"degeneracy: {given}, expected an energy, zero or more, in the energy unit of the model"
        )
    return Degeneracy(float(degeneracy), crossing=crossing)


def apart(crystal: Model, groups: tuple[Group, ...]) -> None:
    """Look on a coarse mesh whether groups that the user made are groups, or parts of one that noise splits.

    Raises
    ------
    DegenerateBandsError
    """
    axes = [np.arange(8) / 8 + 0.03] * len(crystal.directions)
    frame = frame_of(crystal.matrices(crystal.directions).on_grid(axes), crystal.directions)
    edges = {inside_outside(group, crystal.size)[0].start for group in groups} - {0}
    joined = checked_degeneracy(crystal, None).joined(frame, crystal.lattice)
    refuse_groups(joined, sorted(edges), energy=crystal.units.energy)


def unobstructed(crystal: Model, groups: tuple[Group, ...], what: str, remedy: str = "") -> Windings:
    """Chern numbers of the first group, all of them zero, as they are for the other groups.

    Raises
    ------
    ObstructedError
        Some Chern number does not vanish: the message says which.
    """
    windings = [windings_of(crystal, group) for group in groups]
    for group, numbers in zip(groups, windings, strict=True):
        wound = {directions: number for directions, number in numbers.items() if number}
        if wound:
            inside, _ = inside_outside(group, crystal.size)
            bands = "the occupied bands" if len(groups) == 1 else f"bands {inside.start} to {inside.stop - 1}"
            raise ObstructedError(
                f"{what} is not defined: {bands} have {described(wound)}, which allows no smooth gauge{remedy}",
                chern_numbers=wound,
            )
    return windings[0]


def windings_of(crystal: Model, group: Group) -> dict[tuple[str, ...], int]:
    """First Chern numbers on all planes of the torus, and the second one if it has four dimensions."""
    inside, _ = inside_outside(group, crystal.size)
    for edge in {inside.start, inside.stop} - {0, crystal.size}:
        check_gap(crystal, edge)
    numbers = chern_numbers(crystal, group)
    several = min(inside.stop - inside.start, crystal.size - inside.stop + inside.start) > 1
    # a single band, or all but one, has no second Chern number beside its first ones
    if len(crystal.directions) == 4 and several and not any(numbers.values()):
        numbers[crystal.directions] = second_chern_number(crystal, group)
    return numbers


def described(windings: Windings) -> str:
    """Chern numbers in words."""
    return ", ".join(f"C({', '.join(directions)}) = {number}" for directions, number in windings.items())


def smooth_trials(crystal: Model, groups: tuple[Group, ...], trials: Choice) -> tuple[Trials, ...]:
    """Trial orbitals for each group: the user's, shared out, or the program's."""
    if trials is None or len(groups) == 1:
        return tuple(trial_orbitals(crystal, group, trials) for group in groups)
    together = np.asarray(trials)
    edges = [inside_outside(group, crystal.size)[0] for group in groups]
    return tuple(
        trial_orbitals(crystal, group, together[..., inside]) for group, inside in zip(groups, edges, strict=True)
    )
