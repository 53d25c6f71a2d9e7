"""The orbital magnetoelectric response of insulators, along both routes: M from E (Eq. 19) and P from B (Eq. 18)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.bands import PLANES, components
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form
from adiabloch.geometry.induced import carried_shift, occupied_shift
from adiabloch.geometry.inhomogeneous import gradient_matrix, in_magnetic_field, positional_shift
from adiabloch.geometry.jets import Blocks
from adiabloch.geometry.trials import Choice
from adiabloch.integration.insulator import Insulator
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import (
    FLAT,
    LIMIT,
    Effort,
    checked_model,
    checked_occupied,
    chosen_group,
    described,
    error_bar,
    evaluated,
    facts,
    smooth_trials,
    unobstructed,
)
from adiabloch.responses.fermi import TOLERANCE, Mesh, Occupation
from adiabloch.responses.metals import insulating_bands, sea_magnetoelectric
from adiabloch.responses.natural import natural
from adiabloch.responses.results import labelled

if TYPE_CHECKING:
    import xarray

UNIT = "e^2/hbar"


@natural
def magnetoelectric(
    model: TightBinding,
    occupied: int | None = None,
    tolerance: float | None = None,
    *,
    degeneracy: float | None = None,
    chemical_potential: ArrayLike | None = None,
    temperature: ArrayLike = 0.0,
    mesh: Mesh = None,
    trials: Choice = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Orbital magnetization that an electric field induces. Implements Eqs. (13), (14) and (19).

    In an insulator, given the number of occupied bands, in two or three dimensions:

    .. math:: \frac{\partial M_i}{\partial E_j} = \int \frac{dk}{(2\pi)^d} \sum_{n \in occ} e\, \partial_{B_i} a^{k_j}_n
              + \frac{e^2}{4 \pi^2} \theta\, \delta_{ij}

    with the axion angle theta in three dimensions only. In a metal or a Chern insulator, given chemical potential and
    temperature, in two dimensions:

    .. math:: \frac{\partial M_z}{\partial E_i} = \int \frac{dk}{(2\pi)^2} \sum_n f_n
              \Big[ -2e\, \mathrm{Re} \sum_{m \ne n} \frac{A^i_{nm} m_{mn}}{E_n - E_m}
              + \frac{e^2}{2} (\partial_x G^{yi}_n - \partial_y G^{xi}_n) \Big]

    Parameters
    ----------
    model : TightBinding
        In two or three dimensions; degenerate bands are allowed.
    occupied : int, optional
        Number of occupied bands of an insulator.
    tolerance : float, optional
        Relative accuracy of the largest component; 1e-6 for an insulator, 1e-4 for a scan.
    degeneracy : float, optional
        For a scan: bands closer than this energy count as one degenerate group, as in `adiabloch.nonlinear_hall`.
    chemical_potential : float or array_like, optional
        In place of `occupied`, in the energy unit of the model. In three dimensions it must lie in a gap.
    temperature : float or array_like
        k_B T in the energy unit of the model.
    mesh : int or sequence of int, optional
        For a scan: a fixed uniform mesh in place of adaptive boxes.
    trials, absolute, strict, limit, executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        In 2D: `total` (dM_z/dE_i) and `error` over `field` ("x", "y"), in units of e^2 length/hbar; for a scan with its
        parts `interband` (first term) and `metric_dipole` (second term). In 3D, over `component` and `field`: `total`,
        `perturbative`, `chern_simons`, `error`, in units of e^2/hbar; and `axion_angle`, theta modulo 2 pi, so that
        the diagonal of `total` is defined modulo `quantum` = e^2/(2 pi hbar).

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    NoBulkDefinitionError
        In 3D: the chemical potential is not in a gap, or the temperature not zero.
    GapClosedError
        The gap closes, or the occupied bands rise above the empty ones in energy (`OverlappingBandsError`).
    ObstructedError
        In 3D: a Chern number does not vanish.
    BrokenGaugeError
        In 3D: the trial orbitals do not span the occupied states somewhere.
    ToleranceNotReachedError
        The limit was reached first, and `strict` was asked for.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    >>> response = ab.magnetoelectric(model, occupied=1)
    >>> float(abs(response.total).max()) < 1e-12  # a threefold axis and mirrors leave nothing
    True
    """
    if (occupied is None) == (chemical_potential is None):
        raise InvalidArgumentError("occupied, chemical_potential: expected one of the two")
    model = checked_model(model, (2, 3), FLAT)
    if chemical_potential is not None:
        if model.lattice.dimension == 2:
            effort = Effort(
                TOLERANCE if tolerance is None else tolerance,
                limit,
                executor,
                progress,
                absolute=absolute,
                strict=strict,
            )
            return sea_magnetoelectric(model, Occupation.of(chemical_potential, temperature), effort, mesh, degeneracy)
        occupied = insulating_bands(model, chemical_potential, temperature)
    effort = Effort(
        1e-6 if tolerance is None else tolerance, limit, executor, progress, absolute=absolute, strict=strict
    )
    return _response(model, occupied, _moments, "magnetoelectric response", effort, trials)


