"""Compiled kernels of the linear algebra, and their loading when they are first needed."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

SWITCH = "ADIABLOCH_COMPILED"
"""Environment variable; "0" leaves the kernels out."""
SLOW = 4.0
"""Seconds after which a line on the error stream says that kernels are being compiled."""
MESSAGE = "adiabloch: compiling its kernels, which takes a few seconds once (ADIABLOCH_COMPILED=0 leaves them out)"
LARGE = 2**19
"""Number of two-band points from which on kernels for them are loaded; for fewer, NumPy takes less time than that."""

_lock = threading.Lock()
_loaded: dict[str, ModuleType | None] = {}


def available(name: str) -> ModuleType | None:
    """Module of this package with compiled kernels; None without Numba, or if the kernels are switched off."""
    if name not in _loaded:
        with _lock:
            if name not in _loaded:
                _loaded[name] = _load(name)
    return _loaded[name]


class _Expected(threading.local):
    """Size of the calculation that this thread works on."""

    points: int = 0


_expected = _Expected()


@contextmanager
def expecting(points: int) -> Iterator[None]:
    """Context in which the choice of kernels counts on this number of points or more.

    It does not depend on what was before, but for trials, whose number of points is that of the whole calculation.
    """
    before, _expected.points = _expected.points, max(points, _expected.points)
    try:
        yield
    finally:
        _expected.points = before


def expected_points() -> int:
    """Number of points that this thread counts on."""
    return _expected.points


def of_frames(points: int, bands: int) -> ModuleType | None:
    """Kernels for frames (`frames`); None for few points with two bands, whose frames NumPy makes in closed form."""
    return available("frames") if _worthwhile(points, bands) else None


def of_sums(points: int, bands: int) -> ModuleType | None:
    """Kernels for sums over the bands of frames (`sums`), under the same conditions."""
    return available("sums") if _worthwhile(points, bands) else None


def _worthwhile(points: int, bands: int) -> bool:
    return bands > 2 or (bands == 2 and max(points, _expected.points) >= LARGE)


def _load(name: str) -> ModuleType | None:
    if os.environ.get(SWITCH) == "0":
        return None
    timer = threading.Timer(SLOW, print, (MESSAGE,), {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except (ImportError, RuntimeError):
        # Numba is missing, does not fit the version of NumPy, or finds no folder for its cache
        return None
    finally:
        timer.cancel()
