"""Trial orbitals for a smooth gauge: chosen by the program, or checked if the user chose them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.gaps import closest_approach
from adiabloch.geometry.occupied import Group, inside_outside
from adiabloch.linalg import dagger, eigh_batch, svd_batch
from adiabloch.models.crystal import Crystal

Choice = ArrayLike | None
"""None, the numbers of J orbitals, or the J columns of an (N, J) matrix."""

POINTS = 1500
"""Points of the mesh on which trial orbitals are compared."""
STEPS = 40
"""Steps of their refinement."""
STARTS = 4
"""Points from which a vanishing overlap is looked for."""
GOOD = 0.6
"""Smallest overlap with which the search is content."""


class Trials(NamedTuple):
    """Trial orbitals of a group of bands."""

    orbitals: Complex
    """(N, J), orthonormal columns in the basis of the model."""
    overlap: float
    """Smallest singular value of their overlap with the group that a coarse search finds."""


def trial_orbitals(crystal: Crystal, group: Group, choice: Choice = None) -> Trials:
    """Trial orbitals whose projection onto a group of bands stays far from zero all over the torus.

    Parameters
    ----------
    crystal : Crystal
    group : int or (int, int)
        Number of lowest bands, or first and last + 1.
    choice : sequence of int, or array_like of shape (N, J), optional
        The user's: numbers of orbitals, or one column for each band.

    Returns
    -------
    Trials

    Notes
    -----
    Candidates are the states most present in the mean projector, and the orbitals that QR with pivoting picks from it
    at the points of a coarse mesh. Each goes downhill in the mean of tr (g^dagger P g)^-1, which grows without bound
    where an overlap vanishes; of all those met on the way the one whose smallest overlap is largest is taken.
    """
    inside, _ = inside_outside(group, crystal.size)
    bands = inside.stop - inside.start
    mesh = _mesh(crystal)
    if choice is not None:
        chosen = _orthonormal(_checked_choice(choice, crystal.size, bands))
        return Trials(chosen, _health(overlap_at(crystal, group, chosen), mesh))
    states = eigh_batch(crystal.matrices().at(mesh)[:, 0])[1][:, :, inside]
    best = Trials(np.eye(crystal.size, bands, dtype=np.complex128), -1.0)
    for candidate in _candidates(states):
        for orbitals in _downhill(states, candidate):
            found = Trials(orbitals, _health(overlap_at(crystal, group, orbitals), mesh))
            best = max(best, found, key=attrgetter("overlap"))
            if best.overlap > GOOD:
                return best
    return best


def _health(overlap: Callable[[Float], Float], mesh: Float) -> float:
    """Smallest overlap, also between the points of the mesh: where it vanishes it does so along thin lines."""
    lowest = np.argsort(overlap(mesh))[:STARTS]
    return closest_approach(overlap, mesh[lowest], reach=0.05, finest=1e-3)[0]


def _mesh(crystal: Crystal) -> Float:
    """Points of a coarse mesh, off the points of high symmetry, where overlaps are often exceptional; (P, D)."""
    D = len(crystal.directions)
    n = max(4, math.floor(POINTS ** (1 / D)))
    axes = [(np.arange(n) + 0.5 / (1 + axis)) / n for axis in range(D)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, D)


def _candidates(states: Complex) -> Iterator[Complex]:
    """Columns (N, J) worth refining: the states most present, the same a little turned, then the best pivots.

    They are turned at random because symmetric trial orbitals of a topological insulator vanish somewhere, and the way
    downhill keeps a symmetry.
    """
    N, J = states.shape[1:]
    present = eigh_batch((states @ dagger(states)).mean(axis=0))[1][:, N - J :]
    yield present
    rng = np.random.default_rng(0)
    yield _orthonormal(present + 0.1 * (rng.normal(size=(N, J)) + 1j * rng.normal(size=(N, J))))

    from scipy.linalg import qr  # imported late: it is slow to load, and only this needs it

    some = [present, *states[:: 1 + len(states) // 200]]
    pivots = {tuple(sorted(qr(dagger(u), mode="r", pivoting=True)[1][:J].tolist())) for u in some}
    orbitals = [np.eye(N, dtype=np.complex128)[:, list(chosen)] for chosen in sorted(pivots)]
    yield from sorted(orbitals, key=lambda g: _cost(states, g)[0])[:3]


def _downhill(states: Complex, g: Complex) -> Iterator[Complex]:
    """Orthonormal g on the way downhill in the mean of tr (g^dagger P g)^-1, first as they are given."""
    yield g
    step = 0.3
    value, slope = _cost(states, g)
    for number in range(1, STEPS + 1):
        tangent = slope - g @ (dagger(g) @ slope)
        if np.abs(tangent).max() < 1e-3:
            break
        trial = _orthonormal(g - step * tangent)
        lower, next_slope = _cost(states, trial)
        if lower < value:
            g, value, slope, step = trial, lower, next_slope, 1.5 * step
        else:
            step *= 0.3
        if number % (STEPS // 4) == 0:
            yield g
    yield g


def _cost(states: Complex, g: Complex) -> tuple[float, Complex]:
    """Mean of tr (g^dagger P g)^-1 and its slope, (N, J)."""
    overlap = dagger(states) @ g
    inverse = np.linalg.inv(dagger(overlap) @ overlap)
    slope = -(states @ (overlap @ inverse @ inverse)).mean(axis=0)
    return float(inverse.trace(axis1=1, axis2=2).real.mean()), slope


def _orthonormal(columns: Complex) -> Complex:
    left, _, right = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left @ right)


def _checked_choice(choice: ArrayLike, size: int, bands: int) -> Complex:
    expected = f"expected the numbers of {bands} orbitals (0 to {size - 1}) or a matrix of shape ({size}, {bands})"
    array = np.asarray(choice)
    if array.ndim == 1 and array.dtype.kind in "iu":
        if len(array) != bands or len(set(array.tolist())) != bands or array.min() < 0 or array.max() >= size:
            raise InvalidArgumentError(f"trials: {array.tolist()}, {expected}")
        return np.eye(size, dtype=np.complex128)[:, array]
    columns: Complex = checked(choice, "trials", (None, None), complex)
    if columns.shape != (size, bands):
        raise InvalidArgumentError(f"trials: shape {columns.shape}, {expected}")
    if np.linalg.svd(columns, compute_uv=False).min() < 1e-8 * np.abs(columns).max():
        raise InvalidArgumentError(f"trials: the {bands} columns are linearly dependent; expected independent ones")
    return columns


def overlap_at(crystal: Crystal, group: Group, trials: Complex) -> Callable[[Float], Float]:
    """The smallest overlap between trial orbitals and a group of bands as a function of reduced points."""
    series = crystal.matrices()
    inside, _ = inside_outside(group, crystal.size)

    def overlap(points: Float) -> Float:
        states = eigh_batch(series.at(points)[:, 0])[1][:, :, inside]
        return svd_batch(dagger(states) @ trials)[1][:, -1]

    return overlap
