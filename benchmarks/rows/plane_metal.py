"""Anomalous Hall conductivity of Haldane's model at zero temperature, 181 chemical potentials, to 1e-5."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

T2 = 0.1
GAPS = {"0.33": 0.33, "0.04": 0.04, "0.004": 0.004}
CASES = {gap: f"Haldane metal at T = 0, gap {gap}, AHC, 181 chemical potentials, to 1e-5" for gap in GAPS}
PROGRAMS = {"adiabloch": "adiabloch", "uniform_mesh": "uniform mesh of 2048² points, still off by more"}
ACCURACY = 3e-2
POTENTIALS = np.linspace(-2.4, 0.6, 181)


def _model(case: str) -> object:
    import adiabloch as ab

    # gap 2 |delta - 3 sqrt(3) t2| at one of the corners
    return ab.models.haldane(delta=3 * np.sqrt(3) * T2 - 0.5 * GAPS[case], t2=T2, phi=np.pi / 2)


def adiabloch(case: str) -> Callable[[], np.ndarray]:
    """Boxes with Chebyshev interpolation, refined at the Fermi lines."""
    import adiabloch as ab

    model = _model(case)
    return lambda: ab.anomalous_hall(model, POTENTIALS, tolerance=1e-5, executor=1, progress=False).total.values


def uniform_mesh(case: str) -> Callable[[], np.ndarray]:
    """A fixed mesh."""
    import adiabloch as ab

    model = _model(case)
    return lambda: ab.anomalous_hall(model, POTENTIALS, mesh=2048, executor=1, progress=False).total.values
