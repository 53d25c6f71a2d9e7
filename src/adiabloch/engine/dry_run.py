"""Forecasts of points, time and memory: the cost of a calculation from trials with few points.

A trial that reaches the goal has the cost of the calculation. Otherwise the errors of two trials are extrapolated. The
error of a uniform mesh falls exponentially with the number of points along an axis, that of boxes at a Fermi surface
with a power of their number. The number of boxes around a narrow gap is expected from the gap.
"""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from adiabloch.compiled import LARGE, expecting
from adiabloch.engine.results import Variable, labelled
from adiabloch.errors import ToleranceNotReachedError
from adiabloch.memory import KEPT, format_bytes, resident_memory
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

T = TypeVar("T")
TRIAL = 2**15
"""Limit of the points of a trial, for at most `SMALL` bands; it falls with the square of their number."""
SMALL = 4
"""Number of bands up to which a trial has its full limit of points."""
POWERS = (0.5, 3.0)
"""Smallest and largest power of the number of boxes with which the error at a Fermi surface falls."""


@dataclass(frozen=True)
class Forecast:
    """Expected cost of a calculation."""

    points: float
    seconds: float
    arrays: float
    """Largest memory of arrays at a time, in bytes."""
    process: float = field(default_factory=resident_memory)
    """Memory of a process without them, in bytes: libraries, compiled kernels and the crystal."""

    def times(self, count: int, workers: int = 1) -> Forecast:
        """Cost of `count` such calculations, of which `workers` run at a time."""
        together = min(count, workers)
        return Forecast(
            count * self.points, math.ceil(count / together) * self.seconds, together * self.arrays, self.process
        )

    def dataset(self) -> xarray.Dataset:
        """Labelled numbers."""
        variables: dict[str, Variable] = {
            "points": ([], np.asarray(self.points), Unit(), "points at which H is diagonalized"),
            "seconds": ([], np.asarray(self.seconds), "s", "wall time"),
            "memory": ([], np.asarray(self.process + self.arrays), "B", "largest memory of the process"),
        }
        cost = f"about {self.points:.2g} points, {self.seconds:.2g} s, {format_bytes(self.process + self.arrays)}"
        return labelled(variables, {}, title="Forecast", forecast=cost, memory_of_arrays=self.arrays)


def mean_of(found: Sequence[Forecast]) -> Forecast:
    """Mean cost of several calculations, with the largest memory."""
    return Forecast(
        float(np.mean([one.points for one in found])),
        float(np.mean([one.seconds for one in found])),
        max(one.arrays for one in found),
        max(one.process for one in found),
    )


def points_of_trial(bands: int) -> int:
    """Limit of the points of a trial."""
    return round(TRIAL * min(1.0, (SMALL / bands) ** 2))


def trial_mesh(sides: Sequence[int], bands: int) -> tuple[int, ...]:
    """Mesh of even sides with few points for a trial."""
    few = points_of_trial(bands)
    step = max(1.0, (math.prod(sides) / (2 * few)) ** (1 / len(sides)))
    least = 4 if 4 ** len(sides) <= 16 * few else 2
    return tuple(n if step == 1.0 else max(least, 2 * round(n / step / 2)) for n in sides)


def points_for_each(sides: Sequence[int] | None, coarse: Sequence[int] | None) -> float:
    """Points of a fixed mesh for each point of the mesh of a trial; 1 if the mesh is not fixed."""
    return 1.0 if sides is None or coarse is None else math.prod(sides) / math.prod(coarse)


class ForecastFound(BaseException):
    """End of a dry run."""

    def __init__(self, forecast: Forecast) -> None:
        super().__init__()
        self.forecast = forecast


class Trial(NamedTuple):
    """Outcome of an evaluation with a limit of points."""

    points: int
    excess: float
    """Error over the allowed error."""
    converged: bool
    next_points: float = 0.0
    """Number of points of the next step, if it was beyond the limit."""
    share: float = 1.0
    """Fraction of the phases of a cycle that symmetry leaves."""


Law = Callable[[Trial, Trial], float]
"""Number of points at which the goal is reached, from two trials that missed it."""


