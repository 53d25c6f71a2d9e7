r"""Groups of degenerate bands.

In a model from first principles, noise splits bands that are degenerate by symmetry. Formulas of single bands then
contain inverse powers of the noise. So bands closer than a threshold form one group, with their mean energy. Pairs
within the group are left out of sums over bands. A product of two quantities of a band becomes the trace of the product
of their blocks, which is invariant under rotations within the group.

Groups form smoothly, since quadrature needs smooth integrands. The weight w is 1 for gaps up to half the threshold, 0
from the threshold on, and smooth in between. With it, 1/(E_m - E_n) becomes (1 - w)/(E_m - E_n), blocks are multiplied
by w, and energies are averaged with the weights w. The weight of two bands is the smallest weight of all neighbours
between them, so groups are connected components.

Bands that cross, or nearly cross as in a Dirac cone with a small gap, do not form a group. They differ from split bands
by the rate at which the gap opens. With a steepness s, the quantity

.. math:: \Big( (\Delta/\text{threshold})^2 + \sum_a [4 |D^a_{cv}|^2 + (v^a_c - v^a_v)^2]/s^2 \Big)^{1/2} ,

is compared with one, where D are derivatives along the axes of the unit torus. The gap of a pair that is split by noise
opens as slowly as it is small.

Bands that cross in three dimensions have a threshold of their own, `crossed`, for formulas that grow as the inverse
cube of the distance from the crossing. Their odd part cancels in a principal value, the limit of integrals outside a
surface around the crossing that is mapped to itself by inversion, such as a surface of constant gap. The integral
differs from its limit by a term proportional to this threshold.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import DegenerateBandsError
from adiabloch.geometry.frame import JOINED, Eigenframe, Joined
from adiabloch.geometry.gaps import axes_of
from adiabloch.lattice import Lattice

FRACTION = 4e-4
"""Default threshold, relative to the bandwidth. The noise of Wannier functions, 1e-7 to 1e-4 eV for bandwidths of a few
eV, splits pairs by less than half of it."""
STEEPNESS = 0.03
"""Default steepness above which bands cross: change of the gap per unit of the torus, relative to the bandwidth."""


@dataclass(frozen=True)
class Degeneracy:
    """Criterion for degenerate bands.

    Parameters
    ----------
    threshold : float
        Energy. Bands closer than half of it form a group, bands farther apart than it do not. At zero only bands that
        differ by rounding form a group.
    steepness : float
        Change of the gap per unit of the unit torus above which bands cross and do not form a group. If infinite, only
        the gap counts.
    crossing : float
        Steepness of the criterion for comparison.
    crossed : float
        Energy. Bands whose gap opens faster than the steepness form a group if they are closer than this threshold.
    """

    threshold: float = 0.0
    steepness: float = np.inf
    crossing: float = np.inf
    crossed: float = 0.0

    @property
    def compared(self) -> Degeneracy:
        """Criterion for comparison, with twice the thresholds. It shows the influence of the thresholds."""
        return Degeneracy(2 * self.threshold, min(self.steepness, self.crossing), self.crossing, 2 * self.crossed)

    def joined(self, frame: Eigenframe, lattice: Lattice, *, rounding: bool = True) -> Eigenframe:
        """Copy of a frame in which these bands form groups.

        Parameters
        ----------
        frame : Eigenframe
            With the derivatives along all axes.
        lattice : Lattice
        rounding : bool
            True to join bands that differ by rounding in any case.
        """
        size = frame.energies.shape[1]
        if size == 1:
            return frame
        gaps = np.diff(frame.energies, axis=1)
        equal = gaps <= JOINED * frame.scale
        farthest = max(self.compared.threshold, self.compared.crossed)
        close = np.flatnonzero((equal | (gaps < farthest)).any(axis=1))
        if not len(close):
            return frame
        links, others, split = np.zeros((3, *gaps.shape))
        if rounding:
            links[close] = others[close] = equal[close]
        if self.threshold > 0:
            openings = _openings(frame.at(close), gaps[close], farthest, lattice)
            for choice, result in ((self, links), (self.compared, others)):
                apart = np.hypot(gaps[close] / choice.threshold, openings / choice.steepness)
                result[close] = np.maximum(result[close], _switch(apart))
            split = gaps * ((links > 0) & ~equal)
            for choice, result in ((self, links), (self.compared, others)) if self.crossed > 0 else ():
                crossing = 1.0 - _switch(openings / choice.steepness)
                result[close] = np.maximum(result[close], crossing * _switch(gaps[close] / choice.crossed))
        threshold_dependent = links != others
        if not (links.any() or threshold_dependent.any()):
            return frame
        strength = np.broadcast_to(np.eye(size), (len(gaps), size, size)).copy()
        for n in range(size - 1):
            linked = np.minimum.accumulate(links[:, n:], axis=1)
            strength[:, n, n + 1 :] = strength[:, n + 1 :, n] = linked
        differences = frame.energies[:, None, :] - frame.energies[:, :, None]
        apart = np.full_like(differences, np.inf)
        np.divide(differences, 1.0 - strength, out=apart, where=strength < 1.0)
        energies = np.einsum("pnm,pm->pn", strength, frame.energies) / strength.sum(axis=2)
        found = Joined(strength, apart, split, threshold_dependent, frame.energies)
        return replace(frame, energies=energies, joined=found)


def refuse_groups(frame: Eigenframe, band_counts: Sequence[int] | None = None, *, energy: float = 1.0) -> None:
    """Check that no bands are joined where a formula needs single bands.

    Parameters
    ----------
    frame : Eigenframe
        With its bands joined.
    band_counts : sequence of int, optional
        Numbers of bands below the gaps that are checked; all gaps by default.
    energy : float
        Energy unit of the frame in units of the user, for the message.

    Raises
    ------
    DegenerateBandsError
    """
    if frame.joined is None:
        return
    for count in range(1, frame.energies.shape[1]) if band_counts is None else band_counts:
        found = np.flatnonzero(frame.joined.strength[:, count - 1, count])
        if len(found):
            point = int(found[0])
            apart = energy * float(np.diff(frame.joined.energies[point, count - 1 : count + 1])[0])
            raise DegenerateBandsError(
                f"bands {count - 1} and {count} count as degenerate (apart by {apart:.1e} at point {point} of the "
                "batch, and no farther around it): single-band quantities depend on the splitting. Expected bands "
                "farther apart, or a smaller degeneracy= if the splitting is physical"
            )


WeightedGroups = tuple[np.ndarray, Float, Eigenframe, list[tuple[int, int]]]
"""Indices of points, their weights, the frame at these points, and the groups (first, last + 1) of its bands."""


def weighted_groups(frame: Eigenframe) -> Iterator[WeightedGroups]:
    """Groups of bands (first, last + 1) as averages over sharp groups.

    Where a group forms smoothly, several sets of sharp groups have weights that add up to one.
    """
    points, size = frame.energies.shape
    if frame.joined is None:
        yield np.arange(points), np.ones(points), frame, [(n, n + 1) for n in range(size)]
        return
    n = np.arange(size - 1)
    links = frame.joined.strength[:, n, n + 1]
    levels = -np.sort(-np.column_stack([np.ones(points), links, np.zeros(points)]), axis=1)
    found: dict[tuple[int, ...], list[tuple[np.ndarray, Float]]] = {}
    for layer in range(size):
        weight = levels[:, layer] - levels[:, layer + 1]
        here = np.flatnonzero(weight > 0)
        together = links[here] >= levels[here, layer, None] if layer else np.zeros((len(here), size - 1), dtype=bool)
        patterns, which = np.unique(together, axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            mine = here[which.ravel() == number]
            found.setdefault(tuple(np.flatnonzero(~pattern) + 1), []).append((mine, weight[mine]))
    for bounds, parts in found.items():
        groups = list(itertools.pairwise([0, *map(int, bounds), size]))
        mean = np.zeros((size, size))
        for first, last in groups:
            mean[first:last, first:last] = 1.0 / (last - first)
        for mine, weight in parts:
            part = replace(frame.at(mine), energies=frame.joined.energies[mine] @ mean, joined=None)
            yield mine, weight, part, groups


def _switch(x: Float) -> Float:
    """Smooth step: 1 below 1/2, 0 above 1, with two continuous derivatives."""
    t = np.clip(2.0 * (1.0 - x), 0.0, 1.0)
    return np.asarray(t**3 * (10.0 + t * (6.0 * t - 15.0)))


def _openings(frame: Eigenframe, gaps: Float, farthest: float, lattice: Lattice) -> Float:
    """Largest rate at which the gaps between neighbours open along the axes of the torus, (P, N - 1).

    All pairs of a band below and a band above the gap contribute. A pair is weighted with the square of the ratio of
    the gap to its own distance, so that the order of nearly equal bands does not matter.
    """
    names, to_axes = axes_of(frame, lattice)
    D = np.tensordot(to_axes, [frame.derivative(name) for name in names], axes=1)
    slopes = np.diagonal(D, axis1=2, axis2=3).real
    squares = 4 * (D.real**2 + D.imag**2) + (slopes[..., None, :] - slopes[..., :, None]) ** 2
    squares = squares.sum(axis=0)
    apart = np.abs(frame.energies[:, None, :] - frame.energies[:, :, None])
    least = JOINED * frame.scale
    openings = np.zeros_like(gaps)
    for edge in range(gaps.shape[1]):
        here = np.flatnonzero(gaps[:, edge] < farthest)
        if len(here):
            across = (here, slice(None, edge + 1), slice(edge + 1, None))
            share = (gaps[here, edge, None, None] + least) / (apart[across] + least)
            openings[here, edge] = np.sqrt((squares[across] * share**2).sum(axis=(1, 2)))
    return openings
