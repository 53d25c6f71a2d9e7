"""Wave functions of Quantum ESPRESSO: `wfc1.dat`, ... in `PREFIX.save`, one file for each k point."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.io.fortran_records import FortranRecords

ORTHONORMALITY_TOLERANCE = 1e-5
"""Largest deviation of the overlaps of wave functions from the unit matrix."""


@dataclass(frozen=True, eq=False)
class WaveHeader:
    """Header of a file of wave functions."""

    wave: Float
    """Cartesian wave vector, 1/bohr."""
    reciprocal: Float
    """Reciprocal lattice vectors as rows, 1/bohr."""
    size: int
    """Number of plane waves."""
    spinors: int
    """Number of spinor components of each state."""
    bands: int
    """Number of bands."""

    @property
    def reduced(self) -> Float:
        """Wave vector in units of the reciprocal vectors."""
        return np.asarray(self.wave @ np.linalg.inv(self.reciprocal))


def wave_file(folder: Path, point: int) -> FortranRecords:
    """Open the file of a k point, counted from 0."""
    path = folder / f"wfc{point + 1}.dat"
    if not path.exists() and path.with_suffix(".hdf5").exists():
        raise FileFormatError(f"{path}: only an .hdf5 file exists, expected the binary format of Quantum ESPRESSO")
    return FortranRecords(path)


def read_header(file: FortranRecords) -> WaveHeader:
    """Read the first three records of a file."""
    number, *rest = file.read_struct("<i3diid", "number, wave vector, spin, symmetry and scale of a k point")
    if rest[4]:
        file.refuse("half of the plane waves (gamma_only), expected all: give k points as a list")
    if number < 1 or not np.isfinite(rest[:3]).all():
        file.refuse(f"{[number, *rest[:3]]}, expected number and wave vector of a k point")
    _, size, spinors, bands = file.read_array("i4", 4, "numbers of plane waves, spinors, bands").tolist()
    if not (0 < size < 10**8 and spinors in (1, 2) and 0 < bands < 10**6):
        file.refuse(f"{[size, spinors, bands]}, expected numbers of plane waves, spinors, bands")
    reciprocal = file.read_array("f8", 9, "the reciprocal vectors").reshape(3, 3)
    return WaveHeader(np.array(rest[:3]), reciprocal, size, spinors, bands)


def read_amplitudes(file: FortranRecords, head: WaveHeader) -> tuple[Integer, Complex]:
    """Read the records after the header.

    Returns
    -------
    G : int array, shape (M, 3)
        Reciprocal lattice vectors in lexicographic order.
    amplitudes : complex array, shape (spinor, M, bands)
    """
    G = file.read_array("i4", 3 * head.size, "the plane waves").reshape(head.size, 3)
    rows = [file.read_array("c16", head.spinors * head.size, "amplitudes of a band") for _ in range(head.bands)]
    order = np.lexsort(G.T[::-1])
    states = np.array(rows).T.reshape(head.spinors, head.size, head.bands)
    return G[order].astype(np.int64), states[:, order]


def read_reciprocal_vectors(file: FortranRecords, head: WaveHeader) -> Integer:
    """Read the reciprocal lattice vectors (M, 3) after the header, in lexicographic order."""
    G = file.read_array("i4", 3 * head.size, "the plane waves").reshape(head.size, 3).astype(np.int64)
    return np.asarray(G[np.lexsort(G.T[::-1])])
