"""First call in a fresh process: the mean of Fig. 1 to 1e-6, relative to the import of NumPy alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np

TITLE = "First call in a fresh process, with import: pumped magnetization of Fig. 1 to 1e-6"
PROGRAMS = {
    "adiabloch": "adiabloch",
    "import_adiabloch": "import of adiabloch",
    "import_xarray": "import of xarray",
    "import_numpy": "import of NumPy",
}
ACCURACY = None
FIRST = """
import adiabloch as ab
cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
ab.pumped_magnetization(cycle, 1, tolerance=1e-6, executor=1, progress=False)
"""


def _running(code: str) -> Callable[[], np.ndarray]:
    def evaluate() -> np.ndarray:
        subprocess.run([sys.executable, "-c", code], check=True)
        return np.zeros(1)

    return evaluate


def adiabloch() -> Callable[[], np.ndarray]:
    """Import and call."""
    return _running(FIRST)


def import_adiabloch() -> Callable[[], np.ndarray]:
    """Import alone; xarray is imported when a result is labelled."""
    return _running("import adiabloch")


def import_xarray() -> Callable[[], np.ndarray]:
    """The library that labels the results, and pandas with it."""
    return _running("import xarray")


def import_numpy() -> Callable[[], np.ndarray]:
    """The least that any script needs."""
    return _running("import numpy")
