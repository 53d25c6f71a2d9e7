"""Anomalous Hall conductivity of bcc Fe at zero temperature, 101 Fermi energies over 1 eV, to 3 %."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

TITLE = "bcc Fe, 18 functions, AHC at T = 0, 101 Fermi energies, error bar of 3 %"
PROGRAMS = {"adiabloch": "adiabloch", "uniform_mesh": "uniform mesh of 96³ points, still off by more"}
ACCURACY = 0.15
FERMI = np.linspace(17.0, 18.0, 101)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "Fe_tb.dat.gz"


def missing() -> str:
    """Reason to leave the row out, if any."""
    return "" if DATA.is_file() else f"{DATA.name} is not in ../shared/data"


def adiabloch() -> Callable[[], np.ndarray]:
    """Cells that are refined where they change the result."""
    import adiabloch as ab

    model = ab.io.read_tb(DATA)
    return lambda: ab.anomalous_hall(model, FERMI, tolerance=0.03, executor=1, progress=False).total.values


def uniform_mesh() -> Callable[[], np.ndarray]:
    """A fixed mesh: with 72³ points it is off by up to half of the largest value, with 96³ by a tenth."""
    import adiabloch as ab

    model = ab.io.read_tb(DATA)
    return lambda: ab.anomalous_hall(model, FERMI, mesh=96, executor=1, progress=False).total.values
