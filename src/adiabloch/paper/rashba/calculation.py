"""Pumped moments against the Rashba coupling and against the gap, and for the cases of the table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.models import Cycle
from adiabloch.paper.honeycomb import AMPLITUDE, DELTA, T1, in_bohr_magnetons
from adiabloch.paper.rashba.cycles import (
    BOND_SPIN_ORBIT,
    EXCHANGE,
    EXCHANGE_DELTA,
    FOLLOW,
    INTRINSIC,
    RASHBA,
    Follow,
    bond_spin_orbit_cycle,
    exchange_cycle,
    intrinsic_cycle,
    rashba_cycle,
    valley_phonon,
)
from adiabloch.paper.rashba.moments import (
    POINT_LIMIT,
    UNDEFINED,
    Estimate,
    PumpedMoments,
    band_by_band,
    orbital_magnetization,
    spin_density,
    spin_in_bohr_magnetons,
)
from adiabloch.paper.rashba.symmetry import half_turn_violation, level_asymmetry
from adiabloch.paper.study import Report, silent
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

COUPLINGS, COUPLINGS_FAST = (0.0, 0.1, 0.2, 0.4, 0.5), (0.0, 0.4)
"""Rashba couplings, in t0."""
DELTAS, DELTAS_FAST = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8), (0.2, 0.4)
"""Staggered potentials, in t0."""
ZERO_LIMIT, ZERO_LIMIT_FAST = 60_000, 20_000
"""Largest number of points of an integral that vanishes by symmetry, for which no relative accuracy exists."""
ORBITAL_UNIT, SPIN_UNIT = "e*omega", "hbar^2*omega/(t0*a0^2)"
LABELS: dict[Follow, str] = {
    "hopping": "only the hopping follows",
    "strength": "Rashba strength too",
    "direction": "Rashba strength and direction too",
}


@dataclass(frozen=True)
class Case:
    """A cycle of the table with its moments and symmetries."""

    name: str
    orbital: Estimate
    perturbative: float
    spin: Estimate
    half_turn_violation: float
    level_asymmetry: float


def compute(*, fast: bool = False, report: Report = silent) -> xarray.Dataset:
    """Compute all numbers of the figure and of the table.

    Parameters
    ----------
    fast : bool
        Use fewer points and a looser tolerance.
    report : callable
        Function that receives the name of each stage as it begins.

    Returns
    -------
    xarray.Dataset
        Variables with error bars, against `rashba` at Delta = 0.2 t0 and against `delta` at the Rashba coupling 0.4 t0:
        `orbital_...` in e*omega and `spin_...`, by the terms that follow the atoms; at t1 = 0 the complete
        `without_t1_...` and `eq8_...`, the terms of Eq. (8) band by band without a Chern-Simons part. Variables of the
        table: `case_...`.
    """
    import xarray

    started = time.perf_counter()
    couplings, deltas = (COUPLINGS_FAST, DELTAS_FAST) if fast else (COUPLINGS, DELTAS)
    moments = PumpedMoments(1e-2 if fast else 1e-3, ZERO_LIMIT_FAST if fast else ZERO_LIMIT)
    mesh_points = 24 if fast else 48
    models = [(DELTA, rashba) for rashba in couplings]
    variables = _scan("rashba", FOLLOW, models, moments, mesh_points, report)
    models = [(delta, RASHBA) for delta in deltas]
    variables |= _scan("delta", FOLLOW[:1], models, moments, mesh_points, report)
    report("the table")
    cases = [*_rotating_cases(moments), *_other_cases(moments)]
    variables |= _case_variables(cases)
    return xarray.Dataset(
        variables,
        coords={
            "rashba": ("rashba", list(couplings), {"units": "t0"}),
            "delta": ("delta", list(deltas), {"units": "t0"}),
            "follow": list(FOLLOW),
            "case": [case.name for case in cases],
        },
        attrs={
            "title": "Orbital and spin magnetization pumped by turning atoms, honeycomb lattice with Rashba coupling",
            "parameters": f"Delta = {DELTA} t0, Rashba {RASHBA} t0, t1 = {T1} t0, delta t0 = {AMPLITUDE} t0",
            "delta": DELTA,
            "rashba": RASHBA,
            "t1": T1,
            "orbital_bohr_magnetons": float(in_bohr_magnetons(1.0)),
            "spin_bohr_magnetons": float(spin_in_bohr_magnetons(1.0)),
            "model": rashba_cycle().digest,
            "adiabloch": __version__,
            "seconds": time.perf_counter() - started,
        },
    )


def _scan(
    name: str,
    follow: Sequence[Follow],
    models: Sequence[tuple[float, float]],
    moments: PumpedMoments,
    mesh_points: int,
    report: Report,
) -> dict[str, Any]:
    """Moments against one parameter.

    Parameters
    ----------
    name : {"rashba", "delta"}
        The parameter.
    follow : sequence of str
        Terms that follow the atoms.
    models : sequence of (Delta, Rashba coupling)
    moments : PumpedMoments
    mesh_points : int
        Points along each axis of the zone for Eq. (8) band by band.
    report : callable
    """
    orbital, spin, without_t1, eq8 = [], [], [], []
    for delta, rashba in models:
        report(f"against {name}: Delta = {delta:g} t0, Rashba {rashba:g} t0")
        for terms in follow:
            orbital.append(moments.orbital(delta, rashba, T1, terms)[0])
            spin.append(moments.spin(delta, rashba, terms))
        without_t1.append(moments.orbital(delta, rashba, 0.0, "hopping")[0])
        # without Rashba coupling the occupied bands coincide, and Eq. (8) is not defined band by band
        eq8.append(band_by_band(rashba_cycle(delta, rashba, 0.0), points=mesh_points) if rashba else UNDEFINED)
    dims = (name, "follow") if len(follow) > 1 else (name,)
    shape = (len(models), len(follow)) if len(follow) > 1 else (len(models),)
    return {
        **_variables(f"orbital_{name}", dims, shape, orbital, ORBITAL_UNIT, "pumped orbital magnetization"),
        **_variables(f"spin_{name}", dims, shape, spin, SPIN_UNIT, "pumped spin"),
        **_variables(
            f"without_t1_{name}", (name,), shape[:1], without_t1, ORBITAL_UNIT, "pumped orbital magnetization at t1 = 0"
        ),
        **_variables(f"eq8_{name}", (name,), shape[:1], eq8, ORBITAL_UNIT, "Eq. (8) band by band alone, at t1 = 0"),
    }


def _rotating_cases(moments: PumpedMoments) -> Iterator[Case]:
    """Cases of `rashba_cycle` at Delta = 0.2 t0 and the Rashba coupling 0.4 t0."""
    for t1 in (0.0, T1):
        for follow in FOLLOW:
            cycle = rashba_cycle(t1=t1, follow=follow)
            orbital, spin = moments.orbital(DELTA, RASHBA, t1, follow), moments.spin(DELTA, RASHBA, follow)
            name = f"t1 = {t1:g}{' t0' if t1 else ''}, {LABELS[follow]}"
            yield Case(name, *orbital, spin, half_turn_violation(cycle), level_asymmetry(cycle))


def _other_cases(moments: PumpedMoments) -> Iterator[Case]:
    """Cases of other cycles at t1 = 0, at Delta = 0.2 t0 unless stated otherwise."""
    exchange = exchange_cycle()
    exchange_spin = spin_density(exchange, 2, moments.tolerance)
    title = f"t1 = 0, Δ = {EXCHANGE_DELTA:g} t0, staggered exchange field {EXCHANGE:g} t0"
    yield _case(title, exchange, [2], exchange_spin, moments.tolerance, moments.zero_limit)
    yield _case("the same, band by band", exchange, [1, 1], exchange_spin, moments.tolerance, moments.zero_limit)
    for title, cycle in (
        (f"t1 = 0, intrinsic spin-orbit coupling {INTRINSIC:g} t0", intrinsic_cycle()),
        (f"t1 = 0, iσz up to {BOND_SPIN_ORBIT:g} t0 on bent bonds", bond_spin_orbit_cycle()),
    ):
        yield _case(title, cycle, [2], spin_density(cycle, 2, moments.tolerance), moments.tolerance, POINT_LIMIT)
    yield _case(
        "t1 = 0, no spin, A atoms turning at q = K", valley_phonon(), [3], UNDEFINED, moments.tolerance, POINT_LIMIT
    )


def _case(name: str, cycle: Cycle, groups: Sequence[int], spin: Estimate, tolerance: float, limit: int) -> Case:
    """Case with the occupied bands in groups; the half turn is defined with spin only."""
    orbital = orbital_magnetization(cycle, sum(groups), tolerance, groups=groups, limit=limit)
    violation = half_turn_violation(cycle) if "sz" in cycle.observables else np.nan
    return Case(name, *orbital, spin, violation, level_asymmetry(cycle))


def _case_variables(cases: Sequence[Case]) -> dict[str, Any]:
    """Variables over the cases of the table."""
    shape = (len(cases),)
    orbital, spin = [case.orbital for case in cases], [case.spin for case in cases]
    variables = _variables("case_orbital", ("case",), shape, orbital, ORBITAL_UNIT, "pumped orbital magnetization")
    variables |= _variables("case_spin", ("case",), shape, spin, SPIN_UNIT, "pumped spin")
    for name, values, units, meaning in (
        ("perturbative", [case.perturbative for case in cases], ORBITAL_UNIT, "perturbative part"),
        ("broken", [case.half_turn_violation for case in cases], "t0", "largest element of U H(-k) U^-1 + H(k)"),
        ("lopsided", [case.level_asymmetry for case in cases], "t0", "how far the levels are from pairs E, -E"),
    ):
        variables[f"case_{name}"] = ("case", values, {"units": units, "long_name": meaning})
    return variables


def _variables(
    name: str, dims: tuple[str, ...], shape: tuple[int, ...], estimates: Sequence[Estimate], units: str, meaning: str
) -> dict[str, Any]:
    """Variable of the values and variable of the error bars."""
    values = np.array([estimate.value for estimate in estimates]).reshape(shape)
    errors = np.array([estimate.error for estimate in estimates]).reshape(shape)
    return {
        name: (dims, values, {"units": units, "long_name": meaning}),
        f"{name}_error": (dims, errors, {"units": units, "long_name": "error bar"}),
    }
