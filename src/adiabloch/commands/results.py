"""The commands `show` and `plot`: a result in a file, or the store of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adiabloch.errors import FileFormatError
from adiabloch.files import write_atomic
from adiabloch.io import crystal_files, load
from adiabloch.io.netcdf_snapshots import READERS
from adiabloch.io.safe_open import uncompressed
from adiabloch.summaries.pictures import picture
from adiabloch.sweeps import load_sweep

if TYPE_CHECKING:
    import xarray

EXPECTED = "expected a result; `adiabloch inspect` shows the crystal, and `adiabloch bands` draws its bands"
ENDINGS = ("png", "pdf", "svg")
"""Kinds of pictures."""


def read_result(path: Path) -> xarray.Dataset:
    """Result in a NetCDF file, or in the store of a sweep.

    Raises
    ------
    FileFormatError
        The file contains no result.
    """
    if path.is_dir():
        return load_sweep(path)
    if crystal := _wannier_file(path):
        raise FileFormatError(f"{path}: {crystal.name} contains a crystal, {EXPECTED}")
    result = load(path)
    if (kind := result.attrs.get("kind")) in READERS:
        raise FileFormatError(f"{path}: contains an {kind}, {EXPECTED}")
    return result


def _wannier_file(path: Path) -> Path | None:
    """File of Wannier90 that a name stands for, itself or a seed; None if there is none."""
    try:
        found = crystal_files.crystal_file(path)
    except FileFormatError:
        return None
    return found if uncompressed(found).name.endswith(crystal_files.ENDINGS) else None


def picture_kind(output: Path) -> str:
    """Kind of a picture by the ending of its name.

    Raises
    ------
    FileFormatError
    """
    kind = output.suffix.removeprefix(".").lower()
    if kind not in ENDINGS:
        raise FileFormatError(f"{output}: expected a name that ends with .{', .'.join(ENDINGS)}")
    return kind


def draw(result: xarray.Dataset, output: Path) -> Path:
    """Draw a result without a display."""
    return write_atomic(output, picture(result, picture_kind(output)))
