"""Picture of the flow of hybrid Wannier centres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.plotting.style import BLUE, GREY, RED

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

LABELS = {"kx": "$k_1$", "ky": "$k_2$", "kz": "$k_3$", "theta": r"$\theta$"}
VECTORS = {"kx": "1", "ky": "2", "kz": "3"}


def wilson_loop(result: xarray.Dataset, ax: Axes) -> Axes:
    """Draw the centres over a period of the other direction, with the largest gap where there is a Z2 number."""
    position, centres = result.position.values, result.centre.values
    for image in (-1, 0, 1):
        for number in range(centres.shape[1]):
            ax.plot(position, centres[:, number] + image, "o", color=BLUE, ms=2.2, mew=0)
    title = rf"$C = {int(result.chern_number)}$"
    if "z2_number" in result:
        for image in (-1, 0, 1):
            name = "middle of the largest gap" if image == 0 else None
            ax.plot(result.half, result.largest_gap + image, "D", color=RED, ms=2.6, mew=0, label=name)
        ax.axvline(0.5, color=GREY, lw=0.6, zorder=0)
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=8, handletextpad=0.1, borderpad=0.2)
        title = rf"$\mathbb{{Z}}_2 = {int(result.z2_number)}$"
    across = str(result.attrs["across"])
    label = r"phase of the cycle $\theta/2\pi$" if across == "theta" else f"{LABELS[across]} (reciprocal vector)"
    loop = VECTORS[str(result.attrs["loop"])]
    ax.set(xlabel=label, ylabel=rf"Wannier centre / $a_{loop}$", xlim=(0, 1), ylim=(-0.25, 1.25))
    ax.set_yticks(np.array([0.0, 0.5, 1.0]))
    ax.set_title(title, loc="right", fontsize=10)
    return ax
