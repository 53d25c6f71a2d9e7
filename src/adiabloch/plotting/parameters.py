"""Parameters of sweeps in pictures: their values along axes, and panels for values of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.plotting.charts import SYMBOLS
from adiabloch.plotting.style import dimension_label, value_label

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_MAPS = 6
"""Largest number of maps in a picture, one for each value of a parameter."""
ABOVE = 16
"""Distance of the title of all panels from them, in points: above the titles of the panels."""
DECADE = 10.0
"""Smallest ratio of the largest and the smallest value for a logarithmic axis."""
EVEN = 1e-6
"""Relative deviation of the steps of a logarithmic grid."""


def coordinates(result: xarray.Dataset, dim: str) -> tuple[np.ndarray, list[str] | None]:
    """Places of the values of a parameter on an axis, and the labels of values that are not numbers."""
    values = result[coordinate(result, dim)].values if coordinate(result, dim) in result.coords else None
    if values is None:
        return np.arange(result.sizes[dim]), None
    if values.dtype.kind in "iuf":
        return values.astype(float), None
    return np.arange(len(values)), [str(value) for value in values]


def coordinate(result: xarray.Dataset, dim: str) -> str:
    """Coordinate along a dimension; for a list of points, the first parameter that has different values."""
    if dim in result.coords:
        return dim
    for name, coordinate in result.coords.items():
        numbers = coordinate.dims == (dim,) and coordinate.dtype.kind in "iuf"
        if numbers and name not in ("seconds", "points") and len(np.unique(coordinate)) == coordinate.size:
            return str(name)
    return dim


def parameter_label(result: xarray.Dataset, dim: str) -> str:
    """Name of a parameter with its unit."""
    name = coordinate(result, dim)
    units = result[name].attrs.get("units") if name in result.coords else None
    label = SYMBOLS.get(name, dimension_label(name))
    return f"{label} ({units})" if units and units != "1" else label


def set_scale(axis: object, values: np.ndarray, ticks: list[str] | None) -> None:
    """Logarithmic axis for a logarithmic grid; labels of values that are not numbers."""
    if ticks is not None:
        axis.set_ticks(values, ticks)  # type: ignore[attr-defined]
    elif len(values) > 2 and values.min() > 0 and values.max() >= DECADE * values.min():
        steps = np.diff(np.log(np.sort(values)))
        if np.ptp(steps) < EVEN * np.abs(steps).max():
            axis._set_axes_scale("log")  # type: ignore[attr-defined]


def label_of_value(result: xarray.Dataset, dim: str, index: int) -> str:
    """Value of a parameter as text; its number if it has no values."""
    name = coordinate(result, dim)
    return value_label(result[name].values[index].item()) if name in result.coords else str(index)


def shown_values(count: int) -> list[int]:
    """Numbers of the values of a parameter that have maps: all, or some at equal distances."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_MAPS)).round().astype(int)).tolist()


def note_on_values(result: xarray.Dataset, dim: str, shown: Sequence[int]) -> str:
    """Sentence on the values that are not shown; empty if all are."""
    count = result.sizes[dim]
    return f"{len(shown)} of {count} values of {parameter_label(result, dim)}" if len(shown) < count else ""


def panels(
    result: xarray.Dataset, across: str, shown: Sequence[int], ax: Axes
) -> Iterator[tuple[int, Axes, Callable[[], None]]]:
    """Axes for values of a parameter within `ax`, and a function to call when each is drawn.

    Yields
    ------
    index : int
        Number of the value.
    panel : matplotlib Axes
    finish : callable
        Writes the title, and removes labels that the neighbours have.
    """
    columns = len(shown) if len(shown) < MOST_MAPS / 2 else -(-len(shown) // 2)
    rows = -(-len(shown) // columns)
    ax.set_axis_off()
    for number, index in enumerate(shown):
        row, column = divmod(number, columns)
        size = (0.86 if columns > 1 else 1.0) / columns, (0.72 if rows > 1 else 1.0) / rows
        panel = ax.inset_axes((column / columns, 1 - row / rows - size[1], *size))
        label = f"{parameter_label(result, across)} = {label_of_value(result, across, index)}"
        inner = row < rows - 1 and number + columns < len(shown)

        def finish(panel: Axes = panel, label: str = label, column: int = column, inner: bool = inner) -> None:
            panel.set_title(label, fontsize=8)
            if column:
                panel.set(ylabel="", yticklabels=[])
            if inner:
                panel.set(xlabel="", xticklabels=[])

        yield index, panel, finish
