"""Supercells of Wannier functions, whose position operators are matrices and which move along the cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.finite.supercell import Measured
from adiabloch.finite.supercell_geometry import SupercellGeometry, SupercellMesh
from adiabloch.finite.wannier_sample import SampleOperator
from adiabloch.linalg import symmetrized_product
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.crystal import THETA

OperatorAndDerivative = tuple[SampleOperator, Complex]
"""An operator at the true positions, and its derivative along theta."""


@dataclass(frozen=True, eq=False)
class WannierSupercell:
    r"""Supercell of Wannier functions, whose position operators are matrices r = x + A and which move along the cycle.

    Quantities that depend on the position are symmetrized functions of r: F(r) = F(x) + {A_1, d_1 F}/2 with F at the
    midpoints of the bonds; so is the position matrix itself. Densities are symmetrized products with exp(-i m q.r) =
    exp(-i m q.x) (1 - i m q.A). These expressions are complete to first order in q.
    """

    geometry: SupercellGeometry

    def measure(self, theta: float, mesh: SupercellMesh, occupied: int, crystal_gap: float = 0.0) -> Measured:
        """Mean over the Brillouin zone at one phase (see `Supercell.measure`).

        The flows have the shape (2, 2, d, L N): for each orbital the current at the centres x, and the correction of
        first order in the connection A along the texture.
        """
        d, size = self.geometry.series.lattice.dimension, self.geometry.length * self.geometry.series.size
        elements = {name: self._elements(name, theta) for name in (HAMILTONIAN, *self.geometry.series.connections)}
        flows, sizes = np.zeros((2, 2, d, size)), np.zeros(2)
        densities, shifted = np.zeros(
            (2, 2, self.geometry.length, *[self.geometry.series.size] * 2), dtype=np.complex128
        )
        points = list(mesh.points(self.geometry.length, d))
        smallest = np.inf
        for k in points:
            phases = self.geometry.bloch_phases(k)
            (H, dH), positions, (motion, _), along = self._operators(elements, phases)
            matrices, gap = self.geometry.density_matrices(H.value, dH + motion.connection_term(H.value), occupied)
            smallest = min(smallest, self.geometry.checked_gap(gap, crystal_gap, k, theta))
            self.geometry.add_cells(densities, matrices)
            self.geometry.add_cells(
                shifted, (symmetrized_product(along, matrices[0]), symmetrized_product(along, matrices[1]))
            )
            for axis, (r, dr) in enumerate(positions):
                velocity = H.position_commutator(axis, r.value)
                drift = dr - motion.position_commutator(axis, r.value)
                for kind, v, rho in ((0, velocity, matrices[0]), (1, velocity, matrices[1]), (1, drift, matrices[0])):
                    flows[kind, 0, axis] += _orbital_expectations(v, rho)
                    flows[kind, 1, axis] += _orbital_expectations(symmetrized_product(v, along), rho)
                    sizes[kind] += np.abs(v * rho.T).sum()
        for total in (flows, densities, sizes, shifted):
            total /= len(points)
        return Measured(flows, densities, sizes, smallest, shifted)

    def currents(self, measured: Measured, harmonics: int) -> Complex:
        """Fourier coefficients of the current density, (2, 2 M + 1, d)."""
        at_centres, first = np.moveaxis(self._orbital_harmonics(measured.flows, harmonics), 1, 0)
        return np.asarray((at_centres + self._position_factor(first, harmonics)).swapaxes(1, 2) / self.geometry.extent)

    def density(self, measured: Measured, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of the densities of operators (operators, N, N); (2, operators, 2 M + 1)."""
        assert measured.position_densities is not None
        first = self.geometry.operator_densities(measured.position_densities, operators, harmonics)
        return self.geometry.operator_densities(measured.densities, operators, harmonics) + self._position_factor(
            first, harmonics
        )

    def current_scale(self, measured: Measured) -> Float:
        """Sum of the moduli of all terms of the current density, in equilibrium and induced; (2,)."""
        return measured.sizes / self.geometry.extent

    def _orbital_harmonics(self, values: Float, harmonics: int) -> Complex:
        """Fourier coefficients of values at the orbitals, (..., L N) -> (..., 2 M + 1)."""
        coordinates = (np.arange(self.geometry.length)[:, None] + self.geometry.reduced).ravel()
        m = np.arange(-harmonics, harmonics + 1)
        return np.asarray(values @ np.exp(-2j * np.pi / self.geometry.length * np.multiply.outer(coordinates, m)))

    def _position_factor(self, coefficients: Complex, harmonics: int) -> Complex:
        """Coefficients (..., 2 M + 1) times -i m q, the factor of the connection A along the texture."""
        return np.asarray(-2j * np.pi / self.geometry.length * np.arange(-harmonics, harmonics + 1) * coefficients)

    def _elements(self, name: str, theta: float) -> tuple[Complex, ...]:
        """Elements at the midpoints, (F, L, N, N), and their derivatives along theta, along s, and along both."""
        p = 1j * self.geometry.series.texture_harmonics[:, None, None, None]
        value, slope = self.geometry.series.at_phase(theta, name)
        return tuple(map(self.geometry.at_midpoints, (value, slope, p * value, p * slope)))

    def _operators(
        self, elements: Mapping[str, tuple[Complex, ...]], phases: Complex
    ) -> tuple[OperatorAndDerivative, list[OperatorAndDerivative], OperatorAndDerivative, Complex]:
        """Operators at the true positions: H, the positions minus x, and the connection along theta.

        The last entry is the connection along the texture, in units of the first lattice vector.
        """
        names = self.geometry.series.lattice.directions
        bonds = np.moveaxis(1j * self.geometry.bonds[:, None] * phases[..., None], -1, 0)
        zero = (np.zeros_like(elements[HAMILTONIAN][0]),) * 4
        found = {name: elements.get(name, zero) for name in (HAMILTONIAN, *names, THETA)}
        known = {name: [self.geometry.matrix(F * phases) for F in each] for name, each in found.items()}
        # i [F, x] of the value and of its derivative along s
        commutators = {
            name: [np.array([self.geometry.matrix(F * bond) for bond in bonds]) for F in each[::2]]
            for name, each in found.items()
        }
        shares = dict(zip(names, np.linalg.inv(self.geometry.series.lattice.vectors)[:, 0], strict=True))
        A, dA = (np.sum([x * known[name][part] for name, x in shares.items()], axis=0) for part in (0, 1))
        commutator_A = np.sum([x * commutators[name][0] for name, x in shares.items()], axis=0)
        q = 2 * np.pi / self.geometry.length

        def at_positions(name: str) -> OperatorAndDerivative:
            (F, dF, Fs, dFs), (C, Cs) = known[name], commutators[name]
            value = F + q * symmetrized_product(A, Fs)
            slope = dF + q * (symmetrized_product(dA, Fs) + symmetrized_product(A, dFs))
            return SampleOperator(
                value, [*(C + q * (symmetrized_product(commutator_A, Fs) + symmetrized_product(A, Cs)))]
            ), slope

        return at_positions(HAMILTONIAN), [at_positions(name) for name in names], at_positions(THETA), A


def _orbital_expectations(X: Complex, rho: Complex) -> Float:
    """Contribution of each orbital to an expectation value, Re (X rho)_ii."""
    return np.asarray((X * rho.T).sum(axis=1).real)
