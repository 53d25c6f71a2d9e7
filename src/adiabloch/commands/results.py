"""The commands `show` and `plot`: a result in a file, or the store of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adiabloch.errors import FileFormatError
from adiabloch.files import atomic_write
from adiabloch.io import load
from adiabloch.io.netcdf_snapshots import READERS
from adiabloch.plotting import plot
from adiabloch.plotting.dispatch import axes_for
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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = picture_kind(output)
    figure = Figure(figsize=(4.2, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    plot(result, axes_for(result, figure))
    with atomic_write(output) as name:
        figure.savefig(name, dpi=200, format=kind)
    return output
