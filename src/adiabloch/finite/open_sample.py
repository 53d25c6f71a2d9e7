r"""Pieces cut out of a crystal: flakes and ribbons, with every hopping between their sites.

Everything here lives in real space. With positions r and hoppings H_ij, the velocity v = i [H, r] makes both the
orbital moment and the current along an edge simple multiples of the hoppings, so that no formula of the bulk is needed.
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

DENSE = 16 * 6
"""Bytes that the work on one matrix takes for each of its elements."""
Weights = Callable[[Float, Float], Float]
"""w(place, step), linear in the step, (..., d) each -> (...): the operator with the elements i w(midpoint, bond) H_ij.

The hermitised product of a function f(r) with the velocity v = i [H, r] has the elements i (f(r_i) + f(r_j))/2 times
(r_j - r_i) H_ij, so that f v_x has w = f(place) step_x (if f is linear), and r x v/2 has w = place x step/2.
"""


class Pumped(NamedTuple):
    """What a slow change adds to expectation values."""

    values: Float
    """(P, operators), in units of omega."""
    magnitudes: Float
    """(P, operators): how large they could be (Cauchy and Schwarz), which tells how much rounding to expect."""
    energies: Float
    """(P, S)"""


@dataclass(frozen=True, eq=False)
class OpenSample:
    """Sites of a cycle's crystal and the hoppings between them; all other hoppings are cut.

    Parameters
    ----------
    cycle : Cycle
    cells : int array, shape (S, d)
        Cell of every site.
    orbitals : int array, shape (S,)
        Its orbital.
    periodic : bool
        Whether the piece repeats along the first lattice vector; all its cells then have 0 there.
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
        """Levels at reduced wave numbers k along the periodic direction and phases theta; shape (P, S)."""
        return eigh_batch(self._matrix(self._elements(k, theta)[0]))[0]

    def pumped(self, k: Float, theta: Float, occupied: int, operators: list[Weights]) -> Pumped:
        r"""Return what the slow change adds to the expectation values of operators at each point.

        The first-order adiabatic state of an occupied level v,

        .. math:: |\psi_v^{(1)}\rangle = \sum_c |c\rangle \frac{i \langle c|\partial_\theta v\rangle}{E_c - E_v},
                  \qquad \langle c|\partial_\theta v\rangle = \frac{\langle c|\partial_\theta H|v\rangle}{E_v - E_c},

        (c empty) gives an operator O the value 2 Re sum_v <v|O|psi1_v>. Orbitals that move carry their charge along:
        sum_i n_i w(r_i, dr_i/dtheta) is added, n_i being the occupation of site i.

        Parameters
        ----------
        k, theta : float arrays, shape (P,)
            A flake does not look at k.
        occupied : int
            Number of occupied levels.
        operators : list of callable
            As their `Weights`.

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
        r, moved = self._positions(theta), self._positions(theta, order=1)
        rows, columns = np.divmod(self._series[0], self.size)
        midpoints, bonds = 0.5 * (r[:, rows] + r[:, columns]), r[:, columns] - r[:, rows]
        once_round = np.broadcast_to(self.cycle.lattice.vectors[0], midpoints.shape)
        values, magnitudes = [], []
        for w in operators:
            operator = self._matrix(1j * (w(midpoints, bonds) * H + w(midpoints, once_round) * wound))
            # <v|O|psi1_v> = -i sum_c O_vc (dH)_cv/(E_v - E_c)^2
            electrons = 2.0 * (dagger(o) @ (operator @ c) * change).imag.sum(axis=(1, 2))
            values.append(electrons + (density * w(r, moved)).sum(axis=1))
            magnitudes.append(2.0 * norm(operator) * norm(change))
        return Pumped(np.stack(values, axis=-1), np.stack(magnitudes, axis=-1), energies)

    def polarized(self, theta: float, occupied: int, operators: list[Weights]) -> tuple[Float, Float]:
        r"""Return what an electric field adds to the expectation values of operators on an open piece.

        To first order in H - e E.r an occupied level v becomes
        :math:`|v\rangle + \sum_c |c\rangle \langle c | e E \cdot r | v \rangle / (E_c - E_v)`, c empty.

        Parameters
        ----------
        theta : float
        occupied : int
            Number of occupied levels.
        operators : list of callable
            As their `Weights`.

        Returns
        -------
        values : float array, shape (operators, d)
            By component of the field, in units of e.
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
        """Flat indices of the matrix elements; their series in H, dH/dtheta and the wound H; its frequencies.

        The wound H counts each hopping as often as it goes round the ribbon: the part of the bond that the positions
        of its ends do not tell.
        """
        rows, columns, terms = self._joined
        frequencies, number = np.unique(self._phases[terms], axis=0, return_inverse=True)
        elements, element = np.unique(rows * self.size + columns, return_inverse=True)
        h = self.cycle.amplitudes[terms, self.orbitals[rows], self.orbitals[columns]]
        around, harmonic = self._phases[terms].T
        series = np.zeros((3, len(elements), len(frequencies)), dtype=np.complex128)
        for kind, amplitudes in enumerate((h, 1j * harmonic * h, around * h)):
            np.add.at(series[kind], (element.ravel(), number.ravel()), amplitudes)
        return elements, series, frequencies

    @property
    def _phases(self) -> Integer:
        """(F, 2): how often each term of the cycle goes round the ribbon, and its harmonic of theta."""
        around = self.cycle.frequencies[:, 0] * int(self.periodic)
        return np.column_stack([around, self.cycle.frequencies[:, -1]])

    @property
    def _present(self) -> Float:
        """How large what joins two orbitals is, by term of the cycle, relative to the largest: (F, N, N)."""
        sizes = np.abs(self.cycle.amplitudes)
        return np.asarray(sizes / max(sizes.max(initial=0.0), 1e-300))

    @cached_property
    def _joined(self) -> tuple[Integer, Integer, Integer]:
        """Both sites of every hopping inside the piece, and the term of the cycle that it comes from."""
        d = self.cycle.lattice.dimension
        lowest, highest = self.cells.min(axis=0), self.cells.max(axis=0)
        number = np.full((*(highest - lowest + 1), self.cycle.size), -1)
        number[(*(self.cells - lowest).T, self.orbitals)] = np.arange(self.size)
        # what a Fourier transform leaves of an exact zero is no hopping
        present = self._present > 1e-16
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
        """Elements of H, dH/dtheta and the wound H, shape (3, P, elements)."""
        _, series, frequencies = self._series
        angles = np.stack([2 * np.pi * k, theta], axis=-1)
        values: Complex = np.exp(1j * angles @ frequencies.T) @ series.swapaxes(1, 2)
        return values

    def _matrix(self, elements: Complex) -> Complex:
        """(P, elements) -> (P, S, S)."""
        matrices = np.zeros((len(elements), self.size**2), dtype=np.complex128)
        matrices[:, self._series[0]] = elements
        return matrices.reshape(-1, self.size, self.size)

    @cached_property
    def _places(self) -> Float:
        """Origins of the sites' cells, from the middle of the piece: there, sums keep their figures best."""
        places = self.cells @ self.cycle.lattice.vectors
        at_rest = self.cycle.position_harmonics[len(self.cycle.position_harmonics) // 2].real
        centred: Float = places - (places + at_rest[self.orbitals]).mean(axis=0)
        return centred

    def _positions(self, theta: Float, order: int = 0) -> Float:
        """Positions or their derivatives in theta, shape (P, S, d)."""
        top = len(self.cycle.position_harmonics) // 2
        m = np.arange(-top, top + 1)
        turn = (1j * m) ** order * np.exp(1j * np.multiply.outer(theta, m))
        within: Float = np.tensordot(turn, self.cycle.position_harmonics, axes=1).real[:, self.orbitals]
        return within if order else within + self._places


def norm(matrices: Complex) -> Float:
    """Frobenius norms, (P, N, M) -> (P,)."""
    norms: Float = np.sqrt((np.abs(matrices) ** 2).sum(axis=(1, 2)))
    return norms
