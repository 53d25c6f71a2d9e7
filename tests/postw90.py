"""The matrices and the formulas of postw90 (Wannier90 3.1), which share no code with the library.

M. G. Lopez, D. Vanderbilt, T. Thonhauser, I. Souza, Phys. Rev. B 85, 014435 (2012), Eqs. (51) to (56). They take f B
for f H A, with f the projector on the filled bands: equal for eigenstates of the full Hamiltonian, but not for matrices
from finite differences. `complete` keeps the difference.
"""

from contextlib import closing

import numpy as np

import adiabloch as ab
from adiabloch.io.checkpoint import read_checkpoint
from adiabloch.io.energy_overlaps import EnergyOverlaps
from adiabloch.io.neighbours import NeighbourOverlaps, shell_weights
from adiabloch.io.overlaps import OverlapFile
from adiabloch.io.seed_files import read_energies
from adiabloch.models.nearest_images import NearestImages

PLANES = [(1, 2), (2, 0), (0, 1)]


def matrices_of_postw90(path):
    """H, A, B, and C of the functions on the k mesh: finite differences without phases of the centres."""
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
    A, C = (0.5 * (X + adjoint(X)) for X in (A, C))
    return checkpoint, np.einsum("kmi,km,kmj->kij", V.conj(), E, V), A, B, C


def model_of_postw90(path, distances):
    """Model of these matrices, and the matrices B and C about the origin by translation."""
    checkpoint, *each = matrices_of_postw90(path)
    images = images_of_postw90(checkpoint, distances)
    keys = [tuple(map(int, R)) for R in images.translations]
    H, A, B, C = (dict(zip(keys, images.by_translation(X, checkpoint.points), strict=True)) for X in each)
    raw = ab.models.OutsideStates(B, C)
    outside = raw.recentred(-np.einsum("iia->ia", A[0, 0, 0]).real, H)
    return ab.TightBinding(checkpoint.vectors, None, H, position_matrix=A, outside=outside), raw


def images_of_postw90(checkpoint, distances):
    """With use_ws_distance, images at equal distance agree to ws_distance_tol, 1e-5 Angstrom."""
    vectors, centres = checkpoint.vectors, checkpoint.centres if distances else np.zeros((1, 3))
    return NearestImages(vectors, checkpoint.mesh, centres, tie=1e-5 / np.abs(vectors).max())


def spin_of_postw90(path, distances):
    """Spin of the functions by translation, in units of hbar."""
    checkpoint = read_checkpoint(path)
    matrices = ab.io.read_spin(path, path.with_suffix(".spn"))
    waves = np.exp(2j * np.pi * checkpoint.points @ np.array([*matrices]).T)
    S = np.tensordot(waves, np.moveaxis([*matrices.values()], 1, 3), axes=1)
    images = images_of_postw90(checkpoint, distances)
    found = np.moveaxis(images.by_translation(S, checkpoint.points), 3, 1)
    return dict(zip([tuple(map(int, R)) for R in images.translations], found, strict=True))


class Interpolated:
    """Matrices at reduced wave vectors, (P, n, n, ...)."""

    def __init__(self, model, raw, k):
        cells = np.array([*model.hoppings])
        waves, bonds = np.exp(2j * np.pi * k @ cells.T), (cells @ model.lattice.vectors)[:, None, None]
        h, r = (np.array([*X.values()]) for X in (model.hoppings, model.position_matrix))
        curls = np.stack([1j * (bonds[..., x] * r[..., y] - bonds[..., y] * r[..., x]) for x, y in PLANES], axis=-1)
        B, C = (np.array([each[R] for R in model.hoppings]) for each in (raw.coupling, raw.moment))
        given = (h, r, B, C, curls, 1j * bonds * h[..., None])
        self.H, self.A, self.B, self.C, self.curls, self.slopes = (np.tensordot(waves, X, axes=1) for X in given)
        self.energies, self.states = np.linalg.eigh(self.H)

    def velocities(self):
        """(P, n, 3)"""
        return np.einsum("kan,kabx,kbn->knx", self.states.conj(), self.slopes, self.states).real

    def traces(self, filled, *, complete=False):
        """Curvature, energy times curvature, and matrix of the Hamiltonian between derivatives, (3, P, 3).

        -2 Im tr of <D_x u|D_y u>, E <D_x u|D_y u>, and <D_x u|H|D_y u>, of the filled bands (P, n).
        """
        H, E, U, back = self.H, self.energies, self.states, adjoint(self.states)
        f = (U * filled[:, None]) @ back
        # f J g
        across = filled[:, :, None] & ~filled[:, None, :]
        gaps = np.where(across, E[:, None] - E[:, :, None], np.inf)
        J = [U @ (1j * (back @ self.slopes[..., x] @ U) / gaps) @ back for x in range(3)]
        found = np.empty((3, len(E), 3))
        for c, (x, y) in enumerate(PLANES):
            (Aa, Ab), (Ba, Bb) = ((X[..., x], X[..., y]) for X in (self.A, self.B))
            Ja, Jb, curl, inner = J[x], J[y], self.curls[..., c], trace(f, H, self.A[..., x], f, self.A[..., y]).imag
            found[0, :, c] = trace(f, curl).real
            found[0, :, c] -= 2 * (trace(Aa, adjoint(Jb)) + trace(Ja, Ab) + trace(Ja, adjoint(Jb))).imag
            found[1, :, c] = trace(f, H, f, curl).real + 2 * inner
            found[1, :, c] -= 2 * (trace(H, Aa, adjoint(Jb)) + trace(H, Ja, Ab) + trace(H, Ja, adjoint(Jb))).imag
            found[2, :, c] = trace(f, self.C[..., c]).real - 2 * inner
            found[2, :, c] -= 2 * (trace(Ja, Bb) - trace(Jb, Ba) + trace(Ja, H, adjoint(Jb))).imag
            if complete:
                found[2, :, c] += 4 * inner + 2 * (trace(f, Aa, f, Bb) + trace(f, adjoint(Ba), f, Ab)).imag
        return found

    def magnetization(self, level, **options):
        """Equilibrium magnetization at T = 0 in units of e, the mean over the points, (3,)."""
        curvature, energy, hamiltonian = self.traces(self.energies < level, **options)
        return (0.5 * (energy + hamiltonian) - level * curvature).mean(axis=0)

    def bands(self, **options):
        """Curvature and Im<D u| x (H - E)|D u> of each band, (P, n, 3)."""
        n = self.energies.shape[1]
        each = []
        for band in range(n):
            filled = np.broadcast_to(np.arange(n) == band, self.energies.shape)
            curvature, energy, hamiltonian = self.traces(filled, **options)
            each.append([curvature, energy - hamiltonian])
        return np.moveaxis(np.array(each), 0, 2)


def points(mesh, corner=(0, 0, 0), side=1.0):
    """Reduced wave vectors of a mesh x mesh x mesh grid of a box, (P, 3)."""
    steps = side * np.arange(mesh) / mesh
    return np.array(corner) + np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)


def adjoint(X):
    return X.conj().swapaxes(1, 2)


def trace(*factors):
    product = factors[0]
    for X in factors[1:]:
        product = product @ X
    return np.einsum("kii->k", product)
