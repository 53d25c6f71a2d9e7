"""Displacements of single atoms along Cartesian axes, and the phonons at q = 0 from the forces that they cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES
from adiabloch.linalg import eigh_batch
from adiabloch.models.deformation_arrays import difference_weights
from adiabloch.models.deformation_checks import checked_steps
from adiabloch.models.phonon_modes import Modes
from adiabloch.models.structure_html import displacements_html
from adiabloch.models.structures import Structure
from adiabloch.names import suggests
from adiabloch.scalars import is_whole
from adiabloch.units import HBAR_SQUARED_PER_DALTON

REST = "rest"
"""Name of the crystal at rest."""


@suggests()
@dataclass(frozen=True, eq=False)
class AtomicDisplacements:
    """Displacements of the atoms of a crystal, one atom and one Cartesian axis at a time, by +step and -step.

    Parameters
    ----------
    structure : Structure
        The crystal at rest.
    step : float or sequence of float
        Displacement in Angstrom; with several steps, derivatives are extrapolated and have an error.
    axes : str
        Cartesian axes of the displacements. "xy" for a layer whose modes in the plane are wanted.
    atoms : sequence of int, optional
        Atoms that are displaced; all by default.

    Raises
    ------
    InvalidArgumentError
        Steps that are not positive, or atoms and axes that the crystal does not have.

    Examples
    --------
    >>> import adiabloch as ab
    >>> crystal = ab.models.Structure([[2.5, 0, 0], [-1.25, 2.165, 0], [0, 0, 12]], ["C"], [[0, 0, 0]], [12.011])
    >>> moved = ab.models.AtomicDisplacements(crystal, step=0.02, axes="xy")
    >>> list(moved.structures)
    ['rest', '0x-0.02', '0x+0.02', '0y-0.02', '0y+0.02']
    """

    structure: Structure
    steps: tuple[float, ...]
    axes: str
    atoms: tuple[int, ...]

    def __init__(
        self,
        structure: Structure,
        step: float | Sequence[float] = 0.02,
        *,
        axes: str = "xyz",
        atoms: Sequence[int] | None = None,
    ) -> None:
        if not isinstance(structure, Structure):
            raise InvalidArgumentError(f"structure: expected a Structure, got {type(structure).__name__}")
        count = len(structure.symbols)
        chosen = range(count) if atoms is None else list(atoms) if np.iterable(atoms) else [atoms]
        if not chosen or len(set(chosen)) < len(chosen) or not all(is_whole(a, 0) and a < count for a in chosen):
            raise InvalidArgumentError(f"atoms: {atoms!r}, expected different numbers from 0 to {count - 1}")
        if not isinstance(axes, str) or not axes or len(set(axes)) < len(axes) or not set(axes) <= set(AXES):
            raise InvalidArgumentError(f"axes: {axes!r}, expected Cartesian axes such as 'xyz' or 'xy'")
        object.__setattr__(self, "structure", structure)
        object.__setattr__(self, "steps", checked_steps(step))
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "atoms", tuple(map(int, chosen)))

    def __repr__(self) -> str:
        steps = ", ".join(f"{step:g}" for step in self.steps)
        return f"AtomicDisplacements({len(self.patterns)} by {steps} Angstrom, {len(self.structures)} structures)"

    _repr_html_ = displacements_html

    @property
    def patterns(self) -> dict[str, Float]:
        """Displacements of all atoms for a unit of each displacement, "0x", "0y", ..., (n, 3)."""
        count = len(self.structure.symbols)
        return {
            f"{atom}{axis}": np.outer(np.arange(count) == atom, np.array(list(AXES)) == axis).astype(float)
            for atom in self.atoms
            for axis in self.axes
        }

    @property
    def pairs(self) -> dict[str, list[tuple[str, str]]]:
        """Names of the structures at minus and plus each step, by displacement."""
        return {name: [(f"{name}-{step:g}", f"{name}+{step:g}") for step in self.steps] for name in self.patterns}

    @property
    def structures(self) -> dict[str, Structure]:
        """The crystal at rest, "rest", and the displaced crystals by name."""
        found = {REST: self.structure}
        for name, pattern in self.patterns.items():
            for step, (minus, plus) in zip(self.steps, self.pairs[name], strict=True):
                found[minus] = self.structure.displaced(-step * pattern)
                found[plus] = self.structure.displaced(step * pattern)
        return found

    def modes(self, forces: Mapping[str, ArrayLike]) -> Modes:
        """Phonons at q = 0 from the forces on the atoms of the displaced crystals.

        Parameters
        ----------
        forces : mapping {str: (n, 3) array_like}
            Forces in eV/Angstrom for each of `structures`; that of the crystal at rest is not needed.

        Returns
        -------
        Modes
            One mode for each displacement, in ascending order. Force constants are symmetrized, and a displacement of
            the whole crystal causes no force. There is no splitting of longitudinal and transverse modes.

        Raises
        ------
        InvalidArgumentError
            Forces that are missing, or atoms that are not displaced: modes need all of them.
        """
        count, along = len(self.structure.symbols), [AXES.index(axis) for axis in self.axes]
        if sorted(self.atoms) != list(range(count)):
            raise InvalidArgumentError(f"modes: of {count} atoms {len(self.atoms)} are displaced, expected all of them")
        missing = [name for several in self.pairs.values() for pair in several for name in pair if name not in forces]
        if missing:
            raise InvalidArgumentError(f"forces: none for {', '.join(missing)}, expected those of all displacements")
        weights = difference_weights(self.steps)
        known = {name: checked(forces[name], f"forces: {name}", (count, 3))[:, along] for name in forces}
        rows = {
            name: -sum(w * (known[plus] - known[minus]) for w, (minus, plus) in zip(weights, several, strict=True))
            for name, several in self.pairs.items()
        }
        constants = np.array([[rows[f"{atom}{axis}"] for axis in self.axes] for atom in range(count)])
        d = len(along)
        constants = 0.5 * (constants + constants.transpose(2, 3, 0, 1))
        # the force on an atom at rest in a crystal that moves as a whole
        for atom in range(count):
            own = constants[atom, :, atom] - constants[atom].sum(axis=1)
            constants[atom, :, atom] = 0.5 * (own + own.T)
        roots = np.sqrt(self.structure.masses)
        dynamical = constants / (roots[:, None, None, None] * roots[None, None, :, None])
        squares, vectors = eigh_batch(dynamical.reshape(count * d, count * d))
        # translations, up to rounding
        squares[np.abs(squares) < 1e-12 * np.abs(squares).max()] = 0.0
        energies = np.sign(squares) * np.sqrt(np.abs(squares) * HBAR_SQUARED_PER_DALTON)
        eigenvectors = np.zeros((count * d, count, 3))
        eigenvectors[..., along] = vectors.T.real.reshape(-1, count, d)
        return Modes(self.structure, np.zeros(3), energies, eigenvectors)
