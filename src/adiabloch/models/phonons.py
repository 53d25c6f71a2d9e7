"""Phonons: displacements of the atoms during one period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.memory import COPIES, check_memory
from adiabloch.models.harmonics import equidistant_phases
from adiabloch.models.hoppings import cells_in_supercell
from adiabloch.models.structure_html import phonon_html
from adiabloch.models.structures import Structure
from adiabloch.names import suggests
from adiabloch.scalars import is_whole, positive_number
from adiabloch.units import HBAR_SQUARED_PER_DALTON, THZ


@suggests()
@dataclass(frozen=True, eq=False)
class Phonon:
    r"""Phonon with the displacements u = Re[ c_kappa exp(i (q.R - theta)) ] of atom kappa in cell R, theta = omega t.

    Parameters
    ----------
    structure : Structure
        The equilibrium structure.
    q : array_like, shape (3,)
        Wave vector in reduced coordinates.
    energy : float
        Energy hbar omega, in eV.
    amplitude : array_like, shape (n, 3), complex
        c_kappa in Angstrom, for one quantum per cell: the classical energy of the motion is hbar omega per cell, or
        :math:`\sum_\kappa m_\kappa \vert c_\kappa\vert^2 = 2\hbar/\omega`. (1, i, 0) rotates anticlockwise about z.

    Raises
    ------
    InvalidModelError
        Inconsistent shapes, an energy that is not positive, an amplitude of another energy.
    """

    structure: Structure
    q: Float
    energy: float
    amplitude: Complex

    def __init__(self, structure: Structure, q: ArrayLike, energy: float, amplitude: ArrayLike) -> None:
        if not isinstance(structure, Structure):
            raise InvalidModelError(f"structure: expected a Structure, got {type(structure).__name__}")
        size = float(checked(energy, "energy", ()))
        if size <= 0:
            raise InvalidModelError(f"energy: {size:g} eV, expected a positive number")
        c = checked(amplitude, "amplitude", structure.positions.shape, complex)
        found = float(structure.masses @ (np.abs(c) ** 2).sum(axis=1)) * size / (2.0 * HBAR_SQUARED_PER_DALTON)
        if abs(found - 1.0) > 1e-3:
            raise InvalidModelError(f"amplitude: that of {found:.6g} quanta, expected that of one quantum")
        object.__setattr__(self, "structure", structure)
        object.__setattr__(self, "q", checked(q, "q", (3,)))
        object.__setattr__(self, "energy", size)
        object.__setattr__(self, "amplitude", c)

    def __repr__(self) -> str:
        turns = vector_text(np.round(self.angular_momentum, 6))
        return f"Phonon({self.energy / THZ:.4f} THz at q = {vector_text(self.q)}, angular momentum {turns} hbar)"

    _repr_html_ = phonon_html

    @property
    def angular_momentum(self) -> Float:
        """Angular momentum of one quantum, in units of hbar, (3,).

        It is 1 along the axis if all atoms move on circles in the same sense.
        """
        c = self.amplitude
        each = self.energy / (2.0 * HBAR_SQUARED_PER_DALTON) * np.cross(c.conj(), c).imag
        return frozen(np.asarray(self.structure.masses @ each))

    @property
    def radius(self) -> float:
        """Largest displacement of an atom for one quantum per cell, in Angstrom."""
        c = self.amplitude
        # major semi-axis of the ellipse of each atom
        squares = 0.5 * ((np.abs(c) ** 2).sum(axis=1) + np.abs((c**2).sum(axis=1)))
        return float(np.sqrt(squares.max()))

    def displacements(
        self,
        phases: int = 8,
        *,
        scale: float | None = None,
        largest: float | None = None,
        supercell: ArrayLike | None = None,
    ) -> Float:
        """Displacements of the atoms during one period.

        Parameters
        ----------
        phases : int
            Number of snapshots N, at theta_j = 2 pi j/N.
        scale : float, optional
            Amplitude in units of that of one quantum per cell; 1 by default.
        largest : float, optional
            Largest displacement of an atom, in Angstrom, in place of `scale`.
        supercell : array_like, shape (3, 3), integers, optional
            Cell in which the phonon is periodic: q . R must be an integer for each of its rows R.

        Returns
        -------
        float array, shape (phases, n, 3)
            Displacements in Angstrom; atoms as in `Structure.supercell`.

        Raises
        ------
        InvalidArgumentError
            The phonon is not periodic in the supercell, or both `scale` and `largest` are given.
        """
        if not is_whole(phases, 1):
            raise InvalidArgumentError(f"phases: {phases!r}, expected a positive integer")
        if scale is not None and largest is not None:
            raise InvalidArgumentError("displacements: scale and largest, expected one of them")
        size = 1.0 if scale is None else positive_number(scale, "scale")
        if largest is not None:
            size = positive_number(largest, "largest") / self.radius
        moving = self._amplitudes(supercell)
        check_memory(
            COPIES * 16.0 * phases * moving.size, f"phases: {phases} snapshots of {len(moving)} atoms", "ask for fewer"
        )
        rotation = np.exp(-1j * equidistant_phases(int(phases)))[:, None, None]
        moved = rotation * (size * moving)
        return frozen(np.ascontiguousarray(moved.real))

    def _amplitudes(self, supercell: ArrayLike | None) -> Complex:
        """Amplitudes of all atoms of a supercell, (n, 3)."""
        wide, cells = cells_in_supercell(np.eye(3) if supercell is None else supercell, 3)
        winding = wide @ self.q
        row = int(np.argmax(np.abs(winding - np.rint(winding))))
        # q = 1/3 may be given with the seven digits of a file
        if abs(winding[row] - np.rint(winding[row])) > 1e-6:
            raise InvalidArgumentError(
                f"phonon: q = {self.q.tolist()} does not fit the supercell: q . R = {winding[row]:.6g} for the lattice "
                f"vector R = {wide[row].tolist()}, expected an integer"
            )
        phase = np.exp(2j * np.pi * cells @ self.q)
        amplitudes: Complex = (phase[:, None, None] * self.amplitude).reshape(-1, 3)
        return amplitudes

    def snapshots(
        self,
        phases: int = 8,
        *,
        scale: float | None = None,
        largest: float | None = None,
        supercell: ArrayLike | None = None,
    ) -> list[Structure]:
        """Structures at the phases of one period.

        Parameters
        ----------
        phases, scale, largest, supercell
            As in `displacements`.

        Returns
        -------
        list of Structure
        """
        moves = self.displacements(phases, scale=scale, largest=largest, supercell=supercell)
        rest = self.structure if supercell is None else self.structure.supercell(supercell)
        return [rest.displaced(move) for move in moves]


def vector_text(vector: Float) -> str:
    """Vector as text, for messages."""
    return "(" + ", ".join(f"{x:.6g}" for x in vector + 0.0) + ")"
