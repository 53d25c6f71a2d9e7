"""The orbital magnetization pumped by a cycle (Eqs. 8, 17, 20, 21)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked, numbers, radians
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.geometry.bands import PLANES, components
from adiabloch.geometry.degeneracy import refuse_groups
from adiabloch.geometry.frame import Eigenframe, eigenframe
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form
from adiabloch.geometry.induced import (
    band_shift_derivatives,
    carried_part,
    interband_part,
    metric_curl_part,
    occupied_shift,
)
from adiabloch.geometry.occupied import Group
from adiabloch.geometry.trials import Choice
from adiabloch.integration.insulator import BROKEN, Insulator
from adiabloch.models.crystal import Derivative, curl
from adiabloch.models.cycle import MOTION_HINT, THETA, Cycle
from adiabloch.responses.evaluation import (
    LIMIT,
    Effort,
    apart,
    checked_cycle,
    checked_degeneracy,
    checked_groups,
    checked_occupied,
    described,
    error_bar,
    evaluated,
    facts,
    smooth_trials,
    unobstructed,
    windings_of,
)
from adiabloch.responses.natural import natural
from adiabloch.responses.results import labelled

if TYPE_CHECKING:
    import xarray

UNITS = {2: "e*omega", 3: "e*omega/length"}
"""By dimension."""
WAVE = {"units": "1/length"}
TITLE = "pumped magnetization"
WHY = "a one-dimensional crystal has no orbital magnetization"
REMEDY = "; chern_simons=False gives the perturbative part, which is defined"
LEFT_OUT = "chern_simons and total were not asked for"
TWO_BANDS = "two bands that do not wind: the Chern-Simons part is exactly zero"
COMPLETE = "total and chern_simons are defined modulo the quantum"


@natural
def pumped_magnetization(
    cycle: Cycle,
    occupied: int,
    tolerance: float = 1e-6,
    *,
    groups: Sequence[int] | None = None,
    chern_simons: bool = True,
    trials: Choice = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Orbital magnetization pumped by a cycle, averaged over its period.

    .. math:: \bar M = \int_0^T \frac{dt}{T} \int \frac{dk}{(2\pi)^d} \Big[ \sum_{n \in occ} \partial_B a^t_n
              - \frac{e}{2} \mathrm{CS}_{t k k} \Big]

    Parameters
    ----------
    cycle : Cycle
        In two or three dimensions, insulating at every k and theta.
    occupied : int
        Number of occupied bands.
    tolerance : float
        Relative accuracy of the largest component.
    absolute : float, optional
        Accuracy that is enough whatever the result, in its unit; by default `tolerance` times a thousandth of the
        integrand without its sign, so that what symmetry makes zero comes to an end.
    strict : bool
        Raise an error where the tolerance is not reached. By default there is a warning, the attribute `converged` of
        the result is False, and `error` is what is left.
    groups : sequence of int, optional
        Sizes of groups of occupied bands with gaps between them, lowest first; [1, 1, ...] for the band-by-band form
        of the paper. By default all occupied bands are one group. How `total` splits into its two parts
        depends on it; `total` does not.
    chern_simons : bool
        Whether to compute the Chern-Simons part; without it `total` is NaN, and Chern numbers do not matter.
    trials : sequence of int or array_like of shape (N, occupied), optional
        Trial orbitals for the smooth gauge of the Chern-Simons part: numbers of orbitals, or columns in the basis of
        the model. By default they are chosen by what overlaps best with the occupied states.
    limit : int
        Largest number of points to evaluate.
    executor : concurrent.futures.Executor or int, optional
        Where blocks of points run, or how many threads; by default as many as there are processors. The result has
        the same bits wherever they run.
    progress : bool, optional
        Whether to show a progress bar; by default if it takes longer than two seconds. Where the error stream is no
        terminal there is a line every few seconds in place of the bar.

    Returns
    -------
    xarray.Dataset
        `perturbative`, `chern_simons`, `total` and `error` over `component` ("z" in 2D; x, y, z in 3D), in units of
        e*omega: moment per area in 2D, per volume in 3D. `quantum`: the rows by multiples of which `total` is
        undetermined, e/T in 2D and e/T times b/(2 pi) for the reciprocal vectors b in 3D. Orbitals that move take
        their charge along, which is counted. The instantaneous magnetization of the bands (Eq. 7) is not included.

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    GapClosedError
        The gap closes somewhere along the cycle, or the occupied bands rise above the empty ones in energy at some
        phase (`OverlappingBandsError`).
    DegenerateBandsError
        Two of the groups count as degenerate: noise alone splits them.
    ObstructedError
        A Chern number does not vanish, so that the Chern-Simons part is not defined.
    BrokenGaugeError
        The trial orbitals do not span the occupied states somewhere.
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
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    cycle = checked_cycle(cycle, (2, 3), WHY)
    occupied = checked_occupied(cycle, occupied)
    parts = checked_groups(cycle, occupied, groups)
    if len(parts) > 1:
        apart(cycle, parts)
    names = components(cycle.lattice.dimension)
    form: dict[str, Any] = {}
    if chern_simons and cycle.has_basis_connection and not cycle.orbitals_move:
        raise InvalidArgumentError(
            f"chern_simons: it depends on how the Wannier functions move along the cycle; {MOTION_HINT}, or "
            "chern_simons=False, which leaves it out"
        )
    if chern_simons:
        windings = unobstructed(cycle, parts, f"{TITLE}: the Chern-Simons part", REMEDY)
        orbitals, note = smooth_trials(cycle, parts, trials), COMPLETE
        # with two orbitals tr(A dA) can only wind (Hopf), and it does not if some state is met nowhere on the way
        if cycle.size == 2 and not cycle.orbitals_move and orbitals[0].overlap > BROKEN:
            note = TWO_BANDS
        else:
            form = {"form": partial(_forms, names=names), "trials": orbitals}
    else:
        windings, note = windings_of(cycle, occupied), LEFT_OUT
    unit = UNITS[cycle.lattice.dimension]
    integrand = Insulator(cycle, parts, partial(_shifts, groups=parts, names=names), _factors(cycle), **form)
    integral = evaluated(integrand, effort, title=TITLE, unit=unit, leading=len(names))
    total, perturbative = integral.value.reshape(2, len(names))
    if not chern_simons:
        total = np.full_like(total, np.nan)
    per = "area" if len(names) == 1 else "volume"
    return labelled(
        {
            "perturbative": (["component"], perturbative, unit, f"perturbative pumped moment per {per}"),
            "chern_simons": (["component"], total - perturbative, unit, f"Chern-Simons pumped moment per {per}"),
            "total": (["component"], total, unit, f"pumped moment per {per}"),
            "error": (["component"], np.full_like(total, error_bar(integral, cycle)), unit, "error bar"),
            "quantum": (["generator", "component"], _quantum(cycle), unit, "what total is defined modulo"),
        },
        {"component": list(names)},
        **facts(integral, cycle, occupied, effort, note=note, chern_numbers=described(windings)),
    )


def chern_simons_part(cycle: Cycle, occupied: int, effort: Effort) -> tuple[Float, float, Float]:
    """The Chern-Simons part by itself, for which no empty states are needed: by component, its error, its quantum.

    Parameters
    ----------
    cycle : Cycle
        Whose Wannier functions, if it has any, know how they move.
    occupied : int
        Number of occupied bands, all of them for instance.
    """
    units, unit = cycle.natural_units, UNITS[cycle.lattice.dimension]
    cycle, size = cycle.scaled(units), units.size(unit)
    names = components(cycle.lattice.dimension)
    unobstructed(cycle, (occupied,), f"{TITLE}: the Chern-Simons part")
    integrand = Insulator(
        cycle,
        (occupied,),
        form=partial(_forms, names=names),
        trials=smooth_trials(cycle, (occupied,), None),
    )
    quantum = _quantum(cycle)
    integral = evaluated(
        integrand,
        effort,
        title=f"{TITLE}, Chern-Simons part",
        unit=unit,
        # modulo the quantum a part of it is what counts
        scale=float(np.abs(quantum).max()),
        leading=len(names),
    )
    return size * integral.value[: len(names)], size * error_bar(integral, cycle), size * quantum


@natural
def instantaneous_magnetization(
    cycle: Cycle,
    occupied: int,
    theta: ArrayLike,
    tolerance: float = 1e-6,
    *,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """The perturbative pumped magnetization at given phases of the cycle, before the average over the period.

    Parameters
    ----------
    cycle, occupied, tolerance, absolute, strict, limit, executor, progress
        As in `pumped_magnetization`.
    theta : float or array_like, shape (phases,)
        Phases in radians.

    Returns
    -------
    xarray.Dataset
        `perturbative` over `theta` and `component`, `error`, in e*omega. The Chern-Simons part has a meaning only on
        average.
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    cycle = checked_cycle(cycle, (2, 3), WHY)
    occupied = checked_occupied(cycle, occupied)
    phases = radians(numbers(theta, "theta"), "theta")
    if not len(phases):
        raise InvalidArgumentError("theta: expected at least one phase, got none")
    names = components(cycle.lattice.dimension)
    formula = partial(_instant, occupied=occupied, names=names)
    integrand = Insulator(cycle, (occupied,), formula, _factors(cycle), theta=phases)
    unit = UNITS[cycle.lattice.dimension]
    integral = evaluated(integrand, effort, title=TITLE, unit=unit)
    values = integral.value.reshape(len(names), len(phases)).T
    return labelled(
        {
            "perturbative": (["theta", "component"], values, unit, "perturbative pumped moment density"),
            "error": ([], np.asarray(error_bar(integral, cycle)), unit, "error bar"),
        },
        {"theta": ("theta", phases, {"units": "rad"}), "component": list(names)},
        **facts(integral, cycle, occupied, effort),
    )


