"""Marks of the gap on a picture of bands along a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.plotting.style import GREY, INK

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

SMALL_GAP = 0.09
"""Share of the energy axis below which a gap has no arrow."""
LINE = 0.085
"""Height of a line of text, as a share of the energy axis."""
EQUAL = 1e-9
"""Differences of energies, relative to their range, below which extrema are equal."""
BEYOND_PATH = 0.01
"""Relative difference of the gap on the path and in the zone from which both are written."""


def mark_gap(result: xarray.Dataset, ax: Axes) -> None:
    """Mark the highest occupied and the lowest empty energy on the path, and the direct gap if it is another one.

    If the gap of the whole zone is smaller than that on the path, it is written below.
    """
    number = int(result.attrs["occupied"])
    below, above = (result.energy.isel(band=band).values for band in (number - 1, number))
    x = result.distance.values
    reach = EQUAL * float(np.ptp(result.energy.values))
    top, bottom = nearest_extrema(x, below, above, reach)
    gap = float(above[bottom] - below[top])
    ax.axhspan(below[top], above[bottom], color=GREY, alpha=0.12, lw=0, zorder=0)
    unit = str(result.energy.attrs.get("units", "energy"))
    unit = "" if unit == "energy" else f" {unit}"
    direct = abs(x[top] - x[bottom]) < 1e-6 * (x[-1] - x[0])
    text = f"{'direct' if direct else 'indirect'} gap {gap:.3g}{unit}"
    if "gap" in result and abs(float(result.gap) - gap) > BEYOND_PATH * gap:
        text += f"\nin the zone {float(result.gap):.3g}{unit}"
    _mark(ax, (x[top], below[top]), (x[bottom], above[bottom]), text, x)
    if not direct:
        at = int((above - below).argmin())
        _mark(
            ax,
            (x[at], below[at]),
            (x[at], above[at]),
            f"direct {above[at] - below[at]:.3g}{unit}",
            x,
            0.5 * (below[top] + above[bottom]),
        )


def nearest_extrema(x: Float, below: Float, above: Float, reach: float) -> tuple[int, int]:
    """Points with the highest energy below and the lowest energy above the gap; of equal ones, the two nearest."""
    tops, bottoms = np.flatnonzero(below > below.max() - reach), np.flatnonzero(above < above.min() + reach)
    apart = np.abs(x[tops][:, None] - x[bottoms][None, :])
    row, column = np.unravel_index(apart.argmin(), apart.shape)
    return int(tops[row]), int(bottoms[column])


def _mark(
    ax: Axes, low: tuple[float, float], high: tuple[float, float], text: str, x: Float, beside: float | None = None
) -> None:
    """Draw dots at two energies, an arrow between them if there is room, and a text beside its middle.

    A second mark is grey, and its text above that of the first one, at the energy `beside`.
    """
    colour = INK if beside is None else GREY
    ax.plot(*zip(low, high, strict=True), "o", color=colour, ms=3.2, zorder=4, clip_on=False)
    if high[1] - low[1] > SMALL_GAP * np.ptp(ax.get_ylim()):
        style = {"arrowstyle": "<->", "color": colour, "lw": 0.9, "shrinkA": 3, "shrinkB": 3}
        ax.annotate("", high, low, arrowprops=style)
    middle = 0.5 * (low[0] + high[0])
    left = middle > x[0] + 0.5 * (x[-1] - x[0])
    height = 0.5 * (low[1] + high[1])
    if beside is not None:
        # outside the text of the gap
        height = max(high[1] - 0.12 * (high[1] - low[1]), beside + LINE * np.ptp(ax.get_ylim()))
    ax.annotate(
        text, (middle, height), (-7 if left else 7, 0), textcoords="offset points",
        ha="right" if left else "left", va="center", fontsize=8, zorder=5,
        bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.85},
    )  # fmt: skip
