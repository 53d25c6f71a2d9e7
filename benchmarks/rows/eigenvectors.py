"""Pumped magnetization on a mesh, without and with the Chern-Simons part, relative to LAPACK alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SIDES = {2: (512, 512, 8), 4: (192, 192, 8), 8: (128, 128, 8), 16: (64, 64, 8), 32: (32, 32, 8)}
CASES = {str(n): f"Pumped magnetization, {n} bands, {' x '.join(map(str, sides))} points" for n, sides in SIDES.items()}
PROGRAMS = {
    "adiabloch": "adiabloch",
    "adiabloch_with_chern_simons": "adiabloch with the Chern-Simons part",
    "lapack_eigenvectors_alone": "LAPACK eigenvectors alone",
}
ACCURACY = None


def _cycle(bands: int) -> object:
    import adiabloch as ab

    rng = np.random.default_rng(0)

    def random(size: float) -> np.ndarray:
        return size * (rng.normal(size=(bands, bands)) + 1j * rng.normal(size=(bands, bands))) / np.sqrt(bands)

    levels = np.diag(np.where(np.arange(bands) < bands // 2, -2.0, 2.0)).astype(complex)
    turning = [block + block.conj().T for block in (random(0.2), random(0.2))]
    hops = {R: [random(0.3), random(0.1), random(0.1)] for R in ((1, 0), (0, 1), (1, 1))}
    positions = rng.random((bands, 2))

    def snapshot(theta: float) -> ab.TightBinding:
        waves = (np.cos(theta), np.sin(theta))
        hoppings = {(0, 0): levels + sum(w * x for w, x in zip(waves, turning, strict=True))}
        for R, (still, *moving) in hops.items():
            hoppings[R] = still + sum(w * x for w, x in zip(waves, moving, strict=True))
        return ab.TightBinding(np.eye(2), positions, hoppings)

    return ab.Cycle.from_function(snapshot, 8)


def adiabloch(case: str, *, chern_simons: bool = False) -> Callable[[], np.ndarray]:
    """The perturbative part."""
    import adiabloch as ab

    bands = int(case)
    cycle = _cycle(bands)
    how = {"mesh": SIDES[bands], "chern_simons": chern_simons, "executor": 1, "progress": False}
    return lambda: ab.pumped_magnetization(cycle, bands // 2, **how).perturbative.values


def adiabloch_with_chern_simons(case: str) -> Callable[[], np.ndarray]:
    """All of the response."""
    return adiabloch(case, chern_simons=True)


def lapack_eigenvectors_alone(case: str) -> Callable[[], np.ndarray]:
    """Nothing but `numpy.linalg.eigh` at all points."""
    cycle = _cycle(int(case))
    H = cycle.matrices().on_grid([np.arange(n) / n for n in SIDES[int(case)]])[:, 0]
    return lambda: np.linalg.eigh(H)[0].mean(axis=0)  # noqa: TID251
