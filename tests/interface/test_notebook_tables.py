"""Tables and pictures of crystals and results in notebooks: their numbers, well-formed, quick, never an error."""

import base64
import io
import re
import time

import numpy as np
import pytest
from matplotlib.figure import Figure

import adiabloch as ab
from html_cells import Cells
from random_models import general


def test_a_model():
    cells = Cells(ab.models.haldane(delta=0.3, t2=0.1, phi=np.pi / 2)._repr_html_()).cells
    assert "layer (2D)" in cells
    assert {"0.3", "\u22120.3", "0.866025", "x (length)"} <= set(cells)
    # second neighbours have purely imaginary hoppings
    assert any(cell in ("0.1i", "\u22120.1i") for cell in cells)
    first = cells.index("\u27e80, 0| H |\u22121, 0; 1\u27e9")
    assert cells[first + 1] == "1"


def test_complex_numbers_and_many_orbitals():
    model = general(np.random.default_rng(1), 15, 7).cycle.at(0.3)
    text = model._repr_html_()
    cells = Cells(text).cells
    assert any("and 3 more" in cell for cell in cells)
    home = model.hoppings[(0, 0)]
    assert f"{home[2, 2].real:.6g}".replace("-", "\u2212") in cells
    largest = max(abs(h[i, j]) for R, h in model.hoppings.items() for i, j in np.ndindex(h.shape) if any(R) or i != j)
    shown = [re.sub("\u2212", "-", cell) for cell in cells if cell.endswith("i")]
    first = complex(shown[0].replace(" ", "").replace("i", "j"))
    assert abs(first) == pytest.approx(largest, rel=1e-5)


def test_a_cycle_and_wannier_functions():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    cells = Cells(cycle._repr_html_()).cells
    assert str(len(cycle.snapshots)) in cells
    assert "orbitals at \u03b8 = 0 " in cells
    chain = ab.models.WannierModel([[1.0]], None, {(0,): [[0.2]], (1,): [[-1.0]]}, {(0,): [[[0.1]]]})
    assert "chain (1D) of Wannier functions" in Cells(chain._repr_html_()).cells


CELL = [[2.504, 0, 0], [-1.252, 2.1685, 0], [0, 0, 12]]
LAYER = ab.models.Structure(CELL, ["B", "N"], [[0, 1.4457, 0], [1.252, 0.7228, 0]], [10.81, 14.007])
HALDANE = ab.models.haldane(delta=0.3, t2=0.1, phi=np.pi / 2)


def modes():
    vectors = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    return ab.models.Modes(LAYER, [0, 0, 0], [-0.01, 0, 0.01, 0.1, 0.1, 0.2], vectors.reshape(6, 2, 3))


def phonon():
    """Circular motion of both atoms, one in the sense opposite to that of the other."""
    weights = np.sqrt(LAYER.masses[::-1] / LAYER.masses.sum())
    circle = np.array([1, 1j, 0]) / np.sqrt(2)
    left = np.array([weights[0] * circle, -weights[1] * circle])
    right = left.conj()
    rest = np.linalg.svd(np.array([left.ravel(), right.ravel()]))[2][2:].reshape(4, 2, 3)
    modes = ab.models.Modes(LAYER, [0, 0, 0], [0.1, 0.1, 0.2, 0.2, 0.3, 0.3], [left, right, *rest])
    return modes.circular_phonon(0)


def circles(text):
    """Centres of the circles of a picture, and the ends of its lines."""
    places = np.array(re.findall(r'cx="(\S+)" cy="(\S+)"', text), dtype=float)
    lines = np.array(re.findall(r'x1="(\S+)" y1="(\S+)" x2="(\S+)" y2="(\S+)"', text), dtype=float)
    return places, lines


def test_pictures_have_the_geometry_of_the_model():
    places, lines = circles(HALDANE._repr_html_())
    assert len(places) == 2 + 4  # two sites, and the neighbours in other cells
    # four edges of the cell, then bonds of one length at angles of 120 degrees
    bonds = lines[4:, 2:] - lines[4:, :2]
    lengths = np.hypot(*bonds.T)
    np.testing.assert_allclose(lengths, lengths[0], atol=0.3)
    edges = np.hypot(*(lines[:4, 2:] - lines[:4, :2]).T)
    np.testing.assert_allclose(edges, np.sqrt(3) * lengths[0], atol=0.5)
    assert (places > 0).all()
    assert (places < [190, 150]).all()


