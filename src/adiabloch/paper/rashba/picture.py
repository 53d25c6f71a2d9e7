"""Picture of the pumped orbital and spin moments against the Rashba coupling and against the gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.plotting.style import BLUE, GREY, INK, PAGE_WIDTH, RED, project_style

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES: dict[str, tuple[str, Any, str]] = {
    "hopping": ("o", "-", "only hopping follows atoms"),
    "strength": ("s", (0, (5, 2)), "Rashba strength too"),
    "direction": ("^", (0, (1, 1.2)), "Rashba strength and direction"),
}
"""Marker, line style and label by the terms that follow the atoms; the curves differ in shape, not in colour."""
COLOURS = {"orbital": BLUE, "spin": RED}
TITLES = {"orbital": "orbital moment", "spin": "spin moment at any $t_1$"}
UNIT = r"$10^{-3}\,\mu_B\,\hbar\omega/t_0$ upon $a^2$"


def draw(numbers: xarray.Dataset) -> Figure:
    """Draw orbital and spin moments against the Rashba coupling (upper row) and against the gap (lower row)."""
    with project_style() as plt:
        figure: Figure = plt.figure(figsize=(PAGE_WIDTH, 5.6), layout="constrained")
        panels = figure.subplots(2, 2, sharey="row")
        fixed = (rf"2\Delta = {2 * numbers.attrs['delta']:g}\,t_0", rf"\lambda_R = {numbers.attrs['rashba']:g}\,t_0")
        for row, (parameter, value) in enumerate(zip(("rashba", "delta"), fixed, strict=True)):
            for column, (kind, title) in enumerate(TITLES.items()):
                ax = panels[row, column]
                _moments(ax, numbers, kind, parameter)
                ax.set_title(f"({'abcd'[2 * row + column]})  {title}, ${value}$", loc="left", fontsize=10, pad=5)
            panels[row, 0].set_ylabel(f"pumped moment\n({UNIT})")
        # the lower panels have room for the legends
        for column in range(2):
            bars, labels = panels[0, column].get_legend_handles_labels()
            lines = [bar[0] for bar in bars]
            panels[1, column].legend(lines, labels, loc="lower right", fontsize=7.5, handlelength=2.8)
        return figure


def _moments(ax: Axes, numbers: xarray.Dataset, kind: str, parameter: str) -> None:
    """Draw one kind of moment against the Rashba coupling or the gap; there is no point where the gap closes."""
    x = numbers.rashba if parameter == "rashba" else 2 * numbers.delta
    ax.axhline(0.0, color=GREY, lw=0.5)
    name = f"{kind}_{parameter}"
    for follow, (marker, line, words) in STYLES.items():
        if "follow" in numbers[name].dims or follow == "hopping":
            label = rf"$t_1 = {numbers.attrs['t1']:g}\,t_0$: {words}" if kind == "orbital" else words
            _curve(ax, numbers, x, name, follow, color=COLOURS[kind], marker=marker, ls=line, label=label)
    if kind == "orbital":
        eq8 = r"$t_1 = 0$: Eq. (8) alone, no Chern-Simons"
        zero = r"$t_1 = 0$: all terms, zero by symmetry"
        _curve(ax, numbers, x, f"eq8_{parameter}", color=GREY, marker="x", ls=(0, (6, 1.5, 1, 1.5)), label=eq8)
        _curve(ax, numbers, x, f"without_t1_{parameter}", color=INK, marker="D", mfc="white", ls="-", label=zero)
    ax.set_xlabel(r"Rashba coupling $\lambda_R/t_0$" if parameter == "rashba" else r"direct gap $2\Delta/t_0$")
    ax.set_xlim(0, None)


def _curve(
    ax: Axes, numbers: xarray.Dataset, x: xarray.DataArray, name: str, follow: str | None = None, **options: Any
) -> None:
    """Draw one variable with its error bars."""
    value, error = numbers[name], numbers[f"{name}_error"]
    if "follow" in value.dims:
        value, error = value.sel(follow=follow), error.sel(follow=follow)
    kind = "spin" if name.startswith("spin") else "orbital"
    scale = 1e3 * float(numbers.attrs[f"{kind}_bohr_magnetons"])
    defaults = {"ms": 4.2, "mew": 0.9, "lw": 1.2, "capsize": 1.5, "clip_on": False, "zorder": 3}
    ax.errorbar(x.values, scale * value.values, yerr=np.abs(scale * error.values), **{**defaults, **options})
