"""Phonon modes from files of Quantum ESPRESSO and phonopy."""

from __future__ import annotations

import os
import re

from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import (
    InvalidArgumentError,
)
from adiabloch.io.dynamical_matrix import is_dynamical_matrix
from adiabloch.io.espresso_modes import go_to_heading, read_espresso_modes, read_xml_modes
from adiabloch.io.fildyn import length_unit, read_structure_of_fildyn
from adiabloch.io.phonopy_modes import read_phonopy_modes
from adiabloch.io.text_lines import LineReader
from adiabloch.models import Modes, Structure
from adiabloch.names import checked_call


@checked_call
def read_modes(
    path: str | os.PathLike[str],
    structure: Structure | None = None,
    q: ArrayLike | None = None,
    *,
    alat: float | None = None,
) -> Modes:
    r"""Read the phonon modes at one wave vector.

    The format is recognized from the content of the file:

    - dynamical matrix of `ph.x` of Quantum ESPRESSO (`fildyn`, as text or XML);
    - modes of `matdyn.x` or `dynmat.x` (`matdyn.modes`, `dynmat.out`, or the eigenvectors of `fleig` and `fileig`);
    - `band.yaml`, `mesh.yaml` or `qpoints.yaml` of phonopy with eigenvectors;
    - `phonopy_params.yaml` and similar files of phonopy with force constants or forces. If they contain neither, these
      are taken from `FORCE_CONSTANTS`, `force_constants.hdf5` or `FORCE_SETS` (and `BORN`) in the folder of the file.

    The current folder is not searched, and no code in the file is executed.

    Parameters
    ----------
    path : path-like
        Compressed if the name ends in .gz, .bz2 or .xz.
    structure : Structure, optional
        Crystal structure, required for `matdyn.modes`, `dynmat.out` and `qpoints.yaml`, which do not contain it: the
        same cell, the atoms in the same order and cells, the masses of the calculation. For other files, which contain
        the structure, it is only compared with that of the file.
    q : array_like, shape (3,), optional
        Wave vector in reduced coordinates, up to reciprocal lattice vectors; by default the only one of the file, or
        0. Files state few digits (four in `matdyn.modes`); a given `q` is used with all its digits.
    alat : float, optional
        Unit of length in Angstrom of the wave vectors of `matdyn.x` (2 pi/alat; celldm(1) of the calculation);
        required for wave vectors other than 0. For a cell given by its vectors (ibrav = 0) it is the length of the
        first lattice vector, but not for fcc and bcc cells given by ibrav = 2 or 3.

    Returns
    -------
    Modes

    Raises
    ------
    FileFormatError
        The format is unknown, the file is malformed, or its modes are not orthonormal with the masses; the message
        names file and line.
    InvalidArgumentError
        The file does not contain this q, or the structure or alat is missing or differs from that of the file.
    MissingExtraError
        The file is one of phonopy, and phonopy is not installed.

    Notes
    -----
    `matdyn.modes` and `dynmat.out` contain displacements, not weighted with the masses; they are converted to
    eigenvectors. The kind of the vectors is recognized from their orthonormality. The eigenvectors of phonopy have the
    phase convention exp(i q (R + tau)); they are converted to the exp(i q R) of `Modes`.
    """
    wanted = None if q is None else checked(q, "q", (3,))
    if structure is not None and not isinstance(structure, Structure):
        raise InvalidArgumentError(f"structure: expected a Structure, got {type(structure).__name__}")
    return _read_recognized(LineReader(path, comments=0), structure, wanted, alat)


def _read_recognized(file: LineReader, structure: Structure | None, wanted: Float | None, alat: float | None) -> Modes:
    """Recognize the format of a file from its content and read the modes."""
    text = "\n".join(file.lines)
    if is_dynamical_matrix(text):
        return read_xml_modes(file, text, structure, wanted)
    if "Dynamical matrix file" in text.lstrip()[:60]:
        own = read_structure_of_fildyn(file, structure)
        alat = length_unit(file)
        go_to_heading(file, "Diagonalizing the dynamical matrix")
        return read_espresso_modes(file, own, wanted, alat)
    if re.search(r"^[ \t]*(freq|omega)[ \t]*\(", text, re.MULTILINE) or "diagonalizing the dynamical matrix" in text:
        if structure is None:
            raise InvalidArgumentError(f"{file.path}: does not hold the crystal, expected structure=...")
        return read_espresso_modes(file, structure, wanted, alat)
    if not re.search(r"^(phonon|phonopy|unit_cell|primitive_cell|supercell)\s*:", text, re.MULTILINE):
        file.refuse(
            "expected modes of ph.x (fildyn, as text or XML), matdyn.x or dynmat.x of Quantum ESPRESSO, or a .yaml "
            "file of phonopy",
            line=1,
        )
    return read_phonopy_modes(file, text, structure, wanted)
