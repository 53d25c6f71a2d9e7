"""Local currents and densities: curves along lines, arrows on maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES
from adiabloch.plotting.style import COLOURS, DIVERGING, INK, unit
from adiabloch.responses.local_current import CURRENTS
from adiabloch.responses.local_observable import DENSITIES

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap
    from matplotlib.quiver import Quiver

POINT, THETA = "point", "theta"
"""Dimensions of results, beside x, y, z."""
AT_REST = ("curl_equilibrium", "uniform", "gradient")
"""Terms in equilibrium, no part of what the drive does."""
VISIBLE = 1e-2
"""What is less than this part of the largest cannot be seen beside it."""
MOST_ARROWS = 17
"""Along each axis."""
PALE = ("#f7f9fb", "#5f9dcc")
"""From least to most, for values of one sign: pale enough for arrows."""
STROKES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))


def draw(result: xarray.Dataset, ax: Axes) -> Axes:
    """Curves along a line, a map over line and phase, or arrows on a map."""
    result = squeezed(result)
    axes = axes_of(result)
    if len(axes) == 2:
        result, title = _at_one_time(result)
        picture = Sheet.of(result)
        picture.draw(ax)
        picture.legend(ax)
        ax.set_title(title, loc="left", fontsize=9)
        return ax
    if axes and THETA in result.total.dims:
        return _over_cycle(result, ax)
    Curves.of(result).draw(ax)
    ax.set_title(_when(result), loc="right", fontsize=9)
    return ax


@dataclass(frozen=True)
class Curves:
    """Curves along a line or over the cycle: those that can be seen."""

    x: Float
    x_label: str
    y_label: str
    lines: Sequence[tuple[xarray.DataArray, dict[str, Any]]]
    bands: Sequence[tuple[xarray.DataArray, xarray.DataArray, str]]
    """Values, error and colour."""
    reach: tuple[float, float]
    """Least and largest value of all phases."""

    @classmethod
    def of(cls, result: xarray.Dataset) -> Curves:
        """Total of each component that does not vanish, thick, and its terms, thin."""
        shown = Shown.of(result)
        dim = (axes_of(result) or [THETA])[0]
        lines, bands = [], []
        for colour, name in zip(COLOURS * int(shown.total[shown.last].size), shown.names(), strict=False):
            here = {shown.last: name}
            terms = [(words, term.sel(here)) for words, term in shown.terms if shown.stands_out(term.sel(here))]
            symbol, label = shown.symbol(name), shown.symbol(name)
            if len(terms) == 1:
                label, terms = f"{label}: {terms[0][0]}", []
            lines.append((shown.total.sel(here), {"color": colour, "lw": 2.0, "label": label}))
            bands.append((shown.total.sel(here), shown.error, colour))
            for stroke, (words, term) in zip(STROKES * len(terms), terms, strict=False):
                lines.append((term, {"color": colour, "lw": 0.9, "ls": stroke, "label": f"{symbol}: {words}"}))
        x, x_label = _along(result, dim)
        values = [float(bound) for line, _ in lines for bound in (line.min(), line.max())]
        least, largest = min([0.0, *values]), max([0.0, *values])
        margin = 0.06 * (largest - least)
        # room for the legend, which must not jump from frame to frame
        reach = (least - margin, largest + margin * (1 + len(lines)))
        return cls(x, x_label, shown.label, lines, bands, reach)

    def draw(self, ax: Axes, here: Mapping[str, int] | None = None) -> None:
        """All of them, at one phase."""
        ax.axhline(0.0, color=INK, lw=0.7)
        for values, error, colour in self.bands:
            value, bar = values.isel(here or {}), error.isel(here or {})
            ax.fill_between(self.x, value - bar, value + bar, color=colour, alpha=0.25, lw=0)
        for values, style in self.lines:
            ax.plot(self.x, values.isel(here or {}), **style)
        ax.set(xlabel=self.x_label, ylabel=self.y_label, xlim=(self.x.min(), self.x.max()))
        if here:
            ax.set_ylim(*self.reach)
        plainly(ax.yaxis)
        if self.lines:
            ax.legend(fontsize=7, loc="best" if here is None else "upper right")

    def legend(self, ax: Axes) -> None:
        """Nothing beside the axes."""


@dataclass(frozen=True)
class Sheet:
    """A field over a plane: colours, and arrows for a current."""

    axes: tuple[str, str]
    colour: xarray.DataArray
    label: str
    arrows: tuple[xarray.DataArray, xarray.DataArray] | None
    longest: float
    """Of all phases."""
    unit: str

    @classmethod
    def of(cls, result: xarray.Dataset) -> Sheet:
        """The largest observable; or the current on the magnetization, if that is known."""
        shown = Shown.of(result)
        first, second = axes_of(result)
        if shown.last == "observable":
            name = shown.largest()
            label = f"{name}: {shown.label}" if shown.total[shown.last].size > 1 else shown.label
            return cls((first, second), shown.total.sel(observable=name), label, None, 0.0, unit(shown.total))
        arrows = (shown.total.sel(component=first), shown.total.sel(component=second))
        longest = float(np.hypot(*arrows).max())
        colour = (shown.total**2).sum("component") ** 0.5
        label = f"{shown.words} $|j|$ ({unit(shown.total)})"
        magnetization = _magnetization(result, (first, second), shown.driven)
        if magnetization is not None:
            colour, label = magnetization
        return cls((first, second), colour, label, arrows, longest, unit(shown.total))

    def draw(self, ax: Axes, here: Mapping[str, int] | None = None) -> None:
        """Colours and arrows, at one phase."""
        first, second = self.axes
        colour = self.colour.isel(here or {}).transpose(second, first)
        low, high, colours = shades(self.colour.values)
        ax.pcolormesh(
            colour[first], colour[second], colour, cmap=colours, vmin=low, vmax=high, shading="gouraud", rasterized=True
        )
        ax.set(aspect="equal", xlabel=_place(colour[first]), ylabel=_place(colour[second]))
        if self.arrows is not None and self.longest > 0:
            u, v = (arrow.isel(here or {}).transpose(second, first) for arrow in self.arrows)
            flow(ax, colour[first].values, colour[second].values, u.values, v.values, self.longest, self.unit)

    def legend(self, ax: Axes) -> None:
        """What the colours mean, beside the axes."""
        colour_bar(ax, ax.collections[0], self.label)


def flow(ax: Axes, x: Float, y: Float, u: Float, v: Float, longest: float, unit: str) -> Quiver:
    """Arrows of a current (y, x) on a grid, thinned out, with one of a known length above.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y, u, v : float array
    longest : float
        What has the length of the distance between arrows.
    unit : str
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
    known = rounded(longest)
    # the arrow ends where the axes do
    left, right = sorted(ax.get_xlim())
    tail = 1.0 - 0.95 * distance * known / longest / (right - left)
    ax.quiverkey(arrows, tail, 1.04, known, f"{power(known)} {unit} ", labelpos="W", fontproperties={"size": 8})
    return arrows


