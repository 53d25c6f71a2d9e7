"""Anomalous Hall conductivity of a tilted Weyl metal at zero temperature, 61 chemical potentials, to 3e-3."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TITLE = "Weyl metal, AHC, 61 chemical potentials, error of 3e-3"
PROGRAMS = {"adiabloch": "adiabloch", "uniform_mesh": "sufficient uniform mesh, same formulas"}
ACCURACY = 1e-2
POTENTIALS = np.linspace(-1.5, 1.5, 61)
SIDE = 64
"""Points along each side of a mesh whose true error is 2.3e-3 of the largest value."""


def _model() -> object:
    import adiabloch as ab

    x, y = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
    z, one = np.diag([1.0, -1.0]), np.eye(2)
    hoppings = {
        (0, 0, 0): 3.0 * z,
        (1, 0, 0): x / 2j - 0.75 * z + 0.1 * one,
        (0, 1, 0): y / 2j - 0.75 * z,
        (0, 0, 1): 0.5 * z - 0.15j * one,
    }
    return ab.TightBinding(np.eye(3), np.zeros((2, 3)), hoppings)


def adiabloch() -> Callable[[], np.ndarray]:
    """Cells that are refined where they change the result: a thirteenth of the points of the mesh."""
    import adiabloch as ab

    model = _model()
    return lambda: ab.anomalous_hall(model, POTENTIALS, tolerance=0.01, executor=1, progress=False).total.values


def uniform_mesh() -> Callable[[], np.ndarray]:
    """A fixed mesh that is just sufficient, on the same formulas, without symmetry."""
    import adiabloch as ab

    model = _model()
    return lambda: (
        ab.anomalous_hall(model, POTENTIALS, mesh=SIDE, symmetry="none", executor=1, progress=False).total.values
    )
