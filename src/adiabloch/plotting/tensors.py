"""Pictures of the main variable of a result by its dimensions: a number, bars, a matrix, the elements of a tensor."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.plotting.charts import FORBIDDEN, main_variable, with_error
from adiabloch.plotting.scales import POWERLIMITS, set_number_format
from adiabloch.plotting.style import (
    BLUE,
    DIVERGING,
    GREY,
    INK,
    PLAIN_UNITS,
    RED,
    dimension_label,
    label_with_unit,
    plain_number,
    unit_label,
    value_label,
)

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

LONGEST_NUMBER = 32
"""Largest number of characters of a number with its unit on one line."""
MOST_BARS = 12
"""Largest number of elements of a tensor in a picture."""
ZERO = 1e-6
"""Elements of a matrix that are smaller than this, relative to the largest, are written as zero."""


def main_picture(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the main variable by the number of its dimensions with more than one value."""
    if is_number(result):
        return number(result, ax)
    result = without_single_values(result)
    count = result[str(main_variable(result))].ndim
    draw = bars if count == 1 else matrix if count == 2 else elements
    return draw(result, ax)


def parts_of(result: xarray.Dataset) -> list[tuple[str, str]]:
    """Main variable and its perturbative and Chern-Simons parts, with their colours."""
    main = str(main_variable(result))
    parts = [(name, colour) for name, colour in (("perturbative", BLUE), ("chern_simons", GREY)) if name != main]
    return [(name, c) for name, c in [*parts, (main, RED)] if name in result and np.isfinite(result[name].values).any()]


def is_number(result: xarray.Dataset) -> bool:
    """Return True if the main variable is a single number without parts."""
    main = main_variable(result)
    if main is None or result[main].size != 1:
        return False
    return [name for name, _ in parts_of(result)] in ([], [main])


def without_single_values(result: xarray.Dataset) -> xarray.Dataset:
    """Result without the dimensions of its main variable that have one value, whose labels go to the name."""
    main = result[str(main_variable(result))]
    single = [str(dim) for dim in main.dims if main.sizes[dim] == 1]
    if len(single) == main.ndim:
        single = single[:-1]
    if not single:
        return result
    named = [str(main[dim].values[0]) for dim in single if dim in main.coords and main[dim].dtype.kind == "U"]
    name = f"{main.attrs.get('long_name', main.name)}{', ' * bool(named)}{''.join(named)}"
    less = result.isel(dict.fromkeys(single, 0))
    return less.assign({str(main.name): less[main.name].assign_attrs(long_name=name)})


def number(result: xarray.Dataset, ax: Axes) -> Axes:
    """Write the main variable as a number with its error bar and unit."""
    main = result[str(main_variable(result))]
    error = float(result["error"].values.item()) if "error" in result and result["error"].size == 1 else 0.0
    text, unit = with_error(float(main.values.item()), error), str(main.attrs.get("units", "1"))
    between = " " if len(text) + len(unit) < LONGEST_NUMBER else "\n"
    text = plain_number(text).replace("±", r"$\pm$") + (
        f"{between}{unit_label(main)}" if unit not in PLAIN_UNITS else ""
    )
    component = "".join(str(main[dim].values.item()) for dim in main.dims if main[dim].dtype.kind == "U")
    title = str(main.attrs.get("long_name", main.name))
    ax.text(0.5, 0.6, text, ha="center", va="center", fontsize=16, linespacing=1.5, transform=ax.transAxes)
    ax.text(
        0.5, 0.35, f"{title}{', ' + component if component else ''}", ha="center", va="center", transform=ax.transAxes
    )
    ax.set_axis_off()
    return ax


