"""The command `bands`: bands of a crystal in a file, as a picture and as a result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adiabloch.errors import FileFormatError
from adiabloch.io import load, load_cycle, load_model, read_band_structure, read_chk, read_hr, read_tb
from adiabloch.io.netcdf_snapshots import MODEL
from adiabloch.io.periodic_axes import checked_axes
from adiabloch.io.safe_open import uncompressed
from adiabloch.io.seed_files import CHECKPOINT_ENDINGS
from adiabloch.jobs.crystals import ENDINGS
from adiabloch.models import Cycle, TightBinding
from adiabloch.workflows.bands import bands

if TYPE_CHECKING:
    import xarray

UNITS = {"energy": "eV", "length": "angstrom", "area": "angstrom^2", "1/length": "1/angstrom"}
"""Units of the files of Wannier90."""
COMPRESSED = ("", ".gz", ".bz2", ".xz")


def crystal_file(seed: Path) -> Path:
    """File of a crystal: a file itself, or the first one that exists of a seed of Wannier90.

    Raises
    ------
    FileFormatError
    """
    if seed.is_file():
        return seed
    names = [seed.name + ending + packed for ending in ENDINGS for packed in COMPRESSED]
    found = next((path for name in names if (path := seed.with_name(name)).is_file()), None)
    if found is None:
        tried = ", ".join(seed.name + ending for ending in ENDINGS)
        raise FileFormatError(f"{seed}: no such file, and none of {tried}")
    return found


def read_crystal(
    path: Path, *, dimension: int | None = None, axes: Sequence[int] | None = None
) -> tuple[TightBinding | Cycle, bool]:
    """Crystal in a file, and True if its units are those of Wannier90.

    Parameters
    ----------
    path : Path
        A checkpoint, `_tb.dat` or `_hr.dat` file of Wannier90, or a model or cycle written by `adiabloch.io`.
    dimension : int, optional
    axes : sequence of int, optional
        As for `io.read_tb`.
    """
    count, axes = checked_axes(dimension, axes)
    name = uncompressed(path).name
    if name.endswith(".nc"):
        return (load_model if load(path).attrs.get("kind") == MODEL else load_cycle)(path), False
    read: Any = read_tb
    if name.endswith(CHECKPOINT_ENDINGS):
        read = read_chk
    elif name.endswith("_hr.dat"):
        read = read_hr
    return read(path, dimension=count, axes=axes), True


def bands_of_file(
    seed: Path,
    *,
    reference: Path | None = None,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    **options: Any,
) -> xarray.Dataset:
    """Bands of the crystal in a file.

    Parameters
    ----------
    seed : Path
        A file, or the seed of files of Wannier90.
    reference : Path, optional
        Bands to compare with, for `io.read_band_structure`.
    dimension, axes
        As for `read_crystal`.
    **options
        As for `ab.bands`.

    Returns
    -------
    xarray.Dataset
        Result of `ab.bands`; in eV and Angstrom for files of Wannier90.
    """
    crystal, wannier = read_crystal(crystal_file(seed), dimension=dimension, axes=axes)
    compared = None if reference is None else read_band_structure(reference)
    result = bands(crystal, reference=compared, **options)
    if wannier:
        for name in result.variables:
            units = result[name].attrs.get("units")
            if units in UNITS:
                result[name].attrs["units"] = UNITS[units]
    return result


def summary(result: xarray.Dataset) -> list[str]:
    """Lines about the range of the bands, the gap and the reference."""
    unit = str(result.energy.attrs.get("units", ""))
    unit = "" if unit == "energy" else f" {unit}"
    low, high = float(result.energy.min()), float(result.energy.max())
    lines = [f"{result.sizes['band']} bands from {low:.6g} to {high:.6g}{unit}"]
    if "label" in result.coords and result.label.size:
        lines[0] += f" along {' '.join(result.label.values.tolist())}"
    if "gap" in result:
        on_path = float(result.conduction_bottom - result.valence_top)
        lines.append(
            f"gap {float(result.gap):.6g}{unit} in the whole zone, {on_path:.6g}{unit} on the path "
            f"(direct {float(result.direct_gap):.6g}{unit})"
        )
    if "deviation" in result:
        lines.append(f"largest deviation from the reference: {float(result.deviation):.2e}{unit}")
    return lines
