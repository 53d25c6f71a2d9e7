"""Fermi surface.

A face-centred cubic metal with one band, coloured by the velocity along x.
"""

import adiabloch as ab

neighbours = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0), (0, 1, -1), (1, 0, -1)]
hoppings = {(0, 0, 0): [[0.0]], **{R: [[-1.0]] for R in neighbours}}
vectors = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
metal = ab.TightBinding(vectors, [[0, 0, 0]], hoppings, reduced=False)
ab.plot(ab.fermi_surface(metal, 0.9, colour=("velocity", "x")))
