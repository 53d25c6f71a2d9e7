"""Anomalous Hall conductivity of a random crystal on a mesh, relative to LAPACK alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SIDES = {8: 256, 32: 64}
CASES = {str(n): f"Anomalous Hall conductivity, {n} bands, {side} x {side} points" for n, side in SIDES.items()}
PROGRAMS = {"adiabloch": "adiabloch", "lapack_eigenvectors_alone": "LAPACK eigenvectors alone"}
ACCURACY = None


def _model(bands: int) -> object:
    import adiabloch as ab

    rng = np.random.default_rng(0)
    hoppings = {
        R: (rng.normal(size=(bands, bands)) + 1j * rng.normal(size=(bands, bands))) / np.sqrt(bands)
        for R in ((1, 0), (0, 1), (1, 1))
    }
    hoppings[0, 0] = np.diag(rng.normal(size=bands)).astype(complex)
    return ab.TightBinding(np.eye(2), rng.random((bands, 2)), hoppings)


def adiabloch(case: str) -> Callable[[], np.ndarray]:
    """One chemical potential."""
    import adiabloch as ab

    model = _model(int(case))
    how = {"mesh": SIDES[int(case)], "symmetry": "none", "executor": 1, "progress": False}
    return lambda: ab.anomalous_hall(model, 0.0, **how).total.values


def lapack_eigenvectors_alone(case: str) -> Callable[[], np.ndarray]:
    """Nothing but `numpy.linalg.eigh` at all points."""
    side = SIDES[int(case)]
    H = _model(int(case)).matrices().on_grid([np.arange(side) / side] * 2)[:, 0]
    return lambda: np.linalg.eigh(H)[0].mean(axis=0)  # noqa: TID251
