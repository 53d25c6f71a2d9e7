"""Phonon modes at q = 0 as combinations of the displacements of a deformation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.linalg import eigh_batch
from adiabloch.models.deformation import Deformation
from adiabloch.models.phonon_modes import Modes
from adiabloch.units import HBAR_SQUARED_PER_DALTON

TRANSLATION = 1e-3
"""Largest energy of a translation of the crystal, in units of the largest of all modes."""
SPANNED = 1e-4
"""Largest part of a mode, in its own units, that may lie outside the displacements."""


@dataclass(frozen=True, eq=False)
class ZoneCentreModes:
    """Modes with their displacements as combinations of those of a deformation."""

    modes: Modes
    groups: tuple[Integer, ...]
    """Numbers of the modes of each set of degenerate ones."""
    coordinates: Complex
    """(modes, displacements): displacements of modes, e/sqrt(m), along those of the deformation."""
    covered: np.ndarray
    """(modes,): true if the displacements of the deformation span the mode."""
    patterns: Float
    """(displacements, n, 3)"""
    axis: Float
    """(3,): unit vector."""

    @classmethod
    def of(cls, crystal: Deformation, modes: Modes, axis: ArrayLike, splitting: float) -> ZoneCentreModes:
        """Check the modes, and expand them in the displacements of a deformation.

        Raises
        ------
        InvalidArgumentError
        """
        if not isinstance(modes, Modes):
            raise InvalidArgumentError(f"modes: expected adiabloch.models.Modes, got {type(modes).__name__}")
        if np.abs(modes.q).max() > 1e-8:
            raise InvalidArgumentError(f"modes: at q = {modes.q.tolist()}, expected those at q = 0")
        if crystal.patterns is None:
            raise InvalidArgumentError(
                "deformation: without patterns=, the displacements of the atoms along each name, which modes need"
            )
        about = checked(axis, "axis", (3,))
        length = float(np.sqrt(about @ about))
        if length == 0.0:
            raise InvalidArgumentError("axis: a vector of length 0, expected a nonzero vector")
        patterns = np.zeros((len(crystal.names), *modes.eigenvectors.shape[1:]))
        for number, given in enumerate(crystal.patterns.values()):
            if len(given) != patterns.shape[1]:
                raise InvalidArgumentError(
                    f"modes: of {patterns.shape[1]} atoms, the deformation displaces {len(given)}; expected the same"
                )
            patterns[number, :, : given.shape[1]] = given
        flat = patterns.reshape(len(patterns), -1)
        if np.linalg.matrix_rank(flat, tol=1e-8) < len(flat):
            raise InvalidArgumentError("deformation: its displacements are linearly dependent, expected a basis")
        moved = modes.eigenvectors / np.sqrt(modes.structure.masses)[None, :, None]
        columns = moved.reshape(len(moved), -1).T
        coordinates = np.linalg.lstsq(flat.T, columns, rcond=None)[0]
        missing = np.linalg.norm(flat.T @ coordinates - columns, axis=0) / np.linalg.norm(columns, axis=0)
        groups = _degenerate(modes.energies, splitting)
        return cls(modes, groups, np.asarray(coordinates.T, complex), missing < SPANNED, patterns, about / length)

    def translations(self) -> Float:
        """Displacements of the whole crystal along each axis (3, displacements), NaN where they are not spanned."""
        flat = self.patterns.reshape(len(self.patterns), -1)
        whole = np.tile(np.eye(3)[:, None], (1, self.patterns.shape[1], 1)).reshape(3, -1).T
        found = np.linalg.lstsq(flat.T, whole, rcond=None)[0]
        found[:, np.linalg.norm(flat.T @ found - whole, axis=0) > 1e-6] = np.nan
        return np.asarray(found.T)

    @cached_property
    def moving(self) -> np.ndarray:
        """True for modes that are no translations of the crystal; (modes,)."""
        return np.asarray(np.abs(self.modes.energies) > TRANSLATION * np.abs(self.modes.energies).max())

    def circular(self, form: Float, group: Integer) -> Complex:
        """Combinations of degenerate modes that diagonalize a real antisymmetric form of displacements, as columns."""
        x = self.coordinates[group]
        matrix = -0.5j * (x.conj() @ form @ x.T)
        return eigh_batch(0.5 * (matrix + matrix.conj().T))[1]

    def energies(self, curvature: Float) -> Float:
        r"""Energies of all modes with the force of the molecular Berry curvature on moving atoms, in eV.

        .. math:: E^2 q_a = (\hbar \omega_a)^2 q_a + i E \hbar^2 \sum_b g_{ab} q_b

        with the molecular Berry curvature g between modes with unit masses.
        """
        energies, x = self.modes.energies, self.coordinates
        if not self.covered.all():
            return np.full(len(energies), np.nan)
        g = HBAR_SQUARED_PER_DALTON * (x.conj() @ curvature @ x.T)
        count = len(energies)
        # q and E q
        companion = np.block(
            [
                [np.zeros((count, count)), np.eye(count)],
                [np.diag(np.sign(energies) * energies**2).astype(complex), 1j * g],
            ]
        )
        both_signs = np.linalg.eigvals(companion)
        # each energy occurs with both signs; unstable modes have imaginary ones
        stable = np.sort(both_signs.real)[count:]
        order = np.argsort(energies, kind="stable")
        found = np.empty(count)
        found[order] = np.where(energies[order] < 0, np.nan, stable)
        return found

    @property
    def angular_momentum_form(self) -> Float:
        """Antisymmetric form of two displacements whose contraction is the angular momentum about the axis, (n, n)."""
        patterns, masses = self.patterns, self.modes.structure.masses
        crossed = np.cross(patterns[:, None], patterns[None, :]) @ self.axis
        return np.asarray(2.0 * np.einsum("ijk,k->ij", crossed, masses))


def _degenerate(energies: Float, splitting: float) -> tuple[Integer, ...]:
    """Numbers of the modes in each set of degenerate ones, in order of their energies; translations form one."""
    if not 0 <= splitting < 1:
        raise InvalidArgumentError(f"splitting: {splitting!r}, expected a number from 0 to 1")
    largest = float(np.abs(energies).max())
    order = np.argsort(energies, kind="stable")
    groups: list[list[int]] = []
    for number in order:
        last = energies[groups[-1][-1]] if groups else np.nan
        close = abs(energies[number] - last) <= splitting * abs(energies[number])
        still = abs(energies[number]) <= TRANSLATION * largest and abs(last) <= TRANSLATION * largest
        if close or still:
            groups[-1].append(int(number))
        else:
            groups.append([int(number)])
    return tuple(np.array(group) for group in groups)
