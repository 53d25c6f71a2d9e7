"""The orbital magnetization pumped by a cycle: perturbative part (Eqs. 8, 20, 21)."""

from __future__ import annotations

import math
import time
from concurrent.futures import Executor
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError, ToleranceNotReachedError
from adiabloch.geometry.bands import components
from adiabloch.geometry.chern import chern_numbers
from adiabloch.geometry.frame import Eigenframe, eigenframe
from adiabloch.geometry.induced import (
    band_shift_derivatives,
    interband_part,
    metric_curl_part,
    occupied_shift,
)
from adiabloch.integration.insulator import Insulator
from adiabloch.integration.mesh import Integral, integrate
from adiabloch.integration.progress import ProgressBar
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.responses.results import labelled

if TYPE_CHECKING:
    import xarray

UNIT = "e*omega"
MISSING = (
    "chern_simons and total are not known for more than two bands (they come with the Chern-Simons forms); "
    "perturbative is complete in itself"
)
MOVING = (
    "the orbitals move: what their own motion carries is not counted yet, chern_simons and total are not known; "
    "perturbative neglects it"
)
TWO_BANDS = "two bands: the Chern-Simons part can only be a multiple of the quantum e/T, and is 0 at weak modulation"


def pumped_magnetization(
    cycle: Cycle,
    occupied: int,
    tolerance: float = 1e-6,
    *,
    limit: int = 2**27,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Orbital magnetization pumped by a cycle, averaged over its period.

    .. math:: \bar M = \int_0^T \frac{dt}{T} \int \frac{dk}{(2\pi)^d} \sum_{n \in occ} \partial_B a^t_n

    Parameters
    ----------
    cycle : Cycle
        In two or three dimensions, insulating at every k and theta.
    occupied : int
        Number of occupied bands.
    tolerance : float
        Relative accuracy of the largest component.
    limit : int
        Largest number of points to evaluate.
    executor : concurrent.futures.Executor, optional
        Where blocks of points run; threads on this machine by default.
    progress : bool, optional
        Whether to show a progress bar; by default if it takes longer than two seconds and somebody watches.

    Returns
    -------
    xarray.Dataset
        `perturbative`, `chern_simons`, `total` and `error` over `component` ("z" in 2D; x, y, z in 3D), in units of
        e*omega: moment per area in 2D, per volume in 3D. The instantaneous magnetization of the bands (Eq. 7) is not
        included.

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    GapClosedError
        The gap closes somewhere along the cycle.
    ToleranceNotReachedError
        The limit was reached first; the error carries the best estimate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    >>> pumped = ab.pumped_magnetization(cycle, occupied=1)
    >>> f"{float(pumped.total.sel(component='z')):.5e}"
    '6.89008e-04'
    """
    started = time.perf_counter()
    integral = _integral(cycle, occupied, tolerance, None, limit, executor, progress)
    names = components(cycle.lattice.dimension)
    density = 1.0 / cycle.lattice.measure
    perturbative = integral.value * density
    windings = chern_numbers(cycle, int(occupied))
    note = _completeness(cycle, windings)
    complete = note == TWO_BANDS
    chern_simons = np.zeros_like(perturbative) if complete else np.full_like(perturbative, np.nan)
    per = "area" if len(names) == 1 else "volume"
    return labelled(
        {
            "perturbative": (["component"], perturbative, UNIT, f"perturbative pumped moment per {per}"),
            "chern_simons": (["component"], chern_simons, UNIT, f"Chern-Simons pumped moment per {per}"),
            "total": (["component"], perturbative + chern_simons, UNIT, f"pumped moment per {per}"),
            "error": (["component"], np.full_like(perturbative, _error(integral, cycle) * density), UNIT, "error bar"),
        },
        {"component": list(names)},
        note=note,
        chern_numbers=", ".join(f"C({a}, {b}) = {C}" for (a, b), C in windings.items()),
        **_facts(integral, cycle, occupied, tolerance, started),
    )


def instantaneous_magnetization(
    cycle: Cycle,
    occupied: int,
    theta: ArrayLike,
    tolerance: float = 1e-6,
    *,
    limit: int = 2**27,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """The perturbative pumped magnetization at given phases of the cycle, before the average over the period.

    Parameters
    ----------
    cycle, occupied, tolerance, limit, executor, progress
        As in `pumped_magnetization`.
    theta : array_like, shape (phases,)
        Phases in radians.

    Returns
    -------
    xarray.Dataset
        `perturbative` over `theta` and `component`, `error`, in e*omega.
    """
    started = time.perf_counter()
    phases = checked(theta, "theta", (None,))
    integral = _integral(cycle, occupied, tolerance, phases, limit, executor, progress)
    names = components(cycle.lattice.dimension)
    density = 1.0 / cycle.lattice.measure
    values = integral.value.reshape(len(phases), len(names)) * density
    return labelled(
        {
            "perturbative": (["theta", "component"], values, UNIT, "perturbative pumped moment density"),
            "error": ([], np.asarray(_error(integral, cycle) * density), UNIT, "error bar"),
        },
        {"theta": ("theta", phases, {"units": "rad"}), "component": list(names)},
        **_facts(integral, cycle, occupied, tolerance, started),
    )


def magnetization_map(
    cycle: Cycle, kx: ArrayLike, ky: ArrayLike, theta: float = 0.0, *, kz: float = 0.0, component: str = "z"
) -> xarray.Dataset:
    """The map of d_B a^t over the Brillouin zone, band by band (Eq. 8).

    Parameters
    ----------
    cycle : Cycle
    kx, ky : array_like
        Cartesian wave vectors along the two sides of the map.
    theta : float
        Phase of the cycle.
    kz : float
        Third component, for a 3D cycle.
    component : str
        Component of the magnetization.

    Returns
    -------
    xarray.Dataset
        `interband` and `metric_curl`, the two terms of Eq. (8), and their sum `shift`, over `ky`, `kx` and `band`; in
        e*omega times the square of the length unit.

    Raises
    ------
    DegenerateBandsError
        Where bands touch.
    """
    names = components(cycle.lattice.dimension)
    if component not in names:
        raise InvalidArgumentError(f"component: {component!r}, expected one of {names} for this lattice")
    x, y = checked(kx, "kx", (None,)), checked(ky, "ky", (None,))
    grid = np.stack([*np.meshgrid(x, y), np.full((len(y), len(x)), kz)], axis=-1)
    k = grid[..., : cycle.lattice.dimension].reshape(-1, cycle.lattice.dimension)
    frame = eigenframe(cycle, band_shift_derivatives(THETA, component), k=k, theta=theta)
    shape = (len(y), len(x), cycle.size)
    parts = [part(frame, THETA, component).reshape(shape) for part in (interband_part, metric_curl_part)]
    unit = f"{UNIT} x length^2"
    return labelled(
        {
            "interband": (["ky", "kx", "band"], parts[0], unit, "interband part of d_B a^t"),
            "metric_curl": (["ky", "kx", "band"], parts[1], unit, "metric-curl part of d_B a^t"),
            "shift": (["ky", "kx", "band"], parts[0] + parts[1], unit, "d_B a^t"),
        },
        {"kx": x, "ky": y, "band": np.arange(cycle.size)},
        theta=float(theta),
        component=component,
        model=cycle.digest,
    )


def _completeness(cycle: Cycle, windings: dict[tuple[str, str], int]) -> str:
    """What the result says about its Chern-Simons part."""
    wound = [f"C({a}, {b}) = {C}" for (a, b), C in windings.items() if C]
    if wound:
        return f"chern_simons and total are not defined: {', '.join(wound)}; perturbative is"
    if cycle.orbitals_move:
        return MOVING
    return TWO_BANDS if cycle.size == 2 else MISSING


def _shifts(frame: Eigenframe, occupied: int, names: tuple[str, ...]) -> Float:
    return np.stack([occupied_shift(frame, occupied, THETA, name) for name in names], axis=-1)


def _integral(
    cycle: Cycle,
    occupied: int,
    tolerance: float,
    theta: Float | None,
    limit: int,
    executor: Executor | None,
    progress: bool | None,
) -> Integral:
    if not isinstance(cycle, Cycle):
        raise InvalidArgumentError(f"cycle: expected an adiabloch.Cycle, got {type(cycle).__name__}")
    names = components(cycle.lattice.dimension)
    if not names:
        raise InvalidArgumentError("cycle: a one-dimensional crystal has no orbital magnetization; expected 2D or 3D")
    if not (isinstance(occupied, (int, np.integer)) and 1 <= occupied < cycle.size):
        raise InvalidArgumentError(f"occupied: {occupied!r}, expected 1 <= occupied <= {cycle.size - 1}")
    if not (isinstance(tolerance, Real) and 0 < tolerance < 1):
        raise InvalidArgumentError(f"tolerance: {tolerance!r}, expected a relative accuracy between 0 and 1")
    if not (isinstance(limit, int | np.integer) and limit > 0):
        raise InvalidArgumentError(f"limit: {limit!r}, expected a number of points")
    if theta is not None and not len(theta):
        raise InvalidArgumentError("theta: expected at least one phase, got none")
    k = cycle.lattice.directions
    integrand = Insulator(
        cycle, int(occupied), partial(_shifts, occupied=int(occupied), names=names), ((THETA,), k, k), theta
    )
    highest = np.abs(cycle.frequencies).max(axis=0)[: integrand.dimension]
    start = tuple(max(4 if d == THETA else 6, 2 * int(m) + 2) for d, m in zip(cycle.directions, highest, strict=False))
    with ProgressBar("pumped magnetization", progress) as bar:
        integral = integrate(
            integrand,
            tolerance=tolerance,
            start=start,
            limit=limit,
            executor=executor,
            progress=bar,
            inspect=integrand.check_gap,
        )
    if not integral.converged:
        density = 1.0 / cycle.lattice.measure
        reason = "" if integral.resolved else f"; the smallest gap, {integral.gap:.2e}, is not resolved"
        raise ToleranceNotReachedError(
            f"pumped magnetization: tolerance {tolerance:.0e} not reached within {limit} points: best estimate "
            f"{np.array2string(integral.value * density, precision=6)} e*omega, "
            f"error {integral.error * density:.1e}, on "
            f"a mesh of {' x '.join(map(str, integral.mesh))}{reason}; allow more points (limit) or ask for less",
            estimate=integral.value * density,
            error=integral.error * density,
        )
    return integral


def _error(integral: Integral, cycle: Cycle) -> float:
    """Quadrature error, and what the interpolation between snapshots leaves uncertain."""
    return math.hypot(integral.error, cycle.tail * float(np.abs(integral.value).max()))


def _facts(integral: Integral, cycle: Cycle, occupied: int, tolerance: float, started: float) -> dict[str, object]:
    return {
        "model": cycle.digest,
        "occupied": int(occupied),
        "tolerance": float(tolerance),
        "mesh": list(integral.mesh),
        "points": integral.points,
        "gap": integral.gap,
        "cycle_tail": cycle.tail,
        "seconds": time.perf_counter() - started,
    }
