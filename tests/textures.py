r"""Random driven insulators that vary from place to place, whose gap is safe as long as they vary slowly.

Everywhere the local crystal is H = -W W^dagger + V D V^dagger, W = [1; A], V = [-A^dagger; 1] of `projected_models`,
with a gap above 1. The hops of A vary along the texture, A(s) = A_0 + A_c cos s + A_s sin s. Hoppings taken at
midpoints make a supercell that differs from such a form by terms of first order in the texture's wave number.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

import adiabloch as ab
from projected_models import projected


def random_texture(rng, occupied, empty, dimension=2, *, strength=0.4, variation=0.5, split=False, even=False):
    """Return a profile: a function of the phase s that gives the local Cycle.

    `variation` is the size of what depends on s relative to what does not; `even` makes it the same for s and -s;
    `split` lifts the degeneracy of the empty bands.
    """
    subject = projected(rng, occupied, empty, dimension=dimension, strength=strength, split=split)
    waves = [
        {
            key: variation * np.abs(A).mean() * (rng.normal(size=A.shape) + 1j * rng.normal(size=A.shape)) / np.sqrt(2)
            for key, A in subject.hops.items()
        }
        for _ in range(2)
    ]
    known: dict = {}

    def profile(s):
        if s not in known:
            cosine, sine = np.cos(s), 0.0 if even else np.sin(s)
            hops = {key: A + cosine * waves[0][key] + sine * waves[1][key] for key, A in subject.hops.items()}
            local = type(subject)(subject.vectors, subject.positions, hops, subject.splitting)
            # its harmonics end with the second; `Cycle.from_function` would check that at each place
            known[s] = ab.Cycle([local.model(theta) for theta in 2 * np.pi * np.arange(8) / 8])
        return known[s]

    return profile


def linear_family(function):
    """Return the function itself, of numbers that its cycles' hoppings depend on linearly, with less work for each one.

    The hoppings are those for numbers that are zero and one, added up. The checks of a cycle that is made of a function
    take most of the time of a texture.
    """
    count = len(inspect.signature(function).parameters)
    cycles = [function(*numbers) for numbers in np.vstack([np.zeros(count), np.eye(count)])]

    @cache
    def added(*numbers):
        weights = [1 - sum(numbers), *numbers]
        snapshots = []
        for models in zip(*(cycle.snapshots for cycle in cycles), strict=True):
            parts = [(w, m.hoppings) for w, m in zip(weights, models, strict=True)]
            hoppings = {R: sum(w * h[R] for w, h in parts) for R in models[0].hoppings}
            snapshots.append(ab.TightBinding(models[0].lattice, models[0].positions, hoppings, models[0].spin))
        return ab.Cycle(snapshots)

    return added


@cache
def rotating_honeycomb(amplitude=0.1, t1=0.1):
    """Return a function of delta: gapped graphene whose atoms rotate."""
    return linear_family(lambda delta: ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta, t1), amplitude))


def wannier_texture(rng, occupied, empty, dimension=2, *, size=0.1, **options):
    """The same with a position matrix and a motion of the functions, of `size`, that vary along texture and cycle."""
    profile = random_texture(rng, occupied, empty, dimension, **options)
    first = profile(0.0)
    d, n = first.lattice.dimension, first.size
    cells = [R for R in first.snapshots[0].hoppings if sorted([R, tuple(-x for x in R)])[1] == R]

    def random(*shape):
        return size * (rng.normal(size=shape) + 1j * rng.normal(size=shape))

    # harmonics 0, +-1 of the cycle and of the texture
    waves = {R: random(3, 3, d + 1, n, n) * 0.5 ** np.abs(R).sum() for R in cells}

    def blocks(s, theta):
        """Position matrix and motion by cell, Hermitian."""
        turn = np.multiply.outer([1, np.cos(s), np.sin(s)], [1, np.cos(theta), np.sin(theta)])
        found = {}
        for R, series in waves.items():
            block = np.tensordot(turn, series, axes=2)
            if any(R):
                found[R], found[tuple(-x for x in R)] = block, block.conj().swapaxes(1, 2)
            else:
                found[R] = 0.5 * (block + block.conj().swapaxes(1, 2))
        return found

    def wannier(s):
        cycle, models, moves = profile(s), [], []
        for number, model in enumerate(cycle.snapshots):
            both = blocks(s, 2 * np.pi * number / len(cycle.snapshots))
            places = {R: np.moveaxis(block[:d], 0, 2) for R, block in both.items()}
            home = (0,) * d
            places[home] = places[home] + np.eye(n)[:, :, None] * model.positions
            models.append(ab.models.WannierModel(model.lattice, model.positions, model.hoppings, places))
            moves.append({R: block[d] for R, block in both.items()})
        return ab.Cycle(models, motion=moves)

    known: dict = {}

    def remembered(s):
        if s not in known:
            known[s] = wannier(s)
        return known[s]

    return remembered


LENGTH = 64
"""Period of the texture in cells where the bulk is computed; what is of first order goes as its inverse."""


def along(profile, length=LENGTH):
    """The texture whose profile is a function of the phase along the first reciprocal vector, and its places."""
    vectors = profile(0.0).lattice.vectors
    inverse = np.linalg.inv(vectors)
    texture = ab.Texture(lambda r: profile(float(2 * np.pi * (r @ inverse)[0] / length)))
    return texture, lambda s: np.outer(s, vectors[0]) * length / (2 * np.pi)


def harmonics(values, numbers):
    """Fourier coefficients of samples on equidistant phases, the first axis."""
    return (np.fft.fft(values, axis=0) / len(values))[numbers]


class Supercells(NamedTuple):
    """A texture whose local currents or densities are compared with those of supercells."""

    profile: Callable
    occupied: int
    cells: tuple[int, ...]
    theta: Sequence[float]
    operators: Mapping | None = None
    """Observables; None for the current."""

    @property
    def name(self):
        return "current" if self.operators is None else "observable"

    def computed(self):
        """Fields of supercells for m >= 0, by name: of orders 0 and 1, and of order 1 in equilibrium."""
        more = {} if self.operators is None else {"operators": self.operators}
        crystal = ab.finite.local_current(
            self.profile, self.occupied, self.cells, phases=self.theta, tolerance=1e-6, **more
        )
        positive = crystal.sel(harmonic=slice(0, None)).transpose("order", "harmonic", "theta", ...)
        return {
            "zeroth": positive[self.name].values[0],
            "first": positive[self.name].values[1],
            "static": positive[f"static_{self.name}"].values[1],
        }

    def shape(self, numbers):
        """Stored numbers as fields over harmonics, phases and components."""
        return np.array(numbers).view(complex).reshape(HARMONICS + 1, len(self.theta), -1)


HARMONICS = 6


def compare(subject, supercells, *, samples=24, mesh=24):
    """Deviations of driven fields and gradients in the bulk from those of supercells.

    Returns largest deviations, over all harmonics and phases: of what is driven in zeroth and first order, of what is
    there in equilibrium in first order, of the mean of the first over the phases; and the largest such mean. Then the
    largest in equilibrium, the result of the bulk, and the largest of first order.
    """
    texture, places = along(subject.profile)
    s = 2 * np.pi * np.arange(samples) / samples
    bulk, more = ab.local_current, {}
    if subject.operators is not None:
        bulk, more = ab.local_observable, {"operators": subject.operators}
    dimension = texture.lattice.dimension
    accuracy = {"mesh": (96, mesh)[dimension - 1]} if dimension < 3 else {"tolerance": 1e-4}
    local = bulk(texture, subject.occupied, positions=places(s), theta=subject.theta, **accuracy, **more)
    pick, off = np.arange(HARMONICS + 1), []
    for order, value in (("zeroth", local.first_chern), ("first", LENGTH * (local.total - local.first_chern))):
        reference = supercells[order]
        found = harmonics(value.values, pick)
        off.append(np.abs(found - reference).max())
    static = {"current": "curl_equilibrium", "observable": "gradient"}[subject.name]
    still = supercells["static"]
    off.append(np.abs(harmonics(LENGTH * local[static].values, pick) - still).max())
    off += [np.abs((found - reference).mean(axis=1)).max(), np.abs(reference.mean(axis=1)).max()]
    return off, np.abs(still).max(), local, np.abs(local.total - local.first_chern).max().item() * LENGTH


def differences(function, at, step):
    """Derivative of eighth order."""
    weights = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    return sum(w * (function(at + n * step) - function(at - n * step)) for n, w in weights.items()) / step
