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
