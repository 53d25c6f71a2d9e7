"""Pictures of scans, phases, phonons and sums over bands: curves, bars and maps."""

from __future__ import annotations

import math
from itertools import cycle, product
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.plotting.scales import set_number_format
from adiabloch.plotting.style import BLUE, COLOURS, DIVERGING, GREY, INK, RED, label_with_unit, plain_number, unit_label
from adiabloch.units import latex_of_unit

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

SCANNED = ("chemical_potential", "temperature")
"""Dimensions of a scan."""
MARKERS = ("", "o", "s", "^")
"""Markers of the curves of a scan; the first ones as many as there are colours have none."""
LINES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
"""Dashes of the curves of a scan, by the number of the temperature."""
SYMBOLS = {"chemical_potential": r"$\mu$", "temperature": r"$k_BT$"}
MAIN_VARIABLES = ("total", "polarization", "charge", "chern_simons")
"""Names of the main variable of a result."""
MOMENT_PARTS = {
    "perturbative": ("perturbative", BLUE),
    "chern_simons": ("Chern-\nSimons", BLUE),
    "spin": ("spin", BLUE),
    "ions": ("ions", GREY),
    "total": ("total", RED),
    "born": ("Born charges\nalone", "none"),
}
"""Label and colour of each part of the moment of a phonon."""


MOST_ELEMENTS = 6
"""Largest number of elements of a tensor in a picture of curves."""
FORBIDDEN = 1e-3
"""Elements of a tensor that are smaller than this, relative to the largest, are not drawn as curves."""


def main_variable(result: xarray.Dataset) -> str | None:
    """Return the name of the main variable of a result, or None if it has none."""
    return next((name for name in MAIN_VARIABLES if name in result.data_vars), None)


def phase_variable(result: xarray.Dataset) -> str | None:
    """Return the name of the first variable over phase and component, or None if there is none."""
    return next((str(name) for name, x in result.data_vars.items() if {*x.dims} == {"theta", "component"}), None)


def with_error(value: float, error: float) -> str:
    """Value and error bar as text: two digits of the error bar, and the value as precise."""
    if not (0 < error < np.inf and np.isfinite(value)):
        return f"{value:.7g}"
    largest = max(abs(value), error)
    power = 0 if 1e-3 <= largest < 1e6 else math.floor(math.log10(largest))
    v, e = value / 10.0**power, error / 10.0**power
    digits = max(1 - math.floor(math.log10(e)), 0)
    v = round(v, digits) + 0.0  # no minus sign of zero
    text = f"{v:.{digits}f} ± {e:.{digits}f}" if digits <= 9 else f"{v:.9g} ± {e:.1e}"
    return f"({text})e{power:+03d}" if power else text