def colour_bar(ax: Axes, image: ScalarMappable, label: str, **where: Any) -> None:
    """What colours mean, numbers as `plainly` writes them."""
    bar = ax.figure.colorbar(image, ax=ax, label=label, **where)
    plainly(bar.ax.yaxis)


def plainly(axis: Axis) -> None:
    """Powers of ten where there are many zeros, and no offsets."""
    from matplotlib.ticker import ScalarFormatter

    formatter = ScalarFormatter(useOffset=False, useMathText=True)
    formatter.set_powerlimits((-3, 4))
    axis.set_major_formatter(formatter)


def shades(values: Float) -> tuple[float, float, str | Colormap]:
    """Least, largest and colours: about zero if values have both signs, else from pale to strong."""
    from matplotlib.colors import LinearSegmentedColormap

    low, high = float(np.min(values)), float(np.max(values))
    least = 0.05 * max(abs(low), abs(high))
    if (low < -least and high > least) or low == high:
        largest = max(abs(low), abs(high)) or 1.0
        return -largest, largest, DIVERGING
    return low, high, LinearSegmentedColormap.from_list("pale", PALE if high > least else PALE[::-1])


def rounded(value: float) -> float:
    """The largest of 1, 2, 5, 10, ... that is no larger."""
    decade = 10.0 ** np.floor(np.log10(value))
    return max(float(step * decade) for step in (1, 2, 5) if step * decade <= value * (1 + 1e-12))


