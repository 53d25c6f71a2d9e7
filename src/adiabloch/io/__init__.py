"""Files of results, models, cycles, Wannier functions, structures and phonon modes; models of other programs."""

from typing import TYPE_CHECKING

from adiabloch.io.band_structure import read_band_structure
from adiabloch.io.bands import read_bands
from adiabloch.io.checkpoint_models import read_chk, read_snapshots
from adiabloch.io.displaced_bands import read_displaced_bands
from adiabloch.io.displacements import (
    read_deformation,
    read_displacement_forces,
    read_displacements,
    write_displacements,
)
from adiabloch.io.fermi_surfaces import write_bxsf, write_frmsf
from adiabloch.io.heights import read_heights
from adiabloch.io.modes import read_modes
from adiabloch.io.netcdf import load, save
from adiabloch.io.netcdf_models import (
    load_cycle,
    load_deformation,
    load_model,
    save_cycle,
    save_deformation,
    save_model,
)
from adiabloch.io.overlaps import read_overlaps
from adiabloch.io.phonopy_modes import from_phonopy
from adiabloch.io.plane_waves import read_motion, read_plane_waves
from adiabloch.io.pythtb import from_pythtb
from adiabloch.io.spins import read_spin
from adiabloch.io.structures import from_ase, read_forces, read_structure, write_structure
from adiabloch.io.tbmodels import from_tbmodels
from adiabloch.io.wannier90 import read_hr, read_tb, write_tb
from adiabloch.io.wannierberri import from_wannierberri
from adiabloch.names import public_names

__all__ = [
    "from_ase",
    "from_phonopy",
    "from_pythtb",
    "from_tbmodels",
    "from_wannierberri",
    "load",
    "load_cycle",
    "load_deformation",
    "load_model",
    "read_band_structure",
    "read_bands",
    "read_chk",
    "read_deformation",
    "read_displaced_bands",
    "read_displacement_forces",
    "read_displacements",
    "read_forces",
    "read_heights",
    "read_hr",
    "read_modes",
    "read_motion",
    "read_overlaps",
    "read_plane_waves",
    "read_snapshots",
    "read_spin",
    "read_structure",
    "read_tb",
    "save",
    "save_cycle",
    "save_deformation",
    "save_model",
    "write_bxsf",
    "write_displacements",
    "write_frmsf",
    "write_structure",
    "write_tb",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = public_names(__name__, __all__)
