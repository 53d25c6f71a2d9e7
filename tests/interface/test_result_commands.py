"""The commands `show` and `plot`."""

import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app

CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.8, 0.1), 0.1)


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def result(tmp_path):
    found = ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2)
    ab.io.save(found, tmp_path / "pump.nc")
    return found


def test_numbers_with_error_bars(result, tmp_path):
    out = run("show", tmp_path / "pump.nc")
    assert out.exit_code == 0, out.output
    assert f"{float(result.total[0]):.7g}" in out.output
    assert f"{float(result.error[0]):.1e}" in out.output
    assert "pumped magnetization" in out.output
    assert result.attrs["model"] in out.output


def test_a_sweep_that_is_not_finished(tmp_path):
    def study(delta):
        cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta, 0.1), 0.1)
        return ab.pumped_magnetization(cycle, 1, tolerance=1e-1)

    ab.sweep(study, {"delta": [0.7, 0.8, 0.9, 1.0]}, store=tmp_path / "s.zarr", part=(1, 2))
    out = run("show", tmp_path / "s.zarr", "--rows", 2)
    assert out.exit_code == 0
    assert "nan" in out.output
    assert "2 of 4 rows" in out.output
    assert run("plot", tmp_path / "s.zarr").exit_code == 0
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_pictures(result, tmp_path, ending, begins):
    assert run("plot", tmp_path / "pump.nc", "--output", tmp_path / f"a.{ending}").exit_code == 0
    assert (tmp_path / f"a.{ending}").read_bytes().startswith(begins)


def test_what_is_no_result(result, tmp_path):
    ab.io.save_cycle(CYCLE, tmp_path / "cycle.nc")
    (tmp_path / "folder").mkdir()
    ab.io.write_tb(ab.models.haldane(delta=0.3, t2=0.1, phi=1.2), tmp_path / "seed_tb.dat")
    for arguments, words in (
        (("show", tmp_path / "cycle.nc"), "contains an adiabloch cycle, expected a result; `adiabloch inspect`"),
        (("show", tmp_path / "none.nc"), "no such file"),
        (("plot", tmp_path / "seed"), "seed_tb.dat contains a crystal, expected a result"),
        (("plot", tmp_path / "seed_tb.dat"), "`adiabloch bands` draws its bands"),
        (("show", tmp_path / "folder"), "not the store of a sweep"),
        (("plot", tmp_path / "pump.nc", "--output", tmp_path / "a.docx"), "expected a name that ends with .png"),
    ):
        out = run(*arguments)
        assert out.exit_code == 2
        assert words in " ".join(out.output.split())
