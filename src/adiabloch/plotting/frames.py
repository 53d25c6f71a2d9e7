"""Frames of results over the cycle."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adiabloch.errors import InvalidArgumentError
from adiabloch.files import atomic_write
from adiabloch.plotting.results import is_local
from adiabloch.plotting.style import look

if TYPE_CHECKING:
    import xarray
    from matplotlib.animation import FuncAnimation


def animate(
    result: xarray.Dataset, path: str | os.PathLike[str] | None = None, *, frames_per_second: int = 8
) -> FuncAnimation:
    """Frames of a local current or density over the cycle, one for each of its phases.

    Colours, arrows and axes keep their scale.

    Parameters
    ----------
    result : xarray.Dataset
        Of `local_current` or `local_observable`, along a line or over a plane, at several phases theta.
    path : path, optional
        Write a GIF there too, whole or not at all.
    frames_per_second : int

    Returns
    -------
    matplotlib.animation.FuncAnimation
        To be kept as long as it shall run; in a notebook, ``HTML(animation.to_jshtml())`` shows it.

    Raises
    ------
    InvalidArgumentError
        A result without places or phases; a file that is no GIF.
    MissingExtraError
        If matplotlib is not installed.
    """
    from adiabloch.plotting.local import Curves, Sheet, axes_of, phase, squeezed

    if not hasattr(result, "variables") or not is_local(result):
        raise InvalidArgumentError("animate: expected a result of local_current or local_observable over places")
    result = squeezed(result)
    if "theta" not in result.total.dims or not axes_of(result):
        raise InvalidArgumentError(
            "animate: expected several places and phases; give positions and theta to local_current"
        )
    if not frames_per_second > 0:
        raise InvalidArgumentError(f"frames_per_second: {frames_per_second!r}, expected a positive number")
    if path is not None and Path(path).suffix.lower() != ".gif":
        raise InvalidArgumentError(f"path: {os.fspath(path)!r}, expected a name that ends with .gif")
    with look() as plt:
        from matplotlib.animation import FuncAnimation, PillowWriter

        figure = plt.figure(figsize=(4.2, 3.2), layout="constrained")
        ax = figure.add_subplot()
        picture: Sheet | Curves = Sheet.of(result) if len(axes_of(result)) == 2 else Curves.of(result)
        times = result["theta"].values

        def frame(number: int) -> list[Any]:
            with look():
                ax.clear()
                picture.draw(ax, {"theta": number})
                ax.set_title(phase(times[number]), loc="left", fontsize=9)
            return []

        frame(0)
        picture.legend(ax)
        # no frame shall move against the others
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        animation = FuncAnimation(
            figure, frame, frames=len(times), interval=1e3 / frames_per_second, cache_frame_data=False
        )
        if path is not None:
            with atomic_write(path) as name:
                animation.save(name, PillowWriter(fps=frames_per_second), dpi=100)
    return animation
