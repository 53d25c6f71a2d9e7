"""Mistakes of first calculations: the message says what was found, what was expected, and what to do."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli.app import app
from adiabloch.commands.report import report
from adiabloch.errors import AccuracyWarning, FileFormatError, InvalidArgumentError, InvalidModelError, UnitWarning
from adiabloch.summaries.origin import METHOD, all_entries, entries_of, progress_of

ROOT = Path(__file__).parents[2]
HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)


@pytest.fixture(scope="module")
def hall():
    return ab.anomalous_hall(HALDANE, [0.0, 0.2], temperature=0.1, mesh=4)


def inspected(path, *options):
    """Return what `adiabloch inspect` prints, with its error."""
    return " ".join(CliRunner().invoke(app, ["inspect", str(path), *options]).output.split())


@pytest.mark.parametrize("vectors", [[1.0, 1.0], 1.0, [[1.0, 0.0]], [[[1.0]]]])
def test_lattice_vectors_are_rows(vectors):
    with pytest.raises(InvalidModelError, match=r"expected (d vectors of d components as rows|rows of numbers)"):
        ab.Lattice(vectors)


def test_mesh_has_a_number_for_each_axis():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)
    with pytest.raises(InvalidArgumentError, match=r"mesh: \[10, 10\], expected one number of points, or 3: .* phase"):
        ab.pumped_magnetization(cycle, 1, mesh=[10, 10])


def test_negative_temperature_is_quoted():
    with pytest.raises(InvalidArgumentError, match=r"temperature: -0\.1, expected k_B T >= 0"):
        ab.anomalous_hall(HALDANE, 0.1, temperature=[0.1, -0.1])


def test_temperature_in_kelvin():
    with pytest.raises(InvalidArgumentError, match=r"temperature: '300K', .*thermal_energy"):
        ab.anomalous_hall(HALDANE, 0.1, temperature="300K")


def test_mesh_and_tolerance_exclude_each_other(tmp_path):
    ab.io.save_model(HALDANE, tmp_path / "m.nc")
    arguments = ["compute", "anomalous_hall", str(tmp_path / "m.nc"), "--mu", "0", "--mesh", "4", "--tolerance", "0.1"]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 2
    assert "--tolerance, --mesh: expected one of the two" in " ".join(found.output.split())


@pytest.mark.parametrize(
    ("potentials", "text"),
    [
        (100.0, "100 lies above all bands, which reach from .* all filled"),
        ([-90.0, -80.0], "-90 to -80 lies below all bands, which reach from .* all empty"),
        (-3.5, "-3.5 lies below all bands"),
    ],
)
def test_chemical_potentials_outside_the_bands(potentials, text):
    with pytest.warns(UnitWarning, match=text):
        ab.anomalous_hall(HALDANE, potentials, mesh=4)


@pytest.mark.parametrize(
    ("potentials", "temperature"),
    [(0.0, 0.0), ([-90.0, 0.0], 0.0), ([-90.0, 90.0], 0.0), (3.23, 0.0), (-2.8, 0.0), (6.0, 0.1)],
)
def test_chemical_potentials_near_the_bands(potentials, temperature):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ab.anomalous_hall(HALDANE, potentials, temperature, mesh=4)


def test_energies_of_the_warning_are_those_of_the_user():
    model = ab.TightBinding(
        HALDANE.lattice.vectors, HALDANE.positions, {R: 1e3 * h for R, h in HALDANE.hoppings.items()}, reduced=False
    )
    with pytest.warns(UnitWarning, match="100000 lies above all bands, which reach from -2.8e.03 to 3.23e.03"):
        ab.anomalous_hall(model, 1e5, mesh=4)


def test_units_that_would_fit_are_named(hall):
    with pytest.raises(InvalidArgumentError, match=r"nothing .* of S/cm; .* expected for example e\^2/h or S$"):
        ab.in_units(hall, "S/cm")
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)
    pumped = ab.pumped_magnetization(cycle, 1, mesh=8)
    with pytest.raises(InvalidArgumentError, match="expected for example mu_B/cell"):
        ab.in_units(pumped, "mu_B")


def test_chemical_potentials_in_electronvolts_are_labelled(hall):
    named = ab.in_units(hall, "e^2/h", energy="eV", length="angstrom")
    assert named.chemical_potential.attrs["units"] == "eV"
    np.testing.assert_array_equal(named.chemical_potential, hall.chemical_potential)
    assert hall.chemical_potential.attrs["units"] == "energy"
    assert ab.plot(named).get_xlabel() == r"$\mu$ ($\mathrm{eV}$)"
    assert ab.plot(ab.in_units(hall, ["e^2/h", "meV"], energy=1.0)).get_xlabel() == r"$\mu$ ($\mathrm{meV}$)"
    for energy in (1.0, 2.7, "meV"):
        assert ab.in_units(hall, "e^2/h", energy=energy).chemical_potential.attrs["units"] == "energy"


def test_no_accuracy_is_reached_on_a_fixed_mesh(hall):
    words = dict(entries_of(hall, METHOD))
    assert words["points along each axis"] == "4, 4"
    assert not {"relative accuracy asked for", "accuracy reached"} & set(words)
    asked = dict(entries_of(ab.anomalous_hall(HALDANE, 0.0, 0.1, tolerance=1e-2), METHOD))
    assert (asked["relative accuracy asked for"], asked["accuracy reached"]) == ("0.01", "yes")


def test_a_reference_of_another_crystal(tmp_path):
    path = [("Γ", [0.0, 0.0]), ("K", [1 / 3, 2 / 3])]
    line = ab.bands(HALDANE, path, points=20)
    for shift in (0.0, 10.0):
        rows = [
            f"{x:.8f} {e:.8f}"
            for band in line.energy.values.T
            for x, e in zip(line.distance.values, band + shift, strict=True)
        ]
        blocks = ["\n".join(rows[n : n + 20]) for n in range(0, len(rows), 20)]
        (tmp_path / f"s{shift:.0f}_band.dat").write_text("\n\n".join(blocks) + "\n\n")
        points = [f"{a:.9f} {b:.9f} 0.0 1.0" for a, b in zip(line.k1.values, line.k2.values, strict=True)]
        (tmp_path / f"s{shift:.0f}_band.kpt").write_text("\n".join([str(len(points)), *points]) + "\n")
    same = ab.bands(HALDANE, reference=ab.io.read_band_structure(tmp_path / "s0_band.dat"))
    assert same.deviation < 1e-6
    with pytest.warns(AccuracyWarning, match="nearest ones of s10_band.dat.* zero of energy"):
        ab.bands(HALDANE, reference=ab.io.read_band_structure(tmp_path / "s10_band.dat"))


def test_overlapping_bands_are_called_a_metal(tmp_path):
    hoppings = {(0, 0): np.diag([-0.1, 0.1]), (1, 0): np.diag([1.0, -1.0]), (0, 1): np.diag([0.2, 0.5])}
    ab.io.save_model(ab.TightBinding(np.eye(2), [[0.0, 0.0], [0.5, 0.5]], hoppings, reduced=True), tmp_path / "m.nc")
    arguments = ["bands", str(tmp_path / "m.nc"), "--occupied", "1", "--output", str(tmp_path / "m.png")]
    assert "the bands overlap, a metal" in " ".join(CliRunner().invoke(app, arguments).output.split())


def test_picture_file_in_place_of_axes(hall):
    with pytest.raises(InvalidArgumentError, match=r"got str; plot\(...\).figure.savefig"):
        ab.plot(hall, "hall.png")


def test_missing_files_propose_others(tmp_path):
    ab.io.write_tb(HALDANE, tmp_path / "layer_tb.dat")
    for wrong in ("layer", "laier_tb.dat"):
        with pytest.raises(FileFormatError, match=r"No such file.*did you mean 'layer_tb.dat'"):
            ab.io.read_tb(tmp_path / wrong)
    with pytest.raises(FileFormatError, match=r"No such file or directory\)$"):
        ab.io.read_tb(tmp_path / "nowhere" / "layer_tb.dat")


def test_results_and_crystals_are_told_apart(tmp_path, hall):
    ab.io.save(hall, tmp_path / "hall.nc")
    with pytest.raises(FileFormatError, match=r"not a cycle, .* contains a result of anomalous_hall; use load"):
        ab.io.load_cycle(tmp_path / "hall.nc")
    ab.io.write_tb(HALDANE, tmp_path / "layer_tb.dat")
    with pytest.raises(FileFormatError, match=r"files of Wannier90 are crystals, for io\.read_tb"):
        ab.io.load(tmp_path / "layer_tb.dat")
    assert "contains a result of anomalous_hall" in inspected(tmp_path / "hall.nc")


def test_slabs_are_recognized(tmp_path):
    ab.io.write_tb(HALDANE, tmp_path / "layer_tb.dat")
    hint = "no hoppings along a3, as in a slab: --dimension 2"
    assert hint in inspected(tmp_path / "layer")
    assert hint not in inspected(tmp_path / "layer", "--dimension", "2")
    ab.io.write_tb(ab.models.fu_kane_mele(beta=1.0), tmp_path / "solid_tb.dat")
    assert "no hoppings" not in inspected(tmp_path / "solid")


def test_points_that_are_missing_are_counted(tmp_path):
    store = tmp_path / "study.zarr"

    def study(delta):
        if delta > 0.5:
            raise ValueError("too large")
        return ab.anomalous_hall(ab.models.haldane(delta=delta, t2=0.1, phi=1.2), 0.0, 0.1, mesh=4)

    with pytest.warns(AccuracyWarning, match="too large"):
        result = ab.sweep(study, {"delta": [0.3, 0.4, 0.6]}, store=store)
    assert re.fullmatch(r"2 of 3 computed \(1: .*too large.*\)", progress_of(result))
    assert ("points of the sweep", progress_of(result)) in all_entries(result)
    assert "2 of 3 computed" in Path(report(store, tmp_path / "page.html")).read_text()
    assert progress_of(result.isel(delta=[0, 1])) == ""
    assert "the store of a sweep" in inspected(store)


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_links_of_the_first_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("given", [{"tolerance": 1e-9}, {"accuracy": ab.Accuracy(1e-9, mesh=16)}])
def test_a_tolerance_beside_a_fixed_mesh(given):
    """The mesh stays as it is, and `converged` says if it suffices."""
    cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    mesh = {} if "accuracy" in given else {"mesh": 16}
    found = ab.magnetoelectric(cone, occupied=1, **mesh, **given)
    assert not found.attrs["converged"]
    assert found.identical(ab.magnetoelectric(cone, occupied=1, mesh=16).assign_attrs(found.attrs))


@pytest.mark.parametrize("tolerance", [1e-15, 1e-16])
def test_tolerances_below_rounding_errors(tolerance):
    cone = ab.models.tilted_dirac(tilt=0.3, mass=0.3)
    with pytest.warns(AccuracyWarning, match="since rounding errors are larger"):
        found = ab.magnetoelectric(cone, occupied=1, tolerance=tolerance)
    assert not found.attrs["converged"]
    exact = ab.magnetoelectric(cone, occupied=1, tolerance=1e-12)
    assert abs(found.total - exact.total).max() <= exact.error.max()
    assert exact.attrs["converged"]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: ab.bands(HALDANE, color="energy"), r"unexpected keyword argument 'color'; did you mean 'colour'\?"),
        (lambda: ab.plot(HALDANE, axes=None), r"'axes'; did you mean 'ax'\?|'axes'; expected some of result, ax"),
        (lambda: ab.in_units(HALDANE), "in_units.. missing a required argument: 'units'"),
        (lambda: ab.io.read_tb("x", dimensions=2), r"did you mean 'dimension'\?"),
        (
            lambda: ab.sweep(ab.bands(HALDANE, points=4), {"t": [1]}),
            "function: Dataset, expected a function of the par",
        ),
        (lambda: HALDANE.displaced([[0.1, 0], [0, 0]]), r"hopping law: missing, expected .*models.exponential\(beta\)"),
    ],
)
def test_wrong_calls(call, text):
    with pytest.raises(InvalidArgumentError, match=text) as found:
        call()
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("name", "where"), [("haldane", "models"), ("read_tb", "io"), ("chern_number", "geometry"), ("load", "io")]
)
def test_names_of_modules_are_suggested(name, where):
    with pytest.raises(AttributeError) as found:
        getattr(ab, name)
    assert f"did you mean '{where}.{name}'?" in str(found.value)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("compute m.nc anomalous_hall --mu 0", "m.nc: expected first the quantity and then the file, as in anomalous_"),
        ("map m.nc spin:z --band 0", "m.nc: expected first the quantity and then the file, as in spin:z m.nc"),
        ("compute anomalous_hall m.nc --mu 0 --output r.txt", "r.txt: expected a name that ends with .nc"),
        ("report m.nc --output x.pdf", "x.pdf: expected a name that ends with .html"),
        ("compute bands m.nc", "quantity 'bands': a command of its own, adiabloch bands FILE"),
        ("figure1 --output m.nc", "m.nc: a file, expected the name of a folder"),
        ("compute pumped_magnetization c.nc --occupied 1 --units uA", "frequency=, or --frequency"),
    ],
)
def test_wrong_commands(tmp_path, monkeypatch, arguments, text):
    monkeypatch.chdir(tmp_path)
    ab.io.save_model(HALDANE, "m.nc")
    ab.io.save_cycle(ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1), "c.nc")
    found = CliRunner().invoke(app, arguments.split())
    assert found.exit_code == 2
    assert text in " ".join(found.output.split())


def test_invariants_and_ribbons_from_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ab.io.save_model(HALDANE, "m.nc")
    found = CliRunner().invoke(
        app, ["compute", "wilson_loop", "m.nc", "--occupied", "1", "--set", "lines=5", "--set", "points=8"]
    )
    assert "chern number │ -1" in " ".join(found.output.split())
    arguments = ["compute", "ribbon_bands", "m.nc", "--set", "width=4", "--set", "points=8", "--output", "r.nc"]
    ribbon = CliRunner().invoke(app, arguments)
    assert ribbon.exit_code == 0
    assert ab.io.load("r.nc").attrs["response"] == "ribbon_bands"
    solid = ab.models.fu_kane_mele(beta=0.5)
    ab.io.save_model(solid, "s.nc")
    surface = ["compute", "fermi_surface", "s.nc", "--mu", "1.5", "--set", "points=8", "--set", "colour=velocity:x"]
    assert CliRunner().invoke(app, [*surface, "--output", "f.nc"]).exit_code == 0
    assert "colour" in ab.io.load("f.nc")
