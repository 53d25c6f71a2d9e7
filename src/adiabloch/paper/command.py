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
    out.print(_printable(table))
    names = ", ".join(str(path) for path in written)
    out.print(f"wrote {names} in {numbers.attrs['seconds']:.0f} s", highlight=False)


def _printable(table: Table) -> rich.table.Table:
    """Return the table in a form that the terminal can show."""
    grid = rich.table.Table(
        *(rich.table.Column(name, overflow="fold") for name in table.columns), title=table.title, show_lines=True
    )
    for row in table.rows:
        grid.add_row(*row)
    return grid


def _save_figure(figure: Figure, path: Path) -> Path:
    with atomic_write(path) as name, project_style():
        figure.savefig(name)
    return path


def _write_text(text: str, path: Path) -> Path:
    with atomic_write(path) as name:
        Path(name).write_text(text, encoding="utf-8")
    return path