def power(value: float) -> str:
    """A number as one writes it."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    if -3 <= int(exponent) <= 3:
        return f"{value:g}"
    return rf"${float(mantissa):g}\times10^{{{int(exponent)}}}$"


@dataclass(frozen=True)
class Shown:
    """What a picture is about: what the drive does, or equilibrium where it does nothing."""

    total: xarray.DataArray
    error: xarray.DataArray
    terms: Sequence[tuple[str, xarray.DataArray]]
    driven: bool
    words: str

    @classmethod
    def of(cls, result: xarray.Dataset) -> Shown:
        """Look at what there is."""
        at_rest = [name for name in AT_REST if name in result]
        driven = bool((np.abs(result.total) > result.error).any())
        if driven or not any(result[name].values.any() for name in at_rest):
            names = [name for name in dict.fromkeys([*CURRENTS, *DENSITIES]) if name in result and name not in AT_REST]
            terms = {name: (_words(result[name]), result[name]) for name in names}
            # large and opposite: the divergence of the quadrupoles belongs to the polarization
            if "quadrupole" in terms:
                both = result.polarization_rate + terms.pop("quadrupole")[1]
                terms["polarization_rate"] = ("rate of the polarization", both)
            title = str(result.total.attrs.get("long_name", "total"))
            return cls(result.total, result.error, [*terms.values()], True, title)
        total = _sum(result, at_rest)
        title = "current in equilibrium" if at_rest == ["curl_equilibrium"] else "density in equilibrium"
        return cls(total, 0.0 * result.error, [(_words(result[name]), result[name]) for name in at_rest], False, title)

    @property
    def last(self) -> str:
        """The dimension of components or of observables."""
        return "observable" if "observable" in self.total.dims else "component"

    @property
    def label(self) -> str:
        """What it is, and in which unit."""
        return f"{self.words} ({unit(self.total)})"

    def names(self) -> list[str]:
        """Components or observables that do not vanish."""
        return [
            str(name) for name in self.total[self.last].values if self.stands_out(self.total.sel({self.last: name}))
        ]

    def largest(self) -> str:
        """The largest component or observable."""
        names = self.total[self.last].values
        return str(max(names, key=lambda name: float(np.abs(self.total.sel({self.last: name})).max())))

    def stands_out(self, values: xarray.DataArray) -> bool:
        """Whether one could see it."""
        least = VISIBLE * float(np.abs(self.total).max())
        return bool((np.abs(values) > np.maximum(self.error, least)).any())

    def symbol(self, name: str) -> str:
        """Of a component or observable."""
        return f"$j_{name}$" if self.last == "component" else name


def _over_cycle(result: xarray.Dataset, ax: Axes) -> Axes:
    """The largest component over line and phase."""
    shown = Shown.of(result)
    (dim,) = axes_of(result)
    name = shown.largest()
    values = shown.total.sel({shown.last: name}).transpose(THETA, dim)
    x, label = _along(result, dim)
    low, high, colours = shades(values.values)
    image = ax.pcolormesh(
        x, values[THETA] / np.pi, values, cmap=colours, vmin=low, vmax=high, shading="gouraud", rasterized=True
    )
    ax.set(xlabel=label, ylabel=r"$\theta/\pi$")
    colour_bar(ax, image, f"{shown.words} {shown.symbol(name)} ({unit(shown.total)})")
    return ax


def _magnetization(result: xarray.Dataset, axes: tuple[str, str], driven: bool) -> tuple[xarray.DataArray, str] | None:
    """What the current is the curl of, along the normal of a plane, and its label.

    At a phase the Chern-Simons part depends on the gauge; in the mean over the cycle it does not.
    """
    parts = ["M_equilibrium"] if not driven else ["M_induced", "M_chern_simons"]
    if parts[0] not in result:
        return None
    words = "induced magnetization" if driven else "magnetization in equilibrium"
    if driven and THETA in result.coords:
        words, parts = "perturbative magnetization", parts[:1]
    M = _sum(result, parts)
    (normal,) = set(AXES) - set(axes)
    if "component" in M.dims:
        M = M.sel(component=normal)
    return M, f"{words} $M_{normal}$ ({unit(M)})"


def _sum(result: xarray.Dataset, names: Sequence[str]) -> xarray.DataArray:
    total: xarray.DataArray = result[list(names)].to_array("term").sum("term").assign_attrs(result[names[0]].attrs)
    return total


def _words(term: xarray.DataArray) -> str:
    """What a term is called."""
    return str(term.attrs.get("long_name", term.name)).partition(": ")[2] or str(term.name)


def squeezed(result: xarray.Dataset) -> xarray.Dataset:
    """Without axes of one place, or one phase."""
    single = [dim for dim in (*AXES, POINT, THETA) if dim in result.total.dims and result.sizes[dim] == 1]
    squeezed: xarray.Dataset = result.isel(dict.fromkeys(single, 0))
    return squeezed


def axes_of(result: xarray.Dataset) -> list[str]:
    """Axes of places."""
    axes = [dim for dim in (*AXES, POINT) if dim in result.total.dims]
    if len(axes) > 2:
        raise InvalidArgumentError(
            f"a picture of places along {', '.join(axes)}: expected one or two of them; choose a plane with result.sel"
        )
    return axes


def _at_one_time(result: xarray.Dataset) -> tuple[xarray.Dataset, str]:
    """Mean over the cycle if the phases make one, else the first phase; and what it is."""
    if THETA in result.total.dims:
        phases = result[THETA].values
        if len(phases) > 2 and np.allclose(np.diff(phases), 2 * np.pi / len(phases)):
            result = result.mean(THETA, keep_attrs=True).drop_vars(THETA, errors="ignore")
            return result, "mean over the cycle"
        result = result.isel({THETA: 0})
    return result, _when(result)


def _when(result: xarray.Dataset) -> str:
    """At one phase of the cycle, or in the mean."""
    if THETA not in result.coords:
        return "mean over the cycle" if f"rate_{THETA}" in result.attrs else ""
    return phase(float(result[THETA])) if THETA not in result.total.dims else ""


def phase(theta: float) -> str:
    """Of the cycle, as a title."""
    return rf"$\theta = {theta / np.pi:.2f}\,\pi$"


def _place(coordinate: xarray.DataArray) -> str:
    return f"${coordinate.name}$ ({coordinate.attrs.get('units', 'length')})"


def _along(result: xarray.Dataset, dim: str) -> tuple[Float, str]:
    """Where one is on a line, and what that is called."""
    if dim == THETA:
        return result[THETA].values / np.pi, r"$\theta/\pi$"
    if dim != POINT:
        return result[dim].values, _place(result[dim])
    places = np.stack([result[axis].values for axis in AXES if axis in result.coords], axis=-1)
    steps = np.sqrt((np.diff(places, axis=0) ** 2).sum(axis=1))
    length = result["x"].attrs.get("units", "length")
    return np.concatenate([[0.0], np.cumsum(steps)]), f"distance along the line ({length})"
