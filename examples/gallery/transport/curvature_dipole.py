"""Berry curvature dipole.

A tilted Dirac cone keeps one mirror, so one component of the dipole remains.
"""

import numpy as np

import adiabloch as ab

cone = ab.models.tilted_dirac(tilt=0.3, mass=0.2)
potentials = np.linspace(0.1, 0.6, 51)
ab.plot(ab.berry_curvature_dipole(cone, potentials, temperature=[0.02, 0.05], tolerance=1e-3))
