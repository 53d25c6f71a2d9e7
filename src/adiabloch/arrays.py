"""Types of NumPy arrays, and checks of the arrays that a user passes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adiabloch.errors import InvalidArgumentError, InvalidModelError, UnitWarning, warn

Scalar = TypeVar("Scalar", bound=np.generic)
Float = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integer = NDArray[np.int64]


SHORT = 16
"""Length of axes up to which NumPy's reduction is slower than an operation for each element."""


def largest(values: Float) -> Float:
    """Largest value along the last axis, which may be short."""
    if values.shape[-1] > SHORT:
        return np.asarray(values.max(axis=-1))
    return reduce(np.maximum, np.moveaxis(values, -1, 0))


def writeable(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Writeable array, as compiled kernels need it that take any layout; a copy if necessary."""
    return np.require(array, requirements=["W"])


def for_kernels(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Contiguous and writeable array, as most compiled kernels need it; a copy if necessary."""
    return np.require(array, requirements=["C", "W"])


def frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return `array` marked read-only."""
    array.setflags(write=False)
    return array


def _whole(value: ArrayLike) -> bool:
    """Return True for integers and integral floats. Fractions and booleans, which `int` accepts, are excluded."""
    if isinstance(value, Sequence) and any(isinstance(item, bool | np.bool_) for item in value):
        return False
    given = np.asarray(value)
    if given.dtype.kind == "f":
        return bool(((given == np.rint(given)) & (np.abs(given) < 2.0**62)).all())
    return given.dtype.kind in "iu" or not given.size


def refuse_units(value: Any, name: str) -> None:
    """Refuse a quantity with a unit (of pint, for example), from which NumPy would take the number alone.

    Raises
    ------
    InvalidArgumentError
    """
    first = value[0] if isinstance(value, list | tuple) and value else value
    if hasattr(first, "magnitude") and hasattr(first, "units"):
        raise InvalidArgumentError(
            f"{name}: has the unit {first.units}, expected plain numbers in the units of the model, such as "
            "value.m_as(unit); the energies and lengths of Wannier functions are in eV and Angstrom"
        )


def contains_words(given: NDArray[Any]) -> bool:
    """True for an array with entries that NumPy converts to numbers although they are none: None, and words."""
    if given.dtype.kind == "O":
        return any(entry is None or isinstance(entry, str | bytes) for entry in given.flat)
    return given.dtype.kind not in "biufc"


def checked(
    value: ArrayLike, name: str, shape: Sequence[int | None] | None, dtype: type[Any] = float, *, finite: bool = True
) -> NDArray[Any]:
    """Copy `value` into a read-only array of finite numbers with the given shape.

    Parameters
    ----------
    value : array_like
        Argument of the user.
    name : str
        Name of the argument in error messages.
    shape : sequence of int or None, or None
        Expected shape; None in it stands for any length, and None for any shape.
    dtype : type
        Element type.
    finite : bool
        False if NaN and infinity are allowed.

    Returns
    -------
    array

    Raises
    ------
    InvalidModelError
        The argument is not numeric, has another shape, or contains NaN or infinity; the message names the entry.
    """
    refuse_units(value, name)
    try:
        given = np.asarray(value)
        if contains_words(given):
            raise TypeError("no number")
        if dtype is not complex and given.dtype.kind == "c":
            raise TypeError("complex numbers where real ones are expected")
        if dtype is int and not _whole(value):
            raise ValueError("not whole")
        array = np.array(given, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as reason:
        whole = "whole " if dtype is int else ""
        many, one = f"an array of {whole}numbers", f"a {whole}number"
        what = f"{one} or {many}" if shape is None else many if shape else one
        got = " ".join(repr(value).split())
        raise InvalidModelError(f"{name}: expected {what}, got {got} ({reason})") from None
    fits = shape is None or (
        array.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, array.shape, strict=True))
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape or ())
        rows = "rows of numbers, an array of " if shape == (None, None) else ""
        raise InvalidModelError(f"{name}: expected {rows}shape ({wanted}), got {array.shape}")
    if finite and not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InvalidModelError(f"{name}: entry {where} is {array[where]}, expected a finite number")
    return frozen(array)


def numbers(value: ArrayLike, name: str) -> Float:
    """Convert a number or a sequence of numbers to a one-dimensional array of finite numbers, (n,).

    Parameters
    ----------
    value : float or array_like of shape (n,)
        Argument of the user.
    name : str
        Name of the argument in error messages.

    Returns
    -------
    float array, shape (n,)

    Raises
    ------
    InvalidModelError
        As for `checked`; also if the argument has more than one dimension.
    """
    array = checked(value, name, None)
    if array.ndim > 1:
        raise InvalidModelError(f"{name}: expected a number or a one-dimensional array, got shape {array.shape}")
    return frozen(np.atleast_1d(array))


def radians(angles: ArrayLike, name: str) -> Any:
    """Return angles unchanged, with a warning if any of them exceeds 2 pi.

    Parameters
    ----------
    angles : array_like
        Finite numbers.
    name : str
        Name of the argument in the warning.

    Returns
    -------
    array_like
        The argument.
    """
    largest = float(np.abs(angles).max(initial=0.0))
    if largest > 2 * np.pi * (1 + 1e-9):
        warn(
            f"{name}: {largest:.6g} is larger than 2 pi; it is taken in radians (numpy.deg2rad converts degrees)",
            UnitWarning,
        )
    return angles


def tensor_grid(axes: Sequence[ArrayLike]) -> NDArray[Any]:
    """Points of a tensor grid, last axis fastest.

    Parameters
    ----------
    axes : sequence of array_like, shape (n_a,)
        Coordinates along each axis.

    Returns
    -------
    array, shape (n_1 n_2 ..., D)
    """
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
