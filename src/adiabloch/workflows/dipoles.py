"""Dipole moments of similar crystals, and along a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.run import Run
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.polarization import polarization


def dipoles(cycle: Cycle, occupied: int, run: Run) -> Float:
    """Dipole moments of the electrons of a cell along a cycle, without their mean, in units of e length; (N, d).

    One electron for each state, on the branch of `dipole_moments`.
    """
    if (sides := run.sides(cycle.lattice.dimension + 1)) is not None:
        # the snapshots have no axis of theta
        run = replace(run, mesh=sides[:-1])
    moments = dipole_moments(cycle.snapshots, occupied, run)
    return moments - moments.mean(axis=0)


def dipole_moments(models: Sequence[TightBinding], occupied: int, run: Run) -> Float:
    """Changes of the dipole moment of the electrons of a cell from that of the first crystal, (N, d).

    In units of e length, one electron for each state. The branch is the nearest one, so the dipole must change by less
    than half a lattice vector.
    """
    found = [polarization(model, occupied, **run.options()) for model in models]
    lattice = models[0].lattice
    moments = np.array([one.polarization.values for one in found]) * lattice.measure
    moments -= moments[0]
    return np.asarray(moments - np.rint(lattice.reduced_positions(moments)) @ lattice.vectors)
