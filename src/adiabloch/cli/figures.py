"""Commands that reproduce and extend the figures of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adiabloch.cli.app import app

Folder = Annotated[Path, typer.Option(help="Folder for the figure, the numbers and the table.")]
Fast = Annotated[bool, typer.Option("--fast", help="Fewer points, for a quick look.")]
FIGURES = Path("figures")
"""Default folder of figures."""


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
    fast: Annotated[bool, typer.Option("--fast", help="Fewer positions and phases, for a quick look.")] = False,
) -> None:
    """Compute local currents where the gap changes with the position: around a disk, and along a wave."""
    from adiabloch.paper.command import run
    from adiabloch.paper.textures import STUDY

    run(STUDY, output, fast=fast)
