r"""Flakes of Wannier functions: positions are matrices, cut out of the crystal as the hoppings are.

A flake holds the functions of its cells, H between them, and the matrices r_a of the position operator. Those do not
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

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.finite.piece import Piece, Pumped, Weights, norm
from adiabloch.linalg import anticommutator, commutator, dagger, eigh_batch


@dataclass(frozen=True, eq=False)
class WannierPiece(Piece):
    """Wannier functions of a cycle's crystal, hoppings and positions between them; open on all sides.

    Operators are bilinear, of the weights w(place, step) = sum_ab B_ab place_a step_b: they stand for the hermitised
    sum_ab B_ab {r_a, v_b}/2.
    """

    def pumped(self, k: Float, theta: Float, occupied: int, operators: list[Weights]) -> Pumped:
        """Return what the slow change adds to the expectation values of operators at each phase (see `Piece`)."""
        values, magnitudes, energies = [], [], []
        for phase in theta:  # one by one: these are many large matrices
            H, r, A = self._operators(float(phase))
            dH, dr, _ = self._operators(float(phase), order=1)
            levels, states = eigh_batch(H[None])
            E, o, c = levels[0], states[0, :, :occupied], states[0, :, occupied:]
            moved = [dx - 1j * commutator(A, x) for dx, x in zip(dr, r, strict=True)]
            turned = dH - 1j * commutator(A, H)
            change = (dagger(c) @ turned @ o) / (E[:occupied] - E[occupied:, None]) ** 2
            velocities = [1j * commutator(H, x) for x in r]
            row, sizes = [], []
            for w in operators:
                operator, carried = _hermitised(w, r, velocities), _hermitised(w, r, moved)
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
        """Return what an electric field adds to the expectation values of operators (see `Piece`)."""
        H, r, _ = self._operators(theta)
        levels, states = eigh_batch(H[None])
        E, o, c = levels[0], states[0, :, :occupied], states[0, :, occupied:]
        gaps = E[occupied:, None] - E[:occupied]
        velocities = [1j * commutator(H, x) for x in r]
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

    def _operators(self, theta: float, order: int = 0) -> tuple[Complex, list[Complex], Complex]:
        """H, the positions and A_theta at a phase, or their plain derivatives along theta; (S, S) each."""
        rows, columns, terms = self._joined
        m = self.cycle.frequencies[:, -1]
        factors = (1j * m) ** order * np.exp(1j * m * theta)
        elements = factors[terms, None] * self._blocks[terms, :, self.orbitals[rows], self.orbitals[columns]]
        matrices = np.zeros((self._blocks.shape[1], self.size, self.size), dtype=np.complex128)
        np.add.at(matrices.swapaxes(0, 2).swapaxes(0, 1), (rows, columns), elements)
        if order == 0:
            at_rest = self.cycle.shifts[len(self.cycle.shifts) // 2].real
            site = np.arange(self.size)
            matrices[1:-1, site, site] += (self._places + at_rest[self.orbitals]).T
        return matrices[0], list(matrices[1:-1]), matrices[-1]


def _hermitised(w: Weights, r: list[Complex], steps: list[Complex]) -> Complex:
    """Sum over a and b of B_ab {r_a, s_b}/2, where w(place, step) is the bilinear form B."""
    units = np.eye(len(r))
    total = np.zeros_like(r[0])
    for place, x in zip(units, r, strict=True):
        for step, s in zip(units, steps, strict=True):
            if weight := float(w(place, step)):
                total += weight * anticommutator(x, s)
    return total


def _expectation(states: Complex, operator: Complex) -> float:
    return float((states.conj() * (operator @ states)).real.sum())
