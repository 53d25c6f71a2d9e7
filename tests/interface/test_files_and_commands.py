"""Files that are read back unchanged, and commands whose errors are one line."""

import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import xarray
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch import units
from adiabloch.cli import app
from adiabloch.errors import FileFormatError, InvalidArgumentError, InvalidModelError
from adiabloch.io.netcdf_snapshots import complex_from_parts
from adiabloch.paper import figure1
from adiabloch.paper.table import Table
from adiabloch.plotting import charts
from adiabloch.plotting.dispatch import PICTURES, picture_of
from random_models import general
from sweeps import slow

run = CliRunner().invoke


@pytest.fixture
def cycle():
    return general(np.random.default_rng(1), 3, 1, harmonics=2, moving=True).cycle


def test_results_come_back(tmp_path):
    result = ab.pumped_magnetization(
        ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.1), 1, tolerance=1e-4
    )
    for variable in result.variables.values():
        assert variable.dims == () or variable.dtype.kind == "U" or "units" in variable.attrs
    back = ab.io.load(ab.io.save(result, tmp_path / "deep" / "result.nc"))
    xarray.testing.assert_allclose(back, result)
    for name in ("model", "occupied", "tolerance", "mesh", "points", "gap", "seconds", "adiabloch", "note"):
        np.testing.assert_array_equal(back.attrs[name], result.attrs[name])
    assert back.perturbative.attrs["units"] == "e*omega"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["result.nc"]


def test_cycles_come_back(tmp_path, cycle):
    back = ab.io.load_cycle(ab.io.save_cycle(cycle, tmp_path / "cycle.nc"))
    assert back.digest == cycle.digest


def test_interrupted_writing_leaves_the_old_file(tmp_path, cycle, monkeypatch):
    path = ab.io.save_cycle(cycle, tmp_path / "cycle.nc")
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(xarray.Dataset, "to_netcdf", fail)
    with pytest.raises(OSError, match="disk full"):
        ab.io.save_cycle(cycle, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_files_are_refused(tmp_path, cycle):
    path = ab.io.save_cycle(cycle, tmp_path / "cycle.nc")
    whole = path.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"cycle\.nc"):
            ab.io.load_cycle(path)
    (tmp_path / "text.nc").write_text("not NetCDF")
    with pytest.raises(FileFormatError, match=r"text\.nc"):
        ab.io.load(tmp_path / "text.nc")
    with pytest.raises(FileFormatError, match="no such file"):
        ab.io.load(tmp_path / "nothing.nc")


def test_files_with_invalid_contents_are_refused(tmp_path, cycle):
    path = ab.io.save_cycle(cycle, tmp_path / "cycle.nc")
    good = ab.io.load(path)
    bad = good.copy(deep=True)
    bad.hoppings[0, 0, 0, 0, 0] = np.nan
    for stored, message in (
        (good.drop_vars("positions"), "lacks positions"),
        (good.assign_attrs(kind="other"), "not a cycle"),
        (bad, "nan"),
    ):
        with pytest.raises(FileFormatError, match=message):
            ab.io.load_cycle(ab.io.save(stored, tmp_path / "bad.nc"))


def _written(stored, path, **encoding):
    stored.to_netcdf(path, engine="h5netcdf", encoding=encoding)
    return path


