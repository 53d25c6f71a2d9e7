"""Files: results and cycles as NetCDF, Wannier functions as Wannier90 writes them; models of other programs."""

from adiabloch.io.netcdf import load, load_cycle, save, save_cycle
from adiabloch.io.pythtb import from_pythtb
from adiabloch.io.wannier90 import read_hr, read_tb, write_tb
from adiabloch.io.wannierberri import from_wannierberri

__all__ = [
    "from_pythtb",
    "from_wannierberri",
    "load",
    "load_cycle",
    "read_hr",
    "read_tb",
    "save",
    "save_cycle",
    "write_tb",
]
