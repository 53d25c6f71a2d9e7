r"""Orbital magnetization of layers in their plane, bounded since the layer is finite along z: m = e z x v."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, checked
from adiabloch.errors import InvalidArgumentError, ObstructedError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form
from adiabloch.geometry.induced import occupied_shift
from adiabloch.geometry.observables import (
    expectation,
    gauge_with_height,
    inplane_moment,
    observable_shift,
    with_height,
)
from adiabloch.geometry.trials import Choice
from adiabloch.integration.insulator import Insulator
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import (
    LIMIT,
    Effort,
    Model,
    checked_cycle,
    checked_model,
    checked_occupied,
    described,
    measured,
    smooth_trials,
    unobstructed,
    windings_of,
)

if TYPE_CHECKING:
    import xarray

Z = "z"
"""Name under which the frame carries the heights."""
K = ("kx", "ky")
PLANE = {"component": ["x", "y"]}
WHY = "a layer, with the heights of its orbitals given apart"


def inplane_magnetization(
    model: TightBinding,
    occupied: int,
    heights: ArrayLike,
    tolerance: float = 1e-6,
    *,
    limit: int = LIMIT,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Orbital magnetization of a layer in its plane, in equilibrium.

    .. math:: M_x = \int \frac{dk}{(2\pi)^2} \sum_{n \in occ} \langle n | -\frac{e}{2} \{z, v_y\} | n \rangle, \qquad
              M_y = \int \frac{dk}{(2\pi)^2} \sum_{n \in occ} \langle n | \frac{e}{2} \{z, v_x\} | n \rangle

    Parameters
    ----------
    model : TightBinding
        In two dimensions, with a gap.
    occupied : int
        Number of occupied bands.
    heights : array_like, shape (N,)
        z of each orbital, in the length unit of the lattice. Their origin does not matter.
    tolerance, limit, executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y"): moment per area, in units of e times energy (over hbar).

    Raises
    ------
    InvalidArgumentError, GapClosedError, ToleranceNotReachedError
        As for `adiabloch.pumped_magnetization`.
    """
    effort = Effort(tolerance, limit, executor, progress)
    model = checked_model(model, (2,), WHY)
    integrand = replace(_integrand(model, occupied, heights, _equilibrium, ((Z,), K)), denominators=0)
    return measured(integrand, effort, title="in-plane magnetization", unit="e energy/hbar", coordinates=PLANE)


