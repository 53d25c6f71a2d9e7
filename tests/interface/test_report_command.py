"""The command `report`: complete, without addresses that a browser loads, and safe for whatever a file contains."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from typer.testing import CliRunner

import adiabloch as ab
from adiabloch.cli import app
from adiabloch.contents import RESULTS
from adiabloch.summaries import citations
from adiabloch.summaries.origin import origin_of
from adiabloch.summaries.page import Section, page
from adiabloch.summaries.pictures import formula_picture
from sweeps import slow

CYCLE = ab.models.rotating_bonds(ab.models.gapped_honeycomb(0.8, 0.1), 0.1)
VOID = ("meta", "img", "br")
LOADS = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping", "xlink:href", "style"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; every tag must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.cells, self.text = [], [], [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data + "\n"
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})


def check_safe(text):
    """Only known tags, nothing that a browser would load or execute."""
    read = Page(text)
    known = (
        "html head meta title style body h1 h2 p figure img div table thead tbody tr th td ul li a pre footer "
        "b caption i sup sub"
    )
    assert {*read.tags} <= {*known.split()}
    for tag, name, value in read.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in LOADS and name != "style":
            assert value.startswith("data:image/"), (tag, name, value[:80])
        if name == "style":
            assert "url(" not in value
        if name == "href":
            assert tag == "a"
            assert value.startswith("https://doi.org/")
    assert "@import" not in text
    assert "url(" not in re.sub(r"base64,[^\"]*", "", text)
    for content in re.findall(r"data:image/svg\+xml;base64,([^\"]*)", text):
        picture = base64.b64decode(content).decode()
        assert "<script" not in picture
        assert not re.search(r"(href|src)=\"(?!#|data:image/png;base64,)", picture)
    return read


@pytest.fixture
def result():
    return ab.pumped_magnetization(CYCLE, 1, tolerance=1e-2)


def test_a_result(result, tmp_path):
    ab.io.save(result, tmp_path / "pump.nc")
    out = run("report", tmp_path / "pump.nc")
    assert out.exit_code == 0, out.output
    text = (tmp_path / "pump.html").read_text()
    read = check_safe(text)
    assert text.count("data:image/svg+xml") == 2  # formula and picture
    assert "Content-Security-Policy" in text
    assert "width=device-width" in text
    value, error = float(result.total[0]), float(result.error[0])
    (shown,) = re.findall(r"\((\S+) ± (\S+)\) × 10<sup>(\S+)</sup>", text)
    number, bar, exponent = (word.replace("\u2212", "-") for word in shown)
    power = 10.0 ** int(exponent)
    assert float(number) * power == pytest.approx(value, abs=error)
    assert float(bar) * power == pytest.approx(error, rel=0.05)
    assert "pumped magnetization (<i>e</i>\u202f<i>\u03c9</i>)" in text
    for words in (
        result.attrs["model"], result.attrs["created"], "Eqs. (8), (17)", "10.1103/PhysRevB.103.115432", "24, 24, 8",
        "relative accuracy asked for", "accuracy reached", f"version {ab.__version__}",
    ):  # fmt: skip
        assert words in read.text


def test_commands_and_shortfalls(tmp_path):
    ab.io.save_model(ab.models.haldane(0.3, 0.1, 1.2), tmp_path / "m.nc")
    out = run(
        "compute",
        "anomalous_hall",
        tmp_path / "m.nc",
        "--mu=-1:1:3",
        "--temperature",
        0.1,
        "--output",
        tmp_path / "r.nc",
    )
    assert out.exit_code == 0
    saved = ab.io.load(tmp_path / "r.nc")
    ab.io.save(saved.assign_attrs(converged=False), tmp_path / "r.nc")
    run("report", tmp_path / "r.nc", "--output", tmp_path / "page.html")
    read = check_safe((tmp_path / "page.html").read_text())
    assert f"adiabloch compute anomalous_hall {tmp_path / 'm.nc'} --mu=-1:1:3" in read.text
    assert "TightBinding(2D, 2 orbitals" in read.text
    assert "The accuracy asked for was not reached" in read.text
    assert "chemical potential (energy)" in read.cells


def test_jobs_and_sweeps(tmp_path):
    job = tmp_path / "job.toml"
    job.write_text(
        '# a <b>job</b>\n[crystal]\nmodel = "haldane"\nt2 = 0.1\nphi = 1.2\n'
        "[quantities.filling]\nchemical_potential = 0\ntemperature = 0.1\n"
        "[quantities.anomalous_hall]\nchemical_potential = [0, 0.1]\ntemperature = 0.1\n"
        "[sweep]\ndelta = [0.2, 0.3]\n[accuracy]\ntolerance = 1e-2\n"
    )
    assert "no such folder; `adiabloch run" in run("report", job).output
    assert run("run", job, "--quiet").exit_code == 0
    assert ab.io.load(tmp_path / "job" / "filling.nc").attrs["job"] == job.read_text()
    for given in (job, tmp_path / "job"):
        out = run("report", given)
        assert out.exit_code == 0, out.output
        read = check_safe((tmp_path / "job.html").read_text())
        assert "2 results" in read.text
        assert "# a <b>job</b>" in read.text
        assert read.text.count("[quantities.filling]") == 1
    assert run("report", tmp_path / "job" / "filling.zarr", "--output", tmp_path / "s.html").exit_code == 0
    check_safe((tmp_path / "s.html").read_text())
    assert "[crystal]" not in run("show", tmp_path / "job" / "filling.nc").output


BAD = '"><script>alert(1)</script><img src=http://x/y onerror=alert(1)>'


def test_hostile_files(tmp_path):
    labels = np.array(["</td><script>", BAD])
    hostile = xr.Dataset(
        {
            "total": (("component",), [1.0, 2.0], {"units": BAD, "long_name": f"$\\frac{BAD}"}),
            "error": (("component",), [0.1, 0.2], {"units": BAD}),
            BAD: (("component",), [1.0, 2.0], {"long_name": BAD}),
        },
        coords={"component": labels, "<i>": 3.0},
        attrs={
            "response": BAD, "job": f"</pre>{BAD}", "command": BAD, "model": BAD, "note": BAD, "adiabloch": BAD,
            "created": BAD, BAD: BAD, "files": [BAD, BAD],
        },
    )  # fmt: skip
    ab.io.save(hostile.rename({BAD: "b<script>"}), tmp_path / "x.nc")
    out = run("report", tmp_path / "x.nc")
    assert out.exit_code == 0, out.output
    for text in (
        (tmp_path / "x.html").read_text(),
        page([Section(hostile, BAD), Section(hostile, BAD)], job=BAD),
        page([Section(hostile.drop_vars("total"), "x")]),
    ):
        read = check_safe(text)
        assert BAD in read.text
    cells = check_safe(f"<html><body>{hostile.adiabloch._repr_html_()}</body></html>").cells
    assert BAD in cells


def test_names_of_functions_are_not_called():
    for name in ("__import__", "os.system", "io", "__getattr__", "errors"):
        found = origin_of(xr.Dataset({"total": 1.0}, attrs={"response": name}))
        assert (found.formula, found.sources) == ("", ())


@pytest.mark.parametrize("part", [0, *slow(1)])
def test_every_formula_is_drawn(part):
    drawn = 0
    for name in [*RESULTS][part::2]:
        formula = origin_of(xr.Dataset({"total": 1.0}, attrs={"response": name})).formula
        if formula:
            assert formula_picture(formula) is not None, name
            drawn += 1
    assert drawn > 15


def test_what_is_no_result(tmp_path):
    ab.io.save_cycle(CYCLE, tmp_path / "cycle.nc")
    (tmp_path / "empty").mkdir()
    for given, words in (
        (("cycle.nc",), "contains an adiabloch cycle, expected a result"),
        (("none.nc",), "no such file"),
        (("empty",), "a folder without results"),
        (("none.toml",), "none.toml"),
    ):
        out = run("report", *(tmp_path / name for name in given))
        assert out.exit_code == 2
        assert words in out.output
        assert len(out.output.splitlines()) == 1


def test_citations_are_those_of_the_citation_file():
    said = yaml.safe_load((Path(__file__).parents[2] / "CITATION.cff").read_text())
    assert said["title"] in citations.SOFTWARE
    assert said["authors"][0]["name"] in citations.SOFTWARE
    (paper,) = said["references"]
    assert paper["doi"] == citations.DOI
    words = [paper["title"], str(paper["volume"]), paper["start"], str(paper["year"])]
    words += [author["family-names"] for author in paper["authors"]]
    assert all(word in citations.PAPER for word in words)
