"""Responses of a metal to electric fields, from their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.plotting.style import BLUE, GREY, INK, RED, look

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0
"""Inches: two columns of a journal."""
ACROSS = {"component": "x", "field": "y", "other_field": "y"}
"""The component that the mirror allows."""
PALE = "#eef1f4"
"""The gap."""


def draw(numbers: xarray.Dataset) -> Figure:
    """Bands beside density of states, Hall conductivity; against one axis dM/dE, nonlinear Hall and heat currents."""
    with look() as plt:
        figure: Figure = plt.figure(figsize=(WIDTH, 6.0), layout="constrained")
        grid = figure.add_gridspec(3, 3, width_ratios=(2.0, 0.9, 3.4))
        levels = figure.add_subplot(grid[:2, 0])
        density = figure.add_subplot(grid[:2, 1], sharey=levels)
        below = figure.add_subplot(grid[2, :2])
        scans = [figure.add_subplot(grid[row, 2], sharex=below) for row in range(3)]
        bands(levels, numbers)
        states(density, numbers)
        panels = (below, *scans)
        for ax, panel in zip(panels, (hall, alpha, chi, heat), strict=True):
            panel(ax, numbers)
            ax.axvspan(*numbers.edges.values, color=PALE, lw=0, zorder=0)
            ax.axhline(0.0, color=GREY, lw=0.5, zorder=1)
            ax.set_xlim(*numbers.chemical_potential.values[[0, -1]])
        for ax in (below, scans[-1]):
            ax.set_xlabel(r"$\mu/t_0$")
        for ax in scans[:-1]:
            ax.tick_params(labelbottom=False)
        figure.align_ylabels(scans)
        for label, ax in zip("abcde", (levels, *panels), strict=True):
            ax.set_title(f"({label})", loc="left", fontsize=10, pad=5)
        return figure


def bands(ax: Axes, numbers: xarray.Dataset) -> None:
    """(a) Energies along lines between the corners."""
    ticks = numbers.corner_at.values
    ax.axhspan(*numbers.edges.values, color=PALE, lw=0, zorder=0)
    for tick in ticks[1:-1]:
        ax.axvline(tick, color=GREY, lw=0.5)
    for band, colour in enumerate((BLUE, RED)):
        ax.plot(numbers.distance, numbers.bands[:, band], color=colour)
    ax.set_xticks(ticks, [str(name).split()[1] for name in numbers.corner.values])
    ax.tick_params(axis="x", length=0)
    ax.set(xlim=(ticks[0], ticks[-1]), ylabel=r"$\varepsilon/t_0$")
    ax.set_ylim(*numbers.chemical_potential.values[[0, -1]])


def states(ax: Axes, numbers: xarray.Dataset) -> None:
    """Density of states beside them."""
    ax.axhspan(*numbers.edges.values, color=PALE, lw=0, zorder=0)
    ax.fill_betweenx(numbers.chemical_potential, 0.0, numbers.dos, color=GREY, alpha=0.3, lw=0)
    ax.plot(numbers.dos, numbers.chemical_potential, color=INK, lw=1.0)
    ax.set_xlim(0, None)
    ax.set_title("states/$t_0 a_0^2$", fontsize=8)
    ax.locator_params(axis="x", nbins=2, prune="lower")
    ax.tick_params(labelleft=False)


def hall(ax: Axes, numbers: xarray.Dataset) -> None:
    """(b) Anomalous Hall conductivity in e^2/h."""
    curve(ax, numbers, "hall", 2 * np.pi, color=BLUE)
    ax.set_ylabel(r"$\sigma_{xy}$  $(e^2/h)$")


def alpha(ax: Axes, numbers: xarray.Dataset) -> None:
    """(c) Magnetization that a field induces."""
    y = {"field": "y"}
    curve(ax, numbers, "alpha_interband", 1e3, y, color=GREY, lw=1.1, label="between the bands")
    curve(ax, numbers, "alpha_metric_dipole", 1e3, y, color=RED, lw=1.1, ls=(0, (4, 2)), label="metric dipole")
    curve(ax, numbers, "alpha", 1e3, y, color=BLUE, label="total")
    ax.set_ylabel("$\\partial M_z/\\partial E_y$\n$(10^{-3}\\,e^2 a_0/\\hbar)$")
    ax.legend(loc="upper right")


def chi(ax: Axes, numbers: xarray.Dataset) -> None:
    """(d) Intrinsic nonlinear Hall conductivity."""
    along = {"component": "y", "field": "x", "other_field": "x"}
    curve(ax, numbers, "chi", 1e3, along, color=GREY, lw=1.1, ls=(0, (4, 2)), label=r"$\chi_{yxx}$")
    curve(ax, numbers, "chi", 1e3, ACROSS, color=BLUE, label=r"$\chi_{xyy}=-2\chi_{yxy}$")
    ax.set_ylabel("nonlinear Hall $\\chi$\n$(10^{-3}\\,e^3 a_0/\\hbar t_0)$")
    ax.legend(loc="lower right")


def heat(ax: Axes, numbers: xarray.Dataset) -> None:
    """(e) Heat current at several temperatures, and Mott's relation at the lowest."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("", [BLUE, RED])
    temperatures = numbers.temperature.values
    for n, kT in enumerate(temperatures):
        colour = shades(n / max(len(temperatures) - 1, 1))
        curve(ax, numbers, "heat", 1e3, {**ACROSS, "temperature": kT}, color=colour, label=f"$k_BT = {kT:g}\\,t_0$")
    reach = ax.get_ylim()
    mott = 1e3 * numbers.mott.sel(ACROSS)
    label = f"Mott at ${numbers.mott.attrs['temperature']:g}\\,t_0$"
    ax.plot(mott.chemical_potential, mott, color=INK, lw=1.0, ls=(0, (1, 1.5)), label=label)
    # where a band begins the slope jumps, and Mott's relation holds at no temperature
    ax.set_ylim(*reach)
    ax.set_ylabel("heat current $\\chi^h_{xyy}$\n$(10^{-3}\\,e^2 a_0/\\hbar)$")
    ax.legend(loc="upper left", fontsize=8, handlelength=1.4, borderaxespad=0.3)


def curve(
    ax: Axes, numbers: xarray.Dataset, name: str, scale: float, here: dict[str, Any] | None = None, **look: Any
) -> None:
    """One line within its error bars."""
    value = scale * numbers[name].sel(here or {})
    ax.plot(value.chemical_potential, value, **look)
    if f"{name}_error" in numbers:
        error = abs(scale) * numbers[f"{name}_error"].sel(here or {})
        ax.fill_between(value.chemical_potential, value - error, value + error, color=look["color"], alpha=0.3, lw=0)
