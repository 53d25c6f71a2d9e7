"""The commands `compute` and `map`: every quantity from files, typed arguments, units, errors of one line."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.cli.options import complete_case, complete_quantity
from adiabloch.errors import InvalidArgumentError
from adiabloch.jobs.arguments import KINDS, OPTIONS, kinds_of, parsed, value_of_text
from adiabloch.jobs.catalogue import names, quantities
from sweeps import every_other

MODEL = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
CYCLE = ab.models.rotating_bonds(MODEL, amplitude=0.1)
SPINFUL = ab.models.kane_mele(0.1, 0.06, 0.05)
RASHBA = ab.models.rashba_honeycomb(0.6, 0.1)
SPINFUL_CYCLE = ab.models.rotating_bonds(RASHBA, amplitude=0.05)
SOLID = ab.models.fu_kane_mele(0.5, 0.8)
DEFORMATION = ab.Deformation.from_law(MODEL, ab.models.exponential(3.0))
MOLECULE = ab.Deformation.from_law(
    ab.TightBinding(None, [[0, 0], [1.5, 0]], [[-1, 0.4], [0.4, 1]]), ab.models.exponential(3.0)
)


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "250"})


def said(found):
    assert len(found.output.strip().splitlines()) == 1, found.output
    assert found.exit_code == 2
    return found.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("crystals")
    for name, crystal in {"model": MODEL, "spinful": SPINFUL, "rashba": RASHBA, "solid": SOLID}.items():
        ab.io.save_model(crystal, place / f"{name}.nc")
    for number, snapshot in enumerate(CYCLE.snapshots):
        ab.io.save_model(snapshot, place / f"s{number}.nc")
    ab.io.save_cycle(CYCLE, place / "cycle.nc")
    ab.io.save_cycle(SPINFUL_CYCLE, place / "spinful_cycle.nc")
    ab.io.save_deformation(DEFORMATION, place / "deformation.nc")
    ab.io.save_deformation(MOLECULE, place / "molecule.nc")
    ab.io.write_tb(HALDANE, place / "seed_tb.dat.gz")
    return place


METAL = ("model.nc", "--mu", "0.6", "--temperature", "0.3")
SPIN_METAL = ("spinful.nc", *METAL[1:])
CHARGE = "operators={N = [[1, 0], [0, -1]]}"
SPECIAL = {
    "axial_tensor": ("molecule.nc", "--occupied", 1),
    "axion_angle": ("solid.nc", "--occupied", 2),
    "band_quantities": ("model.nc", "--set", "points=[[0, 0], [0.1, 0.2]]"),
    "born_charges": ("deformation.nc", "--occupied", 1),
    "chern_simons_magnetization": ("cycle.nc", "--occupied", 1),
    "chemical_potential": ("model.nc", "--set", "filling=1.2", "--temperature", 0.1),
    "inplane_magnetization": ("model.nc", "--occupied", 1, "--set", "heights=0,1"),
    "instantaneous_magnetization": ("cycle.nc", "--occupied", 1, "--set", "theta=0:6:4"),
    "layer_magnetoelectric": ("model.nc", "--occupied", 1, "--set", "heights=0,1"),
    "local_current": ("cycle.nc", "--occupied", 1),
    "local_observable": ("cycle.nc", "--occupied", 1, "--set", CHARGE),
    "magnetic_polarization": ("model.nc", "--occupied", 1),
    "magnetization_map": ("cycle.nc", "--set", "kx=0:1:3", "--set", "ky=0,0.5"),
    "magnetization_tensor": ("deformation.nc", "--occupied", 1),
    "magnetoelectric": ("model.nc", "--occupied", 1),
    "molecular_berry_curvature": ("deformation.nc", "--occupied", 1),
    "observable_current": (*METAL, "--set", CHARGE),
    "observable_density": ("model.nc", "--occupied", 1, "--set", CHARGE),
    "observable_response": (*METAL, "--set", CHARGE),
    "phonon_moments": ("deformation.nc", "--occupied", 1, "--set", "modes=none.out"),
    "polarization": ("model.nc", "--set", "bands=1"),
    "projected_hall": (*METAL, "--set", "projectors={A = [[1, 0], [0, 0]]}"),
    "pumped_charge": ("cycle.nc", "--occupied", 1),
    "pumped_inplane_magnetization": ("cycle.nc", "--occupied", 1, "--set", "heights=0,1"),
    "pumped_magnetization": ("cycle.nc", "--occupied", 1),
    "pumped_observable": ("cycle.nc", "--occupied", 1, "--set", CHARGE),
    "pumped_spin": ("spinful_cycle.nc", "--occupied", 2),
    "spin_edelstein": SPIN_METAL,
    "spin_hall": SPIN_METAL,
    "spin_magnetization": SPIN_METAL,
    "nonlinear_spin_magnetoelectric": ("spinful.nc", "--mu", 0.6, "--temperature", 0.3),
    "spin_magnetoelectric": ("spinful.nc", "--mu", 0.6, "--temperature", 0.3),
    "spin_tensor": ("spinful_deformation.nc", "--occupied", 2),
    "zeeman_hall": ("rashba.nc", "--mu", 0, "--temperature", 0.02),
}
"""Arguments of quantities; `METAL` for all others."""


@pytest.mark.parametrize("name", every_other(quantities(), 0))
def test_every_quantity(folder, name, monkeypatch):
    monkeypatch.chdir(folder)
    if name == "spin_tensor":
        spinful = ab.Deformation.from_law(RASHBA, ab.models.exponential(3.0), atoms=[0, 0, 1, 1])
        ab.io.save_deformation(spinful, "spinful_deformation.nc")
    coarse = () if name in ("band_quantities", "magnetization_map", "pumped_charge") else ("--tolerance", "0.3")
    found = run("compute", name, *SPECIAL.get(name, METAL), *coarse, "--json")
    if name == "phonon_moments":
        assert "none.out: cannot be read" in said(found)
        return
    assert found.exit_code == 0, found.output
    result = xr.Dataset.from_dict(json.loads(found.stdout))
    assert result.attrs["response"] == name
    assert result.attrs["command"].startswith(f"adiabloch compute {name}")
    assert result.data_vars


def test_numbers_are_those_of_the_library(folder, tmp_path):
    output = tmp_path / "hall.nc"
    found = run(
        "compute", "anomalous_hall", folder / "seed", "--dimension", 2, "--mu=-0.5:0.5:3", "--temperature", "1000K",
        "--units", "e^2/h", "--output", output,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    expected = ab.anomalous_hall(
        ab.io.read_tb(folder / "seed_tb.dat.gz", dimension=2), [-0.5, 0, 0.5], ab.units.thermal_energy(1000)
    )
    expected = ab.in_units(expected, "e^2/h")
    saved = ab.io.load(output)
    np.testing.assert_array_equal(saved.total, expected.total)
    assert saved.total.attrs["units"] == "e^2/h"
    assert f"{float(expected.total[1, 0]):.7g}" in found.output
    assert "anomalous hall (e^2/h)" in found.output


def test_units_of_saved_crystals(folder):
    found = run(
        "compute", "pumped_magnetization", folder / "cycle.nc", "--occupied", 1, "--tolerance", 1e-2, "--json",
        "--units", "si", "--energy", 2.7, "--length", "bohr", "--frequency", 2e14,
    )  # fmt: skip
    assert found.exit_code == 0
    expected = ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2)
    expected = ab.in_si(expected, energy=2.7, length="bohr", frequency=2e14)
    total = json.loads(found.stdout)["data_vars"]["total"]
    assert total["attrs"]["units"] == expected.total.attrs["units"] == "A"
    np.testing.assert_allclose(total["data"], expected.total, rtol=1e-12)


def test_snapshots_are_a_cycle(folder):
    snapshots = [folder / f"s{number}.nc" for number in range(4)]
    found = run("compute", "pumped_magnetization", *snapshots, "--occupied", 1, "--tolerance", 1e-2, "--json")
    number = json.loads(found.stdout)["data_vars"]["total"]["data"][0]
    assert number == pytest.approx(float(ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2).total[0]), rel=1e-12)


def test_first_principles_cycle(shared):
    phases = [shared / "hbn_circular" / f"phase{number}_tb.dat" for number in range(8)]
    found = run(
        "compute", "pumped_magnetization", *phases, "--dimension", 2, "--occupied", 4, "--tolerance", 1e-4,
        "--set", "chern_simons=false", "--json",
    )  # fmt: skip
    number = json.loads(found.stdout)["data_vars"]["perturbative"]["data"][0]
    assert number == pytest.approx(-1.6415415e-4, rel=1e-4)


def test_snapshots_in_alphabetic_order(folder, tmp_path):
    names = [tmp_path / f"p{number}.nc" for number in range(12)]
    for name, snapshot in zip(names, CYCLE.snapshots * 3, strict=True):
        ab.io.save_model(snapshot, name)
    with pytest.warns(UserWarning, match="alphabetic order, .*expected the order of the phases"):
        run("compute", "pumped_charge", *sorted(names), "--occupied", 1)


def test_impossible_units_are_found_before_the_calculation(folder, tmp_path):
    """The calculation itself would refuse its tolerance."""
    output = tmp_path / "filling.nc"
    arguments = ["compute", "filling", folder / "model.nc", "--mu", 0, "--output", output, "--tolerance", 2]
    found = run(*arguments, "--units", "mu_B/cell")
    assert found.exit_code == 2
    assert "nothing in this result has the dimension of mu_B/cell" in found.output
    assert "tolerance" in run(*arguments, "--units", "meV").output


def test_forecasts_and_quiet_runs(folder):
    found = run("compute", "anomalous_hall", folder / "model.nc", "--mu", 0, "--mesh", "64,64", "--dry-run")
    assert found.exit_code == 0
    assert "points" in found.output
    assert run("compute", "filling", folder / "model.nc", "--mu", 0, "--quiet").output == ""


WRONG = [
    (("anomalos_hall", "model.nc"), "'anomalos_hall': not known; did you mean 'anomalous_hall'"),
    (("filling", "none.nc", "--mu", "0"), "none.nc: no such file"),
    (("filling", "none", "--mu", "0"), "none: no such file, and none of none.chk"),
    (("filling", "model.nc"), "the filling is missing, expected --mu VALUE"),
    (("magnetoelectric", "model.nc"), "expected --occupied N or --mu VALUE"),
    (("filling", "model.nc", "--occupied", "1"), "--occupied: filling takes no number of occupied bands"),
    (("pumped_magnetization", "model.nc", "--occupied", "1"), "needs a cycle, got a model in model.nc; expected the"),
    (("filling", "cycle.nc", "--mu", "0"), "needs a model, got a cycle"),
    (("filling", "model.nc", "model.nc", "--mu", "0"), "needs a model, got 2 files"),
    (("filling", "model.nc", "--mu", "0,a"), "--mu: '0,a', expected numbers, or START:STOP:COUNT"),
    (("filling", "model.nc", "--mu", "0:1"), "--mu: '0:1', expected START:STOP:COUNT"),
    (("filling", "model.nc", "--mu", "0:1:1"), "a count from 2"),
    (("filling", "model.nc", "--mu", "nan"), "--mu: 'nan', expected numbers"),
    (("filling", "model.nc", "--mu", ""), "--mu: '', expected numbers"),
    (("filling", "model.nc", "--mu", "0", "--temperature", "hotK"), "expected a number of kelvin"),
    (("filling", "model.nc", "--mu", "0", "--set", "tempratur=1"), "did you mean 'temperature'"),
    (("filling", "model.nc", "--mu", "0", "--set", "limit"), "expected NAME=VALUE"),
    (("filling", "model.nc", "--mu", "0", "--set", "limit=many"), "--set limit: 'many', expected a whole number"),
    (("filling", "model.nc", "--mu", "0", "--set", "chemical_potential=1"), "given twice, also as --mu"),
    (("filling", "model.nc", "--mu", "0", "--set", "executor=2"), "executor: unknown argument"),
    (("filling", "model.nc", "--mu", "0", "--tolerance", "2"), "tolerance: 2, expected a relative accuracy"),
    (("filling", "model.nc", "--mu", "0", "--mesh", "abc"), "--mesh: 'abc', expected whole numbers or none"),
    (("filling", "model.nc", "--mu", "0", "--units", "parsec"), "unit 'parsec'"),
    (("filling", "model.nc", "--mu", "0", "--energy", "foo"), "energy: 'foo', expected a number or one of J, eV"),
    (("pumped_charge", "cycle.nc", "--occupied", "1.5"), "--occupied: '1.5', expected a whole number"),
    (("pumped_magnetization", "cycle.nc", "--occupied", "1", "--units", "si"), "expected --frequency"),
    (("filling", "model.nc", "--mu", "0", "--dimension", "2"), "dimension: expected only with files of Wannier90"),
    (("instantaneous_magnetization", "cycle.nc", "--occupied", "1"), "theta: missing, expected --set theta=VALUE"),
    (("observable_density", "model.nc", "--occupied", "1", "--set", "operators=N"), "expected a table of matrices"),
    (("band_quantities", "model.nc", "--set", "points=[[0, 0]]", "--dry-run"), "has no forecast"),
    (("band_quantities", "model.nc", "--set", "points=[[0, 0]]", "--mesh", "3"), "--mesh: band_quantities takes no"),
    (("pumped_charge", "s0.nc", "cycle.nc", "--occupied", "1"), "cycle.nc: contains a Cycle, expected the model"),
    (("filling", "model.nc", "--mu", "0", "--output", "."), "a folder, expected the name of a file"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[" ".join(a) for a, _ in WRONG])
def test_mistakes_are_one_line(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    assert message in said(run("compute", *arguments))


def test_the_type_of_every_argument_is_known():
    for known in quantities().values():
        for name in (*known.arguments, *OPTIONS):
            kinds, _ = kinds_of(known, name)
            assert kinds, name
            assert all(kind in KINDS.values() for kind in kinds)


def test_values_of_texts():
    pump, phonons = quantities()["pumped_magnetization"], quantities()["local_current"]
    for name, text, known, value in (
        ("chern_simons", "false", pump, False),
        ("groups", "1,1", pump, [1, 1]),
        ("groups", "none", pump, None),
        ("projections", "[[1, 0], [0.5, 1]]", pump, [[1, 0], [0.5, 1]]),
        ("mesh", "64", pump, 64),
        ("symmetry", "none", pump, "none"),
        ("tolerance", "1e-3", pump, 1e-3),
        ("checkpoint", "sums", pump, "sums"),
        ("positions", "{x = [0, 1.5]}", phonons, {"x": [0, 1.5]}),
        ("electric_field", "0,1e-3", phonons, [0, 1e-3]),
    ):
        assert value_of_text(name, name, text, known) == value
    for name, text in (("chern_simons", "1"), ("groups", "1,a"), ("mesh", "1.5"), ("tolerance", "true")):
        with pytest.raises(InvalidArgumentError, match=f"{text}', expected"):
            value_of_text(name, name, text, pump)
    # no more than one value, and no code
    assert parsed("x", "1\ny = 2") == "1\ny = 2"
    assert parsed("x", "__import__('os')") == "__import__('os')"


def test_completion_of_the_shell():
    assert names() == sorted(quantities())
    assert complete_quantity("anomalous") == ["anomalous_hall", "anomalous_nernst"]
    assert complete_case("p") == ["pump", "phonons", "python"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_in_each_shell(shell):
    """The script that is installed, and what it asks for: quantities, options, and files where a file is expected."""

    def answer(kind, *words):
        line = " ".join(words)
        environment = {"_ADIABLOCH_COMPLETE": f"{kind}_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        environment |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_TYPER_COMPLETE_ARGS": line}
        return CliRunner().invoke(app, [], prog_name="adiabloch", env=environment).output

    def asked(*words):
        return answer("complete", "adiabloch", *words)

    script = answer("source", "adiabloch")
    assert f"complete_{shell}" in script
    assert "nonlinear_hall" in asked("quantities", "nonlin")
    assert "--allow-python" in asked("run", "--al")
    assert "magnetoelectric" in asked("new", "magn")
    assert {"bash": "-o default", "zsh": "_files", "fish": "is-args"}[shell] in script + asked("run", "jo")


def test_maps(folder, tmp_path):
    picture, data = tmp_path / "a.svg", tmp_path / "map.nc"
    found = run(
        "map", "berry_curvature", folder / "seed", "--dimension", 2, "--occupied", 1, "--points", 31, "--mu", 0.1,
        "--output", picture, "--data", data,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert picture.read_bytes().startswith(b"<?xml")
    saved = ab.io.load(data)
    expected = ab.zone_map(HALDANE, "berry_curvature", occupied=1, points=31)
    np.testing.assert_allclose(saved.value, expected.value, atol=1e-6)
    assert saved.value.attrs["units"] == "angstrom^2"
    assert saved.attrs["command"].startswith(f"adiabloch map berry_curvature {folder}")
    assert "Berry curvature of the filled states from" in found.output
    group = run("map", "energy", folder / "solid.nc", "--bands", "0,2", "--normal", "1,1,0", "--points", 11)
    assert group.exit_code == 0, group.output
    assert (folder / "solid_map.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("berry_curvatur", "model.nc", "--occupied", "1"), "did you mean 'berry_curvature'"),
        (("berry_curvature", "model.nc"), "expected one of occupied, bands, band, or the chemical_potential"),
        (("berry_curvature", "model.nc", "--occupied", "1", "--output", "a.docx"), "a name that ends with .png"),
        (("berry_curvature", "model.nc", "--bands", "0,1,2"), "bands: [0, 1, 2]"),
        (("spin:z", "model.nc", "--occupied", "1"), "no spin operators"),
        (("energy", "solid.nc", "--band", "1", "--normal", "q"), "normal: 'q', expected 'x', 'y', 'z'"),
        (("energy", "none", "--band", "1"), "none: no such file"),
    ],
)
def test_wrong_maps(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    assert message in said(run("map", *arguments))


def test_the_page_on_commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "howto" / "commands.md").read_text()
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1), {})
    lines = [line[2:] for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 13
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "adiabloch"
        found = run(*words[1:])
        assert found.exit_code == 0, f"{line}: {found.output}"
    assert {"layer_bands.png", "curvature.svg", "pumped.nc", "pumped.html"} <= {
        path.name for path in tmp_path.iterdir()
    }


def test_models_of_cycles(folder, monkeypatch):
    """A quantity of models takes the model of a cycle at a phase, and a quantity of both the cycle itself."""
    monkeypatch.chdir(folder)
    cycle = ab.io.load_cycle("cycle.nc")
    one = ("--occupied", 1, "--mesh", 12)
    found = run("compute", "polarization", "cycle.nc", "--theta", 0.7, *one, "--output", "p.nc")
    assert found.exit_code == 0, said(found)
    expected = ab.polarization(cycle.at(0.7), occupied=1, mesh=12)
    np.testing.assert_allclose(ab.io.load("p.nc").polarization, expected.polarization, rtol=1e-12)
    other = ab.polarization(cycle.at(2.7), occupied=1, mesh=12)
    assert float(abs(other.polarization - expected.polarization).max()) > 1e-4
    assert run("compute", "wilson_loop", "cycle.nc", "--occupied", 1, "--output", "w.nc").exit_code == 0
    flow = ab.io.load("w.nc")
    assert flow.attrs["across"] == "theta"
    np.testing.assert_allclose(flow.centre, ab.wilson_loop(cycle, occupied=1).centre)
    found = run("compute", "wilson_loop", "cycle.nc", "--occupied", 1, "--theta", 0.7, "--output", "m.nc")
    assert found.exit_code == 0, said(found)
    np.testing.assert_allclose(ab.io.load("m.nc").centre, ab.wilson_loop(cycle.at(0.7), occupied=1).centre)
    points = ("--set", "points=[[0, 0], [0.1, 0.2]]")
    assert run("compute", "band_quantities", "cycle.nc", "--theta", 0.7, *points, "--output", "b.nc").exit_code == 0
    np.testing.assert_allclose(
        ab.io.load("b.nc").energy.squeeze(), ab.band_quantities(cycle.at(0.7), [[0, 0], [0.1, 0.2]]).energy
    )
    # of displaced crystals, the one at rest
    rest = ab.io.load_deformation("deformation.nc").model
    assert run("compute", "polarization", "deformation.nc", *one, "--output", "d.nc").exit_code == 0
    np.testing.assert_allclose(ab.io.load("d.nc").polarization, ab.polarization(rest, occupied=1, mesh=12).polarization)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("polarization", "cycle.nc"),
            "needs a model, got a cycle in cycle.nc; expected the file of one model; --theta",
        ),
        (("polarization", "cycle.nc", "cycle.nc"), "needs a model, got 2 files; .*--theta PHASE takes the model at a"),
        (("polarization", "model.nc", "--theta", 0.1), "--theta: model.nc contains a model, expected a cycle"),
        (("pumped_charge", "cycle.nc", "--theta", 0.1), "--theta: pumped_charge needs a whole cycle"),
        (("wilson_loop", "POSCAR"), "POSCAR: atoms of a crystal without its electrons, expected Wannier functions"),
    ],
)
def test_other_kinds_of_files(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    (folder / "POSCAR").write_text("BN\n1.0\n")
    found = run("compute", *arguments, "--occupied", 1)
    assert found.exit_code == 2
    assert re.search(message, said(found))
