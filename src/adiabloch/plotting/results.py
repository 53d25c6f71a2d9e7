"""Pictures of results, chosen by what a result holds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, product
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.errors import InvalidArgumentError
from adiabloch.plotting.style import BLUE, COLOURS, DIVERGING, GREY, INK, RED, look, unit

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def plot(result: xarray.Dataset, ax: Axes | None = None) -> Axes:
    """Draw a result of this library.

    Parameters
    ----------
    result : xarray.Dataset
        A response with one dimension (bars with error bars) or two (a matrix with numbers), an axion angle (a dial),
        `phonon_moment` (bars for its parts), `instantaneous_magnetization` (curves over the phase),
        `magnetization_map` (the lowest band's map), a scan of chemical potentials (curves within their error bars,
        components by colour, temperatures from dark to pale), or a `local_current` or `local_observable`: along a line
        curves of what does not vanish, terms thin, or a map if there are phases too; over a plane the current as arrows
        on the magnetization (if it was split; else on its own strength), of observables the largest, in the mean over
        the cycle if the phases make one, else at the first.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    InvalidArgumentError
        If the dataset is none of these.
    MissingExtraError
        If matplotlib is not installed.
    """
    if not hasattr(result, "variables"):
        raise InvalidArgumentError(f"plot: expected a result (an xarray.Dataset), got {type(result).__name__}")
    if ax is not None and not hasattr(ax, "plot"):
        raise InvalidArgumentError(f"plot: ax: expected matplotlib Axes, got {type(ax).__name__}")
    for fits, draw in DRAWINGS:
        if fits(result):
            with look() as plt:
                return draw(result, ax or plt.figure(figsize=(4.2, 3.2), layout="constrained").add_subplot())
    raise InvalidArgumentError(
        f"plot: do not know how to draw a dataset with {', '.join(map(str, result.variables))}; expected a result of "
        "a response, such as pumped_magnetization or magnetoelectric"
    )


def _main(result: xarray.Dataset) -> str | None:
    """The variable that a result is about."""
    return next((name for name in ("total", "polarization", "charge") if name in result.data_vars), None)


def _has_dimensions(result: xarray.Dataset, count: int) -> bool:
    name = _main(result)
    return name is not None and len(result[name].dims) == count


def _label(variable: xarray.DataArray) -> str:
    """What a variable is, and its unit as one reads it."""
    return f"{variable.attrs.get('long_name', variable.name)} ({unit(variable)})"


def _bars(result: xarray.Dataset, ax: Axes) -> Axes:
    main = str(_main(result))
    (dim,) = result[main].dims
    parts = [("perturbative", BLUE), ("chern_simons", GREY), (main, RED)]
    parts = [(name, colour) for name, colour in parts if name in result and np.isfinite(result[name].values).any()]
    place = np.arange(result.sizes[dim])
    width = 0.8 / len(parts)
    error = result.error.values if "error" in result else None
    for number, (name, colour) in enumerate(parts):
        at = place + (number - 0.5 * (len(parts) - 1)) * width
        label = name.replace("chern_simons", "Chern-Simons")
        ax.bar(at, result[name].values, 0.9 * width, color=colour, label=label, yerr=error, ecolor=INK)
    ax.set_xticks(place, [str(name) for name in result[dim].values])
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.set(xlabel=str(dim), ylabel=_label(result[main]))
    if len(parts) > 1:
        ax.legend()
    return ax


def _matrix(result: xarray.Dataset, ax: Axes) -> Axes:
    tensor = result[str(_main(result))]
    rows, columns = tensor.dims
    largest = float(np.abs(tensor).max()) or 1.0
    image = ax.imshow(tensor.values, cmap=DIVERGING, vmin=-largest, vmax=largest)
    for (row, column), value in np.ndenumerate(tensor.values):
        colour = "white" if abs(value) > 0.6 * largest else INK
        ax.text(column, row, f"{value:.2g}", ha="center", va="center", color=colour)
    ax.set_xticks(range(tensor.shape[1]), [str(name) for name in tensor[columns].values])
    ax.set_yticks(range(tensor.shape[0]), [str(name) for name in tensor[rows].values])
    ax.tick_params(length=0)
    ax.set(xlabel=str(columns), ylabel=str(rows))
    ax.figure.colorbar(image, ax=ax, label=_label(tensor))
    return ax


def _dial(result: xarray.Dataset, ax: Axes) -> Axes:
    angle, turn = float(result.axion_angle), np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(turn), np.sin(turn), color=GREY)
    ax.plot([0, np.cos(angle)], [0, np.sin(angle)], "o-", color=RED, markevery=[1])
    for place, label in ((0.0, "0"), (np.pi, r"$\pi$")):
        ax.text(1.15 * np.cos(place), 1.15 * np.sin(place), label, ha="center", va="center")
    ax.set(
        aspect="equal", xlim=(-1.4, 1.4), ylim=(-1.2, 1.2), title=rf"axion angle $\theta = {angle / np.pi:.4g}\,\pi$"
    )
    ax.axis("off")
    return ax


def _curve(result: xarray.Dataset, ax: Axes) -> Axes:
    for name in result.component.values:
        curve = result.perturbative.sel(component=name)
        ax.plot(result.theta / np.pi, curve, label=f"$M_{name}$")
    ax.set(xlabel=r"$\theta/\pi$", ylabel=r"pumped magnetization ($e\omega$)")
    ax.legend()
    return ax


def _moment(result: xarray.Dataset, ax: Axes) -> Axes:
    """Parts of the moment of a phonon along its axis, in the limit of small amplitudes if that is there."""
    if "component" in result.dims:
        result = result.isel(component=int(np.abs(result.angular_momentum.values[0]).argmax()))
    small = result.isel(amplitude=0)
    names = {
        "perturbative": ("perturbative", BLUE),
        "chern_simons": ("Chern-\nSimons", BLUE),
        "spin": ("spin", BLUE),
        "ions": ("ions", GREY),
        "total": ("total", RED),
        "born": ("Born charges\nalone", "none"),
    }
    shown = [(name, *how) for name, how in names.items() if name in small and np.isfinite(small[name])]
    sizes = np.array([float(small[name]) for name, *_ in shown])
    power = int(np.floor(np.log10(np.abs(sizes).max()))) if sizes.any() else 0
    for at, ((name, _, colour), size) in enumerate(zip(shown, sizes * 10.0**-power, strict=True)):
        spread = float(small.error) * 10.0**-power if name == "total" else None
        edge = INK if colour == "none" else colour
        ax.bar(at, size, 0.7, color=colour, edgecolor=edge, lw=0.7, yerr=spread, ecolor=INK)
        top = size + (spread or 0.0) if size >= 0 else size - (spread or 0.0)
        ax.annotate(
            f"{size:.2f}".replace("-", "\u2212"), (at, top), (0, 3 if size >= 0 else -3), textcoords="offset points",
            ha="center", va="bottom" if size >= 0 else "top", fontsize=8,
        )  # fmt: skip
    ax.set_xticks(range(len(shown)), [label for _, label, _ in shown], fontsize=8)
    ax.tick_params(axis="x", length=0)
    if "perturbative_functions" in small:
        less = float(small.perturbative_functions - small.perturbative) * 10.0**-power
        places = [place for place, (name, *_) in enumerate(shown) if name in ("perturbative", "total")]
        values = [sizes[place] * 10.0**-power + less for place in places]
        ax.plot(places, values, "D", color=INK, mfc="white", ms=5, label="Wannier functions alone")
        ax.legend(frameon=False, fontsize=8, loc="lower right")
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.margins(y=0.15)
    ax.set_ylabel(rf"moment of a quantum ($10^{{{power}}}\,\mu_B$)")
    return ax


def _map(result: xarray.Dataset, ax: Axes) -> Axes:
    values = result["shift"].isel(band=0)
    largest = float(np.abs(values).max()) or 1.0
    image = ax.pcolormesh(
        result.kx, result.ky, values, cmap=DIVERGING, vmin=-largest, vmax=largest, shading="gouraud", rasterized=True
    )
    ax.set(xlabel="$k_x$", ylabel="$k_y$", aspect="equal")
    ax.figure.colorbar(image, ax=ax, label=r"$\partial_B a^t$, lowest band")
    return ax


def _is_scan(result: xarray.Dataset) -> bool:
    return "total" in result and not set(SCANNED).isdisjoint(result.total.dims)


def _scan(result: xarray.Dataset, ax: Axes) -> Axes:
    """Components that stand out of their error bars; of those that are the same by symmetry, one."""
    x, shade = SCANNED if SCANNED[0] in result.total.dims else SCANNED[::-1]
    labels = {str(dim): result[dim].values for dim in result.total.dims if dim not in SCANNED}
    shades = result[shade].values if shade in result.coords else np.zeros(())
    least, colours = 1e-3 * np.abs(result.total.values).max(), cycle(COLOURS)
    for names in product(*labels.values()):
        curves = result[["total", "error"]].sel(dict(zip(labels, names, strict=True)))
        again = "other_field" in labels and names[-2] > names[-1]
        if again or not (np.abs(curves.total) > np.maximum(curves.error, least)).any():
            continue
        colour = next(colours)
        for number in range(shades.size):
            curve = curves.isel({shade: number}) if shade in curves.dims else curves
            label = "".join(names) if names and number == 0 else None
            ax.plot(curve[x], curve.total, color=colour, alpha=0.75**number, label=label)
            ax.fill_between(
                curve[x], curve.total - curve.error, curve.total + curve.error, color=colour, alpha=0.2, lw=0
            )
    if shades.ndim:
        for number, value in enumerate(shades):
            ax.plot([], [], color=INK, alpha=0.75**number, label=f"{SYMBOLS[shade]} = {value:g}")
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.set(xlabel=f"{SYMBOLS[x]} (energy)", ylabel=_label(result.total))
    if ax.get_legend_handles_labels()[1]:
        ax.legend(fontsize=7)
    return ax


def is_local(result: xarray.Dataset) -> bool:
    """Whether it is a local current or density at several places or phases."""
    return {"total", "first_chern"} <= set(result.variables) and len(result.total.dims) > 1


def _local(result: xarray.Dataset, ax: Axes) -> Axes:
    from adiabloch.plotting.local import draw  # imported late: most have no use for it

    return draw(result, ax)


SCANNED = ("chemical_potential", "temperature")
SYMBOLS = {"chemical_potential": r"$\mu$", "temperature": r"$k_BT$"}
DRAWINGS: tuple[tuple[Callable[[xarray.Dataset], bool], Callable[[xarray.Dataset, Axes], Axes]], ...] = (
    (is_local, _local),
    (lambda result: "nuclear_magnetons" in result.variables, _moment),
    (lambda result: "shift" in result.variables, _map),
    (lambda result: {"perturbative", "theta"} <= set(result.variables), _curve),
    (_is_scan, _scan),
    (lambda result: _has_dimensions(result, 1), _bars),
    (lambda result: _has_dimensions(result, 2), _matrix),
    (lambda result: "axion_angle" in result.variables, _dial),
)
"""What a result must look like for each picture; the first that fits is drawn."""
