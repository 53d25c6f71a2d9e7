"""Picture of the bands and of the responses of a metal to electric fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.plotting.style import BLUE, GREY, INK, PAGE_WIDTH, RED, project_style

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALLOWED = {"component": "x", "field": "y", "other_field": "y"}
"""Nonlinear current that the mirror allows."""
GAP_COLOUR = "#eef1f4"


def draw(numbers: xarray.Dataset) -> Figure:
    """Draw bands, density of states, Hall conductivity and, on the right, dM/dE, nonlinear Hall and heat currents."""
    with project_style() as plt:
        figure: Figure = plt.figure(figsize=(PAGE_WIDTH, 6.0), layout="constrained")
        grid = figure.add_gridspec(3, 3, width_ratios=(2.0, 0.9, 3.4))
        levels = figure.add_subplot(grid[:2, 0])
        density = figure.add_subplot(grid[:2, 1], sharey=levels)
        below = figure.add_subplot(grid[2, :2])
        right = [figure.add_subplot(grid[row, 2], sharex=below) for row in range(3)]
        _bands(levels, numbers)
        _density_of_states(density, numbers)
        panels = (below, *right)
        for ax, panel in zip(panels, (_hall, _magnetoelectric, _nonlinear_hall, _heat_current), strict=True):
            panel(ax, numbers)
            ax.axvspan(*numbers.edges.values, color=GAP_COLOUR, lw=0, zorder=0)
            ax.axhline(0.0, color=GREY, lw=0.5, zorder=1)
            ax.set_xlim(*numbers.chemical_potential.values[[0, -1]])
        for ax in (below, right[-1]):
            ax.set_xlabel(r"$\mu/t_0$")
        for ax in right[:-1]:
            ax.tick_params(labelbottom=False)
        figure.align_ylabels(right)
        for label, ax in zip("abcde", (levels, *panels), strict=True):
            ax.set_title(f"({label})", loc="left", fontsize=10, pad=5)
        return figure


def _bands(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the energies along lines between the corners, panel (a)."""
    ticks = numbers.corner_at.values
    ax.axhspan(*numbers.edges.values, color=GAP_COLOUR, lw=0, zorder=0)
    for tick in ticks[1:-1]:
        ax.axvline(tick, color=GREY, lw=0.5)
    for band, colour in enumerate((BLUE, RED)):
        ax.plot(numbers.distance, numbers.bands[:, band], color=colour)
    ax.set_xticks(ticks, [str(name).split()[1] for name in numbers.corner.values])
    ax.tick_params(axis="x", length=0)
    ax.set(xlim=(ticks[0], ticks[-1]), ylabel=r"$\varepsilon/t_0$")
    ax.set_ylim(*numbers.chemical_potential.values[[0, -1]])


def _density_of_states(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the density of states beside the bands."""
    ax.axhspan(*numbers.edges.values, color=GAP_COLOUR, lw=0, zorder=0)
    ax.fill_betweenx(numbers.chemical_potential, 0.0, numbers.dos, color=GREY, alpha=0.3, lw=0)
    ax.plot(numbers.dos, numbers.chemical_potential, color=INK, lw=1.0)
    ax.set_xlim(0, None)
    ax.set_title("states/$t_0 a_0^2$", fontsize=8)
    ax.locator_params(axis="x", nbins=2, prune="lower")
    ax.tick_params(labelleft=False)


def _hall(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the anomalous Hall conductivity in e^2/h, panel (b)."""
    _curve(ax, numbers, "hall", 2 * np.pi, color=BLUE)
    ax.set_ylabel(r"$\sigma_{xy}$  $(e^2/h)$")


def _magnetoelectric(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the magnetization induced by an electric field, panel (c)."""
    y = {"field": "y"}
    _curve(ax, numbers, "alpha_interband", 1e3, y, color=GREY, lw=1.1, label="between the bands")
    _curve(ax, numbers, "alpha_metric_dipole", 1e3, y, color=RED, lw=1.1, ls=(0, (4, 2)), label="metric dipole")
    _curve(ax, numbers, "alpha", 1e3, y, color=BLUE, label="total")
    ax.set_ylabel("$\\partial M_z/\\partial E_y$\n$(10^{-3}\\,e^2 a_0/\\hbar)$")
    ax.legend(loc="upper right")


def _nonlinear_hall(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the intrinsic nonlinear Hall conductivity, panel (d)."""
    forbidden = {"component": "y", "field": "x", "other_field": "x"}
    _curve(ax, numbers, "chi", 1e3, forbidden, color=GREY, lw=1.1, ls=(0, (4, 2)), label=r"$\chi_{yxx}$")
    _curve(ax, numbers, "chi", 1e3, ALLOWED, color=BLUE, label=r"$\chi_{xyy}=-2\chi_{yxy}$")
    ax.set_ylabel("nonlinear Hall $\\chi$\n$(10^{-3}\\,e^3 a_0/\\hbar t_0)$")
    ax.legend(loc="lower right")


def _heat_current(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the heat current at several temperatures, and Mott's relation at the lowest, panel (e)."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("", [BLUE, RED])
    temperatures = numbers.temperature.values
    for n, kT in enumerate(temperatures):
        colour = colours(n / max(len(temperatures) - 1, 1))
        _curve(ax, numbers, "heat", 1e3, {**ALLOWED, "temperature": kT}, color=colour, label=f"$k_BT = {kT:g}\\,t_0$")
    limits = ax.get_ylim()
    mott = 1e3 * numbers.mott.sel(ALLOWED)
    label = f"Mott at ${numbers.mott.attrs['temperature']:g}\\,t_0$"
    ax.plot(mott.chemical_potential, mott, color=INK, lw=1.0, ls=(0, (1, 1.5)), label=label)
    # at a band edge the slope jumps, and Mott's relation does not hold
    ax.set_ylim(*limits)
    ax.set_ylabel("heat current $\\chi^h_{xyy}$\n$(10^{-3}\\,e^2 a_0/\\hbar)$")
    ax.legend(loc="upper left", fontsize=8, handlelength=1.4, borderaxespad=0.3)


def _curve(
    ax: Axes, numbers: xarray.Dataset, name: str, scale: float, selection: dict[str, Any] | None = None, **options: Any
) -> None:
    """Draw one variable against the chemical potential, with a band for its error."""
    value = scale * numbers[name].sel(selection or {})
    ax.plot(value.chemical_potential, value, **options)
    if f"{name}_error" in numbers:
        error = abs(scale) * numbers[f"{name}_error"].sel(selection or {})
        ax.fill_between(value.chemical_potential, value - error, value + error, color=options["color"], alpha=0.3, lw=0)
