"""Crystal structures in all formats that ASE knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, MissingExtraError
from adiabloch.files import whole
from adiabloch.models import Structure


def read_structure(path: str | os.PathLike[str], format: str | None = None) -> Structure:
    """Read a crystal structure through ASE: POSCAR, CIF, extended XYZ, inputs and outputs of Quantum ESPRESSO, others.

    Parameters
    ----------
    path : path-like
        Of several structures in a file, the last is taken.
    format : str, optional
        ASE's name of the format, where neither the file's name nor its content tells.

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
    if not Path(path).is_file():
        raise FileFormatError(f"{path}: no such file")
    try:
        atoms = ase_io.read(os.fspath(path), format=format, do_not_split_by_at_sign=True)
    except Exception as reason:  # ASE's readers raise whatever befalls them
        raise FileFormatError(
            f"{path}: ASE cannot read it ({_short(reason)}), expected a structure"
            + (f" in the format {format!r}" if format else "; format=... says in which format, if ASE does not find it")
        ) from None
    try:
        return from_ase(atoms)
    except AdiablochError as reason:
        raise FileFormatError(f"{path}: {reason}") from None


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
    try:
        # the name of the unfinished file would not tell
        known = format or ase_io.formats.filetype(os.fspath(path), read=False)
        with whole(path) as name:
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


def _short(reason: BaseException) -> str:
    lines = str(reason).strip().splitlines()
    return f"{type(reason).__name__}: {lines[0][:200]}" if lines else type(reason).__name__
