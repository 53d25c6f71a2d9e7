"""Pictures over the Brillouin zone: maps with outline, labels and Fermi contours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.plotting.scales import add_scaled_bar, ends_of, scale_of, set_number_format
from adiabloch.plotting.style import DIVERGING, INK, label_with_unit, point_label, unit_label

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Colormap, Normalize

QUANTILE = 0.995
"""Share of the values within the colour scale; the peaks at narrow gaps would hide all others."""
FAR = 0.3
"""Ratio of the smallest to the largest value from which a scale does not contain zero."""
SEQUENTIAL = ("#f4f7fa", "#a9cbe3", "#3d7fb5", "#123c66")
"""Colours of values far from zero."""
OUTWARD = 0.055
"""Distance of a label from its point, relative to the width of the map."""


def zone_map(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw a quantity over the zone, with outline, special points, and the contours of the chemical potential."""
    values = result.value.values
    image = draw_map(result, ax, map_scale(values))
    add_scaled_bar(ax, image, values, label_with_unit(result.value), pad=0.02)
    return ax


def draw_map(result: xarray.Dataset, ax: Axes, norm: Normalize, letters: float = 10.0) -> QuadMesh:
    """Draw a quantity over the zone in a scale of colours, and return the colours."""
    values = result.value.values
    x, y = result.horizontal.values, result.vertical.values
    image = ax.pcolormesh(x, y, values, cmap=map_colours(norm), norm=norm, shading="gouraud", rasterized=True)
    if len(result.outline_horizontal):
        corners = np.column_stack([result.outline_horizontal, result.outline_vertical])
        ax.plot(*np.vstack([corners, corners[:1]]).T, color=INK, lw=1.0)
    if "chemical_potential" in result:
        _fermi_contours(result, ax)
    _labels(result, ax, letters)
    for name, axis in (("horizontal", "x"), ("vertical", "y")):
        letter = str(result[name].attrs["long_name"]).partition("_")[2]
        getattr(ax, f"set_{axis}label")(rf"$k_{letter}$ ({unit_label(result[name])})")
        set_number_format(getattr(ax, f"{axis}axis"))
    ax.set(aspect="equal", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    return image


def map_scale(values: Float) -> Normalize:
    """Scale of a map: that of `scale_of`, or from the smallest to the largest value if zero is far from all of them."""
    from matplotlib.colors import Normalize

    low, high = float(values.min()), float(values.max())
    if min(abs(low), abs(high)) > FAR * max(abs(low), abs(high)) and low * high > 0:
        return Normalize(vmin=low, vmax=high)
    return scale_of(values, QUANTILE)


def map_colours(norm: Normalize) -> Colormap:
    """Colours of a map: white at zero, red above and blue below; from pale to dark for values far from zero."""
    import matplotlib as mpl
    from matplotlib.colors import LinearSegmentedColormap

    low, high = ends_of(norm)
    if low * high > 0:
        return LinearSegmentedColormap.from_list("far", SEQUENTIAL)
    shares = np.linspace(0.0 if low < 0 else 0.5, 1.0 if high > 0 else 0.5, 256)
    return LinearSegmentedColormap.from_list("map", list(mpl.colormaps[DIVERGING](shares)))


def _fermi_contours(result: xarray.Dataset, ax: Axes) -> None:
    """Draw the contours of each band at the chemical potential."""
    level = float(result.chemical_potential)
    for number in range(result.sizes["band"]):
        energies = result.energy.isel(band=number).values
        if energies.min() < level < energies.max():
            ax.contour(
                result.horizontal, result.vertical, energies, levels=[level], colors=[INK], linewidths=1.4,
                linestyles="dashed",
            )  # fmt: skip


def _labels(result: xarray.Dataset, ax: Axes, letters: float) -> None:
    """Write the labels of the special points beside them: outside the zone, and above Γ."""
    size = float(np.ptp(result.horizontal.values))
    for name, x, y in zip(
        result.label.values, result.label_horizontal.values, result.label_vertical.values, strict=True
    ):
        radius = float(np.hypot(x, y))
        direction = np.array([x, y]) / radius if radius > 1e-6 * size else np.array([0.9, 0.9])
        # inside, where there is room
        position = np.array([x, y]) - OUTWARD * size * direction if radius > 1e-6 * size else OUTWARD * size * direction
        ax.plot(x, y, "o", color=INK, ms=2.6, clip_on=False)
        ax.text(
            position[0], position[1], point_label(str(name)), ha="center", va="center", fontsize=letters,
            bbox={"boxstyle": "circle,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.65},
        )  # fmt: skip
