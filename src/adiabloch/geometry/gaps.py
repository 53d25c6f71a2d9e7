"""How close the occupied and the empty bands come."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import GapClosedError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.lattice import Lattice
from adiabloch.linalg import eigh_batch
from adiabloch.models.crystal import Crystal

CLOSED = 1e-6
"""A gap below this fraction of the bandwidth counts as closed."""


def gaps(frame: Eigenframe, occupied: int) -> Float:
    """Direct gap above the occupied bands, shape (P,)."""
    return frame.energies[:, occupied] - frame.energies[:, occupied - 1]


def axis_slopes(frame: Eigenframe, occupied: int, lattice: Lattice) -> Float:
    """How fast the gap can change along each axis of the unit torus: two-level bound, shape (P, axes).

    The bands at the gap form a two-level system whose splitting changes by at most
    sqrt((v_c - v_v)^2 + 4 |D_cv|^2) per unit of the coordinate.
    """
    o, c = slice(None, occupied), slice(occupied, None)
    names = [*lattice.directions] + (["theta"] if ("theta",) in frame.derivatives else [])
    to_axes = np.zeros((len(names), len(names)))
    d = lattice.dimension
    to_axes[:d, :d] = lattice.reciprocal
    to_axes[d:, d:] = 2 * np.pi
    matrices = [frame.derivative(name) for name in names]
    apart = to_axes @ [(D[:, occupied, occupied] - D[:, occupied - 1, occupied - 1]).real for D in matrices]
    blocks = np.array([D[:, c, o].reshape(len(D), -1) for D in matrices])
    coupling = np.abs(np.tensordot(to_axes, blocks, axes=1)).max(axis=2)
    slopes: Float = np.sqrt(apart**2 + 4 * coupling**2).T
    return slopes


def closest_approach(crystal: Crystal, occupied: int, start: Float, reach: float = 0.02) -> tuple[float, Float]:
    """Follow the gap downhill from a point: the smallest gap and its reduced coordinates.

    A grid of 3^D points around the best point so far, moved while it finds better ones and halved while it does not.
    """
    series = crystal.matrices()
    best, size = np.asarray(start, float), reach
    offsets = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * len(best), indexing="ij"), -1).reshape(-1, len(best))
    smallest = np.inf
    while size > 1e-12:
        points = best + size * offsets
        energies = eigh_batch(series.at(points)[:, 0])[0]
        gap = energies[:, occupied] - energies[:, occupied - 1]
        lowest = int(np.argmin(gap))
        if gap[lowest] < smallest:
            smallest, best = float(gap[lowest]), points[lowest]
        else:
            size *= 0.5
    return smallest, best % 1.0


def bandwidth(crystal: Crystal) -> float:
    """Spread of the energies over a coarse mesh: what gaps are measured against."""
    mesh = crystal.matrices().on_grid([np.arange(4) / 4] * len(crystal.directions))
    return float(np.ptp(eigh_batch(mesh[:, 0])[0]))


def closed_gap(crystal: Crystal, gap: float, at: Float, occupied: int) -> GapClosedError:
    """The error for a gap that closes, saying where and how small it is."""
    d = crystal.lattice.dimension
    k = tuple(float(x) for x in at[:d])
    theta = float(2 * np.pi * at[d]) if len(at) > d else None
    place = f"k = ({', '.join(f'{x:.6g}' for x in k)}) (reduced)"
    phase = "" if theta is None else f", theta = {theta:.6g}"
    return GapClosedError(
        f"the gap above the {occupied} occupied bands closes: {gap:.1e} at {place}{phase}; expected an insulator "
        "at every k and theta",
        gap=gap,
        k=k,
        theta=theta,
    )
