"""Pages made at each build: table of responses, table of equations, page for contributors."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

from sphinx.application import Sphinx

import adiabloch
import equations
from adiabloch import responses

DOCS = Path(__file__).parents[1]
PARITY = {1: "even", -1: "odd", None: ""}


def responses_page() -> str:
    """Table of all responses, made from their declarations."""
    lines = [
        "# All responses",
        "",
        "One file in `adiabloch/responses` each; [how to add one](../development/contributing.md). Parities are those",
        "of the response under time reversal and inversion of the crystal, for observables of the user that are even.",
        "Parity and unit are those of the first variable; responses to observables have the unit of the observable in",
        "addition.",
        "",
        "| response | quantity | unit | time reversal | inversion | equation |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in sorted(module.name for module in pkgutil.iter_modules(responses.__path__)):
        declared = getattr(adiabloch, name).declaration
        unit = next(iter(declared.unit_labels))
        time, space = (PARITY[parity] for parity in declared.parities_of(next(iter(declared.parts))))
        lines.append(f"| `{name}` | {declared.title} | {unit} | {time} | {space} | {declared.equation} |")
    return "\n".join([*lines, ""])


def contributing_page() -> str:
    """CONTRIBUTING.md, with links to pages of the documentation."""
    text = (DOCS.parent / "CONTRIBUTING.md").read_text()
    return re.sub(r"`docs/([\w/]+\.md)`", r"[](../\1)", text)


def write_if_changed(path: Path, text: str) -> None:
    """Keep the file, and its time, if it is current."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def write_pages(app: Sphinx) -> None:
    """Write the pages before Sphinx looks for them."""
    write_if_changed(DOCS / "reference" / "responses.md", responses_page())
    write_if_changed(DOCS / "theory" / "equations.md", equations.page(DOCS))
    write_if_changed(DOCS / "development" / "contributing.md", contributing_page())


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_pages, priority=100)
    return {"parallel_read_safe": True}
