"""Random insulators with a gap as small as wanted, at wave vectors (and phases) that no mesh contains.

A Dirac minimum at an irrational point of the torus, with random velocities, masses and tilt, is coupled to further
levels by random hoppings; its mass is then moved until the smallest direct gap, found by a search, has the wanted
size. Cells are oblique and sheared, so that slow harmonics lie off the axes of the mesh.
"""

from __future__ import annotations

import itertools

import numpy as np

import adiabloch as ab
from adiabloch.geometry.gaps import gap_at
from adiabloch.minimize import pattern_search
from random_models import oblique_vectors

PAULI = (
    np.array([[0, 1], [1, 0]], complex),
    np.array([[0, -1j], [1j, 0]]),
    np.diag([1.0, -1.0]).astype(complex),
)
UNIT = np.eye(2)


class NoSuchModelError(Exception):
    """The wanted gap was not reached, or the bands overlap; another seed will do."""


def _dirac(rng, dimension):
    """Terms {R: (2, 2)} of a Dirac minimum without a mass, and the matrix that the mass multiplies."""
    place = rng.uniform(-np.pi, np.pi, dimension)
    velocities = rng.normal(size=(min(dimension, 2), dimension)) * 0.3
    velocities[np.arange(len(velocities)), np.arange(len(velocities))] += rng.uniform(0.6, 1.2, len(velocities))
    bends, tilt = rng.uniform(0.3, 1.2, dimension), rng.uniform(-0.2, 0.2, dimension)
    terms = {(0,) * dimension: bends.sum() * PAULI[2]}
    for axis in range(dimension):
        R = tuple(int(axis == other) for other in range(dimension))
        matrix = sum(v * pauli for v, pauli in zip(velocities[:, axis], PAULI, strict=False)) + tilt[axis] * UNIT
        # sin (k - k0) and -cos (k - k0)
        terms[R] = np.exp(-1j * place[axis]) * (-0.5j * matrix - 0.5 * bends[axis] * PAULI[2])
    return terms


def _coupled(rng, terms, bands, occupied, strength):
    """Further levels below and above, and random hoppings between all of them; the Dirac bands come first."""
    dimension = len(next(iter(terms)))
    below = occupied - 1
    levels = np.concatenate([-rng.uniform(2.5, 3.5, below), rng.uniform(2.5, 3.5, bands - 2 - below)])
    coupled = {}
    for R in itertools.product((-1, 0, 1), repeat=dimension):
        if (0,) * dimension > R or sum(map(abs, R)) > 2:
            continue
        noise = rng.normal(size=(bands, bands)) + 1j * rng.normal(size=(bands, bands))
        noise *= strength / (1 + sum(map(abs, R))) / np.sqrt(bands)
        if not any(R):
            noise = (noise + noise.conj().T) / 2 + np.diag([0.0, 0.0, *levels])
        noise[:2, :2] += terms.get(R, 0.0)
        coupled[R] = noise
    return coupled


def _sheared(rng, hoppings):
    """The same function on a sheared torus: R -> U R with a unimodular U."""
    dimension = len(next(iter(hoppings)))
    shear = np.eye(dimension, dtype=int)
    if dimension > 1:
        for _ in range(int(rng.integers(0, 3))):
            i, j = rng.permutation(dimension)[:2]
            shear[i] += int(rng.choice([-1, 1])) * shear[j]
    return {tuple(int(x) for x in shear @ R): matrix for R, matrix in hoppings.items()}


def narrow_insulator(rng, dimension, bands, occupied, gap, *, driven=False, shear=True):
    """A model, or a cycle of them, whose smallest direct gap above `occupied` bands is `gap` to a few percent.

    Raises
    ------
    NoSuchModelError
    """
    hoppings = _coupled(rng, _dirac(rng, dimension), bands, occupied, strength=rng.uniform(0.1, 0.4))
    if shear:
        hoppings = _sheared(rng, hoppings)
    vectors = oblique_vectors(rng, dimension) if dimension > 1 else np.array([[rng.uniform(0.8, 1.4)]])
    positions = rng.uniform(-0.5, 0.5, (bands, dimension)) @ vectors
    lattice = ab.Lattice(vectors)
    mass = np.zeros((bands, bands), complex)
    mass[:2, :2] = PAULI[2]
    home = (0,) * dimension
    swing, phase = rng.uniform(0.2, 1.0), rng.uniform(-np.pi, np.pi)
    drive = {
        R: rng.uniform(0.05, 0.2) * M
        for R, M in _coupled(rng, {home: np.zeros((2, 2))}, bands, occupied, strength=1.0).items()
    }
    drive[home] = drive[home] - np.diag(np.diag(drive[home]))

    def crystal(m):
        def at(theta):
            here = {R: M + np.cos(theta - phase) * drive.get(R, 0.0) for R, M in hoppings.items()}
            here[home] = here[home] + (m + swing * (1 - np.cos(theta - 1.7 * phase))) * mass
            return ab.TightBinding(lattice, positions, here)

        if driven:
            return ab.Cycle.from_function(at, samples=8)
        return ab.TightBinding(lattice, positions, {**hoppings, home: hoppings[home] + m * mass})

    def smallest(m):
        made = crystal(m)
        D = len(made.directions)
        n = {1: 200, 2: 40, 3: 14, 4: 8}[D]
        mesh = np.stack(np.meshgrid(*[np.arange(n) / n] * D, indexing="ij"), -1).reshape(-1, D)
        values = gap_at(made, occupied)
        starts = mesh[np.argsort(values(mesh))[:3]]
        return pattern_search(values, starts, reach=0.5 / n, finest=1e-4)[0]

    m, m0, g0 = 0.5, 0.6, smallest(0.6)
    for _ in range(12):
        g = smallest(m)
        if abs(g / gap - 1) < 0.05:
            break
        slope = (g - g0) / (m - m0) if m != m0 else 2.0
        slope = slope if abs(slope) > 0.3 else 2.0
        m0, g0, m = m, g, m + np.clip((gap - g) / slope, -0.4, 0.4)
    else:
        raise NoSuchModelError(f"gap {g:.3g} in place of {gap:.3g}")
    made = crystal(m)
    D = len(made.directions)
    n = {1: 200, 2: 40, 3: 14, 4: 8}[D]
    grid = made.matrices().on_grid([np.arange(n) / n] * D)[:, 0]
    energies = np.linalg.eigvalsh(grid).reshape(-1, n if driven else 1, bands)
    if (energies[..., occupied].min(axis=0) <= energies[..., occupied - 1].max(axis=0) + 0.1 * gap).any():
        raise NoSuchModelError("the bands overlap in energy")
    return made
