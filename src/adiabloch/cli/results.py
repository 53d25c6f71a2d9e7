"""Commands for results in files: show, plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from adiabloch.cli.app import app, out
from adiabloch.cli.options import AsJson, check_output, say

if TYPE_CHECKING:
    from adiabloch.summaries.numbers import ResultTable

Result = Annotated[Path, typer.Argument(help="A result (NetCDF), or the store of a sweep (a folder .zarr).")]


def print_table(found: ResultTable, rows: int) -> None:
    """Print the numbers of a result, at most so many rows, and how it was computed."""
    cells = list(found.rows(rows))
    # headers are folded, numbers are not
    words = [max(map(len, name.split("_"))) for name in found.columns]
    widths = [max(word, *map(len, column)) for word, column in zip(words, zip(*cells, strict=True), strict=True)]
    columns = zip(found.columns, widths, strict=True)
    grid = Table(*(Column(name.replace("_", " "), min_width=width) for name, width in columns), title=found.title)
    for row in cells:
        grid.add_row(*row)
    width = max(out.width, sum(widths) + 3 * len(widths) + 1)
    out.print(grid, highlight=False, markup=False, width=width, crop=False)
    if found.size > rows:
        out.print(f"{rows} of {found.size} rows; --rows shows more", highlight=False)
    entries = Table("", Column("", overflow="fold"))
    for entry in found.entries:
        entries.add_row(*entry)
    out.print(entries, highlight=False, markup=False)


@app.command()
def show(
    file: Result,
    rows: Annotated[int, typer.Option(min=1, help="Largest number of rows.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Show a result: its numbers with error bars, and how it was computed."""
    from adiabloch.commands.results import read_result
    from adiabloch.summaries.numbers import table_of

    result = read_result(file)
    if as_json:
        from adiabloch.commands.jobs import as_json as text_of

        print(text_of(dict(result.to_dict())))
        return
    print_table(table_of(result, file.stem), rows)


@app.command()
def plot(
    file: Result,
    output: Annotated[
        Path | None, typer.Option(help="Picture (.png, .pdf, .svg); by default the name of the result.")
    ] = None,
) -> None:
    """Draw a result."""
    from adiabloch.commands.results import draw, read_result

    written = draw(read_result(file), output or file.with_suffix(".png"))
    out.print(f"wrote {written}", highlight=False, markup=False)


@app.command()
def report(
    file: Annotated[
        Path, typer.Argument(help="A result (NetCDF), the store of a sweep, the folder of a job, or its job file.")
    ],
    output: Annotated[Path | None, typer.Option(help="Name of the page; by default FILE.html.")] = None,
) -> None:
    """Write one HTML page about a result: picture, numbers with error bars, method, citations, how to repeat it."""
    from adiabloch.commands.report import report as write

    check_output(output, endings=(".html", ".htm"))
    say(f"wrote {write(file, output)}")
