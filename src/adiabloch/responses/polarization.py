"""Electric polarization of insulators, and the charge that a cycle pumps."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.chern import chern_number
from adiabloch.geometry.gauge import SmoothGauge
from adiabloch.geometry.trials import Choice
from adiabloch.integration.insulator import Insulator
from adiabloch.lattice import AXES
from adiabloch.models.cycle import THETA, Cycle
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import (
    LIMIT,
    Effort,
    checked_cycle,
    checked_model,
    chosen_group,
    described,
    error_bar,
    evaluated,
    facts,
    named_group,
    smooth_trials,
    unobstructed,
    windings_of,
)
from adiabloch.responses.natural import natural
from adiabloch.responses.results import labelled
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray

UNIT = "e"


@natural
def polarization(
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
    r"""Electric polarization of the electrons of an insulator, modulo its quantum.

    .. math:: P = e \int \frac{dk}{(2\pi)^d}\, \mathrm{tr} A, \qquad A = i \langle u | \partial_k u \rangle

    Parameters
    ----------
    model : TightBinding
        In one, two or three dimensions, with a gap.
    occupied : int, optional
        Number of occupied bands; all of them for Wannier functions of the valence bands.
    tolerance : float
        Accuracy relative to the quantum.
    bands : int or (int, int), optional
        In place of `occupied`: a group of bands, the lowest ones or from first to last + 1, that is apart from the
        others at each k but may overlap them in energy.
    trials, absolute, strict, limit, executor, progress
        As in `adiabloch.pumped_magnetization`.

    Returns
    -------
    xarray.Dataset
        `polarization` and `error` over `component`: dipole moment per length, area or volume, in units of e and the
        length unit of the model; and `quantum` over `generator` and `component`, the lattice vectors over the measure
        of the cell, by multiples of which it is undetermined. In terms of these, it lies between -1/2 and 1/2. Without
        the ions.

    Raises
    ------
    GapClosedError
        The gap closes, or the occupied bands rise above the empty ones in energy (`OverlappingBandsError`).
    ObstructedError
        A Chern number does not vanish.
    BrokenGaugeError
        The trial orbitals do not span the occupied states somewhere.
    ToleranceNotReachedError
        The limit was reached first, and `strict` was asked for.

    References
    ----------
    R. D. King-Smith, D. Vanderbilt, Phys. Rev. B 47, 1651 (1993).

    Examples
    --------
    >>> import adiabloch as ab
    >>> chain = ab.models.rice_mele(delta=0.0, dimerization=0.3)  # a charge in the middle of each strong bond
    >>> float(ab.polarization(chain, occupied=1).polarization[0].round(6))
    0.25
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    model = checked_model(model)
    group, note = chosen_group(model, occupied, bands)
    lattice = model.lattice
    windings = unobstructed(model, (group,), "polarization")
    integrand = Insulator(
        model,
        (group,),
        form=partial(_traces, directions=lattice.directions),
        trials=smooth_trials(model, (group,), trials),
        filled=bands is None,
    )
    quantum = lattice.vectors / lattice.measure
    scale = float(np.sqrt((quantum**2).sum(axis=1)).min())
    d = lattice.dimension
    label = unit(charge=1, length=1 - d)
    integral = evaluated(integrand, effort, title="polarization", unit=label, scale=scale)
    reduced = integral.value @ np.linalg.inv(quantum)
    # in (-1/2, 1/2]; what rounding has put just above -1/2 counts as 1/2
    wrapped = 0.5 - (0.5 - reduced) % 1.0
    wrapped = np.where(wrapped < -0.5 + 1e-9, wrapped + 1.0, wrapped)
    return labelled(
        {
            "polarization": (["component"], wrapped @ quantum, label, "electronic polarization"),
            "error": (["component"], np.full(d, error_bar(integral, model)), label, "error bar"),
            "quantum": (["generator", "component"], quantum, label, "what the polarization is defined modulo"),
        },
        {"component": list(AXES[:d])},
        **facts(integral, model, group, effort, chern_numbers=described(windings), **note),
    )


def dipoles(cycle: Cycle, occupied: int, effort: Effort) -> Float:
    """Dipole moments of a cell's electrons (one for each state) along a cycle, less the mean, in e length; (N, d).

    The branch is the one nearest to the first snapshot's: for what moves less than half a lattice vector.
    """
    found = [polarization(model, occupied, effort.tolerance, **effort.means) for model in cycle.snapshots]
    lattice = cycle.lattice
    apart = np.array([one.polarization.values for one in found]) * lattice.measure
    apart -= apart[0]
    apart -= np.rint(lattice.reduced_positions(apart)) @ lattice.vectors
    return apart - apart.mean(axis=0)


@natural
def pumped_charge(
    cycle: Cycle, occupied: int | None = None, *, bands: int | tuple[int, int] | None = None
) -> xarray.Dataset:
    r"""Charge that a cycle pumps along each lattice vector, an integer.

    .. math:: C_i = \frac{1}{2\pi} \oint d\theta \int d\kappa_i\, \mathrm{tr} F_{\theta \kappa_i}

    with kappa_i = k.a_i: in a period, C_i electrons pass each cell along a_i.

    Parameters
    ----------
    cycle : Cycle
        In one, two or three dimensions, insulating all along.
    occupied : int, optional
        Number of occupied bands; all of them for Wannier functions of the valence bands, which pump nothing.
    bands : int or (int, int), optional
        In place of `occupied`: a group of bands, the lowest ones or from first to last + 1, that is apart from the
        others at each k and theta but may overlap them in energy.

    Returns
    -------
    xarray.Dataset
        `charge` over `vector` (0 for a1, ...), integers in units of e; `dipole` over `component`, sum_i C_i a_i: the
        change of the dipole moment of a cell in a period, in e times length.

    Raises
    ------
    GapClosedError
        The gap closes somewhere along the cycle, or the occupied bands rise above the empty ones in energy at some
        phase (`OverlappingBandsError`).

    References
    ----------
    D. J. Thouless, Phys. Rev. B 27, 6083 (1983).

    Examples
    --------
    >>> import adiabloch as ab
    >>> int(ab.pumped_charge(ab.models.thouless_pump(0.5, 0.3), occupied=1).charge[0])
    1
    """
    cycle = checked_cycle(cycle)
    group, note = chosen_group(cycle, occupied, bands)
    windings_of(cycle, group)
    charges = np.array([chern_number(cycle, group, (THETA, k)) for k in cycle.lattice.directions])
    return labelled(
        {
            "charge": (["vector"], charges, UNIT, "charge pumped in a period"),
            "dipole": (["component"], charges @ cycle.lattice.vectors, "e length", "dipole moment pumped in a period"),
        },
        {"vector": np.arange(len(charges)), "component": list(AXES[: len(charges)])},
        model=cycle.digest,
        **named_group(group),
        **note,
    )


def _traces(gauges: Sequence[SmoothGauge], directions: tuple[str, ...]) -> Float:
    (gauge,) = gauges
    return np.stack([gauge.connection(a).trace(axis1=1, axis2=2).real for a in directions], axis=-1)
