"""The command `adiabloch inspect`: comparison of its output with the contents of the file."""

import re

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.commands.inspection import inspect
from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.io import write_tb
from adiabloch.io.crystal_files import WannierOptions
from adiabloch.models import WannierModel
from random_models import general


@pytest.fixture
def slab(tmp_path):
    """Model with a known gap: sqrt(delta^2 + |f|^2) at the corners of the zone."""
    model = ab.models.gapped_honeycomb(delta=0.4, t1=0.0)
    return model, write_tb(model, tmp_path / "slab_tb.dat.gz")


def invoke(*arguments):
    return CliRunner().invoke(app, ["inspect", *map(str, arguments)], env={"COLUMNS": "200"})


def test_a_file_with_a_gap(slab):
    model, path = slab
    found = inspect(path, WannierOptions(dimension=2), occupied=1)
    entries = dict(found.entries)
    gap = re.match(r"(\S+) at k = \((\S+), (\S+)\)", entries["direct gap above 1 bands"])
    energies = model.energies(model.lattice.cartesian([[1 / 3, 2 / 3], [2 / 3, 1 / 3], [1 / 3, 1 / 3]]))
    assert float(gap[1]) == pytest.approx(np.diff(energies).min(), rel=1e-5)
    there = model.energies(model.lattice.cartesian([float(gap[2]), float(gap[3])]))
    assert float(np.diff(there)[0]) == pytest.approx(float(gap[1]), rel=1e-4)
    assert float(entries["indirect gap"].split()[0]) == pytest.approx(float(gap[1]), rel=1e-5)
    assert entries["area"] == f"{model.lattice.measure:.6g}"
    assert entries["orbitals"] == "2"
    assert entries["Hermiticity defect of h"].startswith("0.0e+00")
    np.testing.assert_allclose(found.centres, model.positions, atol=1e-12)
    nearest, farthest = found.shells[0], found.shells[-1]
    assert nearest.hopping == pytest.approx(np.abs(model.hoppings[0, 0].diagonal()).max())
    assert farthest.hopping == pytest.approx(1.0)
    done = invoke(path, "--occupied", 1, "--dimension", 2)
    assert done.exit_code == 0, done.output
    for text in ("TightBinding(2D, 2 orbitals", "direct gap above 1 bands", gap[1], "largest |h|", "0.00000"):
        assert text in done.output


def test_hermiticity_and_positions_as_they_are(tmp_path):
    rng = np.random.default_rng(4)
    h = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
    far = np.zeros((2, 2, 2), complex)
    far[0, 1] = [0.0, 0.25]
    places = {(0, 0): np.eye(2)[:, :, None] * [[0.1, 0.0], [0.6, 0.7]], (1, 0): far}
    model = WannierModel(np.eye(2), None, {(0, 0): np.diag([1.0, 20.0]), (1, 0): h}, places)
    path = write_tb(model, tmp_path / "two_tb.dat")
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.split() == ["-1", "0", "0"]) + 1
    i, j, real, imaginary = lines[at].split()
    lines[at] = f"{i} {j} {float(real) + 1e-4:.12f} {imaginary}"
    path.write_text("\n".join(lines) + "\n")
    entries = dict(inspect(path, WannierOptions(dimension=2)).entries)
    assert entries["Hermiticity defect of h"].startswith("5.0e-06")
    assert entries["position matrix off the centres, at R = 0"] == "up to 0"
    assert entries["position matrix off the centres, at other R"] == "up to 0.25"
    assert "direct gap" not in " ".join(entries)


def test_bands_that_overlap(tmp_path):
    model = ab.TightBinding([[1.0]], [[0.0], [0.0]], {(0,): np.diag([0.0, 1.0]), (1,): np.diag([1.0, 1.0])})
    found = dict(inspect(write_tb(model, tmp_path / "metal_tb.dat"), WannierOptions(dimension=1), occupied=1).entries)
    # E = 2 cos k and 1 + 2 cos k
    assert found["indirect gap"].startswith("-3: the bands overlap, a metal\nfrom 2 at")
    assert found["direct gap above 1 bands"].startswith("1 at")