def forecast(
    evaluate: Callable[[int], Trial],
    law: Law,
    *,
    few: int,
    many: int,
    limit: int,
    started: float,
    kept: Callable[[float], float] = lambda points: 0.0,
    mesh_points: int | None = None,
    more: float = 1.0,
) -> Forecast:
    """Forecast from trials.

    Parameters
    ----------
    evaluate : callable
        Limit of points -> Trial.
    law : callable
        Two trials -> number of points.
    few, many, limit : int
        Limits of points of the two trials and of the calculation.
    started : float
        Start of the call, whose time until now is part of the cost.
    kept : callable, optional
        Number of points -> bytes of the numbers that are kept of them.
    mesh_points : int, optional
        For uniform meshes, whose number of points decides on compiled kernels: that of a fixed mesh, or 0.
    more : float
        Points of the calculation for each point of a trial on a coarser mesh.

    Raises
    ------
    ToleranceNotReachedError
        If the calculation itself would be refused.
    """
    before, at_first = time.perf_counter() - started, resident_memory()
    with expecting(mesh_points or 0):
        tracemalloc.start()
        try:
            first = _evaluated(evaluate, few, limit)
            arrays = float(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        begun = time.perf_counter()
        last = _evaluated(evaluate, min(max(8 * first.points, many), limit), limit)
        seconds = time.perf_counter() - begun
    points = float(last.points)
    if not last.converged and last.points < limit:
        points = min(max(law(first, last), points, last.next_points), limit)
    points *= more
    if mesh_points == 0 and points >= LARGE > last.points:
        # kernels for many points are loaded, then timed
        with expecting(round(points)):
            begun = time.perf_counter()
            _evaluated(evaluate, few, limit)
            loaded = time.perf_counter()
            last = _evaluated(evaluate, last.points, limit)
            seconds, before = time.perf_counter() - loaded, before + loaded - begun
    process = max(at_first, resident_memory() - min(arrays, KEPT))
    arrays += kept(points) - kept(first.points)
    return Forecast(points, before + seconds * points / max(last.points, 1), arrays, process)


def _evaluated(evaluate: Callable[[int], Trial], few: int, limit: int) -> Trial:
    """Trial with few points, or as many as the first evaluation needs."""
    while True:
        try:
            return evaluate(min(few, limit))
        except ToleranceNotReachedError:
            if few >= limit:
                raise
            few *= 8


def exponential_in_side(dimension: int, least: float) -> Law:
    """Law of uniform meshes: the error falls exponentially with the side; at least `least` points are needed."""

    def points(first: Trial, last: Trial) -> float:
        if last.points == first.points:
            return float(last.points)  # it ended by itself
        sides = [trial.points ** (1 / dimension) for trial in (first, last)]
        more = _steps(first, last) * (sides[1] - sides[0])
        needed = max((sides[1] + more) ** dimension, least)
        doublings = max(math.ceil(math.log2(needed / last.points) / dimension), 1)
        # meshes are doubled along each axis or a part of them: between the needed number and the next full doubling
        return math.sqrt(needed * last.points * 2.0 ** (dimension * doublings))

    return points


def expected(points: float) -> Law:
    """Law of boxes around a narrow gap, whose number is expected from the gap: their error falls only at the end."""
    return lambda first, last: points * last.share


def power(first: Trial, last: Trial) -> float:
    """Law of boxes at a Fermi surface: the error falls with a power of the number of points."""
    if last.points == first.points:
        return float(last.points)
    found = math.log(first.excess / last.excess) / math.log(last.points / first.points)
    return float(last.points * last.excess ** (1 / min(max(found, POWERS[0]), POWERS[1])))


def _steps(first: Trial, last: Trial) -> float:
    """Number of further steps like the one between two trials until the goal is reached."""
    fallen, missing = math.log(max(first.excess / last.excess, 1.0)), math.log(max(last.excess, 1.0))
    return missing / fallen if fallen > 0.1 * missing else 0.0


_INSIDE: ContextVar[bool] = ContextVar("_INSIDE", default=False)


@contextmanager
def _inside() -> Iterator[bool]:
    """True on the outermost call."""
    outermost = not _INSIDE.get()
    token = _INSIDE.set(True)
    try:
        yield outermost
    finally:
        _INSIDE.reset(token)


def result_or_forecast(call: Callable[[], T], labelled: Callable[[Forecast], T]) -> T:
    """Result of a call, or the forecast with which its dry run ended; the outermost such call returns the forecast."""
    with _inside() as outermost:
        try:
            return call()
        except ForecastFound as found:
            if not outermost:
                raise
            return labelled(found.forecast)
