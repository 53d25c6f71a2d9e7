"""Phonon modes of Quantum ESPRESSO and phonopy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import (
    AdiablochError,
    FileFormatError,
    InvalidArgumentError,
    InvalidModelError,
    MissingExtraError,
)
from adiabloch.io.dynamical_matrix import RYDBERG_MASS, is_dynamical_matrix, read_dynamical_matrix
from adiabloch.io.phonopy_calculation import loaded, units_of
from adiabloch.io.safe_yaml import parse_yaml
from adiabloch.io.text_lines import LARGEST_VALUE, LineReader
from adiabloch.linalg import svd_batch
from adiabloch.models import Modes, Structure
from adiabloch.units import BOHR, THZ, WAVENUMBER

DIGITS = 1e-3
"""How far modes may be from orthonormal: files have six digits, and masses of elements differ in the fourth."""
LENGTH_UNITS = {"angstrom": 1.0, "au": BOHR}
"""As phonopy calls them."""

_FREQUENCY = re.compile(r"\s*(?:freq|omega)\s*\(\s*(\d+)\s*\)\s*=\s*(\S+)\s*\[THz\]\s*=\s*(\S+)\s*\[cm-1\]\s*$")
_ROW = re.compile(r"\s*\((.*)\)\s*$")
_TYPE = re.compile(r"\s*(\d+)\s*'\s*([A-Za-z]+)[^']*'\s*(\S+)\s*$")


@dataclass(frozen=True, eq=False)
class _Found:
    """Modes at a wave vector, as a file has them."""

    q: Float
    """Reduced coordinates (3,); NaN if they cannot be told."""
    slack: Float
    """How far the file's digits leave them open, (3,)."""
    quanta: Float
    vectors: Complex
    """(modes, n, 3)."""
    refuse: Callable[[str], NoReturn]
    """What raises the error about them."""


def read_modes(
    path: str | os.PathLike[str],
    structure: Structure | None = None,
    q: ArrayLike | None = None,
    *,
    alat: float | None = None,
) -> Modes:
    r"""Read the phonon modes at one wave vector.

    The file is known by its content: Quantum ESPRESSO's dynamical matrix of `ph.x` (`fildyn`, also as XML); modes of
    `matdyn.x` or `dynmat.x` (`matdyn.modes`, `dynmat.out`, also the eigenvectors that `fleig` and `fileig` ask for);
    phonopy's `band.yaml`, `mesh.yaml` or `qpoints.yaml` with eigenvectors; `phonopy_params.yaml` and the like, which
    hold force constants or forces, or lie beside `FORCE_CONSTANTS`, `force_constants.hdf5` or `FORCE_SETS` (and
    `BORN`). What is in the file comes first; the folder one works in does not matter, and no code in the file is run.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.
    structure : Structure, optional
        Needed for `matdyn.modes`, `dynmat.out` and `qpoints.yaml`, which do not hold it: the same cell, the atoms in
        the same order and cells, the masses of the calculation. Other files have their own, which is taken; one that
        is given is compared with it.
    q : array_like, shape (3,), optional
        Wave vector in reduced coordinates, up to reciprocal lattice vectors; without it the only one of the file, or
        0. Files give few digits (four in `matdyn.modes`): a q that is given is taken as it is, one that is not as it
        stands in the file.
    alat : float, optional
        The unit of length in Angstrom in which `matdyn.x` counts wave vectors (2 pi/alat; celldm(1) of the
        calculation); needed for those other than 0. It is the length of the first lattice vector for a cell given
        by its vectors (ibrav = 0), but not for fcc and bcc ones given by ibrav = 2 or 3.

    Returns
    -------
    Modes

    Raises
    ------
    FileFormatError
        The file is none of these, is broken, or its modes are not orthonormal with the masses; it names file and line.
    InvalidArgumentError
        No such q in the file; the structure or alat is missing, or is not that of the file.
    MissingExtraError
        If the file is one of phonopy's, which is not installed.

    Notes
    -----
    Displacements that are not weighted with the masses, as `matdyn.modes` and `dynmat.out` have them, become
    eigenvectors; which of the two a file holds is told by what is orthonormal. phonopy's eigenvectors have the phase
    exp(i q (R + tau)) of the place of the atom, they are turned to the exp(i q R) of `Modes`.
    """
    wanted = None if q is None else checked(q, "q", (3,))
    if structure is not None and not isinstance(structure, Structure):
        raise InvalidArgumentError(f"structure: expected a Structure, got {type(structure).__name__}")
    file = LineReader(path, comments=0)
    text = "\n".join(file.lines)
    if is_dynamical_matrix(text):
        return _of_xml(file, text, structure, wanted)
    if "Dynamical matrix file" in text.lstrip()[:60]:
        own = _structure_of_fildyn(file, structure)
        alat = _fildyn_unit(file)
        _go_to(file, "Diagonalizing the dynamical matrix")
        return _of_espresso(file, own, wanted, alat)
    if re.search(r"^[ \t]*(freq|omega)[ \t]*\(", text, re.MULTILINE) or "diagonalizing the dynamical matrix" in text:
        if structure is None:
            raise InvalidArgumentError(f"{path}: does not hold the crystal, expected structure=...")
        return _of_espresso(file, structure, wanted, alat)
    if not re.search(r"^(phonon|phonopy|unit_cell|primitive_cell|supercell)\s*:", text, re.MULTILINE):
        file.refuse(
            "expected modes of ph.x (fildyn, as text or XML), matdyn.x or dynmat.x of Quantum ESPRESSO, or a .yaml "
            "file of phonopy",
            line=1,
        )
    return _of_phonopy(file, text, structure, wanted)


