"""Random metals with symmetries: hoppings averaged over a group that acts on orbitals at the origin."""

from __future__ import annotations

import numpy as np

import adiabloch as ab
from adiabloch.arrays import Complex, Float, Integer

Hoppings = dict[tuple[int, ...], Complex]
HEXAGONAL = np.array([[1.0, 0.0], [-0.5, np.sqrt(0.75)]])
FOURFOLD, SIXFOLD, THREEFOLD = np.array([[0, 1], [-1, 0]]), np.array([[1, 1], [-1, 0]]), np.array([[0, 1], [-1, -1]])
KINDS = {
    2: ("inversion", "reversal", "C3", "C4", "C6", "C3, mirror and reversal", "C4, mirror and reversal", "mirrors"),
    3: ("inversion", "reversal", "C4", "C4, inversion", "C4, inversion, mirror and reversal", "C3", "mirrors"),
}
"""Groups by dimension. "mirror and reversal" is a mirror plane that holds in combination with time reversal."""


TURN = np.array([[-0.5, -np.sqrt(0.75)], [np.sqrt(0.75), -0.5]])
"""Rotation by 120 degrees."""


def noisy_haldane(noise: float) -> ab.TightBinding:
    """Haldane's model with random terms in all hoppings."""
    plain = ab.models.haldane(0.3, 0.1, 1.2)
    rng = np.random.default_rng(1)
    hoppings = {}
    for R, block in zip(map(tuple, plain.translations.tolist()), plain.amplitudes, strict=True):
        if R >= (0, 0):
            random = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
            hoppings[R] = block + noise * (random if any(R) else random + random.conj().T)
            hoppings[tuple(-r for r in R)] = hoppings[R].conj().T
    return ab.TightBinding(plain.lattice, plain.positions, hoppings)


def symmetric_metal(rng: np.random.Generator, dimension: int, kind: str) -> ab.TightBinding:
    """Two to four bands that overlap, with all symmetries of a kind and, as a rule, no others.

    Parameters
    ----------
    rng : numpy.random.Generator
    dimension : 2 or 3
    kind : str
        One of `KINDS`.
    """
    n = int(rng.integers(2, 5 if dimension == 2 else 4))
    vectors, turn = _lattice(rng, dimension, kind)
    hoppings: Hoppings = {}
    for R in np.ndindex(*[3] * dimension):
        R = tuple(r - 1 for r in R)
        decay = rng.uniform(0.2, 0.6) ** max(np.linalg.norm(R @ vectors) - 1, 0)
        hoppings[R] = 0.5 * decay * (rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))
    hoppings[(0,) * dimension] += np.diag(1.5 * rng.normal(size=n))
    one, parities = np.eye(dimension, dtype=int), [np.diag(rng.choice([1.0, -1.0], size=n)) for _ in range(3)]
    order = _order(turn)
    spins = np.exp(2j * np.pi * rng.integers(order, size=n) / order)
    hoppings = _averaged(
        hoppings, [(np.linalg.matrix_power(turn, power), np.diag(spins**power), False) for power in range(order)]
    )
    if "inversion" in kind:
        hoppings = _averaged(hoppings, [(one, np.eye(n), False), (-one, parities[0], False)])
    if kind == "reversal":
        hoppings = _averaged(hoppings, [(one, np.eye(n), False), (one, np.eye(n), True)])
    if "mirror and" in kind:
        exchange = one.copy()
        exchange[:2, :2] = [[0, 1], [1, 0]]
        hoppings = _averaged(hoppings, [(one, np.eye(n), False), (exchange, np.eye(n), True)])
    if kind == "mirrors":
        for axis in range(dimension):
            mirror = one.copy()
            mirror[axis, axis] = -1
            hoppings = _averaged(hoppings, [(one, np.eye(n), False), (mirror, parities[axis], False)])
    hermitian = {R: 0.5 * (h + hoppings[tuple(-r for r in R)].conj().T) for R, h in hoppings.items()}
    # along z, and the same operator for all operations
    spin = np.zeros((3, n, n))
    spin[2] = np.diag(rng.normal(size=n))
    return ab.TightBinding(vectors, np.zeros((n, dimension)), hermitian, spin=spin)


def _lattice(rng: np.random.Generator, dimension: int, kind: str) -> tuple[Float, Integer]:
    """Lattice vectors, and the rotation of lattice points R -> R W that they allow (or none)."""
    one = np.eye(dimension, dtype=int)
    if kind.startswith("C3") and dimension == 3:
        # about the diagonal of a cube
        return np.eye(3), one[[1, 2, 0]]
    if kind.startswith("C"):
        turns = {"C3": THREEFOLD, "C4": FOURFOLD, "C6": SIXFOLD}
        turn, vectors = one.copy(), np.eye(dimension)
        turn[:2, :2] = turns[kind[:2]]
        vectors[:2, :2] = np.eye(2) if kind.startswith("C4") else HEXAGONAL
        if dimension == 3:
            vectors[2, 2] = rng.uniform(0.7, 1.4)
        return vectors, turn
    vectors = np.diag(rng.uniform(0.8, 1.3, dimension))
    if kind != "mirrors":
        vectors += np.tril(rng.uniform(-0.4, 0.4, (dimension, dimension)), -1)
    return vectors, one


def _order(turn: Integer) -> int:
    one = np.eye(len(turn))
    return next(n for n in range(1, 7) if np.array_equal(np.linalg.matrix_power(turn, n), one))


def _averaged(hoppings: Hoppings, operations: list[tuple[Integer, Complex, bool]]) -> Hoppings:
    """Means of U^+ h(R W) U over operations (W, U, complex conjugate or not)."""
    size = len(next(iter(hoppings.values())))
    images = {tuple((np.array(R) @ W).tolist()) for R in hoppings for W, _, _ in operations}
    mean = {}
    for R in images:
        total = np.zeros((size, size), dtype=complex)
        for W, U, conjugated in operations:
            h = hoppings.get(tuple((np.array(R) @ W).tolist()), np.zeros((size, size)))
            total += U.conj().T @ (h.conj() if conjugated else h) @ U
        mean[R] = total / len(operations)
    return mean
