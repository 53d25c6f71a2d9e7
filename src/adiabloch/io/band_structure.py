"""Energies along a path, as Wannier90 and Quantum ESPRESSO write them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.results import labelled
from adiabloch.errors import FileFormatError
from adiabloch.io.espresso_bands import HEAD, bands_of_filband, bands_of_xml, distance_of
from adiabloch.io.safe_open import read_text, uncompressed
from adiabloch.io.seed_files import find_seed_file
from adiabloch.io.text_lines import LineReader
from adiabloch.io.xml_elements import is_xml
from adiabloch.names import checked_call
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

BAND_FILE = "_band.dat"
GNU = ".gnu"
"""Ending that bands.x adds to the name of its file for the energies in columns."""


@checked_call
def read_band_structure(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Read energies along a path, as a reference for `ab.bands`.

    Parameters
    ----------
    path : path-like
        `SEED_band.dat` of Wannier90, with the wave vectors in `SEED_band.kpt` and the labels in
        `SEED_band.labelinfo.dat` if these are in the same folder; or of Quantum ESPRESSO the file of `bands.x`
        (`filband`, or its `.gnu` file beside it), or the XML file of `pw.x` (`PREFIX.xml`,
        `PREFIX.save/data-file-schema.xml`).

    Returns
    -------
    xarray.Dataset
        `energy` in eV over `point` and `band`, with `distance` along the path, and the wave vectors if the files have
        them: the reduced ones `k1`, `k2`, `k3`, or from `filband` the Cartesian ones `kx`, `ky`, `kz` in 2 pi/alat.
        From Wannier90 also the corners `tick` and `label`.

    Raises
    ------
    FileFormatError
        The message names file and line.
    """
    text = read_text(path)
    if is_xml(text):
        energies, coordinates = bands_of_xml(LineReader(path, comments=0), text)
    elif HEAD.search(text):
        energies, coordinates = bands_of_filband(LineReader(path, comments=0), text)
    else:
        energies, coordinates = _of_columns(path, text)
        coordinates |= _wave_vectors(path, len(energies)) | _labels(path)
    return labelled(
        {"energy": (["point", "band"], energies, Unit(energy=1), "energy")},
        {"band": np.arange(energies.shape[1]), **coordinates},
        file=str(uncompressed(path).name),
    )


def _of_columns(path: str | os.PathLike[str], text: str) -> tuple[Float, dict[str, Any]]:
    """Energies (P, N) and distances from two columns, with an empty line after each band."""
    bands: list[list[list[float]]] = [[]]
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words:
            if bands[-1]:
                bands.append([])
            continue
        try:
            # a third column is a projection
            bands[-1].append([float(word) for word in words[:2]])
        except ValueError:
            bands[-1].append([])
        if len(bands[-1][-1]) != 2:
            raise FileFormatError(f"{path}, line {number}: {line.strip()[:60]!r}, expected distance and energy")
    bands = [band for band in bands if band]
    sizes = {len(band) for band in bands}
    if len(sizes) != 1:
        raise FileFormatError(
            f"{path}: bands with {sorted(sizes) or 'no'} points, expected bands with the same points, separated by "
            "empty lines"
        )
    array = np.array(bands)
    if not np.isfinite(array).all():
        raise FileFormatError(f"{path}: a number that is not finite, expected distances and energies")
    return array[:, :, 1].T, distance_of(array[0, :, 0])


def _rows(file: Path, columns: int, expected: str) -> list[list[str]]:
    rows = [line.split() for line in read_text(file).strip().split("\n")]
    for number, words in enumerate(rows, 1):
        if len(words) < columns:
            raise FileFormatError(f"{file}, line {number}: {' '.join(words)!r}, expected {expected}")
    return rows


def _numbers(file: Path, rows: list[list[str]]) -> Float:
    try:
        return np.array(rows, dtype=float)
    except ValueError as reason:
        raise FileFormatError(f"{file}: {reason}, expected numbers") from None


def _wave_vectors(path: str | os.PathLike[str], points: int) -> dict[str, Any]:
    """Reduced wave vectors of SEED_band.kpt, or Cartesian ones of the file beside FILBAND.gnu."""
    beside = Path(path).with_suffix("") if Path(path).suffix == GNU else None
    if beside is not None and beside.is_file() and HEAD.search(text := read_text(beside)):
        energies, coordinates = bands_of_filband(LineReader(beside, comments=0), text)
        del coordinates["distance"]
        return coordinates if len(energies) == points else {}
    file = find_seed_file(path, BAND_FILE, "_band.kpt")
    if file is None:
        return {}
    rows = _rows(file, 1, "wave vectors")[1:]
    if len(rows) != points:
        raise FileFormatError(f"{file}: {len(rows)} wave vectors, expected {points} as in {Path(path).name}")
    k = _numbers(file, [words[:3] for words in rows])
    if k.shape != (points, 3):
        raise FileFormatError(f"{file}: expected three coordinates in each line")
    return {f"k{number + 1}": ("point", column, {"units": "1"}) for number, column in enumerate(k.T)}


def _labels(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Corners of the path from SEED_band.labelinfo.dat; corners at the same distance share a label."""
    file = find_seed_file(path, BAND_FILE, "_band.labelinfo.dat")
    if file is None:
        return {}
    rows = _rows(file, 3, "label, number and distance")
    distances = _numbers(file, [words[2:3] for words in rows])[:, 0]
    ticks: list[float] = []
    labels: list[str] = []
    for words, distance in zip(rows, distances, strict=True):
        name = "Γ" if words[0] in ("G", "Gamma", "GAMMA") else words[0]
        if ticks and abs(distance - ticks[-1]) < 1e-6:
            labels[-1] += "" if labels[-1].split("|")[-1] == name else f"|{name}"
            continue
        ticks.append(float(distance))
        labels.append(name)
    return {"tick": ("corner", np.array(ticks), {"units": "1/length"}), "label": ("corner", np.array(labels))}
