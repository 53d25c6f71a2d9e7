r"""Wilson loops: parallel transport of a group of bands around the torus, and hybrid Wannier centres.

The transport from k to k + b is the unitary part of :math:`\langle u_m(k) | e^{-i b \cdot r(k + b/2)} | u_n(k + b)
\rangle`, with the position matrix r of the basis. The product around the torus has the eigenvalues
:math:`e^{-2 \pi i x_n}`, where x_n are the centres of Wannier functions along the loop, in units of the lattice vector.
"""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.linalg import dagger, eigh_batch, svd_batch
from adiabloch.models.crystal import Crystal
from adiabloch.occupation import Group, subspace_indices


def hybrid_centres(crystal: Crystal, group: Group, loop: int, lines: Float, points: int) -> Float:
    """Centres of hybrid Wannier functions along an axis, in units of its lattice vector.

    Parameters
    ----------
    crystal : Crystal
    group : int or (int, int)
        Number of lowest bands, or (first, last + 1); with a gap to all others.
    loop : int
        Axis of k along which the functions are localized.
    lines : float array (L, D)
        Points of the unit torus through which the loops pass.
    points : int
        Number of points of each loop.

    Returns
    -------
    float array (L, J)
        Between 0 and 1, ascending.
    """
    bands = subspace_indices(group, crystal.size)[0]
    steps = (np.arange(points) / points)[:, None] * np.eye(lines.shape[1])[loop]
    corners = (lines[:, None, :] + steps).reshape(-1, lines.shape[1])
    states = eigh_batch(crystal.matrices().at(corners)[:, 0])[1][:, :, bands]
    states = states.reshape(len(lines), points, *states.shape[1:])
    middles = corners + 0.5 / points * np.eye(lines.shape[1])[loop]
    shifts = _translations(crystal, loop, middles, points).reshape(len(lines), points, crystal.size, crystal.size)
    product: Complex = np.broadcast_to(np.eye(states.shape[3], dtype=complex), (len(lines), *2 * (states.shape[3],)))
    for number in range(points):
        after = states[:, (number + 1) % points]
        product = product @ _unitary_part(dagger(states[:, number]) @ shifts[:, number] @ after)
    phases = np.angle(np.linalg.eigvals(product))
    return np.sort(-phases / (2 * np.pi) % 1.0, axis=1)


def _translations(crystal: Crystal, loop: int, middles: Float, points: int) -> Complex:
    """Matrices exp(-i b . r) of the basis at the middles of the steps, (P, N, N)."""
    names = [f"r{name[1]}" for name in crystal.lattice.directions]
    step = crystal.lattice.reciprocal[loop] / points
    positions = crystal.matrices(names).at(middles)[:, 1:]
    angles, vectors = eigh_batch(np.einsum("a,paij->pij", step, positions))
    return np.asarray((vectors * np.exp(-1j * angles)[:, None, :]) @ dagger(vectors))


def _unitary_part(overlaps: Complex) -> Complex:
    left, _, right = svd_batch(overlaps)
    return np.asarray(left @ right)


def winding(centres: Float) -> tuple[int, float]:
    """Number of lattice vectors by which the sum of the centres moves along the lines, and its largest step.

    Parameters
    ----------
    centres : float array (L, J)
        The last line is the image of the first.
    """
    steps = np.diff(centres.sum(axis=1))
    steps -= np.rint(steps)
    return round(float(steps.sum())), float(np.abs(steps).max())


def largest_gaps(centres: Float) -> Float:
    """Middle of the largest gap between the centres of each line, (L,)."""
    gaps = np.diff(np.column_stack([centres, centres[:, 0] + 1.0]), axis=1)
    at = gaps.argmax(axis=1)
    lines = np.arange(len(centres))
    return np.asarray((centres[lines, at] + 0.5 * gaps[lines, at]) % 1.0)


def z2_number(centres: Float) -> int:
    """Z2 number from the lines between two time-reversal invariant ones.

    Counts the centres between the middles of the largest gaps of successive lines.

    References
    ----------
    A. A. Soluyanov, D. Vanderbilt, Phys. Rev. B 83, 235401 (2011).
    """
    middles = largest_gaps(centres)
    crossed = 0
    for before, after, here in zip(middles[:-1], middles[1:], centres[1:], strict=True):
        low, high = min(before, after), max(before, after)
        crossed += int(((here > low) & (here < high)).sum())
    return crossed % 2
