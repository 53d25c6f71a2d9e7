"""Displaced crystals from plane waves: the motion of their functions, files, and the command that collects them."""

import json
import os
import subprocess
from functools import cache, partial

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.commands import phonons
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, InvalidModelError
from adiabloch.geometry.snapshots import frame_of_snapshots
from adiabloch.io.displacements import forces_of
from adiabloch.jobs import arguments
from adiabloch.jobs.crystals import CrystalSource
from adiabloch.jobs.specification import read_job
from adiabloch.units import HBAR_SQUARED_PER_DALTON
from displaced_wells import crystal, springs, structure, write_calculations
from plane_wave_files import CELL
from plane_waves import AREA, OCCUPIED, PLACES, VECTORS, Mesh, Turning, Waves, adjoint, hamiltonian
from sweeps import slow

SHARES = np.array([0.5, -0.5])
"""Displacements of the two wells along x and y."""
STEP = 0.01
FORCES = "forces.extxyz"


@cache
def relative(count, *, common=False, step=STEP):
    """The wells displaced against each other, and the motion of the functions."""
    mesh = Mesh()
    model, waves = crystal(PLACES, count, mesh)
    moved = {
        name: [crystal(PLACES + sign * step * np.outer(SHARES, axis), count, mesh) for sign in (-1, 1)]
        for name, axis in zip("xy", np.eye(2), strict=True)
    }
    pairs = {name: tuple(one[0] for one in pair) for name, pair in moved.items()}
    rates = None
    if common:
        dipole = {
            name: [ab.polarization(one, OCCUPIED, tolerance=1e-4).polarization.values * AREA for one in pair]
            for name, pair in pairs.items()
        }
        rates = {name: (after - before) / (2 * step * OCCUPIED) for name, (before, after) in dipole.items()}
    waves_of = {name: tuple(one[1] for one in pair) for name, pair in moved.items()}
    motion = ab.models.displacement_motion(model, pairs, step, waves, waves_of, common=rates, mass=1.0)
    return ab.Deformation(model, pairs, step, motion=motion)


@cache
def small_cycle(count, *, common=False, radius=0.02):
    """Perturbative and Chern-Simons part of a cell on a small circle, for its unit area."""
    models, waves = Turning(SHARES, radius=radius).wannier(count)
    shared = None
    if common:
        dipoles = np.array([ab.polarization(one, OCCUPIED, tolerance=1e-4).polarization.values for one in models])
        shared = (dipoles - dipoles.mean(axis=0)) * AREA / OCCUPIED
    motion = ab.models.motion_from_plane_waves(models, waves, common=shared, mass=1.0)
    found = ab.pumped_magnetization(ab.Cycle(models, motion=motion, tolerance=1), OCCUPIED, tolerance=1e-4)
    return {name: float(found[name][0]) * AREA / radius**2 for name in ("perturbative", "chern_simons", "total")}


@pytest.mark.parametrize("common", [True, *slow(False)])
def test_tensor_is_the_limit_of_small_cycles(common):
    """The motion along displacements, with its curl, and the motion along theta: no derivative is shared."""
    tensor = ab.magnetization_tensor(relative(4, common=common), OCCUPIED, tolerance=1e-4)
    here = tensor.sel(displacement="x", displacement_2="y")
    for name, expected in small_cycle(4, common=common).items():
        assert float(here[name][0]) * AREA / 2 == pytest.approx(expected, rel=1e-4)


def test_common_motion_is_common():
    """It moves contributions between the space of the functions and the rest. The curl of the motion matters too."""
    plain, with_common = (
        float(ab.magnetization_tensor(relative(4, common=common), OCCUPIED, mesh=8).total.max())
        for common in (False, True)
    )
    assert with_common != pytest.approx(plain, rel=1e-3)
    # without the curl of the motion the tensor is another
    deformation = relative(4)
    no_curl = {key: blocks for key, blocks in deformation.motion.items() if isinstance(key, str)}
    flat = ab.Deformation(deformation.model, deformation.displaced, deformation.steps, motion=no_curl)
    assert float(ab.magnetization_tensor(flat, OCCUPIED, mesh=8).total.max()) != pytest.approx(plain, rel=1e-3)


