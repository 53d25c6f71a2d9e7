r"""Matrices of a model that symmetry operations transform: hoppings, positions and spin.

An operation g: r -> Q r + t takes orbital j at R to the site of its image with the unitary matrix D, which mixes the
orbitals of a site only. Then a matrix X_m of type m (hopping, position, spin) goes to

.. math:: (g X)_m(R) = \sum_n \rho^{-1}_{mn}\, K\, [D^\dagger X_n(Q R)\, D],

where X(Q R) is taken between the images in the cells of their sites, K is the complex conjugation for time reversal,
and rho is 1 for hoppings, Q for positions (relative to the sites), and det(Q) Q for spins, which time reversal inverts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import InvalidArgumentError
from adiabloch.models import TightBinding
from adiabloch.models.hoppings import Translation
from adiabloch.models.position_matrix import in_other_cells, with_centres
from adiabloch.symmetries.operations import CLOSE, Operation
from adiabloch.symmetries.sites import Sites

Blocks = dict[Translation, Complex]
"""Matrices of all types (types, n, n) by translation."""


@dataclass(frozen=True, eq=False)
class Fields:
    """Dimensionless matrices of a model between orbitals in the cells of their sites."""

    sites: Sites
    blocks: Blocks
    """1 + d + 3 matrices (hopping, positions relative to the sites, spin), or fewer without spin."""
    units: Float
    """Units of the matrices, (types,)."""

    @classmethod
    def of(cls, model: TightBinding, sites: Sites) -> Fields:
        """Matrices of a model."""
        d, n, home = model.lattice.dimension, model.size, (0,) * model.lattice.dimension
        spins = model.spin_by_cell
        types = 1 + d + (3 if spins else 0)
        units = np.ones(types)
        units[0] = float(np.abs(model.amplitudes).max()) or 1.0
        units[1 : 1 + d] = sites.shortest
        blocks: Blocks = {}
        for R in {*model.hoppings, *spins}:
            blocks[R] = np.zeros((types, n, n), dtype=np.complex128)
        for number, (R, h) in enumerate(model.hoppings.items()):
            blocks[R][0] = h
            if model.position_matrix is not None:
                blocks[R][1 : 1 + d] = model.connections[number]
        for R, S in spins.items():
            blocks[R][1 + d :] = S
        # orbitals in the cells of their sites
        blocks = in_other_cells(blocks, -sites.cells)
        apart = model.positions - sites.cells @ sites.vectors - sites.positions[sites.of_orbital]
        blocks[home][1 : 1 + d, np.arange(n), np.arange(n)] += apart.T
        return cls(sites, without_zeros({R: block / units[:, None, None] for R, block in blocks.items()}), units)

    def model(self, original: TightBinding, positions: Float) -> TightBinding:
        """Model with these matrices, the orbitals in the cells of the original, the sites at `positions`."""
        d, n, home = self.sites.vectors.shape[0], original.size, (0,) * original.lattice.dimension
        blocks = {R: block * self.units[:, None, None] for R, block in self.blocks.items()}
        apart = np.diagonal(blocks[home][1 : 1 + d], axis1=1, axis2=2).real.T.copy()
        blocks[home][1 : 1 + d, np.arange(n), np.arange(n)] -= apart.T
        blocks = without_zeros(in_other_cells(blocks, self.sites.cells))
        positions = apart + self.sites.cells @ self.sites.vectors + positions[self.sites.of_orbital]
        matrix = spin = None
        if original.position_matrix is not None:
            matrix = with_centres({R: block[1 : 1 + d] for R, block in blocks.items()}, positions)
        if original.spin is not None:
            by_cell = {R: block[1 + d :] for R, block in blocks.items()}
            local = not np.any([np.abs(S).max() > 1e-12 for R, S in by_cell.items() if any(R)])
            spin = by_cell[home] if local else by_cell
        hoppings = {R: block[0] for R, block in blocks.items()}
        return TightBinding(original.lattice, positions, hoppings, spin, position_matrix=matrix, reduced=False)


def without_zeros(blocks: Blocks) -> Blocks:
    """Matrices other than zero, and those of the home cell; other cells of orbitals multiply the zeros."""
    return {R: block for R, block in blocks.items() if block.any() or not any(R)}


@dataclass(frozen=True, eq=False)
class Action:
    """Action of an operation on the sites and on the types of matrices."""

    operation: Operation
    Q: Float
    """Rotation of lattice vectors in reduced coordinates: R -> R Q, (d, d)."""
    image: Integer
    """Image of each site."""
    cells: Integer
    """Cell of the image of each site, (sites, d)."""
    rho: Float
    """Transformation of the types, (types, types)."""

    @classmethod
    def of(cls, operation: Operation, sites: Sites, types: int) -> Action:
        """Action on a model.

        Raises
        ------
        InvalidArgumentError
            The operation does not leave the lattice or the sites unchanged.
        """
        d = sites.vectors.shape[0]
        rotation, translation = operation.rotation[:d, :d], operation.translation[:d]
        if np.abs(operation.rotation[:d, d:]).max(initial=0.0) > CLOSE:
            raise InvalidArgumentError(
                f"symmetry: {operation} mixes the periodic directions of the model with others; expected a group that "
                "leaves the plane or the axis of the crystal unchanged"
            )
        exact = sites.vectors @ rotation.T @ np.linalg.inv(sites.vectors)
        whole = np.rint(exact)
        if np.abs(exact - whole).max() > 1e-3:
            raise InvalidArgumentError(
                f"symmetry: {operation} does not map the lattice of the model to itself; expected a group of this "
                "crystal in the same Cartesian axes"
            )
        found = sites.images(rotation, translation)
        if found is None:
            raise InvalidArgumentError(
                f"symmetry: {operation} does not map the sites of the model to each other; expected a group of this "
                "crystal, with the same origin"
            )
        rho = np.eye(types)
        rho[1 : 1 + d, 1 : 1 + d] = rotation
        if types > 1 + d:
            rho[1 + d :, 1 + d :] = operation.proper * (-1 if operation.time_reversal else 1)
        return cls(operation, whole.astype(np.int64), *found, rho)

    def pulled_back(self, fields: Fields) -> Blocks:
        """Matrices X(Q R) between the images of the sites, by R."""
        cells = np.zeros((len(fields.sites.of_orbital), len(self.Q)), dtype=np.int64)
        for image, cell in zip(self.image, self.cells, strict=True):
            cells[fields.sites.of_orbital == image] = cell
        back = np.rint(np.linalg.inv(self.Q)).astype(np.int64)
        moved = in_other_cells(fields.blocks, cells)
        return {tuple(map(int, np.array(R) @ back)): block for R, block in without_zeros(moved).items()}
