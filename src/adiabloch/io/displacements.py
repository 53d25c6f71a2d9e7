"""Folders of displaced crystals: inputs for an electronic-structure code, and what it has computed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.run import Run
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError
from adiabloch.files import checked_path, write_atomic
from adiabloch.io.checkpoint_models import read_snapshots
from adiabloch.io.plane_waves import read_plane_waves
from adiabloch.io.safe_open import read_bytes
from adiabloch.io.structures import read_forces, write_structure
from adiabloch.models import AtomicDisplacements, Deformation, Structure, displacement_motion
from adiabloch.models.atomic_displacements import REST
from adiabloch.models.deformation_arrays import difference_weights
from adiabloch.workflows.dipoles import dipole_moments

MANIFEST = "displacements.json"
"""File that describes the displacements."""
MARK = "@ATOMS@"
"""Stands for the lines of the atoms, "symbol x y z" in Angstrom, in templates."""
LARGEST_TEMPLATE = 10_000_000
"""Bytes of a template."""


def write_displacements(
    displacements: AtomicDisplacements,
    folder: str | os.PathLike[str],
    *,
    template: str | os.PathLike[str] | None = None,
    structure: str = "POSCAR",
) -> list[Path]:
    """Write the inputs of all displaced crystals, each in a folder of its own.

    Parameters
    ----------
    displacements : AtomicDisplacements
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
    if not isinstance(displacements, AtomicDisplacements):
        raise InvalidArgumentError(
            f"displacements: expected models.AtomicDisplacements, got {type(displacements).__name__}"
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


def read_displacements(folder: str | os.PathLike[str]) -> AtomicDisplacements:
    """Read which displacements a folder of `write_displacements` holds.

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
        return AtomicDisplacements(Structure(*fields), known["steps"], axes=known["axes"], atoms=known["atoms"])
    except (ValueError, KeyError, TypeError, RecursionError, AdiablochError) as reason:
        raise FileFormatError(f"{path}: {reason}, expected the file that write_displacements has made") from None


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
    known = read_displacements(folder)
    return {name: read_forces(Path(folder) / name / output) for name in known.structures if name != REST}


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
    models = dict(zip(names, read_snapshots(checkpoints, dimension=dimension, axes=axes, spin=spin), strict=True))
    saved = waves or f"out/{seed}.save"
    plane_waves = {
        name: read_plane_waves(Path(folder) / name / saved, file) for name, file in zip(names, checkpoints, strict=True)
    }

    def in_pairs(each: dict[str, Any]) -> dict[str, list[tuple[Any, Any]]]:
        return {name: [(each[minus], each[plus]) for minus, plus in several] for name, several in known.pairs.items()}

    moments = dipole_moments([models[name] for name in names], occupied, Run(tolerance)) / occupied
    by_name = in_pairs(dict(zip(names, moments, strict=True)))
    weights = difference_weights(known.steps)
    common = {
        name: np.sum([w * (plus - minus) for w, (minus, plus) in zip(weights, several, strict=True)], axis=0)
        for name, several in by_name.items()
    }
    displaced = in_pairs(models)
    waves_of = in_pairs(plane_waves)

    def motion_of(kept: list[int]) -> dict[Any, Any]:
        """Motion from some of the steps."""
        pairs, waves = ({u: [several[n] for n in kept] for u, several in of.items()} for of in (displaced, waves_of))
        steps = [known.steps[n] for n in kept]
        return displacement_motion(models[REST], pairs, steps, plane_waves[REST], waves, common=common)

    order = [int(n) for n in np.argsort(known.steps)]
    motion, coarser = motion_of(sorted(order)), motion_of(sorted(order[:-1])) if len(order) > 1 else None
    return Deformation(
        models[REST], displaced, known.steps, motion=motion, coarser_motion=coarser, patterns=known.patterns
    )


def _described(displacements: AtomicDisplacements) -> dict[str, object]:
    """Content of the manifest."""
    crystal = displacements.structure
    return {
        "steps": [*displacements.steps],
        "axes": displacements.axes,
        "atoms": [*displacements.atoms],
        "structure": {
            "vectors": crystal.vectors.tolist(),
            "symbols": [*crystal.symbols],
            "positions": crystal.positions.tolist(),
            "masses": crystal.masses.tolist(),
        },
    }
