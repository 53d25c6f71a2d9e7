"""Anomalous Hall conductivity on a mesh at 1001 chemical potentials, relative to a single one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TITLE = "Haldane, AHC at a temperature, 200² points"
PROGRAMS = {
    "adiabloch": "one chemical potential",
    "adiabloch_1001_potentials": "1001 chemical potentials",
    "adiabloch_100000_potentials": "100,000 chemical potentials",
}
ACCURACY = None


def _at(potentials: np.ndarray) -> Callable[[], np.ndarray]:
    import adiabloch as ab

    model = ab.models.haldane(delta=0.2, t2=0.15, phi=np.pi / 2)
    return lambda: ab.anomalous_hall(model, potentials, 0.05, mesh=200, executor=1, progress=False).total.values


def adiabloch() -> Callable[[], np.ndarray]:
    """One chemical potential."""
    return _at(np.array([0.1]))


def adiabloch_1001_potentials() -> Callable[[], np.ndarray]:
    """A scan."""
    return _at(np.linspace(-3, 3, 1001))


def adiabloch_100000_potentials() -> Callable[[], np.ndarray]:
    """A long scan."""
    return _at(np.linspace(-3, 3, 100_000))
