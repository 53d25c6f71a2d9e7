"""Summary of a result for notebooks and terminals: quantity, formula, picture, numbers with error bars, method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adiabloch.engine.unit_names import with_named_units
from adiabloch.errors import AdiablochError
from adiabloch.markup import Markup, card, element, entry_table, image, table
from adiabloch.summaries.numbers import entry_html, table_of
from adiabloch.summaries.origin import METHOD, MODEL, entries_of, origin_of
from adiabloch.summaries.pictures import formula_picture, picture_for_page

if TYPE_CHECKING:
    import xarray

ROWS = 8
"""Number of rows of the table."""
SIZE = (3.1, 2.3)
"""Size of the picture in inches."""
RESOLUTION = 120
"""Pixels per inch of a picture without lines."""


def result_html(result: xarray.Dataset) -> Markup:
    """Formula, picture and table of a result, and properties of its calculation."""
    result = with_named_units(result)
    origin = origin_of(result)
    formula = formula_picture(origin.formula) if origin.formula else None
    heading = element("div", element("b", origin.title), style="margin-bottom:0.3em")
    if formula is not None:
        # black on white in dark notebooks too
        style = "background:white;padding:0.3em;max-width:100%;display:block"
        heading = Markup(heading + image(formula, "svg", origin.formula, style))
    parts: list[Markup] = []
    drawn = picture_for_page(result, SIZE, RESOLUTION)
    if drawn is not None:
        style = f"background:white;width:{96 * SIZE[0]:.0f}px;max-width:100%"
        parts.append(image(*drawn, text=f"picture of {origin.title}", style=style))
    parts.append(_numbers(result))
    entries = [(name, entry_html(text)) for name, text in (*entries_of(result, METHOD), *entries_of(result, MODEL))]
    parts.append(entry_table("calculation", entries))
    return Markup(heading + card(parts, "; ".join(origin.sources)))


def result_text(result: xarray.Dataset) -> str:
    """Quantity, numbers with error bars, and properties of the calculation as text."""
    origin = origin_of(result)
    lines = [origin.title]
    try:
        found = table_of(result)
        columns, rows = found.with_errors(ROWS)
        texts = [[str(heading) for heading in columns], *rows]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        same = found.title.lower().startswith(origin.title.lower())
        lines = [found.title[:1].upper() + found.title[1:] if same else f"{origin.title}: {found.title}"]
        lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in texts]
        if found.size > ROWS:
            lines.append(f"... {found.size} rows")
    except AdiablochError as reason:
        lines.append(str(reason))
    lines += [f"{name}: {text}" for name, text in (*entries_of(result, METHOD), *entries_of(result, MODEL))]
    return "\n".join(lines)


def _numbers(result: xarray.Dataset) -> Markup:
    """Table of the first rows."""
    try:
        found = table_of(result)
    except AdiablochError:
        return Markup("")
    columns, rows = found.with_errors(ROWS)
    note = f"first {ROWS} of {found.size} rows" if found.size > ROWS else ""
    return table(found.heading.html, [heading.html for heading in columns], rows, note)
