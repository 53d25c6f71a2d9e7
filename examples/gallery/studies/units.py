"""Results in the units of an experiment.

The same magnetization in units of the model, in SI units, and as a moment of the cell. Energies are in eV and lengths
in Angstrom.
"""

import numpy as np

import adiabloch as ab

model = ab.models.haldane(delta=0.3, t2=0.15, phi=1.2, t1=2.7, bond=1.42)
result = ab.orbital_magnetization(model, np.linspace(-8, 8, 81), temperature=0.1, tolerance=1e-3)
print(result.total.attrs["units"])
print(ab.in_si(result, energy="eV", length="angstrom").total.attrs["units"])
moments = ab.in_units(result, "mu_B/cell", energy="eV", length="angstrom")
ab.plot(moments)
