"""The worked example of examples/hbn: its files are sound, and its numbers do not depend on how they are got."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab

EXAMPLE = Path(__file__).parents[2] / "examples" / "hbn"
WANNIER = EXAMPLE / "wannier"
AMPLITUDES = (0.02, 0.04)
RECORD = json.loads((WANNIER / "record.json").read_text())


def read(name):
    return ab.io.read_tb(WANNIER / f"{name}_tb.dat.gz", dimension=2)


def perturbative(cycle):
    return float(ab.pumped_magnetization(cycle, 4, 1e-6, chern_simons=False).perturbative[0])


@pytest.fixture(scope="module")
def cycles():
    return {u: ab.Cycle([read(f"u{u:g}/phase{j}") for j in range(8)]) for u in AMPLITUDES}


@pytest.fixture(scope="module")
def values(cycles):
    return {u: perturbative(cycle) for u, cycle in cycles.items()}


def test_every_file_has_its_record():
    files = {str(path.relative_to(WANNIER)).removesuffix("_tb.dat.gz") for path in WANNIER.rglob("*.gz")}
    assert files == set(RECORD)
    assert len(files) == 17
    assert sum(path.stat().st_size for path in WANNIER.rglob("*")) < 1e6


def test_what_turns_is_the_optical_mode():
    """The centre of mass rests, and the phase is the phase."""
    for name, known in RECORD.items():
        B, N = (np.array(known["displacements"][atom]) for atom in "BN")
        centre = 10.811 * B + 14.007 * N
        assert centre == pytest.approx(np.zeros(3), abs=1e-10)
        if name != "equilibrium":
            amplitude, phase = name.removeprefix("u").split("/phase")
            theta = 2 * np.pi * int(phase) / 8
            relative = B - N
            circle = np.array([np.cos(theta), np.sin(theta), 0.0])
            assert relative == pytest.approx(float(amplitude) * circle, abs=1e-10)
        # no net force, and one that pulls back
        forces = {atom: np.array(force) for atom, force in known["forces"].items()}
        assert forces["B"] + forces["N"] == pytest.approx(np.zeros(3), abs=1e-3)
        assert forces["B"] @ (B - N) <= 0


def test_equilibrium():
    """Gap of PBE on the mesh of the calculation, between the pi bands at K; orbitals on their atoms."""
    model = read("equilibrium")
    assert model.lattice.measure == pytest.approx(2.504**2 * np.sqrt(3) / 2, rel=1e-8)
    boron, nitrogen = [0.0, 1.445685], [1.252, 0.722843]
    assert model.positions[[0, 3, 4]] == pytest.approx(np.array([nitrogen, nitrogen, boron]), abs=1e-3)
    k = np.array([[i / 6, j / 6] for i in range(6) for j in range(6)]) @ model.lattice.reciprocal
    energies = ab.eigenframe(model, (), k=k).energies
    assert energies[:, 3].max() == pytest.approx(-5.811, abs=2e-3)
    assert energies[:, 4].min() - energies[:, 3].max() == pytest.approx(4.66, abs=0.1)
    assert energies[0, 0] == pytest.approx(-23.483, abs=2e-3)


def test_the_cycle_is_smooth(cycles):
    tails = [cycles[u].tail for u in AMPLITUDES]
    assert max(tails) < 2e-3
    # at zero amplitude one harmonic alone is left, until noise of the files takes over
    assert tails[0] < tails[1]


def test_moment_goes_with_the_square_of_the_amplitude(values):
    """What comes next is of fourth order, a percent at 0.04 Angstrom."""
    small, large = (values[u] / u**2 for u in AMPLITUDES)
    assert small == pytest.approx(-0.046743, rel=1e-4)
    assert large == pytest.approx(-0.046308, rel=1e-4)
    assert (large - small) / (0.04**2 - 0.02**2) == pytest.approx(0.363, abs=0.01)


def test_the_choice_of_wannier_functions_does_not_matter(cycles, values):
    rng = np.random.default_rng(5)
    U = np.linalg.qr(rng.normal(size=(5, 5)) + 1j * rng.normal(size=(5, 5)))[0]
    turned = ab.Cycle([model.rotated(U) for model in cycles[0.04].snapshots])
    assert perturbative(turned) == pytest.approx(values[0.04], rel=1e-9)


def test_other_way_round(cycles, values):
    assert perturbative(cycles[0.02].reversed()) == pytest.approx(-values[0.02], rel=1e-9)


def test_script(tmp_path, values):
    command = [sys.executable, str(EXAMPLE / "phonon_moment.py"), "--fast", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"MPLBACKEND": "Agg"})
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.lstrip().startswith("0.0")]
    assert [float(row[0]) for row in rows] == list(AMPLITUDES)
    for row in rows:
        assert float(row[1]) == pytest.approx(values[float(row[0])], rel=1e-3)
    assert (tmp_path / "phonon_moment.png").stat().st_size > 1000


def test_dft_script_says_what_is_missing(tmp_path):
    """Programs or pseudopotentials: one line, no traceback."""
    command = [sys.executable, str(EXAMPLE / "run_dft.py"), "--pseudo", str(tmp_path), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("run_dft: ")
    assert len(done.stderr.splitlines()) == 1


def test_files_hold_no_more_digits_than_they_need():
    for name in RECORD:
        with gzip.open(WANNIER / f"{name}_tb.dat.gz", "rt") as file:
            assert file.readline() == f"monolayer hBN, {name}\n"
            assert max(len(word.partition(".")[2]) for line in file for word in line.split()) <= 9
