"""Arguments and options that several commands share, and their output."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from adiabloch.cli.app import command_line, numbers, out
from adiabloch.errors import InvalidArgumentError

if TYPE_CHECKING:
    import xarray

    from adiabloch.io.crystal_files import WannierOptions

RESULTS = (".nc", ".nc4", ".cdf", ".netcdf", ".h5", ".hdf5")
"""Endings of files of results."""
Text = str | None
Seed = Annotated[
    Path, typer.Argument(help="Seed of Wannier90 (SEED.chk, SEED_tb.dat, SEED_hr.dat), or a file or saved model.")
]
Dimension = Annotated[int | None, typer.Option(help="2 for a slab, 1 for a wire; 3 by default.")]
Axes = Annotated[Text, typer.Option(help="Lattice vectors along which the crystal repeats, such as 0,1 or 2.")]
Data = Annotated[Path | None, typer.Option(help="File for the numbers (NetCDF).")]
Tolerance = Annotated[float, typer.Option(help="Relative accuracy of the integrals.")]
Occupied = Annotated[int, typer.Option(help="Number of occupied bands.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Workers = Annotated[int | None, typer.Option(help="Number of threads.")]


def complete_quantity(incomplete: str) -> list[str]:
    """Names of quantities that begin with a text, for the completion of a shell."""
    from adiabloch.jobs.catalogue import names

    return [name for name in names() if name.startswith(incomplete)]


def complete_case(incomplete: str) -> list[str]:
    """Cases of `adiabloch new` that begin with a text."""
    from adiabloch.jobs.starters import STARTERS

    return [case for case in STARTERS if case.startswith(incomplete)]


def wannier_options(dimension: int | None, axes: Text, **others: Any) -> WannierOptions:
    """Options of the readers of Wannier90."""
    from adiabloch.io.crystal_files import WannierOptions

    return WannierOptions(dimension, None if axes is None else numbers(axes, "axes", int), **others)


def say(*lines: str) -> None:
    """Print lines as they are."""
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)


def check_order(quantity: str, files: Sequence[Path], known: Collection[str]) -> None:
    """Check that the name of a quantity is given first, and the files after it."""
    others = [str(file) for file in files if str(file).partition(":")[0] in known]
    if others and quantity.partition(":")[0] not in known:
        raise InvalidArgumentError(
            f"{quantity}: expected first the quantity and then the file, as in {others[0]} {quantity}"
        )


def check_output(path: Path | None, picture: bool = False, endings: Sequence[str] = RESULTS) -> None:
    """Check the name of a file before the calculation; `endings` are those of its kind, which it may lack."""
    if path is not None and path.is_dir():
        raise InvalidArgumentError(f"{path}: a folder, expected the name of a file")
    if picture and path is not None:
        from adiabloch.commands.results import picture_kind

        picture_kind(path)
    elif path is not None and path.suffix not in ("", *endings):
        raise InvalidArgumentError(f"{path}: expected a name that ends with {endings[0]}")


def write_result(context: typer.Context, result: xarray.Dataset, path: Path | None) -> None:
    """Write a result, with the command that computed it, to a NetCDF file, if there is a name for it."""
    if path is not None:
        from adiabloch.io import save

        say(f"wrote {save(result.assign_attrs(command=command_line(context)), path)}")


def write_picture(result: xarray.Dataset, output: Path | None, seed: Path, ending: str) -> None:
    """Draw a result to a file, by default SEED + ending."""
    from adiabloch.commands.results import draw

    say(f"wrote {draw(result, output or seed.with_name(seed.name.split('.')[0] + ending))}")
