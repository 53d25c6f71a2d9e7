"""The worked case with spin-orbit coupling, examples/alsb: its files are sound and have the symmetry of the crystal."""

import json
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.models.crystal import basis_curvature_name

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "common"))

from moments import of_bands

WANNIER = Path(__file__).parents[2] / "examples" / "alsb" / "wannier"
RECORD = json.loads((WANNIER / "record.json").read_text())
U, MASSES = 0.06, {"Al": 26.982, "Sb": 121.760}


@pytest.fixture(scope="module")
def cycle():
    return ab.io.load_cycle(WANNIER / "u0.06.nc")


@pytest.fixture(scope="module")
def mesh(cycle):
    side = np.arange(4) / 4
    reduced = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    return reduced @ cycle.lattice.reciprocal


def test_files():
    assert {path.name for path in WANNIER.iterdir()} == {"record.json", "equilibrium_tb.dat.gz", "u0.06.nc"}
    assert sum(path.stat().st_size for path in WANNIER.iterdir()) < 4e6
    for name, known in RECORD.items():
        if "displacements" not in known:
            continue
        Al, Sb = (np.array(known["displacements"][atom]) for atom in MASSES)
        assert MASSES["Al"] * Al + MASSES["Sb"] * Sb == pytest.approx(np.zeros(3), abs=1e-9)
        if name != "equilibrium":
            theta = 2 * np.pi * int(name[-1]) / 8
            circle = np.array([np.cos(theta), np.sin(theta), 0.0])
            assert np.allclose(Al - Sb, U * circle, atol=1e-9)


def test_the_cycle(cycle):
    """Sixteen functions of two components, eight electrons, as smooth as the files allow."""
    assert cycle.size == 16
    assert cycle.lattice.measure == pytest.approx(6.136**3 / 4, rel=1e-6)
    assert cycle.tail < 5e-3
    assert cycle.orbitals_move


def test_spin_orbit_splitting():
    """0.70 eV at the top of the valence bands, measured 0.67; four states above two."""
    model = ab.io.read_tb(WANNIER / "equilibrium_tb.dat.gz")
    top = ab.eigenframe(model, (), k=np.zeros((1, 3))).energies[0, 2:8]
    assert np.ptp(top[:2]) < 1e-3
    assert np.ptp(top[2:]) < 1e-3
    assert top[2:].mean() - top[:2].mean() == pytest.approx(0.70, abs=0.02)


def test_spin_is_a_spin(cycle, mesh):
    """On the mesh of the calculation [Sx, Sy] = i Sz and S^2 = 3/4, up to what pseudopotentials leave out."""
    model = cycle.snapshots[1]
    phases = {R: np.exp(1j * mesh @ model.lattice.vectors.T @ R) for R in map(tuple, model.spin)}
    x, y, z = (sum(phases[R][:, None, None] * S[a] for R, S in model.spin.items()) for a in range(3))
    assert x @ y - y @ x == pytest.approx(1j * z, abs=5e-3)
    assert x @ x + y @ y + z @ z == pytest.approx(np.tile(0.75 * np.eye(16), (len(mesh), 1, 1)), abs=5e-3)


@pytest.mark.slow
def test_born_charges(cycle):
    """The dipole goes with the displacement, in all directions alike: a cubic crystal."""
    found = [ab.polarization(cycle.snapshots[j], 8, mesh=8) for j in (0, 2, 4)]
    volume = cycle.lattice.measure
    quantum = found[0].quantum.values
    dipoles = np.array([one.polarization.values - found[0].polarization.values for one in found])
    dipoles = (dipoles - np.rint(dipoles @ np.linalg.inv(quantum)) @ quantum) * volume
    places = np.array([[RECORD[f"u0.06/phase{j}"]["displacements"][atom] for atom in MASSES] for j in (0, 2, 4)])
    total = np.einsum("k,jka->ja", [3.0, 5.0], places) - dipoles
    along_x, along_y = (total[0] - total[2]) / (2 * U), (total[1] - (total[0] + total[2]) / 2) / U
    assert along_x == pytest.approx([1.774, 0, 0], abs=0.005)
    assert along_y == pytest.approx([0, 1.774, 0], abs=0.005)


def test_all_bands_of_the_record(cycle):
    """Numbers a cell about z, as the program writes them, become what a volume has in three directions."""
    (found,) = of_bands({f"u{U:g}": {"perturbative": {"28": 1.5, "80": 3.0}}}, [cycle], [U])
    assert found.perturbative.dims == ("bands", "component")
    assert found.bands.values.tolist() == [28, 80]
    assert found.perturbative.attrs["units"] == "e*omega/length"
    assert found.perturbative.sel(component="z").values * cycle.lattice.measure == pytest.approx([1.5, 3.0])
    assert not found.perturbative.sel(component=["x", "y"]).values.any()


def test_there_are_enough_bands(cycle):
    """The perturbative part of all bands does not change from half of them on; the functions have half of it."""
    (found,) = of_bands(RECORD, [cycle], [U])
    parts = found.perturbative.sel(component="z")
    assert parts.bands.values[-1] == 80
    assert np.abs(parts.sel(bands=slice(40, 80)) / parts[-1] - 1).max() < 0.03
    assert abs(float(parts.sel(bands=16) / parts[-1]) - 1) > 0.5


def test_what_symmetry_forbids(cycle, mesh):
    """The perturbative part is along the axis of the motion, in the mean over a turn, and so is the spin."""
    carried = [basis_curvature_name(a, b) for a, b in combinations(("kx", "ky", "kz", "theta"), 2)]
    moments = []
    for theta in 2 * np.pi * np.arange(8) / 8:
        frame = ab.eigenframe(cycle, ("theta", "kx", "ky", "kz", *carried), k=mesh, theta=float(theta))
        moments.append([ab.geometry.occupied_shift(frame, 8, "theta", name).mean() for name in "xyz"])
    x, y, z = np.mean(moments, axis=0) / U**2
    assert abs(z) > 0.1
    assert max(abs(x), abs(y)) < 0.02 * abs(z)