def from_phonopy(phonopy: Any, q: ArrayLike = (0.0, 0.0, 0.0)) -> Modes:
    """Phonon modes of a calculation with phonopy.

    Parameters
    ----------
    phonopy : phonopy.Phonopy
        With force constants. Its `qpoints` are those asked for afterwards.
    q : array_like, shape (3,)
        Wave vector in reduced coordinates of the primitive cell. At 0 without the non-analytical term.

    Returns
    -------
    Modes
        Of the primitive cell.

    Raises
    ------
    InvalidArgumentError
        If it is something else, or has no force constants.
    MissingExtraError
        If phonopy is not installed.
    """
    wave = checked(q, "q", (3,))
    wanted = ("primitive", "force_constants", "run_qpoints", "qpoints", "unit_conversion_factor", "calculator")
    if missing := [name for name in wanted if not hasattr(phonopy, name)]:
        raise InvalidArgumentError(
            f"from_phonopy: expected a phonopy.Phonopy, got {type(phonopy).__name__} without {', '.join(missing)}"
        )
    if phonopy.force_constants is None:
        raise InvalidArgumentError("from_phonopy: no force constants, expected them to be produced or set before")
    units = units_of(phonopy.calculator)
    cell = phonopy.primitive
    structure = Structure(
        units.distance_to_A * np.asarray(cell.cell),
        cell.symbols,
        units.distance_to_A * np.asarray(cell.positions),
        cell.masses,
    )
    phonopy.run_qpoints([wave], with_eigenvectors=True)
    # the user may have asked phonopy for another unit of frequency
    frequencies = np.asarray(phonopy.qpoints.frequencies)[0] * (units.factor / phonopy.unit_conversion_factor)
    vectors = np.asarray(phonopy.qpoints.eigenvectors)[0].T.reshape(len(frequencies), -1, 3)
    return Modes(structure, wave, THZ * frequencies, _by_cells(vectors, structure, wave))


def _by_cells(vectors: Complex, structure: Structure, q: Float) -> Complex:
    """Eigenvectors (modes, n, 3) of phonopy, u ~ e exp(i q (R + tau)), as those of u ~ e exp(i q R)."""
    phase = np.exp(2j * np.pi * structure.lattice.reduced_positions(structure.positions) @ q)
    turned: Complex = vectors * phase[:, None]
    return turned


