"""Spin Hall conductivity of the Kane-Mele model.

With Rashba coupling, the spin is not conserved and the plateau in the gap is not quantized.
"""

import numpy as np

import adiabloch as ab

potentials = np.linspace(-1.5, 1.5, 61)
model = ab.models.kane_mele(delta=0.05, intrinsic=0.1, rashba=0.1)
hall = ab.spin_hall(model, potentials, temperature=0.05, tolerance=1e-2)
ab.plot(hall.sel(spin="z"))