def test_hoppings_with_files_beside(tmp_path):
    (tmp_path / "chain_hr.dat").write_text("by hand\n1\n3\n1 1 1\n-1 0 0 1 1 1 0\n0 0 0 1 1 0 0\n1 0 0 1 1 1 0\n")
    (tmp_path / "chain_centres.xyz").write_text("1\nby hand\nX 0.5 0 0\n")
    (tmp_path / "chain.win").write_text("begin unit_cell_cart\n2 0 0\n0 9 0\n0 0 9\nend unit_cell_cart\n")
    (tmp_path / "chain.wout").write_text(
        " Final State\n  WF centre and spread    1  (  0.500000,  0.000000,  0.000000 )     1.25000000\n"
    )
    done = invoke(tmp_path / "chain_hr.dat", "--dimension", 1)
    assert done.exit_code == 0, done.output
    # long paths are folded
    printed = re.sub(r"[\s│]", "", done.output)
    for text in ("TightBinding(1D,1orbitals", "chain_centres.xyz", "chain.win", "1.2500", "bandwidth4"):
        assert text in printed
    found = inspect(tmp_path / "chain_hr.dat", WannierOptions(dimension=1))
    assert found.spreads.tolist() == [1.25]
    assert [(s.nearest, s.farthest, s.hopping, s.position) for s in found.shells] == [(2.0, 2.0, 1.0, None)]


def test_saved_models_in_any_unit(tmp_path):
    model = ab.models.haldane(0.2, 0.1, 1.3)
    small = ab.TightBinding(
        1e-10 * model.lattice.vectors, 1e-10 * model.positions, {R: 1e-19 * h for R, h in model.hoppings.items()}
    )
    path = ab.io.save_model(small, tmp_path / "model.nc")
    found = inspect(path, occupied=1)
    entries = dict(found.entries)
    cell = np.array([line.split() for line in entries["cell"].splitlines()], float)
    np.testing.assert_allclose(cell, small.lattice.vectors, rtol=1e-6, atol=1e-20)
    centres = np.array([row[1:3] for row in found.orbitals()], float)
    np.testing.assert_allclose(centres, small.positions, rtol=1e-5, atol=1e-20)
    distances = [shell.cells()[0].split(" - ")[1] for shell in found.shells]
    assert float(distances[-1]) == pytest.approx(1e-10 * np.sqrt(3), rel=1e-3)
    assert invoke(path, "--occupied", 1).exit_code == 0


def test_slabs_across_other_axes(tmp_path):
    turned = ab.TightBinding(
        np.diag([9.0, 2.0, 3.0]), [[0.0, 0.5, 0.1]], {(0, 0, 0): [[0.2]], (0, 1, 0): [[1.0]], (0, 0, 1): [[0.5]]}
    )
    path = write_tb(turned, tmp_path / "slab_tb.dat")
    assert inspect(path, WannierOptions(axes=(1, 2))).crystal.lattice.vectors.tolist() == [[2.0, 0.0], [0.0, 3.0]]
    done = invoke(path, "--axes", "1,2")
    assert done.exit_code == 0, done.output
    assert "TightBinding(2D, 1 orbitals" in done.output
    assert invoke(path, "--axes", "1,x").exit_code == 2


def test_cycles(tmp_path):
    driven = general(np.random.default_rng(1), 3, 1, harmonics=2, moving=True)
    path = ab.io.save_cycle(driven.cycle, tmp_path / "cycle.nc")
    entries = dict(inspect(path, occupied=1).entries)
    gap = re.match(r"(\S+) at k = .*theta = \S+", entries["direct gap above 1 bands"])
    assert float(gap[1]) > driven.gap
    assert entries["snapshots"] == str(len(driven.cycle.snapshots))
    assert invoke(path).exit_code == 0


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("nothing_tb.dat", [], "no such file"),
        ("nothing_hr.dat.gz", [], "no such file"),
        ("nothing.nc", [], "no such file"),
        ("text_tb.dat", [], "line 2: .*expected a lattice vector"),
        ("slab_tb.dat.gz", ["--occupied", "2"], "expected 1 <= occupied <= 1"),
        ("slab_tb.dat.gz", ["--dimension", "4"], "dimension: 4"),
    ],
)
def test_bad_files_are_one_line_and_status_two(tmp_path, slab, name, arguments, said):
    (tmp_path / "text_tb.dat").write_text("a text\nof lines\n")
    done = CliRunner().invoke(app, ["inspect", str(tmp_path / name), *arguments])
    assert done.exit_code == 2
    assert re.search(said, done.stderr)
    assert done.stderr.startswith("adiabloch: ")
    assert done.stderr.count("\n") == 1
    with pytest.raises((FileFormatError, InvalidArgumentError)):
        inspect(
            tmp_path / name,
            WannierOptions(dimension=4 if "--dimension" in arguments else 2),
            occupied=2 if "--occupied" in arguments else None,
        )


def test_first_principles(shared):
    done = invoke(shared / "GaAs_tb.dat", "--occupied", 8)
    assert done.exit_code == 0, done.output
    assert "TightBinding(3D, 16 orbitals, 19 translations, position matrix)" in done.output


