"""Style of all figures: colours, fonts, units in labels."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adiabloch.errors import MissingExtraError
from adiabloch.units import latex_of_unit

if TYPE_CHECKING:
    import xarray

INK = "#1f2933"
"""Colour of text and axes."""
BLUE = "#1b5e9b"
RED = "#b8372f"
GREY = "#8a949e"
COLOURS = (BLUE, RED, "#c98a1b", "#3f7f5f", GREY, INK)
"""Colours of successive curves."""
DIVERGING = "RdBu_r"
"""Colour map of values with both signs."""
PAGE_WIDTH = 7.0
"""Width of a figure that spans two columns of a journal, in inches."""

_RC_PARAMETERS: Any = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 9.0,
    "axes.labelsize": 10.0,
    "axes.linewidth": 0.7,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "savefig.bbox": "tight",
    "savefig.dpi": 300,
    # TrueType fonts, so that text in a PDF can be searched and edited
    "pdf.fonttype": 42,
    # the same picture gives the same file
    "svg.hashsalt": "adiabloch",
}


@contextmanager
def project_style() -> Iterator[Any]:
    """Draw in the style of the project; yields `matplotlib.pyplot`.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'adiabloch[plot]'") from None
    with plt.rc_context(_RC_PARAMETERS):
        yield plt


LONGEST_LABEL = 42
"""Largest number of characters of a line of a label; an axis of the usual size has place for so many."""
PLAIN_UNITS = ("", "1", "energy")
"""Units that are not worth writing: those of the model."""


def label_with_unit(variable: xarray.DataArray) -> str:
    """Return name, component and unit of a variable: "Berry curvature, z (area)"."""
    name = str(variable.attrs.get("long_name", variable.name))
    component = str(variable.attrs.get("component", ""))
    if component and component not in name.split():
        name += " (trace)" if component == "trace" else rf" ${component}$"
    unit = str(variable.attrs.get("units", ""))
    if unit in PLAIN_UNITS:
        return textwrap.fill(name, LONGEST_LABEL)
    line = " " if len(name) + len(unit) < LONGEST_LABEL else "\n"
    return f"{textwrap.fill(name, LONGEST_LABEL)}{line}({unit_label(variable)})"


def plain_number(text: str) -> str:
    """Return a number as it is printed: no minus sign of zero, a long minus sign, powers of ten."""
    text = re.sub(r"^-(?=[0.]+$)", "", text)
    text = re.sub(r"e([+-]\d+)", lambda power: rf"$\times10^{{{int(power[1])}}}$", text)
    return re.sub(r"(?<![{^])-", "\u2212", text)


def value_label(value: object) -> str:
    """Return a value along a dimension as it is printed: numbers with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def dimension_label(name: str) -> str:
    """Return the name of a dimension as it is printed."""
    return {"displacement": "displacement $i$", "displacement_2": "displacement $j$"}.get(name, name.replace("_", " "))


def point_label(label: str) -> str:
    """Return the label of a point of the zone: upright, with subscripts, Γ and a prime."""
    text = re.sub(r"(\d+)", r"$_{\\mathrm{\1}}$", label)
    return text.replace("'", "\u2032").replace("|", " | ")


def unit_label(variable: xarray.DataArray) -> str:
    """Return the unit of a variable as mathematical text of matplotlib."""
    return f"${latex_of_unit(str(variable.attrs.get('units', '')))}$"
