"""Compiled kernels of the linear algebra, and their loading when they are first needed."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from types import ModuleType

SWITCH = "ADIABLOCH_COMPILED"
"""Environment variable; "0" leaves the kernels out."""
SLOW = 4.0
"""Seconds after which a line on the error stream says that kernels are being compiled."""
MESSAGE = "adiabloch: compiling its kernels, which takes a few seconds once (ADIABLOCH_COMPILED=0 leaves them out)"
LARGE = 4096
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


def of_frames(points: int, bands: int) -> ModuleType | None:
    """Kernels for frames (`frames`); None for few points with two bands, whose frames NumPy makes in closed form."""
    return available("frames") if bands > 2 or (bands == 2 and points >= LARGE) else None


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