def test_functions_that_do_not_correspond():
    mesh = Mesh(4, 9)
    (model, waves), (minus, before), (plus, after) = (
        crystal(PLACES + x * np.outer(SHARES, [1, 0]), 4, mesh) for x in (0, -STEP, STEP)
    )
    pairs = {"x": (minus, plus)}
    flipped = Waves(mesh, after.functions * [1, 1, 1, -1], after.centres)
    with pytest.raises(InvalidModelError, match=r"x: the mean of the functions .* functions that correspond"):
        ab.models.displacement_motion(model, pairs, STEP, waves, {"x": (before, flipped)}, mass=1.0)
    with pytest.raises(InvalidArgumentError, match="expected the displacements"):
        ab.models.displacement_motion(model, pairs, STEP, waves, {"y": (before, after)}, mass=1.0)
    with pytest.raises(InvalidArgumentError, match=r"expected .minus, plus. for each of the steps"):
        ab.models.displacement_motion(model, pairs, STEP, waves, {"x": [before]}, mass=1.0)
    elsewhere = Waves(mesh, after.functions, after.centres + 1.0)
    with pytest.raises(InvalidModelError, match=r"displacement_motion: the centres of snapshot 2"):
        ab.models.displacement_motion(model, pairs, STEP, waves, {"x": (before, elsewhere)}, mass=1.0)


def test_error_of_two_steps():
    """The error contains that of the differences of plane waves, and is below that of the larger step alone."""
    mesh, steps = Mesh(), (0.2, 0.4)
    made = {
        (name, sign * h): crystal(PLACES + sign * h * np.outer(SHARES, axis), 4, mesh)
        for name, axis in zip("xy", np.eye(2), strict=True)
        for h in (0.01, *steps)
        for sign in (-1, 1)
    }
    model, waves = crystal(PLACES, 4, mesh)

    def motion_of(*some):
        pairs, waves_of = (
            {name: [(made[name, -h][part], made[name, h][part]) for h in some] for name in "xy"} for part in (0, 1)
        )
        return pairs, ab.models.displacement_motion(model, pairs, some, waves, waves_of, mass=1.0)

    def tensor(*some, coarser=None):
        pairs, motion = motion_of(*some)
        deformation = ab.Deformation(model, pairs, some, motion=motion, coarser_motion=coarser)
        found = ab.magnetization_tensor(deformation, OCCUPIED, mesh=32)
        here = found.sel(displacement="x", displacement_2="y")
        return float(here.total[0]), float(here.error[0])

    exact, both = tensor(0.01)[0], tensor(*steps, coarser=motion_of(0.2)[1])
    only_hoppings = tensor(*steps)
    one = tensor(0.4)[0]
    assert abs(both[0] - exact) < both[1] < abs(one - exact)
    assert only_hoppings[0] == both[0]
    assert only_hoppings[1] != pytest.approx(both[1], rel=1e-2)


# ---- all bands


def test_all_bands_are_the_limit_of_small_cycles(folder):
    """Of relative displacements, against the sum over all states of cycles with three radii, extrapolated."""
    radii, mesh = (0.02, 0.04), Mesh(4, 9)
    values = [Turning(SHARES, radius=r, mesh=mesh).perturbative() / r**2 for r in radii]
    expected = (4 * values[0] - values[1]) / 3
    count = len(mesh.G)

    class Circles:
        names, steps = ("x", "y"), (0.01, 0.02)

        def circle(self, one, other, number):
            assert (one, other) == ("x", "y")
            angles = np.pi / 2 * np.arange(4)
            circle = self.steps[number] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
            return BandsInMemory(mesh, [PLACES + np.outer(SHARES, u) for u in circle], count)

    found = ab.perturbative_tensor_by_bands(Circles(), [count - 1, count], progress=False)
    here = found.perturbative.sel(bands=count, component="z")
    assert float(here.sel(displacement="x", displacement_2="y")) * AREA / 2 == pytest.approx(expected, rel=1e-5)
    assert float(here.sel(displacement="y", displacement_2="x")) * AREA / 2 == pytest.approx(-expected, rel=1e-5)
    change = float(found.difference.sel(bands=count, displacement="x", displacement_2="y")[0]) * AREA / 2
    assert 0 < change < 1e-3 * abs(expected)


