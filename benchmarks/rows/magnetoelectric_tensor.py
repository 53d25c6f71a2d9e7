"""Magnetoelectric tensor of the Fu-Kane-Mele model in a staggered field on a mesh, with and without its symmetry."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TITLE = "Magnetoelectric tensor, Fu-Kane-Mele model, 32³ points"
PROGRAMS = {"adiabloch": "adiabloch", "adiabloch_without_symmetry": "adiabloch without symmetry"}
ACCURACY = 1e-9
SIDE = 32


def adiabloch(symmetry: str = "find") -> Callable[[], np.ndarray]:
    """A model for each evaluation, so that gaps, Chern numbers and trial orbitals are part of the work."""
    import adiabloch as ab

    how = {"mesh": SIDE, "symmetry": symmetry, "executor": 1, "progress": False}
    return lambda: ab.magnetoelectric(ab.models.fu_kane_mele(1.0, m=0.5), occupied=2, **how).total.values


def adiabloch_without_symmetry() -> Callable[[], np.ndarray]:
    """All points."""
    return adiabloch("none")
