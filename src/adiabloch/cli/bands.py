"""Commands for pictures of crystals in files: bands along a path, maps over the Brillouin zone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adiabloch.cli.app import app, numbers
from adiabloch.cli.options import (
    Axes,
    Data,
    Dimension,
    Seed,
    Text,
    check_order,
    check_output,
    say,
    wannier_options,
    write_picture,
    write_result,
)


@app.command()
def bands(
    context: typer.Context,
    seed: Seed,
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
        Path | None, typer.Option(help="Bands to compare with: SEED_band.dat, filband of bands.x, or the XML of pw.x.")
    ] = None,
    points: Annotated[int, typer.Option(help="Number of points along the path.")] = 200,
    dimension: Dimension = None,
    axes: Axes = None,
    output: Annotated[Path | None, typer.Option(help="Picture (.png, .pdf, .svg); SEED_bands.png by default.")] = None,
    data: Data = None,
) -> None:
    """Draw the bands of a crystal along a path through the Brillouin zone."""
    from adiabloch.commands.bands import bands_of_file, summary

    check_output(output, picture=True)
    check_output(data)
    result = bands_of_file(
        seed,
        wannier_options(dimension, axes),
        path=path,
        colour=colour,
        size=size,
        occupied=occupied,
        chemical_potential=mu,
        reference=reference,
        points=points,
    )
    say(*summary(result))
    write_picture(result, output, seed, "_bands.png")
    write_result(context, result, data)


@app.command("map")
def zone_map(
    context: typer.Context,
    quantity: Annotated[
        str, typer.Argument(help="Band quantity: berry_curvature, orbital_moment, spin:z, quantum_metric:xx, energy.")
    ],
    seed: Seed,
    occupied: Annotated[int | None, typer.Option(help="Sum over the lowest bands, filled.")] = None,
    group: Annotated[Text, typer.Option("--bands", help="Sum over a group of bands: FIRST,LAST+1.")] = None,
    band: Annotated[int | None, typer.Option(help="One band, counted from 0.")] = None,
    mu: Annotated[
        float | None, typer.Option(help="Contours of this energy; without the options above, all states below it.")
    ] = None,
    normal: Annotated[Text, typer.Option(help="Normal of the plane in 3D: x, y, z, or a vector such as 1,1,0.")] = None,
    offset: Annotated[float, typer.Option(help="Distance of the plane from Γ.")] = 0.0,
    points: Annotated[int, typer.Option(help="Number of points along the longer side.")] = 121,
    theta: Annotated[float, typer.Option(help="Phase of a cycle.")] = 0.0,
    dimension: Dimension = None,
    axes: Axes = None,
    output: Annotated[Path | None, typer.Option(help="Picture (.png, .pdf, .svg); SEED_map.png by default.")] = None,
    data: Data = None,
) -> None:
    """Draw a map of a band quantity over the Brillouin zone, or over a plane through it."""
    from adiabloch.commands.bands import map_of_file, summary_of_map
    from adiabloch.engine.band_quantities import QUANTITIES

    chosen = None if group is None else numbers(group, "bands", int)
    check_output(output, picture=True)
    check_output(data)
    check_order(quantity, [seed], QUANTITIES)
    result = map_of_file(
        seed,
        quantity,
        wannier_options(dimension, axes),
        occupied=occupied,
        bands=chosen[0] if chosen is not None and len(chosen) == 1 else chosen,
        band=band,
        chemical_potential=mu,
        normal=numbers(normal, "normal", float) if normal is not None and "," in normal else normal,
        offset=offset,
        points=points,
        theta=theta,
    )
    say(*summary_of_map(result))
    write_picture(result, output, seed, "_map.png")
    write_result(context, result, data)
