"""Phonon modes from files and objects of phonopy."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import (
    AdiablochError,
    FileFormatError,
    InvalidArgumentError,
    MissingExtraError,
)
from adiabloch.io.mode_selection import (
    ORTHONORMALITY_TOLERANCE,
    FileModes,
    check_same_structure,
    modes_at,
    orthonormalized,
)
from adiabloch.io.phonopy_calculation import load_phonopy, units_of
from adiabloch.io.phonopy_yaml import PhonopyYaml, structure_of_yaml
from adiabloch.io.text_lines import LineReader
from adiabloch.models import Modes, Structure
from adiabloch.names import checked_call
from adiabloch.units import THZ


@checked_call
def from_phonopy(phonopy: Any, q: ArrayLike = (0.0, 0.0, 0.0)) -> Modes:
    """Phonon modes of a calculation with phonopy.

    Parameters
    ----------
    phonopy : phonopy.Phonopy
        Calculation with force constants. Its `qpoints` are replaced by `q`.
    q : array_like, shape (3,)
        Wave vector in reduced coordinates of the primitive cell. At 0 the non-analytical term is left out.

    Returns
    -------
    Modes
        Modes of the primitive cell.

    Raises
    ------
    InvalidArgumentError
        The argument is not a phonopy.Phonopy, or has no force constants.
    MissingExtraError
        phonopy is not installed.
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
    # the calculation may use another unit of frequency
    frequencies = np.asarray(phonopy.qpoints.frequencies)[0] * (units.factor / phonopy.unit_conversion_factor)
    vectors = np.asarray(phonopy.qpoints.eigenvectors)[0].T.reshape(len(frequencies), -1, 3)
    return Modes(structure, wave, THZ * frequencies, _with_lattice_phase(vectors, structure, wave))


def _with_lattice_phase(vectors: Complex, structure: Structure, q: Float) -> Complex:
    """Convert eigenvectors (modes, n, 3) from u ~ e exp(i q (R + tau)), as in phonopy, to u ~ e exp(i q R)."""
    phase = np.exp(2j * np.pi * structure.lattice.reduced_positions(structure.positions) @ q)
    converted: Complex = vectors * phase[:, None]
    return converted


def read_phonopy_modes(file: LineReader, text: str, structure: Structure | None, wanted: Float | None) -> Modes:
    """Read the modes at a wave vector from a YAML file of phonopy.

    Parameters
    ----------
    file : LineReader
        File, named in errors.
    text : str
        Text of the file.
    structure : Structure or None
        Crystal structure, required if the file contains none.
    wanted : float array of shape (3,), or None
        Wave vector in reduced coordinates.

    Returns
    -------
    Modes
    """
    if not re.search(r"^phonon\s*:", text, re.MULTILINE):
        return _modes_of_force_constants(file, text, structure, wanted)
    content = PhonopyYaml(file, text)
    crystal = structure_of_yaml(content, structure, file)
    found = _read_frequencies(content, len(crystal.symbols))
    chosen, near = modes_at(found, wanted, file.path)
    vectors, defect = orthonormalized(_read_eigenvectors(content, found.index(chosen), len(crystal.symbols)))
    if defect > ORTHONORMALITY_TOLERANCE:
        chosen.refuse(f"eigenvectors that are not orthogonal (by {defect:.1e}), expected orthogonal ones")
    return Modes(
        crystal, near if wanted is None else wanted, chosen.energies, _with_lattice_phase(vectors, crystal, near)
    )


def _modes_of_force_constants(file: LineReader, text: str, structure: Structure | None, wanted: Float | None) -> Modes:
    """Calculate the modes from the force constants of a file."""
    try:
        modes = from_phonopy(load_phonopy(file.path, text), np.zeros(3) if wanted is None else wanted)
    except (FileFormatError, MissingExtraError):
        raise
    except AdiablochError as reason:
        raise FileFormatError(f"{file.path}: {reason}") from None
    if structure is not None:
        check_same_structure(modes.structure, structure, file)
    return modes


def _read_frequencies(content: PhonopyYaml, atoms: int) -> list[FileModes]:
    """Read the frequencies at all wave vectors, without the eigenvectors, which are many."""
    waves = [content.numbers("phonon", at, "q-position", shape=(3,)) for at in range(content.count("phonon"))]
    found = []
    for at, q in enumerate(waves):
        bands = content.count("phonon", at, "band")
        if bands != 3 * atoms:
            content.refuse(f"phonon[{at}].band: {bands} modes, expected {3 * atoms}")
        energies = [content.numbers("phonon", at, "band", mode, "frequency", shape=()) for mode in range(bands)]
        none = np.empty((0, atoms, 3), dtype=np.complex128)
        refuse = partial(_refuse_at_q, content, at)
        found.append(FileModes(q, np.full(3, 0.6e-7), THZ * np.array(energies), none, refuse))
    return found


def _read_eigenvectors(content: PhonopyYaml, at: int, atoms: int) -> Complex:
    """Read the eigenvectors (modes, n, 3) at a wave vector."""
    if "eigenvector" not in content.read("phonon", at, "band", 0):
        content.refuse(
            "holds no eigenvectors, expected them: EIGENVECTORS = .TRUE., --eigvecs, or with_eigenvectors=True"
        )
    pairs = [
        content.numbers("phonon", at, "band", mode, "eigenvector", shape=(atoms, 3, 2)) for mode in range(3 * atoms)
    ]
    vectors = np.array(pairs).view(np.complex128)[..., 0]
    norms = (np.abs(vectors) ** 2).sum(axis=(1, 2))
    if np.abs(norms - 1.0).max() > ORTHONORMALITY_TOLERANCE:
        mode = int(np.argmax(np.abs(norms - 1.0)))
        content.refuse(f"phonon[{at}].band[{mode}].eigenvector: of norm {norms[mode]:.6g}, expected 1")
    return vectors


def _refuse_at_q(content: PhonopyYaml, at: int, message: str) -> NoReturn:
    """Raise an error about a wave vector."""
    content.refuse(f"phonon[{at}]: {message}")
