"""The `adiabloch` command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from adiabloch.errors import AdiablochError, InvalidArgumentError, Stopped
from adiabloch.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adiabloch.models import Cycle
    from adiabloch.studies.figure1 import Row

out = Console()
err = Console(stderr=True)


class _Commands(typer.core.TyperGroup):
    """Errors of the library end a command with one line and exit status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Stopped as stopped:
            err.print(f"adiabloch: {' '.join(str(stopped).split())}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(130) from None
        except (AdiablochError, OSError) as error:
            err.print(f"adiabloch: {' '.join(str(error).split())}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=_Commands,
    name="adiabloch",
    help="Adiabatic responses of Bloch electrons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CycleFile = Annotated[Path | None, typer.Argument(help="A cycle written by adiabloch.io.save_cycle (NetCDF).")]
Occupied = Annotated[int, typer.Option(help="Number of occupied bands.")]
Tolerance = Annotated[float, typer.Option(help="Relative accuracy of the bulk.")]


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"adiabloch {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Adiabatic responses of Bloch electrons."""


@app.command()
def figure1(
    output: Annotated[Path, typer.Option(help="Folder for the figure, the numbers and the table.")] = Path("figures"),
    fast: Annotated[bool, typer.Option("--fast", help="Fewer points, for a quick look.")] = False,
) -> None:
    """Reproduce Fig. 1 of the paper: orbital magnetization pumped by turning atoms."""
    from adiabloch.io import save
    from adiabloch.plotting.figure1 import draw
    from adiabloch.studies import figure1 as study

    output.mkdir(parents=True, exist_ok=True)
    with err.status("computing") as status:
        numbers = study.compute(fast=fast, report=lambda stage: status.update(f"computing {stage}"))
        status.update("drawing")
        picture = draw(numbers)
        written = [_save_figure(picture, output / f"figure1.{kind}") for kind in ("pdf", "png")]
    rows = study.table(numbers)
    written += [save(numbers, output / "figure1.nc"), _write(output / "figure1.md", _markdown(rows))]
    out.print(_table(rows))
    out.print(f"wrote {', '.join(str(path) for path in written)} in {numbers.attrs['seconds']:.0f} s", highlight=False)


@app.command()
def rashba(
    output: Annotated[Path, typer.Option(help="Folder for the figure, the numbers and the table.")] = Path("figures"),
    fast: Annotated[bool, typer.Option("--fast", help="Fewer points, for a quick look.")] = False,
) -> None:
    """Orbital beside spin: what turning atoms pump with Rashba coupling, which the paper mentions and does not show."""
    from adiabloch.plotting.rashba import draw
    from adiabloch.studies import rashba as study

    _show(study, draw, "pumped moments, 10⁻³ μB ħω/t0 upon a²", output, fast)


@app.command()
def metals(
    output: Annotated[Path, typer.Option(help="Folder for the figure, the numbers and the table.")] = Path("figures"),
    fast: Annotated[bool, typer.Option("--fast", help="Fewer points, for a quick look.")] = False,
) -> None:
    """Electric fields on a metal: induced magnetization, nonlinear Hall and Ettingshausen currents at any filling."""
    from adiabloch.plotting.metals import draw
    from adiabloch.studies import metals as study

    _show(study, draw, "a strained Haldane model in an electric field", output, fast)


@app.command()
def textures(
    output: Annotated[Path, typer.Option(help="Folder for the figure, the numbers and the table.")] = Path("figures"),
    fast: Annotated[bool, typer.Option("--fast", help="Fewer places and phases, for a quick look.")] = False,
) -> None:
    """Local currents where the gap changes from place to place: around a disk, and along a wave beside supercells."""
    from adiabloch.plotting.textures import draw
    from adiabloch.studies import textures as study

    _show(study, draw, "local currents in gapped graphene whose atoms turn", output, fast)


@app.command()
def pump(
    cycle: CycleFile = None,
    occupied: Occupied = 1,
    tolerance: Tolerance = 1e-6,
    output: Annotated[Path | None, typer.Option(help="Write the result to this NetCDF file.")] = None,
) -> None:
    """Pumped magnetization of a cycle; of the paper's model if no file is given."""
    from adiabloch.io import save
    from adiabloch.responses.pumped_magnetization import pumped_magnetization

    result = pumped_magnetization(_cycle(cycle), occupied, tolerance)
    grid = Table("component", "perturbative", "Chern-Simons", "total", "error", title="pumped magnetization (eω)")
    for name in result.component.values:
        here = result.sel(component=name)
        values = (here.perturbative, here.chern_simons, here.total)
        grid.add_row(str(name), *(f"{float(value):.10g}" for value in values), f"{float(here.error):.1e}")
    out.print(grid)
    out.print(result.attrs["note"], highlight=False)
    if output is not None:
        out.print(f"wrote {save(result, output)}", highlight=False)


@app.command()
def verify(
    cycle: CycleFile = None,
    occupied: Occupied = 1,
    tolerance: Tolerance = 1e-8,
    rows: Annotated[int, typer.Option(help="Width of the ribbon (2D).")] = 24,
    cells: Annotated[str, typer.Option(help="Sizes of the flakes, to extrapolate from.")] = "6,8,10,12",
    hexagon: Annotated[bool, typer.Option("--hexagon", help="Hexagonal flakes (hexagonal lattices only).")] = False,
) -> None:
    """Compare the bulk with open samples of the same cycle, by brute force; exit status 1 if they disagree.

    Without a file, the paper's model is used.
    """
    from adiabloch.studies.verification import verify as compare

    subject = _cycle(cycle)
    sizes = [_number(size, "cells") for size in cells.split(",")]
    with err.status("computing") as status:
        report = compare(
            subject,
            occupied,
            tolerance=tolerance,
            rows=rows,
            cells=sizes,
            shape="hexagon" if hexagon or cycle is None else "parallelogram",
            report=lambda stage: status.update(f"computing {stage}"),
        )
    grid = Table("", "", Column("M (eω)", no_wrap=True), "error", "off by", "verdict", title=str(subject))
    for line in report.lines:
        grid.add_row(*line.cells())
    out.print(grid)
    out.print(report.conclusion, highlight=False)
    if not report.agrees:
        raise typer.Exit(1)


@app.command()
def inspect(
    file: Annotated[
        Path, typer.Argument(help="SEED_tb.dat or SEED_hr.dat of Wannier90 (also .gz), or a saved model or cycle.")
    ],
    occupied: Annotated[int | None, typer.Option(help="Number of occupied bands, for the gap.")] = None,
    dimension: Annotated[int | None, typer.Option(help="2 for a slab, 1 for a wire; 3 by default.")] = None,
    axes: Annotated[
        str | None, typer.Option(help="Lattice vectors along which the crystal repeats, such as 0,1 or 2.")
    ] = None,
) -> None:
    """Show what is in a file: cell, orbitals, gap, how hoppings decay, how Hermitian it is."""
    from adiabloch.studies.inspection import inspect as look

    found = look(
        file,
        occupied=occupied,
        dimension=dimension,
        axes=None if axes is None else [_number(x, "axes") for x in axes.split(",")],
    )
    # the end of a long path is what tells files apart
    facts = Table("quantity", Column("value", overflow="fold"), title=found.title)
    orbitals = Table(*found.head)
    decay = Table("distance", "largest |h|", "largest |r| off the centres")
    for grid, rows in (
        (facts, found.facts),
        (orbitals, found.orbitals()),
        (decay, [shell.cells() for shell in found.shells]),
    ):
        for row in rows:
            grid.add_row(*row)
        out.print(grid, highlight=False, markup=False)


def _show(study: Any, draw: Callable[[Any], Figure], title: str, output: Path, fast: bool) -> None:
    """Compute a study, draw it, write it and print its table."""
    from adiabloch.io import save
    from adiabloch.studies.tables import markdown

    name = study.__name__.rpartition(".")[2]
    output.mkdir(parents=True, exist_ok=True)
    with err.status("computing") as status:
        numbers = study.compute(fast=fast, report=lambda stage: status.update(f"computing {stage}"))
        status.update("drawing")
        picture = draw(numbers)
        written = [_save_figure(picture, output / f"{name}.{kind}") for kind in ("pdf", "png")]
    rows = [row.cells() for row in study.table(numbers)]
    written += [save(numbers, output / f"{name}.nc"), _write(output / f"{name}.md", markdown(study.HEAD, rows))]
    grid = Table(*study.HEAD, title=title, show_lines=True)
    for row in rows:
        grid.add_row(*row)
    out.print(grid)
    out.print(f"wrote {', '.join(str(path) for path in written)} in {numbers.attrs['seconds']:.0f} s", highlight=False)


def _number(text: str, option: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidArgumentError(f"{option}: {text!r}, expected whole numbers separated by commas") from None


def _cycle(path: Path | None) -> Cycle:
    from adiabloch.io import load_cycle
    from adiabloch.studies import figure1 as study

    return study.cycle() if path is None else load_cycle(path)


def _table(rows: list[Row]) -> Table:
    grid = Table(
        "quantity", "paper", "here", "error", "remark", title="Fig. 1 against the paper's text", show_lines=True
    )
    for row in rows:
        grid.add_row(row.quantity, row.paper, row.here, row.error, row.remark)
    return grid


def _markdown(rows: list[Row]) -> str:
    lines = ["| quantity | paper | here | error | remark |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = (row.quantity, row.paper, row.here, row.error, row.remark)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _save_figure(figure: Figure, path: Path) -> Path:
    from adiabloch.files import atomic_write
    from adiabloch.plotting.style import look

    with atomic_write(path) as name, look():
        figure.savefig(name)
    return path


def _write(path: Path, text: str) -> Path:
    from adiabloch.files import atomic_write

    with atomic_write(path) as name:
        Path(name).write_text(text, encoding="utf-8")
    return path
