"""bcc Fe with spin-orbit coupling: Hall effect, spin and orbital magnetization against postw90 and WannierBerri.

The files are not part of the project. They come from Quantum ESPRESSO 6.7 (Fe.jry.pbe.UPF of the examples of Wannier90,
90 Ry, a = 5.4235 bohr, 8 x 8 x 8 points with cold smearing of 0.02 Ry; 28 bands on 4 x 4 x 4 points) and Wannier90 3.1
(18 functions sp3d2, xy, xz, yz; windows -8 to 70 eV and -8 to 26 eV). ADIABLOCH_IRON is the folder of Fe.chk, Fe.eig,
Fe.mmn, Fe.uHu and Fe.spn.
"""

import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.io.checkpoint import read_checkpoint
from adiabloch.io.energy_overlaps import EnergyOverlaps
from adiabloch.io.neighbours import NeighbourOverlaps, shell_weights
from adiabloch.io.overlaps import OverlapFile
from adiabloch.io.seed_files import read_energies
from adiabloch.models.nearest_images import NearestImages

FERMI = 12.6295
PLANES = [(1, 2), (2, 0), (0, 1)]
MAGNETON = 1 / (2 * ab.units.ELECTRON_MASS)
SIEMENS_PER_CM = 1.602176634e-19**2 / 1.054571817e-34 * 1e8
POSTW90 = {
    # use_ws_distance, points along each axis: AHC in S/cm, spin and orbital magnetization in mu_B per cell, along z
    (True, 4): (328.6453, 2.264318, 0.0617),
    (True, 10): (8910.0219, 2.246182, 0.1141),
    (False, 4): (353.1945, 2.264318, 0.0631),
    (False, 10): (1081.8737, 2.264341, 0.0931),
}
WANNIERBERRI = {4: (32998.4721, 0.0516177474), 10: (891578.211, 0.0984124707)}
"""By points along each axis: AHC in S/m, orbital magnetization in mu_B per cell, with transl_inv_JM."""


@pytest.fixture(scope="module")
def path():
    folder = os.environ.get("ADIABLOCH_IRON")
    if not folder:
        pytest.skip("ADIABLOCH_IRON is not the folder of Fe.chk")
    return Path(folder) / "Fe.chk"


def matrices_of_postw90(path):
    """H, A, B, C, and spin of the functions on the k mesh: finite differences without phases of the centres."""
    checkpoint = read_checkpoint(path)
    V = checkpoint.states
    K, M, n = V.shape
    E = read_energies(path, ".chk", K, M)
    A, B, C = (np.zeros((K, n, n, 3), complex) for _ in range(3))
    links, weights = NeighbourOverlaps(checkpoint), None
    with closing(OverlapFile(path.with_suffix(".mmn"))) as file:
        between = EnergyOverlaps(path.with_suffix(".uHu"), M, K, file.neighbours, path).blocks()
        for k, (rows, overlaps) in enumerate(file.blocks()):
            steps = checkpoint.points[rows[:, 0]] + rows[:, 1:] - checkpoint.points[k]
            b = links.cartesian(np.rint(steps * checkpoint.mesh).astype(int))
            weights = shell_weights(path, b) if weights is None else weights
            moved, wb = overlaps @ V[rows[:, 0]], weights[:, None] * b
            A[k] = 1j * np.einsum("sa,sij->ija", wb, V[k].conj().T @ moved)
            B[k] = 1j * np.einsum("sa,sij->ija", wb, V[k].conj().T @ (E[k][:, None] * moved))
            U = V[rows[:, 0]].conj().swapaxes(1, 2)[:, None] @ next(between) @ V[rows[:, 0]]
            for c, (x, y) in enumerate(PLANES):
                area = np.outer(wb[:, x], wb[:, y])
                C[k, ..., c] = 1j * np.einsum("st,stij->ij", area - area.T, U)
    A, C = (0.5 * (X + X.conj().swapaxes(1, 2)) for X in (A, C))
    return checkpoint, np.einsum("kmi,km,kmj->kij", V.conj(), E, V), A, B, C


def model_of_postw90(path, distances):
    """Model of these matrices, and the matrices B and C about the origin by translation."""
    checkpoint, *each = matrices_of_postw90(path)
    centres = checkpoint.centres if distances else np.zeros((1, 3))
    images = NearestImages(checkpoint.vectors, checkpoint.mesh, centres, tie=1e-5)
    keys = [tuple(map(int, R)) for R in images.translations]
    H, A, B, C = (dict(zip(keys, images.by_translation(X, checkpoint.points), strict=True)) for X in each)
    raw = ab.models.OutsideStates(B, C)
    outside = raw.recentred(-np.einsum("iia->ia", A[0, 0, 0]).real, H)
    return ab.TightBinding(checkpoint.vectors, None, H, position_matrix=A, outside=outside), raw


