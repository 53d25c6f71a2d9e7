r"""Random driven models whose gap is safe, in the bulk and in every piece cut out of them.

Why the gap is safe: H = S + V, where S is diagonal on the sites, with occupied levels below -1/2 and empty ones above
+1/2, and V is everything else: hoppings, couplings inside the cell, the drive,

.. math:: V(\theta) = \sum_{R,m} T_R \otimes A_{R,m} e^{i m \theta} + h.c., \qquad
          \|V\| = v = \max_{k,\theta} \|V(k, \theta)\|.

By Weyl's inequality the gap is at least 1 - 2 v at every k and theta. An open piece has P V P in place of V, P being
the projection onto its sites, and its norm is no larger than that of V: the bound holds for ribbons and flakes of any
size too. v < 1/2 is made by scaling. A constant unitary that mixes orbitals at one place changes no norm and no
position, so the bound stays.

The maximum over the continuum follows from one over a mesh: a real trigonometric polynomial of degree n (here <x|V|x>
for any vector x) exceeds its largest modulus on N > 2 n equidistant points by at most 1/cos(pi n/N) for each axis.

Every maker takes a seeded `numpy.random.Generator` and returns a `Driven`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

import adiabloch as ab
from adiabloch.arrays import Complex, Float

STRENGTH = 0.36
"""Bound v on the norm of all that is not diagonal: the gap is at least 1 - 2 v."""
MESH = 16
"""Points along each axis on which that norm is taken."""

Terms = dict[tuple[tuple[int, ...], int], Complex]
"""Matrices A by translation R (one of each pair +-R) and harmonic m."""


@dataclass(frozen=True, eq=False)
class Driven:
    """A driven model and how many of its bands are occupied."""

    cycle: ab.Cycle
    occupied: int
    gap: float
    """What the gap cannot fall below."""


def oblique_vectors(rng: np.random.Generator, dimension: int = 2) -> Float:
    """Lattice vectors of unequal lengths at odd angles, turned at random, left- or right-handed, far from flat."""
    while True:
        vectors = rng.normal(size=(dimension, dimension))
        lengths = np.sqrt((vectors**2).sum(axis=1))
        vectors *= (rng.uniform(0.8, 1.4, dimension) / lengths)[:, None]
        if abs(np.linalg.det(vectors)) > 0.6 * np.prod(np.sqrt((vectors**2).sum(axis=1))):
            return vectors


def two_bands(
    rng: np.random.Generator, *, dimension: int = 2, reach: int = 1, harmonics: int = 1, moving: bool = False
) -> Driven:
    """Two complex bands, one occupied, anywhere in the cell; with `moving`, the orbitals circle about their places."""
    return general(rng, 2, 1, dimension=dimension, reach=reach, harmonics=harmonics, moving=moving)


def general(
    rng: np.random.Generator,
    orbitals: int,
    occupied: int,
    *,
    dimension: int = 2,
    reach: int = 1,
    harmonics: int = 1,
    moving: bool = False,
) -> Driven:
    """Complex bands without any symmetry: with three or more, the Chern-Simons part counts."""
    vectors = oblique_vectors(rng, dimension)
    places = rng.uniform(-0.5, 0.5, (orbitals, dimension)) @ vectors
    energies = _levels(rng, [level < occupied for level in range(orbitals)])
    terms = _scaled(_random_terms(rng, orbitals, dimension, reach, harmonics))
    circles = 0.1 * _complex(rng, (orbitals, dimension)) if moving else None
    return Driven(_cycle(vectors, places, energies, terms, circles=circles), occupied, 1 - 2 * STRENGTH)


def blocks(rng: np.random.Generator, sizes: Sequence[int], *, reach: int = 1, harmonics: int = 1) -> Driven:
    """Independent blocks of one or two bands behind a constant unitary.

    The perturbative part adds up over the blocks, and the Chern-Simons part of each vanishes (one band has no
    empty states, or no occupied ones; two bands have only a quantised one, zero at weak modulation). The orbitals sit
    on two sites, and those of one site are mixed, so that the formula sees full matrices.
    """
    vectors = oblique_vectors(rng)
    sites = rng.uniform(-0.5, 0.5, (2, 2)) @ vectors
    n = sum(sizes)
    below: list[bool] = []
    inside = np.zeros((n, n), dtype=bool)
    for size in sizes:
        first = len(below)
        below += [True, False] if size == 2 else [bool(rng.integers(2))]
        inside[first : first + size, first : first + size] = True
    at = rng.permutation(np.arange(n) % 2)
    mixing = np.zeros((n, n), dtype=complex)
    for site in (0, 1):
        here = np.flatnonzero(at == site)
        mixing[np.ix_(here, here)] = _unitary(rng, len(here))
    terms = _scaled({key: A * inside for key, A in _random_terms(rng, n, 2, reach, harmonics).items()})
    cycle = _cycle(vectors, sites[at], _levels(rng, below), terms, mixing=mixing)
    return Driven(cycle, sum(below), 1 - 2 * STRENGTH)


def real_symmetric(
    rng: np.random.Generator, orbitals: int, occupied: int, *, reach: int = 1, harmonics: int = 1
) -> Driven:
    """H(k, theta) real at all k and theta: all orbitals in one place, h(R) = h(-R) real and symmetric.

    The eigenvectors are real, so the Berry connection of a single occupied band vanishes and its Chern-Simons part
    with it; with a single empty band likewise, since those of the occupied and the empty bands add up to zero.
    """
    vectors = oblique_vectors(rng)
    place = np.tile(rng.uniform(-0.5, 0.5, (1, 2)) @ vectors, (orbitals, 1))
    terms: Terms = {}
    for R in _half(2, reach):
        for m in range(harmonics + 1):
            # the series over m and -m with conjugate amplitudes is real
            A = _complex(rng, (orbitals, orbitals)) * np.exp(-np.abs(R).sum())
            A = A + A.T
            for key, matrix in (((R, m), A), ((R, -m), A.conj())):
                terms[key] = terms.get(key, 0) + matrix
    energies = _levels(rng, [level < occupied for level in range(orbitals)])
    # R and -R alike, so each pair is its own conjugate: the terms above are one half of it
    return Driven(_cycle(vectors, place, energies, _scaled(terms)), occupied, 1 - 2 * STRENGTH)


def _complex(rng: np.random.Generator, shape: tuple[int, ...]) -> Complex:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _unitary(rng: np.random.Generator, n: int) -> Complex:
    return np.linalg.qr(_complex(rng, (n, n)))[0]


def _levels(rng: np.random.Generator, below: Sequence[bool]) -> Float:
    """On-site energies, apart from each other by at least one between occupied and empty ones."""
    return np.where(below, -0.5, 0.5) + np.where(below, -0.4, 0.4) * rng.random(len(below))


def _half(dimension: int, reach: int) -> Iterator[tuple[int, ...]]:
    """The origin and one of each pair of translations +-R with all components up to `reach`."""
    for R in np.ndindex(*[2 * reach + 1] * dimension):
        shifted = tuple(int(r) - reach for r in R)
        if shifted >= (0,) * dimension:
            yield shifted


def _random_terms(rng: np.random.Generator, n: int, dimension: int, reach: int, harmonics: int) -> Terms:
    return {
        (R, m): _complex(rng, (n, n)) * np.exp(-np.abs(R).sum())
        for R in _half(dimension, reach)
        for m in range(-harmonics, harmonics + 1)
    }


def _scaled(terms: Terms) -> Terms:
    """The same terms, scaled such that the norm of their sum (with conjugates) is below STRENGTH everywhere."""
    frequencies = np.array([(*R, m) for R, m in terms])
    matrices = np.array(list(terms.values()))
    axes = [np.arange(MESH) / MESH] * frequencies.shape[1]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    V = np.tensordot(np.exp(2j * np.pi * points @ frequencies.T), matrices, axes=1)
    V += V.conj().swapaxes(1, 2)
    between = np.prod(np.cos(np.pi * np.abs(frequencies).max(axis=0) / MESH))
    bound = np.abs(np.linalg.eigvalsh(V)).max() / between
    return {key: A * (STRENGTH / bound) for key, A in terms.items()}


def _cycle(
    vectors: Float,
    places: Float,
    energies: Float,
    terms: Terms,
    *,
    mixing: Complex | None = None,
    circles: Complex | None = None,
) -> ab.Cycle:
    """The cycle of S + V(theta) + h.c., in a basis turned by `mixing`; orbitals move by Re circles e^(-i theta)."""
    d = len(vectors)
    turn = np.eye(len(energies)) if mixing is None else mixing

    def snapshot(theta: float) -> ab.TightBinding:
        hoppings = {(0,) * d: np.diag(energies).astype(complex)}
        for (R, m), A in terms.items():
            hop = A * np.exp(1j * m * theta)
            opposite = tuple(-r for r in R)
            hoppings[R] = hoppings.get(R, 0) + hop
            hoppings[opposite] = hoppings.get(opposite, 0) + hop.conj().T
        moved = places if circles is None else places + (circles * np.exp(-1j * theta)).real
        return ab.TightBinding(vectors, moved, {R: turn @ h @ turn.conj().T for R, h in hoppings.items()})

    return ab.Cycle.from_function(snapshot, samples=8)
