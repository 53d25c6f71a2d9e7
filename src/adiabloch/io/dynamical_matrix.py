"""Dynamical matrices of Quantum ESPRESSO's ph.x as XML, which it writes where the name in fildyn ends in .xml."""

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
"""Rydberg's atomic unit of mass in dalton: two electrons."""
RYDBERG = 0.5 / (ELECTRON_MASS * BOHR**2)
"""eV."""
BELONGS = 1e-3
"""How far the modes may be from those of a matrix, relative to its largest eigenvalue."""


@dataclass(frozen=True, eq=False)
class DynamicalMatrix:
    """What such a file says."""

    structure: Structure
    q: Float
    """Of the modes, reduced coordinates, (3,)."""
    quanta: Float
    """(3 n,) in eV."""
    displacements: Complex
    """(3 n, n, 3)."""
    refuse: Callable[[str], NoReturn]


def is_dynamical_matrix(text: str) -> bool:
    """Whether a text is such a file, or meant to be."""
    head = text[:4000]
    return head.lstrip("\ufeff\ufffd \n\t").startswith("<?xml") or "<GEOMETRY_INFO" in head


def read_dynamical_matrix(file: LineReader, text: str) -> DynamicalMatrix:
    """Crystal and modes of a file.

    Raises
    ------
    FileFormatError
        A file that is none, is broken, or has no modes, or modes of another matrix.
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
    kinds, places = [], np.empty((atoms, 3))
    for at in range(atoms):
        atom = geometry.child(f"ATOM.{at + 1}")
        kinds.append(atom.integer_attribute("INDEX", types) - 1)
        places[at] = atom.numbers_attribute("TAU", 3)
    vectors = geometry.numbers("AT", 9).reshape(3, 3)
    try:
        names = [re.sub(r"[^A-Za-z].*", "", symbols[kind]) for kind in kinds]
        structure = Structure(unit * vectors, names, unit * places, [masses[kind] for kind in kinds])
    except AdiablochError as reason:
        geometry.refuse(str(reason))
    if node.element.find("FREQUENCIES_THZ_CMM1") is None:
        node.refuse("lacks FREQUENCIES_THZ_CMM1, expected the modes of ph.x")
    modes = node.child("FREQUENCIES_THZ_CMM1")
    quanta, moved = np.empty(3 * atoms), np.empty((3 * atoms, atoms, 3), dtype=np.complex128)
    for at in range(3 * atoms):
        terahertz, wavenumber = modes.numbers(f"OMEGA.{at + 1}", 2)
        if abs(terahertz * THZ - wavenumber * WAVENUMBER) > 1e-6 * abs(terahertz) * THZ + 1e-12:
            modes.refuse(f"OMEGA.{at + 1}: {terahertz} THz and {wavenumber} 1/cm, expected the same frequency")
        quanta[at] = wavenumber * WAVENUMBER
        moved[at] = modes.numbers(f"DISPLACEMENT.{at + 1}", 6 * atoms).view(np.complex128).reshape(atoms, 3)
    if modes.element.find(f"OMEGA.{3 * atoms + 1}") is not None:
        modes.refuse(f"more than {3 * atoms} modes, expected those of {atoms} atoms")
    q = _wave(node, structure, quanta, moved)
    return DynamicalMatrix(structure, vectors @ q, quanta, moved, modes.refuse)


def _root(file: LineReader, text: str) -> ElementTree.Element:
    start = text.find("<")
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        file.refuse("a document type, expected a dynamical matrix of ph.x, which has none", line=1)
    try:
        return ElementTree.fromstring(text[max(start, 0) :])
    except ElementTree.ParseError as reason:
        line = 1 + text[: max(start, 0)].count("\n") + reason.position[0] - 1
        file.refuse(f"not XML ({reason}), expected a dynamical matrix of ph.x", line=min(line, len(file.lines)))


def _wave(node: _Node, structure: Structure, quanta: Float, moved: Complex) -> Float:
    """The wave vector of the matrix that the modes belong to, in units of 2 pi/alat: a file holds a star of them."""
    atoms = len(structure.symbols)
    roots = np.repeat(np.sqrt(structure.masses / RYDBERG_MASS), 3)
    vectors = moved.reshape(3 * atoms, -1) * roots
    squares = np.sign(quanta) * (quanta / RYDBERG) ** 2
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
                # Fortran counts rows first
                D[i, :, j] = block.reshape(3, 3).T
        flat = D.reshape(3 * atoms, -1) / roots[:, None] / roots
        flat = 0.5 * (flat + flat.conj().T)
        missed = vectors @ flat.T - squares[:, None] * vectors
        sizes = np.sqrt((np.abs(vectors) ** 2).sum(axis=1))
        far.append(float((np.sqrt((np.abs(missed) ** 2).sum(axis=1)) / sizes).max() / np.abs(squares).max()))
    if not waves:
        node.refuse("lacks DYNAMICAL_MAT_.1, expected a dynamical matrix of ph.x")
    best = int(np.argmin(far))
    if not far[best] <= BELONGS:
        node.refuse(
            f"modes that are not those of its matrix, by {far[best]:.1e} of the largest squared frequency, expected "
            "them to be"
        )
    return waves[best]


@dataclass(frozen=True, eq=False)
class _Node:
    """An element; errors name it."""

    file: LineReader
    element: ElementTree.Element
    name: str = ""

    def refuse(self, message: str) -> NoReturn:
        """Raise the error that names the file and the element."""
        self.file.refuse(f"{self.name + ': ' if self.name else ''}{message}", line=self._line())

    def _line(self) -> int:
        """Where the element begins, about: names come once, but for those in a star of matrices."""
        tag = f"<{self.name.rpartition('/')[2]}"
        return next((at for at, line in enumerate(self.file.lines, start=1) if self.name and tag in line), 1)

    def child(self, tag: str) -> _Node:
        found = self.element.find(tag)
        if found is None:
            self.refuse(f"lacks {tag}, expected a dynamical matrix of ph.x")
        return _Node(self.file, found, f"{self.name}/{tag}" if self.name else tag)

    def text(self) -> str:
        return (self.element.text or "").strip()

    def numbers(self, tag: str, count: int) -> Float:
        """So many numbers in a child; those of complex ones stand with commas between."""
        return self._numbers(tag, self.child(tag).text(), count)

    def numbers_attribute(self, name: str, count: int) -> Float:
        return self._numbers(name, self.element.get(name, ""), count)

    def integer(self, tag: str) -> int:
        return self._integer(tag, self.numbers(tag, 1)[0], 10**4)

    def integer_attribute(self, name: str, largest: int) -> int:
        return self._integer(name, self.numbers_attribute(name, 1)[0], largest)

    def _integer(self, name: str, number: float, largest: int) -> int:
        if number != round(number) or not 1 <= number <= largest:
            self.refuse(f"{name}: {number:g}, expected an integer from 1 to {largest}")
        return int(number)

    def _numbers(self, name: str, text: str, count: int) -> Float:
        words = text.replace(",", " ").replace("(", " ").replace(")", " ").split()
        found = parse_words([words]) if words else np.zeros((1, 0))
        # NaN is not smaller than anything
        if found.shape != (1, count) or not (np.abs(found) < 1e9).all():
            self.refuse(f"{name}: {shown(' '.join(words))}, expected {count} numbers")
        return np.ascontiguousarray(found[0])
