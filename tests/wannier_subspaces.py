"""Wannier functions that span a part of a tight-binding model, with the exact matrices of the states outside.

The lowest bands of the model are isolated from the others, and all of them lie in the space of the functions. The other
functions are trial orbitals, orthogonalized to these bands, so that H couples them to the states outside.
"""

import numpy as np

import adiabloch as ab
from random_models import oblique_vectors

PLANES = {2: [(0, 1)], 3: [(1, 2), (2, 0), (0, 1)]}


def isolated_bands(rng, d, lowest, others, *, vectors=None, highest=0):
    """Model without symmetries: the lowest bands about zero, others about 5, and the highest ones about 12."""
    n = lowest + others + highest
    vectors = oblique_vectors(rng, d) if vectors is None else vectors
    positions = rng.uniform(-0.5, 0.5, (n, d)) @ vectors
    hoppings = {}
    for axis in np.eye(d, dtype=int):
        # the width of the lowest bands, and couplings to the others
        block = 0.24 / d * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
        hoppings[tuple(map(int, axis))] = block
    home = 0.3 * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    levels = np.concatenate([np.linspace(-0.6, -0.2, lowest), np.linspace(4.0, 6.0, others), np.full(highest, 12.0)])
    hoppings[(0,) * d] = home + home.conj().T + np.diag(levels)
    return ab.TightBinding(vectors, positions, hoppings, reduced=False)


def functions(model, lowest, extra, mesh, rng, bands=None):
    """The lowest bands and `extra` others on a mesh of k points: points (K, d), H (K, N, N), W (K, N, n).

    The others are combinations of the lowest `bands`.
    """
    d = model.lattice.dimension
    points = np.stack(np.meshgrid(*[np.arange(mesh) / mesh] * d, indexing="ij"), -1).reshape(-1, d)
    H = model.matrices().at(points)[:, 0]
    trial = np.eye(model.size, lowest + extra) + 0.2 * rng.normal(size=(model.size, lowest + extra))
    vectors = np.linalg.eigh(H)[1]
    states, window = vectors[:, :, :lowest], vectors[:, :, :bands]
    low = orthonormal(states @ (states.conj().swapaxes(1, 2) @ trial[:, :lowest]))
    other = window @ (window.conj().swapaxes(1, 2) @ trial[:, lowest:])
    rest = other - low @ (low.conj().swapaxes(1, 2) @ other)
    W = np.concatenate([low, orthonormal(rest)], axis=2)
    return points, H, W


def orthonormal(vectors):
    u, _, v = np.linalg.svd(vectors, full_matrices=False)
    return u @ v


def cut(model, lowest, extra, mesh, seed=0, mixed=True):
    """Model of the functions with its position matrix and the states outside."""
    rng = np.random.default_rng(seed)
    d, n = model.lattice.dimension, lowest + extra
    points, H, W = functions(model, lowest, extra, mesh, rng)
    if mixed:
        X = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
        W = W @ np.linalg.qr(X)[0]
    cells = np.rint(points * mesh).astype(int)
    cells = (cells + mesh // 2) % mesh - mesh // 2
    waves = np.exp(2j * np.pi * points @ cells.T)
    # <R i|0 j> = mean over k of W_ij e^{ikR}
    w = np.tensordot(waves.T, W, axes=1) / len(points)
    places = (cells @ model.lattice.vectors)[:, None] + model.positions
    centres = np.einsum("ria,rij->ja", places, np.abs(w) ** 2)
    # (r - centre_j) w_j, and its Bloch sum
    moved = (places[:, :, None, :] - centres) * w[..., None]
    Y = np.moveaxis(np.tensordot(waves.conj(), moved, axes=1), 3, 0)
    dagger = W.conj().swapaxes(1, 2)
    A = np.stack([dagger @ y for y in Y], axis=-1)
    B = np.stack([dagger @ H @ y for y in Y], axis=-1)
    C = [[y.conj().swapaxes(1, 2) @ H @ z for z in Y] for y in Y]
    moment = np.stack([1j * (C[a][b] - C[b][a]) for a, b in PLANES[d]], axis=-1)
    h, A, B, moment = (np.tensordot(waves.conj().T, X, axes=1) / len(points) for X in (dagger @ H @ W, A, B, moment))
    # R = mesh/2 and its equivalents have no partner; nothing is left there
    kept = [i for i, R in enumerate(cells) if (abs(R) < mesh / 2).all()]
    keys = [tuple(map(int, cells[i])) for i in kept]
    home = keys.index((0,) * d)
    h, A, B, moment = (X[kept] for X in (h, A, B, moment))
    A[home] += np.eye(n)[:, :, None] * centres
    back = [keys.index(tuple(-x for x in R)) for R in keys]
    h, A, moment = (0.5 * (X + X[back].conj().swapaxes(1, 2)) for X in (h, A, moment))
    outside = ab.models.OutsideStates(dict(zip(keys, B, strict=True)), dict(zip(keys, moment, strict=True)))
    return ab.TightBinding(
        model.lattice,
        None,
        dict(zip(keys, h, strict=True)),
        position_matrix=dict(zip(keys, A, strict=True)),
        outside=outside,
    )
