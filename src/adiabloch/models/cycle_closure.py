"""Closure of a path of models, and accuracy of the interpolation between its snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import CoarseCycleError, InvalidModelError
from adiabloch.models.hoppings import Translation
from adiabloch.models.tight_binding import TightBinding

Parts = Mapping[str, Mapping[Translation, Complex | Float]]
"""Matrices and positions of a model, by name and translation."""
CLOSURE_TOLERANCE = 1e-6
"""Largest difference between the ends of a closed path, relative to the change along the path."""
ROUNDING = 1e-12
"""Largest difference due to rounding, relative to the size of a quantity."""
TEST_POINT = 0.382
"""Position between two snapshots at which the interpolation is tested; at 0.5 unresolved harmonics may vanish."""
TESTED = 24
"""Largest number of test points."""
PERIODS = {
    1.0: "it closes at theta = 1, so it seems to take turns; it is called with radians, 0 to 2 pi",
    360.0: "it closes at theta = 360, so it seems to take degrees; it is called with radians, 0 to 2 pi",
    4 * np.pi: "it closes at theta = 4 pi, so that 0 to 2 pi is half of the cycle",
}
"""Other values of theta at which a path may close, and the explanation."""


_SAMPLES: ContextVar[int | None] = ContextVar("_SAMPLES", default=None)


@contextmanager
def sampled_like(snapshots: int) -> Iterator[None]:
    """Context in which functions of theta are sampled like a neighbouring cycle, without further checks."""
    token = _SAMPLES.set(snapshots)
    try:
        yield
    finally:
        _SAMPLES.reset(token)


def known_samples() -> int | None:
    """Number of snapshots of a neighbouring cycle that was checked; None outside `sampled_like`."""
    return _SAMPLES.get()


def check_closed(function: Callable[[float], TightBinding], snapshots: Sequence[TightBinding]) -> None:
    """Check that a function gives the same model at theta = 0 and 2 pi.

    Raises
    ------
    InvalidModelError
        The models differ; the message says in which quantity, and at which theta the path closes, if it does.
    """
    start, end = model_parts(snapshots[0]), model_parts(function(2 * np.pi))
    changes = _changes(snapshots)
    for name, change in changes.items():
        gap = largest_difference(start[name], end.get(name, {}))
        if gap > _allowed(start[name], change):
            raise InvalidModelError(
                f"cycle: the path does not close: between theta = 0 and 2 pi {name} differ by {gap:.3g} (they change "
                f"by {change:.3g} along the way); {_explained(function, start, end, name, change)}"
            )


def interpolation_error(
    function: Callable[[float], TightBinding],
    interpolated: Callable[[float], TightBinding],
    snapshots: Sequence[TightBinding],
) -> tuple[float, float]:
    """Largest difference between a function and its interpolation, relative to the change along the path.

    Returns
    -------
    error, theta : float
        The difference, and the phase at which it was found.
    """
    count, changes = len(snapshots), _changes(snapshots)
    worst, where = 0.0, 0.0
    for number in np.unique(np.linspace(0, count, min(count, TESTED), endpoint=False).astype(int)):
        theta = 2 * np.pi * (number + TEST_POINT) / count
        true, guess = model_parts(function(theta)), model_parts(interpolated(theta))
        for name, change in changes.items():
            off = largest_difference(true[name], guess.get(name, {}))
            if off > ROUNDING * _size(true[name]):
                relative = off / max(change, largest_difference(true[name], model_parts(snapshots[0])[name]))
                worst, where = max((worst, where), (relative, theta))
    return worst, where


def repeats_first_snapshot(series: Iterable[Complex | Float]) -> bool:
    """True if the last snapshot equals the first one although the path is not constant.

    Parameters
    ----------
    series : iterable of array, shape (snapshots, ...)
    """
    moved = False
    for values in series:
        away = np.abs(values - values[0]).reshape(len(values), -1).max(axis=1, initial=0.0)
        change, rounding = float(away.max()), ROUNDING * float(np.abs(values[0]).max(initial=0.0))
        if away[-1] > max(CLOSURE_TOLERANCE * change, rounding):
            return False
        moved = moved or change > rounding
    return moved


def closing_step(hoppings: Complex) -> tuple[float, float]:
    """Change of the hoppings from the last snapshot to the first one, and the largest change between others."""
    steps = np.abs(np.roll(hoppings, -1, axis=0) - hoppings).reshape(len(hoppings), -1).max(axis=1)
    return float(steps[-1]), float(steps[:-1].max())


def model_parts(model: TightBinding) -> Parts:
    """Matrices and positions of a model."""
    parts: dict[str, Mapping[Translation, Complex | Float]] = {
        "hoppings": model.hoppings,
        "positions": {(): model.positions},
    }
    if model.spin is not None:
        parts["spin operators"] = model.spin_by_cell
    if model.position_matrix is not None:
        parts["position matrices"] = model.position_matrix
    return parts


def largest_difference(
    one: Mapping[Translation, Complex | Float], other: Mapping[Translation, Complex | Float]
) -> float:
    """Largest difference of matrices by translation; missing ones count as zero; infinite for different shapes."""
    if one.keys() == other.keys() and len({block.shape for block in (*one.values(), *other.values())}) == 1:
        return float(np.abs(np.array([*one.values()]) - np.array([other[R] for R in one])).max(initial=0.0))
    largest = 0.0
    for R in {*one, *other}:
        a, b = one.get(R, np.zeros(())), other.get(R, np.zeros(()))
        if a.ndim and b.ndim and a.shape != b.shape:
            return np.inf
        largest = max(largest, float(np.abs(a - b).max(initial=0.0)))
    return largest


def _size(part: Mapping[Translation, Complex | Float]) -> float:
    """Largest modulus of all elements."""
    return max(float(np.abs(block).max(initial=0.0)) for block in part.values())


def _changes(snapshots: Sequence[TightBinding]) -> dict[str, float]:
    """Largest change of each part from the first snapshot."""
    first, *others = (model_parts(model) for model in snapshots)
    return {name: max(largest_difference(first[name], other.get(name, {})) for other in others) for name in first}


def _allowed(part: Mapping[Translation, Complex | Float], change: float) -> float:
    """Largest difference between the ends of a closed path."""
    return max(CLOSURE_TOLERANCE * change, ROUNDING * _size(part))


def _explained(function: Callable[[float], TightBinding], start: Parts, end: Parts, name: str, change: float) -> str:
    """Explanation of an open path: the theta at which it closes, a drift, or a question about the units."""

    def at(theta: float) -> Mapping[Translation, Complex | Float] | None:
        try:
            return model_parts(function(theta)).get(name, {})
        except Exception:
            # the function may not accept such phases
            return None

    allowed = _allowed(start[name], change)
    for period, meaning in PERIODS.items():
        found = at(period)
        if found is not None and largest_difference(start[name], found) <= allowed:
            return meaning
    further = at(4 * np.pi)
    if further is not None:
        steps = [
            {R: b - a.get(R, 0.0 * b) for R, b in c.items()}
            for a, c in ((start[name], end[name]), (end[name], further))
        ]
        if largest_difference(*steps) <= allowed:
            return "from 2 pi to 4 pi it changes by the same again: a drift, not a cycle"
    return "is theta in radians?"


def tail_with_interpolation(tail: float, off: float, where: float, count: int, tolerance: float) -> float:
    """Relative error of the interpolation of a sampled function, from its last harmonics and between its samples.

    Parameters
    ----------
    tail : float
        Size of the last harmonics.
    off : float
        Largest difference between the function and the interpolation, relative to the change of the function.
    where : float
        Phase at which it was found.
    count : int
        Number of samples.
    tolerance : float
        Largest difference that is accepted.

    Raises
    ------
    CoarseCycleError
    """
    if off > max(tolerance, 3 * tail):
        raise CoarseCycleError(
            f"cycle: sampled too coarsely: at theta = {where:.6g}, between two of {count} snapshots, the function "
            f"differs from their interpolation by {off:.1e} of its change, expected below {tolerance:.0e}; ask for "
            "more samples",
            tail=off,
        )
    return max(tail, off)
