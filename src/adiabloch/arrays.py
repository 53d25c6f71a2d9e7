"""Names for the arrays that travel through the library, and the checks on those that come from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adiabloch.errors import InvalidModelError, UnitWarning, warn

Scalar = TypeVar("Scalar", bound=np.generic)
Float = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integer = NDArray[np.int64]


def frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return `array` marked read-only."""
    array.setflags(write=False)
    return array


def _whole(value: ArrayLike) -> bool:
    """True for whole numbers only; a conversion to integers would accept fractions and booleans too."""
    if isinstance(value, Sequence) and any(isinstance(item, bool | np.bool_) for item in value):
        return False
    given = np.asarray(value)
    if given.dtype.kind == "f":
        return bool(((given == np.rint(given)) & (np.abs(given) < 2.0**62)).all())
    return given.dtype.kind in "iu" or not given.size


def checked(value: ArrayLike, name: str, shape: Sequence[int | None], dtype: type[Any] = float) -> NDArray[Any]:
    """Copy `value` into a read-only array of finite numbers with the given shape.

    Parameters
    ----------
    value : array_like
        What the user gave.
    name : str
        What to call it in an error.
    shape : sequence of int or None
        Expected shape; None stands for any length.
    dtype : type
        Element type.

    Raises
    ------
    InvalidModelError
        If it is not numeric, has another shape or holds NaN or infinity; the message names the entry.
    """
    try:
        if dtype is not complex and np.iscomplexobj(value):
            raise TypeError("complex numbers where real ones are expected")
        if dtype is int and not _whole(value):
            raise ValueError("not whole")
        array = np.array(value, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as reason:
        what = "whole numbers" if dtype is int else "numbers"
        got = " ".join(repr(value).split())
        raise InvalidModelError(f"{name}: expected an array of {what}, got {got} ({reason})") from None
    fits = array.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise InvalidModelError(f"{name}: expected shape ({wanted}), got {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InvalidModelError(f"{name}: entry {where} is {array[where]}, expected a finite number")
    return frozen(array)


def numbers(value: ArrayLike, name: str) -> Float:
    """Return one number, or several in a row, as a row of finite ones, (n,).

    Raises
    ------
    InvalidModelError
        As `checked` does.
    """
    array = checked(value, name, (None,) * _depth(value), float)
    if array.ndim > 1:
        raise InvalidModelError(f"{name}: expected a number or numbers in a row, got shape {array.shape}")
    return frozen(np.atleast_1d(array))


def _depth(value: ArrayLike) -> int:
    try:
        return np.ndim(value)
    except ValueError:
        # rows of different lengths: `checked` says so
        return 1


def radians(angles: ArrayLike, name: str) -> Any:
    """Return angles as they are, with a warning where they are larger than any in radians need be.

    Parameters
    ----------
    angles : array_like
        Finite numbers.
    name : str
        What to call them.
    """
    largest = float(np.abs(angles).max(initial=0.0))
    if largest > 2 * np.pi * (1 + 1e-9):
        warn(
            f"{name}: {largest:.6g} is larger than 2 pi; it is taken in radians (numpy.deg2rad converts degrees)",
            UnitWarning,
        )
    return angles