@pytest.mark.parametrize("resolution", [None, *slow(1e-6)])
def test_cycles_that_were_changed_are_refused(tmp_path, cycle, resolution):
    """The file holds a fingerprint of its numbers, which detects changes of numbers, names and precision."""
    path = ab.io.save_cycle(cycle, tmp_path / "cycle.nc", resolution=resolution)
    ab.io.load_cycle(path)
    good = ab.io.load(path)
    for name in ("hoppings", "positions", "lattice_vectors"):
        bad = good.copy(deep=True)
        bad[name][(0,) * bad[name].ndim] += 1e-9
        with pytest.raises(FileFormatError, match=r"bad\.nc: .* fingerprint .* changed since save_cycle wrote it"):
            ab.io.load_cycle(_written(bad, tmp_path / "bad.nc"))
    backwards = good.isel(snapshot=slice(None, None, -1))
    hoppings = good.hoppings.values
    cells = good.translations.astype(float)
    cells[0] += 0.5
    joined = xarray.DataArray(hoppings[..., 0] + 1j * hoppings[..., 1], dims=("snapshot", "R", "orbital", "to"))
    with pytest.raises(InvalidModelError, match="numbers of type complex128"):
        complex_from_parts(joined)
    longer = np.concatenate([hoppings, hoppings], axis=-1)
    nameless = good.copy()
    nameless.attrs = {}
    for stored, message in (
        (backwards, "changed since"),
        (good.assign_attrs(model="0123456789abcdef"), "changed since"),
        (good.assign(translations=cells), "translations: numbers of type float64, expected integers"),
        (good.assign(hoppings=good.hoppings.astype("float32")), "hoppings: numbers of type float32"),
        (good.assign(hoppings=(("snapshot", "R", "orbital", "to", "four"), longer)), "hoppings: .* over part"),
        (nameless, "not a cycle"),
    ):
        bad = _written(stored, tmp_path / "bad.nc")
        with pytest.raises(FileFormatError, match=message):
            ab.io.load_cycle(bad)
    for encoding in ({"scale_factor": 2.0}, {"add_offset": 1.0}, {"scale_factor": 0.5, "add_offset": 1.0}):
        bad = _written(good, tmp_path / "bad.nc", positions=encoding)
        with pytest.raises(FileFormatError, match=r"positions has a .*, expected unscaled numbers"):
            ab.io.load_cycle(bad)


def test_cycles_without_a_fingerprint_of_the_file(tmp_path, cycle):
    """The fingerprint of the cycle is compared instead."""
    path = ab.io.save_cycle(cycle, tmp_path / "cycle.nc")
    stored = ab.io.load(path)
    del stored.attrs["contents"]
    assert ab.io.load_cycle(_written(stored, path)).digest == cycle.digest
    stored.positions[0, 0, 0] += 1e-6
    with pytest.raises(FileFormatError, match="changed since"):
        ab.io.load_cycle(_written(stored, path))


def test_tables():
    table = Table("bars", ("quantity", "value"), (("|x|", "1"), ("y", "2")))
    assert table.cell("y", "value") == "2"
    assert table.markdown() == "| quantity | value |\n| --- | --- |\n| \\|x\\| | 1 |\n| y | 2 |\n"


def test_commands_import_studies_late():
    code = "import sys, adiabloch.cli; assert not any(name.startswith('adiabloch.paper') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow  # `make wheel` runs the command
def test_figure1(tmp_path):
    done = run(app, ["figure1", "--fast", "--output", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.iterdir()} == {"figure1.pdf", "figure1.png", "figure1.nc", "figure1.md"}
    numbers = ab.io.load(tmp_path / "figure1.nc")
    assert float(numbers["mean"]) == pytest.approx(6.89008e-4, rel=1e-4)
    assert "net M over one period" in (tmp_path / "figure1.md").read_text(encoding="utf-8")
    # the map lives at the corners and adds up
    table = figure1.summarize(numbers)
    assert float(table.cell("location of ∂B a^t", "here").split("%")[0]) > 60
    assert table.cell("net M over one period", "here").startswith("-3.283")


def test_pump_and_verify_read_files(tmp_path):
    model = ab.models.rotating_bonds(ab.models.gapped_honeycomb(1.0, 0.1), 0.1)
    path = ab.io.save_cycle(model, tmp_path / "cycle.nc")
    done = run(app, ["pump", str(path), "--output", str(tmp_path / "pumped.nc")])
    assert done.exit_code == 0, done.output
    assert float(ab.io.load(tmp_path / "pumped.nc").total[0]) == pytest.approx(-7.1253e-06, rel=1e-4)
    done = run(app, ["verify", str(path), "--rows", "14", "--cells", "3,4,5,6", "--hexagon"])
    assert done.exit_code == 0, done.output
    assert "Bulk and open samples agree." in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pump", "nothing.nc"], "no such file"),
        (["pump", "--occupied", "2"], "1 <= occupied <= 1"),
        (["pump", "--tolerance", "3"], "between 0 and 1"),
        (["verify", "--cells", "4,x"], "whole numbers"),
        (["figure1", "--output", "/dev/null/here"], "/dev/null"),
    ],
)
def test_errors_are_one_line_and_status_two(arguments, said):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert isinstance(done.exception, SystemExit)


