"""Application of the command line: errors as one line, common output."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from adiabloch.errors import AdiablochError, InvalidArgumentError
from adiabloch.version import __version__

out = Console()
err = Console(stderr=True)
COMMAND = "adiabloch.command"
"""Key of the whole command in the context of a command."""


class Commands(typer.core.TyperGroup):
    """Commands that print an error of the library as one line and then exit with the status 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the whole command, and parse it."""
        ctx.meta.setdefault(COMMAND, shlex.join(["adiabloch", *args]))
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            message = " ".join(str(stopped).split()) or "stopped"
            err.print(f"adiabloch: {message}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # the reader of the output has ended; the library of commands ends without a message
            raise
        except (AdiablochError, OSError) as error:
            err.print(f"adiabloch: {' '.join(str(error).split())}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    cls=Commands,
    name="adiabloch",
    help="Adiabatic responses of Bloch electrons.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Kind = TypeVar("Kind", int, float)


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


def command_line(context: typer.Context) -> str:
    """The whole command that runs, as it is given to a shell."""
    return str(context.meta[COMMAND])


def numbers(text: str, option: str, kind: type[Kind]) -> list[Kind]:
    """Numbers of a list given as an option, separated by commas."""
    found = []
    for word in text.split(","):
        try:
            found.append(kind(word))
        except ValueError:
            expected = "whole numbers" if kind is int else "numbers"
            raise InvalidArgumentError(f"{option}: {word!r}, expected {expected} separated by commas") from None
    return found
