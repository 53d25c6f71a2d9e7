"""Local currents in textures: the command, and the physics that its numbers must satisfy."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.paper import textures
from adiabloch.paper.honeycomb import AMPLITUDE, T1, cycle
from adiabloch.paper.textures import calculation
from adiabloch.paper.textures.calculation import DISK_ANGLE, SUPERCELLS_FAST, wave, whole_plane
from sweeps import slow
from textures import rotating_honeycomb


def on_a_mesh(texture, occupied, positions, theta, *, tolerance, **options):
    """Local current on a mesh on which it has converged, in place of meshes that are refined until they agree."""
    return ab.local_current(texture, occupied, positions, theta, mesh=32, **options)


@pytest.fixture(scope="module", params=["mesh", *slow("tolerance")])
def made(tmp_path_factory, request):
    """Run the command once, on its coarse grid; with the accuracy that it asks for the run is slow."""
    folder = tmp_path_factory.mktemp("textures")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "mesh":
            patch.setattr("adiabloch.paper.textures.calculation.local_current", on_a_mesh)
            patch.setattr("adiabloch.paper.honeycomb.cycle", rotating_honeycomb(AMPLITUDE, T1))
            patch.setattr(calculation, "_disk", lambda count, disk=calculation._disk: disk(count - 1))
        done = CliRunner().invoke(app, ["textures", "--fast", "--output", str(folder)])
    assert done.exit_code == 0, done.output
    return folder, done.output, ab.io.load(folder / "textures.nc")


def test_cycles_of_the_run_on_a_mesh_are_those_of_the_command():
    here, there = rotating_honeycomb(AMPLITUDE, T1)(0.37).at(0.6), cycle(0.37).at(0.6)
    k = np.array([[0.3, 0.2], [1.1, -0.7]])
    np.testing.assert_allclose(here.hamiltonian(k), there.hamiltonian(k), atol=1e-14)


def largest(values):
    return float(np.abs(values).max())


def test_command_writes_its_files(made):
    folder, said, numbers = made
    assert {path.name for path in folder.iterdir()} == {f"textures.{kind}" for kind in ("pdf", "png", "nc", "md")}
    assert all(path.stat().st_size > 200 for path in folder.iterdir())
    assert "whose atoms turn" in said
    text = (folder / "textures.md").read_text(encoding="utf-8")
    table = textures.summarize(numbers)
    assert len(table.rows) == len({*table.labels}) == 11
    assert table.markdown() == text


def test_numbers_survive_a_file(made, tmp_path):
    numbers = made[2]
    ab.io.save(numbers, tmp_path / "again.nc")
    again = ab.io.load(tmp_path / "again.nc")
    assert again.identical(numbers)
    assert again.wave_current.attrs["units"] == again.disk_current.attrs["units"] == "e*omega/length"
    assert again.disk_magnetization.attrs["units"] == "e*omega"
    assert list(again.attrs["supercells"]) == list(SUPERCELLS_FAST)


def test_supercells_agree_with_theory(made):
    """Compare at all places and phases, along and across the wave, and in the mean over the cycle."""
    numbers = made[2]
    off, scale = numbers.supercell_current - numbers.wave_current, largest(numbers.wave_current)
    for direction in ("along", "across"):
        assert largest(numbers.wave_current.sel(direction=direction)) > 0.1 * scale
    assert largest(off) < 0.01 * scale
    assert largest(off) < 3 * float(numbers.supercell_error.max() + numbers.wave_error.max())
    assert largest(off.mean("theta")) < 0.01 * largest(numbers.wave_current.mean("theta"))


def test_parts_sum_to_the_total(made):
    numbers = made[2]
    parts = numbers.wave_curl + numbers.wave_rate + numbers.wave_chern
    np.testing.assert_allclose(parts, numbers.wave_current, rtol=0, atol=1e-9 * largest(numbers.wave_current))
    for part in (numbers.wave_curl, numbers.wave_rate):
        assert largest(part) > 0.1 * largest(numbers.wave_current)


def test_mean_current_is_the_curl_of_the_magnetization(made):
    """The mean current is j = -|b1|/L dM/ds across the wave and vanishes along it."""
    numbers = made[2]
    mean = numbers.wave_current.mean("theta")
    assert largest(mean.sel(direction="along")) < 1e-6 * largest(mean)
    n = np.fft.fftfreq(numbers.s.size, 1 / numbers.s.size)
    slope = np.fft.ifft(1j * n * np.fft.fft(numbers.wave_magnetization)).real
    q = np.hypot(*wave(0.0).lattice.reciprocal[0])
    np.testing.assert_allclose(mean.sel(direction="across"), -q * slope, rtol=0, atol=2e-3 * largest(mean))


def test_current_around_the_disk(made):
    """The current circulates, and its integral over the radius is the change of the magnetization."""
    numbers = made[2]
    j, M = numbers.disk_current, numbers.disk_magnetization
    inwards = j.sel(component="x") * numbers.x + j.sel(component="y") * numbers.y
    around = j.sel(component="y") * numbers.x - j.sel(component="x") * numbers.y
    assert largest(inwards) < 1e-3 * largest(around)
    assert float(around.max()) < 1e-3 * largest(around)
    middle = M.sel(x=0.0, y=0.0)
    assert float(middle) == pytest.approx(float(numbers.uniform_magnetization.sel(position="middle")), rel=1e-3)
    assert float(M[0, 0]) == pytest.approx(float(numbers.uniform_magnetization.sel(position="far away")), rel=1e-3)
    table = textures.summarize(numbers)
    assert float(table.cell("current around the disk", "value")) == pytest.approx(
        float(middle - M.sel(x=36.0, y=0.0)), rel=0.05
    )
    assert float(table.cell(f"j turned by {DISK_ANGLE:g}°", "value").rstrip("%")) < 0.1


def test_whole_plane_rotates_vectors():
    """A field that circulates and diverges does so in all quadrants."""
    x, y = np.meshgrid([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], indexing="ij")
    whole_x, whole_y = np.meshgrid(np.arange(-2.0, 3.0), np.arange(-2.0, 3.0), indexing="ij")
    field = whole_plane(np.stack([x - 3 * y, y + 3 * x], axis=-1))
    np.testing.assert_allclose(field, np.stack([whole_x - 3 * whole_y, whole_y + 3 * whole_x], axis=-1))
    np.testing.assert_allclose(whole_plane(x**2 + y**2), whole_x**2 + whole_y**2)


def test_figure(made):
    figure = textures.draw(made[2])
    disk, curves, over_cycle, *bars = figure.axes
    assert len(bars) == 2
    assert disk.get_aspect() == 1.0
    assert r"\bar M" in bars[-1].get_xlabel() + bars[0].get_xlabel() + bars[0].get_ylabel()
    labels = [text.get_text() for text in curves.get_legend().get_texts()]
    assert labels[-2:] == [r"mean over $\theta$", "supercells"]
    assert curves.get_xlim() == over_cycle.get_xlim() == (0.0, 2.0)
    plt.close(figure)
