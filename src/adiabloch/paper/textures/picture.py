"""Picture of the magnetization and the currents of the disk and of the wave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.plotting.scales import add_colour_bar, colour_scale, draw_arrows
from adiabloch.plotting.style import BLUE, DIVERGING, GREY, INK, PAGE_WIDTH, RED, project_style

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SCALE = 1e4
"""Factor of currents and magnetizations."""


def draw(numbers: xarray.Dataset) -> Figure:
    """Draw the disk from above (left); the current across the wave at one phase and over the cycle (right)."""
    with project_style() as plt:
        figure: Figure = plt.figure(figsize=(PAGE_WIDTH, 4.3), layout="constrained")
        halves: Any = figure.subfigures(1, 2, width_ratios=(1.0, 1.05))
        panels = (halves[0].add_subplot(), *halves[1].subplots(2, 1, sharex=True))
        mean, swing = (f"{numbers.attrs[name]:g}" for name in ("wave_mean", "wave_swing"))
        titles = (
            "(a)  a disk, mean over the cycle",
            rf"(b)  across a wave, $\Delta = ({mean} + {swing}\,\cos s)\,t_0$",
            "(c)  over the cycle",
        )
        for title, ax, panel in zip(titles, panels, (_disk, _wave_curves, _wave_map), strict=True):
            panel(ax, numbers)
            ax.set_title(title, loc="left", fontsize=10, pad=5)
        panels[1].tick_params(labelbottom=False)
        return figure


def _disk(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the pumped magnetization and the current around the disk, panel (a)."""
    x, y, M = numbers.x.values, numbers.y.values, SCALE * numbers.disk_magnetization.values.T
    u, v = (numbers.disk_current.sel(component=name).values.T for name in ("x", "y"))
    low, high, colours = colour_scale(M)
    image = ax.pcolormesh(x, y, M, cmap=colours, vmin=low, vmax=high, shading="gouraud", rasterized=True)
    angle, radius = np.linspace(0, 2 * np.pi, 200), float(numbers.attrs["radius"])
    ax.plot(radius * np.cos(angle), radius * np.sin(angle), color="white", lw=0.9, ls=(0, (4, 3)))
    draw_arrows(ax, x, y, u, v, float(np.hypot(u, v).max()), r"$e\omega/a_0$")
    ax.set(aspect="equal", xlabel=r"$x/a_0$", ylabel=r"$y/a_0$")
    label = r"pumped magnetization $\bar M$  $(10^{-4}\,e\omega)$"
    add_colour_bar(ax, image, label, location="bottom", shrink=0.9)


def _wave_curves(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the current across the wave by the theory (lines) and from supercells (dots), panel (b)."""
    across = numbers.sel(direction="across")
    largest = across.isel(theta=int(np.abs(across.wave_current).max("s").values.argmax()))
    mean = across[["wave_current", "supercell_current"]].mean("theta")
    mean = mean.assign(across[["wave_error", "supercell_error"]].max("theta"))
    ax.axhline(0.0, color=GREY, lw=0.5, zorder=0)
    for curve, colour, label in (
        (largest, BLUE, rf"$\theta = {float(largest.theta) / np.pi:.3g}\,\pi$"),
        (mean, RED, r"mean over $\theta$"),
    ):
        s, (value, error) = _continued(numbers.s.values, curve.wave_current.values, curve.wave_error.values)
        ax.plot(s, value, color=colour, lw=1.8, label=label)
        ax.fill_between(s, value - error, value + error, color=colour, alpha=0.25, lw=0)
        style: Any = {"fmt": "o", "ms": 3.2, "mfc": "white", "mew": 0.9, "elinewidth": 0.9, "zorder": 4}
        dots, bars = SCALE * curve.supercell_current, SCALE * float(curve.supercell_error)
        ax.errorbar(numbers.s / np.pi, dots, bars, color=colour, **style)
    for name, dashes, label in (
        ("wave_curl", (0, (4, 1.5)), r"of it $\nabla\times M$"),
        ("wave_rate", (0, (1, 1.2)), r"of it $\partial_t P$"),
    ):
        s, (value,) = _continued(numbers.s.values, largest[name].values)
        ax.plot(s, value, color=INK, lw=0.9, ls=dashes, zorder=3, label=label)
    ax.plot([], [], "o", ms=3.2, mfc="white", mew=0.9, color=INK, label="supercells")
    handles, labels = ax.get_legend_handles_labels()
    order = [0, 2, 3, 1, 4]
    ax.legend([handles[n] for n in order], [labels[n] for n in order], fontsize=7.5, loc="upper left", handlelength=1.8)
    ax.set(xlim=(0, 2), ylabel=r"$L\,j_\perp$  $(10^{-4}\,e\omega/a_0)$")


def _wave_map(ax: Axes, numbers: xarray.Dataset) -> None:
    """Draw the current across the wave over the whole cycle, panel (c)."""
    values = numbers.wave_current.sel(direction="across").transpose("theta", "s").values
    # the last phase is the first one, a period later
    s, (values,) = _continued(numbers.s.values, np.vstack([values, values[:1]]))
    theta = np.append(numbers.theta, 2 * np.pi) / np.pi
    largest = float(np.abs(values).max())
    image = ax.pcolormesh(
        s, theta, values, cmap=DIVERGING, vmin=-largest, vmax=largest, shading="gouraud", rasterized=True
    )
    ax.set(xlabel=r"$s/\pi$", ylabel=r"$\theta/\pi$", xlim=(0, 2), ylim=(0, 2))
    add_colour_bar(ax, image, r"$L\,j_\perp$  $(10^{-4}\,e\omega/a_0)$")


def _continued(s: Float, *values: Float) -> tuple[Float, list[Float]]:
    """Continue periodic functions of s (last axis) by one point beyond both ends, in units of pi and 1/SCALE."""
    phases = np.concatenate([[s[-1] - 2 * np.pi], s, [s[0] + 2 * np.pi]]) / np.pi
    return phases, [SCALE * np.concatenate([x[..., -1:], x, x[..., :1]], axis=-1) for x in values]
