"""The function `animate`: frames of a local current or density, or of bands, over the cycle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adiabloch.errors import InvalidArgumentError
from adiabloch.files import atomic_write
from adiabloch.names import checked_call
from adiabloch.plotting.bands import bands, draw_bands, limits_of
from adiabloch.plotting.dispatch import local_field, picture_of
from adiabloch.plotting.style import project_style

if TYPE_CHECKING:
    import xarray
    from matplotlib.animation import FuncAnimation


@checked_call
def animate(
    result: xarray.Dataset, path: str | os.PathLike[str] | None = None, *, frames_per_second: int = 8
) -> FuncAnimation:
    """Show a local current or density, or the bands along a path, over the cycle, with one frame for each phase.

    All frames have the same colour scale, arrow scale and axes.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `local_current` or `local_observable`, along a line or over a plane, or of `bands`, at several phases
        theta.
    path : path, optional
        GIF file to write. If writing fails, an existing file is left unchanged.
    frames_per_second : int

    Returns
    -------
    matplotlib.animation.FuncAnimation
        Keep a reference to it for as long as it runs. In a notebook, ``HTML(animation.to_jshtml())`` shows it.

    Raises
    ------
    InvalidArgumentError
        If the result has no positions or no phases, or if the name of the file does not end with .gif.
    MissingExtraError
        If matplotlib is not installed.
    """
    of_bands = hasattr(result, "variables") and picture_of(result) is bands
    if not of_bands:
        result = _checked_result(result)
    elif "theta" not in result.energy.dims:
        raise InvalidArgumentError("animate: bands at one phase, expected several: give theta to bands")
    if not frames_per_second > 0:
        raise InvalidArgumentError(f"frames_per_second: {frames_per_second!r}, expected a positive number")
    if path is not None and Path(path).suffix.lower() != ".gif":
        raise InvalidArgumentError(f"path: {os.fspath(path)!r}, expected a name that ends with .gif")
    with project_style():
        animation = (_bands if of_bands else _animation)(result, frames_per_second)
        if path is not None:
            from matplotlib.animation import PillowWriter

            with atomic_write(path) as name:
                animation.save(name, PillowWriter(fps=frames_per_second), dpi=100)
    return animation


def _checked_result(result: xarray.Dataset) -> xarray.Dataset:
    """Return the result without dimensions of one point, if it has several positions and phases."""
    from adiabloch.plotting.local_fields import axes_of_places, without_single_points

    if not hasattr(result, "variables") or picture_of(result) is not local_field:
        raise InvalidArgumentError(
            "animate: expected a result of local_current or local_observable over positions, or of bands"
        )
    result = without_single_points(result)
    if "theta" not in result.total.dims or not axes_of_places(result):
        raise InvalidArgumentError(
            "animate: expected several positions and phases; give positions and theta to local_current"
        )
    return result


def _animation(result: xarray.Dataset, frames_per_second: int) -> FuncAnimation:
    """Animation on a new figure."""
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    from adiabloch.plotting.local_fields import LineCurves, PlaneMap, axes_of_places, phase_text

    figure = plt.figure(figsize=(4.2, 3.2), layout="compressed")
    ax = figure.add_subplot()
    in_plane = len(axes_of_places(result)) == 2
    picture: PlaneMap | LineCurves = PlaneMap.of(result) if in_plane else LineCurves.of(result)
    phases = result["theta"].values

    def frame(number: int) -> list[Any]:
        with project_style():
            ax.clear()
            picture.draw(ax, {"theta": number})
            ax.set_title(phase_text(phases[number]), loc="left", fontsize=9)
        return []

    frame(0)
    picture.add_legend(ax)
    # the layout of the first frame is kept, so that the axes do not move between frames
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return FuncAnimation(figure, frame, frames=len(phases), interval=1e3 / frames_per_second, cache_frame_data=False)


def _bands(result: xarray.Dataset, frames_per_second: int) -> FuncAnimation:
    """Animation of bands along a path."""
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    from adiabloch.plotting.local_fields import phase_text

    figure = plt.figure(figsize=(4.2, 3.2), layout="compressed")
    ax = figure.add_subplot()
    phases, limits = result["theta"].values, limits_of(result)

    def frame(number: int) -> list[Any]:
        with project_style():
            ax.clear()
            draw_bands(result.isel(theta=number), ax, limits, result)
            ax.set_title(phase_text(phases[number]), loc="left", fontsize=9)
        return []

    frame(0)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return FuncAnimation(figure, frame, frames=len(phases), interval=1e3 / frames_per_second, cache_frame_data=False)