def bars(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the main variable over its one dimension as bars, beside its perturbative and Chern-Simons parts."""
    main = str(main_variable(result))
    (dim,) = result[main].dims
    parts = parts_of(result)
    numbers = np.arange(result.sizes[dim])
    width = 0.8 / max(len(parts), 1)
    error = result.error.values if "error" in result else None
    for number, (name, colour) in enumerate(parts):
        at = numbers + (number - 0.5 * (len(parts) - 1)) * width
        label = name.replace("chern_simons", "Chern-Simons")
        ax.bar(at, result[name].values, 0.9 * width, color=colour, label=label, yerr=error, ecolor=INK)
    ax.set_xticks(numbers, [value_label(name) for name in result[dim].values])
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.set(xlabel=dimension_label(str(dim)), ylabel=label_with_unit(result[main]))
    set_number_format(ax.yaxis)
    if len(parts) > 1:
        # above the axes, where it covers no bar, and above a power of ten
        largest = max(map(abs, ax.get_ylim()))
        height = 1.0 if 10.0 ** POWERLIMITS[0] < largest < 10.0 ** POWERLIMITS[1] else 1.06
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, height), ncols=len(parts), frameon=False, fontsize=8)
    return ax


def matrix(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the main variable over its two dimensions as a matrix with numbers."""
    tensor = result[str(main_variable(result))]
    rows, columns = (str(dim) for dim in tensor.dims)
    largest = float(np.abs(tensor).max()) or 1.0
    image = ax.imshow(tensor.values, cmap=DIVERGING, vmin=-largest, vmax=largest)
    for (row, column), value in np.ndenumerate(tensor.values):
        colour = "white" if abs(value) > 0.6 * largest else INK
        text = "0" if abs(value) < ZERO * largest else plain_number(f"{value:.2g}")
        ax.text(column, row, text, ha="center", va="center", color=colour)
    ax.set_xticks(range(tensor.shape[1]), [value_label(name) for name in tensor[columns].values])
    ax.set_yticks(range(tensor.shape[0]), [value_label(name) for name in tensor[rows].values])
    ax.tick_params(length=0)
    ax.set(xlabel=dimension_label(columns), ylabel=dimension_label(rows))
    bar = ax.figure.colorbar(image, ax=ax, label=label_with_unit(tensor))
    set_number_format(bar.ax.yaxis)
    return ax


def displacement_matrix(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the component of a tensor of two displacements with the largest element as a matrix."""
    sizes = np.abs(result.total).max(dim=[dim for dim in result.total.dims if dim != "component"])
    component = result.component.values[int(np.argmax(sizes.values))]
    ax.set_title(f"component {component}")
    return matrix(result.sel(component=component), ax)


def elements(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the elements of a tensor that do not vanish as bars with error bars.

    Of two elements that are equal by exchange of the two fields, one is drawn.
    """
    tensor = result[str(main_variable(result))]
    dims = [str(dim) for dim in tensor.dims]
    values = tensor.values.ravel()
    has_bars = "error" in result and result["error"].dims == tensor.dims
    errors = np.abs(result["error"].values.ravel()) if has_bars else np.zeros(values.size)
    labels = [[value_label(label) for label in row] for row in product(*(tensor[dim].values for dim in dims))]
    once = np.array([dims[-1] != "other_field" or row[-2] <= row[-1] for row in labels])
    sizes = np.where(once, np.nan_to_num(np.abs(values)), -1.0)
    least = np.maximum(errors, FORBIDDEN * max(float(sizes.max()), 0.0))
    shown = np.flatnonzero(sizes > least)
    if not shown.size:
        shown = np.flatnonzero(once)
    shown = np.sort(shown[np.argsort(-sizes[shown], kind="stable")[:MOST_BARS]])
    at = np.arange(shown.size)
    ax.bar(at, values[shown], 0.7, color=RED, yerr=errors[shown], ecolor=INK)
    names = ["".join(row) if all(len(label) == 1 for label in row) else "\n".join(row) for row in labels]
    ax.set_xticks(at, [names[index] for index in shown], fontsize=8)
    ax.tick_params(axis="x", length=0)
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.set(xlabel=", ".join(map(dimension_label, dims)), ylabel=label_with_unit(tensor))
    if shown.size < once.sum():
        rest = "the largest elements" if shown.size == MOST_BARS else "other elements vanish within their error bars"
        ax.set_title(rest, fontsize=8, loc="right")
    set_number_format(ax.yaxis)
    return ax
