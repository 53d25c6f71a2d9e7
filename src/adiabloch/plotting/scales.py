"""Colour scales, arrows and numbers of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.plotting.style import DIVERGING, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.quiver import Quiver

MOST_ARROWS = 17
"""Largest number of arrows along each axis."""
SEQUENTIAL = ("#f7f9fb", "#5f9dcc")
"""First and last colour for values of one sign; both are pale, so that arrows remain visible."""

POWERLIMITS = (-3, 4)
"""Powers of ten from which on numbers along an axis have a common power of ten."""
SLIGHT = 0.02
"""Share of the largest value below which values of the other sign are neglected in the choice of a scale."""
PEAKED = 0.08
"""Ratio of the median to the largest value below which a scale is logarithmic far from zero."""


def scale_of(values: Float, share: float) -> Normalize:
    """Scale for values that may have peaks, from zero or symmetric about it.

    Values that are small nearly everywhere, such as curvatures with peaks at narrow gaps, have a scale that is linear
    near zero and logarithmic far from it.

    Parameters
    ----------
    values : float array
    share : float
        Share of the values within the scale.
    """
    from matplotlib.colors import AsinhNorm, Normalize

    low, high, sizes = float(values.min()), float(values.max()), np.abs(values)
    largest = float(np.quantile(sizes, share)) or float(sizes.max()) or 1.0
    ends = [-largest if low < -SLIGHT * largest else 0.0, largest if high > SLIGHT * largest else 0.0]
    ends = ends if ends[0] < ends[1] else [0.0, largest]
    typical = float(np.median(sizes))
    if sizes.max() > 0 and typical < PEAKED * largest:
        return AsinhNorm(max(typical, 0.01 * largest), vmin=ends[0], vmax=ends[1])
    return Normalize(vmin=ends[0], vmax=ends[1])


def ends_of(norm: Any) -> tuple[float, float]:
    """Limits of a scale."""
    return float(np.asarray(norm.vmin)), float(np.asarray(norm.vmax))


def add_scaled_bar(ax: Axes, image: ScalarMappable, values: Float, label: str, **options: Any) -> None:
    """Add a colour bar with arrows where values exceed the scale, and powers of ten on a logarithmic scale."""
    from matplotlib.colors import AsinhNorm
    from matplotlib.ticker import FixedLocator

    low, high = ends_of(image.norm)
    slack = SLIGHT * (high - low)
    beyond = float(values.min()) < low - slack, float(values.max()) > high + slack
    extend = {(True, True): "both", (False, True): "max", (True, False): "min"}.get(beyond, "neither")
    add_colour_bar(ax, image, label, extend=extend, **options)
    if isinstance(image.norm, AsinhNorm):
        assert image.colorbar is not None
        image.colorbar.ax.yaxis.set_major_locator(FixedLocator(powers_of_ten(low, high, image.norm.linear_width)))
        image.colorbar.ax.yaxis.set_minor_locator(FixedLocator([]))


def powers_of_ten(low: float, high: float, least: float) -> list[float]:
    """Zero and powers of ten of both signs between limits, from about `least` on; if few, also 2 and 5 times."""
    top = max(abs(low), abs(high))
    first, last = int(np.ceil(np.log10(least))), int(np.floor(np.log10(top)))
    many = last - first >= 1
    powers = range(first, last + 1) if many else range(last - 1, last + 1)
    sizes = [step * 10.0**power for power in powers for step in ((1.0,) if many else (1.0, 2.0, 5.0))]
    sizes = [size for size in sizes if many or size > 0.5 * least]
    return [value for value in [0.0, *sizes, *(-size for size in sizes)] if low <= value <= high]


def colour_scale(values: Float) -> tuple[float, float, str | Colormap]:
    """Return lower limit, upper limit and colour map.

    The limits are symmetric about zero if the values have both signs. Otherwise they are the smallest and the largest
    value, and the larger magnitude has the stronger colour.
    """
    from matplotlib.colors import LinearSegmentedColormap

    low, high = float(np.min(values)), float(np.max(values))
    negligible = 0.05 * max(abs(low), abs(high))
    if (low < -negligible and high > negligible) or low == high:
        largest = max(abs(low), abs(high)) or 1.0
        return -largest, largest, DIVERGING
    colours = SEQUENTIAL if high > negligible else SEQUENTIAL[::-1]
    return low, high, LinearSegmentedColormap.from_list("sequential", colours)


def add_colour_bar(ax: Axes, image: ScalarMappable, label: str, **options: Any) -> None:
    """Add a colour bar with the number format of `set_number_format`; `options` are those of matplotlib."""
    bar = ax.figure.colorbar(image, ax=ax, label=label, **options)
    set_number_format(bar.ax.yaxis)


def set_number_format(axis: Axis) -> None:
    """Write very small and very large numbers on an axis with a common power of ten, and use no offset."""
    from matplotlib.ticker import ScalarFormatter

    formatter = ScalarFormatter(useOffset=False, useMathText=True)
    formatter.set_powerlimits(POWERLIMITS)
    axis.set_major_formatter(formatter)


def use_whole_numbers(axis: Axis) -> None:
    """Write whole numbers only on an axis, such as numbers of points and invariants."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def draw_arrows(ax: Axes, x: Float, y: Float, u: Float, v: Float, longest: float, unit: str) -> Quiver:
    """Draw a vector field on a grid as arrows, and above the axes an arrow of known length.

    At most `MOST_ARROWS` arrows are drawn along each axis.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : float array (n,), (m,)
        Coordinates of the grid.
    u, v : float array (m, n)
        Components of the field.
    longest : float
        Magnitude of the field whose arrow is as long as the distance between arrows.
    unit : str
        Unit of the field, as mathematical text.
    """
    thin = [slice((n - 1) % step // 2, None, step) for n in (len(x), len(y)) for step in (-(-n // MOST_ARROWS),)]
    x, y, u, v = x[thin[0]], y[thin[1]], u[thin[1], thin[0]], v[thin[1], thin[0]]
    distance = min(float(np.ptp(line)) / max(len(line) - 1, 1) for line in (x, y))
    arrows = ax.quiver(
        x,
        y,
        u,
        v,
        angles="xy",
        scale_units="xy",
        scale=longest / (0.95 * distance),
        pivot="mid",
        color=INK,
        width=max(0.003, 0.05 / max(len(x), len(y), 9)),
        headwidth=3.6,
        headlength=4.2,
        headaxislength=3.8,
        minlength=0.6,
        zorder=2,
    )
    known = round_down(longest)
    # the known arrow ends at the right edge of the axes
    left, right = sorted(ax.get_xlim())
    tail = 1.0 - 0.95 * distance * known / longest / (right - left)
    label = f"{number_text(known)} {unit} "
    ax.quiverkey(arrows, tail, 1.04, known, label, labelpos="W", fontproperties={"size": 8})
    return arrows


def round_down(value: float) -> float:
    """Round down to 1, 2 or 5 times a power of ten."""
    decade = 10.0 ** np.floor(np.log10(value))
    return max(float(step * decade) for step in (1, 2, 5) if step * decade <= value * (1 + 1e-12))


def number_text(value: float) -> str:
    """Return a number as text, with a power of ten where there would be many zeros."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    if -3 <= int(exponent) <= 3:
        return f"{value:g}"
    return rf"${float(mantissa):g}\times10^{{{int(exponent)}}}$"
