"""Checks of arguments: unknown names, numbers that are not finite, and functions of the wrong signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from types import UnionType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from adiabloch.errors import InvalidArgumentError
from adiabloch.names import bound_arguments
from adiabloch.scalars import is_number

P = ParamSpec("P")
T = TypeVar("T")


def validated_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Check the arguments of a function that makes models.

    The decorated function raises CallError for unknown or missing arguments, and InvalidArgumentError for arguments
    annotated as float that are not finite real numbers, or as TightBinding that are not models.
    """
    signature = inspect.signature(function)
    models = [name for name, one in signature.parameters.items() if one.annotation == "TightBinding"]
    floats = [name for name, one in signature.parameters.items() if one.annotation in ("float", float)]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        given = bound_arguments(function.__name__, signature, args, kwargs).arguments
        for name in floats:
            if name in given and not is_number(given[name]):
                raise InvalidArgumentError(f"{function.__name__}: {name} = {given[name]!r}, expected a finite number")
        for name in models:
            if name in given and all(kind.__name__ != "TightBinding" for kind in type(given[name]).__mro__):
                raise InvalidArgumentError(
                    f"{function.__name__}: {name}: expected an adiabloch.TightBinding, got {type(given[name]).__name__}"
                )
        return function(*args, **kwargs)

    return checked


def checked_callable(function: Any, count: int, name: str, expected: str) -> Any:
    """Check that an argument is a function of `count` positional arguments.

    Parameters
    ----------
    function : object
        The argument.
    count : int
        Number of positional arguments of each call.
    name, expected : str
        Name of the argument and description of the expected function, for messages.

    Returns
    -------
    callable
        `function` itself.

    Raises
    ------
    InvalidArgumentError
        Not callable, or another number of arguments.
    """
    if not callable(function):
        raise InvalidArgumentError(f"{name}: expected {expected}, got {type(function).__name__} {function!r}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # functions written in C may have no signature
        return function
    try:
        signature.bind(*range(count))
    except TypeError:
        called = getattr(function, "__name__", type(function).__name__)
        raise InvalidArgumentError(f"{name}: {called} takes {signature_of(signature)}, expected {expected}") from None
    return function


def checked_sequence(given: Any, name: str, kind: type | UnionType, expected: str) -> list[Any]:
    """Check that an argument is a sequence of at least one object of a kind.

    Parameters
    ----------
    given : object
        The argument.
    name : str
        Name of the argument, for messages.
    kind : type
        Type of the entries.
    expected : str
        Description of the entries in the plural, for messages.

    Returns
    -------
    list

    Raises
    ------
    InvalidArgumentError
    """
    try:
        entries = [given] if isinstance(given, str | bytes) else list(given)
    except TypeError:
        entries = []
    if isinstance(given, str | bytes) or not entries:
        shown = "none" if np.iterable(given) and not isinstance(given, str | bytes) else repr(given)
        raise InvalidArgumentError(f"{name}: expected a sequence of {expected}, at least one, got {shown}")
    for number, entry in enumerate(entries):
        if not isinstance(entry, kind):
            raise InvalidArgumentError(
                f"{name}: entry {number} is {type(entry).__name__} {entry!r:.60}, expected a sequence of {expected}"
            )
    return entries


def signature_of(signature: inspect.Signature) -> str:
    """Signature as text, with names and defaults only."""
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(inspect.Signature(bare))
