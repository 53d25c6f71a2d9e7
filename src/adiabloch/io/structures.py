"""Crystal structures through ASE, in the formats whose readers do nothing but read."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, MissingExtraError
from adiabloch.files import atomic_write, checked_path
from adiabloch.io.safe_open import COMPRESSED, read_bytes, refuse_long_lines
from adiabloch.models import Structure

READ = frozenset(
    (
        *("vasp", "vasp-xdatcar", "vasp-out", "vasp-xml", "cif", "extxyz", "xyz", "xsf", "espresso-in", "espresso-out"),
        *("abinit-in", "abinit-out", "aims", "aims-output", "siesta-xv", "struct_out", "lammps-data", "gen", "elk"),
        *("crystal", "cube", "cfg", "magres", "proteindatabank", "struct", "res", "traj", "json", "v-sim", "xsd"),
        *("turbomole", "gpumd"),
    )
)
"""ASE's names of formats that are read. Others start programs (castep-cell), include other files, reach databases."""
RUNS = frozenset({"castep-cell"})
"""Formats that ASE starts a program to write."""
XML = frozenset({"vasp-xml", "xsd"})


def read_structure(path: str | os.PathLike[str], format: str | None = None) -> Structure:
    """Read a crystal structure through ASE: POSCAR, CIF, extended XYZ, inputs and outputs of Quantum ESPRESSO, others.

    No program is started, and nothing but the file is read (a POSCAR without symbols takes them from the POTCAR or
    OUTCAR beside it).

    Parameters
    ----------
    path : path-like
        Of several structures in a file, the last is taken. Compressed if the name ends in .gz, .bz2 or .xz.
    format : str, optional
        ASE's name of the format, where neither the file's name nor its content tells; one of `READ`.

    Returns
    -------
    Structure
        With ASE's masses, those of the natural elements, unless the file holds others in a format that ASE takes them
        from.

    Raises
    ------
    FileFormatError
        If there is no such file, ASE cannot read it, it holds no crystal, or places that are partly occupied.
    MissingExtraError
        If ASE is not installed.
    """
    ase_io = _ase_io()
    if not checked_path(path).exists():
        raise FileFormatError(f"{path}: no such file")
    content = read_bytes(path)
    try:
        known = format or _format(ase_io, path, content)
        if known not in ase_io.formats.ioformats:
            raise ValueError(f"no format {known!r}")
        if known in READ:
            with _deprecations_ignored():
                atoms = _parsed(ase_io, Path(path), content, known)
            # numbers of atoms that no element has are found here
            return from_ase(atoms)
    except FileFormatError:
        raise
    except AdiablochError as reason:
        raise FileFormatError(f"{path}: {reason}") from None
    except Exception as reason:  # ASE's readers raise whatever befalls them
        raise FileFormatError(
            f"{path}: ASE cannot read it ({_short(reason)}), expected a structure"
            + (f" in the format {format!r}" if format else "; format=... says in which format, if ASE does not find it")
        ) from None
    raise FileFormatError(
        f"{path}: the format {known!r} is not read, as ASE's reader of it may start programs or open other files; "
        f"expected one of {', '.join(sorted(READ))}: convert it with ASE yourself, or pass format=... if it is another"
    )


def _format(ase_io: Any, path: str | os.PathLike[str], content: bytes) -> str:
    """ASE's name of the format of a file, from its name and its beginning."""
    beginning = io.BytesIO(content[:10_000])
    # an absolute name is none of a database
    beginning.name = os.path.abspath(path)
    return str(ase_io.formats.filetype(beginning))


def _parsed(ase_io: Any, path: Path, content: bytes, known: str) -> Any:
    """ASE's atoms from the content of a file, which is in memory already."""
    reader = ase_io.formats.ioformats[known]
    if known != "traj":
        refuse_long_lines(path, content)
    _check_counts(path, content, known)
    if known in XML and b"<!ENTITY" in content:
        raise FileFormatError(f"{path}: defines XML entities, expected none: no program writes them")
    if not reader.acceptsfd:
        with tempfile.TemporaryDirectory() as folder:
            name = path.name.removesuffix(path.suffix) if path.suffix in COMPRESSED else path.name
            copy = Path(folder) / name
            copy.write_bytes(content)
            return ase_io.read(os.fspath(copy), format=known, do_not_split_by_at_sign=True)
    stream: Any = io.BytesIO(content) if reader.isbinary else io.StringIO(content.decode("utf-8", errors="replace"))
    # a POSCAR without symbols looks for them beside it
    stream.name = os.path.abspath(path)
    return ase_io.read(stream, format=known)