@natural
def magnetic_polarization(
    model: TightBinding,
    occupied: int,
    tolerance: float = 1e-6,
    *,
    trials: Choice = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Electric polarization that a magnetic field induces in an insulator: the second route, Eq. (18).

    .. math:: \frac{\partial P_j}{\partial B_i} = \int \frac{dk}{(2\pi)^d} \sum_{n \in occ}
              e\, \partial_{B_i} (a^{k_j}_n)^B + \frac{e^2}{4 \pi^2} \theta\, \delta_{ij}

    with the positional shift a^k of Eqs. (2) and (4) in the inhomogeneity of the vector potential. It equals dM_i/dE_j,
    computed by `magnetoelectric` from the other side.

    Parameters
    ----------
    model, occupied, tolerance, trials, absolute, strict, limit, executor, progress
        As in `magnetoelectric`.

    Returns
    -------
    xarray.Dataset
        In 2D: `total` (dP_j/dB_z) and `error` over `component` ("x", "y"). In 3D, over `component` (of P) and
        `field` (of B): `total`, `perturbative`, `chern_simons`, `error`, and `axion_angle` and `quantum` as in
        `magnetoelectric`. Units e^2 (over hbar).

    Raises
    ------
    InvalidArgumentError, GapClosedError, ObstructedError, BrokenGaugeError, ToleranceNotReachedError
        As for `magnetoelectric`.
    """
    response = _response(
        model,
        occupied,
        _positional_shifts,
        "magnetic polarization",
        Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict),
        trials,
    )
    return response.rename(field="component") if "component" not in response.dims else response


@natural
def axion_angle(
    model: TightBinding,
    occupied: int | None = None,
    tolerance: float = 1e-6,
    *,
    bands: int | tuple[int, int] | None = None,
    trials: Choice = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Axion angle of a three-dimensional insulator, the Chern-Simons integral over its Brillouin zone.

    .. math:: \theta = -\frac{1}{4\pi} \int d^3k\, \mathrm{tr} \Big[ A\, dA - \frac{2i}{3} A^3 \Big]

    (below Eq. 18, for any number of degenerate bands).

    Parameters
    ----------
    model : TightBinding
        In three dimensions, with a gap.
    occupied : int, optional
        Number of occupied bands; all of them for Wannier functions of the valence bands.
    tolerance : float
        Accuracy in units of pi.
    bands : int or (int, int), optional
        In place of `occupied`: a group of bands, the lowest ones or from first to last + 1, that is apart from the
        others at each k but may overlap them in energy.
    trials, absolute, strict, limit, executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `axion_angle` in (-pi, pi], defined modulo 2 pi, and `error`, in radians. The overlap of the trial orbitals
        with the occupied states at its smallest stands in the attributes.

    Raises
    ------
    InvalidArgumentError, GapClosedError, ObstructedError, BrokenGaugeError, ToleranceNotReachedError
        As for `magnetoelectric`.

    Examples
    --------
    >>> import adiabloch as ab
    >>> insulator = ab.models.fu_kane_mele(beta=3.141592653589793)  # time reversal holds: topological
    >>> f"{float(ab.axion_angle(insulator, occupied=2, tolerance=1e-4).axion_angle):.4f}"
    '3.1416'
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    model = checked_model(model, (3,))
    group, note = chosen_group(model, occupied, bands)
    windings = unobstructed(model, (group,), "axion angle")
    orbitals = smooth_trials(model, (group,), trials)
    integrand = Insulator(model, (group,), form=_angle, trials=orbitals, filled=bands is None)
    integral = evaluated(integrand, effort, title="axion angle", unit="rad", scale=np.pi)
    return labelled(
        {
            "axion_angle": ([], np.asarray(principal(float(integral.value[0]), integral.error)), "rad", "axion angle"),
            "error": ([], np.asarray(error_bar(integral, model)), "rad", "error bar"),
        },
        {},
        **facts(integral, model, group, effort, chern_numbers=described(windings), **note),
    )


def principal(angle: float, slack: float = 1e-9) -> float:
    """The angle modulo 2 pi in (-pi, pi]; what rounding has put just above -pi counts as pi."""
    wrapped = np.pi - (np.pi - angle) % (2 * np.pi)
    return wrapped + 2 * np.pi if wrapped <= -np.pi + slack else float(wrapped)


def _response(
    model: TightBinding, occupied: object, tensor: Callable[..., Float], title: str, effort: Effort, trials: Choice
) -> xarray.Dataset:
    """Integrate a magnetoelectric tensor and add its Chern-Simons part, which both routes share."""
    model = checked_model(model, (2, 3), FLAT)
    occupied = checked_occupied(model, occupied)
    k = model.lattice.directions
    names, fields = components(len(k)), [direction[1] for direction in k]
    three = len(k) == 3
    windings = unobstructed(model, (occupied,), title) if three else {}
    integrand = Insulator(
        model,
        (occupied,),
        partial(tensor, occupied=occupied, names=names, k=k),
        (k, k, k),
        form=_forms if three else None,
        trials=smooth_trials(model, (occupied,), trials) if three else (),
    )
    unit = UNIT if three else "e^2 length/hbar"
    integral = evaluated(integrand, effort, title=title, unit=unit, leading=len(names) * len(k))
    total, perturbative = integral.value.reshape(2, len(names), len(k))
    error = np.full_like(total, error_bar(integral, model))
    if not three:
        return labelled(
            {
                "total": (["field"], total[0], unit, f"{title}, per area"),
                "error": (["field"], error[0], unit, "error bar"),
            },
            {"field": fields},
            **facts(integral, model, occupied, effort),
        )
    chern_simons = total - perturbative
    dims = ["component", "field"]
    theta, quantum = 4 * np.pi**2 * chern_simons[0, 0], 1 / (2 * np.pi)
    return labelled(
        {
            "total": (dims, total, UNIT, title),
            "perturbative": (dims, perturbative, UNIT, f"{title}, perturbative part"),
            "chern_simons": (dims, chern_simons, UNIT, f"{title}, Chern-Simons part"),
            "error": (dims, error, UNIT, "error bar"),
            "axion_angle": ([], np.asarray(principal(theta)), "rad", "axion angle, modulo 2 pi"),
            "quantum": ([], np.asarray(quantum), UNIT, "what the diagonal of total is defined modulo"),
        },
        {"component": list(names), "field": fields},
        **facts(integral, model, occupied, effort, chern_numbers=described(windings)),
    )


def _moments(frame: Eigenframe, occupied: int, names: tuple[str, ...], k: tuple[str, ...]) -> Float:
    """Perturbative dM_i/dE_j, flattened, twice: once for the total."""
    tensor = np.array([occupied_shift(frame, occupied, drive, name) for name in names for drive in k])
    return np.concatenate([tensor, tensor]).T


def _positional_shifts(frame: Eigenframe, occupied: int, names: tuple[str, ...], k: tuple[str, ...]) -> Float:
    """Perturbative dP_j/dB_i, flattened over j and i, twice: once for the total."""
    fields = [Blocks(in_magnetic_field(frame, name), occupied) for name in names]
    gradients = [
        gradient_matrix(B, [(a, a[1]) for a in PLANES[name]], mixed=False)
        for B, name in zip(fields, names, strict=True)
    ]
    tensor = np.array(
        [
            positional_shift(B, drive, delta).real()[0] + carried_shift(frame, occupied, drive, name)
            for drive in k
            for name, B, delta in zip(names, fields, gradients, strict=True)
        ]
    )
    return np.concatenate([tensor, tensor]).T


def _forms(gauges: Sequence[SmoothGauge]) -> Float:
    """Isotropic Chern-Simons part, to be added to the total: -(e^2/2) CS on the diagonal."""
    (gauge,) = gauges
    diagonal = np.concatenate([np.eye(3).ravel(), np.zeros(9)])
    return -0.5 * chern_simons_form(gauge, "kx", "ky", "kz")[:, None] * diagonal


def _angle(gauges: Sequence[SmoothGauge]) -> Float:
    """Axion angle times the volume of the cell: -(1/4 pi) (2 pi)^3 CS."""
    (gauge,) = gauges
    return -2 * np.pi**2 * chern_simons_form(gauge, "kx", "ky", "kz")[:, None]
