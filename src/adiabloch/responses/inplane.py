r"""Orbital magnetization of layers in their plane, bounded since the layer is finite along z: m = e z x v.

The height z is a number for each orbital or, for Wannier functions, a matrix like their places in the plane. Where
positions do not commute, [r_a, r_b] = i Omega_ab, a field makes an anomalous velocity, v_a = sum_b e E_b Omega_ba
beside i [H, r_a]; with the height, Omega_az = D_a z.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

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
from adiabloch.linalg import commutator
from adiabloch.models.crystal import Derivative, Operator, curl, position_names
from adiabloch.models.cycle import MOTION_HINT, THETA, Cycle
from adiabloch.models.fourier import FourierSeries
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
from adiabloch.responses.natural import natural
from adiabloch.responses.observables import checked_operators

if TYPE_CHECKING:
    import xarray

Z = "z"
"""Name under which the frame carries the heights."""
SLOPES = ("zx", "zy")
"""Their plain derivatives along kx and ky, where the heights are a matrix that depends on k or does not commute."""
K = ("kx", "ky")
Heights = ArrayLike | Mapping[Any, ArrayLike]
PLANE = {"component": ["x", "y"]}
WHY = "a layer, with the heights of its orbitals given apart"


@natural
def inplane_magnetization(
    model: TightBinding,
    occupied: int,
    heights: Heights,
    tolerance: float = 1e-6,
    *,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
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
    heights : array_like, shape (N,), or mapping {R: (N, N) array_like}
        z of each orbital, in the length unit of the lattice; or <0 i|z|R j> by R, for Wannier functions: what a layer
        read as a crystal in three dimensions has in `{R[:2]: r[..., 2] for R, r in solid.position_matrix.items()}`.
        Their origin does not matter.
    tolerance, absolute, strict, limit, executor, progress
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
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    model = checked_model(model, (2,), WHY)
    integrand = replace(_integrand(model, occupied, heights, _equilibrium, ((Z,), K)), denominators=0)
    return measured(integrand, effort, title="in-plane magnetization", unit="e energy/hbar", coordinates=PLANE)


@natural
def pumped_inplane_magnetization(
    cycle: Cycle,
    occupied: int,
    heights: Heights,
    tolerance: float = 1e-6,
    *,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Orbital magnetization in the plane that a cycle pumps in a layer, averaged over its period (Eq. B6).

    Parameters
    ----------
    cycle : Cycle
        In two dimensions, insulating at every k and theta. The orbitals stay at their heights but may move in the
        plane, Wannier functions as the cycle says (`motion`); a layer whose atoms move along z is a crystal in three
        dimensions without hopping along the third vector.
    occupied, heights, tolerance, absolute, strict, limit, executor, progress
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
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    cycle = checked_cycle(cycle, (2,), WHY)
    if cycle.has_basis_connection and not cycle.orbitals_move:
        raise InvalidArgumentError(f"cycle: what it pumps depends on how its Wannier functions move; {MOTION_HINT}")
    windings = windings_of(cycle, checked_occupied(cycle, occupied))
    pumps = {directions: number for directions, number in windings.items() if number and THETA in directions}
    if pumps:
        raise ObstructedError(
            f"pumped in-plane magnetization is not defined: the cycle pumps charge along the layer "
            f"({described(pumps)}), and the moment of a net current depends on the origin of the heights",
            chern_numbers=pumps,
        )
    moving = tuple(curl(k, THETA) for k in K) if cycle.orbitals_move else ()
    integrand = _integrand(cycle, occupied, heights, _pumped, ((Z,), K, (THETA, *moving)))
    title, numbers = "pumped in-plane magnetization", described(windings)
    return measured(integrand, effort, title=title, unit="e*omega", coordinates=PLANE, chern_numbers=numbers)


@natural
def layer_magnetoelectric(
    model: TightBinding,
    occupied: int,
    heights: Heights,
    tolerance: float = 1e-6,
    *,
    trials: Choice = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Orbital magnetization that an electric field induces in a layer: all directions of both, also across the layer.

    Parameters
    ----------
    model, occupied, heights, tolerance, absolute, strict, limit, executor, progress
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
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    model = checked_model(model, (2,), WHY)
    occupied = checked_occupied(model, occupied)
    windings = unobstructed(model, (occupied,), "layer magnetoelectric response")
    # what does not commute: the plane with itself, the plane with the heights
    plane: tuple[Derivative, ...] = position_names(K)
    curved = (*plane, curl(*K)) if model.has_basis_connection else plane if np.ndim(heights) != 1 else ()  # type: ignore[arg-type]
    integrand = replace(
        _integrand(model, occupied, heights, _induced, ((Z, *K), (*K, *curved), K)),
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
    heights: Heights,
    formula: Callable[..., Float],
    factors: tuple[tuple[Derivative, ...], ...],
) -> Insulator:
    bands = checked_occupied(crystal, occupied)
    z = _height(crystal, heights)
    operators = {Z: z}
    if any(position_names(K)[0] in group for group in factors):
        operators |= {name: _slope(crystal, z, axis) for axis, name in enumerate(SLOPES)}
    return Insulator(crystal, (bands,), partial(formula, occupied=bands), factors, operators=operators)


def _height(crystal: Model, heights: Heights) -> Operator:
    """The height as an operator in the basis of the crystal."""
    if isinstance(heights, Mapping | FourierSeries) or np.ndim(heights) == 2:
        return checked_operators(crystal, {Z: heights})[Z]
    return np.diag(checked(heights, "heights", (crystal.size,))).astype(np.complex128)


def _slope(crystal: Model, z: Operator, axis: int) -> Operator:
    """Plain derivative of the height along k, of its series without the places: those come with the position matrix."""
    if not isinstance(z, FourierSeries):
        return np.zeros((crystal.size, crystal.size), dtype=np.complex128)
    cells = z.frequencies[:, : crystal.lattice.dimension] @ crystal.lattice.vectors
    return FourierSeries(z.frequencies, 1j * cells[:, axis, None, None, None] * z.coefficients)


def _equilibrium(frame: Eigenframe, occupied: int) -> Float:
    moments = inplane_moment(frame, frame.derivative(Z))
    return np.stack([expectation(frame, occupied, moment) for moment in moments], axis=-1)


def _pumped(frame: Eigenframe, occupied: int) -> Float:
    z = frame.derivative(Z)
    rows = [observable_shift(frame, occupied, THETA, moment) for moment in inplane_moment(frame, z)]
    if frame.curvature_of_basis(THETA, K[0]) is not None:
        carried = inplane_moment(_carried(frame, THETA), z)
        rows = [row + expectation(frame, occupied, moment) for row, moment in zip(rows, carried, strict=True)]
    return np.stack(rows, axis=-1)


def _induced(frame: Eigenframe, occupied: int) -> Float:
    """Rows x and y as bounded observables, row z as for any crystal; the field along z by the direction "kz"."""
    frame = with_height(_with_curvature(frame), frame.derivative(Z))
    z, fields = frame.derivative(Z), (*K, "kz")
    moments = inplane_moment(frame, z)
    rows = np.array([[observable_shift(frame, occupied, field, moment) for field in fields] for moment in moments])
    if SLOPES[:1] in frame.derivatives:
        for number, field in enumerate(fields):
            anomalous = inplane_moment(_carried(frame, field), z)
            rows[:, number] += [expectation(frame, occupied, moment) for moment in anomalous]
    upright = [occupied_shift(frame, occupied, field, "z") for field in fields]
    return np.stack([*rows.reshape(6, -1), *upright], axis=-1)


def _axion(gauges: Sequence[SmoothGauge]) -> Float:
    """Chern-Simons part of dM_z/dE_z; the other diagonal elements, of bounded observables, contain theirs."""
    (gauge,) = gauges
    gauge = replace(gauge, frame=_with_curvature(gauge.frame))
    layered = gauge_with_height(gauge, gauge.frame.derivative(Z))
    only_zz = np.eye(9)[-1]
    return -0.5 * chern_simons_form(layered, "kx", "ky", "kz")[:, None] * only_zz


def _with_curvature(frame: Eigenframe) -> Eigenframe:
    """The frame with Omega_az = D_a z between the plane and the height, where the slopes of the height are known."""
    if SLOPES[:1] not in frame.derivatives:
        return frame
    z, known = frame.derivative(Z), dict(frame.derivatives)
    for slope, k, r in zip(SLOPES, K, position_names(K), strict=True):
        known[curl(k, "kz")] = frame.derivative(slope) - 1j * commutator(frame.derivative(r), z)
    return replace(frame, derivatives=known)


def _carried(frame: Eigenframe, drive: str) -> Eigenframe:
    """The frame with the velocities in the plane that a drive gives the basis, Omega_drive,k in place of D_k H."""
    still = np.zeros_like(frame.states)
    found: dict[tuple[str, ...], Complex] = {
        (k,): still if (own := frame.curvature_of_basis(drive, k)) is None else own for k in K
    }
    return replace(frame, derivatives={**frame.derivatives, **found})