class BandsInMemory:
    """All bands of crystals of wells, without files: the Hamiltonian at k is known, and so is its derivative."""

    def __init__(self, mesh, places, size):
        self.mesh, self.size, self.occupied = mesh, size, OCCUPIED
        self.lattice, self.points = ab.Lattice(VECTORS), mesh.k
        self.energies, self.states = np.linalg.eigh(np.array([hamiltonian(mesh, at) for at in places]))

    def frames(self):
        for number in range(len(self.points)):
            states, q = self.states[:, number], self.mesh.q[number]
            velocities = {f"k{axis}": adjoint(states) @ (q[:, a, None] * states) for a, axis in enumerate("xy")}
            yield frame_of_snapshots(
                self.energies[:, number], velocities, states[:, None], q, OCCUPIED, np.zeros((len(states), 2))
            )[0]


# ---- structures and forces


def test_names_and_structures():
    moved = ab.models.AtomicDisplacements(structure(), [0.01, 0.02], axes="xy", atoms=[1])
    assert list(moved.structures) == ["rest", *(f"1{x}{s}{h}" for x in "xy" for h in (0.01, 0.02) for s in "-+")]
    change = moved.structures["1y+0.02"].positions - structure().positions
    np.testing.assert_allclose(change, [[0, 0, 0], [0, 0.02, 0]], atol=1e-15)
    np.testing.assert_array_equal(moved.patterns["1x"], [[0, 0, 0], [1, 0, 0]])
    for wrong in ({"axes": "xw"}, {"axes": ""}, {"atoms": [2]}, {"atoms": [0, 0]}, {"step": 0.0}, {"step": [0.1, 0.1]}):
        with pytest.raises(InvalidArgumentError):
            ab.models.AtomicDisplacements(structure(), **wrong)


@pytest.mark.parametrize("axes", ["xyz", "xy"])
def test_modes_from_forces(axes):
    """Against the dynamical matrix of springs that are known, with a cubic term that the two steps remove."""
    d = len(axes)
    K = springs(d)
    moved = ab.models.AtomicDisplacements(structure(), [0.01, 0.03], axes=axes)
    forces = {}
    for name, one in moved.structures.items():
        u = (one.positions - structure().positions)[:, :d]
        forces[name] = np.zeros((2, 3))
        forces[name][:, :d] = -np.tensordot(K, u + 30.0 * u**3, 2)
    modes = moved.modes(forces)
    masses = np.repeat(structure().masses, d)
    expected = np.linalg.eigvalsh(K.reshape(2 * d, 2 * d) / np.sqrt(np.outer(masses, masses)))
    found = np.sign(modes.energies) * modes.energies**2 / HBAR_SQUARED_PER_DALTON
    np.testing.assert_allclose(found, expected, atol=1e-9 * expected.max())
    assert modes.energies[-1] > 0
    assert (modes.energies[:d] == 0).all()
    assert modes.eigenvectors.shape == (2 * d, 2, 3)
    del forces["0x+0.01"]
    with pytest.raises(InvalidArgumentError, match=r"none for 0x\+0.01"):
        moved.modes(forces)
    with pytest.raises(InvalidArgumentError, match="2 atoms 1 are displaced"):
        ab.models.AtomicDisplacements(structure(), atoms=[0]).modes(forces)


def test_a_crystal_that_moves_as_a_whole_feels_no_force():
    """Forces of a calculation that is not quite invariant under translations: acoustic modes vanish all the same."""
    moved = ab.models.AtomicDisplacements(structure())
    forces = {}
    for name, one in moved.structures.items():
        u = one.positions - structure().positions
        forces[name] = -np.tensordot(springs(), u, 2) - np.array([[0.3], [0.0]]) * u
    modes = moved.modes(forces)
    assert (np.abs(modes.energies[:3]) < 1e-6 * modes.energies[-1]).all()
    together = modes.eigenvectors[:3] / np.sqrt(structure().masses)[:, None]
    np.testing.assert_allclose(together[:, 0], together[:, 1], atol=1e-9)


