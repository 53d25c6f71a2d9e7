"""The `adiabloch` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from adiabloch.errors import AdiablochError, InvalidArgumentError, Stopped
from adiabloch.version import __version__

if TYPE_CHECKING:
    from adiabloch.models import Cycle

out = Console()
err = Console(stderr=True)


class _Commands(typer.core.TyperGroup):
    """Commands that print an error of the library as one line and then exit with the status 2."""

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

Kind = TypeVar("Kind", int, float)
CycleFile = Annotated[Path | None, typer.Argument(help="A cycle written by adiabloch.io.save_cycle (NetCDF).")]
Occupied = Annotated[int, typer.Option(help="Number of occupied bands.")]
Folder = Annotated[Path, typer.Option(help="Folder for the figure, the numbers and the table.")]
Fast = Annotated[bool, typer.Option("--fast", help="Fewer points, for a quick look.")]
Tolerance = Annotated[float, typer.Option(help="Relative accuracy of the bulk.")]
FIGURES = Path("figures")
"""Default folder of figures."""


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
def figure1(output: Folder = FIGURES, fast: Fast = False) -> None:
    """Reproduce Fig. 1 of the paper: orbital magnetization pumped by rotating atoms."""
    from adiabloch.paper.command import run
    from adiabloch.paper.figure1 import STUDY

    run(STUDY, output, fast=fast)


@app.command()
def rashba(output: Folder = FIGURES, fast: Fast = False) -> None:
    """Compute orbital and spin magnetization pumped by rotating atoms in a honeycomb model with Rashba coupling."""
    from adiabloch.paper.command import run
    from adiabloch.paper.rashba import STUDY

    run(STUDY, output, fast=fast)


@app.command()
def metals(output: Folder = FIGURES, fast: Fast = False) -> None:
    """Compute responses of a metal to electric fields: magnetization, nonlinear Hall and heat currents."""
    from adiabloch.paper.command import run
    from adiabloch.paper.metals import STUDY

    run(STUDY, output, fast=fast)


@app.command()
def textures(
    output: Folder = FIGURES,
    fast: Annotated[bool, typer.Option("--fast", help="Fewer places and phases, for a quick look.")] = False,
) -> None:
    """Compute local currents where the gap changes from place to place: around a disk, and along a wave."""
    from adiabloch.paper.command import run
    from adiabloch.paper.textures import STUDY

    run(STUDY, output, fast=fast)


@app.command()
def pump(
    cycle: CycleFile = None,
    occupied: Occupied = 1,
    tolerance: Tolerance = 1e-6,
    output: Annotated[Path | None, typer.Option(help="Write the result to this NetCDF file.")] = None,
) -> None:
    """Compute the pumped magnetization of a cycle. Without a file, the paper's model is used."""
    from adiabloch.io import save
    from adiabloch.responses.pumped_magnetization import pumped_magnetization

    result = pumped_magnetization(_cycle(cycle), occupied, tolerance=tolerance)
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
    """Compare the bulk with open samples of the same cycle. The exit status is 1 if they disagree.

    Without a file, the paper's model is used.
    """
    from adiabloch.commands.verification import verify as compare

    subject = _cycle(cycle)
    sizes = _numbers(cells, "cells", int)
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
    file: Annotated[
        Path, typer.Argument(help="SEED_tb.dat or SEED_hr.dat of Wannier90 (also .gz), or a saved model or cycle.")
    ],
    occupied: Annotated[int | None, typer.Option(help="Number of occupied bands, for the gap.")] = None,
    dimension: Annotated[int | None, typer.Option(help="2 for a slab, 1 for a wire; 3 by default.")] = None,
    axes: Annotated[
        str | None, typer.Option(help="Lattice vectors along which the crystal repeats, such as 0,1 or 2.")
    ] = None,
) -> None:
    """Show the contents of a file: cell, orbitals, gap, decay of the hoppings, deviation from Hermiticity."""
    from adiabloch.commands.inspection import inspect as summarize

    found = summarize(
        file,
        occupied=occupied,
        dimension=dimension,
        axes=None if axes is None else _numbers(axes, "axes", int),
    )
    # long paths are folded, because their ends distinguish the files
    facts = Table("quantity", Column("value", overflow="fold"), title=found.title)
    orbitals = Table(*found.orbital_columns)
    decay = Table("distance", "largest |h|", "largest |r| off the centres")
    for grid, rows in (
        (facts, found.facts),
        (orbitals, found.orbitals()),
        (decay, [shell.cells() for shell in found.shells]),
    ):
        for row in rows:
            grid.add_row(*row)
        out.print(grid, highlight=False, markup=False)


phonons = typer.Typer(
    cls=_Commands,
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
) -> None:
    """Write the inputs of the crystal at rest and with each atom displaced."""
    from adiabloch.commands.phonons import SCRIPT, prepare

    steps = _numbers(step, "step", float)
    displacements = prepare(structure, output, steps=steps, axes=axes, template=template)
    out.print(f"{displacements} in {output}", highlight=False, markup=False)
    if (output / SCRIPT).exists():
        out.print(f"compute them with: sh {output / SCRIPT}", highlight=False, markup=False)


@phonons.command()
def collect(
    folder: Annotated[Path, typer.Argument(help="Folder of `phonons prepare`, with the calculations done.")],
    seed: Annotated[str, typer.Argument(help="Seed of Wannier90.")],
    occupied: Annotated[int, typer.Option(help="Number of occupied bands.")],
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
    tolerance: Annotated[float, typer.Option(help="Relative accuracy of the integrals.")] = 1e-4,
    output: Annotated[Path | None, typer.Option(help="Write the moments to this NetCDF file.")] = None,
    crystal: Annotated[Path | None, typer.Option(help="Write the displaced crystals to this NetCDF file.")] = None,
) -> None:
    """Compute the magnetic moments of all modes from the calculations in a folder."""
    from adiabloch.commands.phonons import HEADS, collect
    from adiabloch.io import save, save_deformation

    found = collect(
        folder,
        seed,
        occupied,
        charges=None if charges is None else _numbers(charges, "charges", float),
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
    if output is not None:
        out.print(f"wrote {save(found.moments, output)}", highlight=False, markup=False)
    if crystal is not None:
        out.print(f"wrote {save_deformation(found.deformation, crystal)}", highlight=False, markup=False)


def _numbers(text: str, option: str, kind: type[Kind]) -> list[Kind]:
    """Numbers of a list given as an option, separated by commas."""
    found = []
    for word in text.split(","):
        try:
            found.append(kind(word))
        except ValueError:
            expected = "whole numbers" if kind is int else "numbers"
            raise InvalidArgumentError(f"{option}: {word!r}, expected {expected} separated by commas") from None
    return found


def _cycle(path: Path | None) -> Cycle:
    """Cycle in a file, or that of the paper's model."""
    if path is None:
        from adiabloch.paper.honeycomb import cycle

        return cycle()
    from adiabloch.io import load_cycle

    return load_cycle(path)
