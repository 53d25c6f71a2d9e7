"""Anomalous Nernst effect.

The transverse current of a temperature gradient is largest where the Hall conductivity changes with the energy.
"""

import numpy as np

import adiabloch as ab

model = ab.models.haldane(delta=0.1, t2=0.15, phi=np.pi / 2)
ab.plot(ab.anomalous_nernst(model, np.linspace(-3, 3, 121), temperature=[0.05, 0.1, 0.2], tolerance=1e-3))