def _check_counts(path: Path, content: bytes, known: str) -> None:
    """Refuse numbers of atoms that the file does not have lines for: ASE counts up to them, or takes memory."""
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
    if count > left:
        raise FileFormatError(f"{path}, line {line}: {count} atoms, but {left} lines are left; expected one for each")


def write_structure(
    structure: Structure, path: str | os.PathLike[str], format: str | None = None, **options: Any
) -> Path:
    """Write a crystal structure through ASE. The file appears whole or not at all.

    Parameters
    ----------
    structure : Structure
    path : path-like
    format : str, optional
        ASE's name of the format, where the file's name does not tell.
    **options
        For ASE's writer of that format, `pseudopotentials` of Quantum ESPRESSO's inputs for example.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        If ASE cannot write it in that format.
    MissingExtraError
        If ASE is not installed.
    """
    ase_io = _ase_io()
    if not isinstance(structure, Structure):
        raise InvalidArgumentError(f"write_structure: expected a Structure, got {type(structure).__name__}")
    checked_path(path)
    try:
        # the name of the unfinished file would not tell
        known = format or ase_io.formats.filetype(os.fspath(path), read=False)
        if known in RUNS:
            raise ValueError(f"ASE starts a program to write {known}")
        with atomic_write(path) as name, _deprecations_ignored():
            ase_io.write(name, _atoms(structure), format=known, **options)
    except OSError:
        raise
    except Exception as reason:
        raise InvalidArgumentError(
            f"{path}: ASE cannot write it ({_short(reason)}), expected a format that ASE writes, with the options that "
            "its writer takes"
        ) from None
    return Path(path)


def from_ase(atoms: Any) -> Structure:
    """Take over a crystal from ASE's `Atoms`.

    Parameters
    ----------
    atoms : ase.Atoms
        Periodic along one direction at least, with three lattice vectors.

    Returns
    -------
    Structure

    Raises
    ------
    InvalidArgumentError
        If it is something else, no crystal, or has places that are partly occupied.
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
    """Each place holds one atom, whole."""
    stated = dict(getattr(atoms, "info", {}).get("occupancy") or {})
    for number, place in stated.items():
        held = {str(symbol): float(part) for symbol, part in dict(place).items()}
        if len(held) > 1 or any(abs(part - 1.0) > 1e-3 for part in held.values()):
            parts = " and ".join(f"{part:g} {symbol}" for symbol, part in held.items())
            raise InvalidArgumentError(
                f"place {number} is occupied by {parts}, expected whole atoms: partial occupation takes a supercell "
                "with an atom, or none, at each place"
            )
    for name in ("occupancy", "occupancies"):
        each = np.asarray(getattr(atoms, "arrays", {}).get(name, ()), dtype=float)
        if (np.abs(each - 1.0) > 1e-3).any():
            atom = int(np.argmax(np.abs(each - 1.0) > 1e-3))
            raise InvalidArgumentError(f"atom {atom} has occupation {each[atom]:g}, expected whole atoms")


def _atoms(structure: Structure) -> Any:
    import ase

    return ase.Atoms(
        symbols=list(structure.symbols),
        positions=structure.positions,
        cell=structure.vectors,
        masses=structure.masses,
        pbc=True,
    )


def _ase_io() -> Any:
    try:
        import ase.io
        import ase.io.formats
    except ImportError:
        raise MissingExtraError("structures need ASE: pip install 'adiabloch[phonons]'") from None
    return ase.io


@contextmanager
def _deprecations_ignored() -> Iterator[None]:
    """Ignore ASE's use of deprecated NumPy functions, which is no error of the file, also under `python -W error`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        yield


def _short(reason: BaseException) -> str:
    lines = str(reason).strip().splitlines()
    return f"{type(reason).__name__}: {lines[0][:200]}" if lines else type(reason).__name__
