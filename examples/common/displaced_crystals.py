"""Moments of all phonons at q = 0 from displaced crystals that are stored: shared by the scripts `all_phonons.py`.

In the folder are crystal.nc (hoppings, position matrix and motion of the Wannier functions at rest and with each atom
displaced), bands.nc (the perturbative part of the tensor by number of bands), displacements.json (structure and
displacements) and record.json (forces, seconds, versions of the programs).
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import adiabloch as ab

PARTS = ("perturbative", "perturbative_functions", "chern_simons", "ions", "total", "error")


def moments_of(folder: Path, occupied: int, charges: Sequence[float], tolerance: float = 1e-4):
    """Moments of all modes, from the files in a folder."""
    displacements = ab.io.read_displacements(folder)
    modes = displacements.modes(json.loads((folder / "record.json").read_text())["forces"])
    deformation, bands = ab.io.load_deformation(folder / "crystal.nc"), ab.io.load(folder / "bands.nc")
    return ab.phonon_moments(deformation, modes, occupied, charges=charges, all_bands=bands, tolerance=tolerance)


def main(description: str, folder: Path, occupied: int, charges: Sequence[float], tolerance: float) -> None:
    """Table of all modes, and a figure."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="fewer points")
    parser.add_argument("--output", type=Path, default=Path(), help="folder of the figure")
    given = parser.parse_args()
    moments = moments_of(folder, occupied, charges, max(tolerance, 1e-2) if given.fast else tolerance)
    names = [name for name in PARTS if name in moments]
    print("moments of one quantum along z, 1e-5 mu_B")
    print(f"{'mode':>4}{'meV':>9}{'L/hbar':>8}" + "".join(f"{name:>24}" for name in names))
    for number in range(moments.sizes["mode"]):
        one = moments.sel(mode=number, component="z")
        numbers = "".join(f"{1e5 * float(one[name]):24.3f}" for name in names)
        print(f"{number:4d}{1e3 * float(one.energy):9.2f}{float(one.angular_momentum):8.3f}{numbers}")
    print("Born charges (elementary charges):")
    for name in moments.displacement.values:
        print(f"  {name}: " + "".join(f"{float(z):10.4f}" for z in moments.born.sel(displacement=name)))
    given.output.mkdir(parents=True, exist_ok=True)
    axes = ab.plot(moments)
    axes.figure.savefig(given.output / "all_phonons.png", dpi=200)
