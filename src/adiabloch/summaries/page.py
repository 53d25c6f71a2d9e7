"""Page about results: one HTML file without scripts and without addresses that a browser would load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adiabloch.engine.unit_names import with_named_units
from adiabloch.errors import AdiablochError
from adiabloch.markup import Markup, element, image, joined, typeset
from adiabloch.summaries.citations import DOI, PAPER, software
from adiabloch.summaries.numbers import entry_html, table_of
from adiabloch.summaries.origin import (
    JOB,
    METHOD,
    MODEL,
    RERUN,
    Entries,
    Origin,
    entries_of,
    origin_of,
    other_entries,
    progress_of,
)
from adiabloch.summaries.pictures import formula_picture, picture_for_page
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

ROWS = 40
"""Largest number of rows of a table."""
LONGEST = 2000
"""Largest length of an entry."""
SIZE = (6.0, 4.2)
"""Size of a picture in inches."""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Contents that a browser may load for the page: pictures within it, and its style."""
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; background: #ffffff; max-width: 52rem; margin: 0 auto;
  padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; border-bottom: 1px solid #d5dade; }
figure { margin: 1rem 0; }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; border-bottom: 1px solid #eceff1; }
.numbers th, .numbers td { text-align: right; }
.numbers td { white-space: nowrap; }
.entries { width: 100%; }
.entries td { overflow-wrap: anywhere; }
.entries td:first-child { width: 40%; color: #52606d; }
pre { background: #f4f6f8; padding: 0.75rem; overflow-x: auto; font-size: 0.85rem; }
.warning { background: #fdf0e7; border-left: 4px solid #b8372f; padding: 0.5rem 0.75rem; }
.section { margin-top: 3rem; border-top: 3px solid #1b5e9b; padding-top: 0.5rem; }
@media (max-width: 40rem) {
  body { padding: 0.75rem; font-size: 15px; }
  .numbers { font-size: 0.8rem; }
  th, td { padding-right: 0.5rem; }
}
footer, .note { color: #52606d; font-size: 0.9rem; }
"""


@dataclass(frozen=True, eq=False)
class Section:
    """Result on a page, and the name of its file."""

    result: xarray.Dataset
    name: str


def page(sections: Sequence[Section], job: str | None = None) -> str:
    """Page about results: pictures, numbers, crystal, method, citations, and the way to compute them again.

    Parameters
    ----------
    sections : sequence of Section
    job : str, optional
        Text of the job file; by default that in the attributes of the results.
    """
    origins = [origin_of(section.result) for section in sections]
    title = "; ".join(dict.fromkeys(origin.title for origin in origins))
    parts: list[object] = [element("h1", title if len(sections) == 1 else f"{len(sections)} results")]
    for section, origin in zip(sections, origins, strict=True):
        if len(sections) > 1:
            parts.append(element("h1", origin.title, class_="section"))
        parts += _result(section, origin)
    parts += [element("h2", "How to cite"), _citations(sections, origins), element("h2", "How to compute it again")]
    parts += _rerun(sections, job)
    parts.append(element("footer", element("p", f"Page written by adiabloch {__version__}.")))
    head = [
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        element("style", Markup(STYLE)),
    ]
    return "<!DOCTYPE html>\n" + element("html", element("head", *head), element("body", *parts), lang="en") + "\n"


def _result(section: Section, origin: Origin) -> list[Markup]:
    """Formula, picture, numbers and properties of a result."""
    result = with_named_units(section.result)
    parts = [element("p", f"From {section.name}", class_="note")]
    if result.attrs.get("converged") in (False, 0):
        text = "The accuracy asked for was not reached; the error bars hold for the numbers that are given."
        parts.append(element("p", text, class_="warning"))
    if done := progress_of(result):
        parts.append(element("p", f"Points of the sweep: {done}. Numbers of the others are nan.", class_="warning"))
    formula = formula_picture(origin.formula) if origin.formula else None
    if formula is not None:
        parts.append(element("p", image(formula, "svg", origin.formula)))
    drawn = picture_for_page(result, SIZE)
    if drawn is not None:
        width = f"width:{96 * SIZE[0]:.0f}px"
        parts.append(element("figure", image(*drawn, text=f"picture of {origin.title}", style=width)))
    parts += [element("h2", "Numbers"), *_numbers(result)]
    for heading, entries in (
        ("Crystal", entries_of(result, MODEL)),
        ("Method", entries_of(result, METHOD)),
        ("Other attributes", other_entries(result)),
    ):
        if entries:
            parts += [element("h2", heading), _entries(entries)]
    return parts


def _numbers(result: xarray.Dataset) -> list[Markup]:
    """Table of the numbers, with error bars and units."""
    try:
        found = table_of(result)
    except AdiablochError as reason:
        return [element("p", reason)]
    columns, rows = found.with_errors(ROWS)
    heads = element("tr", *(element("th", heading.html) for heading in columns))
    body = [element("tr", *(element("td", typeset(cell)) for cell in row)) for row in rows]
    table = element("table", element("thead", heads), element("tbody", *body), class_="numbers")
    parts = [element("p", found.heading.html), element("div", table, class_="wide")]
    if found.size > ROWS:
        parts.append(element("p", f"The first {ROWS} of {found.size} rows; the file has all of them.", class_="note"))
    return parts


def _entries(entries: Entries) -> Markup:
    shown = ((name, text if len(text) <= LONGEST else f"{text[:LONGEST]} ...") for name, text in entries)
    rows = (element("tr", element("td", name), element("td", entry_html(text))) for name, text in shown)
    return element("table", element("tbody", *rows), class_="entries")


def _citations(sections: Iterable[Section], origins: Iterable[Origin]) -> Markup:
    """References to the library, the paper, and the sources of the responses."""
    versions = {str(section.result.attrs.get("adiabloch", __version__)) for section in sections}
    link = element("a", f"doi:{DOI}", href=f"https://doi.org/{DOI}", rel="noreferrer")
    items = [*map(software, sorted(versions)), joined([PAPER, ", ", link])]
    for origin in origins:
        items += [f"{origin.title}: {source}" for source in origin.sources]
    return element("ul", *(element("li", item) for item in dict.fromkeys(items)))


def _rerun(sections: Sequence[Section], job: str | None) -> list[Markup]:
    """Version, function, command or job file of each result."""
    parts = []
    for section in sections:
        attributes = section.result.attrs
        if len(sections) > 1:
            parts.append(element("p", element("b", section.name)))
        parts.append(_entries([(name, text) for name, text in entries_of(section.result, RERUN) if name != "command"]))
        if "command" in attributes:
            parts.append(element("pre", attributes["command"]))
    texts = dict.fromkeys([job] if job else [str(s.result.attrs[JOB]) for s in sections if JOB in s.result.attrs])
    for text in texts:
        parts += [element("p", "Job file, for adiabloch run:"), element("pre", text)]
    if not texts and not any("command" in section.result.attrs for section in sections):
        text = "Call the function with the same crystal (its checksum is above) and the same arguments."
        parts.append(element("p", text, class_="note"))
    return parts
