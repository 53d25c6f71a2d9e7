"""Dynamical matrices of `ph.x` of Quantum ESPRESSO in XML, written if the name `fildyn` ends in .xml."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn
from xml.etree import ElementTree

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import AdiablochError
from adiabloch.io.text_lines import LineReader
from adiabloch.io.text_numbers import parse_words, shown
from adiabloch.models import Structure
from adiabloch.units import BOHR, ELECTRON_MASS, HBAR_SQUARED_PER_DALTON, THZ, WAVENUMBER

RYDBERG_MASS = 2.0 * ELECTRON_MASS * HBAR_SQUARED_PER_DALTON
"""Unit of mass of Rydberg atomic units in dalton: two electron masses."""
RYDBERG = 0.5 / (ELECTRON_MASS * BOHR**2)
"""Rydberg energy in eV."""
EIGENVALUE_TOLERANCE = 1e-3
"""Largest residual of the modes as eigenvectors of a matrix, relative to its largest eigenvalue."""


@dataclass(frozen=True, eq=False)
class DynamicalMatrix:
    """Crystal structure and modes of a file."""

    structure: Structure
    """Crystal structure."""
    q: Float
    """Wave vector of the modes in reduced coordinates, (3,)."""
    energies: Float
    """Quanta in eV, (3 n,)."""
    displacements: Complex
    """Displacements of the modes, (3 n, n, 3)."""
    refuse: Callable[[str], NoReturn]
    """Function that raises an error about the modes."""


def is_dynamical_matrix(text: str) -> bool:
    """Return True if a text seems to be a dynamical matrix in XML."""
    head = text[:4000]
    return head.lstrip("\ufeff\ufffd \n\t").startswith("<?xml") or "<GEOMETRY_INFO" in head


def read_dynamical_matrix(file: LineReader, text: str) -> DynamicalMatrix:
    """Read the crystal structure and the modes of a file.

    Raises
    ------
    FileFormatError
        The file is malformed, contains no modes, or contains the modes of another matrix.
    """
    node = _Node(file, _root(file, text))
    geometry = node.child("GEOMETRY_INFO")
    types = geometry.integer("NUMBER_OF_TYPES")
    atoms = geometry.integer("NUMBER_OF_ATOMS")
    unit = float(geometry.numbers("CELL_DIMENSIONS", 6)[0]) * BOHR
    if not 0 < unit < 1e4:
        geometry.refuse(f"CELL_DIMENSIONS: {unit:g} Angstrom, expected a length")
    symbols = [geometry.child(f"TYPE_NAME.{at + 1}").text().capitalize() for at in range(types)]
    masses = [float(geometry.numbers(f"MASS.{at + 1}", 1)[0]) for at in range(types)]
    kinds, positions = [], np.empty((atoms, 3))
    for at in range(atoms):
        atom = geometry.child(f"ATOM.{at + 1}")
        kinds.append(atom.integer_attribute("INDEX", types) - 1)
        positions[at] = atom.numbers_attribute("TAU", 3)
    vectors = geometry.numbers("AT", 9).reshape(3, 3)
    try:
        names = [re.sub(r"[^A-Za-z].*", "", symbols[kind]) for kind in kinds]
        structure = Structure(unit * vectors, names, unit * positions, [masses[kind] for kind in kinds])
    except AdiablochError as reason:
        geometry.refuse(str(reason))
    if node.element.find("FREQUENCIES_THZ_CMM1") is None:
        node.refuse("lacks FREQUENCIES_THZ_CMM1, expected the modes of ph.x")
    modes = node.child("FREQUENCIES_THZ_CMM1")
    energies, moved = np.empty(3 * atoms), np.empty((3 * atoms, atoms, 3), dtype=np.complex128)
    for at in range(3 * atoms):
        terahertz, wavenumber = modes.numbers(f"OMEGA.{at + 1}", 2)
        if abs(terahertz * THZ - wavenumber * WAVENUMBER) > 1e-6 * abs(terahertz) * THZ + 1e-12:
            modes.refuse(f"OMEGA.{at + 1}: {terahertz} THz and {wavenumber} 1/cm, expected the same frequency")
        energies[at] = wavenumber * WAVENUMBER
        moved[at] = modes.numbers(f"DISPLACEMENT.{at + 1}", 6 * atoms).view(np.complex128).reshape(atoms, 3)
    if modes.element.find(f"OMEGA.{3 * atoms + 1}") is not None:
        modes.refuse(f"more than {3 * atoms} modes, expected those of {atoms} atoms")
    q = _wave(node, structure, energies, moved)
    return DynamicalMatrix(structure, vectors @ q, energies, moved, modes.refuse)


def _root(file: LineReader, text: str) -> ElementTree.Element:
    """Parse the XML text; document types and entities are rejected."""
    start = text.find("<")
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        file.refuse("an XML document type, expected a dynamical matrix of ph.x, which has none", line=1)
    try:
        return ElementTree.fromstring(text[max(start, 0) :])
    except ElementTree.ParseError as reason:
        line = 1 + text[: max(start, 0)].count("\n") + reason.position[0] - 1
        file.refuse(f"not XML ({reason}), expected a dynamical matrix of ph.x", line=min(line, len(file.lines)))


def _wave(node: _Node, structure: Structure, energies: Float, moved: Complex) -> Float:
    """Wave vector, in units of 2 pi/alat, of the matrix whose eigenvectors are the modes.

    A file contains the matrices of all wave vectors of a star, but the modes of one of them.
    """
    atoms = len(structure.symbols)
    roots = np.repeat(np.sqrt(structure.masses / RYDBERG_MASS), 3)
    vectors = moved.reshape(3 * atoms, -1) * roots
    squares = np.sign(energies) * (energies / RYDBERG) ** 2
    waves, far = [], []
    for number in range(1, 10**4):
        name = f"DYNAMICAL_MAT_.{number}"
        if node.element.find(name) is None:
            break
        matrix = node.child(name)
        waves.append(matrix.numbers("Q_POINT", 3))
        D = np.empty((atoms, 3, atoms, 3), dtype=np.complex128)
        for i in range(atoms):
            for j in range(atoms):
                block = matrix.numbers(f"PHI.{i + 1}.{j + 1}", 18).view(np.complex128)
                # the first index of Fortran runs fastest
                D[i, :, j] = block.reshape(3, 3).T
        flat = D.reshape(3 * atoms, -1) / roots[:, None] / roots
        flat = 0.5 * (flat + flat.conj().T)
        missed = vectors @ flat.T - squares[:, None] * vectors
        sizes = np.sqrt((np.abs(vectors) ** 2).sum(axis=1))
        far.append(float((np.sqrt((np.abs(missed) ** 2).sum(axis=1)) / sizes).max() / np.abs(squares).max()))
    if not waves:
        node.refuse("lacks DYNAMICAL_MAT_.1, expected a dynamical matrix of ph.x")
    best = int(np.argmin(far))
    if not far[best] <= EIGENVALUE_TOLERANCE:
        node.refuse(
            f"modes that are not those of its matrix, by {far[best]:.1e} of the largest squared frequency, expected "
            "the eigenvectors of the matrix"
        )
    return waves[best]


@dataclass(frozen=True, eq=False)
class _Node:
    """Element of the XML tree; errors name it."""

    file: LineReader
    element: ElementTree.Element
    name: str = ""

    def refuse(self, message: str) -> NoReturn:
        """Raise an error that names the file and the element."""
        self.file.refuse(f"{self.name + ': ' if self.name else ''}{message}", line=self._line())

    def _line(self) -> int:
        """Approximate line of the element: names occur once, except for those in the matrices of a star."""
        tag = f"<{self.name.rpartition('/')[2]}"
        return next((at for at, line in enumerate(self.file.lines, start=1) if self.name and tag in line), 1)

    def child(self, tag: str) -> _Node:
        """Child element with a tag."""
        found = self.element.find(tag)
        if found is None:
            self.refuse(f"lacks {tag}, expected a dynamical matrix of ph.x")
        return _Node(self.file, found, f"{self.name}/{tag}" if self.name else tag)

    def text(self) -> str:
        """Text of the element."""
        return (self.element.text or "").strip()

    def numbers(self, tag: str, count: int) -> Float:
        """Read `count` numbers from a child element; the parts of complex numbers are separated by commas."""
        return self._numbers(tag, self.child(tag).text(), count)

    def numbers_attribute(self, name: str, count: int) -> Float:
        """Read `count` numbers from an attribute."""
        return self._numbers(name, self.element.get(name, ""), count)

    def integer(self, tag: str) -> int:
        """Read a positive integer from a child element."""
        return self._integer(tag, self.numbers(tag, 1)[0], 10**4)

    def integer_attribute(self, name: str, largest: int) -> int:
        """Read a positive integer from an attribute."""
        return self._integer(name, self.numbers_attribute(name, 1)[0], largest)

    def _integer(self, name: str, number: float, largest: int) -> int:
        """Convert a number to an integer from 1 to `largest`."""
        if number != round(number) or not 1 <= number <= largest:
            self.refuse(f"{name}: {number:g}, expected an integer from 1 to {largest}")
        return int(number)

    def _numbers(self, name: str, text: str, count: int) -> Float:
        """Convert a text to `count` numbers."""
        words = text.replace(",", " ").replace("(", " ").replace(")", " ").split()
        found = parse_words([words]) if words else np.zeros((1, 0))
        # comparisons with NaN are false
        if found.shape != (1, count) or not (np.abs(found) < 1e9).all():
            self.refuse(f"{name}: {shown(' '.join(words))}, expected {count} numbers")
        return np.ascontiguousarray(found[0])
