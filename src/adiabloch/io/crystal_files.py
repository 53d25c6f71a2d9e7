"""Crystals in files, recognized by the names of the files: Wannier functions, saved models, cycles, deformations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from adiabloch.errors import FileFormatError, InvalidArgumentError, warn
from adiabloch.io.checkpoint_models import read_chk, read_snapshots
from adiabloch.io.netcdf import load
from adiabloch.io.netcdf_models import load_cycle, load_deformation, load_model
from adiabloch.io.netcdf_snapshots import CYCLE, DEFORMATION, MODEL, contents_of
from adiabloch.io.periodic_axes import checked_axes
from adiabloch.io.safe_open import COMPRESSED, uncompressed
from adiabloch.io.seed_files import CHECKPOINT_ENDINGS
from adiabloch.io.wannier90 import read_hr, read_tb
from adiabloch.models import Cycle, Deformation, TightBinding

ENDINGS = (*CHECKPOINT_ENDINGS, "_tb.dat", "_hr.dat")
"""Files of a seed of Wannier90, in order of preference."""
STRUCTURE = re.compile(
    r"(POSCAR|CONTCAR)\b.*|.*\.(cif|vasp|poscar|xyz|extxyz|xsf|pwi|pwo|scf\.in|win|yaml)", re.IGNORECASE
)
"""Names of files of structures."""
SAVED = ".nc"
"""Ending of saved models, cycles and deformations."""
SavedCrystal = TightBinding | Cycle | Deformation
LOADERS: Mapping[str, Callable[[Path], SavedCrystal]] = {
    MODEL: load_model,
    CYCLE: load_cycle,
    DEFORMATION: load_deformation,
}
"""Functions that read a saved crystal, by its kind."""


@dataclass(frozen=True)
class WannierOptions:
    """Options for files of Wannier90.

    Parameters
    ----------
    dimension : int, optional
    axes : sequence of int, optional
        As for `read_tb`.
    spin : bool
        Read `SEED.spn` as well.
    outside : bool or int
        As for `read_chk`.
    """

    dimension: int | None = None
    axes: Sequence[int] | None = None
    spin: bool = False
    outside: bool | int = False

    @property
    def of_slab(self) -> dict[str, Any]:
        """Arguments `dimension` and `axes` of the readers, checked."""
        return dict(zip(("dimension", "axes"), checked_axes(self.dimension, self.axes), strict=True))


def crystal_file(seed: Path) -> Path:
    """File of a crystal: a file itself, or the first one that exists of a seed of Wannier90.

    Raises
    ------
    FileFormatError
    """
    if seed.is_file():
        return seed
    if seed.suffix == ".zarr" and seed.is_dir():
        raise FileFormatError(f"{seed}: the store of a sweep, expected a crystal; `adiabloch show` shows results")
    names = [seed.name + ending + packed for ending in ENDINGS for packed in ("", *COMPRESSED)]
    found = next((path for name in names if seed.name and (path := seed.with_name(name)).is_file()), None)
    if found is None and uncompressed(seed).name.endswith((*ENDINGS, SAVED)):
        raise FileFormatError(f"{seed}: no such file")
    if found is None:
        tried = ", ".join(seed.name + ending for ending in ENDINGS)
        raise FileFormatError(f"{seed}: no such file, and none of {tried}")
    return found


def is_saved(path: Path) -> bool:
    """True for a saved model, cycle or deformation, False for a file of Wannier90, in eV and Angstrom."""
    return path.name.endswith(SAVED)


def read_saved(path: Path) -> SavedCrystal:
    """Model, cycle or deformation written by `adiabloch.io`.

    Raises
    ------
    FileFormatError
    """
    stored = load(path)
    kind = str(stored.attrs.get("kind", ""))
    if kind not in LOADERS:
        raise FileFormatError(
            f"{path}: expected a model, cycle or deformation saved by adiabloch.io, but {contents_of(stored)}"
        )
    return LOADERS[kind](path)


def read_crystal(path: Path, options: WannierOptions | None = None) -> SavedCrystal:
    """Crystal in a file.

    Parameters
    ----------
    path : Path
        A checkpoint, `_tb.dat` or `_hr.dat` file of Wannier90, or a model, cycle or deformation written by
        `adiabloch.io`. A file with another ending is read as a `_tb.dat` file.
    options : WannierOptions, optional

    Raises
    ------
    FileFormatError
    InvalidArgumentError
        Options that do not apply to this file.
    """
    given = options or WannierOptions()
    if is_saved(path):
        changed = [field.name for field in fields(given) if getattr(given, field.name) != field.default]
        if changed:
            raise InvalidArgumentError(f"{', '.join(changed)}: expected only with files of Wannier90, got {path}")
        return read_saved(path)
    name = uncompressed(path).name
    if name.endswith(CHECKPOINT_ENDINGS):
        return read_chk(path, **given.of_slab, spin=given.spin, outside=given.outside)
    if given.outside:
        raise InvalidArgumentError(f"outside: expected only with a SEED.chk, got {path}")
    check_no_structure(path)
    return (read_hr if name.endswith("_hr.dat") else read_tb)(path, **given.of_slab, spin=given.spin or None)


def check_no_structure(path: Path) -> None:
    """Raise an error for a file of a structure, by its name."""
    if STRUCTURE.fullmatch(uncompressed(path).name):
        raise FileFormatError(
            f"{path}: atoms of a crystal without its electrons, expected Wannier functions (SEED.chk, SEED_tb.dat, "
            "SEED_hr.dat) or a saved model; `adiabloch phonons prepare` and ab.io.read_structure read structures"
        )


def read_cycle(paths: Sequence[Path], options: WannierOptions | None = None) -> Cycle:
    """Cycle whose snapshots are the crystals in several files, at theta_j = 2 pi j/N in the order of the files.

    Warns
    -----
    UserWarning
        The files seem to be in alphabetic order, with 10 before 2.

    Raises
    ------
    FileFormatError, InvalidArgumentError
    """
    given = options or WannierOptions()
    names = [str(path) for path in paths]
    if names == sorted(names) != sorted(names, key=_with_numbers):
        warn(
            f"snapshots in alphabetic order, {', '.join(names[:3])}, ...: expected the order of the phases", UserWarning
        )
    if given.outside:
        raise InvalidArgumentError("outside: expected only with a single crystal, got several snapshots")
    return Cycle(read_models(paths, given))


def read_models(paths: Sequence[Path], options: WannierOptions) -> list[TightBinding]:
    """Models in several files, whose functions correspond to each other: snapshots, or displaced crystals.

    Raises
    ------
    FileFormatError, InvalidArgumentError
    """
    if all(uncompressed(path).name.endswith(CHECKPOINT_ENDINGS) for path in paths):
        return read_snapshots(paths, **options.of_slab, spin=options.spin)
    models = []
    for path in paths:
        model = read_crystal(path, options)
        if not isinstance(model, TightBinding):
            raise FileFormatError(f"{path}: contains a {type(model).__name__}, expected the model of one crystal")
        models.append(model)
    return models


def _with_numbers(name: str) -> list[tuple[int, str]]:
    """Key of a sort in which numbers within names are compared as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
