"""Pictures of results, chosen by what a result holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.errors import InvalidArgumentError
from adiabloch.plotting.style import BLUE, DIVERGING, GREY, INK, RED, look

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes


def plot(result: xarray.Dataset, ax: Axes | None = None) -> Axes:
    """Draw a result of this library.

    Parameters
    ----------
    result : xarray.Dataset
        From `pumped_magnetization` (bars with error bars), `instantaneous_magnetization` (curves over the phase) or
        `magnetization_map` (the lowest band's map).
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
    for names, draw in ((("shift",), _map), (("perturbative", "theta"), _curve), (("total", "error"), _bars)):
        if all(name in result.variables for name in names):
            with look() as plt:
                return draw(result, ax or plt.figure(figsize=(4.2, 3.2), layout="constrained").add_subplot())
    raise InvalidArgumentError(
        f"plot: do not know how to draw a dataset with {', '.join(map(str, result.variables))}; expected a result of "
        "pumped_magnetization, instantaneous_magnetization or magnetization_map"
    )


def _bars(result: xarray.Dataset, ax: Axes) -> Axes:
    parts = [("perturbative", BLUE), ("chern_simons", GREY), ("total", RED)]
    parts = [(name, colour) for name, colour in parts if name in result and np.isfinite(result[name].values).any()]
    place = np.arange(result.sizes["component"])
    width = 0.8 / len(parts)
    for number, (name, colour) in enumerate(parts):
        at = place + (number - 0.5 * (len(parts) - 1)) * width
        label = name.replace("chern_simons", "Chern-Simons")
        ax.bar(at, result[name].values, 0.9 * width, color=colour, label=label, yerr=result.error.values, ecolor=INK)
    ax.set_xticks(place, [f"$M_{name}$" for name in result.component.values])
    ax.axhline(0.0, color=INK, lw=0.7)
    ax.set_ylabel(r"pumped magnetization ($e\omega$)")
    ax.legend()
    return ax


def _curve(result: xarray.Dataset, ax: Axes) -> Axes:
    for name in result.component.values:
        curve = result.perturbative.sel(component=name)
        ax.plot(result.theta / np.pi, curve, label=f"$M_{name}$")
    ax.set(xlabel=r"$\theta/\pi$", ylabel=r"pumped magnetization ($e\omega$)")
    ax.legend()
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
