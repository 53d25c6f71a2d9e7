"""Calculations of phonopy from its files, without `phonopy.load`.

`phonopy.load` uses a YAML loader that can execute code, and takes force constants, forces and Born charges from files
in the current folder. Here YAML is read as plain data, and only the file itself and the files in its folder are used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adiabloch.errors import AdiablochError, FileFormatError, MissingExtraError
from adiabloch.io.hdf5 import check_hdf5
from adiabloch.io.safe_open import read_text
from adiabloch.io.safe_yaml import parse_yaml
from adiabloch.io.text_numbers import shown

ATOMS = 50_000
"""Largest number of atoms in a supercell."""


def load_phonopy(path: Path, text: str) -> Any:
    """Load a `phonopy.Phonopy` with force constants from a file such as `phonopy_params.yaml`.

    The force constants are those of the file, or are calculated from the forces in the file. Without either, they are
    read from `FORCE_CONSTANTS` or `force_constants.hdf5`, or calculated from `FORCE_SETS`, in the folder of the file.
    Born charges are those of the file, or of `BORN` in its folder.

    Raises
    ------
    FileFormatError
        The file is not a file of phonopy, or there are no force constants.
    MissingExtraError
        phonopy is not installed.
    """
    units_of(None)
    try:
        content = parse_yaml(text)
        if not isinstance(content, dict):
            raise ValueError("no entries")
        calculation = _calculation(path, content)
    except AdiablochError:
        raise
    except Exception as reason:  # phonopy raises errors of many types
        raise FileFormatError(
            f"{path}: phonopy cannot load it ({type(reason).__name__}: {str(reason)[:200]}), expected one "
            "with force constants or forces, such as phonopy_params.yaml"
        ) from None
    if calculation.force_constants is None:
        raise FileFormatError(
            f"{path}: phonopy finds no force constants, expected them or forces in the file, or FORCE_CONSTANTS, "
            "force_constants.hdf5 or FORCE_SETS in the same folder"
        )
    return calculation


def units_of(calculator: str | None) -> Any:
    """Units of length and frequency of the program that calculated the forces."""
    try:
        from phonopy.physical_units import get_calculator_physical_units
    except ImportError:
        raise MissingExtraError("phonopy is needed, version 4 or newer: pip install 'adiabloch[phonons]'") from None
    return get_calculator_physical_units(calculator)


def _calculation(path: Path, content: dict[str, Any]) -> Any:
    """Set up a `phonopy.Phonopy` with Born charges and force constants."""
    from phonopy import Phonopy
    from phonopy.file_IO import parse_BORN_from_strings
    from phonopy.interface.phonopy_yaml import load_phonopy_yaml

    data = load_phonopy_yaml(content)
    if data.unitcell is None:
        raise ValueError("no crystal")
    matrix = np.eye(3, dtype=np.int64) if data.supercell_matrix is None else data.supercell_matrix
    atoms = len(data.unitcell) * abs(np.linalg.det(np.broadcast_to(matrix, (3, 3)).astype(float)))
    if not atoms <= ATOMS:
        raise ValueError(f"a supercell of {atoms:.3g} atoms, expected at most {ATOMS}")
    scheme = getattr(data, "site_mixture_scheme", None)
    found = Phonopy(
        data.unitcell,
        matrix,
        primitive_matrix="auto" if data.primitive_matrix is None else data.primitive_matrix,
        calculator=data.calculator,
        log_level=0,
        **({} if scheme is None else {"site_mixture_scheme": scheme}),
    )
    charges = data.nac_params
    if charges is None and (born := _file_in_folder(path, "BORN")):
        charges = parse_BORN_from_strings(read_text(born), found.primitive)
    if charges:
        charges.setdefault("factor", units_of(data.calculator).nac_factor)
        found.nac_params = charges
    _add_constants(found, path, data)
    return found


def _add_constants(found: Any, path: Path, data: Any) -> None:
    """Add the force constants of the file, or of another file in its folder."""
    from phonopy.file_IO import parse_FORCE_SETS_from_strings
    from phonopy.structure.dataset import forces_in_dataset

    if data.force_constants is not None:
        found.force_constants = data.force_constants
        return
    dataset = data.dataset
    if not forces_in_dataset(dataset):
        if text_file := _file_in_folder(path, "FORCE_CONSTANTS"):
            found.force_constants = _constants_of_text(text_file, found)
            return
        if hdf5_file := _file_in_folder(path, "force_constants.hdf5"):
            found.force_constants = _constants_of_hdf5(hdf5_file, found, data.calculator)
            return
        if not (force_sets := _file_in_folder(path, "FORCE_SETS")):
            return
        dataset = parse_FORCE_SETS_from_strings(read_text(force_sets), natom=len(found.supercell))
    found.dataset = dataset
    # displacements of all atoms at once require symfc
    calculator = "symfc" if "displacements" in dataset else None
    found.produce_force_constants(fc_calculator=calculator, calculate_full_force_constants=False, show_drift=False)
    if calculator is None:
        found.symmetrize_force_constants(show_drift=False, use_symfc_projector=True)


def _file_in_folder(path: Path, name: str) -> Path | None:
    """Path of a file in the folder of `path`; None if it does not exist."""
    found = path.with_name(name)
    return found if found.is_file() else None


def _constants_of_text(path: Path, found: Any) -> Any:
    """Read `FORCE_CONSTANTS`: two numbers of atoms, then for each pair of atoms their indices and three rows."""
    words = read_text(path).split("\n", 1)
    counts = [int(word) for word in words[0].split()]
    rows, columns = counts if len(counts) == 2 else (counts[0], counts[0])
    numbers = words[1].split() if len(words) > 1 else []
    if not (rows > 0 and columns > 0 and len(numbers) == rows * columns * 11):
        raise FileFormatError(f"{path}, line 1: {shown(words[0])}, expected the numbers of atoms in the file")
    table = np.array(numbers, dtype=float).reshape(rows, columns, 11)
    constants = np.ascontiguousarray(table[..., 2:].reshape(rows, columns, 3, 3))
    _check_constants(path, found, constants, table[:, 0, 0] - 1)
    return constants


def _check_constants(path: Path, found: Any, constants: Any, atoms: Any) -> None:
    """Raise an error unless the rows are all atoms of the supercell, or those of the primitive cell."""
    size = len(found.supercell)
    if constants.ndim != 4 or constants.shape[1:] != (size, 3, 3) or not np.isfinite(constants).all():
        raise FileFormatError(
            f"{path}: force constants of shape {constants.shape}, expected finite ones of shape (n, {size}, 3, 3) for "
            f"the supercell of {size} atoms"
        )
    primitive = found.primitive.p2s_map
    if len(constants) != size and not (atoms is not None and np.array_equal(atoms, primitive)):
        raise FileFormatError(
            f"{path}: force constants of {len(constants)} atoms, expected {[*primitive]} or all {size}"
        )


def _constants_of_hdf5(path: Path, found: Any, calculator: str | None) -> Any:
    """Read `force_constants.hdf5` and convert to the units of the calculation."""
    import h5py
    from phonopy.interface.calculator import get_force_constant_conversion_factor

    check_hdf5(path)
    with h5py.File(path, "r") as file:
        name = next((name for name in ("force_constants", "fc2") if name in file), None)
        if name is None:
            raise FileFormatError(f"{path}: lacks force_constants, expected a file of phonopy")
        constants = np.asarray(file[name][()], dtype=float)
        unit = file["physical_unit"][()] if "physical_unit" in file else None
        atoms = file["p2s_map"][()] if "p2s_map" in file else found.primitive.p2s_map
    _check_constants(path, found, constants, atoms)
    if unit is None:
        return constants
    unit = unit[0] if isinstance(unit, np.ndarray) else unit
    stated = unit.decode() if isinstance(unit, bytes) else str(unit)
    return constants * float(get_force_constant_conversion_factor(stated, calculator))
