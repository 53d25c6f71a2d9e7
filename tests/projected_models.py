r"""Models whose flakes have a gap for certain: H = -W W^dagger + V D V^dagger, W = [1; A], V = [-A^dagger; 1].

A(k, theta) is a K x J matrix of trigonometric polynomials. V^dagger W = 0, so the J columns of W span the occupied
states, with energies below -1 (the eigenvalues of W^dagger W are 1 and more), and those of V the empty ones, at zero if
D = 0 and above otherwise. An open flake cuts A, not H: all of this stays true, whatever the edges.

With D = 0 the response of a flake needs matrices of J columns a cell only. With S = W^dagger W, Q = 1 - W S^-1 W^dagger
and m = (i/2)(x H y - y H x),

    M       = Re tr [a_x (b_y - a_y S^-1 B) - (x <-> y)] S^-2
    dM/dE_j = Im tr [a_x (c_yj - a_y S^-1 a_j) - (x <-> y)] S^-2

with a_x = W^dagger x W, b_x = W^dagger x dW, B = W^dagger dW, c_xj = W^dagger x r_j W. Nothing here is shared with the
library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

import adiabloch as ab
from random_models import oblique_vectors

PLANES = {2: [(0, 1)], 3: [(1, 2), (2, 0), (0, 1)]}


@dataclass(frozen=True, eq=False)
class Projected:
    """A driven crystal given by the hops of A."""

    vectors: np.ndarray
    positions: np.ndarray
    hops: dict
    """A by (translation, harmonic): <0 i|A|R v>, (K, J)."""
    splitting: np.ndarray | None
    """Diagonal of D, or None."""

    @property
    def occupied(self):
        return next(iter(self.hops.values())).shape[1]

    @property
    def dimension(self):
        return len(self.vectors)

    def blocks(self, theta, order=0):
        """A by translation at one phase, or its derivative."""
        total: dict = {}
        for (R, m), A in self.hops.items():
            total[R] = total.get(R, 0) + (1j * m) ** order * np.exp(1j * m * theta) * A
        return total

    def model(self, theta=0.0):
        J, home = self.occupied, (0,) * self.dimension
        A = self.blocks(theta)
        K = len(A[home])
        W = {R: np.vstack([np.zeros((J, J)), a]) for R, a in A.items()}
        W[home] = W[home] + np.vstack([np.eye(J), np.zeros((K, J))])
        hoppings = product(W, W, -np.eye(J))
        if self.splitting is not None:
            V = {tuple(-r for r in R): np.vstack([-a.conj().T, np.zeros((K, K))]) for R, a in A.items()}
            V[home] = V[home] + np.vstack([np.zeros((J, K)), np.eye(K)])
            for R, h in product(V, V, np.diag(self.splitting)).items():
                hoppings[R] = hoppings.get(R, 0) + h
        return ab.TightBinding(self.vectors, self.positions, hoppings, reduced=False)

    def cycle(self):
        return ab.Cycle.from_function(self.model, 16)

    def flake(self, L, theta):
        """W, dW and positions of a flake of L^d cells, orbitals centred on it."""
        d, J = self.dimension, self.occupied
        cells = np.stack(np.meshgrid(*[np.arange(L)] * d, indexing="ij"), -1).reshape(-1, d)
        number = {tuple(cell): index for index, cell in enumerate(cells.tolist())}
        K = len(self.positions) - J
        N = J + K
        places = (cells @ self.vectors)[:, None] + self.positions
        places = places.reshape(-1, d) - places.mean(axis=(0, 1))
        full = []
        for order in (0, 1):
            matrix = np.zeros((len(cells), N, len(cells), J), complex)
            if order == 0:
                index = np.arange(len(cells))
                matrix[index, :J, index, :] = np.eye(J)
            for R, a in self.blocks(theta, order).items():
                for index, cell in enumerate(cells):
                    there = number.get(tuple((cell + R).tolist()))
                    if there is not None:
                        matrix[index, J:, there, :] += a
            full.append(matrix.reshape(len(cells) * N, len(cells) * J))
        return (*full, places)

    def measure(self, L):
        return abs(np.linalg.det(self.vectors)) * L**self.dimension

    def pumped(self, L, samples=12):
        """Moment of a flake averaged over the period, per area or volume."""
        thetas = 2 * np.pi * np.arange(samples) / samples
        return np.mean([self._pumped(L, theta) for theta in thetas], axis=0) / self.measure(L)

    def _pumped(self, L, theta):
        W, dW, r = self.flake(L, theta)
        if self.splitting is not None:
            return self._pumped_by_states(W, dW, r)
        W, dW = csr_matrix(W), csr_matrix(dW)
        S, B = (W.conj().T @ W).toarray(), (W.conj().T @ dW).toarray()
        inverse = np.linalg.inv(S)
        a = [(W.conj().T @ W.multiply(x[:, None]).tocsr()).toarray() for x in r.T]
        b = [(W.conj().T @ dW.multiply(x[:, None]).tocsr()).toarray() for x in r.T]
        rest = [bx - ax @ (inverse @ B) for ax, bx in zip(a, b, strict=True)]
        squared = inverse @ inverse
        return [np.sum((a[x] @ rest[y] - a[y] @ rest[x]) * squared.T).real for x, y in PLANES[self.dimension]]

    def _pumped_by_states(self, W, dW, r):
        """The same from all eigenstates: first-order adiabatic states, the textbook way."""
        J = self.occupied
        N = len(self.positions)
        orbital = np.arange(len(W)) % N
        upper, lower = orbital < J, orbital >= J
        A, dA = W[lower], dW[lower]
        V, dV = (np.zeros((len(W), lower.sum()), complex) for _ in range(2))
        V[upper], dV[upper] = -A.conj().T, -dA.conj().T
        V[lower] = np.eye(lower.sum())
        D = np.tile(self.splitting, len(W) // N)
        H = -W @ W.conj().T + (V * D) @ V.conj().T
        half = -dW @ W.conj().T + (dV * D) @ V.conj().T
        dH = half + half.conj().T
        E, u = np.linalg.eigh(H)
        n = upper.sum()
        o, c = u[:, :n], u[:, n:]
        gaps = E[:n] - E[n:, None]
        assert gaps.max() < -0.99
        psi = c @ (-1j * (c.conj().T @ dH @ o) / gaps**2)
        moments = []
        for x, y in PLANES[self.dimension]:
            X, Y = r[:, x][:, None], r[:, y][:, None]
            m_psi = 0.5j * (X * (H @ (Y * psi)) - Y * (H @ (X * psi)))
            moments.append(2 * np.sum(o.conj() * m_psi).real)
        return moments

    def magnetoelectric(self, L, theta=0.0):
        """dM_i/dE_j of a flake per area or volume; (components, d)."""
        assert self.splitting is None
        W, _, r = self.flake(L, theta)
        W = csr_matrix(W)
        S = (W.conj().T @ W).toarray()
        inverse = np.linalg.inv(S)
        a = [(W.conj().T @ W.multiply(x[:, None]).tocsr()).toarray() for x in r.T]
        squared = (inverse @ inverse).T
        tensor = []
        for x, y in PLANES[self.dimension]:
            row = []
            for j in range(self.dimension):
                c = [(W.conj().T @ W.multiply((r[:, i] * r[:, j])[:, None]).tocsr()).toarray() for i in (x, y)]
                inner = inverse @ a[j]
                row.append(np.sum((a[x] @ (c[1] - a[y] @ inner) - a[y] @ (c[0] - a[x] @ inner)) * squared).imag)
            tensor.append(row)
        return np.array(tensor) / self.measure(L)


def product(left, right, middle):
    """Hoppings of left . middle . right^dagger: <0|X|R> = sum over the cells between."""
    total: dict = {}
    for R, a in left.items():
        for T, b in right.items():
            key = tuple(r - t for r, t in zip(R, T, strict=True))
            total[key] = total.get(key, 0) + a @ middle @ b.conj().T
    return total


def extrapolated(sizes, values, degree):
    """Limit of a polynomial in 1/L."""
    x = np.array([1 / L ** np.arange(degree + 1) for L in sizes])
    flat = np.array(values).reshape(len(sizes), -1)
    return np.linalg.lstsq(x, flat, rcond=None)[0][0].reshape(np.shape(values)[1:])


def projected(rng, occupied, empty, *, dimension=2, strength=0.5, split=False, degenerate=False):
    """Random hops to the nearest cells with one harmonic; `degenerate`: J = K = 2 and A a real quaternion."""
    vectors = oblique_vectors(rng, dimension)
    positions = rng.uniform(-0.5, 0.5, (occupied + empty, dimension)) @ vectors
    origin = (0,) * dimension
    half = [origin] + [tuple(int(x) for x in row) for row in np.eye(dimension, dtype=int)]
    hops: dict = {}
    for R in half:
        for m in (-1, 0, 1):
            scale = strength * (1.0 if origin == R else 0.5)
            if degenerate:
                # a real function of k and theta times 1, i sigma_x, i sigma_y, i sigma_z
                units = np.array([np.eye(2), *(1j * ab.models.spin.PAULI)])
                weights = scale * (rng.normal(size=4) + 1j * rng.normal(size=4)) / 2
                for key, w in (((R, m), weights), ((tuple(-x for x in R), -m), weights.conj())):
                    hops[key] = hops.get(key, 0) + np.tensordot(w, units, axes=1)
            else:
                for sign in (1, -1) if origin != R else (1,):
                    A = rng.normal(size=(empty, occupied)) + 1j * rng.normal(size=(empty, occupied))
                    hops[tuple(sign * x for x in R), m] = scale * A / np.sqrt(2 * dimension)
    splitting = 0.5 + rng.random(empty) if split else None
    return Projected(vectors, positions, hops, splitting)
