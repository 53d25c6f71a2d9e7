"""Current around a disk.

The gap is smaller inside a disk, and the atoms turn everywhere. The currents circulate around the disk: they are the
curl of the magnetization that the motion pumps.
"""

import numpy as np

import adiabloch as ab


def local(r):
    model = ab.models.gapped_honeycomb(delta=1.0 - 0.3 * np.exp(-(r @ r) / 15.0**2), t1=0.1)
    return ab.models.rotating_bonds(model, amplitude=0.1)


x = np.linspace(-24, 24, 7)
places = {"x": x, "y": x}
ab.plot(ab.local_current(ab.Texture(local), occupied=1, positions=places, split=True, mesh=[20, 20, 6]))
