r"""Open samples of Wannier functions, whose position operators are matrices.

A sample contains the functions of its cells, the Hamiltonian H between them, and the matrices r_a of the position
operator. For an incomplete basis these do not commute, [r_a, r_b] = i Omega_ab. The velocity is the rate of change of
the position:

.. math:: v_a = i [H, r_a] + \omega\, D_\theta r_a - i e \sum_b E_b [r_b, r_a], \qquad
          D_\theta X = \partial_\theta X - i [A_\theta, X].

The last term of v_a is an anomalous velocity, and A_theta is the connection of the functions along theta. Moments are
symmetrized products (e/4)({r_a, v_b} - {r_b, v_a}). The calculation uses no bulk formula, and no states outside the
space of the functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.finite.open_sample import Pumped, VelocityWeight, norm
from adiabloch.finite.sites import HamiltonianSeries, Hops, Sites
from adiabloch.linalg import commutator, dagger, eigh_batch, energies_batch, symmetrized_product


@dataclass(frozen=True, eq=False)
class WannierSample:
    """Open sample of Wannier functions, with hoppings and position matrix elements between them.

    Operators are symmetrized products: for weights w(position, step) = sum_b (c_b + sum_a B_ab position_a) step_b the
    operator is sum_b c_b v_b + sum_ab B_ab {r_a, v_b}/2.
    """

    sites: Sites

    def energies(self, k: Float, theta: Float) -> Float:
        """Energy levels (P, S) at reduced wave numbers k along the periodic direction and phases theta."""
        series = self._series
        return energies_batch(series.matrix(series.elements(k, theta)[0]))

    def pumped(self, k: Float, theta: Float, occupied: int, operators: list[VelocityWeight]) -> Pumped:
        """First-order adiabatic changes of the expectation values of operators (see `OpenSample.pumped`)."""
        values, magnitudes, energies = [], [], []
        for point in zip(k, theta, strict=True):  # one point at a time, since the matrices are large
            H, *A, motion = self._operators(*point)
            dH, *dA, _ = self._operators(*point, derivative=1)
            levels, states = eigh_batch(H.value[None])
            E, o, c = levels[0], states[0, :, :occupied], states[0, :, occupied:]
            covariant_dH = dH.value + motion.connection_term(H.value)
            change = (dagger(c) @ covariant_dH @ o) / (E[:occupied] - E[occupied:, None]) ** 2
            r = self._position_matrices(A)
            velocities = [H.position_commutator(axis, x.value) for axis, x in enumerate(A)]
            drifts = [
                dx.value - motion.position_commutator(axis, x.value)
                for axis, (x, dx) in enumerate(zip(A, dA, strict=True))
            ]
            row, sizes = [], []
            for w in operators:
                operator, drift = _symmetrized(w, r, velocities), _symmetrized(w, r, drifts)
                between = dagger(o) @ operator @ c
                # <v|O|psi1_v> = -i sum_c O_vc (D H)_cv/(E_v - E_c)^2
                electrons = 2.0 * (between * change.T).imag.sum()
                row.append(electrons + _expectation(o, drift))
                sizes.append(2.0 * norm(operator[None])[0] * norm(change[None])[0])
            values.append(row)
            magnitudes.append(sizes)
            energies.append(E)
        return Pumped(np.array(values), np.array(magnitudes), np.array(energies))

    def polarized(self, theta: float, occupied: int, operators: list[VelocityWeight]) -> tuple[Float, Float]:
        """First-order changes of the expectation values in an electric field (see `OpenSample.polarized`)."""
        H, *A, _ = self._operators(0.0, theta)
        levels, states = eigh_batch(H.value[None])
        E, o, c = levels[0], states[0, :, :occupied], states[0, :, occupied:]
        gaps = E[occupied:, None] - E[:occupied]
        r = self._position_matrices(A)
        velocities = [1j * commutator(H.value, x) for x in r]
        values = np.zeros((len(operators), len(r)))
        for j, x in enumerate(r):
            change = (dagger(c) @ x @ o) / gaps
            anomalous = [-1j * commutator(x, y) for y in r]
            for i, w in enumerate(operators):
                between = dagger(o) @ _symmetrized(w, r, velocities) @ c
                values[i, j] = 2.0 * (between * change.T).real.sum() + _expectation(o, _symmetrized(w, r, anomalous))
        return values, E

    @cached_property
    def _blocks(self) -> Complex:
        """H, the position matrix minus the mean positions, and the connection along theta: (F, 2 + d, N, N)."""
        cycle = self.sites.cycle
        motion = np.zeros_like(cycle.amplitudes) if cycle.motion is None else cycle.motion
        blocks: Complex = np.concatenate([cycle.amplitudes[:, None], cycle.connections, motion[:, None]], axis=1)
        return blocks

    @cached_property
    def _hops(self) -> Hops:
        """Hops of all operators, whose sizes are relative to the largest element of each operator."""
        sizes = np.abs(self._blocks)
        return self.sites.hops((sizes / np.maximum(sizes.max(axis=(0, 2, 3), keepdims=True), 1e-300)).max(axis=1))

    @cached_property
    def _series(self) -> HamiltonianSeries:
        """Hamiltonian of the sample."""
        return HamiltonianSeries.of(self.sites, self._hops)

    @cached_property
    def _mean_positions(self) -> Float:
        """Mean positions of the functions, (S, d)."""
        return np.asarray(self.sites.cell_origins + self.sites.cycle.mean_positions[self.sites.orbitals])

    def _position_matrices(self, connections: list[SampleOperator]) -> list[Complex]:
        """Position matrices by axis. In a ribbon only the component across the ribbon is meaningful."""
        return [np.diag(x) + A.value for x, A in zip(self._mean_positions.T, connections, strict=True)]

    def _operators(self, k: float, theta: float, derivative: int = 0) -> list[SampleOperator]:
        """H, the position matrices minus the mean positions, and A_theta, or their ordinary derivatives along theta."""
        rows, columns, terms = self._hops
        orbitals = self.sites.orbitals
        winding, m = self.sites.frequencies[terms].T
        factors = (1j * m) ** derivative * np.exp(1j * (m * theta + 2 * np.pi * k * winding))
        bonds = self._mean_positions[columns] - self._mean_positions[rows]
        bonds = bonds + winding[:, None] * self.sites.cycle.lattice.vectors[0]
        elements = factors[:, None] * self._blocks[terms, :, orbitals[rows], orbitals[columns]]
        return [SampleOperator(self._summed(F), [self._summed(1j * x * F) for x in bonds.T]) for F in elements.T]

    def _summed(self, elements: Complex) -> Complex:
        """Matrix (S, S) from the elements of all hops."""
        rows, columns, _ = self._hops
        matrix = np.zeros((self.sites.size, self.sites.size), dtype=np.complex128)
        np.add.at(matrix, (rows, columns), elements)
        return matrix


class SampleOperator(NamedTuple):
    """Hermitian operator F between the functions of a sample or a supercell, (S, S)."""

    value: Complex
    position_commutators: list[Complex]
    """i [F, x] by axis, with the mean positions x; hops around a ribbon count with their full bond vectors."""

    def connection_term(self, X: Complex) -> Complex:
        """The term -i [F, X] of a covariant derivative of X, with F the connection."""
        return -1j * commutator(self.value, X)

    def position_commutator(self, axis: int, connection: Complex) -> Complex:
        """Commutator i [F, r] for the position matrix r = x + connection along an axis; the velocity, if F is H."""
        return self.position_commutators[axis] - self.connection_term(connection)


def _symmetrized(w: VelocityWeight, r: list[Complex], steps: list[Complex]) -> Complex:
    """Symmetrized product of positions and steps with given weights.

    For w(position, step) = sum_b (c_b + sum_a B_ab position_a) step_b it is sum_b c_b s_b + sum_ab B_ab {r_a, s_b}/2.

    Parameters
    ----------
    w : callable
    r, steps : list of complex array, shape (S, S)
        Matrices by axis.
    """
    units, origin = np.eye(len(r)), np.zeros(len(r))
    total = np.zeros_like(r[0])
    for step, s in zip(units, steps, strict=True):
        if constant := float(w(origin, step)):
            total += constant * s
        for position, x in zip(units, r, strict=True):
            if weight := float(w(position, step)) - constant:
                total += weight * symmetrized_product(x, s)
    return total


def _expectation(states: Complex, operator: Complex) -> float:
    """Sum of the expectation values of an operator in states (S, n)."""
    return float((states.conj() * (operator @ states)).real.sum())
