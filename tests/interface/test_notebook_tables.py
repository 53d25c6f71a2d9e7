"""Tables of models and cycles in notebooks: numbers of the model, well-formed."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import adiabloch as ab
from random_models import general


class Cells(HTMLParser):
    """Text of all cells; every tag but br must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.cells = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag != "br":
            self.open.append(tag)
        if tag in ("td", "th", "caption"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.cells and self.open and "table" in self.open:
            self.cells[-1] += data


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
