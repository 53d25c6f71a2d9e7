"""Sites of an open sample, the hops between them, and its Hamiltonian as a Fourier series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.models.cycle import Cycle


class Hops(NamedTuple):
    """Hops between the sites of a sample; (hops,) each."""

    rows: Integer
    """First site."""
    columns: Integer
    """Second site."""
    terms: Integer
    """Term of the Fourier series of the cycle."""


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites of a crystal that form a flake or a ribbon.

    Parameters
    ----------
    cycle : Cycle
    cells : int array, shape (S, d)
        Cell of each site.
    orbitals : int array, shape (S,)
        Orbital of each site.
    periodic : bool
        True if the sample is periodic along the first lattice vector; the first component of all cells must be 0 then.
    """

    cycle: Cycle
    cells: Integer
    orbitals: Integer
    periodic: bool = False

    @property
    def size(self) -> int:
        """Number of sites, S."""
        return len(self.orbitals)

    @property
    def frequencies(self) -> Integer:
        """Winding number around the ribbon and harmonic of theta of each term of the cycle, (F, 2)."""
        winding = self.cycle.frequencies[:, 0] * int(self.periodic)
        return np.column_stack([winding, self.cycle.frequencies[:, -1]])

    @cached_property
    def cell_origins(self) -> Float:
        """Origin of the cell of each site, (S, d), relative to the centre of the sample to reduce rounding errors."""
        origins = self.cells @ self.cycle.lattice.vectors
        centred: Float = origins - (origins + self.cycle.mean_positions[self.orbitals]).mean(axis=0)
        return centred

    def positions(self, theta: Float, derivative: int = 0) -> Float:
        """Positions of the sites, or their derivatives along theta; (P, S, d)."""
        within = self.cycle.positions_at(theta, derivative)[:, self.orbitals]
        return within if derivative else within + self.cell_origins

    def hops(self, relative_sizes: Float) -> Hops:
        """Hops inside the sample.

        Parameters
        ----------
        relative_sizes : float array, shape (F, N, N)
            Moduli of the matrix elements of the cycle, relative to the largest one. Elements at the level of rounding
            are omitted.
        """
        d = self.cycle.lattice.dimension
        lowest, highest = self.cells.min(axis=0), self.cells.max(axis=0)
        number = np.full((*(highest - lowest + 1), self.cycle.size), -1)
        number[(*(self.cells - lowest).T, self.orbitals)] = np.arange(self.size)
        present = relative_sizes > 1e-16
        found: list[tuple[Integer, Integer, Integer]] = []
        for term, R in enumerate(self.cycle.frequencies[:, :d]):
            ends = self.cells + R
            if self.periodic:
                ends[:, 0] = 0
            start = np.flatnonzero(((ends >= lowest) & (ends <= highest)).all(axis=1))
            partners = number[tuple((ends[start] - lowest).T)]
            one, orbital = np.nonzero((partners >= 0) & present[term, self.orbitals[start]])
            found.append((start[one], partners[one, orbital], np.full(len(one), term)))
        return Hops(*(np.concatenate(column) for column in zip(*found, strict=True)))


@dataclass(frozen=True, eq=False)
class HamiltonianSeries:
    """Fourier series of the matrix elements of H, dH/dtheta and the winding H of a sample.

    The winding H multiplies each hopping by its winding number around the ribbon: the part of the bond that is not
    contained in the positions of its ends.
    """

    size: int
    """Number of sites, S."""
    indices: Integer
    """(E,): flat indices of the matrix elements that do not vanish."""
    coefficients: Complex
    """(3, E, F)"""
    frequencies: Integer
    """(F, 2): winding number and harmonic of theta."""

    @classmethod
    def of(cls, sites: Sites, hops: Hops) -> HamiltonianSeries:
        """Collect the hoppings of a sample."""
        rows, columns, terms = hops
        frequencies, number = np.unique(sites.frequencies[terms], axis=0, return_inverse=True)
        indices, element = np.unique(rows * sites.size + columns, return_inverse=True)
        h = sites.cycle.amplitudes[terms, sites.orbitals[rows], sites.orbitals[columns]]
        winding, harmonic = sites.frequencies[terms].T
        coefficients = np.zeros((3, len(indices), len(frequencies)), dtype=np.complex128)
        for kind, amplitudes in enumerate((h, 1j * harmonic * h, winding * h)):
            np.add.at(coefficients[kind], (element.ravel(), number.ravel()), amplitudes)
        return cls(sites.size, indices, coefficients, frequencies)

    def elements(self, k: Float, theta: Float) -> Complex:
        """Matrix elements of H, dH/dtheta and the winding H at reduced wave numbers and phases (P,); (3, P, E)."""
        angles = np.stack([2 * np.pi * k, theta], axis=-1)
        values: Complex = np.exp(1j * angles @ self.frequencies.T) @ self.coefficients.swapaxes(1, 2)
        return values

    def matrix(self, elements: Complex) -> Complex:
        """Matrices (P, S, S) from their elements (P, E)."""
        matrices = np.zeros((len(elements), self.size**2), dtype=np.complex128)
        matrices[:, self.indices] = elements
        return matrices.reshape(-1, self.size, self.size)
