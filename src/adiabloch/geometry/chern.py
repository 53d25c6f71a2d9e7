"""Chern numbers of the occupied bands on the planes of the unit torus."""

from __future__ import annotations

import itertools

import numpy as np

from adiabloch.errors import InvalidArgumentError
from adiabloch.linalg import dagger, eigh_batch
from adiabloch.models.crystal import Crystal


def chern_number(crystal: Crystal, occupied: int, plane: tuple[str, str], *, points: int = 16, limit: int = 512) -> int:
    """Chern number of the occupied bands on a plane of the torus, the other coordinates at zero.

    Parameters
    ----------
    crystal : Crystal
    occupied : int
        Number of occupied bands.
    plane : tuple of str
        Two of the crystal's directions; "kx" stands for the first reciprocal vector and so on.
    points : int
        First number of points along each side, doubled until the flux through every plaquette is small.
    limit : int
        Largest number.

    Returns
    -------
    int
        C = (1/2 pi) int Omega^{ab} d_a d_b, with Omega^{ab} = d_a A^b - d_b A^a.

    References
    ----------
    T. Fukui, Y. Hatsugai, H. Suzuki, J. Phys. Soc. Jpn. 74, 1674 (2005).
    """
    axes = [crystal.directions.index(direction) for direction in plane]
    series = crystal.matrices()
    while points <= limit:
        grid = np.zeros((points, points, len(crystal.directions)))
        grid[..., axes[0]], grid[..., axes[1]] = np.meshgrid(*2 * [np.arange(points) / points], indexing="ij")
        H = series.at(grid.reshape(-1, grid.shape[-1]))[:, 0]
        u = eigh_batch(H)[1][:, :, :occupied].reshape(points, points, crystal.size, occupied)
        along = [np.linalg.det(dagger(u) @ np.roll(u, -1, axis=axis)) for axis in (0, 1)]
        # <u|u'> = exp(-i A.dx): the flux through a plaquette is minus the phase once round it
        loop = along[0] * np.roll(along[1], -1, axis=0) / (np.roll(along[0], -1, axis=1) * along[1])
        flux = -np.angle(loop)
        if np.abs(flux).max() < 0.5 * np.pi:
            return round(float(flux.sum() / (2 * np.pi)))
        points *= 2
    raise InvalidArgumentError(
        f"Chern number on {plane}: the flux through a plaquette still reaches "
        f"{np.abs(flux).max():.2f} with {points // 2} "
        "points a side; is the gap open?"
    )


def chern_numbers(crystal: Crystal, occupied: int) -> dict[tuple[str, str], int]:
    """Chern numbers of the occupied bands on every coordinate plane of the torus."""
    return {(a, b): chern_number(crystal, occupied, (a, b)) for a, b in itertools.combinations(crystal.directions, 2)}
