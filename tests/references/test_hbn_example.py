"""The worked example of examples/hbn: its files are sound, and its numbers do not depend on how they are got."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.models.crystal import basis_curvature_name

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "common"))

from moments import of_bands

EXAMPLE = Path(__file__).parents[2] / "examples" / "hbn"
WANNIER = EXAMPLE / "wannier"
AMPLITUDES = (0.02, 0.04)
MASSES = {"B": 10.811, "N": 14.007}
CHARGES = [3, 5]
RECORD = json.loads((WANNIER / "record.json").read_text())


def places(u):
    return np.array([[RECORD[f"u{u:g}/phase{j}"]["displacements"][atom] for atom in "BN"] for j in range(8)])


def moment(cycles, sizes, all_bands=None):
    patterns = [places(u) for u in sizes]
    found = ab.phonon_moment(
        list(cycles), [*MASSES.values()], patterns, 4, mesh=18, charges=CHARGES, all_bands=all_bands
    )
    return found.sel(component="z")


@pytest.fixture(scope="module")
def cycles():
    return {u: ab.io.load_cycle(WANNIER / f"u{u:g}.nc") for u in AMPLITUDES}


@pytest.fixture(scope="module")
def moments(cycles):
    return moment([*cycles.values()], AMPLITUDES)


def test_files():
    assert {path.name for path in WANNIER.iterdir()} == {"record.json", "equilibrium_tb.dat.gz", "u0.02.nc", "u0.04.nc"}
    assert len(RECORD) == 19
    assert sum(path.stat().st_size for path in WANNIER.iterdir()) < 1e6


def test_what_turns_is_the_optical_mode():
    """The centre of mass rests, and the phase is the phase."""
    snapshots = {name: known for name, known in RECORD.items() if "displacements" in known}
    assert len(snapshots) == 17
    for name, known in snapshots.items():
        B, N = (np.array(known["displacements"][atom]) for atom in "BN")
        assert MASSES["B"] * B + MASSES["N"] * N == pytest.approx(np.zeros(3), abs=1e-10)
        if name != "equilibrium":
            amplitude, phase = name.removeprefix("u").split("/phase")
            theta = 2 * np.pi * int(phase) / 8
            circle = np.array([np.cos(theta), np.sin(theta), 0.0])
            assert pytest.approx(float(amplitude) * circle, abs=1e-10) == B - N
        # no net force, and one that pulls back
        forces = {atom: np.array(force) for atom, force in known["forces"].items()}
        assert forces["B"] + forces["N"] == pytest.approx(np.zeros(3), abs=1e-2)
        assert forces["B"] @ (B - N) <= 0


def test_equilibrium():
    """Orbitals on their atoms; empty states are averages of bands: a gap wider than that of LDA, 4.6 eV."""
    model = ab.io.read_tb(WANNIER / "equilibrium_tb.dat.gz", dimension=2)
    assert model.lattice.measure == pytest.approx(2.504**2 * np.sqrt(3) / 2, rel=1e-6)
    boron, nitrogen = [0.0, 1.445685], [1.252, 0.722843]
    assert model.positions[[0, 3, 4, 7]] == pytest.approx(np.array([nitrogen] * 2 + [boron] * 2), abs=2e-3)
    k = np.array([[i / 6, j / 6] for i in range(6) for j in range(6)]) @ model.lattice.reciprocal
    energies = ab.eigenframe(model, (), k=k).energies
    assert 4.6 < energies[:, 4].min() - energies[:, 3].max() < 6.1


def test_the_cycle_is_smooth(cycles):
    assert max(cycle.tail for cycle in cycles.values()) < 5e-3


def test_born_charges_are_those_of_perturbation_theory(moments):
    """ph.x of Quantum ESPRESSO, PBE: 2.703 to 2.712 e in the plane, as cutoff and mesh go."""
    unit = 2 * ab.units.ELECTRON_MASS * ab.units.HBAR_SQUARED_PER_DALTON
    B, N = MASSES.values()
    per_charge = unit * (N**2 - B**2) / (2 * B * N * (B + N))
    assert moments.born[1:].values / per_charge == pytest.approx([2.71, 2.71], abs=0.03)


def test_moment(moments):
    """Of a quantum; even in the amplitude, so that both are near the limit."""
    limit, small, large = moments.total.values
    assert limit == pytest.approx(2.40e-4, abs=0.05e-4)
    assert small == pytest.approx(limit, rel=0.02)
    assert large == pytest.approx(limit, rel=0.05)
    assert moments.angular_momentum.values == pytest.approx(np.ones(3), rel=1e-9)
    assert (moments.error[1:] < 1e-2 * moments.total[1:]).all()


def test_phases_are_alike(cycles):
    """A threefold axis leaves the mean and what has three periods a turn, of third order in u.

    A part of first order with one period is there as well: forty bands cut multiplets in two, and so the empty space of
    the functions is not quite symmetric. It averages out.
    """
    theta = 2 * np.pi * np.arange(8) / 8
    found = {}
    for u, cycle in cycles.items():
        along = ab.instantaneous_magnetization(cycle, 4, theta, mesh=24).perturbative[:, 0].values
        found[u] = np.abs(np.fft.rfft(along) / 8) / np.abs(along.mean())
    small, large = found.values()
    assert max(small[2], large[2]) < 2e-3
    assert large[3] == pytest.approx(2 * small[3], rel=0.05)
    assert small[1] == pytest.approx(2 * large[1], rel=0.05)
    assert small[1] < 0.03


@pytest.mark.slow
def test_the_choice_of_wannier_functions_does_not_matter(cycles, moments):
    """Turned into each other and counted to other cells, with their motion: the same moment."""
    rng = np.random.default_rng(5)
    U = np.linalg.qr(rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8)))[0]
    snapshots = [model.rotated(U) for model in cycles[0.04].snapshots]
    motion = [{R: U.conj().T @ A @ U for R, A in moves.items()} for moves in cycles[0.04].snapshot_motion]
    turned = moment([ab.Cycle(snapshots, motion=motion)], [0.04])
    assert float(turned.total[0]) == pytest.approx(float(moments.total[2]), rel=1e-6)


@pytest.mark.slow
def test_a_mesh_of_24_is_enough(cycles):
    """What the program takes by itself, and meshes of 24 x 24 and 48 x 48 points."""
    theta = 2 * np.pi * np.arange(8) / 8
    adaptive = ab.pumped_magnetization(cycles[0.02], 4, tolerance=1e-6, chern_simons=False)
    values = []
    for side in (24, 48):
        reduced = np.stack(np.meshgrid(*[np.arange(side) / side] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
        k = reduced @ cycles[0.02].lattice.reciprocal
        carried = (
            basis_curvature_name("kx", "theta"),
            basis_curvature_name("ky", "theta"),
            basis_curvature_name("kx", "ky"),
        )
        along = ("theta", "kx", "ky", *carried)
        frames = [ab.eigenframe(cycles[0.02], along, k=k, theta=float(phase)) for phase in theta]
        per_cell = [ab.geometry.occupied_shift(frame, 4, "theta", "z").mean() for frame in frames]
        values.append(np.mean(per_cell) / cycles[0.02].lattice.measure)
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert values[1] == pytest.approx(float(adaptive.perturbative[0]), rel=1e-6)


@pytest.mark.slow
def test_other_way_round(cycles, moments):
    turned = ab.phonon_moment(
        cycles[0.02].reversed(),
        [*MASSES.values()],
        places(0.02)[[0, *range(7, 0, -1)]],
        4,
        mesh=18,
        charges=CHARGES,
    )
    assert float(turned.total[0, 0]) == pytest.approx(-float(moments.total[1]), rel=1e-6)


def test_moment_with_all_bands(cycles, moments):
    """Forty bands in place of eight functions: 1.03e-4 mu_B, of which 4 percent are uncertain by their number."""
    sums = of_bands(RECORD, list(cycles.values()), list(cycles))
    better = moment(cycles.values(), AMPLITUDES, all_bands=sums)
    assert better.total[0] == pytest.approx(1.03e-4, abs=0.01e-4)
    assert better.error[0] == pytest.approx(0.042e-4, abs=0.002e-4)
    assert better.perturbative_functions.values == pytest.approx(moments.perturbative.values)
    assert better.chern_simons.values == pytest.approx(moments.chern_simons.values)
    assert of_bands({}, list(cycles.values()), list(cycles)) is None
    recorded = RECORD["u0.02"]["perturbative"]
    assert sums[0].perturbative.sel(bands=40, component="z") * cycles[0.02].lattice.measure == recorded["40"]


@pytest.mark.slow
def test_script(tmp_path, moments):
    command = [sys.executable, str(EXAMPLE / "phonon_moment.py"), "--fast", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"MPLBACKEND": "Agg"})
    assert done.returncode == 0, done.stderr
    heads, *rows = [
        line.split() for line in done.stdout.splitlines() if line.lstrip().startswith(("u (A)", "0.0", "->"))
    ]
    totals = [float(row[-4]) * 1e-4 for row in rows]
    assert totals == pytest.approx([1.034e-4, 1.035e-4, 1.040e-4], abs=0.01e-4)
    (alone,) = [line.split() for line in done.stdout.splitlines() if line.startswith("of the Wannier functions alone")]
    assert float(alone[-1]) * 1e-4 == pytest.approx(float(moments.total[0]), rel=5e-3)
    assert heads[-4:] == ["total", "+-", "Born", "mu_N"] or "mu_N" in heads
    assert "i<W|d_t W> contributes" in done.stdout
    assert (tmp_path / "phonon_moment.png").stat().st_size > 1000


def test_dft_script_says_what_is_missing(tmp_path):
    """Programs or pseudopotentials: one line, no traceback."""
    command = [sys.executable, str(EXAMPLE / "run_dft.py"), "--pseudo", str(tmp_path), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("run_dft: ")
    assert len(done.stderr.splitlines()) == 1
