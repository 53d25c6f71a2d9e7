"""Pumped magnetization over the Brillouin zone.

The integrand of Eq. (8): wave vectors near the corners of the zone, where the gap is small, contribute most.
"""

import numpy as np

import adiabloch as ab

cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.3, t1=0.1), amplitude=0.1)
k = np.linspace(-np.pi, np.pi, 101)
ab.plot(ab.magnetization_map(cycle, kx=k, ky=k, theta=0.0))