def _chosen(found: Sequence[_Found], wanted: Float | None, path: object) -> tuple[_Found, Float]:
    """The modes at the wave vector asked for, and this vector, the one of the file but for its digits."""
    if wanted is None and len(found) == 1:
        return found[0], found[0].q
    target = np.zeros(3) if wanted is None else wanted
    # turned by reciprocal lattice vectors to where the file has it; those that cannot be told compare as far
    near = [target - np.rint(target - np.nan_to_num(one.q, nan=0.0)) for one in found]
    far = [float(np.nan_to_num(np.abs(at - one.q), nan=1.0).max()) for at, one in zip(near, found, strict=True)]
    fits = [
        number
        for number, (at, one) in enumerate(zip(near, found, strict=True))
        if (np.abs(at - one.q) <= one.slack + 1e-9).all()
    ]
    if not fits:
        known = found[int(np.argmin(far))]
        asked = f"no q = {target.tolist()}" if wanted is not None else "several q, none of them 0"
        raise InvalidArgumentError(
            f"{path}: {asked} among {len(found)} wave vectors, expected q = one of them; the nearest is "
            f"{np.round(known.q, 7).tolist()}"
        )
    best = min(fits, key=lambda number: far[number])
    for number in fits:
        same = abs(far[number] - far[best]) < 1e-9
        if same and np.abs(found[number].quanta - found[best].quanta).max() > 1e-4 * np.abs(found[best].quanta).max():
            found[number].refuse(
                "other frequencies than before at the same wave vector (an LO-TO splitting along several directions?), "
                "expected each wave vector once"
            )
    return found[best], near[best]


def _orthonormal(vectors: Complex) -> tuple[Complex, float]:
    """Vectors (modes, n, 3) brought to unit length and made orthogonal, and how far they were from orthogonal."""
    square = vectors.reshape(len(vectors), -1)
    square = square / np.sqrt((np.abs(square) ** 2).sum(axis=1))[:, None]
    left, singular, right = svd_batch(square)
    return (left @ right).reshape(vectors.shape), float(np.abs(singular - 1.0).max())


def _of_espresso(file: LineReader, structure: Structure, wanted: Float | None, alat: float | None) -> Modes:
    """From the blocks of modes that begin where reading stands."""
    if alat is not None and not (np.isfinite(alat) and alat > 0):
        raise InvalidArgumentError(f"alat: {alat!r}, expected a length in Angstrom")
    found = []
    while _next_block(file):
        found.append(_block(file, structure, alat))
    if not found:
        file.refuse("expected modes under a line 'q = ...'", line=len(file.lines))
    told = [one for one in found if np.isfinite(one.q).all()]
    if not told if wanted is None else len(told) < len(found) and wanted.any():
        raise InvalidArgumentError(
            f"{file.path}: wave vectors are in units of 2 pi/alat, expected alat=..., celldm(1) of the calculation in "
            f"Angstrom; for a cell given by its vectors it is {np.sqrt((structure.vectors[0] ** 2).sum()):.6f}"
        )
    chosen, at = _chosen(found, wanted, file.path)
    roots = np.sqrt(structure.masses)[:, None]
    # displacements or eigenvectors, told by what is orthonormal
    weighted, plain = _orthonormal(chosen.vectors * roots), _orthonormal(chosen.vectors)
    vectors, defect = min(weighted, plain, key=lambda pair: pair[1])
    if defect > DIGITS:
        chosen.refuse(
            f"modes that are not orthonormal, neither as displacements with the masses {structure.masses.tolist()} "
            f"(by {weighted[1]:.1e}) nor as eigenvectors (by {plain[1]:.1e}), expected the masses of the calculation"
        )
    return Modes(structure, at if wanted is None else wanted, chosen.quanta, vectors)


def _of_xml(file: LineReader, text: str, structure: Structure | None, wanted: Float | None) -> Modes:
    """From a dynamical matrix as XML."""
    stated = read_dynamical_matrix(file, text)
    if structure is not None:
        _compare(stated.structure, structure, file)
    found = _Found(stated.q, np.full(3, 1e-8), stated.quanta, stated.displacements, stated.refuse)
    chosen, at = _chosen([found], wanted, file.path)
    vectors, defect = _orthonormal(chosen.vectors * np.sqrt(stated.structure.masses)[:, None])
    if defect > DIGITS:
        chosen.refuse(f"modes that are not orthonormal with the masses, by {defect:.1e}, expected that they are")
    return Modes(stated.structure, at if wanted is None else wanted, chosen.quanta, vectors)


