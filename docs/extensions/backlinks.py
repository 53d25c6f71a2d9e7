"""Links from each function of the reference to the pages that mention it and to the programs that call it."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

from sphinx.application import Sphinx

import equations
import gallery
import links

DOCS = Path(__file__).parents[1]
PAGES = ("tutorials", "howto", "theory")
CODE = re.compile(r"`([^`\n]+)`|\b(ab(?:\.\w+)+)")
"""Code font, and names in blocks of code."""
COMMON = ("adiabloch.plot",)
"""Functions that almost all programs call."""


@cache
def pages() -> dict[str, list[str]]:
    """Links to the pages that mention an object, by its full name."""
    found, names = defaultdict(list), links.spellings()
    for path in (path for folder in PAGES for path in sorted((DOCS / folder).glob("*.md"))):
        if path.stem not in ("index", "equations"):
            mentioned = {links.target(one or other, names) for one, other in CODE.findall(path.read_text())}
            for name in mentioned - {None}:
                found[str(name)].append(f":doc:`{equations.title(path)} </{path.parent.name}/{path.stem}>`")
    return found


@cache
def programs() -> dict[str, list[str]]:
    """Links to the programs of the gallery that call a function, by its full name."""
    found = defaultdict(list)
    for example in (example for section in gallery.SECTIONS for example in gallery.examples(section)):
        for function in example.functions():
            found[f"adiabloch.{function}"].append(f":doc:`{example.docstring[0]} </gallery/{example.name}>`")
    return found


def add_links(app: Sphinx, what: str, name: str, found: object, options: object, lines: list[str]) -> None:
    """Add the links to the end of a docstring."""
    for title, by_name in (("Pages", pages()), ("Gallery", programs())):
        if name in by_name and name not in COMMON:
            lines += ["", f".. rubric:: {title}", "", ", ".join(by_name[name]), ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx, after numpydoc."""
    app.connect("autodoc-process-docstring", add_links, priority=900)
    return {"parallel_read_safe": True}
