"""Quantities with units, results without numbers, and pictures of sweeps that a first user makes."""

import warnings

import matplotlib as mpl
import numpy as np
import pytest
import xarray
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli.app import app
from adiabloch.commands.bands import summary_of_map
from adiabloch.errors import InvalidArgumentError

mpl.use("Agg")
HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)


def hall(delta):
    return ab.anomalous_hall(ab.models.haldane(delta=delta, t2=0.1, phi=1.2), [0.0, 0.3], temperature=0.05, mesh=6)


def with_units():
    pint = pytest.importorskip("pint")
    return pint.UnitRegistry()


@pytest.mark.parametrize(
    "call",
    [
        lambda u: ab.anomalous_hall(HALDANE, [0.1, 0.2] * u.eV, mesh=4),
        lambda u: ab.anomalous_hall(HALDANE, [0.1 * u.eV, 0.2 * u.eV], mesh=4),
        lambda u: ab.anomalous_hall(HALDANE, 0.1, temperature=300 * u.K, mesh=4),
        lambda u: ab.zone_map(HALDANE, chemical_potential=0.1 * u.eV),
        lambda u: ab.Lattice(np.eye(2) * u.angstrom),
        lambda u: ab.sweep(hall, {"delta": [0.1, 0.2] * u.eV}),
        lambda u: ab.sweep(hall, {"delta": [0.1 * u.eV, 0.2 * u.eV]}),
        lambda u: ab.sweep(hall, [{"delta": 0.1 * u.eV}]),
    ],
)
def test_quantities_of_pint_are_refused(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidArgumentError, match=r"has the unit \w+, expected plain numbers") as error:
            call(with_units())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (None, "expected the name of a unit"),
        (3, "expected the name of a unit"),
        (["meV", 2], "unit: 2, expected a label"),
    ],
)
def test_units_are_names(unit, message):
    with pytest.raises(InvalidArgumentError, match=message):
        ab.in_units(hall(0.1), unit)
    with pytest.raises(InvalidArgumentError, match="expected the name of a unit"):
        ab.in_units(hall(0.1), with_units().siemens)


def test_a_negative_temperature_is_repeated_in_the_units_of_the_user():
    """Also if the response computes in other units."""
    with pytest.raises(InvalidArgumentError, match=r"temperature: -3.0, expected k_B T >= 0"):
        ab.anomalous_hall(HALDANE, 0.0, temperature=-3.0)


def test_a_fixed_mesh_leaves_no_tolerance_of_points(tmp_path):
    pytest.importorskip("zarr")
    first = ab.sweep(hall, {"delta": [0.1, 0.2]}, store=tmp_path / "s.zarr")
    assert "tolerance" not in first.coords
    assert first.identical(ab.sweep(hall, {"delta": [0.1, 0.2]}, store=tmp_path / "s.zarr"))
    assert first.identical(ab.load_sweep(tmp_path / "s.zarr"))
    with pytest.raises(ab.AdiablochError, match="load_sweep reads the store"):
        ab.io.load(tmp_path / "s.zarr")


def test_numbers_and_arrays_without_a_name_as_results():
    with pytest.raises(InvalidArgumentError, match=r"returned int at .*DataArray\(number, name"):
        ab.sweep(lambda x: 1, {"x": [1, 2]})
    with pytest.raises(InvalidArgumentError, match="returned DataArray without a name"):
        ab.sweep(lambda x: xarray.DataArray(1), {"x": [1, 2]})


def test_picture_of_integers_over_a_parameter():
    ax = ab.plot(ab.sweep(lambda delta: xarray.DataArray(int(delta < 1), name="chern"), {"delta": [0.5, 1.5]}))
    assert ax.lines[0].get_ydata().tolist() == [1, 0]


def test_the_largest_of_many_components_are_drawn():
    def many(x):
        return xarray.DataArray(np.arange(1.0, 21.0), dims="part", coords={"part": np.arange(20)}, name="value")

    ax = ab.plot(ab.sweep(many, {"x": [0, 1]}))
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any("19" in label for label in labels)
    assert ax.get_title() == f"the {len(labels)} largest of 20 components"


def test_a_sweep_whose_points_all_failed_says_why():
    def closed(x):
        raise ValueError("the gap is closed")

    with pytest.warns(ab.errors.AccuracyWarning):
        nothing = ab.sweep(closed, {"x": [0, 1]})
    with pytest.raises(InvalidArgumentError, match=r"failed.*ValueError: the gap is closed"):
        ab.plot(nothing)


def test_a_scan_within_its_error_bars_is_not_empty():
    result = hall(0.1)
    result["total"][:] = 1e-9
    assert len(ab.plot(result).lines) > 1


def test_the_component_of_a_map_is_named():
    found = ab.zone_map(HALDANE, "velocity", band=1)
    assert "$y$" in ab.plot(found).figure.axes[1].get_ylabel()
    assert "velocity (y)" in summary_of_map(found)[0]


@pytest.mark.parametrize("bend", [0.25, 0.3])
def test_texts_of_two_gaps_do_not_overlap(bend):
    hoppings = {(0,): [[1.0, 0], [0, -0.2]], (1,): [[bend, 0.05], [0.05, bend]]}
    model = ab.TightBinding([[1.0]], [[0.0], [0.0]], hoppings)
    ax = ab.plot(ab.bands(model, occupied=1))
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts if "direct" in text.get_text()]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("chemical_potential = 'x'", "quantities.anomalous_hall: chemical_potential: expected a number"),
        ("chemical_potential = 0\ntemperature = -1", "quantities.anomalous_hall: temperature: -1.0, expected"),
        ("chemical_potential = 0\n[sweep]\nt1 = {start = 0, stop = 1}", "sweep.t1.points: missing"),
        ("chemical_potential = 0\n[sweep]\nt1 = [1, {a = 1}]", "sweep.t1.1: {'a': 1}, expected a number, a boolean"),
        ("chemical_potential = 0\n[run]\nscheduler = 'nowhere'", "scheduler: 'nowhere', expected an address"),
    ],
)
def test_wrong_values_in_a_job_name_their_place(tmp_path, lines, message):
    job = tmp_path / "job.toml"
    crystal = "[crystal]\nmodel = 'haldane'\ndelta = 0.3\nt2 = 0.1\nphi = 1.2\n"
    job.write_text(f"{crystal}[quantities.anomalous_hall]\n{lines}\n")
    found = CliRunner().invoke(app, ["run", str(job)])
    assert found.exit_code == 2
    assert message in " ".join(found.output.split())
    assert not (tmp_path / "job").exists()