def _next_block(file: LineReader) -> bool:
    """Go to the next line 'q = ...'; what comes in between is headings."""
    while file.position < len(file.lines):
        line = file.lines[file.position].strip()
        if re.match(r"q\s*=", line):
            return True
        if line and line.lower() != "diagonalizing the dynamical matrix" and not line.startswith("diagonalizing"):
            file.refuse(f"{line[:80]!r}, expected 'diagonalizing the dynamical matrix' or 'q = ...'")
        file.position += 1
    return False


def _block(file: LineReader, structure: Structure, alat: float | None) -> _Found:
    """Modes at one wave vector; reading stands at its line."""
    refuse = partial(file.refuse, line=file.position + 1)
    expected = "q = three numbers"
    words = file.lines[file.position].partition("=")[2].strip().strip("()").split()
    if len(words) != 3:
        refuse(f"{file.lines[file.position].strip()[:80]!r}, expected {expected}")
    cartesian = file.parse_numbers([words], range(file.position, file.position + 1), expected)[0]
    step = 0.51 * 10.0 ** -min(len(word.partition(".")[2]) for word in words)
    file.position += 1
    _stars(file)
    atoms = len(structure.symbols)
    quanta, vectors = [], np.empty((3 * atoms, atoms, 3), dtype=np.complex128)
    for mode in range(3 * atoms):
        quanta.append(_quantum(file, mode, atoms))
        vectors[mode] = _displacements(file, atoms)
    _stars(file)
    told = alat or (np.nan if cartesian.any() else 1.0)
    return _Found(
        structure.vectors @ cartesian / told,
        step * np.abs(structure.vectors).sum(axis=1) / told,
        np.array(quanta),
        vectors,
        refuse,
    )


def _stars(file: LineReader) -> None:
    file.skip_blank()
    line = file.lines[file.position].strip() if file.position < len(file.lines) else ""
    if set(line) != {"*"}:
        file.refuse(f"{line[:80]!r}, expected a line of stars before the first and after the last mode")
    if file.position + 1 >= len(file.lines):
        file.refuse("the file ends within this line, expected a line end")
    file.position += 1


def _quantum(file: LineReader, mode: int, atoms: int) -> float:
    """Quantum in eV, from a line with the frequency in two units."""
    expected = f"freq ({mode + 1}) = ... [THz] = ... [cm-1], of {3 * atoms} modes of the structure's {atoms} atoms"
    line = file.lines[file.position] if file.position < len(file.lines) else ""
    stated = _FREQUENCY.match(line)
    if stated is None or int(stated[1]) != mode + 1:
        file.refuse(f"{line.strip()[:80]!r}, expected {expected}")
    words = [stated[2], stated[3]]
    terahertz, wavenumber = file.parse_numbers([words], range(file.position, file.position + 1), expected)[0]
    first, second = (0.6 * 10.0 ** -len(word.partition(".")[2]) for word in words)
    # constants differ in the eighth digit
    slack = first * THZ + second * WAVENUMBER + 1e-6 * abs(terahertz) * THZ
    if abs(terahertz * THZ - wavenumber * WAVENUMBER) > slack:
        file.refuse(f"{line.strip()[:80]!r}, expected the same frequency in both units")
    file.position += 1
    # this one has more digits
    return float(wavenumber * WAVENUMBER)


def _displacements(file: LineReader, atoms: int) -> Complex:
    """The lines of a mode, (n, 3)."""
    expected = f"{atoms} lines ( x, y, z as six numbers ), as many as atoms in the structure"
    if atoms > len(file.lines) - file.position:
        file.refuse(f"{len(file.lines) - file.position} lines left, expected {expected}")
    words = []
    for line in file.lines[file.position : file.position + atoms]:
        stated = _ROW.match(line)
        row = stated[1].split() if stated else []
        if len(row) != 6:
            file.refuse(f"{line.strip()[:80]!r}, expected {expected}")
        words.append(row)
        file.position += 1
    numbers = file.parse_numbers(words, range(file.position - atoms, file.position), expected)
    norm = float((numbers**2).sum())
    if abs(norm - 1.0) > DIGITS:
        file.refuse(f"a mode of norm {norm:.6g}, expected 1", line=file.position - atoms + 1)
    return np.ascontiguousarray(numbers).view(np.complex128)


