"""Magnetoelectric response of a tilted Dirac cone, and a pump, with small gaps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

MASSES = {"0.02": 0.01, "0.002": 0.001, "1e-4": 5e-5, "1e-6": 5e-7}
PUMP = "pump"
CASES = {gap: f"Magnetoelectric response, gap of {gap} of the hopping, to 1e-6" for gap in MASSES}
CASES[PUMP] = "Pumped magnetization, gap of 0.002 of the hopping, to 1e-3"
ALONE = {"adiabloch": "adiabloch"}
PROGRAMS = dict.fromkeys(CASES, ALONE)
PROGRAMS["0.02"] = {**ALONE, "uniform_mesh": "sufficient uniform mesh, same formulas"}
ACCURACY = 1e-5


def adiabloch(case: str) -> Callable[[], np.ndarray]:
    """Adaptive boxes."""
    import adiabloch as ab

    how = {"executor": 1, "progress": False}
    if case == PUMP:
        # the gap of the honeycomb with staggered potentials +- delta is 2 delta
        cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.001, t1=0.1), amplitude=0.1)
        return lambda: ab.pumped_magnetization(cycle, 1, tolerance=1e-3, limit=2**24, **how).total.values
    model = ab.models.tilted_dirac(tilt=0.3, mass=MASSES[case])
    return lambda: ab.magnetoelectric(model, 1, tolerance=1e-6, **how).total.values


def uniform_mesh(case: str) -> Callable[[], np.ndarray]:
    """A fixed mesh that is just sufficient, on the same formulas."""
    import adiabloch as ab

    model = ab.models.tilted_dirac(tilt=0.3, mass=MASSES[case])
    return lambda: ab.magnetoelectric(model, 1, mesh=3200, executor=1, progress=False).total.values
