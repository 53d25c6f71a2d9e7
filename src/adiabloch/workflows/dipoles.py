"""Dipole moments along a cycle."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.run import Run
from adiabloch.models.cycle import Cycle
from adiabloch.responses.polarization import polarization


def dipoles(cycle: Cycle, occupied: int, run: Run) -> Float:
    """Dipole moments of a cell's electrons (one for each state) along a cycle, less the mean, in e length; (N, d).

    The branch is the one nearest to the first snapshot's: for what moves less than half a lattice vector.
    """
    found = [polarization(model, occupied, **run.options()) for model in cycle.snapshots]
    lattice = cycle.lattice
    apart = np.array([one.polarization.values for one in found]) * lattice.measure
    apart -= apart[0]
    apart -= np.rint(lattice.reduced_positions(apart)) @ lattice.vectors
    return apart - apart.mean(axis=0)
