r"""Values of cells in three dimensions at T = 0: one diagonalization for each, expanded to first order inside.

The bands that a chemical potential may meet in a cell are expanded around its centre (k.p): H of these few bands is
linear in the distance, and its small blocks are diagonalized on a grid inside. There the levels are cut at the Fermi
level, and the energy denominators between them are exact, so a narrow gap inside the cell is seen although the
centre is far from it. What other bands contribute is taken as constant. For c filled bands,

.. math:: F_c(k) = F_c(k_0) + F_c^{\text{block}}(k) - F_c^{\text{block}}(k_0) .

All that is neglected is of second order in the size of the cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid
from adiabloch.integration.folding import Folded
from adiabloch.integration.protocols import BandIntegrand
from adiabloch.integration.wedges import Boxes
from adiabloch.occupation import Scan

REACH = 1.2
"""Distance of a level from the chemical potentials, in its largest linear change in the cell, up to which it is
expanded."""
GRID = 4
"""Points of the inner grid along each side."""
INNER = tensor_grid([(np.arange(GRID) + 0.5) / GRID - 0.5] * 3)
"""Points of the inner grid, in sides of the cell from its centre."""
ENTRIES = 2**17
"""Largest number of elements of the small blocks that are diagonalized together."""


class Cells(NamedTuple):
    """Cells in coordinates of a wedge."""

    centres: Float
    """(B, 3)."""
    sides: Float
    """(B, 3)."""
    copies: Float
    """Number of cells of the wedge that each of them represents, (B,)."""
    depths: Integer
    """Number of times that the cells of the beginning were halved, (B,)."""

    @classmethod
    def of(cls, boxes: Boxes) -> Cells:
        """Boxes as cells."""
        depths = np.full(len(boxes.copies), boxes.depth)
        return cls(boxes.corners + boxes.sides / 2, boxes.sides, boxes.copies, depths)

    def part(self, which: np.ndarray | slice) -> Cells:
        """Some of the cells."""
        return Cells(self.centres[which], self.sides[which], self.copies[which], self.depths[which])

    @property
    def volumes(self) -> Float:
        """Fractions of the wedge that they represent, (B,)."""
        return np.asarray(self.copies * self.sides.prod(axis=1))


@dataclass(frozen=True, eq=False)
class CellValues:
    """Contributions of cells to the integrals at all chemical potentials."""

    value: np.ndarray
    """(B, outputs, M), single precision."""
    size: Float
    """(outputs,): integrand without signs, summed over the cells."""


def evaluate_cells(integrand: BandIntegrand, scan: Scan, folded: Folded, cells: Cells) -> CellValues:
    """Evaluate cells.

    Parameters
    ----------
    integrand : BandIntegrand
        Its columns have the weight "filled", or do not contribute.
    scan : Scan
        With zero temperature.
    folded : Folded
    cells : Cells
    """
    wedge, combination = folded.wedge, folded.combination
    frame, potentials = integrand.frame(wedge.points(cells.centres)), scan.potentials
    energies = frame.energies
    first, last = _met(energies, 0.5 * REACH * wedge.reach(cells.sides)[:, None] * integrand.slopes(frame), potentials)
    counts = np.arange(energies.shape[1] + 1)
    needed = (counts >= first[:, None]) & (counts <= last[:, None])
    band_counts = [int(c) for c in counts[1:] if needed[:, c].any()]
    sea = integrand.sea_values(frame, band_counts)
    fixed = np.zeros((*needed.shape, sea.shape[2]))
    fixed[:, band_counts] = np.where(needed[:, band_counts, None], sea, 0.0)
    curves = np.zeros((len(energies), sea.shape[2], len(potentials)))
    for n in np.unique(last - first):
        which = np.flatnonzero(last - first == n)
        room = max(ENTRIES // max(n * n * len(INNER), 1), 1)
        for start in range(0, len(which), room):
            here = which[start : start + room]
            bands = first[here, None] + np.arange(n + 1)
            values = fixed[here[:, None], bands][:, None]
            inner = np.zeros((len(here), 1, 0))
            if n > 0:
                steps = wedge.points(cells.sides[here, None] * INNER)
                inner, values = _expanded(integrand, frame, here, bands[:, :-1], steps, values)
            curves[here] = _cut(inner, values, potentials)
    members = [c for c, column in enumerate(integrand.columns) if column.weight == "filled"]
    sources = [integrand.columns[c].output for c in members]
    volumes = cells.volumes
    value = np.einsum("ocm,bcm->bom", combination[:, members, 0], volumes[:, None, None] * curves[:, sources])
    largest = np.abs(combination[:, members, 0]).max(axis=2)
    sizes = np.einsum("b,bcj->j", volumes, np.abs(fixed))[sources]
    return CellValues(value.astype(np.float32), largest @ sizes)


def _met(energies: Float, change: Float, potentials: Float) -> tuple[Integer, Integer]:
    """First of the levels that a chemical potential may meet in each cell, and the one after the last of them."""
    size = energies.shape[1]
    high, low = energies + change >= potentials[0], energies - change <= potentials[-1]
    first = np.where(high.any(axis=1), high.argmax(axis=1), size)
    last = np.where(low.any(axis=1), size - low[:, ::-1].argmax(axis=1), 0)
    return first, np.maximum(first, last)


def _expanded(
    integrand: BandIntegrand, frame: object, which: Integer, bands: Integer, steps: Float, values: Float
) -> tuple[Float, Float]:
    """Energies (B, Q, n) and sea values (B, Q, n + 1, J) on the inner grid, from the values (B, 1, n + 1, J)."""
    cells, n = bands.shape
    inner = integrand.around(frame, which, bands, steps)
    energies = inner.energies.reshape(cells, -1, n)
    values = np.repeat(values, len(INNER), axis=1)
    if n > 1:
        centre = integrand.around(frame, which, bands, np.zeros((cells, 1, 3)))
        own, at_centre = (integrand.sea_values(one, range(1, n)) for one in (inner, centre))
        values[:, :, 1:n] += own.reshape(cells, -1, *own.shape[1:]) - at_centre[:, None]
    return energies, values


def _cut(energies: Float, values: Float, potentials: Float) -> Float:
    """Means over inner points of F_c, c counting the levels (B, Q, n) up to each chemical potential; (B, J, M)."""
    cells, inner, _ = energies.shape
    count = len(potentials)
    end = np.searchsorted(potentials, energies, side="left")
    begin = np.concatenate([np.zeros((cells, inner, 1), dtype=end.dtype), end], axis=2)
    row = ((count + 1) * np.arange(cells))[:, None, None]
    begin, end = (begin + row).ravel(), (end + row).ravel()
    masses = np.empty((cells, values.shape[3], count + 1))
    for j, own in enumerate(np.moveaxis(values, 3, 0)):
        up = np.bincount(begin, own.ravel(), cells * (count + 1))
        down = np.bincount(end, own[..., :-1].ravel(), cells * (count + 1))
        masses[:, j] = (up - down).reshape(cells, -1)
    means: Float = np.cumsum(masses, axis=2)[..., :count] / inner
    return means
