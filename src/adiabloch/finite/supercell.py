"""Long periodic supercells of a texture: their filled levels, and what flows through each bond."""

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
    """Wave vectors of a supercell."""

    across: int
    """Number along each reciprocal vector across the texture; along the first, times L, it is no less."""
    offset: float
    """By which part of a step those along the texture are moved."""

    def points(self, length: int, dimension: int) -> Iterator[tuple[float, ...]]:
        """Reduced wave vectors of a supercell of so many cells."""
        along = -(-self.across // length)
        yield from product(
            ((np.arange(along) + self.offset) / along).tolist(),
            *[(np.arange(self.across) / self.across).tolist()] * (dimension - 1),
        )

    @property
    def finer(self) -> SupercellMesh:
        """Twice the number; along the texture, where one point is often enough, at another place."""
        return SupercellMesh(2 * self.across, 0.5 - self.offset)


class Measured(NamedTuple):
    """What flows through each bond and what each cell holds, at one phase: in equilibrium, and by the drive."""

    flows: Float
    """(2, F, L, N, N): through the bond from orbital i of cell n to j of n + R; e omega (e energy/hbar at rest)."""
    densities: Complex
    """(2, L, N, N): density matrix of each cell."""
    sizes: Float
    """(2, F, L, N, N): the flows' largest possible moduli."""
    gap: float
    leaning: Complex | None = None
    """Of Wannier functions: the densities of {rho, A}/2, with A along the texture; (2, L, N, N)."""


@dataclass(frozen=True, eq=False)
class Supercell:
    """L cells of a texture along the first lattice vector, repeated."""

    crystals: TextureSeries
    length: int
    """Number of cells, L."""

    def hoppings(self, theta: float) -> tuple[Complex, Complex]:
        """Hoppings from each cell and their derivatives in theta; (F, L, N, N) each."""
        h, dh = map(self.laid_out, self.crystals.at_phase(theta))
        return h, dh

    def laid_out(self, series: Complex) -> Complex:
        """Texture harmonics (P, F, N, N) at the middles of all bonds, (F, L, N, N)."""
        texture_harmonics = self.crystals.texture_harmonics
        cell = np.exp(2j * np.pi / self.length * np.multiply.outer(np.arange(self.length), texture_harmonics))
        inside = np.exp(2j * np.pi / self.length * np.multiply.outer(texture_harmonics, self.middles))
        return np.asarray(np.tensordot(cell, series * inside, axes=1).swapaxes(0, 1))

    def measure(self, theta: float, mesh: SupercellMesh, occupied: int, crystal_gap: float = 0.0) -> Measured:
        """Mean over the Brillouin zone at one phase; refused where the gap is far below that of the crystals."""
        h, dh = self.hoppings(theta)
        flows, sizes = np.zeros((2, *h.shape)), np.zeros((2, *h.shape))
        densities = np.zeros((2, *h.shape[1:]), dtype=np.complex128)
        points = list(mesh.points(self.length, self.crystals.lattice.dimension))
        smallest = np.inf
        for k in points:
            turns = self.turns(k)
            matrices, apart = self.filled(self.matrix(h * turns), self.matrix(dh * turns), occupied)
            smallest = min(smallest, self.checked(apart, crystal_gap, k, theta))
            self.count(densities, matrices)
            for kind, rho in enumerate(map(self.cells_of, matrices)):
                for bond, end in enumerate(self.ends):
                    terms = h[bond] * turns[bond] * rho[end, :, np.arange(self.length), :].swapaxes(1, 2)
                    # i h rho, whose imaginary part is undone by the bond the other way round
                    flows[kind, bond] -= terms.imag
                    sizes[kind, bond] += np.abs(terms)
        for total in (flows, densities, sizes):
            total /= len(points)
        return Measured(flows, densities, sizes, smallest)

    def filled(self, H: Complex, dH: Complex, occupied: int) -> tuple[tuple[Complex, Complex], float]:
        """Density matrix of the filled states and what the drive adds to it; the gap."""
        energies, states = eigh_batch(H)
        levels = occupied * self.length
        o, e = states[:, :levels], states[:, levels:]
        apart = energies[levels:, None] - energies[None, :levels]
        # psi1 = sum_c |c> i <c|d_t v>/(E_c - E_v), with <c|d_t v> = <c|d_t H|v>/(E_v - E_c)
        change = e @ (-1j * (dagger(e) @ (dH @ o)) / apart**2) @ dagger(o)
        return (o @ dagger(o), change + dagger(change)), float(apart[0, -1])

    def checked(self, gap: float, crystal_gap: float, k: tuple[float, ...], theta: float) -> float:
        """The gap, refused where it is far below that of the crystals."""
        if not gap > CLOSED * crystal_gap:
            raise gap_closed_error(f"supercell (L = {self.length})", gap, crystal_gap, k, theta, self.crystals.units)
        return gap

    def count(self, densities: Complex, matrices: tuple[Complex, Complex]) -> None:
        """Add what each cell holds."""
        n = np.arange(self.length)
        for total, rho in zip(densities, map(self.cells_of, matrices), strict=True):
            total += rho[n, :, n, :]

    def cells_of(self, matrix: Complex) -> Complex:
        """(L N, L N) -> (L, N, L, N)."""
        return matrix.reshape(self.length, self.crystals.size, self.length, self.crystals.size)

    @cached_property
    def ends(self) -> Integer:
        """Cell where a hop from each cell ends, (F, L)."""
        return np.asarray((np.arange(self.length) + self.crystals.cells[:, :1]) % self.length)

    def turns(self, k: tuple[float, ...]) -> Complex:
        """Phases of hops that leave the supercell, (F, L, 1, 1)."""
        cells = self.crystals.cells
        rounds = (np.arange(self.length) + cells[:, :1]) // self.length
        return np.exp(2j * np.pi * (k[0] * rounds + (cells[:, 1:] @ np.array(k[1:]))[:, None]))[..., None, None]

    def currents(self, measured: Measured, harmonics: int) -> Complex:
        """Fourier coefficients of the current density, (2, 2 M + 1, d)."""
        m = np.arange(-harmonics, harmonics + 1)
        c = self.crystals
        steps = self.bonds @ np.linalg.inv(c.lattice.vectors)[:, 0]
        # the mean of exp(-i m q.r) along the bond
        place = np.exp(-2j * np.pi / self.length * np.multiply.outer(m, self.middles))
        place *= np.sinc(np.multiply.outer(m, steps) / self.length)
        waves = np.tensordot(self._waves(m), measured.flows, axes=(1, 2))
        result: Complex = np.einsum("mkfij,mfij,fija->kma", waves, place, self.bonds) / self.extent
        return result

    def density(self, measured: Measured, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of densities of observables, (2, operators, 2 M + 1)."""
        return self._observed(measured.densities, operators, harmonics)

    def _observed(self, densities: Complex, operators: Complex, harmonics: int) -> Complex:
        m = np.arange(-harmonics, harmonics + 1)
        u = self.reduced
        between = np.exp(-1j * np.pi / self.length * np.multiply.outer(m, u[:, None] + u[None, :]))
        waves = np.tensordot(self._waves(m), densities, axes=(1, 1))
        result: Complex = np.einsum("mkji,mij,oij->kom", waves, between, operators) / self.extent
        return result

    def current_scale(self, measured: Measured) -> Float:
        """Sum of the moduli of all terms of the current, in equilibrium and by the drive."""
        lengths = np.sqrt((self.bonds**2).sum(axis=-1))
        scale: Float = np.einsum("kfnij,fij->k", measured.sizes, lengths) / self.extent
        return scale

    @property
    def reduced(self) -> Float:
        """Coordinates of the orbitals along the first lattice vector, (N,)."""
        reduced: Float = self.crystals.lattice.reduced_positions(self.crystals.positions)[:, 0]
        return reduced

    @property
    def middles(self) -> Float:
        """Coordinate of the middle of each bond that starts in cell 0, along the first lattice vector; (F, N, N)."""
        u = self.reduced
        middles: Float = 0.5 * (self.crystals.cells[:, 0, None, None] + u[:, None] + u[None, :])
        return middles

    @property
    def bonds(self) -> Float:
        """Bond vectors r_j - r_i, (F, N, N, d)."""
        c = self.crystals
        bonds: Float = (c.cells @ c.lattice.vectors)[:, None, None] + c.positions[None, :] - c.positions[:, None]
        return bonds

    @property
    def extent(self) -> float:
        """Length, area or volume."""
        return self.length * self.crystals.lattice.measure

    def _waves(self, m: Integer) -> Complex:
        """exp(-i m q.R), (2 M + 1, L)."""
        waves: Complex = np.exp(-2j * np.pi / self.length * np.multiply.outer(m, np.arange(self.length)))
        return waves

    def matrix(self, hops: Complex) -> Complex:
        """(F, L, N, N) -> (L N, L N)."""
        n, size = np.arange(self.length), self.crystals.size
        matrix = np.zeros((self.length, size, self.length, size), dtype=np.complex128)
        for hop, end in zip(hops, self.ends, strict=True):
            matrix[n, :, end, :] += hop
        return matrix.reshape(self.length * size, -1)
