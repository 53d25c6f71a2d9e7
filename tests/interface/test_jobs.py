"""Job files: what they compute, and one clear line for each mistake."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.contents import RESULTS
from adiabloch.errors import AccuracyWarning
from adiabloch.jobs.catalogue import quantities
from adiabloch.jobs.crystals import CrystalSource
from adiabloch.jobs.specification import Crystal, schema
from adiabloch.jobs.starters import STARTERS, starter
from sweeps import slow

RUNNER = CliRunner()


def run(*arguments):
    return RUNNER.invoke(app, [*map(str, arguments)])


def written(folder, text, name="job.toml"):
    path = folder / name
    path.write_text(text)
    return path


PUMP = """
[crystal]
model = "gapped_honeycomb"
t1 = 0.1
[crystal.motion]
kind = "rotating_bonds"
[quantities.pumped_magnetization]
occupied = 1
[sweep]
delta = [0.5, 0.8]
amplitude = { start = 0.05, stop = 0.1, points = 2 }
[accuracy]
tolerance = 1e-2
"""
HALL = """
[crystal]
model = "haldane"
delta = 0.5
t2 = 0.1
phi = 1.2
[quantities.anomalous_hall]
chemical_potential = { start = -1, stop = 1, points = 5 }
temperature = 0.1
[accuracy]
tolerance = 1e-2
"""


def test_a_sweep(tmp_path):
    job = written(tmp_path, PUMP)
    out = run("run", job)
    assert out.exit_code == 0, out.output
    found = ab.io.load(tmp_path / "job" / "pumped_magnetization.nc")
    assert found.total.dims == ("delta", "amplitude", "component")
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.8, 0.1), 0.1)
    alone = ab.pumped_magnetization(cycle, 1, tolerance=1e-2)
    np.testing.assert_array_equal(found.total[1, 1], alone.total)
    assert (tmp_path / "job" / "pumped_magnetization.png").stat().st_size > 5000
    before = found
    entries = json.loads(run("run", job, "--json", "--quiet").stdout)["pumped_magnetization"]
    assert entries["points"] == 4
    assert entries["failed"] == 0
    assert entries["units"] == "e*omega"
    assert entries["values"] == found.total.values.tolist()
    # nothing was computed again
    xarray.testing.assert_identical(ab.io.load(tmp_path / "job" / "pumped_magnetization.nc"), before)


def test_a_single_point(tmp_path):
    job = written(tmp_path, HALL + "[output]\nfolder = 'out'\npicture = false\nsi = { energy = 'eV', length = 2.0 }\n")
    out = run("run", job, "--verbose")
    assert out.exit_code == 0, out.output
    found = ab.io.load(tmp_path / "out" / "anomalous_hall.nc")
    model = ab.models.haldane(0.5, 0.1, 1.2)
    alone = ab.in_si(ab.anomalous_hall(model, np.linspace(-1, 1, 5), 0.1, tolerance=1e-2), energy="eV", length=2.0)
    np.testing.assert_array_equal(found.total, alone.total)
    assert found.total.attrs["units"] == "S"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["anomalous_hall.nc", "anomalous_hall.zarr"]


def test_several_quantities_and_labels(tmp_path):
    text = HALL + '[quantities.cold]\nquantity = "anomalous_hall"\nchemical_potential = 0.0\n[quantities.filling]\n'
    job = written(tmp_path, text + "chemical_potential = 0.0\n[output]\npicture = false\n")
    entries = json.loads(run("run", job, "--json").stdout)
    assert [*entries] == ["anomalous_hall", "cold", "filling"]
    assert entries["filling"]["values"] == pytest.approx(1.0, abs=1e-2)


def test_accuracy_can_be_swept(tmp_path):
    text = HALL.replace("[accuracy]\ntolerance = 1e-2", "[sweep]\ntolerance = [1e-1, 1e-3]\ntemperature = [0.1, 0.2]")
    job = written(tmp_path, text.replace("temperature = 0.1\n", "", 1) + "[output]\npicture = false\n")
    assert run("run", job).exit_code == 0
    found = ab.io.load(tmp_path / "job" / "anomalous_hall.nc")
    assert found.total.dims == ("tolerance", "temperature", "chemical_potential", "component")
    assert (found.error.max("component")[1] < 1e-3).all()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_workers(tmp_path, kind):
    job = written(tmp_path, PUMP + f"[run]\nkind = '{kind}'\nworkers = 2\n")
    assert run("run", job, "--quiet").exit_code == 0
    found = ab.io.load(tmp_path / "job" / "pumped_magnetization.nc")
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.05)
    np.testing.assert_array_equal(found.total[0, 0], ab.pumped_magnetization(cycle, 1, tolerance=1e-2).total)


@pytest.mark.slow
def test_a_scheduler(tmp_path):
    distributed = pytest.importorskip("distributed")
    job = written(tmp_path, PUMP)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        out = run("run", job, "--scheduler", cluster.scheduler_address)
    assert out.exit_code == 0, out.output
    assert run("run", job, "--scheduler", "tcp:/nowhere").exit_code == 2


def test_parts(tmp_path):
    job = written(tmp_path, PUMP)
    for part in ("1/2", "2/2"):
        out = run("run", job, "--part", part, "--json")
        assert out.exit_code == 0
    assert json.loads(out.stdout)["pumped_magnetization"]["not_computed"] == 0
    for wrong in ("3/2", "a/b", "1", "0/2"):
        assert run("run", job, "--part", wrong).exit_code == 2


@pytest.mark.slow
def test_parts_at_the_same_time_have_the_bits_of_one_run(tmp_path):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    for folder in (whole, shared):
        folder.mkdir()
        written(
            folder, HALL.replace("delta = 0.5\n", "") + "[sweep]\ndelta = { start = 0.3, stop = 0.9, points = 13 }\n"
        )
    command = [sys.executable, "-m", "adiabloch", "run", "job.toml", "--quiet", "--workers", "1"]
    subprocess.run(command, cwd=whole, check=True)
    parts = [subprocess.Popen([*command, "--part", f"{n}/4"], cwd=shared) for n in range(1, 5)]
    assert [part.wait(120) for part in parts] == [0, 0, 0, 0]
    one, other = (ab.load_sweep(folder / "job" / "anomalous_hall.zarr") for folder in (whole, shared))
    assert (other.failure == "").all()
    for name in ("total", "error"):
        assert one[name].values.tobytes() == other[name].values.tobytes()


@pytest.mark.filterwarnings("default")
def test_points_that_fail(tmp_path):
    text = HALL.replace("delta = 0.5", "").replace("anomalous_hall", "magnetoelectric").replace("temperature = 0.1", "")
    text = text.replace("chemical_potential = { start = -1, stop = 1, points = 5 }", "occupied = 1")
    job = written(tmp_path, text.replace("t2 = 0.1", "t2 = 0.0") + "[sweep]\ndelta = [0.0, 0.5]\n")
    with pytest.warns(AccuracyWarning, match="1 of 2 points failed"):
        out = run("run", job, "--json")
    assert out.exit_code == 1
    entries = json.loads(out.stdout)["magnetoelectric"]
    assert entries["failed"] == 1
    assert entries["first_failure"].startswith("GapClosedError")


def test_files_of_crystals(tmp_path):
    (tmp_path / "deep").mkdir()
    model = ab.models.haldane(0.5, 0.1, 1.2)
    ab.io.write_tb(model, tmp_path / "deep" / "x_tb.dat")
    ab.io.save_model(model, tmp_path / "deep" / "m.nc")
    text = "[quantities.anomalous_hall]\nchemical_potential = 0.0\n[output]\npicture = false\n"
    values = []
    for source in (
        "wannier90 = 'deep/x'\ndimension = 2",
        "wannier90 = 'deep/x_tb.dat'\naxes = [0, 1]",
        "file = 'deep/m.nc'",
    ):
        job = written(tmp_path, f"[crystal]\n{source}\n{text}")
        entries = json.loads(run("run", job, "--json").stdout)
        values.append(entries["anomalous_hall"]["values"])
        (tmp_path / "job" / "anomalous_hall.nc").unlink()
        subprocess.run(["rm", "-r", tmp_path / "job"], check=True)
    np.testing.assert_allclose(np.ravel(values), values[0][0] * np.ones(3), rtol=1e-4)


def test_python_files_are_executed_on_request_only(tmp_path):
    (tmp_path / "model.py").write_text(
        "from pathlib import Path\nPath(__file__).with_name('ran').touch()\nimport adiabloch as ab\n"
        "def make(delta, t2=0.1):\n    return ab.models.haldane(delta, t2, 1.2)\n"
    )
    text = "[crystal]\npython = 'model.py:make'\n[quantities.anomalous_hall]\nchemical_potential = 0.0\n"
    job = written(tmp_path, text + "[sweep]\ndelta = [0.5, 0.6]\n")
    out = run("run", job)
    assert out.exit_code == 2
    assert "allow it with --allow-python" in " ".join(out.output.split())
    assert not (tmp_path / "ran").exists()
    assert run("run", job, "--allow-python").exit_code == 0
    found = ab.io.load(tmp_path / "job" / "anomalous_hall.nc")
    np.testing.assert_array_equal(found.total[0], ab.anomalous_hall(ab.models.haldane(0.5, 0.1, 1.2), 0.0).total)
    # another model is another store
    (tmp_path / "model.py").write_text((tmp_path / "model.py").read_text().replace("1.2", "1.3"))
    assert "contents of model.py was" in " ".join(run("run", job, "--allow-python").output.split())


@pytest.mark.parametrize(
    ("name", "beside", "other"),
    [("x.chk", "x.uHu", "x.win"), ("x.chk.fmt", "x.eig.gz", "x_hr.dat"), ("x_tb.dat", "x_wsvec.dat", "x.eig")],
)
def test_files_read_along_with_a_seed_belong_to_the_identity(tmp_path, name, beside, other):
    (tmp_path / name).write_text("first")
    source = CrystalSource(Crystal(wannier90=name), tmp_path)
    alone = source.identity()
    (tmp_path / other).write_text("not read")
    assert source.identity() == alone
    (tmp_path / beside).write_text("second")
    together = source.identity()
    assert together.keys() - alone.keys() == {f"contents of {beside}"}
    (tmp_path / beside).write_text("third")
    assert source.identity() != together


def test_models_of_pythtb(tmp_path):
    pytest.importorskip("pythtb")
    (tmp_path / "graphene.py").write_text(
        "from pythtb import tb_model\n"
        "def make():\n"
        "    m = tb_model(2, 2, [[1, 0], [.5, .866]], [[1/3, 1/3], [2/3, 2/3]])\n"
        "    m.set_onsite([-1, 1])\n"
        "    for R in ([0, 0], [-1, 0], [0, -1]):\n"
        "        m.set_hop(1.0, 0, 1, R)\n"
        "    return m\n"
    )
    job = written(tmp_path, "[crystal]\npython = 'graphene.py:make'\n[quantities.polarization]\noccupied = 1\n")
    assert run("run", job, "--allow-python").exit_code == 0


FILLING = "[quantities.filling]\nchemical_potential = 0\n"
MISTAKES = [
    ("", "crystal: missing"),
    ("[crystal]\nmodel = 'haldane'\ndelta = 1\nt2 = 0.1\nphi = 1\n", "quantities: missing"),
    ("[crystal", "not a TOML file"),
    ("a = 1\n", "a: unknown key"),
    (HALL + "[output.si]\nenergy = 'ev'\n", "output.si.energy: 'ev', expected a number or one of .*did you mean 'eV'"),
    (HALL.replace("[crystal]", "[cristal]"), "cristal: unknown key; did you mean 'crystal'"),
    (HALL.replace("model =", "modl ="), "crystal: found none of them, expected exactly one of .*did you mean 'model'"),
    (HALL.replace('"haldane"', '"haldan"'), "crystal.model: 'haldan' is not known; did you mean 'haldane'"),
    (HALL.replace("t2 = 0.1", "t3 = 0.1"), "crystal.t3: unknown key; expected parameters of haldane: delta, t2"),
    (HALL.replace("t2 = 0.1", ""), "crystal.t2: missing"),
    (HALL.replace("delta = 0.5", "delta = 0.5\nfile = 'x.nc'"), "crystal: found model and file, expected exactly one"),
    (HALL.replace("delta = 0.5", "delta = 0.5\naxes = [0]"), "axes, outside: expected only with wannier90"),
    (HALL.replace("anomalous_hall", "anomalos_hall"), "'anomalos_hall': not known; did you mean 'anomalous_hall'"),
    (HALL.replace("temperature", "temprature"), "anomalous_hall.temprature: unknown key; did you mean 'temp"),
    (HALL.replace("tolerance", "tolerence"), "accuracy.tolerence: unknown key; did you mean 'tolerance'"),
    (HALL.replace("1e-2", "'small'"), "accuracy.tolerance: 'small', expected a valid number"),
    (HALL.replace("1e-2", "2.0"), "accuracy.tolerance: 2.0, expected less than 1"),
    (HALL + "mesh = 64\n", "accuracy: tolerance and mesh: expected one of the two"),
    (HALL + "[sweep]\ndelta = [0.1, nan]\n", "sweep: value 1 of delta is nan"),
    (HALL.replace("delta = 0.5", "") + "[sweep]\ndelta = [0.1, 0.1]\n", "sweep: delta has the value 0.1 twice"),
    (HALL + "[sweep]\ndelta = []\n", "sweep: delta has no values"),
    (HALL + "[sweep]\ndleta = [0.1]\n", "sweep.dleta: no parameter of the crystal .*did you mean 'delta'"),
    (HALL + "[sweep]\ntemperature = [0.1]\n", "temperature: also in sweep"),
    (HALL + "[sweep]\ntolerance = [0.1]\n", "accuracy.tolerance: also in sweep"),
    (HALL + "[sweep]\ndelta = {start = 1, stop = 2}\n", r"toml: sweep\.delta\.points: missing$"),
    (HALL + "[sweep]\ndelta = {start = 1, stop = 2, pionts = 3}\n", r"sweep\.delta\.pionts: unknown.*'points'"),
    (HALL + "[sweep]\ndelta = [0.1, 0.2]\n", r"crystal\.delta: also in sweep"),
    (PUMP.replace('"rotating_bonds"', '"rotating_bonds"\namplitude = 0.1'), r"crystal\.motion\.amplitude: also in"),
    (HALL.replace("temperature", "# temp").replace("chemical_potential", "temperature"), "lacks chemical_potential"),
    (HALL.replace("tolerance = 1e-2", "mesh = [8, -8]"), r"accuracy\.mesh\.1: -8, expected greater than"),
    (HALL.replace("tolerance = 1e-2", "mesh = [8, 8, 8]"), r"quantities\.anomalous_hall: mesh: \[8, 8, 8\], exp"),
    (HALL.replace("temperature = 0.1", "temperature = -0.1"), r"quantities\.anomalous_hall: temperature: -0\.1, "),
    (HALL + "[run]\nscheduler = 'nonsense'\n", "scheduler: 'nonsense', expected an address such as tcp"),
    (HALL + "[sweep]\ndelta = {start = -1, stop = 2, points = 3, spacing = 'logarithmic'}\n", "positive numbers"),
    (HALL.replace("points = 5", "points = 1"), "chemical_potential.*points"),
    (HALL + "[sweep]\ncombine = 'sum'\ndelta = [1]\n", r"sweep\.combine: 'sum'"),
    (HALL + "[run]\nworkers = 0\n", "run.workers: 0, expected greater than or equal to 1"),
    (HALL + "[run]\nworkers = 2\nscheduler = 'tcp://x:1'\n", "run: scheduler and workers or kind: expected one"),
    (HALL + "[run]\nkind = 'gpu'\n", "run.kind: 'gpu', expected 'threads'"),
    (HALL + "[output]\nsi = { enrgy = 'eV' }\n", "output.si.enrgy: unknown key; did you mean 'energy'"),
    (HALL.replace("anomalous_hall", "pumped_magnetization"), "chemical_potential: unknown key"),
    (PUMP.replace('[crystal.motion]\nkind = "rotating_bonds"\n', "").replace("ampli", "# ampli"), "needs a cycle: add"),
    (PUMP.replace("rotating_bonds", "rotating_bands"), "motion.kind: 'rotating_bands' is not known; did you mean"),
    (PUMP.replace("amplitude", "amplitud"), "crystal.motion.amplitude: missing"),
    ("[crystal]\nfile = 'none.nc'\n" + FILLING, "none.nc: no such file"),
    ("[crystal]\nwannier90 = 'seed'\n" + FILLING, "seed: no such file, and none of seed.chk"),
    ("[crystal]\nfile = 'x.nc'\ndelta = 1\n" + FILLING, "crystal.delta: unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes(tmp_path, text, message):
    job = written(tmp_path, text)
    out = run("run", job)
    assert out.exit_code == 2, out.output
    said = " ".join(out.output.split())
    assert str(job) in said
    assert len(out.output.strip().splitlines()) == 1
    assert said.startswith("adiabloch: ")
    assert re.search(message, said), said
    assert [path.name for path in tmp_path.iterdir()] == ["job.toml"]


def test_job_files_that_are_none(tmp_path):
    assert run("run", tmp_path / "none.toml").exit_code == 2
    assert run("run", tmp_path).exit_code == 2
    (tmp_path / "large.toml").write_bytes(b"#" * 2_000_000)
    assert "expected a job file" in " ".join(run("run", tmp_path / "large.toml").output.split())
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    assert "not a TOML file" in " ".join(run("run", tmp_path / "binary.toml").output.split())


@pytest.mark.parametrize("case", STARTERS)
def test_starters(tmp_path, case):
    job = tmp_path / "job.toml"
    assert run("new", case, "--output", job).exit_code == 0
    assert job.read_text() == starter(case)
    assert run("new", case, "--output", job).exit_code == 2  # existing files are kept
    if case in ("nonlinear", "magnetoelectric"):
        return
    if case in ("pump", "hall", "texture"):
        out = run("run", job, "--dry-run", "--json")
        assert out.exit_code == 0, out.output
        assert all(cost["points"] > 0 for cost in json.loads(out.stdout).values())
    else:
        out = run("run", job, "--dry-run")
        assert out.exit_code == 2  # its files are missing, and nothing else is wrong
        said = " ".join(out.output.split())
        assert "no such file" in said or "--allow-python" in said


def test_unknown_starters(tmp_path):
    assert "did you mean 'pump'" in " ".join(run("new", "pumb", "--output", tmp_path / "x.toml").output.split())


@pytest.mark.parametrize("case", ["pump", "hall", *slow("texture", "nonlinear", "magnetoelectric")])
def test_starters_run(tmp_path, case):
    job = written(tmp_path, starter(case).replace("1e-3 ", "1e-1 "))
    out = run("run", job, "--quiet", "--json")
    assert out.exit_code == 0, out.output
    for entries in json.loads(out.stdout).values():
        assert entries["failed"] == 0
        assert all(Path(file).exists() for file in entries["files"])


def test_the_schema_that_is_shipped_is_current():
    shipped = Path(ab.__file__).parent / "jobs" / "job.schema.json"
    assert shipped.read_text() == schema(), "run: make schema"


def test_every_response_is_in_the_catalogue():
    assert {name for name, module in RESULTS.items() if module.startswith("responses.")} <= {*quantities()}
    entries = json.loads(run("quantities", "--json").stdout)
    assert len(entries) == len(quantities())
    assert all(entry["unit"] for entry in entries)
    # tables of bands have no formula, and neither have quantities that are chosen by name
    assert {entry["name"] for entry in entries if not (entry["formula"] or entry["source"])} <= {
        "band_quantities", "fermi_surface", "ribbon_bands"
    }  # fmt: skip
    others = {*RESULTS} - {*quantities()}
    # what is neither a quantity nor one of its commands: settings, pictures, sweeps, sums over bands, symmetry
    assert others == {
        "Accuracy", "animate", "bands", "in_si", "in_units", "load_sweep", "metal_responses", "perturbative_by_bands",
        "perturbative_tensor_by_bands", "phonon_moment", "plot", "sweep", "symmetric_displacements", "symmetry",
        "zone_map",
    }  # fmt: skip
    assert "did you mean 'filling'" in " ".join(run("quantities", "filing").output.split())
    assert "Eqs. (13), (14) and (19)" in run("quantities", "magnetoelectric").output


def test_ctrl_c_and_what_follows(tmp_path):
    text = PUMP.replace("[0.5, 0.8]", "{ start = 0.3, stop = 0.9, points = 3 }").replace("1e-2", "1e-5")
    job = written(tmp_path, text)
    process = subprocess.Popen(
        [sys.executable, "-m", "adiabloch", "run", job], stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    deadline = time.monotonic() + 60
    while not [*tmp_path.glob("job/*.zarr/finished-points/*.zip")] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "of 6 points done" in " ".join(errors.split())
    out = run("run", written(tmp_path, text), "--quiet", "--json")
    assert json.loads(out.stdout)["pumped_magnetization"]["not_computed"] == 0
