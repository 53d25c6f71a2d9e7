r"""Bands that count as degenerate: groups whose members are not told apart.

Bands that symmetry makes equal are split by noise in a model from first principles. Between them, formulas of single
bands hold inverse powers of the noise. So bands closer than a threshold are one group, with one energy, its mean:
pairs within the group are left out of sums over bands, and a product of two quantities of a band becomes the trace of
the product of their blocks, which no rotation within the group changes.

A group does not form at once, since a jump could not be integrated: with w = 1 for gaps up to half the threshold, 0
from the threshold on, and smooth in between, 1/(E_m - E_n) becomes (1 - w)/(E_m - E_n), blocks are multiplied by w, and
energies are averaged with the weights w. Neighbours that are joined join all beneath and above that they are joined to:
w of two bands is the smallest of all neighbours between them, so groups are the connected components.

Bands that only cross, or nearly so, as in a Dirac cone with a small gap, are no group: what happens there is real.
They are told by how fast the gap opens: with a steepness s, the threshold is not compared with the gap alone, but one
with

.. math:: \Big( (\Delta/\text{threshold})^2 + \sum_a [4 |D^a_{cv}|^2 + (v^a_c - v^a_v)^2]/s^2 \Big)^{1/2} ,

D being derivatives along the axes of the unit torus. A pair that noise splits opens as slowly as its gap is small.
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
"""Bands closer than this fraction of the bandwidth count as degenerate by default: noise of Wannier functions, elements
of 1e-7 to 1e-4 eV at bandwidths of a few eV, split pairs by less than half of that."""
STEEPNESS = 0.03
"""Bands whose gap opens faster than by this fraction of the bandwidth, per unit of the unit torus, cross by default."""


@dataclass(frozen=True)
class Degeneracy:
    """Which bands count as degenerate.

    Parameters
    ----------
    threshold : float
        Energy; bands closer than half of it are one group, farther apart than all of it they are not. At zero only
        rounding is joined.
    steepness : float
        Bands whose gap opens as fast, per unit of the unit torus, only cross and are no group; infinite where the gap
        alone counts.
    crossing : float
        The same for the choice that this one is compared with.
    """

    threshold: float = 0.0
    steepness: float = np.inf
    crossing: float = np.inf

    @property
    def compared(self) -> Degeneracy:
        """Another choice, no worse, that shows what depends on the threshold: twice that, and no crossings."""
        return Degeneracy(2 * self.threshold, min(self.steepness, self.crossing), self.crossing)

    def joined(self, frame: Eigenframe, lattice: Lattice, *, rounding: bool = True) -> Eigenframe:
        """The frame with these bands joined.

        Parameters
        ----------
        frame : Eigenframe
            With the derivatives along all axes.
        lattice : Lattice
        rounding : bool
            Whether bands that differ by no more than rounding are joined in any case.
        """
        size = frame.energies.shape[1]
        if size == 1:
            return frame
        gaps = np.diff(frame.energies, axis=1)
        equal = gaps <= JOINED * frame.scale
        farthest = self.compared.threshold
        close = np.flatnonzero((equal | (gaps < farthest)).any(axis=1))
        if not len(close):
            return frame
        edges, others = np.zeros((2, *gaps.shape))
        if rounding:
            edges[close] = others[close] = equal[close]
        if self.threshold > 0:
            openings = _openings(frame.at(close), gaps[close], farthest, lattice)
            for choice, result in ((self, edges), (self.compared, others)):
                apart = np.hypot(gaps[close] / choice.threshold, openings / choice.steepness)
                result[close] = np.maximum(result[close], _switch(apart))
        threshold_dependent = edges != others
        if not (edges.any() or threshold_dependent.any()):
            return frame
        strength = np.broadcast_to(np.eye(size), (len(gaps), size, size)).copy()
        for n in range(size - 1):
            linked = np.minimum.accumulate(edges[:, n:], axis=1)
            strength[:, n, n + 1 :] = strength[:, n + 1 :, n] = linked
        differences = frame.energies[:, None, :] - frame.energies[:, :, None]
        apart = np.full_like(differences, np.inf)
        np.divide(differences, 1.0 - strength, out=apart, where=strength < 1.0)
        energies = np.einsum("pnm,pm->pn", strength, frame.energies) / strength.sum(axis=2)
        found = Joined(strength, apart, gaps * ((edges > 0) & ~equal), threshold_dependent, frame.energies)
        return replace(frame, energies=energies, joined=found)


def refuse_groups(frame: Eigenframe, edges: Sequence[int] | None = None, *, energy: float = 1.0) -> None:
    """Refuse bands that count as degenerate where single bands are wanted.

    Parameters
    ----------
    frame : Eigenframe
        With its bands joined.
    edges : sequence of int, optional
        Numbers of bands beneath the gaps that count; all by default.
    energy : float
        The unit of energy of the frame in that of the user, for the message.

    Raises
    ------
    DegenerateBandsError
    """
    if frame.joined is None:
        return
    for edge in range(1, frame.energies.shape[1]) if edges is None else edges:
        found = np.flatnonzero(frame.joined.strength[:, edge - 1, edge])
        if len(found):
            point = int(found[0])
            apart = energy * float(np.diff(frame.joined.energies[point, edge - 1 : edge + 1])[0])
            raise DegenerateBandsError(
                f"bands {edge - 1} and {edge} count as degenerate (apart by {apart:.1e} at point {point} of the batch, "
                "and no farther around it): what each of them holds alone depends on what splits them. Expected bands "
                "farther apart, or a smaller degeneracy= if they are split in truth"
            )


WeightedGroups = tuple[np.ndarray, Float, Eigenframe, list[tuple[int, int]]]
"""Numbers of points, their weights, the frame there, and the groups (first, last + 1) of its bands."""


def weighted_groups(frame: Eigenframe) -> Iterator[WeightedGroups]:
    """Groups of bands without anything in between: where they form, several with weights that add up to one.

    For formulas of a group of bands (first, last + 1).
    """
    points, size = frame.energies.shape
    if frame.joined is None:
        yield np.arange(points), np.ones(points), frame, [(n, n + 1) for n in range(size)]
        return
    n = np.arange(size - 1)
    edges = frame.joined.strength[:, n, n + 1]
    levels = -np.sort(-np.column_stack([np.ones(points), edges, np.zeros(points)]), axis=1)
    found: dict[tuple[int, ...], list[tuple[np.ndarray, Float]]] = {}
    for layer in range(size):
        weight = levels[:, layer] - levels[:, layer + 1]
        here = np.flatnonzero(weight > 0)
        together = edges[here] >= levels[here, layer, None] if layer else np.zeros((len(here), size - 1), dtype=bool)
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
    """1 below 1/2, 0 above 1, with two continuous derivatives."""
    t = np.clip(2.0 * (1.0 - x), 0.0, 1.0)
    return np.asarray(t**3 * (10.0 + t * (6.0 * t - 15.0)))


def _openings(frame: Eigenframe, gaps: Float, farthest: float, lattice: Lattice) -> Float:
    """How fast the gaps between neighbours can open along the axes of the torus, (P, N - 1).

    All bands beneath and above a gap count, those farther apart than it by the square of its part of their distance:
    among bands equal but for noise it does not matter which is which.
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
