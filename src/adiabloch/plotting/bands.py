"""Pictures of bands: along a path with colours, widths, gap and reference; against the phase of a cycle."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.plotting.gap_marks import mark_gap
from adiabloch.plotting.scales import add_scaled_bar, ends_of, scale_of, set_number_format, use_whole_numbers
from adiabloch.plotting.style import BLUE, COLOURS, GREY, INK, RED, label_with_unit, point_label

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap, Normalize

NEUTRAL = "#c3cad1"
"""Colour of zero, visible on white."""
QUANTILE = 0.98
"""Share of the values within the colour scale; peaks at narrow gaps would hide all others."""
LETTER, GAP_OF_LABELS = 0.03, 0.012
"""Width of a letter and smallest distance of labels, as shares of the width of the picture."""
MANY = 12
"""Number of bands from which coloured curves are thin."""
WIDEST = 7.0
"""Largest width of a curve in points."""


def bands(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw bands along a path, or against the phase of a cycle if there are several phases."""
    if "theta" in result.energy.dims:
        return ranges_over_phases(result, ax)
    colour = draw_bands(result, ax)
    if colour is not None:
        add_scaled_bar(ax, colour, result.colour.values, label_with_unit(result.colour), pad=0.03)
    return ax


def draw_bands(
    result: xarray.Dataset,
    ax: Axes,
    limits: tuple[float, float] | None = None,
    scale: xarray.Dataset | None = None,
) -> ScalarMappable | None:
    """Draw bands along a path and return the colours, if there are any.

    Parameters
    ----------
    result : xarray.Dataset
        At one phase.
    ax : matplotlib Axes
    limits : (float, float), optional
        Limits of the energy axis.
    scale : xarray.Dataset, optional
        Result whose colours and sizes set the scales, if not `result` itself: that of all phases.
    """
    from matplotlib.cm import ScalarMappable

    if "reference_energy" in result:
        _reference(result, ax)
    shown = None
    if "colour" in result:
        norm = _norm((result if scale is None else scale).colour)
        shown = ScalarMappable(norm, curve_colours(norm))
    for first, last in pieces(result):
        _draw_piece(result.isel(point=slice(first, last)), ax, shown, _widths(result if scale is None else scale))
    path_axes(result, ax, limits_of(result) if limits is None else limits)
    if "gap" in result and float(result.conduction_bottom - result.valence_top) > 0:
        mark_gap(result, ax)
    if "chemical_potential" in result:
        ax.axhline(float(result.chemical_potential), color=GREY, lw=0.8, ls=(0, (4, 3)), zorder=0)
        ax.annotate(
            r"$\mu$", (1.0, float(result.chemical_potential)), (3, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", color=INK, annotation_clip=False,
        )  # fmt: skip
    return shown


def at_points(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the first quantity of each band at a number of points, its component with the largest value."""
    names = [str(name) for name, x in result.data_vars.items() if {"point", "band"} <= set(x.dims)]
    quantities = [name for name in names if name not in ("energy", "group_size")] or ["energy"]
    values = result[quantities[0]].transpose("point", "band", ...)
    others = [str(dim) for dim in values.dims[2:]]
    if others:
        sizes = np.abs(values.values).max(axis=(0, 1))
        largest = np.unravel_index(int(sizes.argmax()), sizes.shape)
        values = values.isel(dict(zip(others, map(int, largest), strict=True)))
        values = values.assign_attrs(component="".join(str(values[dim].values) for dim in others))
    for band in range(min(values.sizes["band"], len(COLOURS))):
        label = f"band {result.band.values[band]}" if "band" in result.coords else f"band {band}"
        ax.plot(np.arange(values.sizes["point"]), values[:, band], "o-", ms=3, color=COLOURS[band], label=label)
    ax.set(xlabel="number of the point", ylabel=label_with_unit(values))
    use_whole_numbers(ax.xaxis)
    set_number_format(ax.yaxis)
    ax.legend(fontsize=7)
    return ax


def _norm(values: xarray.DataArray) -> Normalize:
    """Scale of the colours: the range of the quantity if it has one, otherwise that of its values."""
    from matplotlib.colors import Normalize

    if "range" in values.attrs:
        low, high = np.asarray(values.attrs["range"], dtype=float)
        return Normalize(vmin=float(low), vmax=float(high))
    return scale_of(values.values, QUANTILE)


def curve_colours(norm: Normalize) -> Colormap:
    """Colours of curves: grey at zero, which is visible on white, blue below, red above."""
    from matplotlib.colors import LinearSegmentedColormap

    low, high = ends_of(norm)
    return LinearSegmentedColormap.from_list(
        "bands", [*([BLUE] if low < 0 else []), NEUTRAL, *([RED] if high > 0 else [])]
    )


def ranges_over_phases(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the range of each band along the path against the phase of a cycle."""
    phases = result.theta.values / np.pi
    for number in range(result.sizes["band"]):
        low, high = (getattr(result.energy.isel(band=number), name)("point").values for name in ("min", "max"))
        filled = "occupied" in result.attrs and number < int(result.attrs["occupied"])
        colour = BLUE if filled or "occupied" not in result.attrs else RED
        ax.fill_between(phases, low, high, color=colour, alpha=0.18, lw=0)
        ax.plot(phases, low, color=colour, lw=0.9)
        if not np.array_equal(low, high):
            ax.plot(phases, high, color=colour, lw=0.9)
    ax.set(xlabel=r"phase of the cycle $\theta/\pi$", ylabel=label_with_unit(result.energy))
    ax.set_xlim(phases[0], phases[-1])
    return ax


def pieces(result: xarray.Dataset) -> list[tuple[int, int]]:
    """First and last + 1 point of each connected piece of the path."""
    starts = np.atleast_1d(result.attrs.get("starts", [0])).astype(int).tolist()
    return list(pairwise([*starts, result.sizes["point"]]))


def _widths(result: xarray.Dataset) -> Float | None:
    """Largest size of all points, to scale widths; None without sizes."""
    if "size" not in result:
        return None
    return np.asarray(float(np.quantile(np.abs(result["size"].values), QUANTILE)) or 1.0)


def _draw_piece(part: xarray.Dataset, ax: Axes, shown: ScalarMappable | None, largest: Float | None) -> None:
    """Draw all bands of a connected piece of the path."""
    from matplotlib.collections import LineCollection

    x = part.distance.values
    for number in range(part.sizes["band"]):
        band = part.isel(band=number)
        energy = band.energy.values
        if len(x) == 1:
            ax.plot(x, energy, "_", color=INK, ms=20)
            continue
        if shown is None and largest is None:
            ax.plot(x, energy, color=INK, lw=1.3)
            continue
        points = np.column_stack([x, energy])
        options: dict[str, Any] = {"color": BLUE}
        if shown is not None:
            options = {"cmap": shown.cmap, "norm": shown.norm, "array": _middles(band.colour.values)}
        options["linewidths"] = 2.2 if part.sizes["band"] <= MANY else 1.3
        if largest is not None:
            ax.plot(x, energy, color=GREY, lw=0.6)
            options["linewidths"] = WIDEST * np.clip(np.abs(_middles(band["size"].values)) / float(largest), 0, 1)
        segments = np.stack([points[:-1], points[1:]], axis=1)
        ax.add_collection(LineCollection(list(segments), capstyle="round", zorder=2, **options))


def _middles(values: Float) -> Float:
    return 0.5 * (values[:-1] + values[1:])


def limits_of(result: xarray.Dataset) -> tuple[float, float]:
    """Limits of the energy axis."""
    low, high = float(result.energy.min()), float(result.energy.max())
    pad = 0.05 * ((high - low) or 1.0)
    return low - pad, high + pad


def path_axes(result: xarray.Dataset, ax: Axes, limits: tuple[float, float]) -> None:
    """Limits, labels and the lines at the corners of the path."""
    x = result.distance.values
    if x[-1] > x[0]:
        ax.set_xlim(x[0], x[-1])
    ax.set_ylim(*limits)
    ax.set_ylabel(label_with_unit(result.energy))
    ticks = result.tick.values if "tick" in result.coords else np.zeros(0)
    if not ticks.size:
        ax.set_xlabel(label_with_unit(result.distance))
        set_number_format(ax.xaxis)
        return
    for tick in ticks[1:-1]:
        ax.axvline(tick, color=GREY, lw=0.6, zorder=0)
    ax.set_xticks(ticks, apart(ticks, [point_label(str(name)) for name in result.label.values]))
    ax.tick_params(axis="x", length=0, labelsize=10)
    for text in ax.get_xticklabels():
        text.set_linespacing(0.9)


def apart(ticks: Float, labels: list[str]) -> list[str]:
    """Labels of ticks; one that would touch the label before it is moved to a second line."""
    moved, span, end = [], float(ticks[-1] - ticks[0]), -np.inf
    for tick, label in zip((ticks - ticks[0]) / span, labels, strict=True):
        width = LETTER * len(re.sub(r"\$[^$]*\$", ".", label))
        touches = tick - 0.5 * width < end
        moved.append(f"\n{label}" if touches else label)
        end = -np.inf if touches else tick + 0.5 * width + GAP_OF_LABELS
    return moved


def _reference(result: xarray.Dataset, ax: Axes) -> None:
    """Draw the reference as open circles, at most 60 along the path."""
    x, name = result.reference_distance.values, str(result.attrs.get("reference", "reference"))
    step = max(1, len(x) // 60)
    for number in range(result.sizes["reference_band"]):
        ax.plot(
            x[::step], result.reference_energy.values[::step, number], "o", mfc="none", mec=RED, mew=0.8, ms=3.4,
            zorder=1, label=name if number == 0 else None,
        )  # fmt: skip
    # above the axes, where there are no bands
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), fontsize=8, handletextpad=0.1, borderpad=0.2)