def pumped_inplane_magnetization(
    cycle: Cycle,
    occupied: int,
    heights: ArrayLike,
    tolerance: float = 1e-6,
    *,
    limit: int = LIMIT,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Orbital magnetization in the plane that a cycle pumps in a layer, averaged over its period (Eq. B6).

    Parameters
    ----------
    cycle : Cycle
        In two dimensions, insulating at every k and theta. The orbitals stay at their heights; a layer whose atoms
        move along z is a crystal in three dimensions without hopping along the third vector.
    occupied, heights, tolerance, limit, executor, progress
        As in `inplane_magnetization`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` ("x", "y"): moment per area, in units of e*omega.

    Raises
    ------
    ObstructedError
        The cycle pumps charge along the layer (a Chern number of k and theta): the moment of a net current depends
        on where z = 0 is.
    InvalidArgumentError, GapClosedError, ToleranceNotReachedError
        As for `adiabloch.pumped_magnetization`.
    """
    effort = Effort(tolerance, limit, executor, progress)
    cycle = checked_cycle(cycle, (2,), WHY)
    if cycle.orbitals_move:
        raise InvalidArgumentError(
            "cycle: its orbitals move; expected fixed ones, or a 3D crystal that holds the layer"
        )
    windings = windings_of(cycle, checked_occupied(cycle, occupied))
    pumps = {directions: number for directions, number in windings.items() if number and THETA in directions}
    if pumps:
        raise ObstructedError(
            f"pumped in-plane magnetization is not defined: the cycle pumps charge along the layer "
            f"({described(pumps)}), and the moment of a net current depends on the origin of the heights",
            chern_numbers=pumps,
        )
    integrand = _integrand(cycle, occupied, heights, _pumped, ((Z,), K, (THETA,)))
    title, numbers = "pumped in-plane magnetization", described(windings)
    return measured(integrand, effort, title=title, unit="e*omega", coordinates=PLANE, chern_numbers=numbers)


def layer_magnetoelectric(
    model: TightBinding,
    occupied: int,
    heights: ArrayLike,
    tolerance: float = 1e-6,
    *,
    trials: Choice = None,
    limit: int = LIMIT,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Orbital magnetization that an electric field induces in a layer: all directions of both, also across the layer.

    Parameters
    ----------
    model, occupied, heights, tolerance, limit, executor, progress
        As in `inplane_magnetization`.
    trials : sequence of int or array_like of shape (N, occupied), optional
        Trial orbitals for the smooth gauge that dM_z/dE_z needs, as in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` and `field` ("x", "y", "z" each): dM_i/dE_j per area, in units of e^2 times
        length (over hbar). Row z in fields x and y is what `adiabloch.magnetoelectric` gives for the same model.

    Raises
    ------
    ObstructedError
        The bands have a Chern number: their Hall current makes the moment depend on where z = 0 is.
    InvalidArgumentError, GapClosedError, BrokenGaugeError, ToleranceNotReachedError
        As for `adiabloch.magnetoelectric`.
    """
    effort = Effort(tolerance, limit, executor, progress)
    model = checked_model(model, (2,), WHY)
    occupied = checked_occupied(model, occupied)
    windings = unobstructed(model, (occupied,), "layer magnetoelectric response")
    integrand = replace(
        _integrand(model, occupied, heights, _induced, ((Z, *K), K, K)),
        form=_axion,
        trials=smooth_trials(model, (occupied,), trials),
    )
    axes, numbers = ["x", "y", "z"], described(windings)
    title, coordinates = "layer magnetoelectric response", {"component": axes, "field": axes}
    return measured(
        integrand, effort, title=title, unit="e^2 length/hbar", coordinates=coordinates, chern_numbers=numbers
    )


def _integrand(
    crystal: Model,
    occupied: int,
    heights: ArrayLike,
    formula: Callable[..., Float],
    factors: tuple[tuple[str, ...], ...],
) -> Insulator:
    z: Complex = np.diag(checked(heights, "heights", (crystal.size,))).astype(np.complex128)
    bands = checked_occupied(crystal, occupied)
    return Insulator(crystal, (bands,), partial(formula, occupied=bands), factors, operators={Z: z})


def _equilibrium(frame: Eigenframe, occupied: int) -> Float:
    moments = inplane_moment(frame, frame.derivative(Z))
    return np.stack([expectation(frame, occupied, moment) for moment in moments], axis=-1)


def _pumped(frame: Eigenframe, occupied: int) -> Float:
    moments = inplane_moment(frame, frame.derivative(Z))
    return np.stack([observable_shift(frame, occupied, THETA, moment) for moment in moments], axis=-1)


def _induced(frame: Eigenframe, occupied: int) -> Float:
    """Rows x and y as bounded observables, row z as for any crystal; the field along z by the direction "kz"."""
    frame = with_height(frame, frame.derivative(Z))
    fields = (*K, "kz")
    moments = inplane_moment(frame, frame.derivative(Z))
    rows = [observable_shift(frame, occupied, field, moment) for moment in moments for field in fields]
    rows += [occupied_shift(frame, occupied, field, "z") for field in fields]
    return np.stack(rows, axis=-1)


def _axion(gauges: Sequence[SmoothGauge]) -> Float:
    """Chern-Simons part of dM_z/dE_z; the other diagonal elements, of bounded observables, contain theirs."""
    (gauge,) = gauges
    layered = gauge_with_height(gauge, gauge.frame.derivative(Z))
    only_zz = np.eye(9)[-1]
    return -0.5 * chern_simons_form(layered, "kx", "ky", "kz")[:, None] * only_zz
