"""Nonlinear Hall effect of a tilted Dirac cone.

The current of second order in the field that does not depend on scattering.
"""

import numpy as np

import adiabloch as ab

cone = ab.models.tilted_dirac(tilt=0.3, mass=0.2)
ab.plot(ab.nonlinear_hall(cone, np.linspace(-0.8, 0.8, 81), temperature=[0.02, 0.05], tolerance=1e-3))
