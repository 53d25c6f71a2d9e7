"""What may happen to a file on its way."""

import numpy as np

KINDS = 6


def mutate(content, kind, at, other, rng, words, *, end=None):
    """Change bytes in place: cut up to `end`, another byte, some gone, some more, two places exchanged, a word."""
    if kind == 0:
        del content[at:end]
    elif kind == 1:
        content[at] = rng.integers(256)
    elif kind == 2:
        del content[at : at + int(rng.integers(1, 9))]
    elif kind == 3:
        content[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 9))).astype(np.uint8))
    elif kind == 4:
        content[at : at + 4], content[other : other + 4] = content[other : other + 4], content[at : at + 4]
    else:
        content[at : at + 4] = rng.choice(words)