# ---- files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The wells as calculations of all displacements, prepared by the command; forces are those of springs."""
    place = tmp_path_factory.mktemp("displaced")
    template, at_rest = place / "template", place / "POSCAR"
    template.mkdir()
    (template / "scf.in").write_text("ATOMIC_POSITIONS angstrom\n@ATOMS@\n")
    (template / "x.win").write_text("begin atoms_cart\n@ATOMS@\nend atoms_cart\n")
    (template / "B.upf").write_bytes(b"\x00\xff")
    ab.io.write_structure(structure(), at_rest)
    given = [
        "--no-symmetry",
        "--axes",
        "xy",
        "--step",
        str(STEP),
        "--template",
        str(template),
        "--output",
        str(place / "made"),
    ]
    done = CliRunner().invoke(app, ["phonons", "prepare", str(at_rest), *given])
    assert done.exit_code == 0, done.output
    assert "9 structures" in done.output
    write_calculations(place / "made", ab.io.read_displacements(place / "made").structures, Mesh(4, 9))
    return place / "made"


def test_what_is_prepared(folder, tmp_path):
    text = (folder / "1y-0.01" / "scf.in").read_text()
    assert text.startswith("ATOMIC_POSITIONS angstrom\nB ")
    assert float(text.splitlines()[2].split()[2]) == pytest.approx(PLACES[1, 1] - 0.01, abs=1e-11)
    assert (folder / "rest" / "B.upf").read_bytes() == b"\x00\xff"
    script = (folder / "run.sh").read_text()
    assert "for crystal in rest 0x-0.01 0x+0.01 0y-0.01" in script
    assert "$wannier90 x\n" in script
    assert ab.io.read_structure(folder / "0x+0.01" / "POSCAR").positions[0, 0] == pytest.approx(PLACES[0, 0] + 0.01)
    (tmp_path / "odd").mkdir()
    for name in ("scf.in", "$(ls).win"):
        (tmp_path / "odd" / name).write_text("@ATOMS@")
    given = [str(folder / "rest" / "POSCAR"), "--template", str(tmp_path / "odd"), "--output", str(tmp_path / "o")]
    done = CliRunner().invoke(app, ["phonons", "prepare", *given])
    assert done.exit_code == 2
    assert "expected a seed of letters" in " ".join(done.output.split())
    # again: the same; other displacements: refused
    same = ab.io.read_displacements(folder)
    ab.io.write_displacements(same, folder)
    with pytest.raises(InvalidArgumentError, match="holds other displacements"):
        ab.io.write_displacements(ab.models.AtomicDisplacements(structure(), 0.03), folder)
    with pytest.raises(FileFormatError, match="no such folder"):
        ab.io.write_displacements(same, tmp_path / "new", template=tmp_path / "none")
    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "scf.in").write_text("ATOMIC_POSITIONS\n")
    with pytest.raises(InvalidArgumentError, match=r"no file in .* has a line @ATOMS@"):
        ab.io.write_displacements(same, tmp_path / "new", template=tmp_path / "template")


def test_script_with_overlaps_of_all_bands(tmp_path):
    """Two inputs of Wannier90, one of overlaps alone: functions are made of the other one, after both."""
    (tmp_path / "template").mkdir()
    for name in ("scf.in", "x.win", "x_all.win"):
        (tmp_path / "template" / name).write_text("@ATOMS@")
    for name, amn in (("x", ".true."), ("x_all", ".FALSE.")):
        (tmp_path / "template" / f"{name}.pw2wan").write_text(f"&inputpp\nwrite_mmn=.true., write_amn = {amn}\n/\n")
    ab.io.write_structure(structure(), tmp_path / "POSCAR")
    given = [str(tmp_path / "POSCAR"), "--template", str(tmp_path / "template"), "--output", str(tmp_path / "made")]
    done = CliRunner().invoke(app, ["phonons", "prepare", "--no-symmetry", "--axes", "x", *given])
    assert done.exit_code == 0, done.output
    programs = {"PW": "echo", "PW2WANNIER90": "echo", "WANNIER90": "echo wannier90"}
    script = ["sh", str(tmp_path / "made" / "run.sh")]
    ran = subprocess.run(script, env=os.environ | programs, capture_output=True, text=True, check=True)
    each = ["wannier90 -pp x_all", "wannier90 -pp x", "wannier90 x"]
    expected = [line for name in ("rest", "0x-0.02", "0x+0.02", "1x-0.02", "1x+0.02") for line in (name, *each)]
    assert ran.stdout.splitlines() == expected
    for name in ("x", "x_all"):
        assert (tmp_path / "made" / "rest" / f"{name}.pw2wan.out").read_text() == f"-in {name}.pw2wan\n"


