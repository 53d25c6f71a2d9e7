r"""Random driven insulators that vary from place to place, whose gap is safe as long as they vary slowly.

Everywhere the local crystal is H = -W W^dagger + V D V^dagger, W = [1; A], V = [-A^dagger; 1] of `projected_models`,
with a gap above 1. The hops of A vary along the texture, A(s) = A_0 + A_c cos s + A_s sin s. Hoppings taken at
midpoints make a supercell that differs from such a form by terms of first order in the texture's wave number.
"""

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
            known[s] = ab.Cycle.from_function(local.model, 8)
        return known[s]

    return profile


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
