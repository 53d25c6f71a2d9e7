"""Commands for one crystal: pumped magnetization, comparison with open samples, contents of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from adiabloch.cli.app import app, err, numbers, out
from adiabloch.cli.options import Axes, Dimension, Occupied, Seed, Tolerance, say, wannier_options, write_result

if TYPE_CHECKING:
    from adiabloch.models import Cycle

CycleFile = Annotated[Path | None, typer.Argument(help="A cycle written by adiabloch.io.save_cycle (NetCDF).")]


@app.command()
def pump(
    context: typer.Context,
    cycle: CycleFile = None,
    occupied: Occupied = 1,
    tolerance: Tolerance = 1e-6,
    output: Annotated[Path | None, typer.Option(help="Write the result to this NetCDF file.")] = None,
) -> None:
    """Compute the pumped magnetization of a cycle. Without a file, the paper's model is used."""
    from adiabloch.responses.pumped_magnetization import pumped_magnetization

    result = pumped_magnetization(_cycle(cycle), occupied, tolerance=tolerance)
    grid = Table("component", "perturbative", "Chern-Simons", "total", "error", title="pumped magnetization (eω)")
    for name in result.component.values:
        here = result.sel(component=name)
        values = (here.perturbative, here.chern_simons, here.total)
        grid.add_row(str(name), *(f"{float(value):.10g}" for value in values), f"{float(here.error):.1e}")
    out.print(grid)
    out.print(result.attrs["note"], highlight=False)
    write_result(context, result, output)


@app.command()
def verify(
    cycle: CycleFile = None,
    occupied: Occupied = 1,
    tolerance: Tolerance = 1e-8,
    rows: Annotated[int, typer.Option(help="Width of the ribbon (2D).")] = 24,
    cells: Annotated[str, typer.Option(help="Sizes of the flakes, to extrapolate from.")] = "6,8,10,12",
    hexagon: Annotated[bool, typer.Option("--hexagon", help="Hexagonal flakes (hexagonal lattices only).")] = False,
) -> None:
    """Compare the bulk with open samples of the same cycle. The exit status is 1 if they disagree.

    Without a file, the paper's model is used.
    """
    from adiabloch.commands.verification import verify as compare

    subject = _cycle(cycle)
    sizes = numbers(cells, "cells", int)
    with err.status("computing") as status:
        verification = compare(
            subject,
            occupied,
            tolerance=tolerance,
            rows=rows,
            cells=sizes,
            shape="hexagon" if hexagon or cycle is None else "parallelogram",
            report=lambda stage: status.update(f"computing {stage}"),
        )
    grid = Table("", "", Column("M (eω)", no_wrap=True), "error", "off by", "verdict", title=str(subject))
    for line in verification.lines:
        grid.add_row(*line.cells())
    out.print(grid)
    out.print(verification.conclusion, highlight=False)
    if not verification.agrees:
        raise typer.Exit(1)


@app.command()
def inspect(
    file: Seed,
    occupied: Annotated[
        int | None, typer.Option(help="Number of occupied bands, for its gap; by default all gaps are listed.")
    ] = None,
    dimension: Dimension = None,
    axes: Axes = None,
) -> None:
    """Show the contents of a file: cell, orbitals, gaps, decay of the hoppings, deviation from Hermiticity."""
    from adiabloch.commands.fillings import COLUMNS
    from adiabloch.commands.inspection import inspect as summarize

    found = summarize(file, wannier_options(dimension, axes), occupied=occupied)
    # long paths are folded, because their ends distinguish the files
    entries = Table("quantity", Column("value", overflow="fold"), title=found.title)
    orbitals = Table(*found.orbital_columns)
    decay = Table("distance", "largest |h|", "largest |r| off the centres")
    for grid, rows in (
        (entries, found.entries),
        (orbitals, found.orbitals()),
        (decay, [shell.cells() for shell in found.shells]),
        (Table(*COLUMNS), [gap.cells() for gap in found.gaps]),
    ):
        if not rows:
            continue
        for row in rows:
            grid.add_row(*row)
        out.print(grid, highlight=False, markup=False)
    say(*found.advice)


def _cycle(path: Path | None) -> Cycle:
    """Cycle in a file, or that of the paper's model."""
    if path is None:
        from adiabloch.paper.honeycomb import cycle

        return cycle()
    from adiabloch.io import load_cycle

    return load_cycle(path)
