"""Points of a sweep that were evaluated, and the labelled Dataset of all of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.errors import InvalidArgumentError
from adiabloch.sweeps.plan import POINT, Arguments, Plan, described, key_of

if TYPE_CHECKING:
    import xarray

FAILURE = "failure"
"""Coordinate of the result of a sweep: the error message at points that failed, otherwise empty."""
NOT_COMPUTED = "not computed"
"""Failure of points that were not yet evaluated."""
OF_POINTS = ("created", "seconds")
"""Attributes that belong to each point, even if they are equal by chance."""
DIMENSION, ARGUMENTS, ATTRIBUTES = "sweep_point", "sweep_arguments", "sweep_attributes"
"""Dimension and variables of a table of points."""
FAILURES, TIMES = "sweep_failure", "sweep_time"


@dataclass(frozen=True, eq=False)
class Point:
    """Result of the function at a point, or the reason why there is none."""

    arguments: Arguments
    variables: Mapping[str, xarray.Variable] = field(default_factory=dict)
    coordinates: frozenset[str] = frozenset()
    """Names of the variables that are coordinates."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""
    time: float = 0.0
    """Time at which it was evaluated, in seconds since the epoch."""

    @classmethod
    def of(cls, arguments: Arguments, result: xarray.Dataset) -> Point:
        """Point with the result of the function."""
        return cls(
            arguments,
            {str(name): variable.load() for name, variable in result.variables.items()},
            frozenset(map(str, result.coords)),
            _plain(result.attrs),
            time=time.time(),
        )

    @property
    def key(self) -> str:
        """Text that identifies the arguments."""
        return key_of(self.arguments)

    @property
    def done(self) -> bool:
        """True if there is a result."""
        return not self.failure


def check_alike(first: Point, other: Point) -> None:
    """Check that the results of two points have the same variables, dimensions and coordinates.

    Raises
    ------
    InvalidArgumentError
    """

    def complain(what: str, here: object, there: object) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"function: {what} at {described(other.arguments)}: {there}; expected the same as at "
            f"{described(first.arguments)}: {here}"
        )

    if first.variables.keys() != other.variables.keys():
        raise complain("other variables", ", ".join(first.variables), ", ".join(other.variables))
    for name, variable in first.variables.items():
        there = other.variables[name]
        if variable.dims != there.dims or variable.shape != there.shape:
            raise complain(f"other dimensions of {name}", dict(variable.sizes), dict(there.sizes))
        if _is_index(name, variable) and not np.array_equal(variable.values, there.values):
            raise complain(f"other values of the dimension {name}", variable.values, there.values)


def _is_index(name: str, variable: xarray.Variable) -> bool:
    return variable.dims == (name,)


def table(points: Sequence[Point]) -> xarray.Dataset:
    """Dataset of points along one dimension; the inverse of `points_of`."""
    import xarray

    done = [point for point in points if point.done]
    texts = {
        ARGUMENTS: [json.dumps(point.arguments) for point in points],
        ATTRIBUTES: [json.dumps(point.attributes) for point in points],
        FAILURES: [point.failure for point in points],
    }
    variables = {name: xarray.Variable(DIMENSION, np.array(values, dtype=str)) for name, values in texts.items()}
    variables[TIMES] = xarray.Variable(DIMENSION, [point.time for point in points])
    for name, variable in (done[0].variables if done else {}).items():
        variables[name] = variable if _is_index(name, variable) else _stacked(points, name, variable)
    return xarray.Dataset(variables).set_coords([*done[0].coordinates] if done else [])


def points_of(stored: xarray.Dataset) -> list[Point]:
    """Points of a table."""
    variables = {str(name): variable.load() for name, variable in stored.variables.items()}
    texts = {name: variables.pop(name).values.tolist() for name in (ARGUMENTS, ATTRIBUTES, FAILURES, TIMES)}
    coordinates = frozenset(map(str, stored.coords))
    points = []
    for number, (arguments, attributes, failure, when) in enumerate(zip(*texts.values(), strict=True)):
        here = {
            name: variable if DIMENSION not in variable.dims else variable.isel({DIMENSION: number})
            for name, variable in variables.items()
        }
        point = Point(json.loads(arguments), here, coordinates, json.loads(attributes), failure, when)
        points.append(point if point.done else Point(point.arguments, failure=failure, time=when))
    return points


