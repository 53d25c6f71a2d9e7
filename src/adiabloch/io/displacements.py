"""Folders of displaced crystals: inputs for an electronic-structure code, and what it has computed."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from adiabloch.arrays import Float, checked
from adiabloch.engine.run import Run
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError
from adiabloch.files import checked_path, write_atomic
from adiabloch.io.checkpoint_models import read_displaced
from adiabloch.io.plane_waves import read_plane_waves
from adiabloch.io.safe_open import read_bytes
from adiabloch.io.structures import read_forces, write_structure
from adiabloch.models import AtomicDisplacements, Deformation, Structure, TightBinding, displacement_motion
from adiabloch.models.atomic_displacements import REST
from adiabloch.models.deformation_arrays import difference_weights
from adiabloch.models.deformation_checks import Pair
from adiabloch.names import checked_call
from adiabloch.symmetries import Operation, SymmetricDisplacements
from adiabloch.symmetries.crystal_images import images_of_crystals
from adiabloch.workflows.dipoles import dipole_moments

Crystal = TypeVar("Crystal")
MANIFEST = "displacements.json"
"""File that describes the displacements."""
NAME = re.compile(r"\d+[a-z]")
"""Names of calculated displacements."""
MARK = "@ATOMS@"
"""Stands for the lines of the atoms, "symbol x y z" in Angstrom, in templates."""
LARGEST_TEMPLATE = 10_000_000
"""Bytes of a template."""


@checked_call
def write_displacements(
    displacements: AtomicDisplacements | SymmetricDisplacements,
    folder: str | os.PathLike[str],
    *,
    template: str | os.PathLike[str] | None = None,
    structure: str = "POSCAR",
) -> list[Path]:
    """Write the inputs of all displaced crystals, each in a folder of its own.

    Parameters
    ----------
    displacements : AtomicDisplacements or SymmetricDisplacements
        Displacements of all atoms, or those of `adiabloch.symmetric_displacements`, from which they follow.
    folder : path-like
        Folder for the crystal at rest, `rest`, the displaced ones, `0x-0.02`, ..., and `displacements.json`. Files of
        a calculation that are there are kept.
    template : path-like, optional
        Folder with inputs of the crystal. Its files are copied to each folder, with the positions of the atoms in place
        of a line `@ATOMS@`: lines "symbol x y z", in Angstrom.
    structure : str
        Name of the file of the structure; its format is that of ASE for this name.

    Returns
    -------
    list of pathlib.Path
        Folders of the crystals.

    Raises
    ------
    InvalidArgumentError
        The folder holds other displacements, or no file of the template has a line `@ATOMS@`.
    FileFormatError
        The template does not exist.
    MissingExtraError
        ASE is not installed.
    """
    if not isinstance(displacements, AtomicDisplacements | SymmetricDisplacements):
        raise InvalidArgumentError(
            f"displacements: expected models.AtomicDisplacements, or those of symmetric_displacements, got "
            f"{type(displacements).__name__}"
        )
    target = checked_path(folder, "folder")
    described = (json.dumps(_described(displacements), indent=1) + "\n").encode()
    if (target / MANIFEST).exists() and (target / MANIFEST).read_bytes() != described:
        raise InvalidArgumentError(f"{target}: holds other displacements ({MANIFEST}); expected a new folder")
    inputs = {} if template is None else _templates(checked_path(template, "template"))
    folders = []
    for name, crystal in displacements.structures.items():
        case = target / name
        case.mkdir(parents=True, exist_ok=True)
        write_structure(crystal, case / structure)
        rows = zip(crystal.symbols, crystal.positions, strict=True)
        atoms = "\n".join(f"{symbol} " + " ".join(f"{x:.12f}" for x in at) for symbol, at in rows)
        for file, text in inputs.items():
            if text is None:
                shutil.copyfile(file, case / file.name)
            else:
                write_atomic(case / file.name, text.replace(MARK, atoms).encode())
        folders.append(case)
    write_atomic(target / MANIFEST, described)
    return folders


def _templates(folder: Path) -> dict[Path, str | None]:
    """Files of a template with their text; None for files without the mark, such as pseudopotentials."""
    if not folder.is_dir():
        raise FileFormatError(f"{folder}: no such folder, expected inputs with a line {MARK} for the atoms")
    found: dict[Path, str | None] = {}
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        small = file.stat().st_size <= LARGEST_TEMPLATE
        text = file.read_bytes().decode("utf-8", errors="replace") if small else ""
        found[file] = text if MARK in text else None
    if not any(found.values()):
        raise InvalidArgumentError(f"template: no file in {folder} has a line {MARK} for the positions of the atoms")
    return found


@checked_call
def read_displacements(folder: str | os.PathLike[str]) -> AtomicDisplacements | SymmetricDisplacements:
    """Read which displacements a folder of `write_displacements` holds.

    Returns
    -------
    AtomicDisplacements or SymmetricDisplacements
        As they were written.

    Raises
    ------
    FileFormatError
        The folder has no `displacements.json`, or a malformed one.
    """
    path = checked_path(folder, "folder") / MANIFEST
    if not path.exists():
        raise FileFormatError(f"{path}: no such file, expected a folder that write_displacements has made")
    try:
        known = json.loads(read_bytes(path))
        crystal = known["structure"]
        fields = [crystal[name] for name in ("vectors", "symbols", "positions", "masses")]
        full = AtomicDisplacements(Structure(*fields), known["steps"], axes=known["axes"], atoms=known["atoms"])
        if "calculated" not in known:
            return full
        return _symmetric(full, known["calculated"], known["operations"])
    except (ValueError, KeyError, TypeError, RecursionError, AdiablochError) as reason:
        raise FileFormatError(f"{path}: {reason}, expected the file that write_displacements has made") from None


def _symmetric(full: AtomicDisplacements, calculated: Any, operations: Any) -> SymmetricDisplacements:
    """Displacements from which those of all atoms follow, from the entries of a manifest.

    Raises
    ------
    ValueError, TypeError, KeyError, AdiablochError
        Malformed entries, or displacements that do not follow.
    """
    if not isinstance(calculated, dict) or not isinstance(operations, list):
        raise TypeError("calculated and operations: no table and no list")
    directions, atoms = {}, range(len(full.structure.symbols))
    for name, one in calculated.items():
        signs = tuple(checked(one["signs"], f"{name}: signs", (None,), int).tolist())
        if not NAME.fullmatch(name) or not set(signs) <= {-1, 1} or one["atom"] not in atoms:
            raise ValueError(f"{name}: {one}, no displacement of an atom")
        directions[name] = int(one["atom"]), checked(one["direction"], f"{name}: direction", (3,)), signs
    group = [
        Operation(checked(g["rotation"], "rotation", (3, 3)), checked(g["translation"], "translation", (3,)))
        for g in operations
    ]
    if any(np.abs(g.rotation @ g.rotation.T - np.eye(3)).max() > 1e-6 for g in group):
        raise ValueError("a rotation that is not orthogonal")
    found = SymmetricDisplacements(full, directions, tuple(group))
    # displacements that do not follow are refused
    _ = found.expansion
    return found


@checked_call
def read_displacement_forces(folder: str | os.PathLike[str], output: str = "scf.out") -> dict[str, Float]:
    """Read the forces on the atoms of all displaced crystals, for `AtomicDisplacements.modes`.

    Parameters
    ----------
    folder : path-like
        Folder of `write_displacements`.
    output : str
        Name of the output with the forces in each of its folders, in a format that ASE reads.

    Returns
    -------
    dict {str: float array (n, 3)}
        In eV/Angstrom, by name of the structure.

    Raises
    ------
    FileFormatError
        An output is missing or has no forces.
    """
    return forces_of(read_displacements(folder), folder, output)


def forces_of(
    known: AtomicDisplacements | SymmetricDisplacements, folder: str | os.PathLike[str], output: str = "scf.out"
) -> dict[str, Float]:
    """Forces of `read_displacement_forces` for the displacements that its folder holds."""
    return {name: read_forces(Path(folder) / name / output) for name in known.structures if name != REST}


@checked_call
def read_deformation(
    folder: str | os.PathLike[str],
    seed: str,
    occupied: int,
    *,
    waves: str | None = None,
    dimension: int | None = None,
    axes: tuple[int, ...] | None = None,
    spin: bool = False,
    tolerance: float = 1e-4,
) -> Deformation:
    """Read a crystal and its displacements from the checkpoints of Wannier90 and the plane waves of Quantum ESPRESSO.

    Parameters
    ----------
    folder : path-like
        Folder of `write_displacements`, with `SEED.chk` in the folder of each crystal.
    seed : str
        Seed of Wannier90.
    occupied : int
        Number of occupied bands. Their mean displacement is the common motion of all functions (see
        `adiabloch.models.displacement_motion`).
    waves : str, optional
        Folder `PREFIX.save` of Quantum ESPRESSO, relative to that of each crystal; `out/SEED.save` by default.
    dimension, axes, spin
        As for `read_chk`.
    tolerance : float
        Accuracy of the mean displacement, relative to a lattice vector.

    Returns
    -------
    Deformation

    Raises
    ------
    FileFormatError, InvalidModelError
        Files are missing or malformed, belong to different calculations, or their functions do not correspond.
    """
    known = read_displacements(folder)
    names = [*known.structures]
    checkpoints = [Path(folder) / name / f"{seed}.chk" for name in names]
    models = dict(zip(names, read_displaced(checkpoints, dimension=dimension, axes=axes, spin=spin), strict=True))
    saved = waves or f"out/{seed}.save"
    plane_waves = {
        name: read_plane_waves(Path(folder) / name / saved, file) for name, file in zip(names, checkpoints, strict=True)
    }
    if isinstance(known, SymmetricDisplacements):
        displaced, displaced_waves = images_of_crystals(known, models, plane_waves)
        patterns = {name: pair.pattern for name, pair in known.expansion.pairs.items()}
    else:
        displaced, displaced_waves = _in_pairs(known, models), _in_pairs(known, plane_waves)
        patterns = known.patterns
    common = _mean_slopes(models[REST], displaced, known.steps, occupied, tolerance)

    def motion_of(kept: list[int]) -> dict[Any, Any]:
        """Motion from some of the steps."""
        pairs, each = _some(displaced, kept), _some(displaced_waves, kept)
        steps = [known.steps[n] for n in kept]
        return displacement_motion(models[REST], pairs, steps, plane_waves[REST], each, common=common)

    order = [int(n) for n in np.argsort(known.steps)]
    motion, coarser = motion_of(sorted(order)), motion_of(sorted(order[:-1])) if len(order) > 1 else None
    found = Deformation(models[REST], displaced, known.steps, motion=motion, coarser_motion=coarser, patterns=patterns)
    return found.along(known.expansion.coefficients) if isinstance(known, SymmetricDisplacements) else found


def _in_pairs(known: AtomicDisplacements, each: Mapping[str, Crystal]) -> dict[str, list[tuple[Crystal, Crystal]]]:
    """Pairs of the given entries of the crystals at minus and plus each step, by displacement."""
    return {name: [(each[minus], each[plus]) for minus, plus in several] for name, several in known.pairs.items()}


def _some(
    of: Mapping[str, Sequence[tuple[Crystal, Crystal]]], kept: Sequence[int]
) -> dict[str, list[tuple[Crystal, Crystal]]]:
    """The same for some of the steps."""
    return {name: [several[number] for number in kept] for name, several in of.items()}


def _mean_slopes(
    rest: TightBinding, displaced: Mapping[str, Sequence[Pair]], steps: Sequence[float], occupied: int, tolerance: float
) -> dict[str, Float]:
    """Mean displacement (d,) of the electrons for a unit of each displacement of the atoms."""
    crystals = [model for several in displaced.values() for pair in several for model in pair]
    moments = dipole_moments([rest, *crystals], occupied, Run(tolerance))[1:] / occupied
    changes = moments.reshape(len(displaced), len(steps), 2, -1)
    slopes = np.einsum("s,usa->ua", difference_weights(steps), changes[:, :, 1] - changes[:, :, 0])
    return dict(zip(displaced, slopes, strict=True))


def _described(displacements: AtomicDisplacements | SymmetricDisplacements) -> dict[str, object]:
    """Content of the manifest."""
    crystal = displacements.structure
    full = displacements.full if isinstance(displacements, SymmetricDisplacements) else displacements
    found: dict[str, object] = {
        "steps": [*full.steps],
        "axes": full.axes,
        "atoms": [*full.atoms],
        "structure": {
            "vectors": crystal.vectors.tolist(),
            "symbols": [*crystal.symbols],
            "positions": crystal.positions.tolist(),
            "masses": crystal.masses.tolist(),
        },
    }
    if isinstance(displacements, SymmetricDisplacements):
        found["calculated"] = {
            name: {"atom": atom, "direction": direction.tolist(), "signs": [*signs]}
            for name, (atom, direction, signs) in displacements.directions.items()
        }
        found["operations"] = [
            {"rotation": g.rotation.tolist(), "translation": g.translation.tolist()} for g in displacements.operations
        ]
    return found
