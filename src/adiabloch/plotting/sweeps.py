"""Pictures of sweeps: curves over one parameter, maps over two."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.errors import InvalidArgumentError
from adiabloch.plotting.charts import SYMBOLS, main_variable
from adiabloch.plotting.parameters import (
    ABOVE,
    coordinate,
    coordinates,
    note_on_values,
    panels,
    parameter_label,
    set_scale,
    shown_values,
)
from adiabloch.plotting.scales import add_colour_bar, set_number_format, use_whole_numbers
from adiabloch.plotting.style import COLOURS, DIVERGING, GREY, INK, label_with_unit, value_label
from adiabloch.plotting.swept_bands import maps_over, picture_over

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

SWEEP = "sweep"
"""Attribute of a result with the names of the dimensions of its sweep."""
NEGLIGIBLE = 1e-3
"""Components that are smaller than this, relative to the largest, are not drawn as curves."""
MOST_PARAMETERS = 3
"""Largest number of parameters in a picture."""
NUMBERS_OF_BANDS = ("gap", "z2_number", "chern_number")
"""Variables of bands and Wannier centres that are drawn over parameters."""
MOST_LETTERS = 24
"""Largest number of letters at which each value of a parameter has its label beside a map."""


def swept_dimensions(result: xarray.Dataset) -> list[str]:
    """Return the dimensions of a sweep along which its main variable changes; empty for other results."""
    name = _drawn_variable(result)
    swept = [dim for dim in str(result.attrs.get(SWEEP, "")).split(", ") if dim]
    return [] if name is None else [dim for dim in swept if result[name].sizes.get(dim, 1) > 1]


def has_panels(result: xarray.Dataset) -> bool:
    """Return True for a sweep that is drawn as several maps."""
    dims = swept_dimensions(result)
    return len(dims) > 2 or (len(dims) == 1 and picture_over(result, str(_drawn_variable(result))) is maps_over)


def sweep(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw a sweep: curves with error bands over one parameter, or a map of the largest component over two.

    A scan of chemical potentials or temperatures within each result counts as a parameter.
    """
    name = str(_drawn_variable(result))
    small = [str(dim) for dim, size in result[name].sizes.items() if size == 1]
    result = result.isel(dict.fromkeys(small, 0))
    numbers = [dim for dim in result[name].dims if dim in swept_dimensions(result) or dim in SYMBOLS]
    if len(numbers) > MOST_PARAMETERS:
        raise InvalidArgumentError(
            f"plot: {len(numbers)} parameters change ({', '.join(map(str, numbers))}), expected at most "
            f"{MOST_PARAMETERS}; select values of the others, as in result.sel({numbers[0]}=...)"
        )
    dims = [str(dim) for dim in numbers]
    if (draw := picture_over(result, name)) is not None:
        return draw(result, dims, ax)
    if len(dims) == 1:
        return _curves(result, name, dims[0], ax)
    return _map(result, name, dims, ax) if len(dims) == 2 else _maps(result, name, dims, ax)


def _drawn_variable(result: xarray.Dataset) -> str | None:
    """Name of the main variable, of a gap or an invariant, or of the first one with real numbers."""
    others = (str(name) for name, variable in result.data_vars.items() if variable.dtype.kind in "fiu")
    named = (name for name in NUMBERS_OF_BANDS if name in result.data_vars)
    return main_variable(result) or next(named, None) or next(others, None)


def _curves(result: xarray.Dataset, name: str, dim: str, ax: Axes) -> Axes:
    """Components over one parameter."""
    values = result[name].transpose(..., dim)
    x, ticks = coordinates(result, dim)
    order = np.argsort(x, kind="stable")
    others = [str(other) for other in values.dims if other != dim]
    rows = values.values.reshape(-1, values.sizes[dim])[:, order]
    errors = _errors(result, name, dim).reshape(-1, values.sizes[dim])[:, order]
    labels = _labels(result, others, len(rows))
    sizes = np.nanmax(np.abs(rows), axis=1, initial=0.0)
    drawn = np.flatnonzero(sizes > NEGLIGIBLE * sizes.max()) if sizes.any() else np.arange(1)
    # the largest ones, in their order
    kept = np.sort(drawn[np.argsort(-sizes[drawn], kind="stable")[: len(COLOURS)]])
    if len(kept) < len(drawn):
        ax.set_title(f"the {len(kept)} largest of {len(drawn)} components", fontsize=8)
    for colour, row in zip(COLOURS, kept, strict=False):
        ax.plot(x[order], rows[row], "o-", ms=3, color=colour, label=labels[row])
        if np.isfinite(errors[row]).any():
            low, high = rows[row] - errors[row], rows[row] + errors[row]
            ax.fill_between(x[order], low, high, color=colour, alpha=0.2, lw=0)
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.set(xlabel=parameter_label(result, dim), ylabel=label_with_unit(values))
    set_scale(ax.xaxis, x, ticks)
    set_number_format(ax.yaxis)
    if _are_whole(values):
        use_whole_numbers(ax.yaxis)
    if len(rows) > 1:
        title = f"the {len(kept)} largest of {len(drawn)}" if len(kept) < len(drawn) else None
        ax.legend(fontsize=7, title=title, title_fontsize=7)
    return ax


