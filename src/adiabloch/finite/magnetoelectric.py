"""Orbital magnetoelectric response of open flakes, extrapolated to infinite size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import FLAT, checked_hoppings_of, checked_occupied
from adiabloch.engine.declaration import MEASURES
from adiabloch.engine.natural import natural
from adiabloch.engine.results import labelled
from adiabloch.finite.cycle_phases import checked_sizes
from adiabloch.finite.extrapolation import flake_limit
from adiabloch.finite.flake import Flake, Shape, cut_flake
from adiabloch.finite.gap_checks import CLOSED_FRACTION, crystal_gap, edge_states_error
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import run, stoppable, workers
from adiabloch.lattice import components
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding

if TYPE_CHECKING:
    import xarray

UNIT = "e^2/hbar"


@natural
def magnetoelectric(
    model: TightBinding,
    occupied: int,
    cells: int | Sequence[int],
    *,
    shape: Shape = "parallelogram",
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Orbital magnetization in an electric field, computed directly for open flakes.

    .. math:: \frac{\partial M_i}{\partial E_j} = \frac{1}{V}\, 2 \mathrm{Re} \sum_{vc}
              \frac{\langle v | \hat m_i | c \rangle \langle c | e r_j | v \rangle}{E_c - E_v},
              \qquad \hat m = \frac{e}{2}\, r \times v, \quad v = i [H, r]

    with v occupied and c empty levels of the flake, and V its area or volume. For Wannier functions r is the position
    matrix. If its components do not commute, v_a also contains the anomalous velocity -i e E_b [r_b, r_a].

    Parameters
    ----------
    model : TightBinding
        Insulator in two or three dimensions; the edges of the flakes must be insulating too.
    occupied : int
        Number of occupied bands of the crystal, and of occupied levels per cell of the flake.
    cells : int or sequence of int
        Size L of the flake, or several sizes in ascending order for an extrapolation.
    shape, executor, progress
        As in `adiabloch.finite.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `total` and `error`: moment per area and field over `field` ("x", "y") in 2D, where the moment is that along z,
        in e^2 length/hbar; moment per volume and field over `component` and `field` in 3D, in e^2/hbar. `by_size` and
        `gap` for each size, over `cells`. With a single size there is no extrapolation, and `error` is NaN.

    Raises
    ------
    InvalidArgumentError
        An argument out of range, or a shape that is not possible for the lattice.
    GapClosedError
        Edge states of the flake cross the gap.

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> model = ab.TightBinding(np.eye(2), [[0, 0], [0.3, 0.1]], {(0, 0): [[1, 0.1j], [-0.1j, -1]],
    ...     (1, 0): [[0.1, 0.2], [0.05j, 0.1]], (0, 1): [[0, 0.1j], [0.2, 0.3]]})
    >>> flakes = ab.finite.magnetoelectric(model, occupied=1, cells=[5, 6, 7, 8])
    >>> bulk = ab.magnetoelectric(model, occupied=1)
    >>> bool((abs(flakes.total - bulk.total) < flakes.error + bulk.error).all())
    True
    """
    started = time.perf_counter()
    model = checked_hoppings_of(model, (2, 3), FLAT)
    occupied = checked_occupied(model, occupied)
    sizes = checked_sizes(cells, 1, "a size of at least 1")
    # a constant cycle
    still = Cycle([model] * 4)
    flakes = [cut_flake(still, occupied, size, shape) for size in sizes]
    crystal, d = crystal_gap(still, occupied), model.lattice.dimension
    values: list[Float] = []
    gaps: list[float] = []
    directions = model.lattice.periodic_directions
    per, unit = MEASURES[directions], {0: "e^2 volume/hbar", 2: "e^2 length/hbar", 3: UNIT}[directions]
    size = model.units.size(unit)
    with ProgressBar("flakes", progress) as bar, stoppable(lambda: size * np.array(values)), workers(executor) as pool:
        bar.stage(f"{len(flakes)} sizes", len(flakes))
        for flake, (tensor, gap) in zip(flakes, run(pool, _measured, flakes), strict=True):
            if gap <= CLOSED_FRACTION * crystal:
                raise edge_states_error(flake.name, gap, crystal, (), 0.0, model.units)
            values.append(tensor)
            gaps.append(gap)
            bar.advance(1)
    # in 2D the tensor has one row
    by_size = np.array(values) if d == 3 else np.array(values)[:, 0]
    total, error = flake_limit(np.array(sizes), by_size.reshape(len(sizes), -1), d)
    dims = ["component", "field"] if d == 3 else ["field"]
    axes = ["x", "y", "z"][:d]
    return labelled(
        {
            "total": (dims, total.reshape(by_size.shape[1:]), unit, f"orbital moment per {per} and electric field"),
            "error": (dims, error.reshape(by_size.shape[1:]), unit, "error bar"),
            "by_size": (["cells", *dims], by_size, unit, f"orbital moment per {per} and field of each flake"),
            "gap": (["cells"], np.array(gaps), "energy", "smallest gap of each flake"),
        },
        {"field": axes, "cells": sizes} | ({"component": axes} if d == 3 else {}),
        model=model.digest,
        occupied=occupied,
        shape=shape,
        components="".join(components(d)),
        seconds=time.perf_counter() - started,
    )


def _measured(flake: Flake) -> tuple[Float, float]:
    """Magnetoelectric tensor (components, d) and gap of one flake."""
    tensor, E = flake.sample.polarized(0.0, flake.levels, flake.moments)
    return tensor, float(E[flake.levels] - E[flake.levels - 1])
