"""Geometry of long periodic supercells of a texture: bonds, Bloch phases, matrices and density matrices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.finite.gap_checks import CLOSED_FRACTION
from adiabloch.finite.texture_series import TextureSeries, gap_closed_error
from adiabloch.linalg import dagger, eigh_batch


class SupercellMesh(NamedTuple):
    """Mesh of wave vectors of a supercell."""

    across: int
    """Number of points along each reciprocal vector across the texture; along the texture, at least across/L."""
    offset: float
    """Shift of the points along the texture, in steps of the mesh."""

    def points(self, length: int, dimension: int) -> Iterator[tuple[float, ...]]:
        """Reduced wave vectors of a supercell of `length` cells."""
        along = -(-self.across // length)
        yield from product(
            ((np.arange(along) + self.offset) / along).tolist(),
            *[(np.arange(self.across) / self.across).tolist()] * (dimension - 1),
        )

    @property
    def finer(self) -> SupercellMesh:
        """Mesh with twice the number of points; along the texture, where one point is often enough, it is shifted."""
        return SupercellMesh(2 * self.across, 0.5 - self.offset)


@dataclass(frozen=True, eq=False)
class SupercellGeometry:
    """Periodic supercell: L cells along the first lattice vector, with one period of the texture."""

    series: TextureSeries
    length: int
    """Number of cells, L."""

    @property
    def extent(self) -> float:
        """Length, area or volume of the supercell."""
        return self.length * self.series.lattice.measure

    @property
    def reduced(self) -> Float:
        """Reduced coordinates of the orbitals along the first lattice vector, (N,)."""
        reduced: Float = self.series.lattice.reduced_positions(self.series.positions)[:, 0]
        return reduced

    @property
    def midpoints(self) -> Float:
        """Reduced coordinates, along the first lattice vector, of the midpoints of bonds from cell 0; (F, N, N)."""
        u = self.reduced
        midpoints: Float = 0.5 * (self.series.cells[:, 0, None, None] + u[:, None] + u[None, :])
        return midpoints

    @property
    def bonds(self) -> Float:
        """Bond vectors r_j - r_i, (F, N, N, d)."""
        s = self.series
        bonds: Float = (s.cells @ s.lattice.vectors)[:, None, None] + s.positions[None, :] - s.positions[:, None]
        return bonds

    @cached_property
    def ends(self) -> Integer:
        """Cell in which the hop from each cell ends, (F, L)."""
        return np.asarray((np.arange(self.length) + self.series.cells[:, :1]) % self.length)

    def at_midpoints(self, harmonics: Complex) -> Complex:
        """Texture harmonics (P, F, N, N) summed at the midpoints of all bonds, (F, L, N, N)."""
        orders = self.series.texture_harmonics
        cell = np.exp(2j * np.pi / self.length * np.multiply.outer(np.arange(self.length), orders))
        inside = np.exp(2j * np.pi / self.length * np.multiply.outer(orders, self.midpoints))
        return np.asarray(np.tensordot(cell, harmonics * inside, axes=1).swapaxes(0, 1))

    def bloch_phases(self, k: tuple[float, ...]) -> Complex:
        """Bloch phases of hops that leave the supercell, (F, L, 1, 1)."""
        cells = self.series.cells
        rounds = (np.arange(self.length) + cells[:, :1]) // self.length
        return np.exp(2j * np.pi * (k[0] * rounds + (cells[:, 1:] @ np.array(k[1:]))[:, None]))[..., None, None]

    def matrix(self, hops: Complex) -> Complex:
        """Matrix (L N, L N) of the supercell from its hops (F, L, N, N)."""
        n, size = np.arange(self.length), self.series.size
        matrix = np.zeros((self.length, size, self.length, size), dtype=np.complex128)
        for hop, end in zip(hops, self.ends, strict=True):
            matrix[n, :, end, :] += hop
        return matrix.reshape(self.length * size, -1)

    def by_cells(self, matrix: Complex) -> Complex:
        """Reshape a matrix (L N, L N) to (L, N, L, N)."""
        return matrix.reshape(self.length, self.series.size, self.length, self.series.size)

    def add_cells(self, densities: Complex, matrices: tuple[Complex, Complex]) -> None:
        """Add the blocks (L, N, N) within the cells to `densities`, in place."""
        n = np.arange(self.length)
        for total, rho in zip(densities, map(self.by_cells, matrices), strict=True):
            total += rho[n, :, n, :]

    def density_matrices(self, H: Complex, dH: Complex, occupied: int) -> tuple[tuple[Complex, Complex], float]:
        """Density matrix of the occupied states, its first-order adiabatic change, and the gap.

        Parameters
        ----------
        H, dH : complex array, shape (L N, L N)
            Hamiltonian and its derivative along theta.
        occupied : int
            Number of occupied bands of the crystal.
        """
        energies, states = eigh_batch(H)
        levels = occupied * self.length
        o, e = states[:, :levels], states[:, levels:]
        apart = energies[levels:, None] - energies[None, :levels]
        # psi1 = sum_c |c> i <c|d_t v>/(E_c - E_v), with <c|d_t v> = <c|d_t H|v>/(E_v - E_c)
        change = e @ (-1j * (dagger(e) @ (dH @ o)) / apart**2) @ dagger(o)
        return (o @ dagger(o), change + dagger(change)), float(apart[0, -1])

    def checked_gap(self, gap: float, crystal_gap: float, k: tuple[float, ...], theta: float) -> float:
        """Raise GapClosedError if the gap is far below that of the local crystals, and return it otherwise."""
        if not gap > CLOSED_FRACTION * crystal_gap:
            raise gap_closed_error(f"supercell (L = {self.length})", gap, crystal_gap, k, theta, self.series.units)
        return gap

    def cell_waves(self, m: Integer) -> Complex:
        """Phases exp(-i m q.R) of the cells, (2 M + 1, L)."""
        waves: Complex = np.exp(-2j * np.pi / self.length * np.multiply.outer(m, np.arange(self.length)))
        return waves

    def operator_densities(self, densities: Complex, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of the densities of operators from density matrices (2, L, N, N)."""
        m = np.arange(-harmonics, harmonics + 1)
        u = self.reduced
        between = np.exp(-1j * np.pi / self.length * np.multiply.outer(m, u[:, None] + u[None, :]))
        waves = np.tensordot(self.cell_waves(m), densities, axes=(1, 1))
        result: Complex = np.einsum("mkji,mij,oij->kom", waves, between, operators) / self.extent
        return result
