"""Crystal structures from and to files, through ASE, in formats whose readers run no programs."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from adiabloch.arrays import Float, checked
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, MissingExtraError, first_line
from adiabloch.files import atomic_write, checked_path
from adiabloch.io.safe_open import COMPRESSED, read_bytes, refuse_long_lines
from adiabloch.models import Structure
from adiabloch.names import checked_call

Content = TypeVar("Content")

READABLE_FORMATS = frozenset(
    (
        *("vasp", "vasp-xdatcar", "vasp-out", "vasp-xml", "cif", "extxyz", "xyz", "xsf", "espresso-in", "espresso-out"),
        *("abinit-in", "abinit-out", "aims", "aims-output", "siesta-xv", "struct_out", "lammps-data", "gen", "elk"),
        *("crystal", "cube", "cfg", "magres", "proteindatabank", "struct", "res", "traj", "json", "v-sim", "xsd"),
        *("turbomole", "gpumd"),
    )
)
"""Formats that are read, by their names in ASE. Readers of others run programs (castep-cell), include other files, or
access databases."""
WRITTEN_BY_PROGRAM = frozenset({"castep-cell"})
"""Formats for whose writing ASE runs a program."""
XML = frozenset({"vasp-xml", "xsd"})
"""Formats in XML."""


@checked_call
def read_structure(path: str | os.PathLike[str], format: str | None = None) -> Structure:
    """Read a crystal structure through ASE: POSCAR, CIF, extended XYZ, inputs and outputs of Quantum ESPRESSO, others.

    No program is run, and no other file is read, except that the symbols missing in a POSCAR are taken from the POTCAR
    or OUTCAR in the same folder.

    Parameters
    ----------
    path : path-like
        Name of the file; the last structure is taken if there are several. Compressed if the name ends in .gz, .bz2 or
        .xz.
    format : str, optional
        Name of the format in ASE, if neither the name nor the content of the file determines it; one of
        `READABLE_FORMATS`.

    Returns
    -------
    Structure
        Structure with the masses of ASE (natural elements), or with those of the file if ASE reads masses in its
        format.

    Raises
    ------
    FileFormatError
        The file does not exist, ASE cannot read it, it does not contain a crystal, or sites are partially occupied.
    MissingExtraError
        ASE is not installed.
    """
    return _read(path, format, from_ase)


@checked_call
def read_forces(path: str | os.PathLike[str], format: str | None = None) -> Float:
    """Read the forces on the atoms from an output, through ASE: Quantum ESPRESSO, VASP, extended XYZ, others.

    Parameters
    ----------
    path, format
        As for `read_structure`.

    Returns
    -------
    float array (n, 3)
        Forces in eV/Angstrom, in the order of the atoms of the file.

    Raises
    ------
    FileFormatError, MissingExtraError
        As for `read_structure`; also if the file contains no forces.
    """
    return _read(path, format, _forces)


def _forces(atoms: Any) -> Float:
    """Forces of the calculation of ASE's `Atoms`."""
    forces = None if atoms.calc is None else atoms.calc.results.get("forces")
    if forces is None:
        raise InvalidArgumentError("no forces, expected the output of a calculation of forces (tprnfor = .true.)")
    return checked(forces, "forces", (len(atoms), 3))


def _read(path: str | os.PathLike[str], format: str | None, converted: Callable[[Any], Content]) -> Content:
    """Read a file through ASE, and convert its `Atoms`."""
    ase_io = _ase_io()
    if not checked_path(path).exists():
        raise FileFormatError(f"{path}: no such file")
    content = read_bytes(path)
    try:
        known = format or _format(ase_io, path, content)
        if known not in ase_io.formats.ioformats:
            raise ValueError(f"no format {known!r}")
        if known in READABLE_FORMATS:
            with _deprecations_ignored():
                atoms = _parse_atoms(ase_io, Path(path), content, known)
            # unknown atomic numbers raise an error here
            return converted(atoms)
    except FileFormatError:
        raise
    except AdiablochError as reason:
        raise FileFormatError(f"{path}: {reason}") from None
    except Exception as reason:  # the readers of ASE raise errors of many types
        raise FileFormatError(
            f"{path}: ASE cannot read it ({_type_and_message(reason)}), expected a structure"
            + (f" in the format {format!r}" if format else "; format=... says in which format, if ASE does not find it")
        ) from None
    raise FileFormatError(
        f"{path}: the format {known!r} is not read, because its reader in ASE may run programs or open other files; "
        f"expected one of {', '.join(sorted(READABLE_FORMATS))}: convert the file with ASE, or pass format=... if the "
        "format is another"
    )


