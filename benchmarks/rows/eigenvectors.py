"""Pumped magnetization for eight bands on a mesh, without and with the Chern-Simons part, relative to LAPACK alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TITLE = "Pumped magnetization, eight bands, 24 x 24 x 8 points"
PROGRAMS = {
    "adiabloch": "adiabloch",
    "adiabloch_with_chern_simons": "adiabloch with the Chern-Simons part",
    "lapack_eigenvectors_alone": "LAPACK eigenvectors alone",
}
ACCURACY = None
BANDS, SIDES = 8, (24, 24, 8)


def _cycle() -> object:
    import adiabloch as ab

    rng = np.random.default_rng(0)

    def random(size: float) -> np.ndarray:
        return size * (rng.normal(size=(BANDS, BANDS)) + 1j * rng.normal(size=(BANDS, BANDS))) / np.sqrt(BANDS)

    levels = np.diag(np.where(np.arange(BANDS) < BANDS // 2, -2.0, 2.0)).astype(complex)
    turning = [block + block.conj().T for block in (random(0.2), random(0.2))]
    hops = {R: [random(0.3), random(0.1), random(0.1)] for R in ((1, 0), (0, 1), (1, 1))}
    positions = rng.random((BANDS, 2))

    def snapshot(theta: float) -> ab.TightBinding:
        waves = (np.cos(theta), np.sin(theta))
        hoppings = {(0, 0): levels + sum(w * x for w, x in zip(waves, turning, strict=True))}
        for R, (still, *moving) in hops.items():
            hoppings[R] = still + sum(w * x for w, x in zip(waves, moving, strict=True))
        return ab.TightBinding(np.eye(2), positions, hoppings)

    return ab.Cycle.from_function(snapshot, 8)


def adiabloch(*, chern_simons: bool = False) -> Callable[[], np.ndarray]:
    """The perturbative part."""
    import adiabloch as ab

    cycle = _cycle()
    how = {"mesh": SIDES, "chern_simons": chern_simons, "executor": 1, "progress": False}
    return lambda: ab.pumped_magnetization(cycle, BANDS // 2, **how).perturbative.values


def adiabloch_with_chern_simons() -> Callable[[], np.ndarray]:
    """All of the response."""
    return adiabloch(chern_simons=True)


def lapack_eigenvectors_alone() -> Callable[[], np.ndarray]:
    """Nothing but `numpy.linalg.eigh` at all points."""
    cycle = _cycle()
    H = cycle.matrices().on_grid([np.arange(n) / n for n in SIDES])[:, 0]
    return lambda: np.linalg.eigh(H)[0].mean(axis=0)  # noqa: TID251
