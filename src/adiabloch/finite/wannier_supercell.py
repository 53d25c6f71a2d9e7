"""Supercells of Wannier functions, whose positions are matrices and which move along the cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.finite.supercell import Measured, Supercell, SupercellMesh
from adiabloch.finite.wannier_sample import Joined
from adiabloch.linalg import anticommutator
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.cycle import THETA

Placed = tuple[Joined, Complex]
"""A matrix as it is at the true places, and its derivative along the cycle."""


@dataclass(frozen=True, eq=False)
class WannierSupercell(Supercell):
    r"""The same of Wannier functions, whose positions are matrices, r = x + A, and which move.

    What depends on the place depends on r, hermitised: F(r) = F(x) + {A_1, d_1 F}/2 with F taken at midpoints, so for
    the position matrix itself. Densities are hermitised products with exp(-i m q.r), exp(-i m q.x) (1 - i m q.A). To
    first order in q that is all.
    """

    def measure(self, theta: float, mesh: SupercellMesh, occupied: int, crystal_gap: float = 0.0) -> Measured:
        """Mean over the Brillouin zone at one phase; flows (2, 2, d, L N): at x, and what A along the texture adds."""
        d, size = self.crystals.lattice.dimension, self.length * self.crystals.size
        elements = {name: self._elements(name, theta) for name in (HAMILTONIAN, *self.crystals.connections)}
        flows, sizes = np.zeros((2, 2, d, size)), np.zeros(2)
        densities, leaning = np.zeros((2, 2, self.length, *[self.crystals.size] * 2), dtype=np.complex128)
        points = list(mesh.points(self.length, d))
        smallest = np.inf
        for k in points:
            turns = self.turns(k)
            (H, dH), positions, (motion, _), along = self._placed(elements, turns)
            matrices, apart = self.filled(H.value, dH + motion.turning(H.value), occupied)
            smallest = min(smallest, self.checked(apart, crystal_gap, k, theta))
            self.count(densities, matrices)
            self.count(leaning, (anticommutator(along, matrices[0]), anticommutator(along, matrices[1])))
            for axis, (r, dr) in enumerate(positions):
                velocity, drift = H.flow(axis, r.value), dr - motion.flow(axis, r.value)
                for kind, v, rho in ((0, velocity, matrices[0]), (1, velocity, matrices[1]), (1, drift, matrices[0])):
                    flows[kind, 0, axis] += _local(v, rho)
                    flows[kind, 1, axis] += _local(anticommutator(v, along), rho)
                    sizes[kind] += np.abs(v * rho.T).sum()
        for total in (flows, densities, sizes, leaning):
            total /= len(points)
        return Measured(flows, densities, sizes, smallest, leaning)

    def currents(self, measured: Measured, harmonics: int) -> Complex:
        """Fourier coefficients of the current density, (2, 2 M + 1, d)."""
        whole, first = np.moveaxis(self._at_orbitals(measured.flows, harmonics), 1, 0)
        return np.asarray((whole + self._waved(first, harmonics)).swapaxes(1, 2) / self.extent)

    def density(self, measured: Measured, operators: Complex, harmonics: int) -> Complex:
        """Fourier coefficients of densities of observables, (2, operators, 2 M + 1)."""
        assert measured.leaning is not None
        leaning = self._observed(measured.leaning, operators, harmonics)
        return self._observed(measured.densities, operators, harmonics) + self._waved(leaning, harmonics)

    def current_scale(self, measured: Measured) -> Float:
        """Sum of the moduli of all terms of the current, in equilibrium and by the drive."""
        return measured.sizes / self.extent

    def _at_orbitals(self, values: Float, harmonics: int) -> Complex:
        """Fourier coefficients of what there is at each orbital, (..., L N) -> (..., 2 M + 1)."""
        places = (np.arange(self.length)[:, None] + self.reduced).ravel()
        m = np.arange(-harmonics, harmonics + 1)
        return np.asarray(values @ np.exp(-2j * np.pi / self.length * np.multiply.outer(places, m)))

    def _waved(self, coefficients: Complex, harmonics: int) -> Complex:
        """-i m q times what A along the texture makes."""
        return np.asarray(-2j * np.pi / self.length * np.arange(-harmonics, harmonics + 1) * coefficients)

    def _elements(self, name: str, theta: float) -> tuple[Complex, ...]:
        """Elements at midpoints, (F, L, N, N), and their derivatives along the cycle, the texture, both."""
        p = 1j * self.crystals.texture_harmonics[:, None, None, None]
        value, slope = self.crystals.at_phase(theta, name)
        return tuple(map(self.laid_out, (value, slope, p * value, p * slope)))

    def _placed(
        self, elements: Mapping[str, tuple[Complex, ...]], turns: Complex
    ) -> tuple[Placed, list[Placed], Placed, Complex]:
        """H, the positions less x, the motion, all at the true places; the position along the texture, in cells."""
        names = self.crystals.lattice.directions
        bonds = np.moveaxis(1j * self.bonds[:, None] * turns[..., None], -1, 0)
        nothing = (np.zeros_like(elements[HAMILTONIAN][0]),) * 4
        found = {name: elements.get(name, nothing) for name in (HAMILTONIAN, *names, THETA)}
        known = {name: [self.matrix(F * turns) for F in each] for name, each in found.items()}
        # i [F, x] of the value and of its derivative along the texture
        flows = {
            name: [np.array([self.matrix(F * bond) for bond in bonds]) for F in each[::2]]
            for name, each in found.items()
        }
        shares = dict(zip(names, np.linalg.inv(self.crystals.lattice.vectors)[:, 0], strict=True))
        A, dA = (np.sum([x * known[name][part] for name, x in shares.items()], axis=0) for part in (0, 1))
        flow_A = np.sum([x * flows[name][0] for name, x in shares.items()], axis=0)
        q = 2 * np.pi / self.length

        def placed(name: str) -> Placed:
            (F, dF, Fs, dFs), (C, Cs) = known[name], flows[name]
            value = F + q * anticommutator(A, Fs)
            slope = dF + q * (anticommutator(dA, Fs) + anticommutator(A, dFs))
            return Joined(value, [*(C + q * (anticommutator(flow_A, Fs) + anticommutator(A, Cs)))]), slope

        return placed(HAMILTONIAN), [placed(name) for name in names], placed(THETA), A


def _local(X: Complex, rho: Complex) -> Float:
    """What each orbital holds of an expectation value, Re (X rho)_ii."""
    return np.asarray((X * rho.T).sum(axis=1).real)
