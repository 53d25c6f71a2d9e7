"""Crystals held by springs, without any of the library: force constants, dynamical matrices, supercells."""

from dataclasses import dataclass

import numpy as np
from scipy import constants

EV_PER_DALTON = constants.e / (constants.atomic_mass * 1e-20)
"""eV/(Angstrom^2 dalton) as a squared angular frequency in SI."""


@dataclass
class Springs:
    """Force constants Phi(kappa, kappa', R) in eV/Angstrom^2: the atom kappa at 0 with kappa' in the cell R."""

    vectors: np.ndarray
    symbols: tuple
    reduced: np.ndarray
    masses: np.ndarray
    constants: dict

    @property
    def positions(self):
        return self.reduced @ self.vectors

    def dynamical_matrix(self, q):
        """With the phases of cells, (3n, 3n)."""
        n = len(self.symbols)
        D = np.zeros((n, 3, n, 3), complex)
        for (i, j, *R), phi in self.constants.items():
            D[i, :, j, :] += phi * np.exp(2j * np.pi * np.dot(q, R)) / np.sqrt(self.masses[i] * self.masses[j])
        return D.reshape(3 * n, 3 * n)

    def modes(self, q):
        """Angular frequencies in 1/s and eigenvectors (modes, n, 3)."""
        squares, columns = np.linalg.eigh(self.dynamical_matrix(q))
        omega = np.sign(squares) * np.sqrt(np.abs(squares) * EV_PER_DALTON)
        return omega, columns.T.reshape(len(omega), -1, 3)

    def force_constants(self, positions, kinds, matrix):
        """Of all atoms of a supercell of given places and kinds, (N, N, 3, 3)."""
        inverse = np.linalg.inv(np.asarray(matrix, float))
        cells = (positions @ np.linalg.inv(self.vectors)) - self.reduced[kinds]
        cells = np.rint(cells).astype(int)
        phi = np.zeros((len(kinds), len(kinds), 3, 3))
        for a, b in np.ndindex(len(kinds), len(kinds)):
            for (i, j, *R), block in self.constants.items():
                if (i, j) == (kinds[a], kinds[b]):
                    step = (cells[b] - cells[a] - R) @ inverse
                    if np.abs(step - np.rint(step)).max() < 1e-9:
                        phi[a, b] += block
        return phi


def nitride():
    """A honeycomb of B and N, one of them counted outside of the home cell."""
    vectors = np.array([[2.5, 0, 0], [-1.25, 1.25 * np.sqrt(3), 0], [0, 0, 7.0]])
    reduced = np.array([[1 / 3, 2 / 3, 0.1], [5 / 3, 1 / 3, 0.1]])
    masses = np.array([10.81, 14.007])
    constants = {}
    z = np.diag([0.0, 0.0, 1.0])

    def bond(i, j, R, along, across, up):
        step = (reduced[j] + R - reduced[i]) @ vectors
        n = step / np.linalg.norm(step)
        t = np.array([-n[1], n[0], 0.0])
        phi = -(along * np.outer(n, n) + across * np.outer(t, t) + up * z)
        constants[(i, j, *R)] = phi
        constants[(j, i, *(-x for x in R))] = phi.T

    for R in ((-1, 0, 0), (-1, 1, 0), (-2, 0, 0)):
        bond(0, 1, R, 40.0, 14.0, 9.0)
    for i, strength in ((0, 3.0), (1, 4.0)):
        for R in ((1, 0, 0), (0, 1, 0), (-1, -1, 0)):
            bond(i, i, R, strength, 1.0, 0.5)
        bond(i, i, (0, 0, 1), 0.3, 0.2, 0.0)
    for i in range(2):
        others = [phi for (a, *_), phi in constants.items() if a == i]
        constants[i, i, 0, 0, 0] = -sum(others)
    return Springs(vectors, ("B", "N"), reduced, masses, constants)
