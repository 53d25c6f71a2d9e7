"""Random metals: without symmetry, with inversion or time reversal, cones, Weyl points, nearly degenerate bands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import adiabloch as ab
from adiabloch.arrays import Complex
from random_models import oblique_vectors

Blocks = dict[tuple[int, ...], Complex]
"""Hoppings by translation, one of each pair of opposite translations."""


def random_metal(rng: np.random.Generator, dimension: int) -> ab.TightBinding:
    """Two to four overlapping bands in a skewed cell, of one of the kinds in `KINDS`, with a random spin."""
    kinds = KINDS[dimension]
    model = kinds[int(rng.integers(len(kinds)))](rng, dimension)
    return ab.TightBinding(model.lattice, model.positions, model.hoppings, spin=_hermitian(rng, model.size, 3))


def observables(rng: np.random.Generator, size: int) -> dict[str, Complex]:
    """Two Hermitian matrices by name."""
    return dict(zip("ab", _hermitian(rng, size, 2), strict=True))


def _hermitian(rng: np.random.Generator, size: int, count: int) -> Complex:
    matrices = _complex(rng, count, size, size)
    return np.asarray(matrices + matrices.conj().swapaxes(1, 2)) / 2


def _complex(rng: np.random.Generator, *shape: int) -> Complex:
    return np.asarray(rng.normal(size=shape) + 1j * rng.normal(size=shape))


def _size(rng: np.random.Generator, dimension: int) -> int:
    return int(rng.integers(2, 5 if dimension == 2 else 4))


def _blocks(rng: np.random.Generator, dimension: int, size: int) -> Blocks:
    """Random hoppings that decrease with the distance; the on-site matrix is Hermitian."""
    home = (0,) * dimension
    blocks: Blocks = {home: np.diag(rng.normal(size=size)) + 0.8 * _hermitian(rng, size, 1)[0]}
    for number in np.ndindex(*[3] * dimension):
        R = tuple(int(n) - 1 for n in number)
        if home < R and (np.abs(R).sum() == 1 or rng.random() < 0.4):
            blocks[R] = 0.5 * rng.uniform(0.2, 0.6) ** (np.abs(R).sum() - 1) * _complex(rng, size, size)
    return blocks


def _model(rng: np.random.Generator, dimension: int, blocks: Blocks, *, symmetric: bool = False) -> ab.TightBinding:
    """Model with these hoppings; with `symmetric`, all orbitals at the origin."""
    vectors = oblique_vectors(rng, dimension)
    size = len(blocks[(0,) * dimension])
    places = np.zeros((size, dimension)) if symmetric else rng.uniform(-0.5, 0.5, (size, dimension))
    return ab.TightBinding(vectors, places @ vectors, blocks)


def without_symmetry(rng: np.random.Generator, dimension: int) -> ab.TightBinding:
    """Random hoppings."""
    return _model(rng, dimension, _blocks(rng, dimension, _size(rng, dimension)))


def with_time_reversal(rng: np.random.Generator, dimension: int) -> ab.TightBinding:
    """Real hoppings."""
    blocks = _blocks(rng, dimension, _size(rng, dimension))
    return _model(rng, dimension, {R: block.real + 0j for R, block in blocks.items()})


def with_inversion(rng: np.random.Generator, dimension: int) -> ab.TightBinding:
    """Orbitals of either parity at a centre of inversion: h(-R) = P h(R) P."""
    size = _size(rng, dimension)
    parities = np.where(np.arange(size) % 2, -1.0, 1.0)
    signs = np.outer(parities, parities)
    blocks = {}
    for R, block in _blocks(rng, dimension, size).items():
        # h(-R) is the adjoint of h(R)
        blocks[R] = (block + signs * block.conj().T) / 2
    return _model(rng, dimension, blocks, symmetric=True)


def nearly_degenerate(rng: np.random.Generator, dimension: int) -> ab.TightBinding:
    """Two copies of random bands, one of them rotated, with a weak coupling between them."""
    blocks, weak = _blocks(rng, dimension, 2), 10 ** rng.uniform(-3, -1)
    phase = np.exp(1j * rng.uniform(0, 2 * np.pi))
    couplings = {R: weak * _complex(rng, 4, 4) for R in blocks}
    home = (0,) * dimension
    couplings[home] = weak * _hermitian(rng, 4, 1)[0]
    rotation = np.array([[1, phase], [-phase.conjugate(), 1]]) / np.sqrt(2)
    rotation = np.kron(rotation, np.eye(2))
    return _model(
        rng,
        dimension,
        {R: rotation @ (np.kron(np.eye(2), block) + couplings[R]) @ rotation.conj().T for R, block in blocks.items()},
    )


def narrow_cone(rng: np.random.Generator, dimension: int) -> ab.TightBinding:
    """A tilted cone with a narrow gap anywhere in the zone."""
    assert dimension == 2
    cone = ab.models.tilted_dirac(tilt=rng.uniform(0.1, 0.6), mass=10 ** rng.uniform(-1.7, 0))
    phases = rng.uniform(0, 2 * np.pi, 2)
    hoppings = {
        tuple(map(int, R)): np.exp(1j * R @ phases) * h for R, h in zip(cone.translations, cone.amplitudes, strict=True)
    }
    return ab.TightBinding(cone.lattice, cone.positions, hoppings)


def weyl(rng: np.random.Generator, dimension: int) -> ab.TightBinding:
    """Tilted Weyl points anywhere in the zone, with perturbations that leave no symmetry."""
    assert dimension == 3
    x, y, z = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1.0 + 0j, -1.0])
    tilt = rng.uniform(0.0, 1.5, 3)
    blocks: Blocks = {
        (0, 0, 0): (2 - np.cos(rng.uniform(0.5, 2.5))) * z,
        (1, 0, 0): -0.5j * x - 0.5 * z + 0.3j * tilt[0] * np.eye(2),
        (0, 1, 0): -0.5j * y - 0.5 * z + 0.3j * tilt[1] * np.eye(2),
        (0, 0, 1): 0.5 * z + 0.5j * tilt[2] * np.eye(2),
    }
    phases = rng.uniform(0, 2 * np.pi, 3)
    shifted = {R: np.exp(1j * np.dot(R, phases)) * (h + 0.05 * _complex(rng, 2, 2)) for R, h in blocks.items()}
    shifted[0, 0, 0] = (shifted[0, 0, 0] + shifted[0, 0, 0].conj().T) / 2
    return _model(rng, 3, shifted)


COMMON = (without_symmetry, with_time_reversal, with_inversion, nearly_degenerate)
Maker = Callable[[np.random.Generator, int], ab.TightBinding]
KINDS: dict[int, tuple[Maker, ...]] = {
    2: (without_symmetry, without_symmetry, *COMMON, narrow_cone, narrow_cone),
    3: (without_symmetry, *COMMON, weyl, weyl),
}
"""Kinds by dimension; those named twice are drawn twice as often."""
