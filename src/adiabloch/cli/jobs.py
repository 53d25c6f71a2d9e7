"""Commands for job files: run, new, quantities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from adiabloch.cli.app import app, out
from adiabloch.cli.options import AsJson, complete_case, complete_quantity

AllowPython = Annotated[bool, typer.Option("--allow-python", help="Execute the Python file that the job names.")]
Workers = Annotated[int | None, typer.Option(help="Number of threads or processes, in place of that of the file.")]


@app.command()
def run(
    job: Annotated[Path, typer.Argument(help="A job file (TOML); `adiabloch new` writes one to begin with.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate points, time and memory.")] = False,
    workers: Workers = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, such as tcp://host:8786.")] = None,
    part: Annotated[str | None, typer.Option(help="3/64: the third of 64 parts, for an array job.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Compute points again that failed.")] = False,
    allow_python: AllowPython = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no tables.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Whole results.")] = False,
) -> None:
    """Run a job file: compute its quantities, over its sweep, and write the results.

    An interrupted job continues from its store. Exit status: 0 if everything is done, 1 if some points
    failed, 2 for wrong input, 130 after Ctrl-C.
    """
    from adiabloch.commands import jobs

    if dry_run:
        costs = jobs.forecast(job, allow_python=allow_python, workers=workers)
        if as_json:
            print(jobs.as_json(dict(costs)))
            return
        grid = Table("quantity", "results", "points", "work", "time", "memory", title="expected cost")
        for label, cost in costs:
            grid.add_row(*jobs.forecast_row(label, cost))
        out.print(grid, highlight=False)
        return
    outcomes = []
    for outcome in jobs.run(
        job,
        scheduler=scheduler,
        workers=workers,
        part=part,
        retry_failed=retry_failed,
        allow_python=allow_python,
        progress=False if quiet else None,
    ):
        outcomes.append(outcome)
        if not (quiet or as_json):
            _print_outcome(outcome.label, outcome.entries())
            if verbose:
                out.print(str(outcome.result), highlight=False, markup=False)
    if as_json:
        print(jobs.as_json({outcome.label: outcome.entries() for outcome in outcomes}))
    if any(outcome.failed for outcome in outcomes):
        raise typer.Exit(1)


def _print_outcome(label: str, entries: dict[str, Any]) -> None:
    """Print a result of a job as a table."""
    grid = Table("", Column("", overflow="fold"), title=label)
    for name, value in entries.items():
        if name != "files" and not (name in ("failed", "not_computed") and value == 0):
            grid.add_row(name.replace("_", " "), _shown(value))
    for file in entries["files"]:
        grid.add_row("file", str(file))
    out.print(grid, highlight=False, markup=False)


def _shown(value: Any) -> str:
    """Numbers with six digits."""
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@app.command()
def new(
    case: Annotated[
        str,
        typer.Argument(
            help="pump, hall, nonlinear, magnetoelectric, texture, wannier, cycle, phonons, python.",
            autocompletion=complete_case,
        ),
    ],
    output: Annotated[Path, typer.Option(help="Name of the job file.")] = Path("job.toml"),
) -> None:
    """Write a commented job file for a typical case, to begin with."""
    from adiabloch.commands import jobs

    out.print(f"wrote {jobs.new(case, output)}; run it with: adiabloch run {output}", highlight=False, markup=False)


@app.command()
def quantities(
    name: Annotated[
        str | None,
        typer.Argument(help="Name of a quantity, for its arguments and source.", autocompletion=complete_quantity),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the quantities that can be computed, with their units; or the arguments and the source of one."""
    from adiabloch.commands import jobs

    entries = jobs.quantity_entries(name)
    if as_json:
        print(jobs.as_json(entries))
        return
    if name is not None:
        grid = Table("", Column("", overflow="fold"), title=name)
        for item in entries[0].items():
            grid.add_row(*item)
    else:
        columns = ("name", "of a", "unit")
        grid = Table(*(Column(column, no_wrap=True) for column in columns))
        for one in entries:
            grid.add_row(*(one[column] for column in columns))
    out.print(grid, highlight=False, markup=False)