def formula_of_postw90(model, raw, mesh):
    """Orbital magnetization by Eqs. (51) to (56) of Lopez et al., in units of e, for f B = f H A."""
    k = np.stack(np.meshgrid(*[np.arange(mesh) / mesh] * 3, indexing="ij"), -1).reshape(-1, 3)
    cells = np.array([*model.hoppings])
    waves, bonds = np.exp(2j * np.pi * k @ cells.T), (cells @ model.lattice.vectors)[:, None, None]
    h, r = (np.array([*X.values()]) for X in (model.hoppings, model.position_matrix))
    H, A, B, C, dH = (
        np.tensordot(waves, X, axes=1)
        for X in (h, r, *(np.array([*X.values()]) for X in (raw.coupling, raw.moment)), 1j * bonds * h[..., None])
    )
    E, U = np.linalg.eigh(H)
    back = U.conj().swapaxes(1, 2)
    filled = E < FERMI
    f = (U * filled[:, None]) @ back
    # f J g
    across = filled[:, :, None] & ~filled[:, None, :]
    gaps = np.where(across, E[:, None] - E[:, :, None], np.inf)
    J = [U @ (1j * (back @ dH[..., x] @ U) / gaps) @ back for x in range(3)]
    moments = []
    for c, (x, y) in enumerate(PLANES):
        Aa, Ab, Ba, Bb, Ja, Jb = A[..., x], A[..., y], B[..., x], B[..., y], J[x], J[y]
        curl = np.tensordot(waves, 1j * (bonds[..., x] * r[..., y] - bonds[..., y] * r[..., x]), axes=1)
        inner = trace(f, H, Aa, f, Ab).imag
        g = trace(f, C[..., c]).real + 2 * inner - 2 * (trace(Ja, Bb) - trace(Jb, Ba) + trace(Ja, H, adjoint(Jb))).imag
        h = trace(f, H, f, curl).real - 2 * inner
        h -= 2 * (trace(H, Aa, adjoint(Jb)) + trace(H, Ja, Ab) + trace(H, Ja, adjoint(Jb))).imag
        curvature = trace(f, curl).real - 2 * (trace(Aa, adjoint(Jb)) + trace(Ja, Ab) + trace(Ja, adjoint(Jb))).imag
        moments.append((0.5 * (g + h) - FERMI * curvature).mean())
    return np.array(moments)


def spinful(path, model, distances):
    """Model with its spin; `read_spin` takes the nearest cells, whatever functions they contain."""
    if distances:
        return ab.io.read_chk(path, spin=True)
    return ab.TightBinding(
        model.lattice, model.positions, model.hoppings, ab.io.read_spin(path, path.with_suffix(".spn")), reduced=False
    )


def adjoint(X):
    return X.conj().swapaxes(1, 2)


def trace(*factors):
    product = factors[0]
    for X in factors[1:]:
        product = product @ X
    return np.einsum("kii->k", product)


@pytest.mark.parametrize("distances", [True, False])
def test_postw90(path, distances):
    """To the digits it prints: Hall effect, spin, and the moment in its own formula; the moment here to 0.5 percent."""
    model, raw = model_of_postw90(path, distances)
    for mesh in (4, 10):
        hall, spin, moment = POSTW90[distances, mesh]
        found = ab.anomalous_hall(model, FERMI, mesh=mesh, symmetry="none").total.values
        assert found[2] * SIEMENS_PER_CM == pytest.approx(hall, abs=6e-5)
        assert -formula_of_postw90(model, raw, mesh)[2] / MAGNETON == pytest.approx(moment, abs=6e-5)
        covariant = ab.orbital_magnetization(model, FERMI, mesh=mesh, symmetry="none").total.values
        assert -covariant[2] * model.lattice.measure / MAGNETON == pytest.approx(moment, rel=5e-3)
        found = ab.spin_magnetization(spinful(path, model, distances), FERMI, mesh=mesh, symmetry="none").total.values
        assert abs(2 * found[2]) * model.lattice.measure == pytest.approx(spin, abs=1e-6)


def test_wannierberri(path):
    model = ab.io.read_chk(path, outside=True)
    for mesh, (hall, moment) in WANNIERBERRI.items():
        found = ab.anomalous_hall(model, FERMI, mesh=mesh, symmetry="none").total.values
        assert found[2] * SIEMENS_PER_CM * 100 == pytest.approx(hall, rel=1e-6)
        found = ab.orbital_magnetization(model, FERMI, mesh=mesh, symmetry="none").total.values
        # terms that vanish for eigenstates of the full Hamiltonian differ
        assert -found[2] * model.lattice.measure / MAGNETON == pytest.approx(moment, rel=5e-4)
