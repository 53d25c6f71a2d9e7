"""Picture of the second-order conductivity by powers of the relaxation time."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.plotting.charts import SCANNED, SYMBOLS
from adiabloch.plotting.style import COLOURS, DIVERGING, INK, unit_label

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

PARTS = ("intrinsic", "intraband", "dipole", "drude")


def second_order(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the parts relative to their maxima: curves of the largest components, or a table for a single point."""
    return _curves(result, ax) if set(SCANNED) & set(result.dims) else _table(result, ax)


def _components(part: xarray.DataArray) -> list[tuple[str, str, str]]:
    """Components that do not repeat another one by exchange of the fields."""
    axes = [str(axis) for axis in part["component"].values]
    return [(i, j, k) for i in axes for j, k in combinations_with_replacement(axes, 2)]


def _component(part: xarray.DataArray, names: tuple[str, str, str]) -> xarray.DataArray:
    return part.sel(dict(zip(("component", "field", "other_field"), names, strict=True)))


def _curves(result: xarray.Dataset, ax: Axes) -> Axes:
    x, shade = SCANNED if SCANNED[0] in result.dims else SCANNED[::-1]
    shades = result[shade].values if shade in result.dims else np.zeros(())
    for name, colour in zip(PARTS, COLOURS, strict=False):
        part = result[name]
        largest = max(_components(part), key=lambda names: float(np.abs(_component(part, names)).max()))
        size = float(np.abs(part).max())
        if size <= float(result[f"{name}_error"].max()):
            continue
        curve, bar = (_component(result[key], largest) / size for key in (name, f"{name}_error"))
        for number in range(shades.size):
            line, error = (one.isel({shade: number}) if shades.ndim else one for one in (curve, bar))
            label = f"{name}, {''.join(largest)}, largest {size:.2g} {unit_label(part)}" if number == 0 else None
            ax.plot(line[x], line, color=colour, alpha=0.75**number, label=label)
            ax.fill_between(line[x], line - error, line + error, color=colour, alpha=0.2, lw=0)
    for number, value in enumerate(np.atleast_1d(shades) if shades.ndim else ()):
        ax.plot([], [], color=INK, alpha=0.75**number, label=f"{SYMBOLS[shade]} = {value:g}")
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.set(xlabel=f"{SYMBOLS[x]} ({unit_label(result[x])})", ylabel="second-order conductivity / its maximum")
    ax.set_ylim(-1.1, 1.1)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=6, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1)
    return ax


def _table(result: xarray.Dataset, ax: Axes) -> Axes:
    names = _components(result["drude"])
    values = np.array([[float(_component(result[part], one)) for part in PARTS] for one in names])
    errors = np.array([[float(_component(result[f"{part}_error"], one)) for part in PARTS] for one in names])
    sizes = np.maximum(np.abs(values).max(axis=0), errors.max(axis=0))
    shades = np.divide(values, sizes, out=np.zeros_like(values), where=sizes > 0)
    ax.imshow(shades, cmap=DIVERGING, vmin=-2, vmax=2, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = "0" if abs(value) <= errors[row, column] else f"{value:.2g}"
        ax.text(column, row, text, ha="center", va="center", fontsize=8)
    ax.set_xticks(range(len(PARTS)), [f"{part}\n{unit_label(result[part])}" for part in PARTS], fontsize=6)
    ax.set_yticks(range(len(names)), ["".join(one) for one in names])
    ax.tick_params(length=0)
    return ax