def test_errors_in_a_process_of_its_own():
    command = [sys.executable, "-m", "adiabloch", "pump", "--tolerance", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "between 0 and 1" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_import_is_quick_and_light():
    """The import takes at most twice as long as that of NumPy; heavy libraries are imported later."""
    code = (
        "import sys, time; t = [time.perf_counter()]; import numpy; t.append(time.perf_counter()); import adiabloch; "
        "t.append(time.perf_counter()); "
        "assert not {'xarray', 'matplotlib', 'typer', 'pandas'} & set(sys.modules), 'heavy'; "
        "print((t[2] - t[0]) / (t[1] - t[0]))"
    )
    ratios = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]
    assert min(ratios) < 3


def test_results_import_no_other_array_libraries():
    """They take longer than many calculations, and xarray imports those that are installed to compare types."""
    code = (
        "import sys, adiabloch as ab\n"
        "cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.2, 0.1), 0.1)\n"
        "result = ab.pumped_magnetization(cycle, 1, mesh=(24, 24, 8), progress=False)\n"
        "print(*{'dask', 'pint', 'scipy', 'numba', 'matplotlib'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_coordinates_are_those_that_xarray_makes():
    result = ab.anomalous_hall(ab.models.haldane(0.2, 0.1, 0.5), [0.1, 0.3], [0.0, 0.1], mesh=16, progress=False)
    plain = xarray.Dataset(coords={name: (one.dims, one.values, one.attrs) for name, one in result.coords.items()})
    for name, one in plain.coords.items():
        xarray.testing.assert_identical(result[name].reset_coords(drop=True), one.reset_coords(drop=True))
        assert (result[name].dtype, type(result.indexes[name])) == (one.dtype, type(plain.indexes[name]))
    assert result.sel(component="z", temperature=0.1, chemical_potential=0.3).total.ndim == 0


def results():
    """Return one result of each kind."""
    rng = np.random.default_rng(0)
    solid, layer = (general(rng, 3, 1, dimension=d).cycle for d in (3, 2))
    spin = np.array([np.diag(rng.normal(size=3)) for _ in range(3)])
    yield ab.pumped_magnetization(layer, 1, tolerance=1e-2)
    yield ab.pumped_magnetization(layer, 1, tolerance=1e-2, chern_simons=False)
    yield ab.pumped_spin(layer, 1, spin, tolerance=1e-2)
    yield ab.spin_magnetoelectric(layer.at(0.1), 1, spin, tolerance=1e-2)
    yield ab.observable_density(layer.at(0.1), 1, {"a": spin[0]}, tolerance=1e-2)
    yield ab.magnetoelectric(layer.at(0.1), 1, tolerance=1e-2)
    yield ab.magnetoelectric(solid.at(0.1), 1, tolerance=1e-2)
    yield ab.magnetic_polarization(solid.at(0.1), 1, tolerance=1e-2)
    yield ab.axion_angle(solid.at(0.1), 1, tolerance=1e-2)
    yield ab.polarization(solid.at(0.1), 1, tolerance=1e-2)
    yield ab.pumped_charge(layer, 1)
    yield ab.layer_magnetoelectric(layer.at(0.1), 1, [0.0, 0.1, 0.2], tolerance=1e-2)
    yield ab.pumped_inplane_magnetization(layer, 1, [0.0, 0.1, 0.2], tolerance=1e-2)
    yield ab.finite.magnetoelectric(layer.at(0.1), 1, [3, 4])


def test_every_result_is_drawn_and_saved(tmp_path):
    """Draw each result, and read the same numbers and attributes from a file."""
    for number, result in enumerate(results()):
        ax = ab.plot(result)
        assert ax.has_data() or ax.texts
        ax.figure.canvas.draw()
        ab.io.save(result, tmp_path / f"{number}.nc")
        again = ab.io.load(tmp_path / f"{number}.nc")
        assert again.equals(result)
        assert again.attrs["adiabloch"] == ab.__version__


@pytest.mark.parametrize("call", [ab.pumped_magnetization, ab.pumped_spin], ids=["form", "operators"])
def test_other_processes(call):
    """Integrands with gauges and operators can be sent to other processes."""
    cycle = ab.models.rotating_bonds(ab.models.rashba_honeycomb(delta=1.0, rashba=0.4, t1=0.1), 0.1)
    with ProcessPoolExecutor(2) as pool:
        there = call(cycle, 2, tolerance=1e-3, executor=pool)
    here = call(cycle, 2, tolerance=1e-3)
    np.testing.assert_array_equal(there.total, here.total)


def test_plots():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.1)
    bars = ab.plot(ab.pumped_magnetization(cycle, 1, tolerance=1e-3))
    assert len(bars.patches) == 3
    curve = ab.plot(ab.instantaneous_magnetization(cycle, 1, np.linspace(0, 6, 7), tolerance=1e-3))
    assert len(curve.lines[0].get_xdata()) == 7
    picture = ab.plot(ab.magnetization_map(cycle, np.linspace(-1, 1, 5), np.linspace(-1, 1, 6)))
    assert picture.collections[0].get_array().size == 30
    with pytest.raises(InvalidArgumentError, match="no picture for a dataset"):
        ab.plot(xarray.Dataset({"x": 1}))


