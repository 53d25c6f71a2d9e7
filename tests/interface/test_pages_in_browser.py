"""Reports in headless Chromium: no overflow at the widths of a desktop and a phone, no request, no message.

The tests are skipped without a browser; the environment variable CHROMIUM names its program. With PAGES=FOLDER, the
pages and their pictures are kept there.
"""

import os
from pathlib import Path

import numpy as np
import pytest

import adiabloch as ab
from adiabloch.summaries.page import Section, page
from browser import Chromium, browser

HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=1.2)
CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=1e-3)
CUBIC = ab.TightBinding(
    np.eye(3), [[0, 0, 0]], {(1, 0, 0): [[-1]], (0, 1, 0): [[-1]], (0, 0, 1): [[-1]]}, reduced=False
)
SCAN = np.linspace(-1, 1, 21)
WIDTHS = (1280, 390)


def wannier(path):
    """A solid in eV and Angstrom, from a file of Wannier90."""
    ab.io.write_tb(ab.models.fu_kane_mele(beta=0.4), path / "solid_tb.dat")
    return ab.io.read_tb(path / "solid_tb.dat")


def modes_of_layer():
    """Boron nitride with springs between its atoms in place of a calculation."""
    vectors = [[2.5, 0, 0], [-1.25, 2.165, 0], [0, 0, 10]]
    structure = ab.models.Structure(vectors, ["B", "N"], [[0, 0, 0], [0, 1.443, 0]], [10.8, 14.0])
    reduced = np.sqrt(10.8 * 14.0 / 24.8)
    optical = np.zeros((3, 2, 3))
    for mode, axis in enumerate((0, 1, 2)):
        optical[mode, :, axis] = np.array([1 / np.sqrt(10.8), -1 / np.sqrt(14.0)]) * reduced
    return ab.models.Modes(structure, np.zeros(3), [0.17, 0.17, 0.1], optical)


def layer():
    pattern = ab.models.gapped_honeycomb(delta=0.5, t1=0.0)
    scaled = ab.TightBinding(
        1.443 * pattern.lattice.vectors, 1.443 * pattern.positions, pattern.hoppings, reduced=False
    )
    return ab.Deformation.from_law(scaled, ab.models.exponential(3.0), atoms=[0, 1])


def failing(mass):
    if mass == 0:
        raise ValueError("a <b>reason</b> that is long " * 5)
    return ab.anomalous_hall(ab.models.haldane(delta=mass, t2=0.1, phi=1.2), chemical_potential=0.0, mesh=12)


def bands_of(mass):
    return ab.bands(ab.models.haldane(delta=mass, t2=0.1, phi=1.2), points=40)


def maps_of(mass):
    return ab.zone_map(ab.models.haldane(delta=mass, t2=0.1, phi=1.2), occupied=1, points=31)


def sweep_with_failures():
    with pytest.warns(UserWarning, match="1 of"):
        return ab.sweep(failing, {"mass": np.linspace(0, 1, 6)})


KINDS = {
    "bands": lambda path: ab.bands(HALDANE, colour="berry_curvature", occupied=1),
    "bands_of_file": lambda path: ab.bands(wannier(path), colour="velocity:x", chemical_potential=0.0, points=60),
    "zone_map": lambda path: ab.zone_map(HALDANE, occupied=1, chemical_potential=0.4, points=61),
    "ribbon": lambda path: ab.ribbon_bands(HALDANE, 8, points=60),
    "wilson_loop": lambda path: ab.wilson_loop(ab.models.kane_mele(delta=0.1, intrinsic=0.1), 2),
    "fermi_surface": lambda path: ab.fermi_surface(CUBIC, -1.0, colour="velocity:x", points=14),
    "response": lambda path: ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2),
    "scan": lambda path: ab.anomalous_hall(HALDANE, SCAN, [0.02, 0.1], mesh=48),
    "si": lambda path: ab.in_si(ab.anomalous_hall(HALDANE, SCAN, 0.1, mesh=24), energy="eV", length="angstrom"),
    "tensor_of_file": lambda path: ab.anomalous_hall(wannier(path), [0.0, 0.5], 0.3, mesh=12),
    "phonon_moments": lambda path: ab.phonon_moments(layer(), modes_of_layer(), 1, charges=[0.4, 1.6], tolerance=1e-2),
    "band_quantities": lambda path: ab.band_quantities(HALDANE, [[0, 0], [0.1, 0.2]], ["berry_curvature"]),
    "sweep_with_failures": lambda path: sweep_with_failures(),
    "sweep_of_bands": lambda path: ab.sweep(bands_of, {"mass": np.linspace(0, 1, 9)}),
    "sweep_of_maps": lambda path: ab.sweep(maps_of, {"mass": np.linspace(0, 1, 9)}),
}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    program = browser()
    if program is None:
        pytest.skip("needs Chromium")
    with Chromium(program, tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Path(os.environ["PAGES"]) if "PAGES" in os.environ else tmp_path_factory.mktemp("pages")


@pytest.mark.parametrize("kind", KINDS)
def test_reports(chromium, folder, tmp_path, kind):
    result = KINDS[kind](tmp_path).assign_attrs(command="adiabloch compute " + "a_long_name_of_a_file_" * 9 + "tb.dat")
    path = folder / f"{kind}.html"
    path.write_text(page([Section(result, f"{kind}.nc")], job="[quantities." + "x" * 300 + "]\n"))
    for width in WIDTHS:
        found = chromium.look(path, width, folder / f"{kind}_{width}.png")
        assert found["page"] == width
        assert found["wide"] == []
        assert found["broken"] == []
        assert found["requests"] == []
        assert found["messages"] == []


def test_displays_in_a_notebook(chromium, folder):
    """Displays of several objects in a column as narrow as that of a notebook."""
    result = ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2)
    things = (HALDANE, CYCLE, HALDANE.lattice, ab.symmetry(HALDANE), result.adiabloch, ab.Accuracy(tolerance=1e-5))
    body = "\n".join(f"<div class=wide>{thing._repr_html_()}</div>" for thing in things)
    path = folder / "displays.html"
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8><body style='margin:0;max-width:800px'>{body}</body>")
    found = chromium.look(path, 800, folder / "displays_800.png")
    assert (found["page"], found["broken"], found["requests"], found["messages"]) == (800, [], [], [])


def test_what_is_wrong_is_seen(chromium, folder):
    """A page with a wide element, a picture from elsewhere and a message."""
    path = folder / "wrong.html"
    path.write_text(
        "<!DOCTYPE html><meta name=viewport content='width=device-width'><div style='width:500px'>wide</div>"
        "<img src='http://127.0.0.1:9/a.png'><script>console.log('hello')</script>"
    )
    found = chromium.look(path, 390)
    assert found["page"] > 390
    assert found["wide"] == ["DIV: wide"]
    assert found["requests"] == ["http://127.0.0.1:9/a.png"]
    assert any("hello" in message for message in found["messages"])