def dataset_of(plan: Plan, points: Mapping[str, Point]) -> xarray.Dataset:
    """Result of a sweep: the results of all points along the dimensions of the sweep.

    Points without a result are NaN. Attributes of the results that differ between points become coordinates.
    """
    import xarray

    missing = {key_of(a): Point(a, failure=NOT_COMPUTED) for a in plan.arguments()}
    ordered = [points.get(key, point) for key, point in missing.items()]
    done = [point for point in ordered if point.done]
    _check_names(plan, done[:1])
    # a result may have a dimension of this name, such as the positions of a local current
    rename = {POINT: DIMENSION} if done and any(POINT in v.dims for v in done[0].variables.values()) else {}
    plan = _renamed(plan, rename)
    variables: dict[str, xarray.Variable] = {}
    coordinates: dict[str, xarray.Variable] = {}
    units: dict[str, dict[str, Any]] = {}
    for name, variable in (done[0].variables if done else {}).items():
        target = coordinates if name in done[0].coordinates else variables
        if name in plan.coordinates:
            units[name] = dict(variable.attrs)
            if not all(_close(p.variables[name].values, p.arguments[name]) for p in done):
                coordinates[f"{name}_of_result"] = _on_grid(plan, _stacked(ordered, name, variable))
            continue
        constant = _is_index(name, variable) or (
            name in done[0].coordinates and all(_same(p.variables[name].values, variable.values) for p in done)
        )
        target[name] = variable if constant else _on_grid(plan, _stacked(ordered, name, variable))
    for name, (dims, values) in plan.coordinates.items():
        coordinates[name] = xarray.Variable(dims, values, units.get(name, {}))
    failures = xarray.Variable(DIMENSION, np.array([point.failure for point in ordered], dtype=str))
    coordinates[FAILURE] = _on_grid(plan, failures)
    attributes, varying = _attributes(ordered, plan, {*variables, *coordinates})
    return xarray.Dataset(variables, coordinates | varying, {**attributes, "sweep": ", ".join(plan.dims)})


def _renamed(plan: Plan, names: Mapping[str, str]) -> Plan:
    coordinates = {
        name: (tuple(names.get(dim, dim) for dim in dims), values) for name, (dims, values) in plan.coordinates.items()
    }
    return Plan(tuple(names.get(dim, dim) for dim in plan.dims), plan.shape, coordinates)


def _check_names(plan: Plan, done: Iterable[Point]) -> None:
    for point in done:
        for name, variable in point.variables.items():
            used = name in plan.coordinates and (name not in point.coordinates or variable.ndim > 0)
            if used or any(dim in plan.coordinates for dim in variable.dims):
                taken = name if used else next(dim for dim in variable.dims if dim in plan.coordinates)
                raise InvalidArgumentError(
                    f"parameters: {taken} is also a variable or dimension of the result; expected another name, or one "
                    f"value of {taken} in each result"
                )


def _stacked(points: Sequence[Point], name: str, example: xarray.Variable) -> xarray.Variable:
    """Values of a variable at all points; NaN, or an empty string, where there is none."""
    found = [point.variables[name].values for point in points if point.done]
    dtype = np.result_type(*{values.dtype for values in found})
    complete = len(found) == len(points)
    if not complete and dtype.kind in "biu":
        dtype = np.dtype(float)
    stacked = (
        np.zeros((len(points), *example.shape), dtype)
        if dtype.kind in "US"
        else np.full((len(points), *example.shape), np.nan if dtype.kind in "fc" else 0, dtype)
    )
    stacked[[point.done for point in points]] = found
    return type(example.to_base_variable())((DIMENSION, *example.dims), stacked, example.attrs)


def _on_grid(plan: Plan, variable: xarray.Variable) -> xarray.Variable:
    shape = (*plan.shape, *variable.shape[1:])
    return type(variable)((*plan.dims, *variable.dims[1:]), variable.values.reshape(shape), variable.attrs)


def _attributes(
    points: Sequence[Point], plan: Plan, taken: set[str]
) -> tuple[dict[str, Any], dict[str, xarray.Variable]]:
    """Attributes that are the same at all points, and the others as coordinates."""
    import xarray

    done = [point for point in points if point.done]
    names = dict.fromkeys(name for point in done for name in point.attributes)
    common: dict[str, Any] = {}
    varying: dict[str, xarray.Variable] = {}
    for name in names:
        values = [point.attributes.get(name) for point in done]
        if name not in OF_POINTS and all(_same(value, values[0]) for value in values):
            common[name] = values[0]
        elif name not in plan.coordinates:
            column = _column([point.attributes.get(name) if point.done else None for point in points])
            label = f"{name}_attribute" if name in taken else name
            varying[label] = _on_grid(plan, xarray.Variable(DIMENSION, column))
    return common, varying


def _same(value: Any, other: Any) -> bool:
    numbers = isinstance(value, float) and isinstance(other, float)
    if numbers or (isinstance(value, np.ndarray) and value.dtype.kind in "fc"):
        return np.array_equal(value, other, equal_nan=True)
    return np.array_equal(value, other) or value is other


def _close(value: np.ndarray, argument: object) -> bool:
    """True if a coordinate of a result is the argument, up to rounding in conversions of units."""
    if value.dtype.kind in "iuf" and isinstance(argument, int | float):
        return bool(np.allclose(value, argument, rtol=1e-12, atol=0))
    return bool(np.array_equal(value, np.asarray(argument)))


def _column(values: Sequence[Any]) -> np.ndarray:
    """Values of an attribute as an array: numbers if all are numbers, otherwise texts."""
    present = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in present) and len(present) == len(values):
        return np.array(values)
    if all(isinstance(value, int) for value in present) and len(present) == len(values):
        return np.array(values)
    if all(isinstance(value, int | float) for value in present):
        return np.array([np.nan if value is None else value for value in values], dtype=float)
    return np.array(["" if v is None else v if isinstance(v, str) else json.dumps(v) for v in values], dtype=str)


def _plain(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as numbers, strings and lists of them."""
    found = {
        str(name): value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for name, value in attributes.items()
    }
    for name, value in found.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as reason:
            raise InvalidArgumentError(
                f"function: attribute {name} of its result is of the type {type(value).__name__}, expected numbers, "
                f"strings and lists of them ({reason})"
            ) from None
    return found
