"""Pictures of results and formulas as the contents of files, without a display."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from adiabloch.errors import AdiablochError
from adiabloch.plotting import plot
from adiabloch.plotting.dispatch import axes_for
from adiabloch.plotting.style import INK, project_style

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

SIZE = (4.2, 3.2)
"""Size of a picture in inches."""
LARGEST = 400_000
"""Largest size of a picture with lines (SVG) in a page, in bytes; larger ones consist of pixels."""
MOST_VALUES = 200_000
"""Largest number of values of a result that is drawn for a page."""
PLAIN = {r"\Big": "", r"\tfrac12": r"\frac{1}{2}", r"\frac12": r"\frac{1}{2}", r"\tfrac": r"\frac"}
"""Commands of LaTeX that matplotlib does not know, and what stands for them."""


def picture(result: xarray.Dataset, kind: str, *, size: tuple[float, float] = SIZE, resolution: int = 200) -> bytes:
    """Picture of a result: "png", "pdf" or "svg".

    Raises
    ------
    InvalidArgumentError
        There is no picture for the dataset.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with project_style():
        figure = Figure(figsize=size, layout="compressed")
        FigureCanvasAgg(figure)
        plot(result, axes_for(result, figure))
        return _contents(figure, kind, resolution)


def picture_for_page(
    result: xarray.Dataset, size: tuple[float, float] = SIZE, resolution: int = 200
) -> tuple[bytes, str] | None:
    """Picture of a result and its kind: "svg", or "png" if that is smaller; None if there is no picture."""
    if sum(variable.size for variable in result.data_vars.values()) > MOST_VALUES:
        return None
    many = sum(variable.size for variable in result.data_vars.values()) > MOST_VALUES / 100
    try:
        content = b"" if many else picture(result, "svg", size=size)
        if content and len(content) <= LARGEST:
            return content, "svg"
        return picture(result, "png", size=size, resolution=resolution), "png"
    except (AdiablochError, ValueError, TypeError, KeyError, IndexError):  # whatever a dataset of other programs causes
        return None


def formula_picture(formula: str) -> bytes | None:
    """Picture (SVG) of a formula in LaTeX; None if matplotlib cannot draw it."""
    for command, other in PLAIN.items():
        formula = formula.replace(command, other)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        with project_style():
            figure = Figure(figsize=(1, 1))
            FigureCanvasAgg(figure)
            figure.text(0, 0, f"${formula}$", fontsize=15, color=INK)
            return _contents(figure, "svg", 72)
    except (AdiablochError, ImportError, ValueError):
        return None


def _contents(figure: Figure, kind: str, resolution: int) -> bytes:
    """Contents of the file of a figure."""
    content = io.BytesIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type")) if kind == "svg" else None
    figure.savefig(content, dpi=resolution, format=kind, metadata=metadata)
    return content.getvalue()
