"""Magnetic moment of a phonon.

Displaced atoms of a layer like BN, with hoppings that fall with the distance: the moments of the two circular optical
phonons are opposite.
"""

import numpy as np

import adiabloch as ab

vectors = 2.504 * np.array([[1, 0], [0.5, np.sqrt(3) / 2]])
sites = [vectors.sum(0) / 3, 2 * vectors.sum(0) / 3]
bonds = [(2.3, 1, 0, R) for R in ((0, 0), (1, 0), (0, 1))]
model = ab.TightBinding.from_bonds(vectors, sites, [2.2, -2.2], bonds)
deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
cell = [[*vectors[0], 0], [*vectors[1], 0], [0, 0, 12]]
atoms = ab.models.Structure(cell, ["B", "N"], np.pad(model.positions, [(0, 0), (0, 1)]), [10.811, 14.007])
light, heavy = np.sqrt(atoms.masses / atoms.masses.sum())
optical = [[[heavy, 0, 0], [-light, 0, 0]], [[0, heavy, 0], [0, -light, 0]]]
modes = ab.models.Modes(atoms, [0, 0, 0], [0.17, 0.17], optical)
ab.plot(ab.phonon_moments(deformation, modes, occupied=1, charges=[0, 2]))