@natural
def magnetization_map(
    cycle: Cycle,
    kx: ArrayLike,
    ky: ArrayLike,
    theta: float = 0.0,
    *,
    degeneracy: float | None = None,
    kz: float = 0.0,
    component: str = "z",
) -> xarray.Dataset:
    """The map of d_B a^t over the Brillouin zone, band by band (Eq. 8).

    Parameters
    ----------
    cycle : Cycle
    kx, ky : array_like
        Cartesian wave vectors along the two sides of the map.
    theta : float
        Phase of the cycle.
    degeneracy : float, optional
        Bands closer than this energy count as degenerate, and are refused; by default 4e-4 of the bandwidth, and only
        where bands stay so close around a point.
    kz : float
        Third component, for a 3D cycle.
    component : str
        Component of the magnetization.

    Returns
    -------
    xarray.Dataset
        `interband` and `metric_curl`, the two terms of Eq. (8), `carried`, what orbitals that move and Wannier
        functions add, and their sum `shift`, over `ky`, `kx` and `band`; in e*omega times the square of the length.

    Raises
    ------
    DegenerateBandsError
        Where bands touch or count as degenerate.
    """
    names = components(cycle.lattice.dimension)
    if component not in names:
        raise InvalidArgumentError(
            f"component: {component!r}, expected one of {names} for this lattice{did_you_mean(component, names)}"
        )
    x, y = checked(kx, "kx", (None,)), checked(ky, "ky", (None,))
    grid = np.stack([*np.meshgrid(x, y), np.full((len(y), len(x)), checked(kz, "kz", ()))], axis=-1)
    k = grid[..., : cycle.lattice.dimension].reshape(-1, cycle.lattice.dimension)
    along = band_shift_derivatives(THETA, component, curved=cycle.orbitals_move)
    along += [direction for direction in (*cycle.lattice.directions, THETA) if direction not in along]
    frame = eigenframe(cycle, along, k=k, theta=theta)
    joined = checked_degeneracy(cycle, degeneracy).joined(frame, cycle.lattice, rounding=False)
    refuse_groups(joined, energy=cycle.units.energy)
    shape = (len(y), len(x), cycle.size)
    each = (interband_part, metric_curl_part, carried_part)
    parts = [part(frame, THETA, component).reshape(shape) for part in each]
    unit = "e*omega area"
    return labelled(
        {
            "interband": (["ky", "kx", "band"], parts[0], unit, "interband part of d_B a^t"),
            "metric_curl": (["ky", "kx", "band"], parts[1], unit, "metric-curl part of d_B a^t"),
            "carried": (["ky", "kx", "band"], parts[2], unit, "carried part of d_B a^t"),
            "shift": (["ky", "kx", "band"], np.sum(parts, axis=0), unit, "d_B a^t"),
        },
        {"kx": ("kx", x, WAVE), "ky": ("ky", y, WAVE), "band": np.arange(cycle.size)},
        theta=float(theta),
        component=component,
        model=cycle.digest,
    )


