"""Responses of bcc Fe, 18 Wannier functions, 101 Fermi energies, 24 x 24 x 24 points."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

HALL, BOTH = "hall", "both"
CASES = {
    HALL: "bcc Fe, 18 functions, AHC, 101 Fermi energies, 24³ points",
    BOTH: "bcc Fe, 18 functions, AHC and orbital magnetization, 24³ points",
}
PROGRAMS = {
    HALL: {"adiabloch": "adiabloch", "numpy_sorted": "NumPy, sorted levels", "wannierberri": "WannierBerri 26.10"},
    BOTH: {
        "adiabloch": "adiabloch, one pass",
        "two_passes": "adiabloch, two passes",
        "numpy_sorted": "NumPy, sorted levels",
    },
}
ACCURACY = 1e-6
FERMI = np.linspace(17.0, 18.0, 101)
SIDE = 24
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "Fe_tb.dat.gz"


def missing() -> str:
    """Reason to leave the row out, if any."""
    return "" if DATA.is_file() else f"{DATA.name} is not in ../shared/data"


def _names(case: str) -> list[str]:
    return ["anomalous_hall"] if case == HALL else ["anomalous_hall", "orbital_magnetization"]


def adiabloch(case: str) -> Callable[[], np.ndarray]:
    """A fixed mesh; the file has no exact symmetry."""
    import adiabloch as ab

    model, names = ab.io.read_tb(DATA), _names(case)

    def evaluate() -> np.ndarray:
        found = ab.metal_responses(model, names, FERMI, mesh=SIDE, executor=1, progress=False)
        return np.concatenate([found[name].total.values.ravel() for name in names])

    return evaluate


def two_passes(case: str) -> Callable[[], np.ndarray]:
    """One call for each response."""
    import adiabloch as ab

    model, names = ab.io.read_tb(DATA), _names(case)
    how = {"mesh": SIDE, "executor": 1, "progress": False}
    return lambda: np.concatenate([getattr(ab, name)(model, FERMI, **how).total.values.ravel() for name in names])


def numpy_sorted(case: str) -> Callable[[], np.ndarray]:
    """Plain NumPy: Fourier sums as matrix products, LAPACK, sorted levels."""
    import adiabloch as ab

    model = ab.io.read_tb(DATA)
    cells = np.array([*model.hoppings])
    n, lattice = model.size, model.lattice.vectors
    H = np.array([*model.hoppings.values()])
    r = np.array([model.position_matrix.get(R, np.zeros((n, n, 3))) for R in map(tuple, cells)])
    centres = model.positions
    home = int(np.flatnonzero((cells == 0).all(axis=1))[0])
    r[home, np.arange(n), np.arange(n)] = 0.0
    far = (cells @ lattice)[:, None, None] + centres[None, None] - centres[None, :, None]
    planes = ((1, 2), (2, 0), (0, 1))
    parts = [H, *(1j * far[..., a] * H for a in range(3)), *(r[..., a] for a in range(3))]
    parts += [1j * far[..., a] * r[..., b] - 1j * far[..., b] * r[..., a] for a, b in planes]
    table = np.stack(parts, axis=1).reshape(len(cells), -1)
    reduced = np.linalg.solve(lattice.T, centres.T)
    volume = model.lattice.measure

    def evaluate() -> np.ndarray:
        axis = np.arange(SIDE) / SIDE
        points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
        sums, weighted = np.zeros((2, 3, len(FERMI) + 1))
        for first in range(0, len(points), 256):
            k = points[first : first + 256]
            W = (np.exp(2j * np.pi * (k @ cells.T)) @ table).reshape(len(k), len(parts), n, n)
            phase = np.exp(2j * np.pi * (k @ reduced))
            W *= phase.conj()[:, None, :, None] * phase[:, None, None, :]
            E, U = np.linalg.eigh(W[:, 0])  # noqa: TID251
            V = U.conj().transpose(0, 2, 1)[:, None] @ W[:, 1:] @ U[:, None]
            dH, A, curl = V[:, :3], V[:, 3:6], V[:, 6:]
            distance = E[:, None, :] - E[:, :, None]
            apart = np.abs(distance) > 1e-7
            T = 1j * dH * np.where(apart, 1 / np.where(apart, distance, 1), 0)[:, None] + A
            where = np.searchsorted(FERMI, E.ravel())
            for c, (a, b) in enumerate(planes):
                pairs = -2 * (T[:, a] * T[:, b].transpose(0, 2, 1)).imag
                own = np.einsum("knn->kn", curl[:, c]).real
                own = own + 2 * (A[:, a] * A[:, b].transpose(0, 2, 1)).imag.sum(axis=2)
                curvature = own + pairs.sum(axis=2)
                sums[c] += np.bincount(where, curvature.ravel(), len(FERMI) + 1)
                if case == BOTH:
                    moment = own * E + 0.5 * (pairs * (E[:, :, None] + E[:, None, :])).sum(axis=2)
                    weighted[c] += np.bincount(where, moment.ravel(), len(FERMI) + 1)
        hall, moment = (np.cumsum(x, axis=1)[:, :-1].T / len(points) / volume for x in (sums, weighted))
        if case == HALL:
            return -hall.ravel()
        return np.concatenate([-hall.ravel(), (moment - FERMI[:, None] * hall).ravel()])

    return evaluate


def wannierberri(case: str) -> Callable[[], np.ndarray]:
    """One pass of WannierBerri without symmetry and tetrahedra."""
    from wannierberri import Grid, System_R, run
    from wannierberri.calculators import static

    import adiabloch as ab

    folder = tempfile.mkdtemp()
    tb = Path(folder) / "crystal_tb.dat"
    # what was read, Hermitian: the file itself is so up to a percent only
    ab.io.write_tb(ab.io.read_tb(DATA), tb)
    system = System_R.from_tb_dat(str(tb), berry=True, silent=True)

    def evaluate() -> np.ndarray:
        hall = static.AHC(Efermi=FERMI, tetra=False, constant_factor=1.0, degen_thresh=-1)
        grid = Grid(system, NK=SIDE, use_symmetry=False)
        options = {"use_irred_kpt": False, "symmetrize": False, "parallel": False}
        found = run(system, grid, {"hall": hall}, fout_name=str(tb.with_suffix("")), **options)
        return -found.results["hall"].data.ravel()

    return evaluate
