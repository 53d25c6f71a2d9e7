"""Long periodic supercells of a texture: currents through each bond, and densities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.finite.supercell_geometry import SupercellGeometry, SupercellMesh


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
    """Supercell of tight-binding orbitals, with the current along straight bonds."""

    geometry: SupercellGeometry

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
        cell = self.geometry
        h, dh = map(cell.at_midpoints, cell.series.at_phase(theta))
        flows, sizes = np.zeros((2, *h.shape)), np.zeros((2, *h.shape))
        densities = np.zeros((2, *h.shape[1:]), dtype=np.complex128)
        points = list(mesh.points(cell.length, cell.series.lattice.dimension))
        smallest = np.inf
        for k in points:
            phases = cell.bloch_phases(k)
            matrices, gap = cell.density_matrices(cell.matrix(h * phases), cell.matrix(dh * phases), occupied)
            smallest = min(smallest, cell.checked_gap(gap, crystal_gap, k, theta))
            cell.add_cells(densities, matrices)
            for kind, rho in enumerate(map(cell.by_cells, matrices)):
                for bond, end in enumerate(cell.ends):
                    terms = h[bond] * phases[bond] * rho[end, :, np.arange(cell.length), :].swapaxes(1, 2)
                    # real part of i h rho; the imaginary part cancels with that of the opposite bond
                    flows[kind, bond] -= terms.imag
                    sizes[kind, bond] += np.abs(terms)
        for total in (flows, densities, sizes):
            total /= len(points)
        return Measured(flows, densities, sizes, smallest)

    def currents(self, measured: Measured, harmonics: int) -> Complex:
        """Fourier coefficients of the current density, (2, 2 M + 1, d)."""
        cell, m = self.geometry, np.arange(-harmonics, harmonics + 1)
        steps = cell.bonds @ np.linalg.inv(cell.series.lattice.vectors)[:, 0]
        # mean of exp(-i m q.r) along each bond
        along_bond = np.exp(-2j * np.pi / cell.length * np.multiply.outer(m, cell.midpoints))
        along_bond *= np.sinc(np.multiply.outer(m, steps) / cell.length)
        waves = np.tensordot(cell.cell_waves(m), measured.flows, axes=(1, 2))
        result: Complex = np.einsum("mkfij,mfij,fija->kma", waves, along_bond, cell.bonds) / cell.extent
        return result

    def density(self, measured: Measured, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of the densities of operators (operators, N, N); (2, operators, 2 M + 1)."""
        return self.geometry.operator_densities(measured.densities, operators, harmonics)

    def current_scale(self, measured: Measured) -> Float:
        """Sum of the moduli of all terms of the current density, in equilibrium and induced; (2,)."""
        cell = self.geometry
        lengths = np.sqrt((cell.bonds**2).sum(axis=-1))
        scale: Float = np.einsum("kfnij,fij->k", measured.sizes, lengths) / cell.extent
        return scale
