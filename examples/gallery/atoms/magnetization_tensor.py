"""Magnetization tensor of displaced atoms.

Moment that each pair of displacements pumps on a small closed path, for both atoms of a honeycomb lattice along x and
y. It contains the moments of all phonons.
"""

import adiabloch as ab

model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
ab.plot(ab.magnetization_tensor(deformation, occupied=1))
