"""One look for all pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from adiabloch.errors import MissingExtraError

if TYPE_CHECKING:
    import xarray

INK = "#1f2933"
BLUE = "#1b5e9b"
RED = "#b8372f"
GREY = "#8a949e"
DIVERGING = "RdBu_r"
COLOURS = (BLUE, RED, "#c98a1b", "#3f7f5f", GREY, INK)

_LOOK: Any = {
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
    # text stays text, so that journals can search and edit it
    "pdf.fonttype": 42,
}


@contextmanager
def look() -> Iterator[Any]:
    """Draw in the project's style; yields `matplotlib.pyplot`."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingExtraError("pictures need matplotlib: pip install 'adiabloch[plot]'") from None
    with plt.rc_context(_LOOK):
        yield plt


def unit(variable: xarray.DataArray) -> str:
    """The unit of a variable as one reads it."""
    words = str(variable.attrs.get("units", "")).replace("*", r"\,").replace(" ", r"\,")
    for symbol in ("omega", "hbar"):
        words = words.replace(symbol, rf"\{symbol}")
    for word in ("length", "energy", "area", "volume"):
        words = words.replace(word, rf"\mathrm{{{word}}}")
    return f"${words}$"
