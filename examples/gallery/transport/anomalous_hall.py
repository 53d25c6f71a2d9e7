"""Anomalous Hall conductivity at two temperatures.

One pass over the zone gives all chemical potentials and temperatures. In the gap the conductivity is a multiple of
e^2/h.
"""

import numpy as np

import adiabloch as ab

model = ab.models.haldane(delta=0.1, t2=0.15, phi=np.pi / 2)
hall = ab.anomalous_hall(model, np.linspace(-3, 3, 121), temperature=[0.0, 0.2], tolerance=1e-3)
ab.plot(ab.in_units(hall, "e^2/h"))
