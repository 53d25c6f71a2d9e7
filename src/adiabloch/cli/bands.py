"""Command for bands of crystals in files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adiabloch.cli.app import app, numbers, out

Text = str | None


@app.command()
def bands(
    seed: Annotated[
        Path, typer.Argument(help="Seed of Wannier90 (SEED.chk, SEED_tb.dat, SEED_hr.dat), or a file or saved model.")
    ],
    path: Annotated[
        Text, typer.Option(help="Labels such as GKMG, with a comma where the path jumps; from the lattice by default.")
    ] = None,
    colour: Annotated[
        Text,
        typer.Option("--colour", "--color", help="Band quantity as colour: berry_curvature, spin:z, projection:0,1."),
    ] = None,
    size: Annotated[Text, typer.Option(help="Band quantity as width of the curves.")] = None,
    occupied: Annotated[int | None, typer.Option(help="Number of occupied bands, to mark the gap.")] = None,
    mu: Annotated[float | None, typer.Option(help="Chemical potential, to mark it.")] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Bands to compare with: SEED_band.dat, or bands.dat(.gnu) of bands.x.")
    ] = None,
    points: Annotated[int, typer.Option(help="Number of points along the path.")] = 200,
    dimension: Annotated[int | None, typer.Option(help="2 for a slab, 1 for a wire; 3 by default.")] = None,
    axes: Annotated[
        Text, typer.Option(help="Lattice vectors along which the crystal repeats, such as 0,1 or 2.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Picture (.png, .pdf, .svg); SEED_bands.png by default.")] = None,
    data: Annotated[Path | None, typer.Option(help="File for the numbers (NetCDF).")] = None,
) -> None:
    """Draw the bands of a crystal along a path through the Brillouin zone."""
    from adiabloch.commands.bands import bands_of_file, summary
    from adiabloch.commands.results import draw

    result = bands_of_file(
        seed,
        path=path,
        colour=colour,
        size=size,
        occupied=occupied,
        chemical_potential=mu,
        reference=reference,
        points=points,
        dimension=dimension,
        axes=None if axes is None else numbers(axes, "axes", int),
    )
    for line in summary(result):
        out.print(line, highlight=False, markup=False)
    written = draw(result, output or seed.with_name(f"{seed.name.split('.')[0]}_bands.png"))
    out.print(f"wrote {written}", highlight=False, markup=False)
    if data is not None:
        from adiabloch.io import save

        out.print(f"wrote {save(result, data)}", highlight=False, markup=False)