@pytest.fixture(scope="module")
def deformation(folder):
    return ab.io.read_deformation(folder, "x", OCCUPIED, waves="x.save", dimension=2)


def test_what_is_read(deformation):
    """The same functions as in memory: the position matrix of finite differences apart."""
    assert deformation.names == ("0x", "0y", "1x", "1y")
    assert set(deformation.motion) >= {"0x", ("0x", "1y")}
    born = ab.born_charges(deformation, OCCUPIED, mesh=4)
    # an electron follows when all atoms move
    whole = born.total.sel(component="x", displacement=["0x", "1x"]).sum()
    assert float(whole) == pytest.approx(OCCUPIED, rel=0.02)
    dipole = [
        ab.polarization(model, OCCUPIED, mesh=8).polarization.values[0] * AREA
        for model in deformation.displaced["1x"][0]
    ]
    assert float(born.total.sel(component="x", displacement="1x")) == pytest.approx(
        (dipole[1] - dipole[0]) / (2 * STEP), rel=0.02
    )


def test_quantities_of_a_folder_by_command(folder, deformation):
    given = ["--occupied", str(OCCUPIED), "--dimension", "2", "--mesh", "4", "--json"]
    for name in ("born_charges", "molecular_berry_curvature", "magnetization_tensor"):
        done = CliRunner().invoke(app, ["compute", name, str(folder), *given])
        assert done.exit_code == 0, done.output
        found = xr.Dataset.from_dict(json.loads(done.stdout))
        expected = getattr(ab, name)(deformation, OCCUPIED, mesh=4)
        np.testing.assert_allclose(found.total, expected.total, rtol=1e-12, atol=1e-14)
    mistakes = [
        (["compute", "anomalous_hall", str(folder), "--mu", "0"], "needs a model, got the folder"),
        (["compute", "born_charges", str(folder / "rest"), "--occupied", "1"], "a folder without displacements.json"),
        (["compute", "born_charges", str(folder), "--occupied", "1", "--outside"], "outside: expected only with"),
    ]
    for wrong, message in mistakes:
        done = CliRunner().invoke(app, wrong)
        assert done.exit_code == 2
        assert message in " ".join(done.output.split())


def test_moments_with_all_bands(folder, deformation):
    """The part of all bands takes the place of that of the functions; its convergence is in the error."""
    bands = ab.io.read_displaced_bands(folder, "all", OCCUPIED, common=deformation, waves="all.save", dimension=2)
    sums = ab.perturbative_tensor_by_bands(bands, [20, 24, 28], progress=False)
    modes = ab.io.read_displacements(folder).modes(ab.io.read_displacement_forces(folder, "forces.extxyz"))
    given = {"degeneracy": 2, "mesh": 4}
    with_all, without = (
        ab.phonon_moments(deformation, modes, OCCUPIED, all_bands=part, **given) for part in (sums, None)
    )
    np.testing.assert_allclose(with_all.perturbative_functions, without.perturbative, atol=1e-14)
    np.testing.assert_allclose(with_all.total - with_all.perturbative, without.total - without.perturbative, atol=1e-12)
    size = float(np.abs(without.perturbative).max())
    assert float(np.abs(with_all.perturbative - without.perturbative).max()) > 0.01 * size
    assert float((with_all.error - without.error).max()) > 0
    for wrong, said in (
        (sums.sel(bands=[28]), "at least two different numbers"),
        (sums.sel(displacement=["0x", "0y"]), "displacement .* as the deformation has"),
        (sums.drop_vars("perturbative"), "expected what perturbative_tensor_by_bands gives"),
        (sums.assign_attrs(occupied=4), "occupied 4, expected 3 as for the deformation"),
        (np.zeros(3), "got ndarray"),
    ):
        with pytest.raises(InvalidArgumentError, match=said):
            ab.phonon_moments(deformation, modes, OCCUPIED, all_bands=wrong, **given)
    with pytest.raises(InvalidArgumentError, match="expected the Deformation of the displacements 0x, 0y, 1x, 1y"):
        ab.io.read_displaced_bands(folder, "all", OCCUPIED, common=relative(4))


