"""Crystal structure in the header of a dynamical matrix of `ph.x` of Quantum ESPRESSO (`fildyn` as text)."""

from __future__ import annotations

import re

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import (
    AdiablochError,
    InvalidArgumentError,
)
from adiabloch.io.dynamical_matrix import RYDBERG_MASS
from adiabloch.io.mode_selection import (
    check_same_structure,
)
from adiabloch.io.text_lines import LineReader
from adiabloch.io.text_numbers import shown
from adiabloch.models import Structure
from adiabloch.units import BOHR

_ATOM_TYPE = re.compile(r"\s*(\d+)\s*'\s*([A-Za-z]+)[^']*'\s*(\S+)\s*$")


def _read_dimensions(file: LineReader) -> tuple[int, int, int, Float]:
    """Read the numbers of types and atoms, ibrav, and celldm (the first in bohr, the others as ratios)."""
    expected = "numbers of types and atoms, ibrav and six numbers celldm"
    rows = range(2, 3)
    words = file.lines[2].split() if len(file.lines) > 2 else []
    if len(words) != 9:
        file.refuse(f"{shown(' '.join(words))}, expected {expected}", line=3)
    types, atoms, ibrav = map(int, file.parse_integers([words[:3]], rows, expected)[0])
    celldm = file.parse_numbers([words[3:]], rows, expected)[0]
    if not 0 < types <= atoms <= len(file.lines) or not 0 < celldm[0] < 1e4:
        file.refuse(f"{shown(' '.join(words))}, expected {expected}", line=3)
    return types, atoms, ibrav, celldm


def length_unit(file: LineReader) -> float:
    """Unit of length of the file in Angstrom."""
    return float(_read_dimensions(file)[3][0]) * BOHR


def read_structure_of_fildyn(file: LineReader, given: Structure | None) -> Structure:
    """Read the crystal from the header of a `fildyn` file, up to its last line, and compare it with a given one."""
    types, atoms, ibrav, celldm = _read_dimensions(file)
    unit = float(celldm[0]) * BOHR
    file.position = 3
    if ibrav == 0:
        if file.lines[3:4] != ["Basis vectors"]:
            file.refuse("expected 'Basis vectors' for ibrav = 0")
        file.position += 1
        vectors = unit * file.read_rows(3, 3, "a lattice vector, three numbers")
    elif (axes := _bravais_vectors(ibrav, celldm)) is not None:
        vectors = unit * axes
    elif given is not None:
        vectors = given.vectors
    else:
        raise InvalidArgumentError(f"{file.path}: a cell of ibrav = {ibrav}, expected structure=... with its vectors")
    symbols, masses = [], []
    for number in range(1, types + 1):
        expected = f"{number}, its name in quotes and its mass, of {types} types of atoms"
        line = file.current_line()
        stated = _ATOM_TYPE.match(line)
        if stated is None or int(stated[1]) != number:
            file.refuse(f"{shown(line)}, expected {expected}")
        symbols.append(stated[2].capitalize())
        masses.append(
            file.parse_numbers([[stated[3]]], range(file.position, file.position + 1), expected)[0, 0] * RYDBERG_MASS
        )
        file.position += 1
    first = file.position
    table = file.read_rows(atoms, 5, f"the number of an atom, that of its type and three coordinates, of {atoms} atoms")
    kinds = table[:, 1]
    wrong = (table[:, 0] != np.arange(1, atoms + 1)) | (np.rint(kinds) != kinds) | (kinds < 1) | (kinds > types)
    if wrong.any():
        file.refuse(f"expected atoms 1..{atoms} of types 1..{types}", line=first + int(np.argmax(wrong)) + 1)
    index = kinds.astype(int) - 1
    try:
        own = Structure(vectors, [symbols[i] for i in index], unit * table[:, 2:], np.array(masses)[index])
    except AdiablochError as reason:
        file.refuse(str(reason), line=3)
    if given is not None:
        check_same_structure(own, given, file)
    return own


def _bravais_vectors(ibrav: int, celldm: Float) -> Float | None:
    """Lattice vectors of Quantum ESPRESSO in units of celldm(1); None for the less common values of ibrav."""
    _, b, c, cosine, *_ = celldm
    if ibrav == 5 and -0.5 < cosine < 1:
        x, y, z = np.sqrt([(1 - cosine) / 2, (1 - cosine) / 6, (1 + 2 * cosine) / 3])
        return np.array([[x, -y, z], [0, 2 * y, z], [-x, -y, z]])
    vectors = {
        1: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        2: [[-0.5, 0, 0.5], [0, 0.5, 0.5], [-0.5, 0.5, 0]],
        3: [[0.5, 0.5, 0.5], [-0.5, 0.5, 0.5], [-0.5, -0.5, 0.5]],
        -3: [[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]],
        4: [[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, c]],
        6: [[1, 0, 0], [0, 1, 0], [0, 0, c]],
        7: [[0.5, -0.5, c / 2], [0.5, 0.5, c / 2], [-0.5, -0.5, c / 2]],
        8: [[1, 0, 0], [0, b, 0], [0, 0, c]],
    }
    return np.array(vectors[ibrav], float) if ibrav in vectors else None
