"""Pumped magnetization along a cycle.

The two atoms of a honeycomb lattice turn against each other. The orbital magnetization that this pumps, at each phase
of the turn, has the threefold symmetry of the bonds.
"""

import numpy as np

import adiabloch as ab

cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
phases = np.linspace(0, 2 * np.pi, 61)
ab.plot(ab.instantaneous_magnetization(cycle, occupied=1, theta=phases, tolerance=1e-3))
