"""Gaps of a crystal by the number of filled bands, for the command `inspect`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.band_edges import exact_band_edges
from adiabloch.models import Cycle
from adiabloch.models.crystal import Crystal

POINTS = 4000
"""Number of points of the mesh on which the search for band edges begins."""
SMALLEST = 1e-3
"""Smallest indirect gap in the list, relative to the range of all energies."""
MOST = 12
"""Largest number of gaps in the list; the widest ones are shown."""
COLUMNS = ("filled bands", "indirect gap", "highest filled level", "lowest empty level", "option")


@dataclass(frozen=True)
class FillingGap:
    """Indirect gap above a number of filled bands.

    Attributes
    ----------
    occupied : int
    valence, conduction : float
        Highest filled and lowest empty level.
    """

    occupied: int
    valence: float
    conduction: float

    @property
    def gap(self) -> float:
        """Indirect gap."""
        return self.conduction - self.valence

    def cells(self) -> tuple[str, ...]:
        """Row of a table with the columns `COLUMNS`."""
        return (
            str(self.occupied),
            f"{self.gap:.5g}",
            f"{self.valence:.5g}",
            f"{self.conduction:.5g}",
            f"--occupied {self.occupied}",
        )


def filling_gaps(crystal: Crystal, energies: Float) -> list[FillingGap]:
    """Indirect gaps above all numbers of filled bands for which there is one, by the number of filled bands.

    Parameters
    ----------
    crystal : Crystal
    energies : float array, shape (n, ..., N)
        On a mesh, for a cycle with the phases on the last axis of the mesh: gaps between them are found exactly.
    """
    size = energies.shape[-1]
    phases = energies.shape[-2] if isinstance(crystal, Cycle) else 1
    levels = energies.reshape(-1, phases, size)
    # the gap on a mesh is at least the true one, so no gap is missed
    on_mesh = (levels[..., 1:].min(axis=0) - levels[..., :-1].max(axis=0)).min(axis=0)
    smallest = SMALLEST * float(energies.max() - energies.min())
    widest = np.argsort(-on_mesh, kind="stable")[:MOST]
    found = []
    for occupied in sorted(int(number) + 1 for number in widest if on_mesh[number] > smallest):
        edges = exact_band_edges(crystal, occupied, POINTS)
        if edges.gap > smallest:
            found.append(FillingGap(occupied, edges.valence, edges.conduction))
    return found


def advice(gaps: Sequence[FillingGap], energies: Float) -> list[str]:
    """Sentences on the options that fit the gaps."""
    low, high = float(energies.min()), float(energies.max())
    if not gaps:
        bands = energies.shape[-1]
        return [
            f"no indirect gap above {SMALLEST:.1%} of the range of energies: a metal unless all {bands} bands are "
            f"filled; give a chemical potential, --mu, from {low:.5g} to {high:.5g}"
        ]
    numbers = " or ".join(str(gap.occupied) for gap in gaps)
    which = "if that is" if len(gaps) == 1 else "whichever is"
    return [
        f"as an insulator: --occupied {numbers}, {which} the number of electrons in the cell (of pairs if each band is "
        "filled twice); at other fillings a metal: --mu"
    ]
