"""Supercells of Wannier functions, whose positions are matrices and which move along the cycle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.finite.supercell import Measured, Mesh, Supercell
from adiabloch.linalg import anticommutator, commutator
from adiabloch.models.covariant import HAMILTONIAN
from adiabloch.models.cycle import THETA


@dataclass(frozen=True, eq=False)
class WannierSupercell(Supercell):
    r"""The same of Wannier functions, whose positions are matrices, r = x + A, and which move.

    What depends on the place depends on r, hermitised: F(r) = F(x) + {A_1, d_1 F}/2 with F taken at midpoints, so for
    the position matrix itself. Densities are hermitised products with exp(-i m q.r), exp(-i m q.x) (1 - i m q.A). To
    first order in q that is all.
    """

    def measure(self, theta: float, mesh: Mesh, occupied: int, crystal_gap: float = 0.0) -> Measured:
        """Mean over the Brillouin zone at one phase; flows (2, 2, d, L N): at x, and what A along the texture adds."""
        d, size = self.crystals.lattice.dimension, self.length * self.crystals.size
        elements = {name: self._elements(name, theta) for name in (HAMILTONIAN, *self.crystals.connections)}
        flows, sizes = np.zeros((2, 2, d, size)), np.zeros(2)
        densities, leaning = np.zeros((2, 2, self.length, *[self.crystals.size] * 2), dtype=np.complex128)
        points = list(mesh.points(self.length, d))
        smallest = np.inf
        for k in points:
            turns = self.turns(k)
            H, positions, motion, along = self._placed(elements, turns)
            matrices, apart = self.filled(H.value, H.slope + motion.turning(H.value), occupied)
            smallest = min(smallest, self.checked(apart, crystal_gap, k, theta))
            self.count(densities, matrices)
            self.count(leaning, (anticommutator(along, matrices[0]), anticommutator(along, matrices[1])))
            for axis, r in enumerate(positions):
                velocity = H.moved[axis] - H.turning(r.value)
                drift = r.slope - motion.moved[axis] + motion.turning(r.value)
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
        p = 1j * self.crystals.textures[:, None, None, None]
        value, slope = self.crystals.at_phase(theta, name)
        return tuple(map(self.laid_out, (value, slope, p * value, p * slope)))

    def _placed(
        self, elements: Mapping[str, tuple[Complex, ...]], turns: Complex
    ) -> tuple[Placed, list[Placed], Placed, Complex]:
        """H, the positions less x, the motion, and the position along the texture in lattice vectors."""
        names = self.crystals.lattice.directions
        bonds = 1j * self.bonds[:, None] * turns[..., None]
        nothing = (np.zeros_like(elements[HAMILTONIAN][0]),) * 4

        def plain(name: str) -> list[tuple[Complex, list[Complex]]]:
            """Value and derivatives as matrices, each with i [F, x]."""
            return [
                (self.matrix(F * turns), [self.matrix(F * bonds[..., axis]) for axis in range(len(names))])
                for F in elements.get(name, nothing)
            ]

        known = {name: plain(name) for name in (HAMILTONIAN, *names, THETA)}
        shares = np.linalg.inv(self.crystals.lattice.vectors)[:, 0]

        def along(part: int) -> Complex:
            return np.asarray(np.sum([x * known[name][part][0] for x, name in zip(shares, names, strict=True)], axis=0))

        A, dA = along(0), along(1)
        moved_A = np.sum([x * np.array(known[name][0][1]) for x, name in zip(shares, names, strict=True)], axis=0)
        q = 2 * np.pi / self.length

        def placed(name: str) -> Placed:
            (F, moved), (dF, _), (Fs, moved_s), (dFs, _) = known[name]
            return Placed(
                F + q * anticommutator(A, Fs),
                dF + q * (anticommutator(dA, Fs) + anticommutator(A, dFs)),
                [
                    C + q * (anticommutator(B, Fs) + anticommutator(A, Cs))
                    for C, B, Cs in zip(moved, moved_A, moved_s, strict=True)
                ],
            )

        return placed(HAMILTONIAN), [placed(name) for name in names], placed(THETA), A


class Placed(NamedTuple):
    """A Hermitian matrix of a supercell, (L N, L N), as it is at the true places."""

    value: Complex
    slope: Complex
    """Its derivative along the cycle."""
    moved: list[Complex]
    """i [F, x] by direction."""

    def turning(self, X: Complex) -> Complex:
        """-i [F, X]."""
        return -1j * commutator(self.value, X)


def _local(X: Complex, rho: Complex) -> Float:
    """What each orbital holds of an expectation value, Re (X rho)_ii."""
    return np.asarray((X * rho.T).sum(axis=1).real)
