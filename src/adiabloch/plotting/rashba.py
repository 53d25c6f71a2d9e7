"""Orbital beside spin: the honeycomb model with Rashba coupling, from its numbers."""

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
WAYS: dict[str, tuple[str, Any, str]] = {
    "hopping": ("o", "-", "only hopping follows atoms"),
    "strength": ("s", (0, (5, 2)), "Rashba strength too"),
    "direction": ("^", (0, (1, 1.2)), "Rashba strength and direction"),
}
"""Marker, line and name of what follows the atoms: told apart by shape, not by colour."""
KINDS = {"orbital": BLUE, "spin": RED}
TITLES = {"orbital": "orbital moment", "spin": "spin moment at any $t_1$"}
UNIT = r"$10^{-3}\,\mu_B\,\hbar\omega/t_0$ upon $a^2$"


def draw(numbers: xarray.Dataset) -> Figure:
    """Four panels: orbital beside spin moment, against the Rashba coupling and against the gap."""
    with look() as plt:
        figure: Figure = plt.figure(figsize=(WIDTH, 5.6), layout="constrained")
        panels = figure.subplots(2, 2, sharey="row")
        fixed = (rf"2\Delta = {2 * numbers.attrs['delta']:g}\,t_0", rf"\lambda_R = {numbers.attrs['rashba']:g}\,t_0")
        for row, (against, at) in enumerate(zip(("rashba", "delta"), fixed, strict=True)):
            for column, (kind, title) in enumerate(TITLES.items()):
                ax = panels[row, column]
                panel(ax, numbers, kind, against)
                ax.set_title(f"({'abcd'[2 * row + column]})  {title}, ${at}$", loc="left", fontsize=10, pad=5)
            panels[row, 0].set_ylabel(f"pumped moment\n({UNIT})")
        # room for both below the curves against the gap, which fall off
        for column in range(2):
            bars, names = panels[0, column].get_legend_handles_labels()
            lines = [bar[0] for bar in bars]
            panels[1, column].legend(lines, names, loc="lower right", fontsize=7.5, handlelength=2.8)
        return figure


def panel(ax: Axes, numbers: xarray.Dataset, kind: str, against: str) -> None:
    """One kind of moment against the Rashba coupling or the gap; where the insulator closes there is no point."""
    x = numbers.rashba if against == "rashba" else 2 * numbers.delta
    ax.axhline(0.0, color=GREY, lw=0.5)
    moment = numbers[f"{kind}_{against}"]
    for way, (marker, line, name) in WAYS.items():
        if "follow" in moment.dims or way == "hopping":
            label = rf"$t_1 = {numbers.attrs['t1']:g}\,t_0$: {name}" if kind == "orbital" else name
            series(ax, numbers, x, f"{kind}_{against}", way, color=KINDS[kind], marker=marker, ls=line, label=label)
    if kind == "orbital":
        eq8 = r"$t_1 = 0$: Eq. (8) alone, no Chern-Simons"
        zero = r"$t_1 = 0$: all terms, zero by symmetry"
        series(ax, numbers, x, f"eq8_{against}", color=GREY, marker="x", ls=(0, (6, 1.5, 1, 1.5)), label=eq8)
        series(ax, numbers, x, f"without_t1_{against}", color=INK, marker="D", mfc="white", ls="-", label=zero)
    ax.set_xlabel(r"Rashba coupling $\lambda_R/t_0$" if against == "rashba" else r"direct gap $2\Delta/t_0$")
    ax.set_xlim(0, None)


def series(
    ax: Axes, numbers: xarray.Dataset, x: xarray.DataArray, name: str, way: str | None = None, **look: Any
) -> None:
    """One line with its error bars."""
    value, error = numbers[name], numbers[f"{name}_error"]
    if "follow" in value.dims:
        value, error = value.sel(follow=way), error.sel(follow=way)
    kind = "spin" if name.startswith("spin") else "orbital"
    scale = 1e3 * float(numbers.attrs[f"{kind}_bohr_magnetons"])
    options = {"ms": 4.2, "mew": 0.9, "lw": 1.2, "capsize": 1.5, "clip_on": False, "zorder": 3, **look}
    ax.errorbar(x.values, scale * value.values, yerr=np.abs(scale * error.values), **options)
