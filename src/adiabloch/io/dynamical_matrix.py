"""Dynamical matrices of `ph.x` of Quantum ESPRESSO in XML, written if the name `fildyn` ends in .xml."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import AdiablochError
from adiabloch.io.text_lines import LineReader
from adiabloch.io.xml_elements import XmlElement, is_xml, xml_element
from adiabloch.models import Structure
from adiabloch.units import BOHR, ELECTRON_MASS, HBAR_SQUARED_PER_DALTON, THZ, WAVENUMBER

RYDBERG_MASS = 2.0 * ELECTRON_MASS * HBAR_SQUARED_PER_DALTON
"""Unit of mass of Rydberg atomic units in dalton: two electron masses."""
RYDBERG = 0.5 / (ELECTRON_MASS * BOHR**2)
"""Rydberg energy in eV."""
EXPECTED = "a dynamical matrix of ph.x"
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
    return is_xml(head) or "<GEOMETRY_INFO" in head


def read_dynamical_matrix(file: LineReader, text: str) -> DynamicalMatrix:
    """Read the crystal structure and the modes of a file.

    Raises
    ------
    FileFormatError
        The file is malformed, contains no modes, or contains the modes of another matrix.
    """
    node = xml_element(file, text, EXPECTED)
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


def _wave(node: XmlElement, structure: Structure, energies: Float, moved: Complex) -> Float:
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