def test_gaps_of_all_fillings(tmp_path):
    chain = ab.TightBinding(
        [[1.0]], [[0.0]] * 4, {(0,): np.diag([-3.0, 0.0, 0.1, 4.0]), (1,): np.diag([0.1, 0.2, 0.2, 0.3])}
    )
    ab.io.save_model(chain, tmp_path / "chain.nc")
    found = inspect(tmp_path / "chain.nc")
    # bands of width 4t about the on-site energies
    assert [gap.occupied for gap in found.gaps] == [1, 3]
    assert found.gaps[0].gap == pytest.approx(3.0 - 0.2 - 0.4, abs=1e-6)
    assert found.gaps[1].valence == pytest.approx(0.5, abs=1e-6)
    assert found.gaps[1].conduction == pytest.approx(3.4, abs=1e-6)
    out = invoke(tmp_path / "chain.nc")
    assert "--occupied 1 or 3, whichever is the number of electrons" in " ".join(out.output.split())
    # with the number given, only its gap
    assert not inspect(tmp_path / "chain.nc", occupied=1).gaps


def test_gaps_of_a_cycle_are_at_one_phase(tmp_path):
    # the levels move up and down together: a gap at each phase, none between different phases
    def moved(theta):
        return ab.TightBinding([[1.0]], [[0.0]] * 2, {(0,): np.diag([-1.0, 1.0]) + 3 * np.sin(theta) * np.eye(2)})

    ab.io.save_cycle(ab.Cycle.from_function(moved), tmp_path / "cycle.nc")
    (gap,) = inspect(tmp_path / "cycle.nc").gaps
    assert gap.gap == pytest.approx(2.0, abs=1e-9)


def test_metals_and_seeds(tmp_path):
    ab.io.write_tb(
        ab.TightBinding([[1.0]], [[0.0]] * 2, {(0,): 0.1 * np.diag([-1, 1]), (1,): 0.5 * np.eye(2)}),
        tmp_path / "x_tb.dat",
    )
    found = inspect(tmp_path / "x", WannierOptions(dimension=1))
    assert not found.gaps
    (advice,) = found.advice
    assert "a metal unless all 2 bands are filled" in advice
    assert "from -1.1 to 1.1" in advice


def test_deformations(tmp_path):
    model = ab.models.gapped_honeycomb(0.5, 0.1)
    ab.io.save_deformation(ab.Deformation.from_law(model, ab.models.exponential(3.0)), tmp_path / "d.nc")
    assert ("displacements", "0x, 0y, 1x, 1y") in inspect(tmp_path / "d.nc").entries


def test_molecules_have_levels(tmp_path):
    """No cell and no wave vectors; the gap of a turning molecule at its phase."""

    def turned(theta):
        r = np.array([np.cos(theta), np.sin(theta)])
        return ab.TightBinding(None, [r, -0.5 * r], [[-1.0, 0.4], [0.4, 1.0 + 0.3 * np.cos(theta)]])

    ab.io.save_model(turned(0.0), tmp_path / "still.nc")
    ab.io.save_cycle(ab.Cycle.from_function(turned, 8), tmp_path / "turning.nc")
    entries = dict(inspect(tmp_path / "still.nc", occupied=1).entries)
    assert entries["cell"] == "none, a molecule in 2 dimensions"
    gap = float(np.diff(np.linalg.eigvalsh([[-1.0, 0.4], [0.4, 1.3]]))[0])
    assert entries["gap above 1 levels"].startswith(f"{gap:.6g}\nfrom -")
    assert "lattice vectors R" not in entries
    smallest = float(np.diff(np.linalg.eigvalsh([[-1.0, 0.4], [0.4, 0.7]]))[0])
    entries = dict(inspect(tmp_path / "turning.nc", occupied=1).entries)
    assert entries["gap above 1 levels"].startswith(f"{smallest:.6g} at theta = 3.14159")
    (found,) = inspect(tmp_path / "still.nc").gaps
    assert found.gap == pytest.approx(gap)
    assert "k = (" not in invoke(tmp_path / "turning.nc", "--occupied", 1).output


def test_gaps_that_only_a_mesh_has(tmp_path):
    # extrema between the points of the mesh, with 15 an axis, where the bands overlap by 0.01
    turn = np.exp(1j * np.pi / 15)
    along = {tuple(R): 0.5 * np.diag([turn, -turn]) for R in np.eye(3, dtype=int)}
    solid = ab.TightBinding(np.eye(3), [[0.0] * 3] * 2, {(0, 0, 0): np.diag([-3.0, 2.99]), **along})
    ab.io.save_model(solid, tmp_path / "solid.nc")
    assert not inspect(tmp_path / "solid.nc").gaps
