"""Names for the arrays that travel through the library, and the checks on those that come from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adiabloch.errors import InvalidModelError

Scalar = TypeVar("Scalar", bound=np.generic)
Float = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integer = NDArray[np.int64]


def frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return `array` marked read-only."""
    array.setflags(write=False)
    return array


def _whole(value: ArrayLike) -> bool:
    """Whether these are whole numbers, which a conversion to integers would make of others."""
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
        if dtype is int and not _whole(value):
            raise ValueError("not whole")
        array = np.array(value, dtype=dtype)
    except (TypeError, ValueError) as reason:
        what = "whole numbers" if dtype is int else "numbers"
        raise InvalidModelError(f"{name}: expected an array of {what}, got {value!r} ({reason})") from None
    fits = array.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise InvalidModelError(f"{name}: expected shape ({wanted}), got {array.shape}")
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InvalidModelError(f"{name}: entry {where} is {array[where]}, expected a finite number")
    return frozen(array)
