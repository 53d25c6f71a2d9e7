"""Pictures of bands along a path and of maps over the zone for the values of a parameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.plotting import zone
from adiabloch.plotting.bands import limits_of, path_axes, pieces
from adiabloch.plotting.parameters import (
    ABOVE,
    coordinates,
    label_of_value,
    note_on_values,
    panels,
    parameter_label,
    shown_values,
)
from adiabloch.plotting.scales import add_colour_bar, add_scaled_bar
from adiabloch.plotting.style import BLUE, RED, label_with_unit

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

Draw = Callable[["xarray.Dataset", list[str], "Axes"], "Axes"]
BETWEEN = "#b79bb5"
"""Colour of the middle value of a parameter."""
LETTERS = 7.0
"""Size of the labels of special points in small maps."""
MOST_ENTRIES = 8
"""Largest number of values with names in a legend."""


def picture_over(result: xarray.Dataset, name: str) -> Draw | None:
    """Return the function that draws a sweep of bands or maps, or None for other results."""
    if name == "energy" and {"point", "band"} <= set(result.energy.dims) and "distance" in result.coords:
        return bands_over
    return maps_over if name == "value" and {"horizontal", "vertical"} <= set(result[name].dims) else None


def bands_over(result: xarray.Dataset, dims: list[str], ax: Axes) -> Axes:
    """Draw all bands along the path for all values of a parameter, which is their colour."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    dim = _only(dims, "give occupied= to bands, and the gap is drawn over all parameters")
    values, names = coordinates(result, dim)
    spread = float(np.ptp(values)) or 1.0
    norm = Normalize(float(values.min()), float(values.min()) + spread)
    shown = ScalarMappable(norm, LinearSegmentedColormap.from_list("parameter", [BLUE, BETWEEN, RED]))
    first = result.isel({dim: 0})
    for index in np.argsort(values, kind="stable"):
        one = result.isel({dim: int(index)})
        x, colour = _along(one, first), shown.to_rgba(values[index])
        for start, end in pieces(one):
            for energy in one.energy.values[start:end].T:
                ax.plot(x[start:end], energy, color=colour, lw=1.0)
    path_axes(first, ax, limits_of(result))
    label = parameter_label(result, dim)
    if names is None:
        add_colour_bar(ax, shown, label, pad=0.03)
        return ax
    for index in range(min(len(values), MOST_ENTRIES)):
        ax.plot([], [], color=shown.to_rgba(values[index]), label=label_of_value(result, dim, index))
    more = f", {MOST_ENTRIES} of {len(values)}" if len(values) > MOST_ENTRIES else ""
    ax.legend(fontsize=7, title=label + more, title_fontsize=7)
    return ax


def maps_over(result: xarray.Dataset, dims: list[str], ax: Axes) -> Axes:
    """Draw a map over the zone for each value of a parameter, or for some of them, in one scale of colours."""
    dim = _only(dims, "select values of the others")
    known = result.isel({dim: np.flatnonzero(np.isfinite(result.value.transpose(dim, ...)[:, 0, 0].values))})
    if not known.sizes[dim]:
        raise InvalidArgumentError("plot: all points of the sweep failed, expected maps")
    norm = zone.map_scale(known.value.values)
    shown = shown_values(known.sizes[dim])
    for index, panel, finish in panels(known, dim, shown, ax):
        image = zone.draw_map(known.isel({dim: index}), panel, norm, LETTERS)
        finish()
    ax.set_title(note_on_values(known, dim, shown), pad=ABOVE)
    add_scaled_bar(ax, image, known.value.values, label_with_unit(known.value), pad=0.02)
    return ax


def _only(dims: list[str], remedy: str) -> str:
    """The only parameter."""
    if len(dims) > 1:
        raise InvalidArgumentError(f"plot: {len(dims)} parameters change ({', '.join(dims)}), expected one; {remedy}")
    return dims[0]


def _along(one: xarray.Dataset, first: xarray.Dataset) -> Float:
    """Distances along the path, stretched so that its corners are those of the first path."""
    x: Float = one.distance.values
    ends, corners = (part.tick.values if "tick" in part.coords else np.zeros(0) for part in (one, first))
    if not corners.size or len(ends) != len(corners):
        ends, corners = one.distance.values[[0, -1]], first.distance.values[[0, -1]]
    return np.asarray(np.interp(x, ends, corners))
