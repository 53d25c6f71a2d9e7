"""Orbital magnetization and anomalous Hall conductivity of Haldane's model at 101 chemical potentials."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TITLE = "Haldane, M and AHC, 101 chemical potentials, 200² points"
PROGRAMS = {
    "adiabloch": "adiabloch",
    "adiabloch_without_symmetry": "adiabloch without symmetry",
    "numpy_sorted": "NumPy, sorted levels",
    "numpy_loop": "NumPy, a mask for each potential",
}
ACCURACY = 1e-9
POTENTIALS = np.linspace(-4.0, 4.0, 101)
SIDE = 200
DELTA, T2 = 0.2, 0.15


def _adiabloch(symmetry: str) -> Callable[[], np.ndarray]:
    import adiabloch as ab

    model = ab.models.haldane(delta=DELTA, t2=T2, phi=np.pi / 2)
    names = ["anomalous_hall", "orbital_magnetization"]

    def evaluate() -> np.ndarray:
        found = ab.metal_responses(model, names, POTENTIALS, mesh=SIDE, symmetry=symmetry, executor=1)
        return np.concatenate([found[name].total.values.ravel() for name in names])

    return evaluate


def adiabloch() -> Callable[[], np.ndarray]:
    """One pass over one of all equivalent points."""
    return _adiabloch("find")


def adiabloch_without_symmetry() -> Callable[[], np.ndarray]:
    """One pass over all points."""
    return _adiabloch("none")


def _numpy(sort: bool) -> Callable[[], np.ndarray]:
    import adiabloch as ab

    model = ab.models.haldane(delta=DELTA, t2=T2, phi=np.pi / 2)
    cells = np.array([*model.hoppings])
    blocks = np.array([*model.hoppings.values()])
    r = cells @ model.lattice.vectors
    separation = r[:, None, None] + model.positions[None, None, :] - model.positions[None, :, None]
    area = model.lattice.measure

    def evaluate() -> np.ndarray:
        axis = np.arange(SIDE) / SIDE
        k = 2 * np.pi * np.linalg.inv(model.lattice.vectors) @ np.stack(np.meshgrid(axis, axis)).reshape(2, -1)
        H = np.zeros((SIDE**2, 2, 2), dtype=complex)
        dH = np.zeros((2, SIDE**2, 2, 2), dtype=complex)
        for block, far in zip(blocks, separation, strict=True):
            for i, j in np.argwhere(block != 0):
                wave = block[i, j] * np.exp(1j * (far[i, j] @ k))
                H[:, i, j] += wave
                for a in range(2):
                    dH[a, :, i, j] += 1j * far[i, j, a] * wave
        E, U = np.linalg.eigh(H)  # noqa: TID251
        V = np.einsum("kmi,akmn,knj->akij", U.conj(), dH, U, optimize=True)
        hall, moment = np.zeros(len(POTENTIALS)), np.zeros(len(POTENTIALS))
        for n in range(2):
            m = 1 - n
            curvature = -2.0 * (V[0, :, n, m] * V[1, :, m, n]).imag / (E[:, n] - E[:, m]) ** 2
            weighted = 0.5 * (E[:, n] + E[:, m]) * curvature
            if sort:
                where = np.searchsorted(POTENTIALS, E[:, n])
                sums = [np.cumsum(np.bincount(where, x, len(POTENTIALS) + 1))[:-1] for x in (curvature, weighted)]
            else:
                filled = E[:, n] <= POTENTIALS[:, None]
                sums = [(filled * x).sum(axis=1) for x in (curvature, weighted)]
            hall += sums[0]
            moment += sums[1]
        # per area; a filled band has the moment (E - mu) times its curvature besides its own
        scale = 1.0 / (SIDE**2 * area)
        return np.concatenate([-hall * scale, (moment - POTENTIALS * hall) * scale])

    return evaluate


def numpy_sorted() -> Callable[[], np.ndarray]:
    """Plain NumPy with sorted levels."""
    return _numpy(sort=True)


def numpy_loop() -> Callable[[], np.ndarray]:
    """Plain NumPy with a mask of filled states for each chemical potential."""
    return _numpy(sort=False)
