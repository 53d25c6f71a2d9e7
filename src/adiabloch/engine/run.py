"""Options that all responses share: accuracy, limits, executor, progress."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypedDict

import numpy as np

from adiabloch.arrays import Float, checked
from adiabloch.errors import CallError, InvalidArgumentError, Stopped, ToleranceNotReachedError, did_you_mean, warn
from adiabloch.integration.mesh_symmetry import Symmetry, checked_symmetry
from adiabloch.integration.running import checked_executor
from adiabloch.markup import Markup, card, entry_table, or_text
from adiabloch.names import suggests
from adiabloch.scalars import is_number, is_whole
from adiabloch.units import Unit

LIMIT = 2**27
"""Largest number of points by default."""
PRINTED = 9
"""Largest number of components that a message contains."""
SEVERAL_RESULTS = (
    "checkpoint: this function computes several integrals; expected a response with a single one, or adiabloch.sweep "
    "with a store"
)
"""Message for a checkpoint of a function that has none."""
Mesh = int | Sequence[int] | None
"""Points along each axis of the zone (and the cycle); None to choose them by the tolerance."""


@or_text
def accuracy_html(accuracy: Accuracy) -> Markup:
    """Table of the accuracy asked for, and of the limit of the effort."""
    on_mesh = accuracy.mesh is not None
    tolerance = "that of the response" if accuracy.tolerance is None else f"{accuracy.tolerance:g}"
    entries = [
        ("relative accuracy", "none, on a fixed mesh" if on_mesh else tolerance),
        ("sufficient accuracy, absolute", "none" if accuracy.absolute is None else f"{accuracy.absolute:g}"),
        ("mesh", str(accuracy.mesh) if on_mesh else "as large as the accuracy needs"),
        ("largest number of points", f"{accuracy.limit}"),
        ("if it is not reached", "an error" if accuracy.strict else "a warning, and the best estimate"),
    ]
    return card([entry_table("Accuracy", entries)])


@suggests()
@dataclass(frozen=True)
class Accuracy:
    """Accuracy of a result: requested accuracy, and limit of the effort.

    Parameters
    ----------
    tolerance : float, optional
        Relative accuracy of the largest component; by default that of the response, 1e-6 or 1e-4.
    absolute : float, optional
        Sufficient accuracy whatever the result, in its unit.
    limit : int
        Largest number of points.
    mesh : int or sequence of int, optional
        A fixed uniform mesh; the tolerance has no effect then.
    strict : bool
        Raise an error if the tolerance is not reached.
    """

    tolerance: float | None = None
    absolute: float | None = None
    limit: int = LIMIT
    mesh: Mesh = None
    strict: bool = False

    _repr_html_ = accuracy_html


class Options(TypedDict, total=False):
    """Keyword arguments of every response: an `Accuracy` or its entries, symmetry, executor, progress, dry run."""

    accuracy: Accuracy | None
    symmetry: Symmetry
    tolerance: float | None
    absolute: float | None
    limit: int
    mesh: Mesh
    strict: bool
    executor: Executor | int | None
    progress: bool | None
    checkpoint: str | os.PathLike[str] | None
    dry_run: bool


DEFAULTS: dict[str, Any] = {
    "tolerance": None,
    "absolute": None,
    "mesh": None,
    "limit": LIMIT,
    "strict": False,
    "accuracy": None,
    "symmetry": "find",
    "executor": None,
    "progress": None,
    "checkpoint": None,
    "dry_run": False,
}
"""Options in the order of every signature, with their defaults."""


@dataclass(frozen=True, eq=False)
class Run:
    """One evaluation: accuracy, limits, executor, progress, start time."""

    tolerance: float
    limit: int = LIMIT
    executor: Executor | int | None = None
    progress: bool | None = None
    started: float = field(default_factory=time.perf_counter)
    absolute: float | None = None
    strict: bool = False
    mesh: Mesh = None
    symmetry: Symmetry = "find"
    dry_run: bool = False

    @classmethod
    def of(cls, options: Options, tolerance: float) -> Run:
        """Check the options of a response with the given default tolerance.

        Raises
        ------
        InvalidArgumentError
        """
        for name in options:
            if name not in DEFAULTS:
                raise CallError(f"unexpected keyword argument {name!r}{did_you_mean(name, DEFAULTS)}")
        given: dict[str, Any] = {**DEFAULTS, **options}
        if given.pop("checkpoint") is not None:
            raise InvalidArgumentError(SEVERAL_RESULTS)
        accuracy = given.pop("accuracy")
        if accuracy is not None:
            if not isinstance(accuracy, Accuracy):
                raise InvalidArgumentError(f"accuracy: {accuracy!r}, expected an adiabloch.Accuracy")
            doubled = sorted(f.name for f in fields(Accuracy) if given[f.name] != DEFAULTS[f.name])
            if doubled:
                raise InvalidArgumentError(f"accuracy, {', '.join(doubled)}: expected one of the two")
            given |= asdict(accuracy)
        if given["tolerance"] is None:
            given["tolerance"] = tolerance
        return cls(**given)

    def __post_init__(self) -> None:
        if self.absolute is not None and not (is_number(self.absolute) and self.absolute >= 0):
            raise InvalidArgumentError(
                f"absolute: {self.absolute!r}, expected an accuracy in the unit of the result, 0 or more"
            )
        if not (is_number(self.tolerance) and 0 < self.tolerance < 1):
            raise InvalidArgumentError(f"tolerance: {self.tolerance!r}, expected a relative accuracy between 0 and 1")
        if not isinstance(self.strict, bool | np.bool_):
            raise InvalidArgumentError(f"strict: {self.strict!r}, expected True or False")
        if not is_whole(self.limit, 1):
            raise InvalidArgumentError(f"limit: {self.limit!r}, expected a number of points")
        checked_symmetry(self.symmetry)
        checked_executor(self.executor)

    def options(self, absolute: float | None = None) -> Options:
        """Options for another response that is evaluated as a part of this one, with its own absolute accuracy."""
        return {
            "tolerance": self.tolerance,
            "absolute": absolute,
            "mesh": self.mesh,
            "limit": self.limit,
            "strict": self.strict,
            "symmetry": self.symmetry,
            "executor": self.executor,
            "progress": self.progress,
            "dry_run": self.dry_run,
        }

    def sides(self, dimension: int) -> tuple[int, ...] | None:
        """Points of the fixed mesh along each axis; None without a fixed mesh.

        Raises
        ------
        InvalidArgumentError
        """
        if self.mesh is None:
            return None
        given = np.broadcast_to(self.mesh, dimension) if np.ndim(self.mesh) == 0 else self.mesh
        sides = checked(given, "mesh", None, int)
        if sides.shape != (dimension,):
            raise InvalidArgumentError(
                f"mesh: {sides.tolist()}, expected one number of points, or {dimension}: one for each direction of k, "
                "and for a cycle one for its phase"
            )
        if sides.min() < 1:
            raise InvalidArgumentError(f"mesh: {sides.tolist()}, expected positive numbers of points")
        return tuple(int(n) for n in sides)

    def in_units_of(self, factor: float) -> Run:
        """Copy of the run for a quantity that is smaller than the result by this factor."""
        return self if self.absolute is None or factor == 0 else replace(self, absolute=self.absolute / abs(factor))

    def report_shortfall(self, message: str, estimate: object, error: float) -> None:
        """Warn that the tolerance was not reached, or raise an error if the run is strict.

        Raises
        ------
        ToleranceNotReachedError
        """
        if self.strict:
            raise ToleranceNotReachedError(message, estimate=estimate, error=error)
        warn(message)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started


@contextmanager
def reporting_stop(
    title: str, unit: Unit, in_user_units: Callable[[Any], tuple[Float, Float | float, str]]
) -> Iterator[None]:
    """Report the best estimate after Ctrl-C.

    `in_user_units` converts the estimate of an integral to its value and error in units of the user, and to words on
    the points it was found with.

    Raises
    ------
    Stopped
    """
    try:
        yield
    except KeyboardInterrupt as reason:
        best = getattr(reason, "estimate", None)
        if best is None:
            raise Stopped(f"{title}: stopped before there was an estimate") from None
        value, error, points = in_user_units(best)
        found = np.array2string(value, precision=6) if value.size <= PRINTED else "in the exception's `estimate`"
        raise Stopped(
            f"{title}: stopped {points}; best estimate {found}, error up to {np.max(error):.1e} {unit}",
            estimate=value,
            error=error,
        ) from None