def _go_to(file: LineReader, heading: str) -> None:
    """Go to a line."""
    found = next((at for at in range(file.position, len(file.lines)) if file.lines[at].strip() == heading), None)
    if found is None:
        file.refuse(f"expected a line {heading!r} and modes under it", line=len(file.lines))
    file.position = found


def _head_of_fildyn(file: LineReader) -> tuple[int, int, int, Float]:
    """Number of types and atoms, ibrav, celldm in bohr and ratios."""
    expected = "numbers of types and atoms, ibrav and six numbers celldm"
    rows = range(2, 3)
    words = file.lines[2].split() if len(file.lines) > 2 else []
    if len(words) != 9:
        file.refuse(f"{' '.join(words)[:80]!r}, expected {expected}", line=3)
    types, atoms, ibrav = map(int, file.parse_integers([words[:3]], rows, expected)[0])
    celldm = file.parse_numbers([words[3:]], rows, expected)[0]
    if not 0 < types <= atoms <= len(file.lines) or not 0 < celldm[0] < 1e4:
        file.refuse(f"{' '.join(words)[:80]!r}, expected {expected}", line=3)
    return types, atoms, ibrav, celldm


def _fildyn_unit(file: LineReader) -> float:
    """The unit of length in Angstrom."""
    return float(_head_of_fildyn(file)[3][0]) * BOHR


def _structure_of_fildyn(file: LineReader, given: Structure | None) -> Structure:
    """The crystal at the head of a `fildyn` file, compared with the one given; reading stands behind it."""
    types, atoms, ibrav, celldm = _head_of_fildyn(file)
    unit = float(celldm[0]) * BOHR
    file.position = 3
    if ibrav == 0:
        if file.lines[3:4] != ["Basis vectors"]:
            file.refuse("expected 'Basis vectors' for ibrav = 0")
        file.position += 1
        vectors = unit * file.read_rows(3, 3, "a lattice vector, three numbers")
    elif (axes := _bravais(ibrav, celldm)) is not None:
        vectors = unit * axes
    elif given is not None:
        vectors = given.vectors
    else:
        raise InvalidArgumentError(f"{file.path}: a cell of ibrav = {ibrav}, expected structure=... with its vectors")
    symbols, masses = [], []
    for number in range(1, types + 1):
        expected = f"{number}, its name in quotes and its mass, of {types} types of atoms"
        line = file.lines[file.position] if file.position < len(file.lines) else ""
        stated = _TYPE.match(line)
        if stated is None or int(stated[1]) != number:
            file.refuse(f"{line.strip()[:80]!r}, expected {expected}")
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
        _compare(own, given, file)
    return own


def _bravais(ibrav: int, celldm: Float) -> Float | None:
    """Lattice vectors in units of the first parameter as Quantum ESPRESSO makes them; None for the rarer ones."""
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


def _compare(own: Structure, given: Structure, file: LineReader) -> None:
    """Whether a structure is that of the file, but for the cells in which atoms are counted."""
    problem = None
    if own.symbols != given.symbols:
        problem = f"its atoms are {' '.join(own.symbols[:8])}, not {' '.join(given.symbols[:8])}"
    elif np.abs(own.vectors - given.vectors).max() > 1e-3 * np.abs(own.vectors).max():
        problem = f"its lattice vectors are {own.vectors.round(6).tolist()}, not {given.vectors.round(6).tolist()}"
    else:
        apart = own.lattice.reduced_positions(own.positions) - given.lattice.reduced_positions(given.positions)
        worst = int(np.argmax(np.abs(apart - np.rint(apart)).max(axis=1)))
        if np.abs((apart - np.rint(apart))[worst]).max() > 1e-2:
            problem = f"its atom {worst} is at {own.positions[worst].round(6).tolist()}"
    if problem:
        raise InvalidArgumentError(f"structure: not that of {file.path}: {problem}; expected the same, or none")