def _format(ase_io: Any, path: str | os.PathLike[str], content: bytes) -> str:
    """Name in ASE of the format of a file, from the name and the first bytes of the file."""
    beginning = io.BytesIO(content[:10_000])
    # ASE does not take an absolute path for the name of a database
    beginning.name = os.path.abspath(path)
    return str(ase_io.formats.filetype(beginning))


def _parse_atoms(ase_io: Any, path: Path, content: bytes, known: str) -> Any:
    """Convert the content of a file to the `Atoms` of ASE."""
    reader = ase_io.formats.ioformats[known]
    if known != "traj":
        refuse_long_lines(path, content)
    _check_counts(path, content, known)
    if known in XML and b"<!ENTITY" in content:
        raise FileFormatError(f"{path}: defines XML entities, expected none")
    if not reader.acceptsfd:
        with tempfile.TemporaryDirectory() as folder:
            name = path.name.removesuffix(path.suffix) if path.suffix in COMPRESSED else path.name
            copy = Path(folder) / name
            copy.write_bytes(content)
            return ase_io.read(os.fspath(copy), format=known, do_not_split_by_at_sign=True)
    stream: Any = io.BytesIO(content) if reader.isbinary else io.StringIO(content.decode("utf-8", errors="replace"))
    # for a POSCAR without symbols ASE searches the folder of the file
    stream.name = os.path.abspath(path)
    return ase_io.read(stream, format=known)


def _check_counts(path: Path, content: bytes, known: str) -> None:
    """Raise an error if the stated number of atoms exceeds the number of lines, before ASE allocates memory for it."""
    if known in ("extxyz", "xyz"):
        lines, at = content.splitlines(), 0
        while at < len(lines) and lines[at].strip().isdigit():
            _check_count(path, int(lines[at][:30]), len(lines) - at - 2, at + 1)
            at += int(lines[at]) + 2
    elif known in ("vasp", "vasp-xdatcar"):
        lines = content.splitlines()
        for number, line in enumerate(lines[5:7], start=6):
            counts = [int(word[:30]) for word in line.split() if word.isdigit()]
            _check_count(path, sum(counts), len(lines) - number, number)
    elif known in ("struct_out", "siesta-xv", "gen", "crystal"):
        lines = content.splitlines()
        for number, line in enumerate(lines, start=1):
            word = line.strip()
            if word.isdigit():
                _check_count(path, int(word[:30]), len(lines), number)


def _check_count(path: Path, count: int, left: int, line: int) -> None:
    """Raise an error if there are fewer lines left than atoms."""
    if count > left:
        raise FileFormatError(f"{path}, line {line}: {count} atoms, but {left} lines are left; expected one for each")


