"""Axion angle of the Fu-Kane-Mele model in a staggered field at 32 angles beta, as accurate as PythTB on 32^3 points.

PythTB integrates the second Chern form over beta, with finite differences along beta, and gives the whole curve
theta(beta) - theta(0). adiabloch integrates the Chern-Simons form at each angle, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "Axion angle, Fu-Kane-Mele model, 32 angles, to 0.011 rad"
PROGRAMS = {"adiabloch": "adiabloch", "pythtb": "PythTB 2.0.2, 32 x 32 x 32 points"}
ACCURACY = 0.02
ANGLES, SIDE, OCCUPIED = 32, 32, 2
ERROR = 0.011
"""Largest error of PythTB on this mesh, which adiabloch is asked for."""


def _model(beta: float) -> Any:
    import adiabloch as ab

    return ab.models.fu_kane_mele(beta, m=0.5)


def _points(angles: np.ndarray) -> np.ndarray:
    """Points of the unit circle, which do not depend on the branch of the angles."""
    return np.concatenate([np.cos(angles), np.sin(angles)])


def adiabloch() -> Callable[[], np.ndarray]:
    """Each angle as a calculation of its own."""
    import adiabloch as ab

    how = {"tolerance": 1e-9, "absolute": ERROR, "executor": 1, "progress": False}
    betas = 2 * np.pi * np.arange(ANGLES) / ANGLES

    def evaluate() -> np.ndarray:
        return _points(np.array([float(ab.axion_angle(_model(beta), OCCUPIED, **how).axion_angle) for beta in betas]))

    return evaluate


def pythtb() -> Callable[[], np.ndarray]:
    """One call for the whole curve, from beta = 0, where time reversal holds and the angle vanishes."""
    model, betas = _pythtb_model(), np.linspace(0, 2 * np.pi, ANGLES + 1)
    how = {"nks": (SIDE,) * 3, "occ_idxs": list(range(OCCUPIED)), "param_periods": {"beta": 2 * np.pi}}
    return lambda: _points(model.axion_angle(beta=betas, **how)[1][:ANGLES])


def _pythtb_model() -> Any:
    """A PythTB model with the parameter beta, from models that are linear in cos(beta) and sin(beta)."""
    from pythtb import Lattice, TBModel

    at = [_model(beta) for beta in (0.0, 0.5 * np.pi, np.pi)]
    first = at[0]
    positions = first.lattice.reduced_positions(first.positions)
    model = TBModel(Lattice(first.lattice.vectors, positions, periodic_dirs=...), spinful=False)
    nothing = np.zeros((first.size, first.size))
    for R in sorted({R for m in at for R in m.hoppings}):
        zero, quarter, half = (m.hoppings.get(R, nothing) for m in at)
        mean, cosine = 0.5 * (zero + half), 0.5 * (zero - half)
        sine = quarter - mean
        for i, j in np.ndindex(first.size, first.size):
            amplitude = _series(mean[i, j], cosine[i, j], sine[i, j])
            if amplitude is None or R < (0, 0, 0) or (R == (0, 0, 0) and i > j):
                continue  # PythTB adds the conjugates
            if R == (0, 0, 0) and i == j:
                model.set_onsite(lambda beta, f=amplitude: float(f(beta).real), i)
            else:
                model.set_hop(amplitude, i, j, list(R))
    return model


def _series(mean: complex, cosine: complex, sine: complex) -> Callable[[float], complex] | None:
    """The function mean + cosine cos(beta) + sine sin(beta), or None for zero."""
    if max(abs(mean), abs(cosine), abs(sine)) < 1e-14:
        return None
    return lambda beta: mean + cosine * np.cos(beta) + sine * np.sin(beta)
