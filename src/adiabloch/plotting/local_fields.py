"""Pictures of local currents and densities in textures: curves, maps over a line and the cycle, maps of a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import AXES
from adiabloch.plotting.field_terms import FieldTerms, total_of
from adiabloch.plotting.scales import add_colour_bar, colour_scale, draw_arrows, set_number_format
from adiabloch.plotting.style import COLOURS, INK, unit_label

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

POINT, THETA = "point", "theta"
"""Dimensions of positions along a line of any direction, and of phases of the cycle."""
NEGLIGIBLE = 1e-4
"""Size of the other terms, relative to the only visible one, up to which a curve has the name of that term."""
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))
"""Line styles of successive terms."""


def local_field(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw a local current or density.

    Along a line or over the cycle: curves. Along a line and over the cycle: a map. Over a plane: a map, with arrows for
    a current.
    """
    result = without_single_points(result)
    axes = axes_of_places(result)
    if len(axes) == 2:
        result, title = _at_one_phase(result)
        picture = PlaneMap.of(result)
        picture.draw(ax)
        picture.add_legend(ax)
        ax.set_title(title, loc="left", fontsize=9)
        return ax
    if axes and THETA in result.total.dims:
        return _line_and_cycle(result, ax)
    LineCurves.of(result).draw(ax)
    ax.set_title(_phase_title(result), loc="right", fontsize=9)
    return ax


@dataclass(frozen=True)
class LineCurves:
    """Curves of components and of their terms along a line or over the cycle.

    Attributes
    ----------
    x : float array
    x_label, y_label : str
    lines : sequence of (DataArray, dict)
        Values of each curve and its options of matplotlib.
    bands : sequence of (DataArray, DataArray, str)
        Values, error and colour of each error band.
    limits : (float, float)
        Limits of the vertical axis that hold the curves at all phases.
    """

    x: Float
    x_label: str
    y_label: str
    lines: Sequence[tuple[xarray.DataArray, dict[str, Any]]]
    bands: Sequence[tuple[xarray.DataArray, xarray.DataArray, str]]
    limits: tuple[float, float]

    @classmethod
    def of(cls, result: xarray.Dataset) -> LineCurves:
        """Collect the total of each visible component (thick lines) and its visible terms (thin lines)."""
        field = FieldTerms.of(result)
        dim = (axes_of_places(result) or [THETA])[0]
        lines, bands = [], []
        for colour, name in zip(COLOURS * int(field.total[field.label_dimension].size), field.visible(), strict=False):
            selection = {field.label_dimension: name}
            terms = [(words, term.sel(selection)) for words, term in field.terms]
            terms = [(words, term) for words, term in terms if field.is_visible(term)]
            symbol, label = field.symbol(name), field.symbol(name)
            if len(terms) == 1:
                words, only = terms[0]
                others = float(np.abs(field.total.sel(selection) - only).max())
                label, terms = label if others > NEGLIGIBLE * float(np.abs(only).max()) else f"{label}: {words}", []
            lines.append((field.total.sel(selection), {"color": colour, "lw": 2.0, "label": label}))
            bands.append((field.total.sel(selection), field.error, colour))
            for dashes, (words, term) in zip(DASHES * len(terms), terms, strict=False):
                lines.append((term, {"color": colour, "lw": 0.9, "ls": dashes, "label": f"{symbol}: {words}"}))
        x, x_label = _line_coordinate(result, dim)
        values = [float(bound) for line, _ in lines for bound in (line.min(), line.max())]
        low, high = min([0.0, *values]), max([0.0, *values])
        margin = 0.06 * (high - low)
        # room for the legend, whose position must be the same in all frames
        limits = (low - margin, high + margin * (1 + len(lines)))
        return cls(x, x_label, field.label, lines, bands, limits)

    def draw(self, ax: Axes, selection: Mapping[str, int] | None = None) -> None:
        """Draw all curves; `selection` is the index of a phase, for frames with common limits."""
        ax.axhline(0.0, color=INK, lw=0.7)
        for values, error, colour in self.bands:
            value, bar = values.isel(selection or {}), error.isel(selection or {})
            ax.fill_between(self.x, value - bar, value + bar, color=colour, alpha=0.25, lw=0)
        for values, style in self.lines:
            ax.plot(self.x, values.isel(selection or {}), **style)
        ax.set(xlabel=self.x_label, ylabel=self.y_label, xlim=(self.x.min(), self.x.max()))
        if selection:
            ax.set_ylim(*self.limits)
        set_number_format(ax.yaxis)
        if self.lines:
            ax.legend(fontsize=7, loc="best" if selection is None else "upper right")

    def add_legend(self, ax: Axes) -> None:
        """Add nothing: `draw` adds the legend of the curves."""


