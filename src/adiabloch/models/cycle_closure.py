"""Whether a path of models closes, and whether it is between its snapshots what the interpolation takes it for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import InvalidModelError
from adiabloch.models.hoppings import Translation
from adiabloch.models.tight_binding import TightBinding
from adiabloch.models.wannier import WannierModel

Parts = Mapping[str, Mapping[Translation, Complex | Float]]
"""What makes up a model, by name and translation."""
SAME = 1e-6
"""Of how much something changes along a path: a smaller difference is none."""
ROUNDING = 1e-12
"""Of how large something is."""
BETWEEN = 0.382
"""Where to look between two snapshots: half-way a harmonic that they do not see may vanish."""
PERIODS = {
    1.0: "it closes at theta = 1, so it takes turns; it is called with radians, 0 to 2 pi",
    360.0: "it closes at theta = 360, so it takes degrees; it is called with radians, 0 to 2 pi",
    4 * np.pi: "it closes at theta = 4 pi, so that this is half a turn",
}
"""Where else a path may close, and what that means."""


def check_closed(function: Callable[[float], TightBinding], snapshots: Sequence[TightBinding]) -> None:
    """Compare what a function gives at 0 and at 2 pi.

    Raises
    ------
    InvalidModelError
        They differ: the message says in what, and where the path does close or how it goes on.
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
    """How far a function is from its interpolation between snapshots, relative to its change; and at which theta."""
    count, changes = len(snapshots), _changes(snapshots)
    worst, where = 0.0, 0.0
    for number in sorted({0, count // 3, (2 * count) // 3}):
        theta = 2 * np.pi * (number + BETWEEN) / count
        true, guess = model_parts(function(theta)), model_parts(interpolated(theta))
        for name, change in changes.items():
            off = largest_difference(true[name], guess.get(name, {}))
            if off > ROUNDING * _size(true[name]):
                relative = off / max(change, largest_difference(true[name], model_parts(snapshots[0])[name]))
                worst, where = max((worst, where), (relative, theta))
    return worst, where


def repeats_first_snapshot(series: Iterable[Complex | Float]) -> bool:
    """True if the last snapshot repeats the first one on a path that changes; the first axis counts the snapshots."""
    moved = False
    for values in series:
        away = np.abs(values - values[0]).reshape(len(values), -1).max(axis=1, initial=0.0)
        change, rounding = float(away.max()), ROUNDING * float(np.abs(values[0]).max(initial=0.0))
        if away[-1] > max(SAME * change, rounding):
            return False
        moved = moved or change > rounding
    return moved


def closing_step(hoppings: Complex) -> tuple[float, float]:
    """Change of the hoppings from the last snapshot to the first one, and the largest between any others."""
    steps = np.abs(np.roll(hoppings, -1, axis=0) - hoppings).reshape(len(hoppings), -1).max(axis=1)
    return float(steps[-1]), float(steps[:-1].max())


def model_parts(model: TightBinding) -> Parts:
    """What makes up a model."""
    parts: dict[str, Mapping[Translation, Complex | Float]] = {
        "hoppings": model.hoppings,
        "positions": {(): model.positions},
    }
    if model.spin is not None:
        parts["spin operators"] = model.spin_by_cell
    if isinstance(model, WannierModel):
        parts["position matrices"] = model.position_matrix
    return parts


def largest_difference(
    one: Mapping[Translation, Complex | Float], other: Mapping[Translation, Complex | Float]
) -> float:
    """Largest difference of matrices by translation, zero where there is none; infinite where shapes differ."""
    largest = 0.0
    for R in {*one, *other}:
        a, b = one.get(R, np.zeros(())), other.get(R, np.zeros(()))
        if a.ndim and b.ndim and a.shape != b.shape:
            return np.inf
        largest = max(largest, float(np.abs(a - b).max(initial=0.0)))
    return largest


def _size(part: Mapping[Translation, Complex | Float]) -> float:
    return max(float(np.abs(block).max(initial=0.0)) for block in part.values())


def _changes(snapshots: Sequence[TightBinding]) -> dict[str, float]:
    """How far each part moves away from the first snapshot."""
    first, *others = (model_parts(model) for model in snapshots)
    return {name: max(largest_difference(first[name], other.get(name, {})) for other in others) for name in first}


def _allowed(part: Mapping[Translation, Complex | Float], change: float) -> float:
    return max(SAME * change, ROUNDING * _size(part))


def _explained(function: Callable[[float], TightBinding], start: Parts, end: Parts, name: str, change: float) -> str:
    """Where a path does close, if it does somewhere, or how it goes on."""

    def at(theta: float) -> Mapping[Translation, Complex | Float] | None:
        try:
            return model_parts(function(theta)).get(name, {})
        except Exception:
            # it may not be made for such phases
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
