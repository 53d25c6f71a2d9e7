"""Long periodic supercells of a texture: density matrices, and currents through each bond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.finite.gap_checks import CLOSED
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


class Measured(NamedTuple):
    """Bond currents and density matrices at one phase; the first index is 0 in equilibrium, 1 for the induced part."""

    flows: Float
    """(2, F, L, N, N): current from orbital i of cell n to j of n + R, in e omega (in equilibrium, e energy/hbar).

    For Wannier functions, (2, 2, d, L N): see `WannierSupercell.measure`.
    """
    densities: Complex
    """(2, L, N, N): density matrix of each cell."""
    sizes: Float
    """(2, F, L, N, N): largest possible moduli of the currents."""
    gap: float
    position_densities: Complex | None = None
    """(2, L, N, N): for Wannier functions, {rho, A}/2 of each cell, with the connection A along the texture."""


@dataclass(frozen=True, eq=False)
class Supercell:
    """Periodic supercell: L cells along the first lattice vector, with one period of the texture."""

    series: TextureSeries
    length: int
    """Number of cells, L."""

    def hoppings(self, theta: float) -> tuple[Complex, Complex]:
        """Hoppings from each cell and their derivatives along theta, (F, L, N, N) each."""
        h, dh = map(self.at_midpoints, self.series.at_phase(theta))
        return h, dh

    def at_midpoints(self, harmonics: Complex) -> Complex:
        """Texture harmonics (P, F, N, N) summed at the midpoints of all bonds, (F, L, N, N)."""
        orders = self.series.texture_harmonics
        cell = np.exp(2j * np.pi / self.length * np.multiply.outer(np.arange(self.length), orders))
        inside = np.exp(2j * np.pi / self.length * np.multiply.outer(orders, self.midpoints))
        return np.asarray(np.tensordot(cell, harmonics * inside, axes=1).swapaxes(0, 1))

    def measure(self, theta: float, mesh: SupercellMesh, occupied: int, crystal_gap: float = 0.0) -> Measured:
        """Mean of currents and density matrices over the Brillouin zone at one phase.

        Parameters
        ----------
        theta : float
        mesh : SupercellMesh
        occupied : int
            Number of occupied bands of the crystal.
        crystal_gap : float
            Smallest gap of the local crystals.

        Raises
        ------
        GapClosedError
            The gap of the supercell is far below that of the local crystals.
        """
        h, dh = self.hoppings(theta)
        flows, sizes = np.zeros((2, *h.shape)), np.zeros((2, *h.shape))
        densities = np.zeros((2, *h.shape[1:]), dtype=np.complex128)
        points = list(mesh.points(self.length, self.series.lattice.dimension))
        smallest = np.inf
        for k in points:
            phases = self.bloch_phases(k)
            matrices, gap = self.density_matrices(self.matrix(h * phases), self.matrix(dh * phases), occupied)
            smallest = min(smallest, self.checked_gap(gap, crystal_gap, k, theta))
            self.add_cells(densities, matrices)
            for kind, rho in enumerate(map(self.by_cells, matrices)):
                for bond, end in enumerate(self.ends):
                    terms = h[bond] * phases[bond] * rho[end, :, np.arange(self.length), :].swapaxes(1, 2)
                    # real part of i h rho; the imaginary part cancels with that of the opposite bond
                    flows[kind, bond] -= terms.imag
                    sizes[kind, bond] += np.abs(terms)
        for total in (flows, densities, sizes):
            total /= len(points)
        return Measured(flows, densities, sizes, smallest)

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
        if not gap > CLOSED * crystal_gap:
            raise gap_closed_error(f"supercell (L = {self.length})", gap, crystal_gap, k, theta, self.series.units)
        return gap

    def add_cells(self, densities: Complex, matrices: tuple[Complex, Complex]) -> None:
        """Add the blocks (L, N, N) within the cells to `densities`, in place."""
        n = np.arange(self.length)
        for total, rho in zip(densities, map(self.by_cells, matrices), strict=True):
            total += rho[n, :, n, :]

    def by_cells(self, matrix: Complex) -> Complex:
        """Reshape a matrix (L N, L N) to (L, N, L, N)."""
        return matrix.reshape(self.length, self.series.size, self.length, self.series.size)

    @cached_property
    def ends(self) -> Integer:
        """Cell in which the hop from each cell ends, (F, L)."""
        return np.asarray((np.arange(self.length) + self.series.cells[:, :1]) % self.length)

    def bloch_phases(self, k: tuple[float, ...]) -> Complex:
        """Bloch phases of hops that leave the supercell, (F, L, 1, 1)."""
        cells = self.series.cells
        rounds = (np.arange(self.length) + cells[:, :1]) // self.length
        return np.exp(2j * np.pi * (k[0] * rounds + (cells[:, 1:] @ np.array(k[1:]))[:, None]))[..., None, None]

    def currents(self, measured: Measured, harmonics: int) -> Complex:
        """Fourier coefficients of the current density, (2, 2 M + 1, d)."""
        m = np.arange(-harmonics, harmonics + 1)
        steps = self.bonds @ np.linalg.inv(self.series.lattice.vectors)[:, 0]
        # mean of exp(-i m q.r) along each bond
        along_bond = np.exp(-2j * np.pi / self.length * np.multiply.outer(m, self.midpoints))
        along_bond *= np.sinc(np.multiply.outer(m, steps) / self.length)
        waves = np.tensordot(self._waves(m), measured.flows, axes=(1, 2))
        result: Complex = np.einsum("mkfij,mfij,fija->kma", waves, along_bond, self.bonds) / self.extent
        return result

    def density(self, measured: Measured, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of the densities of operators (operators, N, N); (2, operators, 2 M + 1)."""
        return self._densities(measured.densities, operators, harmonics)

    def _densities(self, densities: Complex, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of the densities of operators from density matrices (2, L, N, N)."""
        m = np.arange(-harmonics, harmonics + 1)
        u = self.reduced
        between = np.exp(-1j * np.pi / self.length * np.multiply.outer(m, u[:, None] + u[None, :]))
        waves = np.tensordot(self._waves(m), densities, axes=(1, 1))
        result: Complex = np.einsum("mkji,mij,oij->kom", waves, between, operators) / self.extent
        return result

    def current_scale(self, measured: Measured) -> Float:
        """Sum of the moduli of all terms of the current density, in equilibrium and induced; (2,)."""
        lengths = np.sqrt((self.bonds**2).sum(axis=-1))
        scale: Float = np.einsum("kfnij,fij->k", measured.sizes, lengths) / self.extent
        return scale

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

    @property
    def extent(self) -> float:
        """Length, area or volume of the supercell."""
        return self.length * self.series.lattice.measure

    def _waves(self, m: Integer) -> Complex:
        """Phases exp(-i m q.R) of the cells, (2 M + 1, L)."""
        waves: Complex = np.exp(-2j * np.pi / self.length * np.multiply.outer(m, np.arange(self.length)))
        return waves

    def matrix(self, hops: Complex) -> Complex:
        """Matrix (L N, L N) of the supercell from its hops (F, L, N, N)."""
        n, size = np.arange(self.length), self.series.size
        matrix = np.zeros((self.length, size, self.length, size), dtype=np.complex128)
        for hop, end in zip(hops, self.ends, strict=True):
            matrix[n, :, end, :] += hop
        return matrix.reshape(self.length * size, -1)
