"""The one family of errors that adiabloch raises.

Catch :class:`AdiablochError` to catch them all. Each message says what happened, where, and what was
expected; where a number helps (a gap, a best estimate), the error carries it as an attribute too.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from pathlib import Path


class AdiablochError(Exception):
    """Anything that adiabloch refuses to do, with the reason."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the message and the attributes, so that errors come home whole from other processes."""
        return _restored, (type(self), self.args, self.__dict__.copy())


def _restored(kind: type[AdiablochError], args: tuple[object, ...], attributes: dict[str, object]) -> AdiablochError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error


class InvalidModelError(AdiablochError, ValueError):
    """A lattice, model or cycle that contradicts itself."""


class InvalidArgumentError(AdiablochError, ValueError):
    """An argument outside what the function can serve."""


class CoarseCycleError(AdiablochError, ValueError):
    """A cycle whose snapshots are too few to be interpolated.

    Attributes
    ----------
    tail : float
        Size of the last harmonics relative to the largest.
    """

    def __init__(self, message: str, *, tail: float) -> None:
        super().__init__(message)
        self.tail = tail


class GapClosedError(AdiablochError):
    """The gap above the occupied bands closes.

    Attributes
    ----------
    gap : float
        Smallest gap found, in the energy unit of the model.
    k : tuple of float
        Where, in reduced coordinates.
    theta : float or None
        At which phase of the cycle.
    """

    def __init__(self, message: str, *, gap: float, k: tuple[float, ...], theta: float | None) -> None:
        super().__init__(message)
        self.gap = gap
        self.k = k
        self.theta = theta


class OverlappingBandsError(GapClosedError):
    """The occupied bands rise above the empty ones, each at its own k: a metal, though the direct gap may be open.

    Attributes
    ----------
    gap : float
        Indirect gap, negative.
    valence, conduction : float
        Highest level of the occupied bands and lowest one of the empty bands.
    k, k_conduction : tuple of float
        Where, in reduced coordinates.
    theta : float or None
        At which phase of the cycle, the same for both.
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
    """No smooth gauge exists: Chern numbers of the occupied bands do not vanish.

    Attributes
    ----------
    chern_numbers : dict {(str, ...): int}
        Those that do not vanish, by directions.
    """

    def __init__(self, message: str, *, chern_numbers: dict[tuple[str, ...], int]) -> None:
        super().__init__(message)
        self.chern_numbers = chern_numbers


class NoBulkDefinitionError(AdiablochError):
    """A quantity that is not known to be a property of the bulk."""


class BrokenGaugeError(AdiablochError):
    """The trial orbitals are orthogonal to an occupied state somewhere.

    Attributes
    ----------
    overlap : float
        Smallest overlap found.
    at : tuple of float
        Where, in reduced coordinates.
    """

    def __init__(self, message: str, *, overlap: float, at: tuple[float, ...]) -> None:
        super().__init__(message)
        self.overlap = overlap
        self.at = at


class DegenerateBandsError(AdiablochError):
    """A single band was asked for where it touches another one."""


class ToleranceNotReachedError(AdiablochError):
    """An integral did not reach the accuracy asked for.

    Attributes
    ----------
    estimate : float or array
        Best estimate, in the unit of the result.
    error : float
        Its estimated error (largest over the components).
    """

    def __init__(self, message: str, *, estimate: object, error: float) -> None:
        super().__init__(message)
        self.estimate = estimate
        self.error = error


class MissingExtraError(AdiablochError, ImportError):
    """An optional library is needed; the message says what to install."""


class FileFormatError(AdiablochError, ValueError):
    """A file that cannot be read as what it should be."""


class FileWriteError(AdiablochError, OSError):
    """A file that cannot be written; what was there before is unchanged."""


class LostWorkerError(AdiablochError, RuntimeError):
    """A worker of an executor ended before its work was done: killed, or out of memory."""


class Stopped(KeyboardInterrupt):
    """Ctrl-C while something was computed; what had been found by then is kept.

    As a KeyboardInterrupt it is no `AdiablochError`, so that nothing takes it for a failure and goes on.

    Attributes
    ----------
    estimate : array or None
        Best estimate so far, in the unit of the result; NaN where there is none yet, None if there is none at all.
    error : array or None
        Its estimated error.
    """

    def __init__(self, message: str = "", *, estimate: object = None, error: object = None) -> None:
        super().__init__(message)
        self.estimate = estimate
        self.error = error


class AccuracyWarning(UserWarning):
    """A result is less accurate than was asked for; its error bar tells how much."""


class UnitWarning(UserWarning):
    """A number or position that seems to be given in another unit than it is taken in."""


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """The end of a message about a name: "; did you mean 'sx'?", or nothing if no known name is like it."""
    import difflib  # rarely needed

    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.6) if isinstance(given, str) else []
    return f"; did you mean {names[close[0]]!r}?" if close else ""


def warn(message: str, category: type[Warning] = AccuracyWarning) -> None:
    """Warn, pointing at the line of the user that led here: the innermost one outside this package."""
    package, level, frame = str(Path(__file__).parent), 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
