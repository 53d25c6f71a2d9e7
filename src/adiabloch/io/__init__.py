"""Files: results and cycles as NetCDF."""

from adiabloch.io.netcdf import load, load_cycle, save, save_cycle

__all__ = ["load", "load_cycle", "save", "save_cycle"]
