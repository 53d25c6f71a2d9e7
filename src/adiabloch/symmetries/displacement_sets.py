"""Fewest displacements of the atoms of a crystal from which those of all atoms follow by symmetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError, MissingExtraError
from adiabloch.lattice import AXES
from adiabloch.models import AtomicDisplacements, Modes, Structure
from adiabloch.models.atomic_displacements import REST
from adiabloch.names import checked_call, suggests
from adiabloch.symmetries.displacement_images import Expansion, Key, expanded, images_of_atoms, largest_factor
from adiabloch.symmetries.find import STRUCTURE_TOLERANCE, operations_of_structure
from adiabloch.symmetries.html import symmetric_displacements_html
from adiabloch.symmetries.operations import Operation

LETTERS = "abcdefghijklmnopqrstuvwxyz"
"""Names of the directions in which an atom is displaced."""

LARGEST_AMPLIFICATION = 2.0
"""Largest factor by which errors may enter a displacement that is a sum of images."""


@suggests("full", "given", "expansion")
@dataclass(frozen=True, eq=False)
class SymmetricDisplacements:
    """Displacements of some atoms of a crystal, from which those of all atoms follow by symmetry.

    Made by `adiabloch.symmetric_displacements`, and used as `models.AtomicDisplacements`, for fewer calculations.
    """

    full: AtomicDisplacements
    """Displacements of all atoms along the Cartesian axes."""
    directions: Mapping[str, tuple[int, Float, tuple[int, ...]]]
    """Atom, direction (3,) and signs of each displacement that is calculated, "0a", "0b", "1a", ...."""
    operations: tuple[Operation, ...]
    """Symmetry operations of the crystal at rest."""

    _repr_html_ = symmetric_displacements_html

    def __repr__(self) -> str:
        steps = ", ".join(f"{step:g}" for step in self.steps)
        return (
            f"SymmetricDisplacements({len(self.full.patterns)} by {steps} Angstrom, {len(self.structures)} structures "
            f"in place of {len(self.full.structures)})"
        )

    @property
    def structure(self) -> Structure:
        """The crystal at rest."""
        return self.full.structure

    @property
    def steps(self) -> tuple[float, ...]:
        """Lengths of the displacements, in Angstrom."""
        return self.full.steps

    @property
    def patterns(self) -> dict[str, Float]:
        """Displacements of all atoms for a unit of each displacement, "0x", "0y", ..., (n, 3)."""
        return self.full.patterns

    @property
    def calculated(self) -> dict[Key, list[str]]:
        """Names of the structures that are calculated, one for each step, by displacement and sign."""
        return {
            (name, sign): [f"{name}{'+' if sign > 0 else '-'}{step:g}" for step in self.steps]
            for name, (_, _, signs) in self.directions.items()
            for sign in signs
        }

    @property
    def structures(self) -> dict[str, Structure]:
        """The crystal at rest, "rest", and the displaced crystals that are calculated, by name."""
        found = {REST: self.structure}
        for key, names in self.calculated.items():
            for step, name in zip(self.steps, names, strict=True):
                found[name] = self.structure.displaced(step * self._given[key])
        return found

    @cached_property
    def expansion(self) -> Expansion:
        """Images of the calculated displacements, and those of all atoms as sums of them.

        Raises
        ------
        InvalidArgumentError
            Displacements that do not follow by symmetry.
        """
        return expanded(
            self.structure.vectors, self.structure.positions, self.operations, self._given, self.full.patterns
        )

    @property
    def _given(self) -> dict[Key, Float]:
        """Displacement of each atom in the calculated crystals for a unit step, (n, 3)."""
        atoms = np.arange(len(self.structure.symbols))
        return {
            (name, sign): sign * np.outer(atoms == atom, direction)
            for name, (atom, direction, signs) in self.directions.items()
            for sign in signs
        }

    def modes(self, forces: Mapping[str, ArrayLike]) -> Modes:
        """Phonons at q = 0 from the forces on the atoms of the displaced crystals.

        Parameters
        ----------
        forces : mapping {str: (n, 3) array_like}
            Forces in eV/Angstrom for each of `structures`; that of the crystal at rest is not needed.

        Returns
        -------
        Modes
            As of `models.AtomicDisplacements.modes`.

        Raises
        ------
        InvalidArgumentError
            Forces that are missing.
        """
        missing = [name for names in self.calculated.values() for name in names if name not in forces]
        if missing:
            raise InvalidArgumentError(f"forces: none for {', '.join(missing)}, expected those of all displacements")
        count = len(self.structure.symbols)
        known = {name: checked(forces[name], f"forces: {name}", (count, 3)) for name in forces}
        odd: dict[str, list[Float]] = {}
        for name, pair in self.expansion.pairs.items():
            before, after = (self._turned(image.back, image.source, known) for image in pair.images)
            odd[name] = [0.5 * (plus - minus) for minus, plus in zip(before, after, strict=True)]
        found = {}
        for name, names in self.full.pairs.items():
            parts = self.expansion.coefficients[name]
            for number, (minus, plus) in enumerate(names):
                found[plus] = np.sum([c * odd[image][number] for image, c in parts.items()], axis=0)
                found[minus] = -found[plus]
        return self.full.modes(found)

    def _turned(self, back: Operation, source: Key, forces: Mapping[str, Float]) -> list[Float]:
        """Forces in an image, for each step."""
        atoms = images_of_atoms(self.structure.vectors, self.structure.positions, back)
        assert atoms is not None
        return [forces[name][atoms] @ back.rotation for name in self.calculated[source]]


@checked_call
def symmetric_displacements(
    structure: Structure,
    step: float | Sequence[float] = 0.02,
    *,
    axes: str = "xyz",
    magnetic_moments: ArrayLike | None = None,
    tolerance: float = STRUCTURE_TOLERANCE,
) -> SymmetricDisplacements:
    """Displacements of phonopy, from which those of all atoms follow by the symmetry of the crystal.

    Parameters
    ----------
    structure : Structure
        The crystal at rest.
    step : float or sequence of float
        Displacement in Angstrom; with several steps, derivatives are extrapolated and have an error.
    axes : str
        Cartesian axes of the displacements that are wanted: "xyz", or "xy" for a layer.
    magnetic_moments : array_like, shape (n, 3) or (n,), optional
        Of a magnet: Cartesian magnetic moments of the atoms in any unit, numbers along z. Only operations that leave
        them unchanged without time reversal make images, since an operation with time reversal takes the plane waves
        of one wave vector to those of another one.
    tolerance : float
        Distance in Angstrom between equivalent atoms.

    Returns
    -------
    SymmetricDisplacements

    Raises
    ------
    InvalidArgumentError
        Axes that symmetry mixes with others.
    MissingExtraError
        phonopy is not installed.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cell = [[2.504, 0, 0], [-1.252, 2.1685, 0], [0, 0, 12]]
    >>> nitride = ab.models.Structure(cell, ["B", "N"], [[0, 1.4457, 0], [1.252, 0.7228, 0]], [10.81, 14.007])
    >>> ab.symmetric_displacements(nitride, axes="xy", tolerance=1e-3)
    SymmetricDisplacements(4 by 0.02 Angstrom, 3 structures in place of 9)
    """
    full = AtomicDisplacements(structure, step, axes=axes)
    operations = operations_of_structure(structure, tolerance, magnetic_moments)
    if magnetic_moments is not None:
        return _of_magnet(full, operations)
    across = [axis for axis, name in enumerate(AXES) if name not in axes]
    single, diagonal = (_of_phonopy(structure, tolerance, diagonal=diagonal) for diagonal in (False, True))
    # a layer is not displaced across its plane if this is not wanted
    within = [(atom, v) for atom, v in single if np.abs(v[across]).max(initial=0.0) < 1e-6]
    sets = [SymmetricDisplacements(full, _named(chosen), operations) for chosen in (within, diagonal, single)]
    possible = [one for one in sets if _amplification(one) < LARGEST_AMPLIFICATION]
    if not possible:
        # says what is missing
        _ = sets[-1].expansion
    return min(possible or sets[-1:], key=lambda one: len(one.structures))


def _of_magnet(full: AtomicDisplacements, operations: tuple[Operation, ...]) -> SymmetricDisplacements:
    """Displacements along the axes, each one that does not follow from those before it, and signs that are needed."""
    chosen: list[tuple[int, Float]] = []
    for pattern in full.patterns.values():
        atom = int(np.argmax(np.abs(pattern).sum(axis=1)))
        both = [(atom, pattern[atom]), (atom, -pattern[atom])]
        if not _follow(full, operations, chosen, {"": pattern}):
            chosen += both
    for one in chosen[1::2]:
        fewer = [other for other in chosen if other is not one]
        if _follow(full, operations, fewer, full.patterns):
            chosen = fewer
    return SymmetricDisplacements(full, _named(chosen), operations)


def _follow(
    full: AtomicDisplacements,
    operations: tuple[Operation, ...],
    chosen: Sequence[tuple[int, Float]],
    wanted: Mapping[str, Float],
) -> bool:
    """Return True if displacements are sums of images of others, without large coefficients."""
    one = SymmetricDisplacements(full, _named(chosen), operations)
    crystal = full.structure
    try:
        found = expanded(crystal.vectors, crystal.positions, operations, one._given, wanted)
    except InvalidArgumentError:
        return False
    return largest_factor(found) < LARGEST_AMPLIFICATION


def _named(displacements: Sequence[tuple[int, Float]]) -> dict[str, tuple[int, Float, tuple[int, ...]]]:
    """Atom, direction and signs of displacements by name; opposite ones have one name."""
    found: dict[str, tuple[int, Float, tuple[int, ...]]] = {}
    for atom, direction in displacements:
        own = [name for name, (other, _, _) in found.items() if other == atom]
        opposite = [name for name in own if np.abs(found[name][1] + direction).max() < 1e-6]
        if opposite:
            found[opposite[0]] = atom, found[opposite[0]][1], (-1, 1)
        else:
            found[f"{atom}{LETTERS[len(own)]}"] = atom, direction, (1,)
    return found


def _amplification(displacements: SymmetricDisplacements) -> float:
    """Largest factor by which errors of the images enter a displacement; infinite if they do not span it."""
    try:
        return largest_factor(displacements.expansion)
    except InvalidArgumentError:
        return np.inf


def _of_phonopy(structure: Structure, tolerance: float, diagonal: bool) -> list[tuple[int, Float]]:
    """Atoms and directions (3,) of the displacements of phonopy."""
    try:
        from phonopy import Phonopy
        from phonopy.structure.atoms import PhonopyAtoms
    except ImportError:
        raise MissingExtraError("symmetric_displacements needs phonopy: pip install 'adiabloch[phonons]'") from None
    atoms = PhonopyAtoms(
        symbols=list(structure.symbols),
        cell=structure.vectors,
        positions=structure.positions,
        masses=structure.masses,
    )
    phonon: Any = Phonopy(atoms, np.eye(3, dtype=int), primitive_matrix=np.eye(3), symprec=tolerance, log_level=0)
    phonon.generate_displacements(distance=1.0, is_plusminus="auto", is_diagonal=diagonal)
    return [(int(one["number"]), np.asarray(one["displacement"], float)) for one in phonon.dataset["first_atoms"]]
