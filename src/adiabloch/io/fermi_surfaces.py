"""Files of Fermi surfaces: `.frmsf` of FermiSurfer and `.bxsf` of XCrySDen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.files import write_atomic
from adiabloch.names import checked_call

if TYPE_CHECKING:
    import xarray

PER_LINE = 6
"""Numbers in a line of a `.bxsf` file."""


@checked_call
def write_frmsf(result: xarray.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a Fermi surface for FermiSurfer.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `ab.fermi_surface`.
    path : path-like
        The name usually ends with .frmsf.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The dataset is no Fermi surface.

    Notes
    -----
    The file contains the mesh, from Γ on without a shift, the reciprocal vectors, the energies relative to the
    chemical potential, and the quantity `colour` if the result has it.
    """
    mesh, bands = _checked(result)
    lines = [" ".join(map(str, mesh)), "1", str(bands)]
    lines += [" ".join(f"{x:.10e}" for x in row) for row in result.reciprocal.values]
    energies = result.energy.values - float(result.chemical_potential)
    for values in [energies, *([result.colour.values] if "colour" in result else [])]:
        # the last axis of the mesh varies fastest, the band slowest
        lines += [f"{x:.10e}" for x in np.moveaxis(values, -1, 0).ravel()]
    return write_atomic(path, ("\n".join(lines) + "\n").encode())


@checked_call
def write_bxsf(result: xarray.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a Fermi surface for XCrySDen.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `ab.fermi_surface`; a quantity on the surface cannot be part of this format.
    path : path-like
        The name usually ends with .bxsf.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The dataset is no Fermi surface.

    Notes
    -----
    The format has a general grid: the points at the end of each reciprocal vector repeat those at its beginning. The
    reciprocal vectors have no factor 2 pi.
    """
    mesh, bands = _checked(result)
    lines = [
        "BEGIN_INFO",
        f"  Fermi Energy: {float(result.chemical_potential):.10f}",
        "END_INFO",
        "BEGIN_BLOCK_BANDGRID_3D",
        "  bands",
        "  BEGIN_BANDGRID_3D_bands",
        f"  {bands}",
        "  " + " ".join(str(n + 1) for n in mesh),
        "  0.0 0.0 0.0",
    ]
    lines += ["  " + " ".join(f"{x:.10f}" for x in row) for row in result.reciprocal.values / (2 * np.pi)]
    for number, band in enumerate(result.band.values):
        energies = np.pad(result.energy.values[..., number], [(0, 1)] * 3, mode="wrap")
        lines.append(f"  BAND: {int(band) + 1}")
        lines += _rows(energies.ravel())
    lines += ["  END_BANDGRID_3D", "END_BLOCK_BANDGRID_3D"]
    return write_atomic(path, ("\n".join(lines) + "\n").encode())


def _rows(values: Float) -> list[str]:
    return [
        "  " + " ".join(f"{x:.10e}" for x in values[first : first + PER_LINE])
        for first in range(0, len(values), PER_LINE)
    ]


def _checked(result: xarray.Dataset) -> tuple[tuple[int, ...], int]:
    """Mesh and number of bands of a Fermi surface."""
    wanted = {"energy", "reciprocal", "chemical_potential"}
    if not hasattr(result, "data_vars") or not wanted <= set(result.data_vars):
        raise InvalidArgumentError(f"result: expected a result of fermi_surface, got {type(result).__name__}")
    dims = ("k1", "k2", "k3", "band")
    if result.energy.dims != dims:
        raise InvalidArgumentError(f"result: energy over {result.energy.dims}, expected {dims}")
    return result.energy.shape[:3], result.energy.shape[3]
