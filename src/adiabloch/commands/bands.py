"""The commands `bands` and `map`: bands and band quantities of a crystal in a file, as a picture and as a result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.io import read_band_structure
from adiabloch.io.crystal_files import WannierOptions, crystal_file, read_crystal
from adiabloch.models import Cycle, Deformation, TightBinding
from adiabloch.workflows.bands import bands
from adiabloch.workflows.zone_map import zone_map

if TYPE_CHECKING:
    import xarray


def bands_of_file(
    seed: Path, wannier: WannierOptions, *, reference: Path | None = None, **options: Any
) -> xarray.Dataset:
    """Bands of the crystal in a file.

    Parameters
    ----------
    seed : Path
        A file, or the seed of files of Wannier90.
    wannier : WannierOptions
    reference : Path, optional
        Bands to compare with, for `io.read_band_structure`.
    **options
        As for `ab.bands`.

    Returns
    -------
    xarray.Dataset
        Result of `ab.bands`; in eV and Angstrom for files of Wannier90.
    """
    path = crystal_file(seed)
    crystal = _model_or_cycle(path, wannier)
    compared = None if reference is None else read_band_structure(reference)
    return bands(crystal, reference=compared, **options)


def map_of_file(seed: Path, quantity: str, wannier: WannierOptions, **options: Any) -> xarray.Dataset:
    """Map of a band quantity of the crystal in a file over its Brillouin zone.

    Parameters
    ----------
    seed, wannier
        As for `bands_of_file`.
    quantity : str
    **options
        As for `ab.zone_map`.

    Returns
    -------
    xarray.Dataset
        Result of `ab.zone_map`; in eV and Angstrom for files of Wannier90.
    """
    path = crystal_file(seed)
    return zone_map(_model_or_cycle(path, wannier), quantity, **options)


def _model_or_cycle(path: Path, wannier: WannierOptions) -> TightBinding | Cycle:
    """Crystal in a file; of a deformation, the crystal at rest."""
    crystal = read_crystal(path, wannier)
    return crystal.model if isinstance(crystal, Deformation) else crystal


def summary_of_map(result: xarray.Dataset) -> list[str]:
    """Line about the range of a map."""
    value = result.value
    at = np.unravel_index(int(np.abs(value.values).argmax()), value.shape)
    k = ", ".join(
        f"{value[dim].attrs['long_name']} = {float(value[dim][i]):.4g}"
        for dim, i in reversed([*zip(value.dims, at, strict=True)])
    )
    units = str(value.attrs["units"])
    unit = "" if units in ("1", "energy") else f" {units}"
    low, high = float(value.min()), float(value.max())
    component = value.attrs.get("component", "")
    name = f"{value.attrs['long_name']}{f' ({component})' if component else ''}"
    return [f"{name} from {low:.6g} to {high:.6g}{unit}, largest at {k}"]


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
        overlap = ": the bands overlap, a metal" if float(result.gap) < 0 else ""
        lines.append(
            f"gap {float(result.gap):.6g}{unit} in the whole zone, {on_path:.6g}{unit} on the path "
            f"(direct {float(result.direct_gap):.6g}{unit}){overlap}"
        )
    if "deviation" in result:
        lines.append(f"largest deviation from the reference: {float(result.deviation):.2e}{unit}")
    return lines