@checked_call
def write_structure(
    structure: Structure, path: str | os.PathLike[str], format: str | None = None, **options: Any
) -> Path:
    """Write a crystal structure through ASE, completely or not at all.

    Parameters
    ----------
    structure : Structure
        Structure to write.
    path : path-like
        Name of the file.
    format : str, optional
        Name of the format in ASE, if the name of the file does not determine it.
    **options
        Options of the writer in ASE, for example `pseudopotentials` for inputs of Quantum ESPRESSO.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The argument is not a Structure, or ASE cannot write it in this format.
    FileWriteError
        The file cannot be written; an existing file is unchanged.
    MissingExtraError
        ASE is not installed.
    """
    ase_io = _ase_io()
    if not isinstance(structure, Structure):
        raise InvalidArgumentError(f"write_structure: expected a Structure, got {type(structure).__name__}")
    checked_path(path)
    try:
        # the name of the temporary file does not determine the format
        known = format or ase_io.formats.filetype(os.fspath(path), read=False)
        if known in WRITTEN_BY_PROGRAM:
            raise ValueError(f"ASE starts a program to write {known}")
        with atomic_write(path) as name, _deprecations_ignored():
            ase_io.write(name, _atoms(structure), format=known, **options)
    except OSError:
        raise
    except Exception as reason:
        raise InvalidArgumentError(
            f"{path}: ASE cannot write it ({_type_and_message(reason)}), expected a format that ASE writes, with the "
            "options of its writer"
        ) from None
    return Path(path)


@checked_call
def from_ase(atoms: Any) -> Structure:
    """Convert `Atoms` of ASE to a crystal structure.

    Parameters
    ----------
    atoms : ase.Atoms
        Atoms with three lattice vectors, periodic along at least one direction.

    Returns
    -------
    Structure

    Raises
    ------
    InvalidArgumentError
        The argument is not `Atoms`, is not a crystal, or has partially occupied sites.
    """
    wanted = ("cell", "pbc", "get_chemical_symbols", "get_positions", "get_masses")
    if missing := [name for name in wanted if not hasattr(atoms, name)]:
        raise InvalidArgumentError(
            f"from_ase: expected ase.Atoms, got {type(atoms).__name__} without {', '.join(missing)}"
        )
    if not any(atoms.pbc) or atoms.cell.rank < 3:
        raise InvalidArgumentError(
            f"a structure that is not periodic ({sum(map(bool, atoms.pbc))} periodic directions, {atoms.cell.rank} "
            "lattice vectors), expected a crystal with three lattice vectors"
        )
    _check_occupation(atoms)
    return Structure(atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_positions(), atoms.get_masses())


def _check_occupation(atoms: Any) -> None:
    """Raise an error for partially occupied sites."""
    stated = dict(getattr(atoms, "info", {}).get("occupancy") or {})
    for number, site in stated.items():
        held = {str(symbol): float(part) for symbol, part in dict(site).items()}
        if len(held) > 1 or any(abs(part - 1.0) > 1e-3 for part in held.values()):
            parts = " and ".join(f"{part:g} {symbol}" for symbol, part in held.items())
            raise InvalidArgumentError(
                f"site {number} is occupied by {parts}, expected whole atoms: describe partial occupation by a "
                "supercell with one atom, or none, at each site"
            )
    for name in ("occupancy", "occupancies"):
        each = np.asarray(getattr(atoms, "arrays", {}).get(name, ()), dtype=float)
        if (np.abs(each - 1.0) > 1e-3).any():
            atom = int(np.argmax(np.abs(each - 1.0) > 1e-3))
            raise InvalidArgumentError(f"atom {atom} has occupation {each[atom]:g}, expected whole atoms")


def _atoms(structure: Structure) -> Any:
    """Convert a structure to `Atoms` of ASE."""
    import ase

    return ase.Atoms(
        symbols=list(structure.symbols),
        positions=structure.positions,
        cell=structure.vectors,
        masses=structure.masses,
        pbc=True,
    )


def _ase_io() -> Any:
    """Import `ase.io`."""
    try:
        import ase.io
        import ase.io.formats
    except ImportError:
        raise MissingExtraError("structures need ASE: pip install 'adiabloch[phonons]'") from None
    return ase.io


@contextmanager
def _deprecations_ignored() -> Iterator[None]:
    """Ignore deprecation warnings inside ASE, which would become errors about the file under `python -W error`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        yield


def _type_and_message(reason: BaseException) -> str:
    """Return the type and the first line of an error message."""
    name, line = type(reason).__name__, first_line(reason)
    return name if line == name else f"{name}: {line}"
