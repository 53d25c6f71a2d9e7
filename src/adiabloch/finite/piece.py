r"""Pieces cut out of a crystal: flakes and ribbons, with every hopping between their sites.

Everything here lives in real space. With positions r and hoppings H_ij, the velocity v = i [H, r] makes both the
orbital moment and the edge current simple multiples of the hoppings, so that no formula of the bulk is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.linalg import dagger, eigh_batch
from adiabloch.models.cycle import Cycle

Weights = Callable[[Float, Float], Float]
"""Midpoints and vectors of bonds, (..., d) each -> weights (...): the operator of which the bond carries i w H_ij."""


@dataclass(frozen=True, eq=False)
class Links:
    """All hoppings inside a piece, ordered by the matrix element they add to."""

    rows: Integer
    columns: Integer
    """(E,) sites that a link joins."""
    wraps: Integer
    """(E,) how often a link goes round the periodic direction."""
    harmonics: Integer
    """(E,) its harmonic of theta."""
    amplitudes: Complex
    """(E,)"""
    starts: Integer
    """First link of each matrix element."""
    elements: Integer
    """Flat index of each matrix element."""


class Piece:
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

    def __init__(self, cycle: Cycle, cells: Integer, orbitals: Integer, *, periodic: bool = False) -> None:
        self.cycle = cycle
        self.cells = cells
        self.orbitals = orbitals
        self.periodic = periodic
        self.links = _links(cycle, cells, orbitals, periodic)
        places = cells @ cycle.lattice.vectors
        rest = cycle.shifts[len(cycle.shifts) // 2].real
        # sums over open pieces keep their figures best when positions are counted from the middle
        self._places = places - (places + rest[orbitals]).mean(axis=0)

    @property
    def size(self) -> int:
        """Number of sites, S."""
        return len(self.orbitals)

    def positions(self, theta: Float, order: int = 0) -> Float:
        """Positions (or their derivatives in theta), counted from the middle; shape (P, S, d)."""
        top = len(self.cycle.shifts) // 2
        m = np.arange(-top, top + 1)
        turn = (1j * m) ** order * np.exp(1j * np.multiply.outer(theta, m))
        within: Float = np.tensordot(turn, self.cycle.shifts, axes=1).real[:, self.orbitals]
        return within if order else within + self._places

    def energies(self, k: Float, theta: Float) -> Float:
        """Levels at reduced wave numbers k along the periodic direction and phases theta; shape (P, S)."""
        return eigh_batch(self._matrix(self._hoppings(k, theta)))[0]

    def pumped(self, k: Float, theta: Float, occupied: int, operators: list[Weights]) -> tuple[Float, Float]:
        r"""What the slow change adds to the expectation values of operators at each point.

        The first-order adiabatic state of an occupied level v,

        .. math:: |\psi_v^{(1)}\rangle = \sum_c |c\rangle \frac{i \langle c|\partial_\theta v\rangle}{E_c - E_v},
                  \qquad \langle c|\partial_\theta v\rangle = \frac{\langle c|\partial_\theta H|v\rangle}{E_v - E_c},

        (c empty) gives an operator O the value 2 Re sum_v <v|O|psi1_v>. Orbitals that move carry their charge along:
        sum_i n_i O(r_i, dr_i/dtheta) is added, n_i being the occupation of site i.

        Parameters
        ----------
        k, theta : float arrays, shape (P,)
            k is not used by a flake.
        occupied : int
            Number of occupied levels.
        operators : list of callable
            Weights w(midpoint, bond vector): a bond contributes i w H_ij, a moving orbital w(r_i, dr_i/dtheta).

        Returns
        -------
        values : float array, shape (P, operators)
            In units of e omega.
        energies : float array, shape (P, S)
        """
        hoppings = self._hoppings(k, theta)
        energies, states = eigh_batch(self._matrix(hoppings))
        o, c = states[..., :occupied], states[..., occupied:]
        drive = dagger(o) @ (self._matrix(1j * self.links.harmonics * hoppings) @ c)
        E = energies[:, :occupied, None] - energies[:, None, occupied:]
        change = drive.conj() / E**2
        r, moved = self.positions(theta), self.positions(theta, order=1)
        midpoints, bonds = self._bonds(r)
        density = (np.abs(o) ** 2).sum(axis=-1)
        values = []
        for weights in operators:
            operator = dagger(o) @ (self._matrix(1j * weights(midpoints, bonds) * hoppings) @ c)
            # <v|O|psi1_v> = -i sum_c O_vc (dH)_cv/(E_v - E_c)^2
            electrons = 2.0 * (operator * change).imag.sum(axis=(1, 2))
            values.append(electrons + (density * weights(r, moved)).sum(axis=1))
        return np.stack(values, axis=-1), energies

    def _hoppings(self, k: Float, theta: Float) -> Complex:
        """Hoppings link by link with their phases, shape (P, E)."""
        phases = np.multiply.outer(theta, self.links.harmonics)
        if self.periodic:
            phases = phases + 2 * np.pi * np.multiply.outer(k, self.links.wraps)
        result: Complex = self.links.amplitudes * np.exp(1j * phases)
        return result

    def _matrix(self, values: Complex) -> Complex:
        """Add up links into matrices, (P, E) -> (P, S, S)."""
        matrices = np.zeros((len(values), self.size**2), dtype=np.complex128)
        matrices[:, self.links.elements] = np.add.reduceat(values, self.links.starts, axis=1)
        return matrices.reshape(-1, self.size, self.size)

    def _bonds(self, r: Float) -> tuple[Float, Float]:
        """Midpoints and vectors of the links, (P, E, d) each; the midpoint forgets the wraps along the ribbon."""
        before, after = r[:, self.links.rows], r[:, self.links.columns]
        wraps = np.multiply.outer(self.links.wraps, self.cycle.lattice.vectors[0])
        return 0.5 * (before + after), after - before + wraps


def _links(cycle: Cycle, cells: Integer, orbitals: Integer, periodic: bool) -> Links:
    d = cycle.lattice.dimension
    lowest, highest = cells.min(axis=0), cells.max(axis=0)
    number = np.full((*(highest - lowest + 1), cycle.size), -1)
    number[(*(cells - lowest).T, orbitals)] = np.arange(len(cells))
    negligible = 1e-16 * np.abs(cycle.amplitudes).max(initial=0.0)
    found: list[tuple[Integer, ...]] = []
    for term, (R, h) in enumerate(zip(cycle.frequencies[:, :d], cycle.amplitudes, strict=True)):
        ends = cells + R
        wrap = 0
        if periodic:
            wrap, ends[:, 0] = int(R[0]), 0
        start = np.flatnonzero(((ends >= lowest) & (ends <= highest)).all(axis=1))
        partners = number[tuple((ends[start] - lowest).T)]
        one, orbital = np.nonzero((partners >= 0) & (np.abs(h)[orbitals[start]] > negligible))
        rows, columns = start[one], partners[one, orbital]
        found.append((rows, columns, np.full(len(rows), wrap), np.full(len(rows), term)))
    # the diagonal is always there, so that no matrix is empty
    home = np.arange(len(cells))
    origin = int(np.flatnonzero((cycle.frequencies == 0).all(axis=1))[0])
    found.append((home, home, np.zeros_like(home), np.full_like(home, -1)))
    rows, columns, wraps, terms = (np.concatenate(column) for column in zip(*found, strict=True))
    amplitudes = np.where(terms < 0, 0.0, cycle.amplitudes[terms, orbitals[rows], orbitals[columns]])
    harmonics = cycle.frequencies[np.where(terms < 0, origin, terms), d]
    order = np.argsort(rows * len(cells) + columns, kind="stable")
    elements, starts = np.unique((rows * len(cells) + columns)[order], return_index=True)
    return Links(rows[order], columns[order], wraps[order], harmonics[order], amplitudes[order], starts, elements)
