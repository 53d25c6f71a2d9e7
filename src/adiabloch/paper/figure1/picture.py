"""Picture of Fig. 1: four panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.plotting.style import BLUE, DIVERGING, GREY, INK, PAGE_WIDTH, RED, point_label, project_style

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


UNIT = r"$10^{-3}\,\mu_\mathrm{B}\,\hbar\omega/t_0$ per $a^2$"
LABEL_DISTANCE = 0.16
"""Horizontal distance of labels from the corners of the zone, relative to that of the corners from the centre."""


def draw(numbers: xarray.Dataset) -> Figure:
    """Draw the bands, M over a period with its inset, the map of d_B a^t and the mean of M against the gap."""
    with project_style() as plt:
        figure: Figure = plt.figure(figsize=(PAGE_WIDTH, 5.6), layout="constrained")
        panels = figure.subplots(2, 2)
        for label, axes, panel in zip(
            "abcd", panels.flat, (_bands, _magnetization, _zone_map, _mean_against_gap), strict=True
        ):
            panel(axes, numbers)
            axes.set_title(f"({label})", loc="left", fontsize=10, pad=5)
        return figure


def _bands(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the energies along high-symmetry lines, panel (a)."""
    ax.plot(numbers.distance, numbers.bands[:, 0], color=BLUE)
    ax.plot(numbers.distance, numbers.bands[:, 1], color=RED)
    ticks = numbers.corner_at.values
    ax.set_xticks(ticks, [point_label(str(name).split()[1]) for name in numbers.corner.values])
    ax.tick_params(axis="x", length=0)
    for tick in ticks[1:-1]:
        ax.axvline(tick, color=GREY, lw=0.5)
    ax.set(xlim=(ticks[0], ticks[-1]), ylabel=r"$\varepsilon/t_0$")


def _magnetization(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw M over a period and, in the inset, its mean against t1, panel (b)."""
    scale = float(numbers.attrs["bohr_magnetons"]) * 1e3
    mean = scale * float(numbers["mean"])
    ax.plot(numbers.theta / (2 * np.pi), scale * numbers.magnetization, color=BLUE)
    ax.axhline(mean, color=GREY, lw=0.8, ls=(0, (4, 3)))
    ax.text(0.985, 1.1 * mean, "dashed: mean", ha="right", va="top", color=GREY, fontsize=8)
    ax.set(xlim=(0, 1), ylim=(1.45 * mean, 0.0), xlabel=r"$t/T$")
    ax.set_ylabel(rf"$M$  ({UNIT})")
    inset = ax.inset_axes((0.34, 0.49, 0.42, 0.40))
    inset.plot(numbers.t1, scale * numbers.mean_t1, "o-", ms=2.6, lw=0.8, color=RED)
    inset.set(xlabel=r"$t_1/t_0$")
    inset.set_title(rf"$\bar M$  ({UNIT})", fontsize=8, pad=3.0)
    inset.xaxis.labelpad = 1.0
    inset.tick_params(labelsize=7)


def _zone_map(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw d_B a^t of the valence band over the Brillouin zone at t = 0, panel (c)."""
    values = numbers["shift"].values
    # the peaks at the corners would hide all other values, so the colours end below them
    limit = float(np.quantile(np.abs(values), 0.995))
    image = ax.pcolormesh(
        numbers.kx, numbers.ky, values, cmap=DIVERGING, vmin=-limit, vmax=limit, shading="gouraud", rasterized=True
    )
    corner = 4 * np.pi / (3 * np.sqrt(3.0))
    angles = np.arange(7) * np.pi / 3
    ax.plot(corner * np.cos(angles), corner * np.sin(angles), color=INK, lw=0.8)
    for n, angle in enumerate(angles[:6]):
        x, y = corner * np.cos(angle), corner * np.sin(angle)
        label = point_label("K" if n % 2 else "K'")
        # the maxima lie above and below the corners
        ax.text(x + np.copysign(LABEL_DISTANCE * corner, x), y, label, ha="center", va="center", fontsize=9)
    ax.set(xlabel=r"$k_x a_0$", ylabel=r"$k_y a_0$", aspect="equal", anchor="W")
    bar = ax.inset_axes((1.06, 0.05, 0.045, 0.9))
    ax.figure.colorbar(image, cax=bar, label=r"$\partial_B a^t$  ($e\omega a_0^2$)", extend="both")


def _mean_against_gap(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the mean of M against the gap, panel (d)."""
    scale = float(numbers.attrs["bohr_magnetons"]) * 1e3
    ax.errorbar(
        2 * numbers.delta,
        scale * numbers.mean_gap,
        yerr=abs(scale) * numbers.mean_gap_error,
        fmt="o-",
        ms=3.2,
        color=BLUE,
    )
    ax.axhline(0.0, color=GREY, lw=0.5)
    ax.set(xlabel=r"gap $2\Delta/t_0$", xlim=(0, None))
    ax.set_ylabel(rf"$\bar M$  ({UNIT})")
