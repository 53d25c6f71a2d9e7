"""Phonon modes from files of `ph.x`, `matdyn.x` and `dynmat.x` of Quantum ESPRESSO."""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import (
    InvalidArgumentError,
)
from adiabloch.io.dynamical_matrix import read_dynamical_matrix
from adiabloch.io.mode_selection import (
    ORTHONORMALITY_TOLERANCE,
    FileModes,
    check_same_structure,
    modes_at,
    orthonormalized,
)
from adiabloch.io.text_lines import LineReader
from adiabloch.io.text_numbers import shown
from adiabloch.models import Modes, Structure
from adiabloch.units import THZ, WAVENUMBER

_FREQUENCY = re.compile(r"\s*(?:freq|omega)\s*\(\s*(\d+)\s*\)\s*=\s*(\S+)\s*\[THz\]\s*=\s*(\S+)\s*\[cm-1\]\s*$")
_ROW = re.compile(r"\s*\((.*)\)\s*$")


def read_espresso_modes(file: LineReader, structure: Structure, wanted: Float | None, alat: float | None) -> Modes:
    """Read the blocks of modes from the current line on, and select a wave vector.

    Parameters
    ----------
    file : LineReader
        File, at the first block of modes.
    structure : Structure
        Crystal structure.
    wanted : float array of shape (3,), or None
        Wave vector in reduced coordinates.
    alat : float or None
        Unit of length of the wave vectors in Angstrom.

    Returns
    -------
    Modes
    """
    if alat is not None and not (np.isfinite(alat) and alat > 0):
        raise InvalidArgumentError(f"alat: {alat!r}, expected a length in Angstrom")
    found = []
    while _go_to_next_q(file):
        found.append(_read_modes_at_q(file, structure, alat))
    if not found:
        file.refuse("expected modes under a line 'q = ...'", line=len(file.lines))
    known = [one for one in found if np.isfinite(one.q).all()]
    if not known if wanted is None else len(known) < len(found) and wanted.any():
        raise InvalidArgumentError(
            f"{file.path}: wave vectors are in units of 2 pi/alat, expected alat=..., celldm(1) of the calculation in "
            f"Angstrom; for a cell given by its vectors it is {np.sqrt((structure.vectors[0] ** 2).sum()):.6f}"
        )
    chosen, at = modes_at(found, wanted, file.path)
    roots = np.sqrt(structure.masses)[:, None]
    # displacements or eigenvectors, recognized from their orthonormality
    weighted, plain = orthonormalized(chosen.vectors * roots), orthonormalized(chosen.vectors)
    vectors, defect = min(weighted, plain, key=lambda pair: pair[1])
    if defect > ORTHONORMALITY_TOLERANCE:
        chosen.refuse(
            f"modes that are not orthonormal, neither as displacements with the masses {structure.masses.tolist()} "
            f"(by {weighted[1]:.1e}) nor as eigenvectors (by {plain[1]:.1e}), expected the masses of the calculation"
        )
    return Modes(structure, at if wanted is None else wanted, chosen.energies, vectors)


def read_xml_modes(file: LineReader, text: str, structure: Structure | None, wanted: Float | None) -> Modes:
    """Read the modes from a dynamical matrix in XML."""
    stated = read_dynamical_matrix(file, text)
    if structure is not None:
        check_same_structure(stated.structure, structure, file)
    found = FileModes(stated.q, np.full(3, 1e-8), stated.energies, stated.displacements, stated.refuse)
    chosen, at = modes_at([found], wanted, file.path)
    vectors, defect = orthonormalized(chosen.vectors * np.sqrt(stated.structure.masses)[:, None])
    if defect > ORTHONORMALITY_TOLERANCE:
        chosen.refuse(f"modes that are not orthonormal with the masses, by {defect:.1e}, expected orthonormal ones")
    return Modes(stated.structure, at if wanted is None else wanted, chosen.energies, vectors)


def _go_to_next_q(file: LineReader) -> bool:
    """Go to the next line 'q = ...'; only headings may precede it. Return False at the end of the file."""
    while file.position < len(file.lines):
        line = file.lines[file.position].strip()
        if re.match(r"q\s*=", line):
            return True
        if line and line.lower() != "diagonalizing the dynamical matrix" and not line.startswith("diagonalizing"):
            file.refuse(f"{line[:80]!r}, expected 'diagonalizing the dynamical matrix' or 'q = ...'")
        file.position += 1
    return False


