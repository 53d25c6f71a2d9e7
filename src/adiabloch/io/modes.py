"""Phonon modes of Quantum ESPRESSO and phonopy."""

from __future__ import annotations

import os
import re

from numpy.typing import ArrayLike

from adiabloch.arrays import checked
from adiabloch.errors import (
    InvalidArgumentError,
)
from adiabloch.io.dynamical_matrix import is_dynamical_matrix
from adiabloch.io.espresso_modes import go_to_heading, read_espresso_modes, read_xml_modes
from adiabloch.io.fildyn import length_unit, read_structure_of_fildyn
from adiabloch.io.phonopy_modes import read_phonopy_modes
from adiabloch.io.text_lines import LineReader
from adiabloch.models import Modes, Structure


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
        return read_xml_modes(file, text, structure, wanted)
    if "Dynamical matrix file" in text.lstrip()[:60]:
        own = read_structure_of_fildyn(file, structure)
        alat = length_unit(file)
        go_to_heading(file, "Diagonalizing the dynamical matrix")
        return read_espresso_modes(file, own, wanted, alat)
    if re.search(r"^[ \t]*(freq|omega)[ \t]*\(", text, re.MULTILINE) or "diagonalizing the dynamical matrix" in text:
        if structure is None:
            raise InvalidArgumentError(f"{path}: does not hold the crystal, expected structure=...")
        return read_espresso_modes(file, structure, wanted, alat)
    if not re.search(r"^(phonon|phonopy|unit_cell|primitive_cell|supercell)\s*:", text, re.MULTILINE):
        file.refuse(
            "expected modes of ph.x (fildyn, as text or XML), matdyn.x or dynmat.x of Quantum ESPRESSO, or a .yaml "
            "file of phonopy",
            line=1,
        )
    return read_phonopy_modes(file, text, structure, wanted)
