"""Magnetoelectric response of a tilted Dirac cone with a small gap, to 1e-6."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TITLE = "Magnetoelectric response, gap 0.05 of the hopping, to 1e-6"
PROGRAMS = {"adiabloch": "adiabloch", "uniform_mesh": "sufficient uniform mesh, same formulas"}
ACCURACY = 1e-5
MASS = 0.025


def adiabloch() -> Callable[[], np.ndarray]:
    """Adaptive boxes."""
    import adiabloch as ab

    model = ab.models.tilted_dirac(tilt=0.3, mass=MASS)
    return lambda: ab.magnetoelectric(model, 1, tolerance=1e-6, executor=1, progress=False).total.values


def uniform_mesh() -> Callable[[], np.ndarray]:
    """A fixed mesh that is just sufficient, on the same formulas."""
    import adiabloch as ab

    model = ab.models.tilted_dirac(tilt=0.3, mass=MASS)
    side = 1280
    return lambda: ab.magnetoelectric(model, 1, mesh=side, executor=1, progress=False).total.values
