"""Mistakes in Python and in commands: one line that names the place, what was expected, and the remedy."""

import re
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.errors import AdiablochError
from adiabloch.names import NoAttributeError

H = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
C = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)
PUBLIC = (
    ab.Cycle, ab.Deformation, ab.Lattice, ab.Texture, ab.TightBinding, ab.Accuracy, ab.models.Structure,
    ab.models.Modes, ab.models.Phonon, ab.models.AtomicDisplacements,
)  # fmt: skip


@pytest.fixture(scope="module")
def hall():
    return ab.anomalous_hall(H, 0.0, 0.1, mesh=12)


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_constructors(kind):
    """Missing and misspelt arguments of every public class are errors of the library, also of type TypeError."""
    with pytest.raises(AdiablochError, match=rf"{kind.__name__}\(\) .*'wrong'") as found:
        kind(wrong=1)
    assert isinstance(found.value, TypeError)
    assert "\n" not in str(found.value)


MISTAKES = {
    "path keyword": (lambda hall: ab.bands(H, pth="GKMG"), "bands.. .*'pth'; did you mean 'path'"),
    "path in 3D": (lambda hall: ab.bands(H, [("G", (0, 0, 0))]), r"path: .*pairs of label and reduced coordinates"),
    "colour list": (lambda hall: ab.bands(H, colour=["spin"]), "colour: .*a pair of name and component"),
    "occupied text": (lambda hall: ab.bands(H, occupied="1"), "occupied: '1', expected 1 <= occupied <= 1"),
    "reference name": (lambda hall: ab.bands(H, reference="a.dat"), "reference: expected the Dataset of io.read_band"),
    "phase text": (lambda hall: ab.bands(C, theta="all"), "theta: expected a number"),
    "quantity": (lambda hall: ab.zone_map(H, "bery_curvature", band=0), "did you mean 'berry_curvature'"),
    "result for model": (lambda hall: ab.zone_map(hall, band=0), "model: expected an adiabloch.TightBinding"),
    "normal in 2D": (lambda hall: ab.zone_map(H, normal="z", band=0), "two dimensions, expected neither"),
    "direction": (lambda hall: ab.wilson_loop(H, 1, across="kyy"), "across: 'kyy', expected one of ky"),
    "width": (lambda hall: ab.ribbon_bands(H, 4.5), "width: 4.5, expected a number of cells"),
    "ribbon of cycle": (lambda hall: ab.ribbon_bands(C), "expected an adiabloch.TightBinding, whose hoppings"),
    "surface in 2D": (lambda hall: ab.fermi_surface(H, 0.0), "see zone_map for Fermi contours"),
    "array": (lambda hall: ab.plot(np.zeros(3)), "plot: expected a result"),
    "unit": (lambda hall: ab.in_units(hall, "e^2/hh"), "'hh' is not known, .*did you mean 'h'"),
    "dimension of unit": (lambda hall: ab.in_units(hall, "nm"), "nothing in this result has the dimension of nm"),
    "name of unit": (lambda hall: ab.in_si(hall, energy="ev"), "energy: 'ev', expected a number or one of J, eV"),
    "sweep list": (lambda hall: ab.sweep(lambda a: hall, [1, 2]), "parameters: expected a mapping"),
    "sweep name": (lambda hall: ab.sweep(lambda a: hall, {"b": [1]}), "missing a required argument: 'a'"),
    "sweep empty": (lambda hall: ab.sweep(lambda a: hall, {"a": []}), "a has no values, expected at least one"),
    "no file": (lambda hall: ab.io.load("nothing.nc"), "nothing.nc: no such file"),
    "text file": (lambda hall: ab.io.load("notes.txt"), "notes.txt: no NetCDF4 or HDF5 file"),
    "no store": (lambda hall: ab.load_sweep("no.zarr"), "not the store of a sweep, expected a folder"),
    "empty file": (lambda hall: ab.io.read_tb("empty_tb.dat"), "empty_tb.dat, line 1: the file ends, expected"),
    "no bands": (lambda hall: ab.io.read_band_structure("notes.txt"), "line 1: 'hello', expected distance and energy"),
    "model as result": (lambda hall: ab.io.save(H, "a.nc"), "use adiabloch.io.save_model"),
    "block": (lambda hall: ab.TightBinding([[1]], [[0], [0.5]], {(0,): [[1]]}), r"R = \(0,\): expected shape \(2, 2\)"),
    "flag": (
        lambda hall: ab.Lattice([[1.0]], ev_angstrom="eV"),
        "ev_angstrom: 'eV', expected True for eV and Angstrom",
    ),
    "law": (lambda hall: H.displaced([[0.1, 0], [0, 0]]), "hopping law: missing, expected .*models.exponential"),
    "mesh in 3D": (
        lambda hall: ab.anomalous_hall(H, 0.0, 0.1, mesh=(4, 4, 4)),
        r"mesh: \[4, 4, 4\], expected one number",
    ),
    "executor": (
        lambda hall: ab.anomalous_hall(H, 0.0, 0.1, executor="dask"),
        "executor: 'dask', expected a concurrent",
    ),
    "accuracy": (
        lambda hall: ab.anomalous_hall(H, 0.0, 0.1, accuracy=ab.Accuracy(tolerance="high")),
        "tolerance: 'high', expected a relative accuracy between 0 and 1",
    ),
    "displaced crystals": (
        lambda hall: ab.phonon_moments(C, None, 1),
        "deformation: expected an adiabloch.Deformation",
    ),
    "spin": (lambda hall: ab.spin_magnetization(H, 0.0), "the model has no spin; expected S_x, S_y, S_z"),
    "animation": (lambda hall: ab.animate(H), "animate: expected a result of local_current"),
    "attribute of a lattice": (lambda hall: H.lattice.vector, "no attribute 'vector'; did you mean 'vectors'"),
    "spelling": (lambda hall: ab.pumped_magnetisation(C, 1), "did you mean 'pumped_magnetization'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_python(hall, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("hello\n")
    (tmp_path / "empty_tb.dat").write_text("")
    call, message = MISTAKES[name]
    with warnings.catch_warnings(), pytest.raises((AdiablochError, NoAttributeError), match=message) as found:
        call(hall)
    assert "\n" not in str(found.value)


COMMANDS = {
    "band h.nc": "no such command 'band'. Did you mean 'bands'?; `adiabloch --help` shows what is expected",
    "bands": "bands: missing argument 'seed'; `adiabloch bands --help` shows",
    "bands h.nc --occupid 1": "no such option: --occupid",
    "bands h.nc --occupied two": "bands: invalid value for '--occupied'",
    "bands h.nc --path GXM": "no point 'X', expected some of Γ, K, M, K'; or give pairs",
    "bands h.nc --output bands.txt": "bands.txt: expected a name that ends with .png, .pdf, .svg",
    "bands h.nc --reference notes.txt": "notes.txt, line 1: 'hello', expected distance and energy",
    "bands c.nc --reference nothing.dat": "nothing.dat: cannot be read",
    "map berry_curvature h.nc": "expected one of occupied, bands, band, or the chemical_potential",
    "map berry_curvature h.nc --band 7": "band: 7, expected a number from 0 to 1",
    "compute anomalous_hal h.nc --mu 0": "did you mean 'anomalous_hall'?; `adiabloch quantities` lists all",
    "compute anomalous_hall h.nc": "the filling is missing, expected --mu VALUE",
    "compute anomalous_hall h.nc --mu 0:1": "--mu: '0:1', expected START:STOP:COUNT",
    "compute anomalous_hall h.nc --mu 0 --set temprature=0.1": "did you mean 'temperature'?",
    "compute anomalous_hall nothing --mu 0": "no such file, and none of nothing.chk",
    "compute anomalous_hall POSCAR --mu 0": "POSCAR: atoms of a crystal without its electrons",
    "inspect POSCAR": "POSCAR: atoms of a crystal without its electrons",
    "compute polarization c.nc --occupied 1": "needs a model, got a cycle in c.nc",
    "compute born_charges h.nc --occupied 1": "needs a deformation, got a model in h.nc; expected the file of a def",
    "show h.nc": "contains an adiabloch model, expected a result; `adiabloch inspect` shows the crystal",
    "show nothing.nc": "nothing.nc: no such file",
    "show r.nc --rows 0": "show: invalid value for '--rows'",
    "plot r.nc --output r.xyz": "r.xyz: expected a name that ends with .png, .pdf, .svg",
    "run bad.toml": "quantiies: unknown key; did you mean 'quantities'?",
    "run nothing.toml": "nothing.toml: cannot be read",
    "new pump pump": "new: got unexpected extra argument",
    "pump h.nc --occupied 1": "h.nc: not a cycle",
    "phonons colect a b": "phonons: no such command 'colect'. Did you mean 'collect'?",
    "phonons collect nowhere": "phonons collect: missing argument 'seed'; `adiabloch phonons collect --help` shows",
    "--foo": "no such option: --foo; `adiabloch --help` shows what is expected",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, hall):
    place = tmp_path_factory.mktemp("mistakes")
    ab.io.save_model(H, place / "h.nc")
    ab.io.save_cycle(C, place / "c.nc")
    ab.io.save(hall, place / "r.nc")
    (place / "notes.txt").write_text("hello\n")
    (place / "POSCAR").write_text("BN\n1.0\n")
    (place / "bad.toml").write_text("[crystal]\nmodel = 'haldane'\n[quantiies.anomalous_hall]\n")
    return place


@pytest.mark.parametrize("arguments", COMMANDS)
def test_commands(folder, monkeypatch, arguments):
    monkeypatch.chdir(folder)
    found = CliRunner().invoke(app, arguments.split(), env={"COLUMNS": "80"})
    assert found.exit_code == 2
    assert found.output.startswith("adiabloch: ")
    assert found.output.count("\n") == 1, found.output
    assert COMMANDS[arguments] in found.output
    assert not re.search("Traceback|Usage", found.output)


def test_help_is_shown():
    for arguments in ([], ["phonons"], ["bands", "--help"]):
        found = CliRunner().invoke(app, arguments)
        assert "Usage: " in found.output


def test_labels_as_a_list():
    assert ab.bands(H, ["G", "K", "M"], points=4).label.values.tolist() == ["Γ", "K", "M"]