def test_picture_of_a_response():
    """The attribute of a result determines its picture; without it, the dimensions do."""
    assert set(PICTURES) <= set(ab.__all__)
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.1)
    zone = ab.magnetization_map(cycle, [0.0, 0.1], [0.0, 0.1])
    zone.attrs.pop("response", None)
    curve = ab.instantaneous_magnetization(cycle, 1, [0.0, 1.0], tolerance=1e-2)
    curve.attrs.pop("response", None)
    for result, name, draw in (
        (zone, "magnetization_map", charts.zone_map),
        (curve, "instantaneous_magnetization", charts.phase_curves),
    ):
        assert picture_of(result) is draw
        named = result.assign_attrs(response=name)
        assert picture_of(named) is draw
        assert picture_of(named.isel({next(iter(result.dims)): 0})) is None
        # a response without a picture of its own is never drawn as another one
        assert picture_of(result.assign_attrs(response="pumped_magnetization")) is None


def test_units_by_hand():
    # |e| x 3 eV x (2.46 Angstrom)^2/hbar = 4.4191e-23 A m^2; over 9.2740e-24 J/T: 4.7651
    assert units.energy_area_in_bohr_magnetons(3.0, 2.46**2) == pytest.approx(4.7651, abs=5e-5)
    assert float(units.moment_in_bohr_magnetons(1.0, 3.0, 2.46**2)) == pytest.approx(-4.7651, abs=5e-5)
    # mu_B/mu_N is the ratio of the proton's mass to the electron's
    assert float(units.nuclear_magnetons(1.0)) == pytest.approx(1836.15, abs=0.01)


def test_quick_enough():
    """The time for an accuracy of 1e-6 is a small multiple of that of the diagonalisation alone."""
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.2, 0.1), 0.1)
    points = ab.pumped_magnetization(cycle, 1, tolerance=1e-6).attrs["points"]
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(2048, 2, 2)) + 0j
    ratios = []
    for _ in range(5):
        began = time.perf_counter()
        np.linalg.eigh(matrices)
        floor = (time.perf_counter() - began) * points / len(matrices)
        began = time.perf_counter()
        ab.pumped_magnetization(cycle, 1, tolerance=1e-6)
        ratios.append((time.perf_counter() - began) / floor)
    assert min(ratios) < 4


def test_output_whose_reader_has_ended():
    """`adiabloch compute --help | head -1` ends without a message."""
    fcntl = pytest.importorskip("fcntl")
    command = [sys.executable, "-m", "adiabloch", "compute", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            # so small that the command waits for the reader
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        found = 0
        while found < 3000:
            found += len(process.stdout.read(512))
        process.stdout.close()
        assert process.stderr.read() == b""
