"""Crystal structures, their phonon modes, and phonons that turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.lattice import Lattice
from adiabloch.linalg import eigh_batch
from adiabloch.models.hoppings import cells_in_supercell
from adiabloch.units import HBAR_SQUARED_PER_DALTON, THZ, WAVENUMBER

FAINT = 1e-4
"""Angular momenta below, in hbar, are none: files of modes have six digits."""


@dataclass(frozen=True, eq=False)
class Structure:
    """A crystal's cell and the atoms in it.

    Parameters
    ----------
    vectors : array_like, shape (3, 3)
        Lattice vectors as rows, in Angstrom.
    symbols : sequence of str
        Chemical symbols of the n atoms.
    positions : array_like, shape (n, 3)
        Cartesian, in Angstrom.
    masses : array_like, shape (n,)
        In dalton.

    Raises
    ------
    InvalidModelError
        Shapes that do not fit, vectors that span no cell, masses that are not positive.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cell = [[2.504, 0, 0], [-1.252, 2.1685, 0], [0, 0, 12]]
    >>> ab.models.Structure(cell, ["B", "N"], [[0, 1.4457, 0], [1.252, 0.7228, 0]], [10.81, 14.007])
    Structure(2 atoms: B N)
    """

    vectors: Float
    symbols: tuple[str, ...]
    positions: Float
    masses: Float

    def __init__(self, vectors: ArrayLike, symbols: Sequence[str], positions: ArrayLike, masses: ArrayLike) -> None:
        names = tuple(map(str, symbols))
        weights = checked(masses, "masses", (len(names),))
        if not names:
            raise InvalidModelError("structure: no atoms, expected at least one")
        if not (weights > 0).all():
            raise InvalidModelError(f"masses: {weights.tolist()}, expected positive numbers")
        cell = Lattice(checked(vectors, "lattice vectors", (3, 3)))
        object.__setattr__(self, "vectors", cell.vectors)
        object.__setattr__(self, "symbols", names)
        object.__setattr__(self, "positions", checked(positions, "positions", (len(names), 3)))
        object.__setattr__(self, "masses", weights)

    def __repr__(self) -> str:
        shown = " ".join(self.symbols[:8]) + (" ..." if len(self.symbols) > 8 else "")
        return f"Structure({len(self.symbols)} atom{'s' * (len(self.symbols) > 1)}: {shown})"

    @property
    def lattice(self) -> Lattice:
        """The Bravais lattice."""
        return Lattice(self.vectors)

    def displaced(self, displacements: ArrayLike) -> Structure:
        """The same crystal with its atoms moved.

        Parameters
        ----------
        displacements : array_like, shape (n, 3)
            Cartesian, in Angstrom.

        Returns
        -------
        Structure
        """
        moves = checked(displacements, "displacements", self.positions.shape)
        return replace(self, positions=self.positions + moves)

    def supercell(self, matrix: ArrayLike) -> Structure:
        """The same crystal in a larger cell.

        Parameters
        ----------
        matrix : array_like, shape (3, 3), integers
            Rows are the new lattice vectors in terms of the old ones.

        Returns
        -------
        Structure
            With |det matrix| copies of the atoms, copy by copy, as in `TightBinding.supercell`.
        """
        wide, cells = _copies(matrix)
        places = (cells @ self.vectors)[:, None] + self.positions
        copies = len(cells)
        return Structure(
            wide @ self.vectors, self.symbols * copies, places.reshape(-1, 3), np.tile(self.masses, copies)
        )


def _copies(matrix: ArrayLike) -> tuple[Float, Float]:
    """A supercell's vectors in terms of the cell's, and the cells in it."""
    wide = checked(matrix, "supercell", (3, 3))
    if round(abs(float(np.linalg.det(wide)))) == 0 or (wide != np.rint(wide)).any():
        raise InvalidArgumentError(f"supercell: expected independent integer rows, got {wide.tolist()}")
    return wide, cells_in_supercell(wide).astype(float)


@dataclass(frozen=True, eq=False)
class Modes:
    r"""Phonon modes of a crystal at one wave vector.

    Atom kappa of cell R moves by :math:`e_\kappa \exp(i q R)/\sqrt{m_\kappa}`: the phase is that of the cell R, not of
    the place of the atom.

    Parameters
    ----------
    structure : Structure
    q : array_like, shape (3,)
        Wave vector in reduced coordinates.
    quanta : array_like, shape (modes,)
        hbar omega in eV. A negative number stands for an imaginary frequency: the crystal is unstable.
    eigenvectors : array_like, shape (modes, n, 3), complex
        Of the dynamical matrix: orthonormal, with the square roots of the masses in them.

    Raises
    ------
    InvalidModelError
        Shapes that do not fit, eigenvectors that are not orthonormal.
    """

    structure: Structure
    q: Float
    quanta: Float
    eigenvectors: Complex

    def __init__(self, structure: Structure, q: ArrayLike, quanta: ArrayLike, eigenvectors: ArrayLike) -> None:
        if not isinstance(structure, Structure):
            raise InvalidModelError(f"structure: expected a Structure, got {type(structure).__name__}")
        energies = checked(quanta, "quanta", (None,))
        vectors = checked(eigenvectors, "eigenvectors", (len(energies), len(structure.symbols), 3), complex)
        flat = vectors.reshape(len(energies), -1)
        defect = np.abs(flat.conj() @ flat.T - np.eye(len(energies))).max(initial=0.0)
        if not len(energies) or defect > 1e-3:
            raise InvalidModelError(
                f"eigenvectors: {len(energies)}, orthonormal but for {defect:.1e}; expected one or more, orthonormal"
            )
        object.__setattr__(self, "structure", structure)
        object.__setattr__(self, "q", checked(q, "q", (3,)))
        object.__setattr__(self, "quanta", energies)
        object.__setattr__(self, "eigenvectors", vectors)

    @property
    def frequencies(self) -> Float:
        """In THz (omega/2 pi); negative ones are imaginary."""
        return frozen(np.asarray(self.quanta / THZ))

    def __repr__(self) -> str:
        low, high = self.frequencies.min(), self.frequencies.max()
        return f"Modes({len(self.quanta)} at q = {_shown(self.q)}, {low:.2f} to {high:.2f} THz)"

    def __str__(self) -> str:
        rows = [
            f"{number:4d}  {quantum / THZ:10.4f}  {quantum / WAVENUMBER:10.2f}  {1e3 * quantum:10.3f}"
            for number, quantum in enumerate(self.quanta)
        ]
        return "\n".join([f"{'q = ' + _shown(self.q)}", "mode         THz       cm^-1         meV", *rows])

    def circular_phonon(
        self, number: int, axis: ArrayLike = (0.0, 0.0, 1.0), sense: int = 1, tolerance: float = 1e-3
    ) -> Phonon:
        r"""The phonon with the largest angular momentum about an axis among the modes degenerate with a given one.

        Parameters
        ----------
        number : int
            A mode, counted from 0.
        axis : array_like, shape (3,)
            Cartesian direction.
        sense : int
            1: anticlockwise about the axis, -1: clockwise.
        tolerance : float
            Modes whose quanta differ less than this, relative to that of mode `number`, are taken as degenerate.

        Returns
        -------
        Phonon
            Of unit quantum, the mean of the degenerate ones.

        Raises
        ------
        InvalidArgumentError
            No such mode, an imaginary or vanishing frequency, no angular momentum of that sense about that axis, or
            several combinations with the same.

        Notes
        -----
        It diagonalises :math:`L_{ab} = -i \sum_\kappa n \cdot (e^*_{a\kappa} \times e_{b\kappa})` among the degenerate
        modes, n being the axis.
        """
        count = len(self.quanta)
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 0 <= number < count:
            raise InvalidArgumentError(f"mode: {number!r}, expected one of 0..{count - 1}")
        if sense not in (1, -1):
            raise InvalidArgumentError(f"sense: {sense!r}, expected 1 (anticlockwise) or -1 (clockwise)")
        about = checked(axis, "axis", (3,))
        length = float(np.sqrt(about @ about))
        if length == 0.0:
            raise InvalidArgumentError("axis: a vector of length 0, expected a direction")
        if not 0 <= tolerance < 1:
            raise InvalidArgumentError(f"tolerance: {tolerance!r}, expected a number from 0 to 1")
        quantum = float(self.quanta[number])
        # acoustic modes at q = 0 vanish but for the digits of files
        if quantum <= 1e-5 * np.abs(self.quanta).max():
            raise InvalidArgumentError(
                f"mode {number} has the frequency {quantum / THZ:.4g} THz, expected a positive one: "
                + ("imaginary ones do not oscillate" if quantum < 0 else "this one only shifts the crystal")
            )
        group = np.flatnonzero(np.abs(self.quanta - quantum) <= tolerance * quantum)
        e = self.eigenvectors[group]
        L = -1j * np.einsum("x,xyz,aky,bkz->ab", about / length, _LEVI_CIVITA, e.conj(), e)
        values, mixing = eigh_batch(0.5 * (L + L.conj().T))
        best = -1 if sense > 0 else 0
        self._check_turns(sense * values[::sense], group, about, sense)
        amplitude = np.tensordot(mixing[:, best], e, axes=1)
        mean = float(self.quanta[group].mean())
        scale = np.sqrt(2.0 * HBAR_SQUARED_PER_DALTON / (mean * self.structure.masses))
        return Phonon(self.structure, self.q, mean, _in_phase(scale[:, None] * amplitude))

    def _check_turns(self, momenta: Float, group: Integer, about: Float, sense: int) -> None:
        """Whether the last of ascending angular momenta is one, and only one."""
        which = f"mode{'s' * (len(group) > 1)} {', '.join(map(str, group))} at q = {_shown(self.q)}"
        if momenta[-1] < FAINT:
            raise InvalidArgumentError(
                f"{which}: angular momentum {sense * momenta[-1]:.1e} hbar about {_shown(about)}, expected "
                f"{'anticlockwise' if sense > 0 else 'clockwise'} motion; it takes degenerate modes, or a wave vector "
                "other than 0 (a larger tolerance takes more modes together, an LO-TO splitting parts them)"
            )
        if len(group) > 1 and momenta[-1] - momenta[-2] < FAINT:
            raise InvalidArgumentError(
                f"{which}: several combinations have the angular momentum {sense * momenta[-1]:.4f} hbar about "
                f"{_shown(about)}, expected one; a smaller tolerance takes fewer modes together"
            )


def _shown(vector: Float) -> str:
    return "(" + ", ".join(f"{x:.6g}" for x in vector + 0.0) + ")"


def _levi_civita() -> Float:
    symbol = np.zeros((3, 3, 3))
    for x, y, z in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        symbol[x, y, z], symbol[x, z, y] = 1.0, -1.0
    return symbol


_LEVI_CIVITA = _levi_civita()


def _in_phase(amplitude: Complex) -> Complex:
    """The same motion with its origin of time where the first atom that moves most is farthest along x (or y, or z)."""
    size = np.sqrt((np.abs(amplitude) ** 2).sum(axis=1))
    # ties are cut the same way whatever the rounding
    atom = amplitude[int(np.argmax(size > 0.99 * size.max()))]
    component = atom[int(np.argmax(np.abs(atom) > 0.5 * np.abs(atom).max()))]
    turned: Complex = amplitude * (component.conj() / np.abs(component))
    return turned


@dataclass(frozen=True, eq=False)
class Phonon:
    r"""One phonon: atom kappa of cell R moves by u = Re[ c_kappa exp(i (q.R - theta)) ] while theta = omega t goes on.

    Parameters
    ----------
    structure : Structure
        The crystal at rest.
    q : array_like, shape (3,)
        Wave vector in reduced coordinates.
    quantum : float
        hbar omega in eV.
    amplitude : array_like, shape (n, 3), complex
        c_kappa in Angstrom, that of one quantum for each cell: the classical energy of the motion is hbar omega, or
        :math:`\sum_\kappa m_\kappa \vert c_\kappa\vert^2 = 2\hbar/\omega`. (1, i, 0) turns anticlockwise about z.

    Raises
    ------
    InvalidModelError
        Shapes that do not fit, a quantum that is not positive, an amplitude of another energy.
    """

    structure: Structure
    q: Float
    quantum: float
    amplitude: Complex

    def __init__(self, structure: Structure, q: ArrayLike, quantum: float, amplitude: ArrayLike) -> None:
        if not isinstance(structure, Structure):
            raise InvalidModelError(f"structure: expected a Structure, got {type(structure).__name__}")
        energy = float(checked(quantum, "quantum", ()))
        if energy <= 0:
            raise InvalidModelError(f"quantum: {energy:g} eV, expected a positive number")
        c = checked(amplitude, "amplitude", structure.positions.shape, complex)
        found = float(structure.masses @ (np.abs(c) ** 2).sum(axis=1)) * energy / (2.0 * HBAR_SQUARED_PER_DALTON)
        if abs(found - 1.0) > 1e-3:
            raise InvalidModelError(f"amplitude: that of {found:.6g} quanta, expected that of one")
        object.__setattr__(self, "structure", structure)
        object.__setattr__(self, "q", checked(q, "q", (3,)))
        object.__setattr__(self, "quantum", energy)
        object.__setattr__(self, "amplitude", c)

    def __repr__(self) -> str:
        turns = _shown(np.round(self.angular_momentum, 6))
        return f"Phonon({self.quantum / THZ:.4f} THz at q = {_shown(self.q)}, angular momentum {turns} hbar)"

    @property
    def angular_momentum(self) -> Float:
        """Of a quantum, in units of hbar, by component (3,): 1 along the axis if all atoms go round in circles."""
        c = self.amplitude
        each = self.quantum / (2.0 * HBAR_SQUARED_PER_DALTON) * np.cross(c.conj(), c).imag
        return frozen(np.asarray(self.structure.masses @ each))

    @property
    def radius(self) -> float:
        """Largest distance of an atom from its place with one quantum in each cell, in Angstrom."""
        c = self.amplitude
        # the longer axis of the ellipse
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
        """Displacements of the atoms while the phonon goes round.

        Parameters
        ----------
        phases : int
            Snapshots N, at theta_j = 2 pi j/N.
        scale : float, optional
            Amplitude in units of that of one quantum for each cell; 1 by default.
        largest : float, optional
            Instead: the largest distance of an atom from its place, in Angstrom.
        supercell : array_like, shape (3, 3), integers, optional
            A cell in which the phonon is periodic: q . R must be an integer for each of its rows R.

        Returns
        -------
        float array, shape (phases, n, 3)
            In Angstrom; atoms as in `Structure.supercell`.

        Raises
        ------
        InvalidArgumentError
            If the phonon does not fit into the supercell, or both sizes are given.
        """
        if isinstance(phases, bool) or not isinstance(phases, int | np.integer) or phases < 1:
            raise InvalidArgumentError(f"phases: {phases!r}, expected a positive integer")
        if scale is not None and largest is not None:
            raise InvalidArgumentError("displacements: scale and largest, expected one of them")
        size = 1.0 if scale is None else _positive(scale, "scale")
        if largest is not None:
            size = _positive(largest, "largest") / self.radius
        theta = 2.0 * np.pi * np.arange(phases) / phases
        turned = np.exp(-1j * theta)[:, None, None] * (size * self._amplitudes(supercell))
        return frozen(np.ascontiguousarray(turned.real))

    def _amplitudes(self, supercell: ArrayLike | None) -> Complex:
        """Of all atoms of a supercell, (n, 3)."""
        wide, cells = _copies(np.eye(3) if supercell is None else supercell)
        winding = wide @ self.q
        row = int(np.argmax(np.abs(winding - np.rint(winding))))
        # a third in the seven digits of a file
        if abs(winding[row] - np.rint(winding[row])) > 1e-6:
            raise InvalidArgumentError(
                f"phonon: q = {self.q.tolist()} does not fit the supercell: q . R = {winding[row]:.6g} for its vector "
                f"{wide[row].tolist()}, expected an integer"
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
        """The crystal at each of the phases.

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


def _positive(value: float, name: str) -> float:
    number = float(checked(value, name, ()))
    if number <= 0:
        raise InvalidArgumentError(f"{name}: {number:g}, expected a positive number")
    return number
