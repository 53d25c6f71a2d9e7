"""Bands of a twisted bilayer.

Two honeycomb layers turned by 21.8 degrees against each other, 28 sites in the cell. All hoppings follow from one law
of the distance, that of carbon.
"""

from itertools import product

import numpy as np

import adiabloch as ab

layer, height, decay = ab.models.gapped_honeycomb(delta=0.0), 2.36, 0.319  # lengths in bonds
one, other = (layer.supercell(matrix) for matrix in ([[2, 1], [-1, 3]], [[1, 2], [-2, 3]]))
cell, turned = one.lattice.vectors, np.linalg.solve(other.lattice.vectors, one.lattice.vectors)
sites, z = np.vstack([one.positions, other.positions @ turned]), np.repeat([0.0, height], 14)
hoppings = {}
for R in product(range(-2, 3), repeat=2):
    between = sites + R @ cell - sites[:, None]
    d = np.sqrt((between**2).sum(-1) + (z - z[:, None]) ** 2) + 1e-9
    upright = ((z - z[:, None]) / d) ** 2
    flat = (1 - upright) * np.exp((1 - d) / decay)
    hoppings[R] = (0.18 * upright * np.exp((height - d) / decay) - flat) * (d > 0.1)
ab.plot(ab.bands(ab.TightBinding(cell, sites, hoppings, reduced=False), "GKMG"))
