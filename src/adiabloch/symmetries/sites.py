"""Sites of a model: orbitals that symmetry operations may mix, and the images of the sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid
from adiabloch.models import TightBinding

SAME_PLACE = 1e-3
"""Distance, relative to the shortest lattice vector, below which orbitals of a model are at the same position."""
IMAGE_DISTANCE = 0.1
"""Distance, relative to the shortest lattice vector, between the image of a site and a site that is accepted."""


@dataclass(frozen=True, eq=False)
class Sites:
    """Positions of sites in the home cell, and the site and the cell of each orbital."""

    vectors: Float
    """Lattice vectors, (d, d)."""
    positions: Float
    """Cartesian positions of the sites, (sites, d)."""
    of_orbital: Integer
    """Site of each orbital, (n,)."""
    cells: Integer
    """Cell of the site of each orbital, (n, d)."""

    @property
    def members(self) -> list[Integer]:
        """Orbitals of each site."""
        return [np.flatnonzero(self.of_orbital == site) for site in range(len(self.positions))]

    @property
    def shortest(self) -> float:
        """Length of the shortest lattice vector."""
        return float(np.sqrt((self.vectors**2).sum(axis=1)).min())

    def images(self, Q: Float, t: Float, distance: float = IMAGE_DISTANCE) -> tuple[Integer, Integer] | None:
        """Images of the sites under r -> Q r + t.

        Returns
        -------
        image : int array, shape (sites,)
            Site to which each site goes.
        cells : int array, shape (sites, d)
            Cell to which it goes.
        None if a site does not go to a site with as many orbitals.
        """
        there = self.positions @ Q.T + t
        steps = (there[:, None] - self.positions) @ np.linalg.inv(self.vectors)
        whole = np.rint(steps)
        far = np.sqrt((((steps - whole) @ self.vectors) ** 2).sum(axis=-1))
        image = far.argmin(axis=1)
        counts = np.bincount(self.of_orbital, minlength=len(self.positions))
        every = np.arange(len(image))
        if far[every, image].max() > distance * self.shortest or len(set(image.tolist())) < len(image):
            return None
        if (counts[image] != counts).any():
            return None
        return image, whole[every, image].astype(np.int64)


def sites_of_model(model: TightBinding, distance: float = SAME_PLACE) -> Sites:
    """Sites of orbitals at equal positions, up to lattice vectors."""
    positions: list[Float] = []
    for position in model.positions:
        if (
            not positions
            or _nearest(model, position[None], np.array(positions))[2][0] > distance * model.lattice.shortest
        ):
            positions.append(position)
    return _sites(model, np.array(positions))


def sites_of_atoms(model: TightBinding, atoms: Float) -> Sites:
    """Sites at the atoms nearest to the orbitals; atoms without orbitals are left out."""
    positions = np.asarray(atoms)[:, : model.lattice.dimension]
    used = np.unique(_nearest(model, model.positions, positions)[0])
    return _sites(model, positions[used])


def _sites(model: TightBinding, positions: Float) -> Sites:
    site, cells, _ = _nearest(model, model.positions, positions)
    return Sites(model.lattice.vectors, positions, site, cells)


def _nearest(model: TightBinding, points: Float, positions: Float) -> tuple[Integer, Integer, Float]:
    """Nearest image of the positions for each point: its number, its cell and its distance."""
    d = model.lattice.dimension
    steps = (points[:, None] - positions) @ np.linalg.inv(model.lattice.vectors)
    around = tensor_grid([[-1, 0, 1]] * d)
    whole = np.rint(steps)[:, :, None] + around
    far = np.sqrt((((steps[:, :, None] - whole) @ model.lattice.vectors) ** 2).sum(axis=-1))
    best = far.reshape(len(points), -1).argmin(axis=1)
    site, which = np.divmod(best, len(around))
    rows = np.arange(len(points))
    return site, whole[rows, site, which].astype(np.int64), far[rows, site, which]


def possible_translations(sites: Sites, Q: Float) -> Sequence[Float]:
    """Translations that take the first site of the rarest kind to one of that kind after the rotation Q."""
    counts = np.bincount(sites.of_orbital, minlength=len(sites.positions))
    kinds, first, numbers = np.unique(counts, return_index=True, return_counts=True)
    rarest = int(numbers.argmin())
    start = Q @ sites.positions[first[rarest]]
    found = sites.positions[counts == kinds[rarest]] - start
    reduced = found @ np.linalg.inv(sites.vectors)
    return list((reduced - np.rint(reduced)) @ sites.vectors)
