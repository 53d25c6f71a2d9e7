"""Files: results and cycles as NetCDF, Wannier functions as Wannier90 writes them."""

from adiabloch.io.netcdf import load, load_cycle, save, save_cycle
from adiabloch.io.wannier90 import read_tb, write_tb

__all__ = ["load", "load_cycle", "read_tb", "save", "save_cycle", "write_tb"]
