r"""Open samples of a crystal, flakes and ribbons, with all hoppings between their sites.

The calculations are in real space. With positions r and hoppings H_ij, the velocity v = i [H, r] makes both the orbital
moment and the current along an edge multiples of the hoppings, so that no bulk formula is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.linalg import dagger, eigh_batch
from adiabloch.models.cycle import Cycle

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


@dataclass(frozen=True, eq=False)
class OpenSample:
    """Sites of a crystal and the hoppings between them; hoppings to other sites are removed.

    Parameters
    ----------
    cycle : Cycle
    cells : int array, shape (S, d)
        Cell of each site.
    orbitals : int array, shape (S,)
        Orbital of each site.
    periodic : bool
        True if the sample is periodic along the first lattice vector; the first component of all cells must be 0 then.
    """

    cycle: Cycle
    cells: Integer
    orbitals: Integer
    periodic: bool = False

    @property
    def size(self) -> int:
        """Number of sites, S."""
        return len(self.orbitals)

    def energies(self, k: Float, theta: Float) -> Float:
        """Energy levels (P, S) at reduced wave numbers k along the periodic direction and phases theta."""
        return eigh_batch(self._matrix(self._elements(k, theta)[0]))[0]

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
        H, dH, wound = self._elements(k, theta)
        energies, states = eigh_batch(self._matrix(H))
        o, c = states[..., :occupied], states[..., occupied:]
        E = energies[:, :occupied, None] - energies[:, None, occupied:]
        change = (dagger(o) @ (self._matrix(dH) @ c)).conj() / E**2
        density = (np.abs(o) ** 2).sum(axis=-1)
        r, drift = self._positions(theta), self._positions(theta, derivative=1)
        rows, columns = np.divmod(self._series[0], self.size)
        midpoints, bonds = 0.5 * (r[:, rows] + r[:, columns]), r[:, columns] - r[:, rows]
        period = np.broadcast_to(self.cycle.lattice.vectors[0], midpoints.shape)
        values, magnitudes = [], []
        for w in operators:
            operator = self._matrix(1j * (w(midpoints, bonds) * H + w(midpoints, period) * wound))
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
        H, _, _ = self._elements(phase, phase)
        (energies,), (states,) = eigh_batch(self._matrix(H))
        o, c = states[:, :occupied], states[:, occupied:]
        r = self._positions(phase)[0]
        gaps = energies[occupied:, None] - energies[:occupied]
        changes = [(dagger(c) @ (x[:, None] * o)) / gaps for x in r.T]
        rows, columns = np.divmod(self._series[0], self.size)
        midpoints, bonds = 0.5 * (r[rows] + r[columns]), r[columns] - r[rows]
        values = []
        for w in operators:
            between = dagger(o) @ (self._matrix(1j * w(midpoints, bonds) * H)[0] @ c)
            values.append([2.0 * (between * change.T).real.sum() for change in changes])
        return np.array(values), energies

    @cached_property
    def _series(self) -> tuple[Integer, Complex, Integer]:
        """Fourier series of the matrix elements of H, dH/dtheta and the winding H.

        The winding H multiplies each hopping by its winding number around the ribbon: the part of the bond that is not
        contained in the positions of its ends.

        Returns
        -------
        elements : int array, shape (E,)
            Flat indices of the matrix elements that do not vanish.
        series : complex array, shape (3, E, F)
        frequencies : int array, shape (F, 2)
            Winding number and harmonic of theta.
        """
        rows, columns, terms = self._hops
        frequencies, number = np.unique(self._frequencies[terms], axis=0, return_inverse=True)
        elements, element = np.unique(rows * self.size + columns, return_inverse=True)
        h = self.cycle.amplitudes[terms, self.orbitals[rows], self.orbitals[columns]]
        winding, harmonic = self._frequencies[terms].T
        series = np.zeros((3, len(elements), len(frequencies)), dtype=np.complex128)
        for kind, amplitudes in enumerate((h, 1j * harmonic * h, winding * h)):
            np.add.at(series[kind], (element.ravel(), number.ravel()), amplitudes)
        return elements, series, frequencies

    @property
    def _frequencies(self) -> Integer:
        """Winding number around the ribbon and harmonic of theta of each term of the cycle, (F, 2)."""
        winding = self.cycle.frequencies[:, 0] * int(self.periodic)
        return np.column_stack([winding, self.cycle.frequencies[:, -1]])

    @property
    def _relative_sizes(self) -> Float:
        """Modulus of each hopping of the cycle relative to the largest one, (F, N, N)."""
        sizes = np.abs(self.cycle.amplitudes)
        return np.asarray(sizes / max(sizes.max(initial=0.0), 1e-300))

    @cached_property
    def _hops(self) -> tuple[Integer, Integer, Integer]:
        """Both sites of each hopping inside the sample, and its term of the cycle; (hops,) each."""
        d = self.cycle.lattice.dimension
        lowest, highest = self.cells.min(axis=0), self.cells.max(axis=0)
        number = np.full((*(highest - lowest + 1), self.cycle.size), -1)
        number[(*(self.cells - lowest).T, self.orbitals)] = np.arange(self.size)
        # hoppings at the level of rounding are zeros after a Fourier transform
        present = self._relative_sizes > 1e-16
        found: list[tuple[Integer, Integer, Integer]] = []
        for term, R in enumerate(self.cycle.frequencies[:, :d]):
            ends = self.cells + R
            if self.periodic:
                ends[:, 0] = 0
            start = np.flatnonzero(((ends >= lowest) & (ends <= highest)).all(axis=1))
            partners = number[tuple((ends[start] - lowest).T)]
            one, orbital = np.nonzero((partners >= 0) & present[term, self.orbitals[start]])
            found.append((start[one], partners[one, orbital], np.full(len(one), term)))
        rows, columns, terms = (np.concatenate(column) for column in zip(*found, strict=True))
        return rows, columns, terms

    def _elements(self, k: Float, theta: Float) -> Complex:
        """Matrix elements of H, dH/dtheta and the winding H, (3, P, E)."""
        _, series, frequencies = self._series
        angles = np.stack([2 * np.pi * k, theta], axis=-1)
        values: Complex = np.exp(1j * angles @ frequencies.T) @ series.swapaxes(1, 2)
        return values

    def _matrix(self, elements: Complex) -> Complex:
        """Matrices (P, S, S) from their elements (P, E)."""
        matrices = np.zeros((len(elements), self.size**2), dtype=np.complex128)
        matrices[:, self._series[0]] = elements
        return matrices.reshape(-1, self.size, self.size)

    @cached_property
    def _cell_origins(self) -> Float:
        """Origin of the cell of each site, (S, d), relative to the centre of the sample to reduce rounding errors."""
        origins = self.cells @ self.cycle.lattice.vectors
        centred: Float = origins - (origins + self.cycle.mean_positions[self.orbitals]).mean(axis=0)
        return centred

    def _positions(self, theta: Float, derivative: int = 0) -> Float:
        """Positions of the sites, or their derivatives along theta; (P, S, d)."""
        within = self.cycle.positions_at(theta, derivative)[:, self.orbitals]
        return within if derivative else within + self._cell_origins


def norm(matrices: Complex) -> Float:
    """Frobenius norms of matrices, (P, N, M) -> (P,)."""
    norms: Float = np.sqrt((np.abs(matrices) ** 2).sum(axis=(1, 2)))
    return norms
