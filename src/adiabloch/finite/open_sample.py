r"""Open samples of a crystal, flakes and ribbons, with all hoppings between their sites.

The calculations are in real space. With positions r and hoppings H_ij, the velocity v = i [H, r] makes both the orbital
moment and the current along an edge multiples of the hoppings, so that no bulk formula is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.finite.sites import HamiltonianSeries, Sites
from adiabloch.linalg import dagger, eigh_batch, energies_batch

DENSE_BYTES = 16 * 6
"""Memory for each element of a matrix, in bytes, while the matrix is processed."""
VelocityWeight = Callable[[Float, Float], Float]
"""w(position, step), linear in the step, (..., d) each -> (...): the operator with elements i w(midpoint, bond) H_ij.

The symmetrized product of a function f(r) with the velocity v = i [H, r] has the elements i (f(r_i) + f(r_j))/2 times
(r_j - r_i) H_ij. So f v_x has w = f(position) step_x (if f is linear), and r x v/2 has w = position x step/2.
"""


class Pumped(NamedTuple):
    """First-order adiabatic changes of expectation values at P points."""

    values: Float
    """(P, operators), in units of omega."""
    magnitudes: Float
    """(P, operators): upper bounds of the moduli (Cauchy-Schwarz), from which rounding errors are estimated."""
    energies: Float
    """(P, S)"""


class Sample(Protocol):
    """Interface of open samples."""

    @property
    def sites(self) -> Sites:
        """Sites of the sample."""
        ...

    def energies(self, k: Float, theta: Float) -> Float:
        """Energy levels (P, S) at reduced wave numbers k along the periodic direction and phases theta."""
        ...

    def pumped(self, k: Float, theta: Float, occupied: int, operators: list[VelocityWeight]) -> Pumped:
        """First-order adiabatic changes of the expectation values of operators."""
        ...

    def polarized(self, theta: float, occupied: int, operators: list[VelocityWeight]) -> tuple[Float, Float]:
        """First-order changes of the expectation values of operators in an electric field, for a flake."""
        ...


@dataclass(frozen=True, eq=False)
class OpenSample:
    """Sites of a crystal and the hoppings between them; hoppings to other sites are removed."""

    sites: Sites

    def energies(self, k: Float, theta: Float) -> Float:
        """Energy levels (P, S) at reduced wave numbers k along the periodic direction and phases theta."""
        return energies_batch(self._series.matrix(self._series.elements(k, theta)[0]))

    def pumped(self, k: Float, theta: Float, occupied: int, operators: list[VelocityWeight]) -> Pumped:
        r"""First-order adiabatic changes of the expectation values of operators.

        The first-order adiabatic state of an occupied level v, with empty levels c,

        .. math:: |\psi_v^{(1)}\rangle = \sum_c |c\rangle \frac{i \langle c|\partial_\theta v\rangle}{E_c - E_v},
                  \qquad \langle c|\partial_\theta v\rangle = \frac{\langle c|\partial_\theta H|v\rangle}{E_v - E_c},

        gives an operator O the value 2 Re sum_v <v|O|psi1_v>. Orbitals that move carry their charge with them, which
        adds sum_i n_i w(r_i, dr_i/dtheta), where n_i is the occupation of site i.

        Parameters
        ----------
        k, theta : float arrays, shape (P,)
            Reduced wave numbers and phases; flakes do not depend on k.
        occupied : int
            Number of occupied levels.
        operators : list of callable
            Weights of the operators (see `VelocityWeight`).

        Returns
        -------
        Pumped
        """
        H, dH, wound = self._series.elements(k, theta)
        energies, states = eigh_batch(self._series.matrix(H))
        o, c = states[..., :occupied], states[..., occupied:]
        E = energies[:, :occupied, None] - energies[:, None, occupied:]
        change = (dagger(o) @ (self._series.matrix(dH) @ c)).conj() / E**2
        density = (np.abs(o) ** 2).sum(axis=-1)
        r, drift = self.sites.positions(theta), self.sites.positions(theta, derivative=1)
        rows, columns = np.divmod(self._series.indices, self.sites.size)
        midpoints, bonds = 0.5 * (r[:, rows] + r[:, columns]), r[:, columns] - r[:, rows]
        period = np.broadcast_to(self.sites.cycle.lattice.vectors[0], midpoints.shape)
        values, magnitudes = [], []
        for w in operators:
            operator = self._series.matrix(1j * (w(midpoints, bonds) * H + w(midpoints, period) * wound))
            # <v|O|psi1_v> = -i sum_c O_vc (dH)_cv/(E_v - E_c)^2
            electrons = 2.0 * (dagger(o) @ (operator @ c) * change).imag.sum(axis=(1, 2))
            values.append(electrons + (density * w(r, drift)).sum(axis=1))
            magnitudes.append(2.0 * norm(operator) * norm(change))
        return Pumped(np.stack(values, axis=-1), np.stack(magnitudes, axis=-1), energies)

    def polarized(self, theta: float, occupied: int, operators: list[VelocityWeight]) -> tuple[Float, Float]:
        r"""First-order changes of the expectation values of operators in an electric field, for a flake.

        To first order in H - e E.r an occupied level v becomes
        :math:`|v\rangle + \sum_c |c\rangle \langle c | e E \cdot r | v \rangle / (E_c - E_v)`, with empty levels c.

        Parameters
        ----------
        theta : float
        occupied : int
            Number of occupied levels.
        operators : list of callable
            Weights of the operators (see `VelocityWeight`).

        Returns
        -------
        values : float array, shape (operators, d)
            Changes by component of the field, in units of e.
        energies : float array, shape (S,)
        """
        phase = np.array([theta])
        H, _, _ = self._series.elements(phase, phase)
        (energies,), (states,) = eigh_batch(self._series.matrix(H))
        o, c = states[:, :occupied], states[:, occupied:]
        r = self.sites.positions(phase)[0]
        gaps = energies[occupied:, None] - energies[:occupied]
        changes = [(dagger(c) @ (x[:, None] * o)) / gaps for x in r.T]
        rows, columns = np.divmod(self._series.indices, self.sites.size)
        midpoints, bonds = 0.5 * (r[rows] + r[columns]), r[columns] - r[rows]
        values = []
        for w in operators:
            between = dagger(o) @ (self._series.matrix(1j * w(midpoints, bonds) * H)[0] @ c)
            values.append([2.0 * (between * change.T).real.sum() for change in changes])
        return np.array(values), energies

    @cached_property
    def _series(self) -> HamiltonianSeries:
        """Hamiltonian of the sample."""
        sizes = np.abs(self.sites.cycle.amplitudes)
        return HamiltonianSeries.of(self.sites, self.sites.hops(sizes / max(sizes.max(initial=0.0), 1e-300)))


def norm(matrices: Complex) -> Float:
    """Frobenius norms of matrices, (P, N, M) -> (P,)."""
    norms: Float = np.sqrt((np.abs(matrices) ** 2).sum(axis=(1, 2)))
    return norms
