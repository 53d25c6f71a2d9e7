"""Crystals of job files beyond one model: textures, displaced crystals, snapshots of a cycle."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.jobs.crystals import CrystalSource
from adiabloch.jobs.specification import Crystal, read_job
from adiabloch.lattice import AXES
from adiabloch.paper.textures import calculation as paper
from sweeps import slow

RUNNER = CliRunner()
PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "jobs.md").read_text()
PLAIN = "[output]\npicture = false\n"


def run(*arguments):
    return RUNNER.invoke(app, [*map(str, arguments)])


def written(folder, text, name="job.toml"):
    path = folder / name
    path.write_text(text)
    return path


def result(folder, text, name, *options):
    """Result of a job."""
    done = run("run", written(folder, text + PLAIN), "--quiet", *options)
    assert done.exit_code == 0, done.output
    return ab.io.load(folder / "job" / f"{name}.nc")


def assert_equal(found, expected):
    """Equal to the last bit."""
    assert {*expected.data_vars} <= {*found.data_vars}
    for name in expected.data_vars:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


# ---- textures

CYCLE = """
[crystal]
model = "gapped_honeycomb"
t1 = 0.1
[crystal.motion]
kind = "rotating_bonds"
amplitude = 0.1
[crystal.texture]
delta = {FIELD}
[quantities.local_current]
occupied = 1
theta = [0.0, 1.0]
positions = {{ x = {{ start = -4, stop = 9, points = 2 }}, y = 5 }}
[accuracy]
tolerance = 1e-2
"""
POINTS, VALUES = [-20.0, -9.0, 1.0, 2.0, 11.0, 30.0, 42.0], [0.4, 0.5, 0.55, 0.53, 0.6, 0.4, 0.35]
FIELDS = {
    "wave": (
        "{ mean = 0.5, amplitude = 0.1, wave_vector = [0.1, -0.02], phase = 0.3 }",
        lambda r: 0.5 + 0.1 * float(np.cos(np.array([0.1, -0.02]) @ r + 0.3)),
    ),
    "disk of the paper": ("{ mean = 0.35, height = 0.15, radius = 18 }", None),
    "spline": (
        f"{{ axis = 'x', points = {POINTS}, values = {VALUES} }}",
        lambda r: float(make_interp_spline(POINTS, VALUES, k=5)(r[0])),
    ),
    "a few points": (
        "{ axis = 'y', points = { start = -10, stop = 20, points = 3 }, values = [0.4, 0.5, 0.7] }",
        lambda r: float(make_interp_spline([-10, 5, 20], [0.4, 0.5, 0.7], k=2)(r[1])),
    ),
}


@pytest.mark.parametrize("case", [next(iter(FIELDS)), *slow(*[*FIELDS][1:])])
def test_a_texture_has_the_result_of_python(tmp_path, case):
    text, field = FIELDS[case]
    found = result(tmp_path, CYCLE.format(FIELD=text), "local_current")

    def local(r):
        return ab.models.rotating_bonds(ab.models.gapped_honeycomb(field(r), 0.1), 0.1)

    texture = ab.Texture(paper.disk if field is None else local)
    expected = ab.local_current(texture, 1, {"x": [-4.0, 9.0], "y": 5.0}, [0.0, 1.0], tolerance=1e-2)
    assert float(np.abs(expected.polarization_rate).max()) > 1e-8
    assert_equal(found, expected)


def test_the_wave_of_the_paper(tmp_path):
    """Its wave vector, written in decimals, is that of the study to rounding."""
    b = paper._wave_direction() / paper.WAVE_CELLS
    text = f"{{ mean = 0.5, amplitude = 0.1, wave_vector = {b.tolist()} }}"
    text = CYCLE.format(FIELD=text).replace("theta = [0.0, 1.0]", "theta = 0.5\nsplit = true")
    source = CrystalSource(read_job(written(tmp_path, text)).crystal, tmp_path)
    position = np.array([3.0, -7.0])
    ours, theirs = (
        source.make({}).at(position),
        paper.wave(float(paper._wave_direction() @ position) / paper.WAVE_CELLS),
    )
    np.testing.assert_allclose(ours.amplitudes, theirs.amplitudes, rtol=0, atol=1e-15)


LINE = """
[crystal]
model = "rice_mele"
[crystal.texture.delta]
amplitude = 0.5
wave_vector = [0.02]
[crystal.texture.dimerization]
mean = 0.1
amplitude = 0.5
wave_vector = [0.02]
phase = -1.5707963267948966
[quantities.local_observable]
occupied = 1
operators = { number = [[1, 0], [0, 1]] }
positions = { x = [30, 60] }
[sweep]
delta_mean = [0.0, 0.1]
t = [1.0, 1.2]
"""


def local_chain(mean, t):
    def local(r):
        phase = np.array([0.02]) @ r
        delta = mean + 0.5 * float(np.cos(phase + 0.0))
        return ab.models.rice_mele(delta, 0.1 + 0.5 * float(np.cos(phase - 1.5707963267948966)), t)

    return ab.Texture(local)


@pytest.mark.parametrize("kind", ["threads", *slow("processes")])
def test_sweeps_over_fields_and_parameters(tmp_path, kind):
    found = result(tmp_path, LINE + f"[run]\nkind = '{kind}'\nworkers = 2\n", "local_observable")
    assert found.total.dims == ("delta_mean", "t", "x", "observable")
    for mean in (0.0, 0.1):
        for t in (1.0, 1.2):
            expected = ab.local_observable(local_chain(mean, t), 1, {"number": np.eye(2)}, {"x": [30, 60]})
            assert float(np.abs(expected.gradient).max()) > 1e-5
            assert_equal(found.sel(delta_mean=mean, t=t), expected)


def test_the_charge_of_a_domain_wall(tmp_path):
    """The charge of the interpolated profile on the page is the difference of the polarizations of both sides."""
    (text,) = (job for job in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "rice_mele" in job)
    found = result(tmp_path, text, "local_observable")
    charge = np.trapezoid(found.gradient.values.ravel(), found.x.values)
    left, right = (ab.polarization(ab.models.rice_mele(0.4, d), 1).polarization.item() for d in (-0.3, 0.3))
    assert 0.2 < charge < 0.4
    assert (charge - (left - right) + 0.5) % 1.0 - 0.5 == pytest.approx(0.0, abs=5e-4)


def test_a_motion_in_a_texture(tmp_path):
    """The amplitude of a motion may depend on the position, too."""
    text = CYCLE.format(FIELD="{ mean = 0.5, height = 0.1, radius = 20, centre = [3, 0] }")
    text = text.replace("amplitude = 0.1\n", "").replace(
        "[quantities", "amplitude = { mean = 0.1, amplitude = 0.02, wave_vector = [0, 0.1] }\n[quantities"
    )
    found = result(tmp_path, text, "local_current")

    def local(r):
        delta = 0.5 + 0.1 * float(np.exp(-((r - [3, 0]) @ (r - [3, 0])) / 20**2))
        amplitude = 0.1 + 0.02 * float(np.cos(np.array([0, 0.1]) @ r))
        return ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta, 0.1), amplitude)

    positions = {"x": [-4.0, 9.0], "y": 5.0}
    assert_equal(found, ab.local_current(ab.Texture(local), 1, positions, [0.0, 1.0], tolerance=1e-2))


def test_parameters_of_python_functions(tmp_path):
    (tmp_path / "chain.py").write_text(
        "import adiabloch as ab\ndef make(delta, t):\n    return ab.models.rice_mele(delta, 0.3, t)\n"
    )
    text = LINE.replace('model = "rice_mele"', 'python = "chain.py:make"')
    text = text.replace(re.search(r"\[crystal.texture.dim(.|\n)*?\[qu", text).group(), "[qu").replace(
        "t = [1.0, 1.2]", "t = [1.2]"
    )
    found = result(tmp_path, text, "local_observable", "--allow-python")

    def local(r):
        return ab.models.rice_mele(0.1 + 0.5 * float(np.cos(np.array([0.02]) @ r)), 0.3, 1.2)

    expected = ab.local_observable(ab.Texture(local), 1, {"number": np.eye(2)}, {"x": [30, 60]})
    assert_equal(found.isel(delta_mean=1, t=0), expected)


def test_uniform_crystals_in_responses_of_textures(tmp_path):
    text = CYCLE.format(FIELD="1").replace("delta = 1", "").replace("t1 = 0.1", "t1 = 0.1\ndelta = 0.5")
    found = result(tmp_path, text, "local_current")
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.1)
    assert_equal(found, ab.local_current(cycle, 1, {"x": [-4.0, 9.0], "y": 5.0}, [0.0, 1.0], tolerance=1e-2))


@pytest.mark.parametrize("text", [CYCLE.format(FIELD=FIELDS["spline"][0]), LINE])
def test_dry_runs_of_textures(tmp_path, text):
    done = run("run", written(tmp_path, text), "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    (cost,) = json.loads(done.stdout).values()
    assert cost["points"] > 100
    assert [path.name for path in tmp_path.iterdir()] == ["job.toml"]


def test_another_field_is_another_store(tmp_path):
    text = CYCLE.format(FIELD=FIELDS["spline"][0])
    result(tmp_path, text, "local_current")
    done = run("run", written(tmp_path, text.replace("0.55", "0.56") + PLAIN))
    assert done.exit_code == 2
    assert "crystal.texture was" in " ".join(done.output.split())


def field(text):
    return CYCLE.format(FIELD=text)


ROUND = field("{ mean = 1, height = 1, radius = 9 }")
HALL = '[crystal]\nmodel = "gapped_honeycomb"\n[crystal.texture]\ndelta = { mean = 1, height = 1, radius = 9 }\n'
UNIFORM = '[crystal]\nmodel = "gapped_honeycomb"\ndelta = 1\n'
BORN = "[crystal.displacements]\n{}\n[quantities.born_charges]\noccupied = 1\n"
PAIRS = BORN.format(
    'rest = "rest_tb.dat"\nstep = 0.01\natoms = [0, 1]\npairs.0x = { minus = "m_tb.dat", plus = "p_tb.dat" }'
)
MISTAKES = [
    (field("0.5"), "crystal.texture.delta: 0.5, expected a table"),
    (field("{ mean = 1, radius = 9, radiuss = 1 }"), "texture.delta.radiuss: unknown key; did you mean 'radius'"),
    (field("{ mean = 1, radius = 9, height = nan }"), "texture.delta.height: nan, expected a finite number"),
    (field("{ mean = 1, radius = 0, height = 1 }"), "texture.delta.radius: 0, expected greater than 0"),
    (field("{ mean = 1, radius = 9 }"), "crystal.texture.delta.height: missing, expected a number"),
    (field("{ mean = 1, amplitude = 2 }"), "crystal.texture.delta.wave_vector: missing"),
    (field("{ mean = 1, amplitude = 1, wave_vector = [1] }"), "wave_vector: 1 components, expected 2 for a crys"),
    (field("{ mean = 1, height = 1, radius = 1, centre = [1, 2, 3] }"), "delta.centre: 3 components, expected 2"),
    (field("{ axis = 'z', points = [-1, 1], values = [1, 2] }"), "delta.axis: 'z', expected x, y for a crystal in 2D"),
    (field("{ axis = 'x', points = [-1, 2, 2], values = [1, 2, 3] }"), "points: 2 before 2, expected ascending"),
    (field("{ axis = 'x', points = [-1, 2], values = [1, 2, 3] }"), "values: 3, expected as many as points, 2"),
    (field("{ axis = 'x', points = [-1, nan], values = [1, 2] }"), "delta.points.1: nan, expected a finite number"),
    (field("{ axis = 'x', points = [0, 9], values = [1, inf] }"), "delta.values.1: inf, expected a finite number"),
    (field("{ axis = 'x', points = [0], values = [1] }"), "points: 1, expected at least 2"),
    (field("{ axis = 'x', points = [1, 2], values = [1, 2] }"), "points: from 1 to 2, expected points on both"),
    (field("{ axis = 'x', points = { start = 0, stop = 1, pionts = 2 }, values = [] }"), "did you mean 'points'"),
    (ROUND.replace("\ndelta", "\ndleta"), "texture.dleta: no parameter .*did you mean 'delta'"),
    (ROUND.replace("t1 = 0.1", "delta = 1"), "delta: also in crystal.texture"),
    (ROUND.replace("\n[qu", "\namplitude = { mean = 1, height = 1, radius = 9 }\n[qu"), "motion.amplitude: also in"),
    (ROUND + "[sweep]\ndelta = [1]\n", "sweep.delta: no parameter .*delta_mean"),
    (ROUND + "[sweep]\ndelta_higth = [1]\n", "did you mean 'delta_height'"),
    (ROUND + "[sweep]\ndelta_mean = [nan]\n", "sweep: value 0 of delta_mean is nan"),
    (field("{ amplitude = 1, wave_vector = [1] }") + "[sweep]\ndelta_mean = [0.5]\n", "1 components, expected 2"),
    (HALL + "[quantities.anomalous_hall]\nchemical_potential = 0\n", "anomalous_hall: needs a model; found a texture"),
    (HALL + "[quantities.magnetization_tensor]\noccupied = 1\n", "needs a deformation: add .*found a texture"),
    (UNIFORM + "[quantities.local_current]\noccupied = 1\n", "local_current: needs a texture: add the table"),
    (HALL.replace("model =", "file ="), "texture: parameters of file, expected only with model and python"),
    (PAIRS.replace('rest = "rest_tb.dat"', ""), "crystal.displacements: rest: missing, needed with pairs"),
    (PAIRS.replace("rest =", 'folder = "made"\nrest ='), "found both, expected exactly one of folder and"),
    (PAIRS.replace("minus", "mimus"), "pairs.0x.mimus: unknown key; did you mean 'minus'"),
    (PAIRS.replace("atoms", "atom"), "displacements.atom: unknown key; did you mean 'atoms'"),
    (PAIRS.replace("0.01", "[0.01, 0.02]"), "pairs.0x.minus: expected as many files as steps, 2"),
    (PAIRS.replace("0.01", "-1"), "displacements.step: -1, expected greater than 0"),
    (PAIRS, "crystal.displacements: .*rest_tb.dat: no such file"),
    (PAIRS.replace("[crystal.dis", "[crystal]\noutside = true\n[crystal.dis"), "outside: expected only with wannier90"),
    (BORN.format('folder = "made"\nseed = "x"'), "displacements: occupied: missing, needed with folder"),
    (BORN.format('folder = "made"\nseed = "x"\noccupied = 1'), "made/displacements.json: no such file"),
    (BORN.format(""), "displacements: found none of them, expected exactly one of folder and pairs"),
    ("[crystal]\nwannier90 = []\n[quantities.filling]\n", "crystal.wannier90: .*, expected at least 1 item"),
    (UNIFORM + "molecule = true\n[quantities.filling]\n", "molecule: expected only with wannier90, file and disp"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_in_crystals(tmp_path, text, message):
    job = written(tmp_path, text)
    for options in ((), ("--dry-run",)):
        done = run("run", job, *options)
        assert done.exit_code == 2, done.output
        said = " ".join(done.output.split())
        assert len(done.output.strip().splitlines()) == 1
        assert said.startswith(f"adiabloch: {job}: ")
        assert re.search(message, said), said
    assert [path.name for path in tmp_path.iterdir()] == ["job.toml"]


def test_positions_outside_of_the_points(tmp_path):
    """The crystals beside a position, from which gradients are taken, must be known as well."""
    text = field("{ axis = 'x', points = [-4, 9], values = [0.5, 0.6] }")
    done = run("run", written(tmp_path, text), "--dry-run")
    assert done.exit_code == 2
    assert "crystal.texture.delta: x = " in done.output
    assert "is outside of the points, -4 to 9; expected points one lattice vector beyond" in " ".join(
        done.output.split()
    )


# ---- displaced crystals


@pytest.fixture(scope="module")
def displaced(tmp_path_factory):
    """Files of displaced crystals at two steps, names as in the job below."""
    folder = tmp_path_factory.mktemp("displaced")
    law = ab.models.exponential(3.0)
    model = ab.models.haldane(1.0, 0.1, 1.2)
    ab.io.write_tb(model, folder / "rest_tb.dat")
    for atom in (0, 1):
        for i, axis in enumerate("xy"):
            for step in (-0.02, -0.01, 0.01, 0.02):
                u = step * np.outer(np.arange(2) == atom, np.arange(2) == i)
                moved = model.displaced(u, law, move_orbitals=True)
                ab.io.write_tb(moved, folder / f"{atom}{axis}{step:+g}_tb.dat")
    return folder


def pair(name, *steps):
    """Entry of a job file."""
    minus, plus = ([f"{name}{sign}{step:g}" for step in steps] for sign in "-+")
    return f"pairs.{name} = {{ minus = {minus}, plus = {plus} }}\n"


JOB = """
[crystal]
dimension = 2
[crystal.displacements]
rest = "rest"
step = [0.01, 0.02]
atoms = [0, 1]
PAIRS
[quantities.magnetization_tensor]
occupied = 1
[quantities.born_charges]
occupied = 1
[quantities.molecular_berry_curvature]
occupied = 1
[accuracy]
tolerance = 1e-2
""".replace("PAIRS", "".join(pair(f"{atom}{axis}", 0.01, 0.02) for atom in (0, 1) for axis in "xy"))
RESPONSES = ("magnetization_tensor", "born_charges", "molecular_berry_curvature")


def test_pairs_of_files_have_the_result_of_python(displaced):
    def read(name):
        return ab.io.read_tb(displaced / f"{name}_tb.dat", dimension=2)

    names = [f"{atom}{axis}" for atom in (0, 1) for axis in "xy"]
    pairs = {name: [(read(f"{name}-{step}"), read(f"{name}+{step}")) for step in (0.01, 0.02)] for name in names}
    patterns = {name: np.outer(np.arange(2) == int(name[0]), np.array(list(AXES)) == name[1]) for name in names}
    expected = ab.Deformation(read("rest"), pairs, [0.01, 0.02], patterns=patterns).following_atoms([0, 1])
    for name in RESPONSES:
        found = result(displaced, JOB, name)
        assert_equal(found, getattr(ab, name)(expected, 1, tolerance=1e-2))
        assert float(np.abs(found.total).max()) > 1e-2
    source = CrystalSource(read_job(displaced / "job.toml").crystal, displaced)
    for name in names:
        np.testing.assert_array_equal(source.make({}).patterns[name], patterns[name])
    costs = json.loads(run("run", displaced / "job.toml", "--dry-run", "--json").stdout)
    assert [*costs] == [*RESPONSES]
    assert all(cost["points"] > 100 for cost in costs.values())


def test_every_displaced_file_belongs_to_the_identity(displaced):
    identity = CrystalSource(read_job(written(displaced, JOB, "other.toml")).crystal, displaced).identity()
    assert len([name for name in identity if name.startswith("contents of ")]) == 17


def test_a_saved_deformation(tmp_path):
    deformation = ab.Deformation.from_law(ab.models.haldane(1.0, 0.1, 1.2), ab.models.exponential(3.0))
    ab.io.save_deformation(deformation, tmp_path / "d.nc")
    text = '[crystal]\nfile = "d.nc"\n' + JOB.partition("\n\n")[2]
    for name in RESPONSES[:1]:
        expected = getattr(ab, name)(ab.io.load_deformation(tmp_path / "d.nc"), 1, tolerance=1e-2)
        assert_equal(result(tmp_path, text, name), expected)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("atoms = [0, 1]\n", "", r"crystal.displacements.atoms: missing, .* such as \[0, 0\]"),
        ("atoms = [0, 1]\n", "atoms = [0]\n", "atoms"),
        ('rest = "rest"', 'rest = "../none"', "crystal.displacements: .*none: no such file"),
        ("[quantities.born_charges]\noccupied", "[quantities.filling]\nchemical_potential", "needs a model; found a"),
        ("born_charges", "local_current", "needs a texture: .* found a deformation"),
    ],
)  # fmt: skip
def test_mistakes_in_pairs(displaced, old, new, message):
    assert old in JOB
    done = run("run", written(displaced, JOB.replace(old, new), "wrong.toml"))
    assert done.exit_code == 2, done.output
    assert len(done.output.strip().splitlines()) == 1
    assert re.search(message, " ".join(done.output.split())), done.output


def test_snapshots_of_a_cycle(tmp_path):
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.1)
    for number, snapshot in enumerate(cycle.snapshots):
        ab.io.write_tb(snapshot, tmp_path / f"phase{number}_tb.dat")
    seeds = [f"phase{number}" for number in range(4)]
    text = f"[crystal]\nwannier90 = {seeds}\ndimension = 2\n[quantities.pumped_charge]\noccupied = 1\n"
    snapshots = [ab.io.read_tb(tmp_path / f"{seed}_tb.dat", dimension=2) for seed in seeds]
    assert_equal(result(tmp_path, text, "pumped_charge"), ab.pumped_charge(ab.Cycle(snapshots), 1))
    done = run("run", written(tmp_path, text.replace("dimension", "outside = true\ndimension"), "wrong.toml"))
    assert done.exit_code == 2
    assert "outside: expected only with a single crystal" in " ".join(done.output.split())


def test_quantities_without_an_integral(tmp_path):
    """They take no workers and no accuracy, and have no forecast; other quantities of the job do."""
    text = """
        [crystal]
        model = "thouless_pump"
        delta = 0.5
        dimerization = 0.5
        [quantities.pumped_charge]
        occupied = 1
        [quantities.pumped_observable]
        occupied = 1
        operators = { number = [[1, 0], [0, -1]] }
        [accuracy]
        tolerance = 1e-2
        """
    cycle = ab.models.thouless_pump(0.5, 0.5)
    assert_equal(result(tmp_path, text, "pumped_charge"), ab.pumped_charge(cycle, 1))
    done = run("run", tmp_path / "job.toml", "--dry-run", "--json")
    costs = json.loads(done.stdout)
    assert costs["pumped_charge"]["points"] is None
    assert costs["pumped_observable"]["points"] > 10
    assert "unknown" in run("run", tmp_path / "job.toml", "--dry-run").output


def test_the_page_on_job_files(tmp_path):
    """All jobs of the page are valid, and those whose files it does not presuppose can be run."""
    jobs = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(jobs) >= 4
    for text in jobs:
        crystal = read_job(written(tmp_path, text)).crystal
        assert isinstance(crystal, Crystal)
        done = run("run", tmp_path / "job.toml", "--dry-run")
        if crystal.source == "model":
            assert done.exit_code == 0, done.output
        else:
            assert "no such file" in done.output


def test_the_disk_of_the_page(tmp_path):
    """The example in Python has the result of the job at one of its points."""
    (text,) = (job for job in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "delta_height" in job)
    namespace = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1), namespace)
    assert_equal(result(tmp_path, text, "local_current").sel(delta_height=0.15), namespace["current"])


OF_FILES = """[crystal]
file = "{material}/strain_{strain:.1f}.nc"
[quantities.anomalous_hall]
chemical_potential = 0.0
[accuracy]
mesh = 8
[sweep]
material = ["first", "second"]
strain = [0.0, 0.5]
"""


def test_files_whose_names_have_swept_parameters(tmp_path):
    models = {
        (material, strain): ab.models.haldane(delta, 0.2, 1.0 + strain)
        for material, delta in (("first", 0.3), ("second", 0.6))
        for strain in (0.0, 0.5)
    }
    for (material, strain), model in models.items():
        (tmp_path / material).mkdir(exist_ok=True)
        ab.io.save_model(model, tmp_path / material / f"strain_{strain}.nc")
    job = written(tmp_path, OF_FILES)
    done = run("run", job, "--quiet")
    assert done.exit_code == 0, done.output
    found = ab.io.load(tmp_path / job.stem / "anomalous_hall.nc")
    for (material, strain), model in models.items():
        expected = ab.anomalous_hall(model, 0.0, mesh=8)
        np.testing.assert_array_equal(found.total.sel(material=material, strain=strain), expected.total)
    # another content of one file is another study
    ab.io.save_model(ab.models.haldane(0.9, 0.2, 1.0), tmp_path / "second" / "strain_0.5.nc")
    again = run("run", job, "--quiet")
    assert again.exit_code == 2
    assert "strain_0.5.nc" in again.output


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{material}/{volume}.nc", "crystal.file: '{material}/{volume}.nc': 'volume' has no value, expected it in"),
        ("{material.__class__}.nc", "expected the name of a swept parameter in braces, got 'material.__class__'"),
        ("{material!r}.nc", "expected the name of a swept parameter in braces, got 'material'"),
        ("{}.nc", "expected the name of a swept parameter in braces, got ''"),
        ("{material.nc", "crystal.file: '{material.nc': expected '}'"),
        ("{material:.1f}/{strain}.nc", "Unknown format code 'f'"),
        ("{material}/{strain}.nc", "first/0.0.nc: no such file"),
        ("{material:>999999999}.nc", "format '>999999999', expected one such as .2f or 03d"),
    ],
)
def test_mistakes_in_names_of_files(tmp_path, name, message):
    job = written(tmp_path, OF_FILES.replace("{material}/strain_{strain:.1f}.nc", name))
    done = run("run", job, "--quiet")
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


# ---- molecules


def diatomic(distance, lattice=None):
    """Two orbitals, by themselves or in a box with weak hoppings to their copies."""
    places = np.array([[0.0, 0.3], [distance, 0.3]])
    H = np.array([[-1.0, np.exp(-distance)], [np.exp(-distance), 1.0]])
    if lattice is None:
        return ab.TightBinding(None, places, H)
    return ab.TightBinding(lattice, places, {(0, 0): H, (-1, 0): [[0, 1e-3], [0, 0]]}, reduced=False)


def stretched(lattice=None):
    """Molecule with a displacement of its bond, as a deformation."""
    pairs = {"1x": tuple(diatomic(1.0 + u, lattice) for u in (-0.01, 0.01))}
    return ab.Deformation(diatomic(1.0, lattice), pairs, 0.01, patterns={"1x": [[0, 0], [1, 0]]})


OF_MOLECULE = "[quantities.axial_tensor]\noccupied = 1\n[quantities.born_charges]\noccupied = 1\n"


def test_molecules(tmp_path):
    """Saved molecules as they are; those in boxes, in files of all kinds, with the key `molecule`."""
    ab.io.save_deformation(stretched(), tmp_path / "alone.nc")
    ab.io.save_deformation(stretched(9.0 * np.eye(2)), tmp_path / "box.nc")
    for name, length in (("rest", 1.0), ("minus", 0.99), ("plus", 1.01)):
        ab.io.write_tb(diatomic(length, 9.0 * np.eye(2)), tmp_path / f"{name}_tb.dat")
    rest, *pair = (ab.io.read_tb(tmp_path / f"{name}_tb.dat", dimension=2) for name in ("rest", "minus", "plus"))
    read = ab.Deformation(rest, {"1x": tuple(pair)}, 0.01, patterns={"1x": [[0, 0], [1, 0]]}).following_atoms([0, 1])
    files = 'rest = "rest"\nstep = 0.01\natoms = [0, 1]\npairs.1x = { minus = "minus", plus = "plus" }\n'
    cases = {
        'file = "alone.nc"\n': stretched(),
        'file = "box.nc"\nmolecule = true\n': stretched(),
        f"dimension = 2\nmolecule = true\n[crystal.displacements]\n{files}": ab.models.isolated(read),
    }
    for number, (crystal, expected) in enumerate(cases.items()):
        job = written(tmp_path, f"[crystal]\n{crystal}{OF_MOLECULE}{PLAIN}", f"job{number}.toml")
        done = run("run", job, "--quiet")
        assert done.exit_code == 0, done.output
        for response in (ab.axial_tensor, ab.born_charges):
            one = response(expected, 1, progress=False)
            found = ab.io.load(tmp_path / f"job{number}" / f"{response.__name__}.nc")
            np.testing.assert_allclose(found.total, one.total, atol=1e-9, err_msg=response.__name__)
            assert found.total.attrs["units"] == one.total.attrs["units"]
            assert np.abs(one.total).max() > 1e-3


def test_boxes_that_hold_no_molecule(tmp_path):
    ab.io.save_model(ab.models.haldane(1.0, 0.1, 1.2), tmp_path / "solid.nc")
    ab.io.save_deformation(stretched(9.0 * np.eye(2)), tmp_path / "box.nc")
    for text, message in (
        ('file = "solid.nc"\nmolecule = true\n[quantities.polarization]\noccupied = 1\n', "crystal.molecule: isola"),
        (f'file = "box.nc"\n{OF_MOLECULE}', "expected a molecule, a model without lattice vectors"),
    ):
        done = run("run", written(tmp_path, f"[crystal]\n{text}"))
        assert done.exit_code != 0
        assert message in " ".join(f"{done.output} {done.exception}".split()), done.output
