"""Bands with the Berry curvature.

The path follows from the lattice. The colour of each band is its Berry curvature, which peaks at the smaller gap.
"""

import adiabloch as ab

model = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
ab.plot(ab.bands(model, colour="berry_curvature", occupied=1))