def _read_modes_at_q(file: LineReader, structure: Structure, alat: float | None) -> FileModes:
    """Read the modes at one wave vector, from its line on."""
    refuse = partial(file.refuse, line=file.position + 1)
    expected = "q = three numbers"
    words = file.lines[file.position].partition("=")[2].strip().strip("()").split()
    if len(words) != 3:
        refuse(f"{shown(file.lines[file.position])}, expected {expected}")
    cartesian = file.parse_numbers([words], range(file.position, file.position + 1), expected)[0]
    step = 0.51 * 10.0 ** -min(len(word.partition(".")[2]) for word in words)
    file.position += 1
    _read_star_line(file)
    atoms = len(structure.symbols)
    energies, vectors = [], np.empty((3 * atoms, atoms, 3), dtype=np.complex128)
    for mode in range(3 * atoms):
        energies.append(_read_energy(file, mode, atoms))
        vectors[mode] = _read_displacements(file, atoms)
    _read_star_line(file)
    unit = alat or (np.nan if cartesian.any() else 1.0)
    return FileModes(
        structure.vectors @ cartesian / unit,
        step * np.abs(structure.vectors).sum(axis=1) / unit,
        np.array(energies),
        vectors,
        refuse,
    )


def _read_star_line(file: LineReader) -> None:
    """Read the line of stars before the first and after the last mode."""
    file.skip_blank()
    line = file.lines[file.position].strip() if file.position < len(file.lines) else ""
    if set(line) != {"*"}:
        file.refuse(f"{line[:80]!r}, expected a line of stars before the first and after the last mode")
    if file.position + 1 >= len(file.lines):
        file.refuse("the file ends within this line, expected a line end")
    file.position += 1


def _read_energy(file: LineReader, mode: int, atoms: int) -> float:
    """Read the energy of a mode, in eV, from a line with the frequency in two units."""
    expected = f"freq ({mode + 1}) = ... [THz] = ... [cm-1], of {3 * atoms} modes of the structure's {atoms} atoms"
    line = file.current_line()
    stated = _FREQUENCY.match(line)
    if stated is None or int(stated[1]) != mode + 1:
        file.refuse(f"{shown(line)}, expected {expected}")
    words = [stated[2], stated[3]]
    terahertz, wavenumber = file.parse_numbers([words], range(file.position, file.position + 1), expected)[0]
    first, second = (0.6 * 10.0 ** -len(word.partition(".")[2]) for word in words)
    # the constants of the programs differ in the eighth digit
    slack = first * THZ + second * WAVENUMBER + 1e-6 * abs(terahertz) * THZ
    if abs(terahertz * THZ - wavenumber * WAVENUMBER) > slack:
        file.refuse(f"{shown(line)}, expected the same frequency in both units")
    file.position += 1
    # the wave number has more digits
    return float(wavenumber * WAVENUMBER)


def _read_displacements(file: LineReader, atoms: int) -> Complex:
    """Read the lines of a mode, (n, 3)."""
    expected = f"{atoms} lines ( x, y, z as six numbers ), as many as atoms in the structure"
    if atoms > len(file.lines) - file.position:
        file.refuse(f"{len(file.lines) - file.position} lines left, expected {expected}")
    words = []
    for line in file.lines[file.position : file.position + atoms]:
        stated = _ROW.match(line)
        row = stated[1].split() if stated else []
        if len(row) != 6:
            file.refuse(f"{shown(line)}, expected {expected}")
        words.append(row)
        file.position += 1
    numbers = file.parse_numbers(words, range(file.position - atoms, file.position), expected)
    norm = float((numbers**2).sum())
    if abs(norm - 1.0) > ORTHONORMALITY_TOLERANCE:
        file.refuse(f"a mode of norm {norm:.6g}, expected 1", line=file.position - atoms + 1)
    return np.ascontiguousarray(numbers).view(np.complex128)


def go_to_heading(file: LineReader, heading: str) -> None:
    """Go to the line with a heading."""
    found = next((at for at in range(file.position, len(file.lines)) if file.lines[at].strip() == heading), None)
    if found is None:
        file.refuse(f"expected a line {heading!r} and modes under it", line=len(file.lines))
    file.position = found
