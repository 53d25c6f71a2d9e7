"""The command `adiabloch bands`, and bands, maps and surfaces in files of results."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app

FILES = Path(__file__).parents[1] / "data" / "bands"
MODEL = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)


def run(*arguments):
    return CliRunner().invoke(app, ["bands", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def seed(tmp_path):
    ab.io.write_tb(MODEL, tmp_path / "layer_tb.dat.gz")
    return tmp_path / "layer"


def test_bands_of_a_seed(seed, tmp_path):
    data = tmp_path / "bands.nc"
    found = run(seed, "--dimension", 2, "--occupied", 1, "--colour", "berry_curvature", "--mu", 0.1, "--data", data)
    assert found.exit_code == 0, found.output
    assert "2 bands from -2.79755" in found.output
    assert "eV along Γ K M K' Γ" in found.output
    assert "gap 0.368603 eV in the whole zone" in found.output
    assert (tmp_path / "layer_bands.png").read_bytes().startswith(b"\x89PNG")
    saved = ab.io.load(data)
    assert saved.energy.attrs["units"] == "eV"
    assert saved.colour.attrs["units"] == "angstrom^2"
    np.testing.assert_allclose(saved.energy, ab.bands(MODEL).energy, atol=1e-6)


def test_other_files(tmp_path):
    ab.io.save_model(MODEL, tmp_path / "model.nc")
    picture = tmp_path / "a.pdf"
    found = run(tmp_path / "model.nc", "--path", "GKMG", "--size", "projection:0", "--output", picture)
    assert found.exit_code == 0, found.output
    assert "eV" not in found.output
    assert picture.read_bytes().startswith(b"%PDF")


def test_comparison(shared, tmp_path):
    silicon = shared.parent / "cases" / "tb_origin" / "Si.chk"
    found = run(silicon, "--reference", FILES / "Si_band.dat", "--output", tmp_path / "si.png")
    assert found.exit_code == 0, found.output
    assert "largest deviation from the reference: 9.17e-06 eV" in found.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--path", "GQ"], "no point 'Q'"),
        (["--colour", "curvature"], "quantities: 'curvature'"),
        (["--colour", "projection:a"], "expected numbers of orbitals"),
        (["--reference", "none.dat"], "none.dat"),
        (["--output", "a.docx"], "expected a name that ends with .png"),
        (["--occupied", "5"], "occupied: 5"),
    ],
)
def test_bad_input(seed, options, message):
    found = run(seed, "--dimension", 2, *options)
    assert found.exit_code == 2
    assert message in found.output


def test_no_such_seed(tmp_path):
    found = run(tmp_path / "none")
    assert found.exit_code == 2
    assert "no such file, and none of none.chk" in found.output


def test_saved_results_are_drawn(tmp_path):
    pytest.importorskip("ase")
    metal = ab.models.fu_kane_mele(beta=0.4)
    for name, result in (
        ("path", ab.bands(MODEL, "GK,MG", colour="berry_curvature", occupied=1)),
        ("map", ab.zone_map(MODEL, chemical_potential=1.0, points=21)),
        ("surface", ab.fermi_surface(metal, 3.0, colour="velocity:x", points=8)),
    ):
        file = ab.io.save(result, tmp_path / f"{name}.nc")
        if name == "surface":
            pytest.importorskip("skimage")
        drawn = CliRunner().invoke(app, ["plot", str(file)])
        assert drawn.exit_code == 0, drawn.output
        assert file.with_suffix(".png").stat().st_size > 10000
