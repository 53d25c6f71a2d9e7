"""Commands for all phonons of a crystal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from adiabloch.cli.app import Commands, app, numbers, out
from adiabloch.cli.options import Occupied, Tolerance, say, write_result

phonons = typer.Typer(
    cls=Commands,
    help="Magnetic moments of all phonons of a crystal at q = 0, from first principles.",
    no_args_is_help=True,
)
app.add_typer(phonons, name="phonons")


@phonons.command()
def prepare(
    structure: Annotated[Path, typer.Argument(help="The crystal at rest: POSCAR, CIF, input of pw.x, ...")],
    output: Annotated[Path, typer.Option(help="Folder for the displaced crystals.")] = Path("displaced"),
    step: Annotated[str, typer.Option(help="Displacement in Å; several, such as 0.02,0.04, give an error.")] = "0.02",
    axes: Annotated[str, typer.Option(help="Cartesian axes of the displacements; xy for a layer.")] = "xyz",
    template: Annotated[
        Path | None, typer.Option(help="Folder with inputs, with a line @ATOMS@ in place of the atoms.")
    ] = None,
    symmetry: Annotated[
        bool, typer.Option(help="Leave out what follows by symmetry; not for functions without it.")
    ] = True,
    magnetic_moments: Annotated[
        str | None, typer.Option(help="Of the atoms of a magnet, along z, such as 2.2,-2.2.")
    ] = None,
) -> None:
    """Write the inputs of the crystal at rest and of displaced crystals: all, or those that symmetry does not give."""
    from adiabloch.commands.phonons import SCRIPT, prepare

    steps = numbers(step, "step", float)
    moments = None if magnetic_moments is None else numbers(magnetic_moments, "magnetic-moments", float)
    displacements = prepare(
        structure, output, steps=steps, axes=axes, template=template, symmetry=symmetry, magnetic_moments=moments
    )
    out.print(f"{displacements} in {output}", highlight=False, markup=False)
    if (output / SCRIPT).exists():
        out.print(f"compute them with: sh {output / SCRIPT}", highlight=False, markup=False)


@phonons.command()
def collect(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of `phonons prepare`, with the calculations done.")],
    seed: Annotated[str, typer.Argument(help="Seed of Wannier90.")],
    occupied: Occupied,
    charges: Annotated[str | None, typer.Option(help="Charges of the ion cores, such as 3,5.")] = None,
    degeneracy: Annotated[int | None, typer.Option(help="Electrons in each state, if no charges are given.")] = None,
    dimension: Annotated[int | None, typer.Option(help="2 for a layer; by default as the mesh of k points.")] = None,
    spin: Annotated[bool, typer.Option("--spin", help="Read spin matrices (.spn).")] = False,
    modes: Annotated[Path | None, typer.Option(help="Modes at q = 0; by default from the forces.")] = None,
    forces: Annotated[str, typer.Option(help="Name of the outputs with the forces.")] = "scf.out",
    waves: Annotated[str | None, typer.Option(help="Folder PREFIX.save in each folder.")] = None,
    all_bands: Annotated[
        str | None, typer.Option(help="Seed of the overlaps (.mmn) of all bands, for the sum over all empty states.")
    ] = None,
    component: Annotated[str, typer.Option(help="Component of the moments in the table.")] = "z",
    tolerance: Tolerance = 1e-4,
    output: Annotated[Path | None, typer.Option(help="Write the moments to this NetCDF file.")] = None,
    crystal: Annotated[Path | None, typer.Option(help="Write the displaced crystals to this NetCDF file.")] = None,
) -> None:
    """Compute the magnetic moments of all modes from the calculations in a folder."""
    from adiabloch.commands.phonons import HEADS, collect
    from adiabloch.io import save_deformation

    found = collect(
        folder,
        seed,
        occupied,
        charges=None if charges is None else numbers(charges, "charges", float),
        degeneracy=degeneracy,
        dimension=dimension,
        spin=spin,
        modes=modes,
        forces=forces,
        waves=waves,
        all_bands=all_bands,
        tolerance=tolerance,
    )
    heads = [Column(head, no_wrap=True, justify="right") for head in HEADS]
    rows = found.rows(component)
    grid = Table(*heads, title=f"magnetic moments of one quantum along {component}")
    for row in rows:
        grid.add_row(*row)
    out.print(grid)
    write_result(context, found.moments, output)
    if crystal is not None:
        say(f"wrote {save_deformation(found.deformation, crystal)}")
