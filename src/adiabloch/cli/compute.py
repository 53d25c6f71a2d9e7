"""Command for one quantity of the crystal in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from adiabloch.cli.app import app, command_line
from adiabloch.cli.options import (
    AsJson,
    Axes,
    Dimension,
    Text,
    Workers,
    check_order,
    check_output,
    complete_quantity,
    say,
    wannier_options,
    write_result,
)
from adiabloch.cli.results import print_table
from adiabloch.errors import InvalidArgumentError


@app.command()
def compute(
    context: typer.Context,
    quantity: Annotated[
        str,
        typer.Argument(
            help="Name of the quantity; `adiabloch quantities` lists all.", autocompletion=complete_quantity
        ),
    ],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Seed of Wannier90 (SEED.chk, SEED_tb.dat, SEED_hr.dat), a saved model, cycle or deformation, the "
            "snapshots of a cycle in their order, or a folder of displaced crystals.",
        ),
    ],
    occupied: Annotated[Text, typer.Option(help="Number of occupied bands.", metavar="N")] = None,
    mu: Annotated[
        Text, typer.Option(help="Chemical potentials.", metavar="VALUE[,VALUE...] | START:STOP:COUNT")
    ] = None,
    temperature: Annotated[
        Text, typer.Option(help="k_B T in the energy unit of the model, or kelvin: 300K.", metavar="VALUE[,VALUE...]")
    ] = None,
    mesh: Annotated[Text, typer.Option(help="Fixed uniform mesh.", metavar="N[,N...]")] = None,
    tolerance: Annotated[Text, typer.Option(help="Relative accuracy.", metavar="VALUE")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Another argument; `adiabloch quantities NAME` lists them.", metavar="NAME=VALUE"),
    ] = None,
    theta: Annotated[
        float | None, typer.Option(help="Phase of a cycle in radians: the model there is the crystal.", metavar="PHASE")
    ] = None,
    dimension: Dimension = None,
    axes: Axes = None,
    spin: Annotated[bool, typer.Option("--spin", help="Read the spin (SEED.spn).")] = False,
    outside: Annotated[
        bool, typer.Option("--outside", help="Read the states outside the functions of a SEED.chk.")
    ] = False,
    units: Annotated[
        Text, typer.Option(help='"si", or units such as "e^2/h", "S/cm", "mu_B/cell,meV".', metavar="UNIT[,UNIT...]")
    ] = None,
    energy: Annotated[
        str, typer.Option(help="Energy unit of a saved model: eV, hartree, ..., or a number in eV.")
    ] = "eV",
    length: Annotated[
        str, typer.Option(help="Length unit of a saved model: angstrom, bohr, ..., or a number in Å.")
    ] = "angstrom",
    frequency: Annotated[
        float | None, typer.Option(help="Angular frequency of a cycle in rad/s, for units of pumped quantities.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the result to this NetCDF file.")] = None,
    workers: Workers = None,
    rows: Annotated[int, typer.Option(min=1, help="Largest number of rows of the table.")] = 40,
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate points, time and memory.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Compute a quantity of the crystal in a file, or of a cycle of several files."""
    from adiabloch.commands import compute as command
    from adiabloch.commands.jobs import as_json as text_of
    from adiabloch.jobs.catalogue import names
    from adiabloch.summaries.numbers import table_of

    options: dict[str, Any] = {"executor": workers, "progress": False if quiet else None, "dry_run": dry_run}
    flags = {
        "occupied": occupied,
        "chemical_potential": mu,
        "temperature": temperature,
        "mesh": mesh,
        "tolerance": tolerance,
    }
    wanted = command.ModelUnits(units or "", _unit(energy), _unit(length), frequency)
    check_output(output)
    check_order(quantity, files, names())
    result = command.compute(
        quantity,
        files,
        flags=flags,
        settings=settings or (),
        wannier=wannier_options(dimension, axes, spin=spin, outside=outside),
        units=wanted,
        theta=theta,
        options=options,
    )
    if dry_run:
        say(command.forecast_text(result))
        return
    result = result.assign_attrs(command=command_line(context))
    failure = None
    try:
        result = wanted.of(result)
    except InvalidArgumentError as reason:  # the result as it is must not be lost
        failure = reason
    if as_json:
        print(text_of(command.json_of(result)))
    elif not quiet:
        print_table(table_of(result, quantity), rows)
        if units is None:
            say(command.units_note(result))
    write_result(context, result, output)
    if failure is not None:
        raise failure


def _unit(text: str) -> float | str:
    """Unit given as a number or by its name."""
    try:
        return float(text)
    except ValueError:
        return text
