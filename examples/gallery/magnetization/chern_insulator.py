"""Orbital magnetization of a Chern insulator.

In the gap of a Chern insulator the magnetization is a straight line, with the slope C e/h: the current of the edge
states.
"""

import numpy as np

import adiabloch as ab

model = ab.models.haldane(delta=0.1, t2=0.15, phi=np.pi / 2)
potentials = np.linspace(-3, 3, 121)
ab.plot(ab.orbital_magnetization(model, potentials, temperature=[0.0, 0.2], tolerance=1e-3))