class _Yaml:
    """A .yaml file of phonopy; errors name the entry."""

    def __init__(self, file: LineReader, text: str) -> None:
        try:
            import yaml
        except ImportError:
            raise MissingExtraError("files of phonopy need phonopy: pip install 'adiabloch[phonons]'") from None
        self.path = file.path
        try:
            self.content = parse_yaml(text)
        except yaml.YAMLError as reason:
            mark = getattr(reason, "problem_mark", None)
            file.refuse(
                f"not YAML ({getattr(reason, 'problem', None) or type(reason).__name__}), expected a file of phonopy",
                line=1 if mark is None else mark.line + 1,
            )
        except (ValueError, TypeError, ArithmeticError, RecursionError) as reason:
            # words that look like dates or numbers and are none; keys that cannot be any
            file.refuse(f"not YAML ({reason}), expected a file of phonopy", line=1)

    def refuse(self, message: str) -> NoReturn:
        """Raise the error that names the file."""
        raise FileFormatError(f"{self.path}: {message}")

    def __contains__(self, key: str) -> bool:
        return isinstance(self.content, dict) and key in self.content

    def read(self, *keys: str | int) -> Any:
        """An entry."""
        found = self.content
        for depth, key in enumerate(keys, start=1):
            fits = isinstance(found, dict) if isinstance(key, str) else isinstance(found, list)
            if not fits or (key not in found if isinstance(key, str) else key >= len(found)):
                self.refuse(f"lacks {_name(keys[:depth])}, expected a file of phonopy")
            found = found[key]
        return found

    def items(self, *keys: str | int) -> int:
        """Number of entries of a list."""
        found = self.read(*keys)
        if not isinstance(found, list) or not found:
            self.refuse(f"{_name(keys)}: {str(found)[:80]!r}, expected a list")
        return len(found)

    def word(self, *keys: str | int) -> str:
        """An entry that is text."""
        found = self.read(*keys)
        if not isinstance(found, str) or not found:
            self.refuse(f"{_name(keys)}: {str(found)[:80]!r}, expected a name")
        return found

    def numbers(self, *keys: str | int, shape: tuple[int, ...]) -> Float:
        """An entry as an array of finite numbers."""
        try:
            found = checked(self.read(*keys), _name(keys), shape)
        except InvalidModelError as reason:
            self.refuse(str(reason))
        except OverflowError:
            found = np.full(shape, np.inf)
        if np.abs(found).max(initial=0.0) > LARGEST_VALUE:
            self.refuse(f"{_name(keys)}: {np.abs(found).max():.1e}, expected numbers of a sensible size")
        return found


