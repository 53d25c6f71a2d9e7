"""Application of the command line: errors as one line, common output."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from adiabloch.errors import AdiablochError, InvalidArgumentError
from adiabloch.interruption import INTERRUPTED, raise_from_now_on
from adiabloch.version import __version__

out = Console()
err = Console(stderr=True)
COMMAND = "adiabloch.command"
"""Key of the whole command in the context of a command."""
UsageError: type[Any] = typer.BadParameter.__bases__[0]
"""Error of a command that does not fit its arguments; typer has the class, but no name for it."""
HELP = "NoArgsIsHelpError"
"""Class of the error of a command without arguments, which shows the help."""


class Commands(typer.core.TyperGroup):
    """Commands that print an error of the library as one line and then exit with the status 2."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the whole command, and parse it."""
        ctx.meta.setdefault(COMMAND, shlex.join(["adiabloch", *args]))
        with _on_one_line(ctx):
            rest: list[str] = super().parse_args(ctx, args)
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        raise_from_now_on()
        try:
            with _on_one_line(ctx):
                return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            message = " ".join(str(stopped).split()) or "stopped"
            err.print(f"adiabloch: {message}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # the reader of the output has ended; the library of commands ends without a message
            raise
        except (AdiablochError, OSError) as error:
            err.print(f"adiabloch: {' '.join(str(error).split())}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(2) from None


@contextmanager
def _on_one_line(context: Any) -> Iterator[None]:
    """Context in which a command that does not fit its arguments prints one line and exits with the status 2."""
    try:
        yield
    except UsageError as error:
        if type(error).__name__ == HELP:
            raise
        names: list[str] = []
        at = error.ctx or context
        while at.parent is not None:
            names, at = [at.info_name, *names], at.parent
        text = " ".join(error.format_message().split()).rstrip(".")
        help_text = f"`{' '.join(['adiabloch', *names])} --help` shows what is expected"
        message = f"{' '.join(names)}{': ' if names else ''}{text[:1].lower()}{text[1:]}; {help_text}"
        err.print(f"adiabloch: {message}", style="red", markup=False, soft_wrap=True)
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
