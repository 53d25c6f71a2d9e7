"""Points of a sweep: combinations of values of the parameters."""

from __future__ import annotations

import inspect
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from adiabloch.arrays import refuse_units
from adiabloch.digests import shortened
from adiabloch.errors import InvalidArgumentError, did_you_mean

Value = bool | int | float | str
"""Value of a parameter at a point."""
Arguments = dict[str, Value]
"""Arguments of the function at a point."""
Combination = Literal["product", "zip"]
POINT = "point"
"""Dimension of a sweep over a list of points."""
LARGEST = 10**7
"""Largest number of points."""
EXACT = 2**53
"""Largest number up to which all integers are floating-point numbers."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Points of a sweep on a grid of any dimension.

    Parameters
    ----------
    dims : tuple of str
        Dimensions of the grid.
    shape : tuple of int
    coordinates : dict {str: (tuple of str, array)}
        Values of each parameter and the dimensions along which it changes; none for a parameter that is constant.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coordinates: dict[str, tuple[tuple[str, ...], np.ndarray]]

    @classmethod
    def of(cls, parameters: object, combine: object) -> Plan:
        """Points of the parameters of the user.

        Raises
        ------
        InvalidArgumentError
            No values, values that are not numbers or strings, NaN, the same value twice, lengths that do not fit.
        """
        if combine not in ("product", "zip"):
            raise InvalidArgumentError(f"combine: {combine!r}, expected 'product' or 'zip'")
        if isinstance(parameters, Mapping):
            plan = _combined({_name(name): values for name, values in parameters.items()}, combine == "zip")
        elif isinstance(parameters, Sequence) and not isinstance(parameters, str):
            plan = _listed(parameters)
        else:
            raise InvalidArgumentError(
                f"parameters: {type(parameters).__name__}, expected a mapping from names to values, or a list of "
                "mappings, one for each point"
            )
        if math.prod(plan.shape) > LARGEST:
            raise InvalidArgumentError(
                f"parameters: {math.prod(plan.shape):.3g} points, expected at most {LARGEST:.0e}"
            )
        if not plan.coordinates:
            raise InvalidArgumentError("parameters: empty, expected at least one parameter")
        return plan

    def arguments(self) -> list[Arguments]:
        """Arguments at all points, last dimension fastest."""
        if not self.coordinates:
            return [{}]
        columns = {}
        for name, (dims, values) in self.coordinates.items():
            lengths = [n if dim in dims else 1 for dim, n in zip(self.dims, self.shape, strict=True)]
            columns[name] = np.broadcast_to(values.reshape(lengths), self.shape).ravel().tolist()
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def check_call(self, function: Callable[..., Any]) -> None:
        """Check that a function accepts the parameters.

        Raises
        ------
        InvalidArgumentError
        """
        if not callable(function):
            raise InvalidArgumentError(f"function: {type(function).__name__}, expected a function of the parameters")
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):
            return  # functions of C have no signature
        try:
            signature.bind(**dict.fromkeys(self.coordinates))
        except TypeError as reason:
            unknown = [name for name in self.coordinates if name not in signature.parameters]
            hint = did_you_mean(unknown[0], signature.parameters) if unknown else ""
            raise InvalidArgumentError(
                f"parameters: {', '.join(self.coordinates)}, which {_called(function)}{signature} does not accept "
                f"({reason}){hint}"
            ) from None


def key_of(arguments: Mapping[str, Value]) -> str:
    """Text that identifies a point: equal for equal arguments, such as 1 and 1.0."""
    return json.dumps({name: _plain(value) for name, value in sorted(arguments.items())})


def described(arguments: Mapping[str, Value]) -> str:
    """Arguments as in an error message."""
    return ", ".join(f"{name} = {value!r}" for name, value in arguments.items())


def _plain(value: Value) -> Value:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= EXACT:
        return float(value)
    return value + 0.0 if isinstance(value, float) else value  # -0.0 is 0.0


def _called(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidArgumentError(f"parameters: {name!r}, expected the name of an argument of the function")
    return name


def _combined(parameters: Mapping[str, Any], together: bool) -> Plan:
    """Product of all values, or their values in step."""
    axes: dict[str, np.ndarray] = {}
    dependent: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name, given in parameters.items():
        dims, plain = _labelled(given, parameters)
        values = _checked_values(name, plain)
        if dims is not None and dims != (name,):
            dependent[name] = dims, values
        elif values.ndim == 0:
            dependent[name] = (), values
        elif values.ndim == 1:
            axes[name] = values
            if not together:
                _check_unique(name, values)
        else:
            raise InvalidArgumentError(f"parameters: {name} has {values.ndim} dimensions, expected a list")
    if together:
        lengths = {name: len(values) for name, values in axes.items()}
        if len(set(lengths.values())) > 1:
            raise InvalidArgumentError(f"parameters: lengths {lengths}, expected equal ones with combine='zip'")
        if any(dims for dims, _ in dependent.values()):
            raise InvalidArgumentError("parameters: dimensions are stated, expected plain lists with combine='zip'")
        plan = Plan((POINT,), (next(iter(lengths.values()), 1),), {name: ((POINT,), v) for name, v in axes.items()})
        _check_distinct(plan.arguments())
    else:
        shape = tuple(len(values) for values in axes.values())
        plan = Plan(tuple(axes), shape, {name: ((name,), values) for name, values in axes.items()})
    sizes = dict(zip(plan.dims, plan.shape, strict=True))
    for name, (dims, values) in dependent.items():
        expected = tuple(sizes.get(dim, -1) for dim in dims)
        if values.shape != expected:
            raise InvalidArgumentError(
                f"parameters: {name} has the shape {values.shape} over {dims}, expected {expected}, over parameters "
                "with a list of values"
            )
        order = tuple(sorted(range(len(dims)), key=lambda axis, dims=dims: plan.dims.index(dims[axis])))  # type: ignore[misc]
        plan.coordinates[name] = tuple(dims[axis] for axis in order), values.transpose(order)
    return Plan(plan.dims, plan.shape, {name: plan.coordinates[name] for name in parameters})


def _labelled(given: Any, parameters: Mapping[str, Any]) -> tuple[tuple[str, ...] | None, Any]:
    """Dimensions that the user stated, as for variables of xarray, and values."""
    if hasattr(given, "dims") and hasattr(given, "values"):
        return tuple(map(str, given.dims)), given.values
    if isinstance(given, tuple) and len(given) == 2 and not np.isscalar(given[1]):
        dims = (given[0],) if isinstance(given[0], str) else given[0]
        if isinstance(dims, tuple | list) and dims and all(isinstance(dim, str) and dim in parameters for dim in dims):
            return tuple(dims), given[1]
    return None, given


def _listed(points: Sequence[Any]) -> Plan:
    """Points that the user lists one by one."""
    if not points or not all(isinstance(point, Mapping) for point in points):
        raise InvalidArgumentError("parameters: expected a mapping from names to values, or a list of such mappings")
    names = [_name(name) for name in points[0]]
    for number, point in enumerate(points):
        if {*point} != {*names}:
            raise InvalidArgumentError(
                f"parameters: point {number} has {', '.join(map(str, point))}; expected {', '.join(names)}, as at "
                "point 0"
            )
    coordinates: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        name: ((POINT,), _checked_values(name, [point[name] for point in points])) for name in names
    }
    plan = Plan((POINT,), (len(points),), coordinates)
    _check_distinct(plan.arguments())
    return plan


def _check_distinct(points: Sequence[Arguments]) -> None:
    numbers: dict[str, int] = {}
    for number, point in enumerate(points):
        first = numbers.setdefault(key_of(point), number)
        if first != number:
            raise InvalidArgumentError(
                f"parameters: points {first} and {number} are equal ({described(point)}), expected different ones"
            )


def _checked_values(name: str, given: Any) -> np.ndarray:
    """Values of a parameter: finite numbers, booleans or strings."""
    refuse_units(given, f"parameters: {name}")
    try:
        values = np.asarray(given)
    except ValueError:
        values = np.asarray(None)
    if values.dtype.kind == "O" and values.ndim == 1 and all(isinstance(v, str) for v in values):
        values = values.astype(str)
    mixed = values.dtype.kind == "U" and not _all_strings(given)
    if np.ma.is_masked(given):
        raise InvalidArgumentError(f"parameters: {name} has masked values, expected a value at each place")
    if values.dtype.kind not in "biufU" or mixed:
        raise InvalidArgumentError(
            f"parameters: {name} = {shortened(repr(given))}, expected real numbers, booleans or strings"
        )
    if values.size == 0:
        raise InvalidArgumentError(f"parameters: {name} has no values, expected at least one")
    if values.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise InvalidArgumentError(
                f"parameters: value {bad[0]} of {name} is {values.ravel()[bad[0]]}, expected finite numbers"
            )
    return values


def _check_unique(name: str, values: np.ndarray) -> None:
    _, first, counts = np.unique(values, return_index=True, return_counts=True)
    if counts.max() > 1:
        twice = values[first[np.argmax(counts)]].item()
        raise InvalidArgumentError(f"parameters: {name} has the value {twice!r} twice, expected different values")


def _all_strings(given: Any) -> bool:
    if isinstance(given, np.ndarray):
        return True
    return isinstance(given, str) or all(isinstance(value, str) for value in itertools.islice(given, LARGEST))
