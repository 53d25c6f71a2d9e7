"""Phonon modes at one wave vector, and the phonons that are circularly polarized."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import LEVI_CIVITA
from adiabloch.linalg import eigh_batch
from adiabloch.models.phonons import Phonon, vector_text
from adiabloch.models.structure_html import modes_html
from adiabloch.models.structures import Structure
from adiabloch.names import suggests
from adiabloch.scalars import is_whole
from adiabloch.units import HBAR_SQUARED_PER_DALTON, THZ, WAVENUMBER

SMALLEST_ANGULAR_MOMENTUM = 1e-4
"""Angular momenta below this, in hbar, count as zero; files of modes have six digits."""


@suggests()
@dataclass(frozen=True, eq=False)
class Modes:
    r"""Phonon modes of a crystal at one wave vector.

    Atom kappa of cell R is displaced by :math:`e_\kappa \exp(i q R)/\sqrt{m_\kappa}`: the phase is that of the cell R,
    not of the position of the atom.

    Parameters
    ----------
    structure : Structure
    q : array_like, shape (3,)
        Wave vector in reduced coordinates.
    energies : array_like, shape (modes,)
        Energies hbar omega, in eV. A negative number stands for an imaginary frequency: the crystal is unstable.
    eigenvectors : array_like, shape (modes, n, 3), complex
        Orthonormal eigenvectors of the dynamical matrix, displacements times the square roots of the masses.

    Raises
    ------
    InvalidModelError
        Inconsistent shapes, or eigenvectors that are not orthonormal.
    """

    structure: Structure
    q: Float
    energies: Float
    eigenvectors: Complex

    def __init__(self, structure: Structure, q: ArrayLike, energies: ArrayLike, eigenvectors: ArrayLike) -> None:
        if not isinstance(structure, Structure):
            raise InvalidModelError(f"structure: expected a Structure, got {type(structure).__name__}")
        energies = checked(energies, "energies", (None,))
        vectors = checked(eigenvectors, "eigenvectors", (len(energies), len(structure.symbols), 3), complex)
        flat = vectors.reshape(len(energies), -1)
        defect = np.abs(flat.conj() @ flat.T - np.eye(len(energies))).max(initial=0.0)
        if not len(energies) or defect > 1e-3:
            raise InvalidModelError(
                f"eigenvectors: {len(energies)}, orthonormal up to {defect:.1e}; expected one or more, orthonormal"
            )
        object.__setattr__(self, "structure", structure)
        object.__setattr__(self, "q", checked(q, "q", (3,)))
        object.__setattr__(self, "energies", energies)
        object.__setattr__(self, "eigenvectors", vectors)

    _repr_html_ = modes_html

    @property
    def frequencies(self) -> Float:
        """Frequencies omega/2 pi in THz; negative numbers stand for imaginary frequencies."""
        return frozen(np.asarray(self.energies / THZ))

    def __repr__(self) -> str:
        low, high = self.frequencies.min(), self.frequencies.max()
        return f"Modes({len(self.energies)} at q = {vector_text(self.q)}, {low:.2f} to {high:.2f} THz)"

    def __str__(self) -> str:
        rows = [
            f"{number:4d}  {energy / THZ:10.4f}  {energy / WAVENUMBER:10.2f}  {1e3 * energy:10.3f}"
            for number, energy in enumerate(self.energies)
        ]
        return "\n".join([f"{'q = ' + vector_text(self.q)}", "mode         THz       cm^-1         meV", *rows])

    def circular_phonon(
        self, number: int, axis: ArrayLike = (0.0, 0.0, 1.0), sense: int = 1, tolerance: float = 1e-3
    ) -> Phonon:
        r"""Phonon with the largest angular momentum about an axis, among the modes degenerate with a given one.

        Parameters
        ----------
        number : int
            Index of a mode, from 0.
        axis : array_like, shape (3,)
            Cartesian direction of the axis.
        sense : int
            1: anticlockwise about the axis, -1: clockwise.
        tolerance : float
            Modes whose energies differ by less than this, relative to that of mode `number`, count as degenerate.

        Returns
        -------
        Phonon
            Phonon with the amplitude of one quantum and the mean energy of the degenerate modes.

        Raises
        ------
        InvalidArgumentError
            No such mode, an imaginary or vanishing frequency, no angular momentum of this sense about this axis, or
            several combinations of modes with the largest one.

        Notes
        -----
        The phonon is found by diagonalization of
        :math:`L_{ab} = -i \sum_\kappa n \cdot (e^*_{a\kappa} \times e_{b\kappa})` among the degenerate modes, with the
        unit vector n of the axis.
        """
        count = len(self.energies)
        if not (is_whole(number, 0) and number < count):
            raise InvalidArgumentError(f"mode: {number!r}, expected an integer from 0 to {count - 1}")
        if sense not in (1, -1):
            raise InvalidArgumentError(f"sense: {sense!r}, expected 1 (anticlockwise) or -1 (clockwise)")
        about = checked(axis, "axis", (3,))
        length = float(np.sqrt(about @ about))
        if length == 0.0:
            raise InvalidArgumentError("axis: a vector of length 0, expected a nonzero vector")
        if not 0 <= tolerance < 1:
            raise InvalidArgumentError(f"tolerance: {tolerance!r}, expected a number from 0 to 1")
        energy = float(self.energies[number])
        # acoustic modes at q = 0 have zero frequency up to the precision of files, of either sign
        smallest = 1e-5 * float(np.abs(self.energies).max())
        if energy <= smallest:
            raise InvalidArgumentError(
                f"mode {number} has the frequency {energy / THZ:.4g} THz, expected a positive one: "
                + (
                    "imaginary ones do not oscillate"
                    if energy < -smallest
                    else "this one is a translation of the crystal"
                )
            )
        group = np.flatnonzero(np.abs(self.energies - energy) <= tolerance * energy)
        e = self.eigenvectors[group]
        L = -1j * np.einsum("x,xyz,aky,bkz->ab", about / length, LEVI_CIVITA, e.conj(), e)
        values, mixing = eigh_batch(0.5 * (L + L.conj().T))
        best = -1 if sense > 0 else 0
        _check_angular_momentum(sense * values[::sense], group, about, sense, self.q)
        amplitude = np.tensordot(mixing[:, best], e, axes=1)
        mean = float(self.energies[group].mean())
        scale = np.sqrt(2.0 * HBAR_SQUARED_PER_DALTON / (mean * self.structure.masses))
        return Phonon(self.structure, self.q, mean, _with_fixed_phase(scale[:, None] * amplitude))


def _check_angular_momentum(momenta: Float, group: Integer, about: Float, sense: int, q: Float) -> None:
    """Check that the last one of ascending angular momenta is not zero and is not degenerate."""
    which = f"mode{'s' * (len(group) > 1)} {', '.join(map(str, group))} at q = {vector_text(q)}"
    if momenta[-1] < SMALLEST_ANGULAR_MOMENTUM:
        raise InvalidArgumentError(
            f"{which}: angular momentum {sense * momenta[-1]:.1e} hbar about {vector_text(about)}, expected "
            f"{'anticlockwise' if sense > 0 else 'clockwise'} motion; this needs degenerate modes, or a wave vector "
            "other than 0 (a larger tolerance combines more modes; an LO-TO splitting separates them)"
        )
    if len(group) > 1 and momenta[-1] - momenta[-2] < SMALLEST_ANGULAR_MOMENTUM:
        raise InvalidArgumentError(
            f"{which}: several combinations have the angular momentum {sense * momenta[-1]:.4f} hbar about "
            f"{vector_text(about)}, expected one; a smaller tolerance combines fewer modes"
        )


def _with_fixed_phase(amplitude: Complex) -> Complex:
    """Same motion, with a real positive x (or y, or z) component of the first atom that moves most."""
    size = np.sqrt((np.abs(amplitude) ** 2).sum(axis=1))
    # with the factors 0.99 and 0.5 the choice among equal atoms does not depend on rounding
    atom = amplitude[int(np.argmax(size > 0.99 * size.max()))]
    component = atom[int(np.argmax(np.abs(atom) > 0.5 * np.abs(atom).max()))]
    turned: Complex = amplitude * (component.conj() / np.abs(component))
    return turned
