"""Current along a domain wall.

The gap changes across a line, and the atoms turn everywhere. The current along the line, averaged over the turn, with
its terms.
"""

import numpy as np

import adiabloch as ab


def local(r):
    model = ab.models.gapped_honeycomb(delta=1.0 + 0.3 * np.tanh(r[0] / 10), t1=0.1)
    return ab.models.rotating_bonds(model, amplitude=0.1)


x = np.linspace(-40, 40, 17)
ab.plot(ab.local_current(ab.Texture(local), occupied=1, positions={"x": x}, split=True, mesh=[24, 24, 8]))
