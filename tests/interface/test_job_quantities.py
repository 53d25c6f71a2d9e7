"""Every quantity of the catalogue computed by a job file, with the crystal that it needs."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.jobs.arguments import missing_arguments, takes
from adiabloch.jobs.catalogue import quantities, quantity
from sweeps import every_other

MODES = Path(__file__).parents[1] / "data" / "phonons" / "hbn_gamma.dyn"
VALUES = {
    "occupied": 2,
    "chemical_potential": 0.1,
    "temperature": 0.1,
    "operators": {"staggered": np.diag([1, 1, -1, -1]).tolist(), "crossed": np.fliplr(np.eye(4)).tolist()},
    "heights": [0.0, 0.0, 1.0, 1.0],
    "points": [[0.1, 0.2], [0.3, -0.4]],
    "theta": 0.3,
    "kx": [0.1, 0.2],
    "ky": [0.3, 0.4],
    "filling": 2.0,
    "modes": str(MODES),
    "positions": {"x": [1.0, 2.0]},
}
"""Arguments that a quantity may need, for a crystal with four orbitals."""
ALWAYS = {
    "projected_hall": {"projectors": {"first": np.diag([1, 1, 0, 0]).tolist()}},
    "observable_current": {"operators": VALUES["operators"]},
    "phonon_moments": {"degeneracy": 1},
    "magnetization_map": {"degeneracy": 1e-6},
    "fermi_surface": {"chemical_potential": 1.5, "points": 8},
    "ribbon_bands": {"width": 4, "points": 12},
}
MESH = 6
TEXTURE = """model = "kane_mele"
intrinsic = 0.06
[crystal.texture]
delta = { mean = 0.9, height = 0.2, radius = 9, centre = [3, 0] }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of a crystal of each kind, with spin."""
    here = tmp_path_factory.mktemp("crystals")
    model = ab.models.kane_mele(0.9, 0.06)
    ab.io.save_model(model, here / "model.nc")
    ab.io.save_model(ab.models.fu_kane_mele(0.5, m=0.8), here / "solid.nc")
    ab.io.save_cycle(ab.models.rotating_bonds(model, 0.1), here / "cycle.nc")
    deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
    ab.io.save_deformation(deformation, here / "deformation.nc")
    alone = ab.TightBinding(None, model.positions, model.hoppings[0, 0])
    ab.io.save_deformation(ab.Deformation.from_law(alone, ab.models.exponential(3.0)), here / "molecule.nc")
    return here


def crystal_of(known, folder):
    """Crystal that a quantity needs, and its table in a job file."""
    if known.crystal == "texture":
        disk = ab.Texture(lambda r: ab.models.kane_mele(0.9 + 0.2 * np.exp(-((r - [3, 0]) @ (r - [3, 0])) / 81), 0.06))
        return disk, TEXTURE
    declaration = getattr(known.function, "declaration", None)
    solid = known.name == "fermi_surface" or (declaration is not None and 2 not in declaration.dimensions)
    name = "solid" if solid else known.crystal
    read = {"cycle": ab.io.load_cycle, "deformation": ab.io.load_deformation}.get(name, ab.io.load_model)
    if declaration is not None and set(declaration.dimensions) <= set(declaration.no_bulk):
        name = "molecule"
    return read(folder / f"{name}.nc"), f'file = "{name}.nc"\n'


def in_toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {in_toml(one)}" for name, one in value.items()) + " }"
    return repr(value)


def arguments_of(known):
    """Arguments that a quantity needs."""
    needed = {*missing_arguments(known, ())} - {"bands"}
    if "occupied" in needed:
        needed -= {"chemical_potential"}
    elif "temperature" in known.arguments:
        needed |= {"temperature"}
    arguments = {one: VALUES[one] for one in sorted(needed)} | ALWAYS.get(known.name, {})
    if known.crystal == "texture":
        arguments["positions"] = VALUES["positions"]
    return arguments


@pytest.fixture(scope="module")
def results(folder, request):
    """Folder with the results of the quantities that are tested: one job for each crystal."""
    jobs = {}
    tested = {item.callspec.params["name"] for item in request.session.items if item.module is request.module}
    for name in sorted(tested):
        known = quantity(name)
        _, table = crystal_of(known, folder)
        lines = [f"{one} = {in_toml(value)}" for one, value in arguments_of(known).items()]
        jobs.setdefault(table, []).append("\n".join([f"[quantities.{name}]", *lines, ""]))
    for number, (table, tables) in enumerate(jobs.items()):
        job = folder / f"job{number}.toml"
        accuracy = f"[accuracy]\nmesh = {MESH}\n[output]\npicture = false\nfolder = 'results'\n"
        job.write_text(f"[crystal]\n{table}{''.join(tables)}{accuracy}")
        done = CliRunner().invoke(app, ["run", str(job), "--quiet", "--json"])
        assert done.exit_code == 0, done.output
    return folder / "results"


@pytest.mark.filterwarnings("ignore::adiabloch.errors.AccuracyWarning")
@pytest.mark.parametrize("name", every_other(quantities(), 1))
def test_a_job_has_the_result_of_python(folder, results, name):
    known = quantity(name)
    crystal, _ = crystal_of(known, folder)
    arguments = arguments_of(known)
    found = ab.io.load(results / f"{name}.nc")
    if "modes" in arguments:
        arguments["modes"] = ab.io.read_modes(arguments["modes"])
    options = {"mesh": MESH} if takes(known, "mesh") else {}
    expected = known.function(crystal, **arguments, **options)
    assert {*expected.data_vars} <= {*found.data_vars}
    for variable in expected.data_vars:
        np.testing.assert_array_equal(found[variable], expected[variable], err_msg=variable)