@dataclass(frozen=True)
class PlaneMap:
    """Map of a field over a plane, with arrows for a current.

    Attributes
    ----------
    axes : (str, str)
        Axes of the plane.
    colour : DataArray
        Field shown by colours.
    label : str
        Label of the colours.
    arrows : (DataArray, DataArray) or None
        Components of the current in the plane.
    longest : float
        Largest magnitude of the arrows at all phases.
    unit : str
        Unit of the arrows.
    """

    axes: tuple[str, str]
    colour: xarray.DataArray
    label: str
    arrows: tuple[xarray.DataArray, xarray.DataArray] | None
    longest: float
    unit: str

    @classmethod
    def of(cls, result: xarray.Dataset) -> PlaneMap:
        """Choose the largest observable, or the current on the magnetization or else on its own magnitude."""
        field = FieldTerms.of(result)
        first, second = axes_of_places(result)
        unit = unit_label(field.total)
        if field.label_dimension == "observable":
            name = field.largest()
            label = f"{name}: {field.label}" if field.total[field.label_dimension].size > 1 else field.label
            return cls((first, second), field.total.sel(observable=name), label, None, 0.0, unit)
        arrows = (field.total.sel(component=first), field.total.sel(component=second))
        longest = float(np.hypot(*arrows).max())
        colour = (field.total**2).sum("component") ** 0.5
        label = f"{field.title} $|j|$ ({unit})"
        magnetization = _magnetization(result, (first, second), field.driven)
        if magnetization is not None:
            colour, label = magnetization
        return cls((first, second), colour, label, arrows, longest, unit)

    def draw(self, ax: Axes, selection: Mapping[str, int] | None = None) -> None:
        """Draw colours and arrows; `selection` is the index of a phase, for frames with common scales."""
        first, second = self.axes
        colour = self.colour.isel(selection or {}).transpose(second, first)
        low, high, colours = colour_scale(self.colour.values)
        ax.pcolormesh(
            colour[first], colour[second], colour, cmap=colours, vmin=low, vmax=high, shading="gouraud", rasterized=True
        )
        ax.set(aspect="equal", xlabel=_place_label(colour[first]), ylabel=_place_label(colour[second]))
        if self.arrows is not None and self.longest > 0:
            u, v = (arrow.isel(selection or {}).transpose(second, first) for arrow in self.arrows)
            draw_arrows(ax, colour[first].values, colour[second].values, u.values, v.values, self.longest, self.unit)

    def add_legend(self, ax: Axes) -> None:
        """Add the colour bar."""
        add_colour_bar(ax, ax.collections[0], self.label)


def _line_and_cycle(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the largest component over line and phase."""
    field = FieldTerms.of(result)
    (dim,) = axes_of_places(result)
    name = field.largest()
    values = field.total.sel({field.label_dimension: name}).transpose(THETA, dim)
    x, label = _line_coordinate(result, dim)
    low, high, colours = colour_scale(values.values)
    image = ax.pcolormesh(
        x, values[THETA] / np.pi, values, cmap=colours, vmin=low, vmax=high, shading="gouraud", rasterized=True
    )
    ax.set(xlabel=label, ylabel=r"$\theta/\pi$")
    add_colour_bar(ax, image, f"{field.title} {field.symbol(name)} ({unit_label(field.total)})")
    return ax


def _magnetization(result: xarray.Dataset, axes: tuple[str, str], driven: bool) -> tuple[xarray.DataArray, str] | None:
    """Magnetization along the normal of a plane, whose curl is the current, and its label.

    Its Chern-Simons part depends on the gauge at a single phase and is left out there; the mean over the cycle does not
    depend on the gauge.
    """
    parts = ["M_equilibrium"] if not driven else ["M_induced", "M_chern_simons"]
    if parts[0] not in result:
        return None
    words = "induced magnetization" if driven else "magnetization in equilibrium"
    if driven and THETA in result.coords:
        words, parts = "perturbative magnetization", parts[:1]
    M = total_of(result, parts)
    (normal,) = set(AXES) - set(axes)
    if "component" in M.dims:
        M = M.sel(component=normal)
    return M, f"{words} $M_{normal}$ ({unit_label(M)})"


def without_single_points(result: xarray.Dataset) -> xarray.Dataset:
    """Remove dimensions of positions and phases that have one point only."""
    single = [dim for dim in (*AXES, POINT, THETA) if dim in result.total.dims and result.sizes[dim] == 1]
    remaining: xarray.Dataset = result.isel(dict.fromkeys(single, 0))
    return remaining


def axes_of_places(result: xarray.Dataset) -> list[str]:
    """Dimensions of positions, at most two."""
    axes = [dim for dim in (*AXES, POINT) if dim in result.total.dims]
    if len(axes) > 2:
        raise InvalidArgumentError(
            f"a picture of positions along {', '.join(axes)}: expected one or two of them; choose a plane with "
            "result.sel"
        )
    return axes


def _at_one_phase(result: xarray.Dataset) -> tuple[xarray.Dataset, str]:
    """Mean over the cycle if the phases cover it, otherwise the first phase; and the title."""
    if THETA in result.total.dims:
        phases = result[THETA].values
        if len(phases) > 2 and np.allclose(np.diff(phases), 2 * np.pi / len(phases)):
            result = result.mean(THETA, keep_attrs=True).drop_vars(THETA, errors="ignore")
            return result, "mean over the cycle"
        result = result.isel({THETA: 0})
    return result, _phase_title(result)


def _phase_title(result: xarray.Dataset) -> str:
    """Title that states the phase or the mean over the cycle; empty if neither applies."""
    if THETA not in result.coords:
        return "mean over the cycle" if f"rate_{THETA}" in result.attrs else ""
    return phase_text(float(result[THETA])) if THETA not in result.total.dims else ""


def phase_text(theta: float) -> str:
    """Return a phase of the cycle as text."""
    return rf"$\theta = {theta / np.pi:.2f}\,\pi$"


def _place_label(coordinate: xarray.DataArray) -> str:
    return f"${coordinate.name}$ ({coordinate.attrs.get('units', 'length')})"


def _line_coordinate(result: xarray.Dataset, dim: str) -> tuple[Float, str]:
    """Coordinate along a line or over the cycle, and its label."""
    if dim == THETA:
        return result[THETA].values / np.pi, r"$\theta/\pi$"
    if dim != POINT:
        return result[dim].values, _place_label(result[dim])
    positions = np.stack([result[axis].values for axis in AXES if axis in result.coords], axis=-1)
    steps = np.sqrt((np.diff(positions, axis=0) ** 2).sum(axis=1))
    length = result["x"].attrs.get("units", "length")
    return np.concatenate([[0.0], np.cumsum(steps)]), f"distance along the line ({length})"
