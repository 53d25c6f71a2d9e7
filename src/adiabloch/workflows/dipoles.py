"""Dipole moments along a cycle."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.run import Run
from adiabloch.models.cycle import Cycle
from adiabloch.responses.polarization import polarization


def dipoles(cycle: Cycle, occupied: int, run: Run) -> Float:
    """Dipole moments of the electrons of a cell along a cycle, without their mean, in units of e length; (N, d).

    One electron for each state. The branch is the one nearest to the first snapshot, so the dipole must change by less
    than half a lattice vector.
    """
    options = run.options()
    if (sides := run.sides(cycle.lattice.dimension + 1)) is not None:
        # the snapshots have no axis of theta
        options["mesh"] = sides[:-1]
    found = [polarization(model, occupied, **options) for model in cycle.snapshots]
    lattice = cycle.lattice
    moments = np.array([one.polarization.values for one in found]) * lattice.measure
    moments -= moments[0]
    moments -= np.rint(lattice.reduced_positions(moments)) @ lattice.vectors
    return moments - moments.mean(axis=0)