def _name(keys: Sequence[str | int]) -> str:
    """An entry's name, such as phonon[3].band."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def _of_phonopy(file: LineReader, text: str, structure: Structure | None, wanted: Float | None) -> Modes:
    """From a .yaml file."""
    if not re.search(r"^phonon\s*:", text, re.MULTILINE):
        try:
            modes = from_phonopy(loaded(file.path, text), np.zeros(3) if wanted is None else wanted)
        except (FileFormatError, MissingExtraError):
            raise
        except AdiablochError as reason:
            raise FileFormatError(f"{file.path}: {reason}") from None
        if structure is not None:
            _compare(modes.structure, structure, file)
        return modes
    content = _Yaml(file, text)
    crystal = _structure_of_yaml(content, structure, file)
    shape = (len(crystal.symbols), 3, 2)
    waves = [content.numbers("phonon", at, "q-position", shape=(3,)) for at in range(content.items("phonon"))]
    found = []
    for at, q in enumerate(waves):
        bands = content.items("phonon", at, "band")
        if bands != 3 * shape[0]:
            content.refuse(f"phonon[{at}].band: {bands} modes, expected {3 * shape[0]}")
        quanta = [content.numbers("phonon", at, "band", mode, "frequency", shape=()) for mode in range(bands)]
        refuse = partial(_refuse_wave, content, at)
        # eigenvectors only where they are asked for: there are many
        found.append(_Found(q, np.full(3, 0.6e-7), THZ * np.array(quanta), np.empty((0, *shape[:2]), complex), refuse))
    chosen, near = _chosen(found, wanted, file.path)
    at = found.index(chosen)
    if "eigenvector" not in content.read("phonon", at, "band", 0):
        content.refuse(
            "holds no eigenvectors, expected them: EIGENVECTORS = .TRUE., --eigvecs, or with_eigenvectors=True"
        )
    pairs = [
        content.numbers("phonon", at, "band", mode, "eigenvector", shape=shape) for mode in range(len(chosen.quanta))
    ]
    vectors = np.array(pairs).view(np.complex128)[..., 0]
    norms = (np.abs(vectors) ** 2).sum(axis=(1, 2))
    if np.abs(norms - 1.0).max() > DIGITS:
        mode = int(np.argmax(np.abs(norms - 1.0)))
        content.refuse(f"phonon[{at}].band[{mode}].eigenvector: of norm {norms[mode]:.6g}, expected 1")
    vectors, defect = _orthonormal(vectors)
    if defect > DIGITS:
        chosen.refuse(f"eigenvectors that are not orthogonal (by {defect:.1e}), expected orthogonal ones")
    return Modes(crystal, near if wanted is None else wanted, chosen.quanta, _by_cells(vectors, crystal, near))


def _refuse_wave(content: _Yaml, at: int, message: str) -> NoReturn:
    content.refuse(f"phonon[{at}]: {message}")


def _structure_of_yaml(content: _Yaml, given: Structure | None, file: LineReader) -> Structure:
    """The crystal of phonopy's file, or the one given if there is none in it."""
    reciprocal = content.numbers("reciprocal_lattice", shape=(3, 3))
    if "lattice" not in content:
        if given is None:
            raise InvalidArgumentError(f"{file.path}: does not hold the crystal, expected structure=...")
        _scale(given, reciprocal, file)
        own = given
    else:
        vectors = content.numbers("lattice", shape=(3, 3))
        if np.abs(vectors @ reciprocal.T - np.eye(3)).max() > 1e-7 * max(1.0, np.abs(vectors).sum(axis=1).max()):
            content.refuse("lattice and reciprocal_lattice, expected each to be the inverse of the other")
        unit = str(content.content.get("length_unit", "angstrom"))
        if unit not in LENGTH_UNITS:
            content.refuse(f"length_unit: {unit!r}, expected one of {', '.join(LENGTH_UNITS)}")
        scale = LENGTH_UNITS[unit]
        if given is not None and "length_unit" not in content:
            # phonopy's library does not write the unit
            scale = _scale(given, reciprocal, file)
        points = range(content.items("points"))
        reduced = np.array([content.numbers("points", atom, "coordinates", shape=(3,)) for atom in points])
        masses = [content.numbers("points", atom, "mass", shape=()) for atom in points]
        symbols = [content.word("points", atom, "symbol") for atom in points]
        try:
            own = Structure(scale * vectors, symbols, scale * reduced @ vectors, masses)
        except InvalidModelError as reason:
            content.refuse(str(reason))
        if given is not None:
            _compare(own, given, file)
    if content.read("natom") != len(own.symbols):
        content.refuse(f"natom: {content.read('natom')!r}, expected {len(own.symbols)} as in the structure")
    return own


def _scale(given: Structure, reciprocal: Float, file: LineReader) -> float:
    """What the file's unit of length is in Angstrom."""
    product = given.vectors @ reciprocal.T
    for scale in LENGTH_UNITS.values():
        if np.abs(product - scale * np.eye(3)).max() < 2e-3 * scale:
            return scale
    raise InvalidArgumentError(
        f"structure: not that of {file.path}: its lattice vectors times the reciprocal ones there are "
        f"{product.round(6).tolist()}, expected the unit matrix (or {BOHR:.6f} times it, if phonopy took bohr)"
    )