def axion_dial(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the axion angle as a point on the unit circle."""
    angle, circle = float(result.axion_angle), np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(circle), np.sin(circle), color=GREY)
    ax.plot([0, np.cos(angle)], [0, np.sin(angle)], "o-", color=RED, markevery=[1])
    for x, label in ((1.15, "0"), (-1.15, r"$\pi$")):
        ax.text(x, 0.0, label, ha="center", va="center")
    ax.set(
        aspect="equal", xlim=(-1.4, 1.4), ylim=(-1.2, 1.2), title=rf"axion angle $\theta = {angle / np.pi:.4g}\,\pi$"
    )
    ax.axis("off")
    return ax


def phase_curves(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the components of the pumped magnetization over the phase of the cycle."""
    magnetization = result[str(phase_variable(result))]
    for name in result.component.values:
        curve = magnetization.sel(component=name)
        ax.plot(result.theta / np.pi, curve, label=f"$M_{name}$")
    ax.set(xlabel=r"$\theta/\pi$", ylabel=label_with_unit(magnetization))
    set_number_format(ax.yaxis)
    ax.legend()
    return ax


def moment_parts(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the parts of the moment of a phonon along its axis as bars.

    Shown is the first amplitude, which is the limit of small amplitudes if the result has several.
    """
    if "component" in result.dims:
        result = result.isel(component=int(np.abs(result.angular_momentum.values[0]).argmax()))
    small = result.isel(amplitude=0)
    shown = [(name, *style) for name, style in MOMENT_PARTS.items() if name in small and np.isfinite(small[name])]
    sizes = np.array([float(small[name]) for name, *_ in shown])
    power = int(np.floor(np.log10(np.abs(sizes).max()))) if sizes.any() else 0
    for at, ((name, _, colour), size) in enumerate(zip(shown, sizes * 10.0**-power, strict=True)):
        bar = float(small.error) * 10.0**-power if name == "total" else None
        edge = INK if colour == "none" else colour
        ax.bar(at, size, 0.7, color=colour, edgecolor=edge, lw=0.7, yerr=bar, ecolor=INK)
        top = size + (bar or 0.0) if size >= 0 else size - (bar or 0.0)
        ax.annotate(
            plain_number(f"{size:.2f}"), (at, top), (0, 3 if size >= 0 else -3), textcoords="offset points",
            ha="center", va="bottom" if size >= 0 else "top", fontsize=8,
        )  # fmt: skip
    ax.set_xticks(range(len(shown)), [label for _, label, _ in shown], fontsize=8)
    ax.tick_params(axis="x", length=0)
    if "perturbative_functions" in small:
        less = float(small.perturbative_functions - small.perturbative) * 10.0**-power
        numbers = [number for number, (name, *_) in enumerate(shown) if name in ("perturbative", "total")]
        values = [sizes[number] * 10.0**-power + less for number in numbers]
        ax.plot(numbers, values, "D", color=INK, mfc="white", ms=5, label="Wannier functions alone")
        ax.legend(frameon=False, fontsize=8, loc="lower right")
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.margins(y=0.15)
    ax.set_ylabel(f"moment of a quantum ({_scaled_unit(power, small.total)})")
    return ax


def mode_moments(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the moments of all modes, the component of the largest one, as bars with the energies of the modes."""
    component = result.component.values[int(np.argmax(np.abs(result.total.values).max(axis=0)))]
    total, error = (result[name].sel(component=component) for name in ("total", "error"))
    largest = float(np.abs(total).max())
    power = int(np.floor(np.log10(largest))) if largest else 0
    modes = np.arange(result.sizes["mode"])
    colours = [RED if value > 0 else BLUE for value in total.values]
    ax.bar(modes, total * 10.0**-power, 0.7, color=colours, yerr=error * 10.0**-power, ecolor=INK)
    ax.axhline(0.0, color=INK, lw=0.7)
    scale, unit = (1e3, "meV") if result.energy.attrs.get("units") == "eV" else (1.0, unit_label(result.energy))
    ax.set_xticks(modes, [f"{scale * energy:.3g}" for energy in result.energy.values], fontsize=8)
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel(f"energy of the mode ({unit})")
    ax.set_ylabel(f"moment of a quantum along ${component}$ ({_scaled_unit(power, total)})")
    return ax


def _scaled_unit(power: int, variable: xarray.DataArray) -> str:
    """Unit of a variable with a power of ten."""
    return rf"$10^{{{power}}}\,{latex_of_unit(str(variable.attrs.get('units', '')))}$"


def sum_over_bands(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw a sum over bands against the number of bands; of a tensor, the largest elements and one of each pair."""
    values = result["perturbative"].squeeze()
    kept = values.stack(element=[dim for dim in values.dims if dim != "bands"]).transpose("element", "bands")
    order = np.argsort(-np.abs(kept.values[:, -1]), kind="stable")
    drawn: set[frozenset[str]] = set()
    for number in order:
        labels = [str(label) for label in kept.element.values[number]]
        small = np.abs(kept.values[number, -1]) < FORBIDDEN * np.abs(kept.values[:, -1]).max()
        if frozenset(labels) in drawn or (drawn and small):
            continue
        drawn.add(frozenset(labels))
        ax.plot(result.bands, kept.values[number], "o-", ms=3, label=", ".join(labels))
        if len(drawn) == MOST_ELEMENTS:
            break
    ax.set_xlabel("number of bands")
    ax.set_ylabel(label_with_unit(values))
    ax.legend(fontsize=8)
    return ax


def zone_map(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the integrand of the lowest band over wave vectors as a map, with the outline of the zone."""
    values = result["shift"].isel(band=0)
    # the maxima at narrow gaps would hide all other values
    largest = float(np.quantile(np.abs(values), 0.995)) or 1.0
    image = ax.pcolormesh(
        result.kx, result.ky, values, cmap=DIVERGING, vmin=-largest, vmax=largest, shading="gouraud", rasterized=True
    )
    if "outline_kx" in result.coords and result.sizes["corner"]:
        corners = np.column_stack([result.outline_kx, result.outline_ky])
        limits = {"xlim": ax.get_xlim(), "ylim": ax.get_ylim()}
        ax.plot(*np.vstack([corners, corners[:1]]).T, color=INK, lw=0.8)
        ax.set(**limits)
    ax.set(
        aspect="equal",
        xlabel=f"$k_x$ ({unit_label(result.kx)})",
        ylabel=f"$k_y$ ({unit_label(result.ky)})",
    )
    ax.figure.colorbar(image, ax=ax, label=rf"$\partial_B a^t$, lowest band ({unit_label(values)})", extend="both")
    return ax


def _line(number: int) -> dict[str, Any]:
    """Style of the curves at a temperature: dashes and shade, both of which can be told apart in print."""
    return {"ls": LINES[number % len(LINES)], "alpha": max(0.85**number, 0.3)}


def scan(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw curves over the chemical potential or the temperature, with error bands.

    Components within their error bars are left out, unless all are. Of two components that are equal by exchange of the
    two fields, one is drawn. Components beyond the number of colours have markers.
    """
    result = result.isel({dim: 0 for dim in SCANNED if result.total.sizes.get(dim) == 1})
    x, shade = SCANNED if SCANNED[0] in result.total.dims else SCANNED[::-1]
    labels = {str(dim): result[dim].values for dim in result.total.dims if dim not in SCANNED}
    shades = result[shade].values if shade in result.coords else np.zeros(())
    # without any component beyond its error bar, all are drawn: that they vanish within the bars is the result
    beyond = bool((np.abs(result.total) > result.error).any())
    least, styles = 1e-3 * np.abs(result.total.values).max(), cycle(product(MARKERS, COLOURS))
    for names in product(*labels.values()):
        curves = result[["total", "error"]].sel(dict(zip(labels, names, strict=True)))
        repeated = "other_field" in labels and names[-2] > names[-1]
        if repeated or (beyond and not (np.abs(curves.total) > np.maximum(curves.error, least)).any()):
            continue
        marker, colour = next(styles)
        marked: dict[str, Any] = {"marker": marker, "ms": 3, "markevery": max(result[x].size // 12, 1)}
        for number in range(shades.size):
            curve = curves.isel({shade: number}) if shade in curves.dims else curves
            label = "".join(names) if names and number == 0 else None
            ax.plot(curve[x], curve.total, color=colour, label=label, **marked, **_line(number))
            ax.fill_between(
                curve[x], curve.total - curve.error, curve.total + curve.error, color=colour, alpha=0.2, lw=0
            )
    if shades.ndim:
        for number, value in enumerate(shades):
            ax.plot([], [], color=INK, label=f"{SYMBOLS[shade]} = {value:g}", **_line(number))
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.set(xlabel=f"{SYMBOLS[x]} ({unit_label(result[x])})", ylabel=label_with_unit(result.total))
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=7)
    set_number_format(ax.yaxis)
    return ax