@pytest.mark.parametrize(
    ("crystal", "wanted"),
    [
        (ab.Texture(lambda r: HALDANE), {"texture of a layer (2D)", "a model", "orbitals at the origin "}),
        (
            ab.Texture(lambda r: ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.5, 0.1), 0.1)),
            {"a cycle", "orbitals at the origin and θ = 0 "},
        ),
        (
            ab.Deformation.from_law(ab.models.gapped_honeycomb(0.5, 0.1), ab.models.exponential(3.0)),
            {"4: 0x, 0y, 1x, 1y", "orbitals at rest ", "displaced atoms of a layer (2D)"},
        ),
        (LAYER, {"1 N", "14.007", "1.4457", "65.1591"}),
        (ab.models.AtomicDisplacements(LAYER, axes="xy"), {"4, along x, y", "0.02", "9"}),
        (modes(), {"−2.4180", "share of B", "24.1799"}),
        (phonon(), {"24.1799", "100.000", "(0, 0, 1)", "0 B"}),
        (ab.symmetry(HALDANE).symmetrize_model(HALDANE)[1], {"identity", "hoppings (energy)"}),
        (ab.symmetry(HALDANE), {"rotation by 120 degrees about (0, 0, 1)", "operations "}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_other_objects(crystal, wanted):
    text = crystal._repr_html_()
    assert wanted <= set(Cells(text).cells)
    assert type(text) is str
    assert "<pre>" not in text


def test_names_are_escaped():
    names = ab.models.Structure(CELL, ["<script>", "N"], LAYER.positions, LAYER.masses)
    text = names._repr_html_()
    assert "<script>" not in text
    assert "0 <script>" in Cells(text).cells


def test_failures_become_text(monkeypatch):
    monkeypatch.setattr("adiabloch.models.html._picture", lambda *_: 1 / 0)
    assert HALDANE._repr_html_() == "<pre>TightBinding(2D, 2 orbitals, 7 translations)</pre>"
    filling = ab.filling(HALDANE, 0.0)
    monkeypatch.setattr("adiabloch.summaries.notebook.picture_for_page", lambda *_: 1 / 0)
    assert filling.adiabloch._repr_html_().startswith("<pre>")


def test_large_models_are_quick():
    rng = np.random.default_rng(2)
    hoppings = {tuple(R): rng.normal(size=(100, 100)) for R in np.ndindex(5, 5, 5) if any(R)}
    model = ab.TightBinding(np.eye(3), rng.random((100, 3)), {(0, 0, 0): np.diag(rng.random(100)), **hoppings})
    started = time.process_time()
    text = model._repr_html_()
    assert time.process_time() - started < 0.3
    assert "and 88 more" in text


def test_a_result():
    cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.5, t1=0.1), amplitude=0.1)
    pumped = ab.pumped_magnetization(cycle, 1, tolerance=1e-2)
    text = pumped.adiabloch._repr_html_()
    cells = Cells(text).cells
    assert "pumped magnetization (e\u202f\u03c9) " in cells
    assert any("±" in cell and "\u00d7 10\u22125" in cell for cell in cells)
    assert {"relative accuracy asked for", "0.01", "24, 24, 8"} <= set(cells)
    # formula and picture
    pictures = re.findall(r"data:image/svg\+xml;base64,([^\"]*)", text)
    assert len(pictures) == 2
    assert all(base64.b64decode(picture).startswith(b"<?xml") for picture in pictures)
    printed = repr(pumped.adiabloch)
    assert printed.startswith("Pumped magnetization (e*omega)\n")
    assert "±" in printed
    assert len(text) < 200_000
    # as long as a few pictures take, whatever the processor
    assert seconds(pumped.adiabloch._repr_html_) < 12 * seconds(empty_picture)


def seconds(function):
    """Shortest CPU time of five calls."""
    times = []
    for _ in range(5):
        started = time.process_time()
        function()
        times.append(time.process_time() - started)
    return min(times)


def empty_picture():
    figure = Figure()
    figure.add_subplot()
    figure.savefig(io.BytesIO(), format="svg")


def test_results_without_a_picture_or_numbers():
    import xarray as xr

    found = xr.Dataset({"x": (("a", "b", "c", "d"), np.zeros((1, 1, 1, 1)))})
    assert "data:image" not in found.adiabloch._repr_html_()
    assert "no numbers" in repr(xr.Dataset({"x": "text"}).adiabloch)
    assert "<table" in xr.Dataset({"x": "text"}).adiabloch._repr_html_()
