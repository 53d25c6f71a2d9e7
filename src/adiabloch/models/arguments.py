"""Arguments of functions that make models: misspelt, missing or no numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from adiabloch.errors import InvalidArgumentError, did_you_mean

P = ParamSpec("P")
T = TypeVar("T")


def validated_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function refuse names that it does not know, what is no finite number for a float, and what is no model.

    Raises
    ------
    InvalidArgumentError
    """
    signature = inspect.signature(function)
    models = [name for name, one in signature.parameters.items() if one.annotation == "TightBinding"]
    floats = [name for name, one in signature.parameters.items() if one.annotation in ("float", float)]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        if unknown := [name for name in kwargs if name not in signature.parameters]:
            raise InvalidArgumentError(
                f"{function.__name__}: has no argument {unknown[0]!r}, expected some of "
                f"{', '.join(signature.parameters)}{did_you_mean(unknown[0], signature.parameters)}"
            )
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as reason:
            raise InvalidArgumentError(f"{function.__name__}{signature_of(signature)}: {reason}") from None
        for name in floats:
            if name in given and not _is_number(given[name]):
                raise InvalidArgumentError(f"{function.__name__}: {name} = {given[name]!r}, expected a finite number")
        for name in models:
            if name in given and all(kind.__name__ != "TightBinding" for kind in type(given[name]).__mro__):
                raise InvalidArgumentError(
                    f"{function.__name__}: {name}: expected an adiabloch.TightBinding, got {type(given[name]).__name__}"
                )
        return function(*args, **kwargs)

    return checked


def checked_callable(function: Any, count: int, name: str, expected: str) -> Any:
    """Return a user's function that takes so many arguments.

    Parameters
    ----------
    function : object
        What the user gave.
    count : int
        How many positional arguments it is called with.
    name, expected : str
        What to call it, and what it should be.

    Raises
    ------
    InvalidArgumentError
    """
    if not callable(function):
        raise InvalidArgumentError(f"{name}: expected {expected}, got {type(function).__name__} {function!r}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # written in C, and not told
        return function
    try:
        signature.bind(*range(count))
    except TypeError:
        called = getattr(function, "__name__", type(function).__name__)
        raise InvalidArgumentError(f"{name}: {called} takes {signature_of(signature)}, expected {expected}") from None
    return function


def signature_of(signature: inspect.Signature) -> str:
    """Names and defaults only."""
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(inspect.Signature(bare))


def _is_number(value: Any) -> bool:
    try:
        return np.ndim(value) == 0 and not np.iscomplexobj(value) and bool(np.isfinite(float(value)))
    except (TypeError, ValueError, OverflowError):
        return False
