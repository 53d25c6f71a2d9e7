"""Exceptions and warnings of adiabloch.

All exceptions but `Stopped` derive from :class:`AdiablochError`. Each message names the argument or file, the value
found, and the value expected. Numbers such as a gap or a best estimate are also attributes of the exception.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from pathlib import Path


class AdiablochError(Exception):
    """Base class of the exceptions of adiabloch."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the message and the attributes, so that an error raised in a worker process keeps both."""
        return _restored, (type(self), self.args, self.__dict__.copy())


def _restored(kind: type[AdiablochError], args: tuple[object, ...], attributes: dict[str, object]) -> AdiablochError:
    """Rebuild a pickled error without calling its constructor."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error


class InvalidModelError(AdiablochError, ValueError):
    """Inconsistent lattice, model or cycle."""


class RepeatedSnapshotError(InvalidModelError):
    """Last snapshot of a cycle that is equal to the first one."""


class InvalidArgumentError(AdiablochError, ValueError):
    """Invalid argument of a function."""


class CallError(InvalidArgumentError, TypeError):
    """Call of a public function with unknown, missing or too many arguments."""


class CoarseCycleError(AdiablochError, ValueError):
    """Too few snapshots to interpolate a cycle.

    Attributes
    ----------
    tail : float
        Size of the last harmonics relative to the largest one.
    """

    def __init__(self, message: str, *, tail: float) -> None:
        super().__init__(message)
        self.tail = tail


class GapClosedError(AdiablochError):
    """Closed gap above the occupied bands.

    Attributes
    ----------
    gap : float
        Smallest gap found, in the energy unit of the model.
    k : tuple of float
        Wave vector of the smallest gap, in reduced coordinates.
    theta : float or None
        Phase of the cycle at the smallest gap; None without a cycle.
    """

    def __init__(self, message: str, *, gap: float, k: tuple[float, ...], theta: float | None) -> None:
        super().__init__(message)
        self.gap = gap
        self.k = k
        self.theta = theta


class OverlappingBandsError(GapClosedError):
    """Overlap of the occupied and the empty bands at different k: a metal, although the direct gap may be open.

    Attributes
    ----------
    gap : float
        Indirect gap, negative.
    valence, conduction : float
        Highest level of the occupied bands and lowest level of the empty bands.
    k, k_conduction : tuple of float
        Wave vectors of these levels, in reduced coordinates.
    theta : float or None
        Phase of the cycle, the same for both levels; None without a cycle.
    """

    def __init__(
        self,
        message: str,
        *,
        gap: float,
        valence: float,
        conduction: float,
        k: tuple[float, ...],
        k_conduction: tuple[float, ...],
        theta: float | None,
    ) -> None:
        super().__init__(message, gap=gap, k=k, theta=theta)
        self.valence = valence
        self.conduction = conduction
        self.k_conduction = k_conduction


class ObstructedError(AdiablochError):
    """Topological obstruction: no smooth gauge exists because the occupied bands have nonzero Chern numbers.

    Attributes
    ----------
    chern_numbers : dict {(str, ...): int}
        Nonzero Chern numbers, by directions.
    """

    def __init__(self, message: str, *, chern_numbers: dict[tuple[str, ...], int]) -> None:
        super().__init__(message)
        self.chern_numbers = chern_numbers


class NoBulkDefinitionError(AdiablochError):
    """Quantity that is not known to be a bulk property."""


class BrokenGaugeError(AdiablochError):
    """Singular gauge: the trial orbitals are orthogonal to an occupied state at some wave vector.

    Attributes
    ----------
    overlap : float
        Smallest overlap found.
    at : tuple of float
        Wave vector of the smallest overlap, in reduced coordinates.
    """

    def __init__(self, message: str, *, overlap: float, at: tuple[float, ...]) -> None:
        super().__init__(message)
        self.overlap = overlap
        self.at = at


class DegenerateBandsError(AdiablochError):
    """Degeneracy of a single band with another band."""


class ToleranceNotReachedError(AdiablochError):
    """Requested accuracy of an integral not reached.

    Attributes
    ----------
    estimate : float or array
        Best estimate, in the unit of the result.
    error : float
        Estimated error, the largest over the components.
    """

    def __init__(self, message: str, *, estimate: object, error: float) -> None:
        super().__init__(message)
        self.estimate = estimate
        self.error = error


class MissingExtraError(AdiablochError, ImportError):
    """Missing optional library; the message says what to install."""


class FileFormatError(AdiablochError, ValueError):
    """Missing, damaged or unexpected content of a file."""


class FileWriteError(AdiablochError, OSError):
    """Failure to write a file; an existing file is unchanged."""


class StoreMismatchError(InvalidArgumentError):
    """Store of a sweep that belongs to another function, model or version."""


class LostWorkerError(AdiablochError, RuntimeError):
    """Early end of a worker process of an executor, for example because it was killed or ran out of memory.

    Attributes
    ----------
    tasks : list or None
        Tasks that were in progress; None if they are not known.
    """

    tasks: list[object] | None = None


class Stopped(KeyboardInterrupt):
    """Interruption of a calculation by Ctrl-C, with the estimates found so far.

    A `KeyboardInterrupt`, not an `AdiablochError`: code that handles the errors of adiabloch does not catch it.

    Attributes
    ----------
    estimate : array or None
        Best estimate so far, in the unit of the result; NaN for components without an estimate, None without any.
    error : array or None
        Estimated error.
    """

    def __init__(self, message: str = "", *, estimate: object = None, error: object = None) -> None:
        super().__init__(message)
        self.estimate = estimate
        self.error = error


class AccuracyWarning(UserWarning):
    """Result less accurate than requested; its error bar states the accuracy."""


class UnitWarning(UserWarning):
    """Number or position that seems to be in another unit than expected."""


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """Suggest the most similar known name: "; did you mean 'sx'?", or an empty string if no name is similar."""
    import difflib  # imported here because it is rarely needed

    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.6) if isinstance(given, str) else []
    return f"; did you mean {names[close[0]]!r}?" if close else ""


def first_line(reason: BaseException) -> str:
    """Return the first line of an error message, at most 200 characters; the type of an error without message."""
    lines = str(reason).strip().splitlines()
    return lines[0][:200] if lines else type(reason).__name__


def warn(message: str, category: type[Warning] = AccuracyWarning) -> None:
    """Issue a warning that points at the innermost line of the call stack outside this package."""
    package, level, frame = str(Path(__file__).parent), 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
