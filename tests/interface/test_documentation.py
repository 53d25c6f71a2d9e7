"""The pages of the documentation: reference, summaries, blocks of code, gallery, links of the built site."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

from blocks import blocks, same_output
from check_site import Page, broken_links, cut_summaries
from public_names import ABBREVIATIONS, public_names, summary

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAMESPACES = ("adiabloch", "adiabloch.models", "adiabloch.io", "adiabloch.symmetries", "adiabloch.geometry")
LINE = 106
"""Characters of code that a page shows without scrolling."""
EXAMPLES = sorted((ROOT / "examples" / "gallery").glob("*/*.py"))


def reference():
    """Full names in the lists of the reference."""
    text = "\n".join(path.read_text() for path in sorted((DOCS / "reference").glob("*.md")))
    listed = re.findall(r"^   ([\w.]+)$", text, re.MULTILINE)
    data = re.findall(r"autodata:: adiabloch\.(\w+)\.\w+\.(\w+)", text)
    return [f"adiabloch.{name}" for name in listed] + [f"adiabloch.{module}.{name}" for module, name in data]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_public_name_is_in_the_reference(namespace):
    module = importlib.import_module(namespace)
    listed = set(reference())
    documented = {id(resolved(name)) for name in listed}
    public = {name: getattr(module, name) for name in module.__all__ if name != "__version__"}
    missing = [name for name, one in public.items() if not inspect.ismodule(one) and id(one) not in documented]
    assert missing == [], f"{missing}: add them to a page of docs/reference"


def resolved(name):
    """Object with a full name."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def test_the_reference_has_each_name_once():
    listed = reference()
    assert sorted(listed) == sorted(set(listed))
    assert {"adiabloch.io.read_chk", "adiabloch.io.read_snapshots", "adiabloch.animate"} <= set(listed)
    errors = importlib.import_module("adiabloch.errors")
    raised = {f"adiabloch.errors.{name}" for name, one in vars(errors).items() if is_exception(one)}
    assert raised <= set(listed)


def is_exception(found):
    return inspect.isclass(found) and issubclass(found, BaseException) and found.__module__ == "adiabloch.errors"


def test_summaries_are_whole_sentences():
    wrong = {}
    for name, public in public_names():
        text = summary(public)
        if not text.endswith(".") or text.endswith(ABBREVIATIONS) or text.count("(") != text.count(")"):
            wrong[name] = text
    assert wrong == {}


def test_a_period_of_an_abbreviation_does_not_end_a_summary():
    def one():
        """Shift of a packet (Eq. 2), of Fig. 1. More words."""

    def other():
        """Shift of a packet by Eq."""

    assert summary(one) == "Shift of a packet (Eq. 2), of Fig. 1."
    assert summary(other).endswith(ABBREVIATIONS)


PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"_build", "gallery", "generated"} & set(path.parts))


def test_code_fits_on_the_page():
    long = {}
    for path in PAGES:
        if path.name != "contributing.md":  # shows a file as it is
            for block in blocks(path.read_text()):
                long |= {f"{path.name}: {line}": len(line) for line in block.code.splitlines() if len(line) > LINE}
    for path in EXAMPLES:
        code = path.read_text().split('"""')[2]
        long |= {f"{path.name}: {line}": len(line) for line in code.splitlines() if len(line) > LINE}
    assert long == {}


def test_each_picture_of_a_page_exists():
    for path in PAGES:
        for name in re.findall(r"\]\(([^)]*_static/[^)]*)\)", path.read_text()):
            assert (path.parent / name).exists(), f"{path}: {name}"


def test_blocks_of_a_page():
    text = "# t\n\n```python\nx = 1\nprint(x)\n```\n\n```text\n1\n```\n\n![p](_static/a.png)\n\n"
    text += "```python continuation\nprint(2)\n```\n\n```python notest\nnothing\n```\n"
    first, second = blocks(text)
    assert (first.code, first.line, first.output, first.picture) == ("x = 1\nprint(x)\n", 4, "1\n", "_static/a.png")
    assert text[slice(*first.output_span)] == "1\n"
    assert not first.continues
    assert second.continues
    assert second.output is None


def test_outputs_are_compared():
    assert same_output("0.12345 e omega", "0.123451  e omega\n")
    assert same_output("[1e-17 2.5]", "[-3e-16 2.5]")
    assert not same_output("0.1234", "0.1244")
    assert not same_output("0.12 ps/m", "0.12 ps")
    assert not same_output("1 2", "1")


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_examples_of_the_gallery_are_short(path):
    text = path.read_text()
    title, _, about = (ast.get_docstring(ast.parse(text)) or "").partition("\n")
    assert text.count("\n") <= 25
    assert title.endswith(".")
    assert about.strip().endswith(".")


def test_each_example_has_a_section():
    gallery = pytest.importorskip("gallery", reason="Sphinx is not installed", exc_type=ImportError)
    assert {path.parent.name for path in EXAMPLES} == set(gallery.SECTIONS)
    assert len({path.stem for path in EXAMPLES}) == len(EXAMPLES)


def test_broken_links_and_cut_summaries_are_found(tmp_path):
    cell = "<table class='autosummary'><tr><td>f(x)</td><td>{}</td></tr></table>"
    texts = {
        "a.html": "<a href='b.html#here'></a><a href='b.html#there'></a><img src='c.png'>"
        + cell.format("Shift of Eq."),
        "b.html": "<p id='here'></p><a href='a.html'></a><a href='https://example.org/x'></a>" + cell.format("Whole."),
    }
    pages = {(tmp_path / name).resolve(): Page(text) for name, text in texts.items()}
    for path, text in zip(pages, texts.values(), strict=True):
        path.write_text(text)
    site = tmp_path.resolve()
    assert [problem.split(": ")[1] for problem in broken_links(site, pages)] == ["b.html#there", "c.png"]
    assert [problem.split(": ")[0] for problem in cut_summaries(site, pages)] == ["a.html"]


def test_every_model_of_the_literature_has_a_picture():
    models = (DOCS / "reference" / "models.md").read_text()
    page = (DOCS / "reference" / "literature_models.md").read_text()
    names = re.findall(
        r"^   models\.(\w+)$", models.split("## Models of the literature")[1].split("\n## ")[0], re.MULTILINE
    )
    assert len(names) > 10
    assert [name for name in names if f"| [`{name}`](#" not in page or f"ab.models.{name}(" not in page] == []
    assert page.count("](../_static/model_") == len(names)