def _factors(cycle: Cycle) -> tuple[tuple[Derivative, ...], ...]:
    """Directions of the three factors of the perturbative part; the frame carries the curvature of the basis too."""
    k = cycle.lattice.directions
    moving = tuple(curl(a, THETA) for a in k) if cycle.orbitals_move else ()
    turning = tuple(curl(a, b) for a, b in combinations(k, 2)) if cycle.has_basis_connection and moving else ()
    return ((THETA, *moving), (*k, *turning), k)


def _instant(frame: Eigenframe, occupied: int, names: tuple[str, ...]) -> Float:
    return np.stack([occupied_shift(frame, occupied, THETA, name) for name in names], axis=-1)


def _shifts(frame: Eigenframe, groups: tuple[Group, ...], names: tuple[str, ...]) -> Float:
    """Perturbative part, twice: once for the total."""
    perturbative = np.sum([[occupied_shift(frame, group, THETA, name) for name in names] for group in groups], axis=0)
    return np.concatenate([perturbative, perturbative]).T


def _forms(gauges: Sequence[SmoothGauge], names: tuple[str, ...]) -> Float:
    """Chern-Simons part (Eq. 17) to be added to the total: -(e/2) CS of theta and two of k."""
    forms = np.sum(
        [[-0.5 * chern_simons_form(gauge, THETA, *PLANES[name]) for name in names] for gauge in gauges], axis=0
    )
    return np.concatenate([forms, np.zeros_like(forms)]).T


def _quantum(cycle: Cycle) -> Float:
    """What a change of gauge can add: e/T, in 3D times reciprocal vectors over 2 pi; shape (generators, components)."""
    if cycle.lattice.dimension == 2:
        return np.array([[1 / (2 * np.pi)]])
    return cycle.lattice.reciprocal / (2 * np.pi) ** 2
