"""Spin of the bands.

A honeycomb lattice with Rashba coupling: the colour is the spin along y.
"""

import adiabloch as ab

model = ab.models.rashba_honeycomb(delta=0.5, rashba=0.3)
ab.plot(ab.bands(model, "GKMG", colour=("spin", "y"), chemical_potential=0.9))