def _map(result: xarray.Dataset, name: str, dims: list[str], ax: Axes) -> Axes:
    """Component with the largest value over two parameters; crosses where a point failed."""
    values, component, limit = _largest_component(result, name, dims)
    image = _draw_map(result, values, limit, ax)
    if component:
        ax.set_title(f"component {component}")
    _add_bar(image, values, ax)
    return ax


def _maps(result: xarray.Dataset, name: str, dims: list[str], ax: Axes) -> Axes:
    """Maps over two parameters, one for each value of the third: of that with the fewest values."""
    across = min(dims, key=lambda dim: result.sizes[dim])
    values, component, limit = _largest_component(result, name, dims)
    shown = shown_values(values.sizes[across])
    for index, panel, finish in panels(result, across, shown, ax):
        image = _draw_map(result, values.isel({across: index}), limit, panel)
        finish()
    titles = [f"component {component}"] if component else []
    titles += [note] if (note := note_on_values(result, across, shown)) else []
    ax.set_title(", ".join(titles), pad=ABOVE)
    _add_bar(image, values, ax)
    return ax


def _largest_component(result: xarray.Dataset, name: str, dims: list[str]) -> tuple[xarray.DataArray, str, float]:
    """Variable over the parameters: its component with the largest value, the label of it, and that value."""
    values = result[name].transpose(*dims, ...)
    others = [str(other) for other in values.dims if other not in dims]
    columns = values.values.reshape(*(values.sizes[dim] for dim in dims), -1)
    largest = np.nanmax(np.abs(columns), axis=tuple(range(len(dims))), initial=0.0)
    component = int(np.argmax(largest))
    label = _labels(result, others, columns.shape[-1])[component] if others else ""
    one = values.isel(dict.fromkeys(others, 0)).copy(data=columns[..., component])
    return one, label, float(largest[component]) or 1.0


def _draw_map(result: xarray.Dataset, values: xarray.DataArray, limit: float, ax: Axes) -> QuadMesh:
    """Draw a variable over its two parameters."""
    dims = [str(dim) for dim in values.dims]
    places, ticks = zip(*(coordinates(result, dim) for dim in dims), strict=True)
    orders = [np.argsort(along, kind="stable") for along in places]
    shown = values.values[np.ix_(*orders)]
    x, y = (along[order] for along, order in zip(places, orders, strict=True))
    image = ax.pcolormesh(x, y, shown.T, cmap=DIVERGING, vmin=-limit, vmax=limit, shading="nearest", rasterized=True)
    if (missing := np.argwhere(np.isnan(shown))).size:
        ax.plot(x[missing[:, 0]], y[missing[:, 1]], "x", color=GREY, ms=4)
    ax.set(xlabel=parameter_label(result, dims[0]), ylabel=parameter_label(result, dims[1]))
    for axis, along, tick in zip((ax.xaxis, ax.yaxis), places, ticks, strict=True):
        set_scale(axis, along, tick)
        labels = [value_label(value) for value in along.tolist()]
        if tick is None and len("".join(labels)) <= MOST_LETTERS:
            # few values: at the middle of their cells, not at the corners, where labels of both axes touch
            axis.set_ticks(along, labels)
    return image


def _add_bar(image: QuadMesh, values: xarray.DataArray, ax: Axes) -> None:
    """Add the colour bar of a map, of whole numbers with whole numbers."""
    add_colour_bar(ax, image, label_with_unit(values))
    if _are_whole(values) and image.colorbar is not None:
        use_whole_numbers(image.colorbar.ax.yaxis)


def _are_whole(values: xarray.DataArray) -> bool:
    """Return True for whole numbers, such as invariants; points that failed make them real."""
    known = values.values[np.isfinite(values.values)]
    return str(values.name) in NUMBERS_OF_BANDS[1:] and bool((known == known.round()).all())


def _labels(result: xarray.Dataset, dims: list[str], number: int) -> list[str]:
    """Names of the components: their coordinates, or numbers."""
    if not dims:
        return [""] * number
    columns = [
        [
            str(v) if result[dim].dtype.kind in "UO" else f"{parameter_label(result, dim)} = {value_label(v)}"
            for v in column
        ]
        for dim in dims
        for column in (result[coordinate(result, dim)].values,)
    ]
    joint = "" if all(len(label) == 1 for column in columns for label in column) else ", "
    return [joint.join(labels) for labels in product(*columns)]


def _errors(result: xarray.Dataset, name: str, dim: str) -> np.ndarray:
    """Error bars of a variable, in its order of dimensions; NaN without any."""
    values = result[name].transpose(..., dim)
    other = next((error for error in (f"{name}_error", "error") if error in result), None)
    if other is None or {*result[other].dims} != {*values.dims}:
        return np.full(values.shape, np.nan)
    return np.abs(result[other].transpose(*values.dims).values)
