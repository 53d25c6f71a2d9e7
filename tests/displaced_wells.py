"""The crystal of wells (plane_waves) with displaced wells, as calculations of Quantum ESPRESSO and Wannier90."""

from functools import cache

import numpy as np

import adiabloch as ab
from adiabloch.units import ELECTRON_MASS
from plane_wave_files import CELL, write_bands, write_functions
from plane_waves import PLACES, filled_states, hamiltonian, wannier


def structure():
    return ab.models.Structure(CELL, ["B", "N"], np.pad(PLACES, [(0, 0), (0, 1)]), [10.811, 14.007])


def springs(d=3, *, isotropic=False):
    """Force constants that a displacement of the whole crystal leaves without force, (2, d, 2, d), eV/Angstrom^2."""
    K = np.random.default_rng(2).normal(size=(d, d))
    K = 5.0 * np.eye(d) if isotropic else K @ K.T
    return np.array([[K, -K], [-K, K]]).swapaxes(1, 2)


def crystal(places, count, mesh):
    """So many Wannier functions of the wells, and their plane waves."""
    return _crystal(tuple(map(tuple, places)), count, mesh)


@cache
def _crystal(places, count, mesh):
    places = np.array(places)
    H = hamiltonian(mesh, places)
    return wannier(mesh, places, H, filled_states(H), count)


def write_calculations(folder, structures, mesh, count=4, bands=28):
    """Functions (x), all bands (all) and forces of springs for each of the structures in a folder."""
    for name, one in structures.items():
        H = hamiltonian(mesh, one.positions[:, :2])
        E, C = np.linalg.eigh(H)
        model, waves = wannier(mesh, one.positions[:, :2], H, C, count)
        states, energies = C[..., :bands], E[:, :bands] / ELECTRON_MASS
        here = folder / name
        write_functions(here, mesh, energies, states, waves.functions, model.positions)
        write_bands(here / "all.save", here / "all", mesh, energies, states)
        u = one.positions - structure().positions
        rows = zip(one.symbols, one.positions, -np.tensordot(springs(isotropic=True), u, 2), strict=True)
        lines = [" ".join([symbol, *(f"{x:.12f}" for x in (*at, *force))]) for symbol, at, force in rows]
        head = f'Lattice="{" ".join(map(str, CELL.ravel()))}" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T"'
        (here / "forces.extxyz").write_text("\n".join(["2", head, *lines]) + "\n")