def test_command_collects(folder, tmp_path):
    given = ["phonons", "collect", str(folder), "x", "--occupied", str(OCCUPIED), "--degeneracy", "2"]
    given += ["--waves", "x.save", "--forces", "forces.extxyz", "--tolerance", "1e-2"]
    given += ["--all-bands", "all", "--output", str(tmp_path / "m.nc"), "--crystal", str(tmp_path / "crystal.nc")]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, done.output
    moments, crystal = ab.io.load(tmp_path / "m.nc"), ab.io.load_deformation(tmp_path / "crystal.nc")
    assert moments.sizes["mode"] == 4
    assert float(np.abs(moments.total).max()) > 1e-6
    assert "0.000e+00" in done.output
    assert crystal.names == ("0x", "0y", "1x", "1y")
    # as the mesh is
    assert crystal.lattice.dimension == 2
    modes = ab.io.read_displacements(folder).modes(ab.io.read_displacement_forces(folder, "forces.extxyz"))
    np.testing.assert_allclose(moments.energy, modes.energies, rtol=1e-6, atol=1e-9)
    again = ab.phonon_moments(crystal, modes, OCCUPIED, degeneracy=2, tolerance=1e-2)
    np.testing.assert_allclose(again.perturbative, moments.perturbative_functions, atol=1e-12)
    np.testing.assert_allclose(again.chern_simons, moments.chern_simons, atol=1e-12)
    with pytest.raises(InvalidArgumentError, match="component: 'x', expected z"):
        phonons.Collected(moments, crystal).rows("x")
    said = CliRunner().invoke(app, [*given[:6], "--waves", "x.save"])
    assert said.exit_code == 2
    assert "charges: not given" in said.output


@pytest.mark.slow
def test_job_files_read_the_folder(folder, monkeypatch):
    """The same numbers as from the functions that read the folder, moments of the modes from its forces included."""
    monkeypatch.setattr(arguments, "forces_of", partial(forces_of, output=FORCES))
    crystal = f"folder = '{folder.name}'\nseed = 'x'\noccupied = {OCCUPIED}\nwaves = 'x.save'\n"
    quantities = f"[quantities.magnetization_tensor]\noccupied = {OCCUPIED}\n[quantities.phonon_moments]\n"
    quantities += f"occupied = {OCCUPIED}\nmodes = '{folder.name}'\ndegeneracy = 2\n"
    job = folder.parent / "job.toml"
    text = f"[crystal]\ndimension = 2\n[crystal.displacements]\n{crystal}{quantities}[accuracy]\ntolerance = 1e-2\n"
    job.write_text(text + "[output]\npicture = false\n")
    costs = CliRunner().invoke(app, ["run", str(job), "--dry-run", "--json"])
    assert costs.exit_code == 0, costs.output
    assert all(cost["points"] > 10 for cost in json.loads(costs.stdout).values())
    done = CliRunner().invoke(app, ["run", str(job), "--quiet"])
    assert done.exit_code == 0, done.output
    deformation = ab.io.read_deformation(folder, "x", OCCUPIED, waves="x.save", dimension=2)
    modes = ab.io.read_displacements(folder).modes(ab.io.read_displacement_forces(folder, FORCES))
    for found, expected in (
        ("magnetization_tensor", ab.magnetization_tensor(deformation, OCCUPIED, tolerance=1e-2)),
        ("phonon_moments", ab.phonon_moments(deformation, modes, OCCUPIED, degeneracy=2, tolerance=1e-2)),
    ):
        stored = ab.io.load(folder.parent / "job" / f"{found}.nc")
        for name in expected.data_vars:
            np.testing.assert_array_equal(stored[name], expected[name], err_msg=name)
    identity = CrystalSource(read_job(job).crystal, job.parent).identity()
    names = [name for name in identity if name.startswith("contents of ")]
    assert "contents of made/0x+0.01/x.chk" in names
    # nine crystals, and what is displaced
    assert sum(name.endswith(".chk") for name in names) == 9
    assert "contents of made/displacements.json" in names


