r"""Flakes and ribbons of Wannier functions: positions are matrices, cut out of the crystal as the hoppings are.

A piece holds the functions of its cells, H between them, and the matrices r_a of the position operator. Those do not
commute if the functions do not span all there is, [r_a, r_b] = i Omega_ab, and a current is what changes a position:

.. math:: v_a = i [H, r_a] + \omega\, D_\theta r_a - i e \sum_b E_b [r_b, r_a], \qquad
          D_\theta X = \partial_\theta X - i [A_\theta, X],

the last term being an anomalous velocity, and A_theta the motion of the functions. Moments are hermitised products
(e/4)({r_a, v_b} - {r_b, v_a}). This is a closed theory of its own: no bulk formula enters, and nothing outside the
space of the functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.finite.open_sample import OpenSample, Pumped, Weights, norm
from adiabloch.linalg import anticommutator, commutator, dagger, eigh_batch


@dataclass(frozen=True, eq=False)
class WannierSample(OpenSample):
    """Wannier functions of a cycle's crystal, hoppings and positions between them.

    Operators stand for hermitised products: with weights w(place, step) = sum_b (c_b + sum_a B_ab place_a) step_b that
    of sum_b c_b v_b + sum_ab B_ab {r_a, v_b}/2.
    """

    def pumped(self, k: Float, theta: Float, occupied: int, operators: list[Weights]) -> Pumped:
        """Return what the slow change adds to the expectation values of operators at each point (see `OpenSample`)."""
        values, magnitudes, energies = [], [], []
        for point in zip(k, theta, strict=True):  # one by one: these are many large matrices
            H, *A, motion = self._matrices(*point)
            dH, *dA, _ = self._matrices(*point, order=1)
            levels, states = eigh_batch(H.value[None])
            E, o, c = levels[0], states[0, :, :occupied], states[0, :, occupied:]
            turned = dH.value + motion.turning(H.value)
            change = (dagger(c) @ turned @ o) / (E[:occupied] - E[occupied:, None]) ** 2
            places = self._positions_of(A)
            velocities = [H.flow(axis, x.value) for axis, x in enumerate(A)]
            drifts = [dx.value - motion.flow(axis, x.value) for axis, (x, dx) in enumerate(zip(A, dA, strict=True))]
            row, sizes = [], []
            for w in operators:
                operator, carried = _hermitised(w, places, velocities), _hermitised(w, places, drifts)
                between = dagger(o) @ operator @ c
                # <v|O|psi1_v> = -i sum_c O_vc (D H)_cv/(E_v - E_c)^2
                electrons = 2.0 * (between * change.T).imag.sum()
                row.append(electrons + _expectation(o, carried))
                sizes.append(2.0 * norm(operator[None])[0] * norm(change[None])[0])
            values.append(row)
            magnitudes.append(sizes)
            energies.append(E)
        return Pumped(np.array(values), np.array(magnitudes), np.array(energies))

    def polarized(self, theta: float, occupied: int, operators: list[Weights]) -> tuple[Float, Float]:
        """Return what an electric field adds to the expectation values of operators (see `OpenSample`)."""
        H, *A, _ = self._matrices(0.0, theta)
        levels, states = eigh_batch(H.value[None])
        E, o, c = levels[0], states[0, :, :occupied], states[0, :, occupied:]
        gaps = E[occupied:, None] - E[:occupied]
        r = self._positions_of(A)
        velocities = [1j * commutator(H.value, x) for x in r]
        values = np.zeros((len(operators), len(r)))
        for j, x in enumerate(r):
            change = (dagger(c) @ x @ o) / gaps
            anomalous = [-1j * commutator(x, y) for y in r]
            for i, w in enumerate(operators):
                between = dagger(o) @ _hermitised(w, r, velocities) @ c
                values[i, j] = 2.0 * (between * change.T).real.sum() + _expectation(o, _hermitised(w, r, anomalous))
        return values, E

    @cached_property
    def _blocks(self) -> Complex:
        """H, the position matrix less the mean places, and the motion: (F, 2 + d, N, N)."""
        cycle = self.cycle
        motion = np.zeros_like(cycle.amplitudes) if cycle.motion is None else cycle.motion
        blocks: Complex = np.concatenate([cycle.amplitudes[:, None], cycle.connections, motion[:, None]], axis=1)
        return blocks

    @property
    def _present(self) -> Float:
        """How large what joins two functions is, by term."""
        sizes = np.abs(self._blocks)
        return np.asarray((sizes / np.maximum(sizes.max(axis=(0, 2, 3), keepdims=True), 1e-300)).max(axis=1))

    @cached_property
    def _at_rest(self) -> Float:
        """Mean places of the functions, (S, d)."""
        return np.asarray(
            self._places + self.cycle.position_harmonics[len(self.cycle.position_harmonics) // 2].real[self.orbitals]
        )

    def _positions_of(self, rest: list[Joined]) -> list[Complex]:
        """The position matrices; along a ribbon, of which only what lies across it has a meaning."""
        return [np.diag(place) + x.value for place, x in zip(self._at_rest.T, rest, strict=True)]

    def _matrices(self, k: float, theta: float, order: int = 0) -> list[Joined]:
        """H, the positions less the places, and A_theta at a point, or their plain derivatives along theta."""
        rows, columns, terms = self._joined
        around, m = self._phases[terms].T
        factors = (1j * m) ** order * np.exp(1j * (m * theta + 2 * np.pi * k * around))
        bonds = self._at_rest[columns] - self._at_rest[rows] + around[:, None] * self.cycle.lattice.vectors[0]
        elements = factors[:, None] * self._blocks[terms, :, self.orbitals[rows], self.orbitals[columns]]
        return [Joined(self._added(one), [self._added(1j * step * one) for step in bonds.T]) for one in elements.T]

    def _added(self, elements: Complex) -> Complex:
        """Elements of all terms as a matrix, (S, S)."""
        rows, columns, _ = self._joined
        matrix = np.zeros((self.size, self.size), dtype=np.complex128)
        np.add.at(matrix, (rows, columns), elements)
        return matrix


class Joined(NamedTuple):
    """A Hermitian matrix F between the functions of a piece or a supercell, (S, S)."""

    value: Complex
    moved: list[Complex]
    """i [F, x] with the places x, by direction; it knows how often a hop goes round."""

    def turning(self, X: Complex) -> Complex:
        """-i [F, X]."""
        return -1j * commutator(self.value, X)

    def flow(self, axis: int, rest: Complex) -> Complex:
        """I [F, r] for the position r = x + rest."""
        return self.moved[axis] - self.turning(rest)


def _hermitised(w: Weights, r: list[Complex], steps: list[Complex]) -> Complex:
    """Sum over b of c_b s_b and over a of B_ab {r_a, s_b}/2, for w(place, step) = sum_b (c_b + B_ab place_a) step_b."""
    units, nowhere = np.eye(len(r)), np.zeros(len(r))
    total = np.zeros_like(r[0])
    for step, s in zip(units, steps, strict=True):
        if constant := float(w(nowhere, step)):
            total += constant * s
        for place, x in zip(units, r, strict=True):
            if weight := float(w(place, step)) - constant:
                total += weight * anticommutator(x, s)
    return total


def _expectation(states: Complex, operator: Complex) -> float:
    return float((states.conj() * (operator @ states)).real.sum())
