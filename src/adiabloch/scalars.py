"""Checks of single numbers that a user passes."""

from __future__ import annotations

from typing import Any

import numpy as np

from adiabloch.errors import InvalidArgumentError


def is_number(value: Any) -> bool:
    """True for a finite real number, also as an array without axes; False for booleans and for numbers in words."""
    try:
        given = np.asarray(value)
        return given.ndim == 0 and given.dtype.kind in "iufO" and bool(np.isfinite(float(value)))
    except (TypeError, ValueError, OverflowError):
        return False


def is_whole(value: Any, least: int) -> bool:
    """True for an integer that is at least `least`; False for booleans."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
    return whole and bool(value >= least)


def positive_number(value: Any, name: str, expected: str = "a positive number") -> float:
    """Convert an argument of the user to a positive finite number.

    Parameters
    ----------
    value : object
        Argument of the user.
    name, expected : str
        Name of the argument and description of the expected value, for messages.

    Returns
    -------
    float

    Raises
    ------
    InvalidArgumentError
    """
    if not (is_number(value) and float(value) > 0):
        raise InvalidArgumentError(f"{name}: {value!r}, expected {expected}")
    return float(value)
