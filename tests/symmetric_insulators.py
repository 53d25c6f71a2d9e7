"""Random insulators, and cycles of them, with symmetries and a gap as small as wanted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import adiabloch as ab
from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import OverlappingBandsError
from adiabloch.geometry.band_edges import check_insulator
from adiabloch.geometry.gaps import gap_at
from adiabloch.minimize import pattern_search
from symmetric_metals import FOURFOLD, HEXAGONAL, SIXFOLD, THREEFOLD

PAULI_Z = np.diag([1.0, -1.0])
Operation = tuple[Integer, Complex, bool, int, float]
"""R -> R W, the matrix on the orbitals, complex conjugation, and theta -> sign theta + 2 pi shift."""
TURNS = {"C2": -np.eye(2, dtype=int), "C3": THREEFOLD, "C4": FOURFOLD, "C6": SIXFOLD}


def generators(kind: str, dimension: int, parity: float) -> list[Operation]:
    """Operations of a kind such as "C3, mirror", "reversal" or, for a cycle, "C3 screw, mirror back"."""
    one = np.eye(dimension, dtype=int)
    found: list[Operation] = []
    for name in kind.split(", "):
        what, *along = name.split()
        sign, W, U, conjugated = 1, one.copy(), np.eye(2), False
        order = 1
        if what in TURNS:
            W[:2, :2], order = TURNS[what], int(what[1])
            # the spins of the two orbitals about the axis differ by one
            U = np.diag([1.0, np.exp(2j * np.pi / order)])
        elif what == "mirror":
            W[:2, :2] = [[0, 1], [1, 0]]
        elif what == "reflection":
            W[0, 0], U = -1, np.diag([1.0, parity])
        elif what == "inversion":
            W, U = -one, np.diag([1.0, parity])
        elif what == "reversal":
            conjugated = True
        elif what == "turned":
            # a mirror, and time reversal
            W[:2, :2], conjugated = [[0, 1], [1, 0]], True
        else:
            raise ValueError(name)
        shift = 0.0
        if "screw" in along:
            shift = 1 / order if order > 1 else 0.5
        if "back" in along:
            sign = -1
        found.append((W, U, conjugated, sign, shift))
    return found


def group(of: list[Operation]) -> list[Operation]:
    """All products of operations."""
    d = len(of[0][0])
    every: list[Operation] = [(np.eye(d, dtype=int), np.eye(2), False, 1, 0.0)]

    def key(one: Operation) -> tuple[object, ...]:
        return one[0].tobytes(), one[2], one[3], round(24 * one[4]) % 24

    for first in every:
        for second in of:
            # first the one, and the other of the result
            U = (first[1].conj() if second[2] else first[1]) @ second[1]
            both = (
                second[0] @ first[0],
                U,
                first[2] != second[2],
                first[3] * second[3],
                (first[3] * second[4] + first[4]) % 1.0,
            )
            if not any(key(both) == key(known) for known in every):
                every.append(both)
    return every


def narrow_symmetric(
    rng: np.random.Generator, dimension: int, kind: str, gap: float, *, driven: bool = False
) -> ab.TightBinding | ab.Cycle | None:
    """Two bands with the symmetries of a kind, whose smallest direct gap is `gap` to a few percent; None at failure."""
    every = group(generators(kind, dimension, float(rng.choice([-1.0, 1.0]))))
    vectors = np.eye(dimension)
    if any(name in kind for name in ("C3", "C6")):
        vectors[:2, :2] = HEXAGONAL
    elif kind in ("inversion", "reversal", "C2"):
        vectors += np.tril(rng.uniform(-0.4, 0.4, (dimension, dimension)), -1)
    lattice = ab.Lattice(vectors)
    waves = _waves(rng, dimension, vectors, harmonics=1 if driven else 0)
    home = (0,) * dimension

    def crystal(mass: float) -> ab.TightBinding | ab.Cycle:
        def at(theta: float) -> ab.TightBinding:
            hoppings = _averaged(waves, every, theta)
            # little of what tilts the bands
            here = {R: h - 0.4 * np.trace(h) * np.eye(2) for R, h in hoppings.items()}
            here[home] = here[home] + mass * PAULI_Z
            return ab.TightBinding(lattice, np.zeros((2, dimension)), here)

        return ab.Cycle.from_function(at, samples=8) if driven else at(0.0)

    found = _with_gap(crystal, rng, gap)
    return None if found is None or _overlapping(found) else found


def _waves(rng: np.random.Generator, dimension: int, vectors: Float, harmonics: int) -> dict[tuple[int, ...], list]:
    """Hoppings at rest, and their changes with cos theta and sin theta."""
    waves = {}
    for R in np.ndindex(*[3] * dimension):
        R = tuple(r - 1 for r in R)
        decay = 0.4 ** max(np.linalg.norm(R @ vectors) - 1, 0)
        waves[R] = [
            decay * (0.6 if n == 0 else 0.15) * (rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))
            for n in range(1 + 2 * harmonics)
        ]
    return waves


def _averaged(
    waves: dict[tuple[int, ...], list], every: list[Operation], theta: float
) -> dict[tuple[int, ...], Complex]:
    mean: dict[tuple[int, ...], Complex] = {}
    for W, U, conjugated, sign, shift in every:
        phase = sign * theta + 2 * np.pi * shift
        factors = [1.0, np.cos(phase), np.sin(phase)]
        back = np.rint(np.linalg.inv(W)).astype(int)
        for R, terms in waves.items():
            h = sum(f * term for f, term in zip(factors, terms, strict=False))
            here = tuple((np.array(R) @ back).tolist())
            term = U.conj().T @ (h.conj() if conjugated else h) @ U / len(every)
            mean[here] = mean.get(here, 0.0) + term
    opposite = {R: mean[tuple(-r for r in R)].conj().T for R in mean}
    return {R: 0.5 * (h + opposite[R]) for R, h in mean.items()}


def _smallest(made: ab.TightBinding | ab.Cycle) -> float:
    D = len(made.directions)
    n = {2: 40, 3: 14}[D]
    mesh = np.stack(np.meshgrid(*[(np.arange(n) + 0.31) / n] * D, indexing="ij"), -1).reshape(-1, D)
    values = gap_at(made, 1)
    starts = mesh[np.argsort(values(mesh))[:3]]
    return pattern_search(values, starts, reach=0.5 / n, finest=1e-5)[0]


def _with_gap(
    crystal: Callable[[float], ab.TightBinding | ab.Cycle], rng: np.random.Generator, gap: float
) -> ab.TightBinding | ab.Cycle | None:
    """Crystal whose mass gives the wanted gap: near the smallest one of random masses, by secants from one side."""
    masses = np.sort(rng.uniform(-2.5, 2.5, 10))
    gaps = [_smallest(crystal(m)) for m in masses]
    m0 = masses[int(np.argmin(gaps))]
    m, g0 = m0 + 0.02, min(gaps)
    for _ in range(20):
        g = _smallest(crystal(m))
        if abs(g / gap - 1) < 0.05:
            return crystal(m)
        slope = (g - g0) / (m - m0) if m != m0 else 1.0
        slope = slope if abs(slope) > 0.2 else float(rng.choice([-1.0, 1.0]))
        m0, g0, m = m, g, m + float(np.clip((gap - g) / slope, -0.3, 0.3))
    return None


def _overlapping(made: ab.TightBinding | ab.Cycle) -> bool:
    try:
        check_insulator(made, 1)
    except OverlappingBandsError:
        return True
    return False
