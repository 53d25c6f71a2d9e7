"""The commands `show` and `plot`: a result in a file, or the store of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adiabloch.errors import FileFormatError
from adiabloch.files import write_atomic
from adiabloch.io import load
from adiabloch.io.netcdf_snapshots import READERS
from adiabloch.summaries.pictures import picture
from adiabloch.sweeps import load_sweep

if TYPE_CHECKING:
    import xarray

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
    result = load(path)
    if (kind := result.attrs.get("kind")) in READERS:
        raise FileFormatError(f"{path}: contains an {kind}, expected a result; `adiabloch inspect` shows it")
    return result


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
