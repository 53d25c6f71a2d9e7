"""A two-dimensional crystal of gaussian wells in plane waves: first principles in miniature, hbar = m = 1.

Its plane waves do not move with the atoms, so that with all bands of it nothing has to be known of a moving basis: the
Hamiltonian at k is (k + G)^2/2 and the wells. Wannier functions are made of its bands as programs make them, by
projection, and lose the bands that they do not span.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

import adiabloch as ab

SIDE = 5.0
VECTORS = SIDE * np.array([[1.0, 0.0], [0.5, np.sqrt(3) / 2]])
PLACES = np.array([[1 / 3, 1 / 3], [2 / 3, 2 / 3]]) @ VECTORS
"""Of a shallow well and a deep one."""
DEPTHS, WIDTH = (0.8, 5.0), 0.8
OCCUPIED = 3
RECIPROCAL = 2 * np.pi * np.linalg.inv(VECTORS).T
AREA = abs(np.linalg.det(VECTORS))
PHASES = 8
TRIALS = (
    *[(1, kind, 0.7) for kind in ("s", "x", "y")],
    *[(0, kind, 0.85) for kind in ("s", "x", "y")],
    *[(1, kind, 0.9) for kind in ("r2", "xy", "x2")],
    *[(0, kind, 0.9) for kind in ("r2", "xy", "x2")],
)
"""Well, kind and width of the gaussians that Wannier functions are projected on; the first three hold electrons."""


def adjoint(X):
    return X.conj().swapaxes(-1, -2)


def along_cycle(X):
    """d/d theta of samples at 2 pi j/N."""
    orders = np.fft.fftfreq(len(X), 1 / len(X))
    orders[np.abs(orders) == len(X) / 2] = 0
    return np.fft.ifft(1j * orders.reshape(-1, *[1] * (X.ndim - 1)) * np.fft.fft(X, axis=0), axis=0)


@dataclass(frozen=True)
class Mesh:
    """Wave vectors and plane waves."""

    points: int = 6
    waves: int = 11
    """Along each side, odd."""

    @property
    def k(self):
        side = np.arange(self.points) / self.points
        return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def G(self):
        side = np.arange(self.waves) - self.waves // 2
        return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def q(self):
        """Cartesian k + G, (K, M, 2)."""
        return (self.k[:, None] + self.G) @ RECIPROCAL


def hamiltonian(mesh, places):
    """(K, M, M)"""
    apart = (mesh.G[:, None] - mesh.G) @ RECIPROCAL
    V = sum(
        -depth * 2 * np.pi * WIDTH**2 / AREA * np.exp(-((apart * WIDTH) ** 2).sum(axis=-1) / 2 - 1j * apart @ place)
        for depth, place in zip(DEPTHS, places, strict=True)
    )
    kinetic = (mesh.q**2).sum(axis=-1) / 2
    return V + kinetic[:, :, None] * np.eye(len(mesh.G))


def filled_states(H):
    """Occupied bands alone, (K, M, OCCUPIED)."""
    return np.array([eigh(one, subset_by_index=(0, OCCUPIED - 1), driver="evr")[1] for one in H])


def trials(mesh, places, count):
    """(K, M, count)"""
    x, y = np.moveaxis(mesh.q, -1, 0)
    shapes = {"s": 1.0, "x": -1j * x, "y": -1j * y, "r2": x * x + y * y, "xy": x * y, "x2": x * x - y * y}
    found = []
    for well, kind, width in TRIALS[:count]:
        found.append(shapes[kind] * np.exp(-(x * x + y * y) * width**2 / 2 - 1j * mesh.q @ places[well]))
        found[-1] = found[-1] / np.linalg.norm(found[-1])
    return np.stack(found, axis=-1)


def nearest(X):
    """Orthonormal columns nearest to those of X."""
    left, _, right = np.linalg.svd(X, full_matrices=False)
    return left @ right


def wannier_functions(mesh, places, states, count):
    """Of the occupied bands and what trial functions add to them, (K, M, count)."""
    filled = states[..., :OCCUPIED]
    wanted = trials(mesh, places, count)
    rest = wanted[..., OCCUPIED:]
    space = np.concatenate([filled, nearest(rest - filled @ (adjoint(filled) @ rest))], axis=-1)
    return nearest(space @ (adjoint(space) @ wanted))


def by_cell(mesh, M):
    """Matrices on the mesh of k as a series in R; halves of what the mesh cannot tell apart."""
    n, half = mesh.points, mesh.points // 2
    found = np.fft.fftn(M.reshape(n, n, *M.shape[1:]), axes=(0, 1)) / n**2
    cells = [(i, j) for i in range(-half, half + 1) for j in range(-half, half + 1)]
    return {R: found[R] * 0.5 ** sum(2 * abs(x) == n for x in R) for R in cells}


def positions(mesh, functions):
    """Position matrix at k, by multiplying with r where a function is, in the cells of the mesh; (K, n, n, 2)."""
    total = mesh.points * mesh.waves
    index = np.rint((mesh.k[:, None] + mesh.G) * mesh.points).astype(int) % total
    spread = np.zeros((total, total, functions.shape[-1]), complex)
    spread[index[..., 0], index[..., 1]] = functions
    there = np.fft.ifftn(spread, axes=(0, 1))
    side = np.arange(total) / mesh.waves
    found = np.empty((*functions.shape, 2), complex)
    for j in range(functions.shape[-1]):
        density = np.abs(there[..., j]) ** 2
        reduced = []
        for axis in (0, 1):
            turn = (density.sum(axis=1 - axis) * np.exp(2j * np.pi * side / mesh.points)).sum()
            centre = np.angle(turn) / (2 * np.pi) * mesh.points
            reduced.append((side - centre + mesh.points / 2) % mesh.points - mesh.points / 2 + centre)
        r = reduced[0][:, None, None] * VECTORS[0] + reduced[1][None, :, None] * VECTORS[1]
        found[:, :, j] = np.fft.fftn(there[..., j, None] * r, axes=(0, 1))[index[..., 0], index[..., 1]]
    matrix = np.moveaxis(adjoint(functions)[:, None] @ np.moveaxis(found, -1, 1), 1, -1)
    return 0.5 * (matrix + matrix.conj().swapaxes(1, 2))


@dataclass(frozen=True)
class Waves:
    """Plane waves in the form that `adiabloch.models.motion_from_plane_waves` takes."""

    grid: Mesh
    functions: np.ndarray
    centres: np.ndarray

    @property
    def reciprocal(self):
        return RECIPROCAL

    @property
    def mesh(self):
        return (self.grid.points, self.grid.points)

    @property
    def points(self):
        return self.grid.k

    def at(self, point):
        return self.grid.G, self.functions[point][None]


def wannier(mesh, places, H, states, count):
    """Model of so many Wannier functions, and their plane waves."""
    W = wannier_functions(mesh, places, states, count)
    h, r = by_cell(mesh, adjoint(W) @ H @ W), by_cell(mesh, positions(mesh, W))
    model = ab.models.WannierModel(VECTORS, None, h, r)
    return model, Waves(mesh, W, model.positions)


class Turning:
    """The crystal while its wells go round; shares of the circle for each of the two."""

    def __init__(self, shares, radius=0.1, mesh=None):
        self.mesh = mesh or Mesh()
        theta = 2 * np.pi * np.arange(PHASES) / PHASES
        circle = radius * np.stack([np.cos(theta), np.sin(theta)], axis=-1)
        self.displacements = circle[:, None] * np.array(shares)[:, None]
        self.matrices = np.array([hamiltonian(self.mesh, PLACES + u) for u in self.displacements])

    @cached_property
    def spectrum(self):
        """Energies and states of all bands."""
        return np.linalg.eigh(self.matrices)

    @property
    def energies(self):
        return self.spectrum[0]

    @property
    def states(self):
        return self.spectrum[1]

    def perturbative(self):
        """Of all bands, a cell, in e omega; the mean over the cycle."""
        o = OCCUPIED
        total = 0.0
        for E, C, change in zip(self.energies, self.states, along_cycle(self.matrices), strict=True):
            vx, vy = (adjoint(C) @ (self.mesh.q[..., a, None] * C) for a in (0, 1))
            gaps = E[:, None, :o] - E[:, o:, None]
            t, x, y = (1j * X[:, o:, :o] / gaps for X in (adjoint(C) @ change @ C, vx, vy))
            cross = vx[:, o:, o:] @ y - vy[:, o:, o:] @ x + y @ vx[:, :o, :o] - x @ vy[:, :o, :o]
            total += (t.conj() * cross / gaps).real.sum(axis=(1, 2)).mean()
        return total / PHASES

    def wannier(self, count):
        """Snapshots in so many Wannier functions, and their plane waves."""
        each = zip(self.displacements, self.matrices, strict=True)
        found = [wannier(self.mesh, PLACES + u, H, filled_states(H), count) for u, H in each]
        return [model for model, _ in found], [waves for _, waves in found]

    def riders(self, count):
        """Displacement of the well that each function belongs to."""
        return self.displacements[:, [well for well, *_ in TRIALS[:count]]]
