"""The command that runs a study: compute, draw, write the files and print the table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich.table
from rich.console import Console

from adiabloch.errors import InvalidArgumentError
from adiabloch.files import atomic_write
from adiabloch.io import save
from adiabloch.paper.study import Study
from adiabloch.paper.table import Table
from adiabloch.plotting.style import project_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def run(study: Study, folder: Path, *, fast: bool) -> None:
    """Run a study, write its files and print its table.

    Parameters
    ----------
    study : Study
    folder : Path
        Folder of the figure (PDF and PNG), the numbers (NetCDF) and the table (Markdown). It is created if necessary.
    fast : bool
        Use coarser grids and looser tolerances.
    """
    if folder.is_file():
        raise InvalidArgumentError(f"{folder}: a file, expected the name of a folder")
    folder.mkdir(parents=True, exist_ok=True)
    with Console(stderr=True).status("computing") as status:
        numbers = study.compute(fast=fast, report=lambda stage: status.update(f"computing {stage}"))
        status.update("drawing")
        figure = study.draw(numbers)
        written = [_save_figure(figure, folder / f"{study.name}.{kind}") for kind in ("pdf", "png")]
    table = study.summarize(numbers)
    written.append(save(numbers, folder / f"{study.name}.nc"))
    written.append(_write_text(table.markdown(), folder / f"{study.name}.md"))
    out = Console()
    out.print(_printable(table, out.width))
    names = ", ".join(str(path) for path in written)
    out.print(f"wrote {names} in {numbers.attrs['seconds']:.0f} s", highlight=False)


def _printable(table: Table, width: int) -> rich.table.Table:
    """Return the table in a form that a terminal of some width can show."""
    columns = zip(table.columns, _widths(table, width), strict=True)
    grid = rich.table.Table(
        *(rich.table.Column(name, overflow="fold", width=size) for name, size in columns),
        title=table.title,
        show_lines=True,
    )
    for row in table.rows:
        grid.add_row(*row)
    return grid


def _widths(table: Table, width: int) -> list[int | None]:
    """Widths of the columns: at least the longest word, so that none is broken; None if that is too wide."""
    columns = [*zip(table.columns, *table.rows, strict=True)]
    widths = [max(map(len, " ".join(column).split())) for column in columns]
    wanted = [max(map(len, column)) for column in columns]
    free = width - 3 * len(columns) - 1 - sum(widths)
    if free < 0:
        return [None] * len(columns)
    for _ in range(free):
        narrowest = max(range(len(columns)), key=lambda number: wanted[number] / widths[number])
        widths[narrowest] += wanted[narrowest] > widths[narrowest]
    return [*widths]


def _save_figure(figure: Figure, path: Path) -> Path:
    with atomic_write(path) as name, project_style():
        figure.savefig(name)
    return path


def _write_text(text: str, path: Path) -> Path:
    with atomic_write(path) as name:
        Path(name).write_text(text, encoding="utf-8")
    return path