def test_modes_of_other_crystals(folder, tmp_path):
    """The same crystal with another origin is none; other atoms are."""
    crystal = structure()
    moved = crystal.displaced(0.3 + np.array([np.zeros(3), CELL[0]]))
    phonons.check_same_crystal(moved, crystal, tmp_path)
    other = ab.models.Structure(CELL, ["N", "B"], crystal.positions, crystal.masses)
    for wrong in (other, crystal.displaced([[0, 0, 0], [0, 0, 0.05]]), crystal.supercell(np.diag([2, 1, 1]))):
        with pytest.raises(FileFormatError, match="modes of another crystal"):
            phonons.check_same_crystal(wrong, crystal, tmp_path)


def test_folders_that_are_refused(folder, tmp_path):
    with pytest.raises(FileFormatError, match=r"displacements\.json: no such file"):
        ab.io.read_displacements(tmp_path)
    good = json.loads((folder / "displacements.json").read_text())
    for change in ({"steps": [-1.0]}, {"axes": 3}, {"atoms": [7]}, {"structure": None}):
        (tmp_path / "displacements.json").write_text(json.dumps(good | change))
        with pytest.raises(FileFormatError, match=r"displacements\.json: .* expected the file"):
            ab.io.read_displacements(tmp_path)
    (tmp_path / "displacements.json").write_text("[" * 100_000)
    with pytest.raises(FileFormatError):
        ab.io.read_displacements(tmp_path)
    with pytest.raises(FileFormatError, match="no such file"):
        ab.io.read_displacement_forces(folder, "nothing.out")
    with pytest.raises(FileFormatError, match="no forces"):
        ab.io.read_forces(folder / "rest" / "POSCAR")
    with pytest.raises(AdiablochError):
        ab.io.read_deformation(folder, "other", OCCUPIED)


# ---- deformations in files


def test_deformations_on_disk(tmp_path):
    given = relative(4)
    patterns = {"x": [[0.5, 0], [-0.5, 0]], "y": [[0, 0.5], [0, -0.5]]}
    deformation = ab.Deformation(given.model, given.displaced, given.steps, motion=given.motion, patterns=patterns)
    path = ab.io.save_deformation(deformation, tmp_path / "wells.nc")
    again = ab.io.load_deformation(path)
    assert again.names == deformation.names
    assert again.steps == deformation.steps
    np.testing.assert_array_equal(again.patterns["y"], patterns["y"])
    here, there = (ab.magnetization_tensor(one, OCCUPIED, mesh=6) for one in (deformation, again))
    assert here.equals(there)
    rough = ab.io.load_deformation(ab.io.save_deformation(deformation, tmp_path / "rough.nc", resolution=1e-7))
    assert (tmp_path / "rough.nc").stat().st_size < path.stat().st_size
    close = ab.magnetization_tensor(rough, OCCUPIED, mesh=6)
    np.testing.assert_allclose(close.total, here.total, atol=1e-3 * np.abs(here.total).max())
    with pytest.raises(FileFormatError, match="use load_deformation"):
        ab.io.load_cycle(path)
    stored = ab.io.load(path)
    for name in ("step", "motion", "patterns", "displacement"):
        bad = stored.copy(deep=True)
        if name == "displacement":
            bad = bad.assign(displacement=["y", "x"])
        else:
            bad[name][(0,) * bad[name].ndim] += 1e-9
        bad.to_netcdf(tmp_path / "bad.nc", engine="h5netcdf")
        with pytest.raises(FileFormatError, match="changed since save_deformation wrote it"):
            ab.io.load_deformation(tmp_path / "bad.nc")


def test_orbitals_on_disk(tmp_path):
    model = ab.models.rashba_honeycomb(0.4, 0.2, t1=0.1)
    deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
    again = ab.io.load_deformation(ab.io.save_deformation(deformation, tmp_path / "rashba.nc"))
    assert again.motion is None
    here, there = (ab.spin_tensor(one, 2, mesh=6) for one in (deformation, again))
    assert here.equals(there)
    with pytest.raises(InvalidArgumentError, match="expected a Deformation, got Cycle"):
        ab.io.save_deformation(ab.models.rotating_bonds(model, 0.1), tmp_path / "no.nc")
