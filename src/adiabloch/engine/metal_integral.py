"""Integrals over a Fermi sea for all temperatures and chemical potentials of a scan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine import metal_warnings as warnings
from adiabloch.engine.arguments import model_digest
from adiabloch.engine.dry_run import (
    Forecast,
    ForecastFound,
    Trial,
    forecast,
    points_for_each,
    points_of_trial,
    power,
    trial_mesh,
)
from adiabloch.engine.metal_task import ScanTask
from adiabloch.engine.run import reporting_stop
from adiabloch.integration.boxes import integrate_boxes, kept_bytes
from adiabloch.integration.fixed_mesh import checked_size, sum_over_mesh
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.occupation import Scan


@dataclass(frozen=True, eq=False)
class ScanIntegral:
    """Integrals over a Fermi sea, per length, area or volume."""

    value: Float
    """(dimensions of the scan..., outputs)."""
    error: Float
    scan: Scan
    provenance: dict[str, object]


def integrate_scan(task: ScanTask) -> ScanIntegral:
    """Integrate a Fermi sea for all temperatures and chemical potentials.

    Raises
    ------
    ToleranceNotReachedError
        The tolerance was not reached, and the run is strict; otherwise there is a warning.
    """
    return finished(integral_per_cell(task), task)


def integral_per_cell(task: ScanTask) -> SeaIntegral:
    """Integrals per cell, before warnings and the influence of degenerate bands."""
    warnings.check_temperature(task.integrand.crystal, float(task.scan.temperatures.max()))
    warnings.check_potentials(task.integrand.crystal, task.scan)
    task = task.within(task.limit)
    if task.run.dry_run:
        raise ForecastFound(_forecast(task))
    return _integrate(task)


def _forecast(task: ScanTask) -> Forecast:
    """Expected cost of the integrals, from trials."""
    sides, bands, run = task.sides, task.integrand.crystal.size, task.run
    coarse = None
    if sides is not None:
        checked_size(sides, task.run.limit)
        coarse = trial_mesh(sides, bands)
    tried = task if coarse is None else replace(task, run=replace(task.run, mesh=coarse))
    twice = False

    def trial(limit: int) -> Trial:
        nonlocal twice
        integral = _integrate(tried.within(limit) if coarse is None else tried)
        twice = integral.threshold_dependent
        ratio = np.divide(
            integral.error, integral.allowed, out=np.ones_like(integral.error), where=integral.allowed > 0
        )
        return Trial(
            integral.points, float(np.max(ratio, where=np.isfinite(ratio), initial=1.0)), not integral.exhausted
        )

    few = points_of_trial(bands)
    # in three dimensions the error falls late
    many = 8 * few if task.integrand.dimension == 3 else few
    found = forecast(
        trial,
        power,
        few=few // 8,
        many=many,
        limit=task.run.limit,
        started=task.run.started,
        kept=lambda points: kept_bytes(task.integrand, task.scan, run.tolerance, points) if sides is None else 0.0,
        more=points_for_each(sides, coarse),
    )
    # the influence of the threshold for degenerate bands is found from a second integral
    return replace(found, points=2 * found.points, seconds=2 * found.seconds) if twice else found


def finished(integral: SeaIntegral, task: ScanTask) -> ScanIntegral:
    """Integrals per length, area or volume, with the influence of degenerate bands, warnings and provenance."""
    task = task.within(task.limit)
    integral, influence = _with_degeneracy_errors(integral, task)
    value, error = (task.scan.arranged(task.density * numbers) for numbers in (integral.value, integral.error))
    _report(integral, influence, task, value)
    sides = task.sides
    provenance: dict[str, object] = {
        **warnings.note_of_gaps(integral, task),
        "model": model_digest(task.integrand.crystal),
        "tolerance": float(task.run.tolerance) if sides is None else float("nan"),
        "converged": bool(integral.converged.all()),
        "mesh": [] if sides is None else list(sides),
        "points": integral.points,
        "boxes": integral.boxes,
        "degeneracy": float(task.integrand.degeneracy.threshold),
        "seconds": task.run.elapsed,
    }
    return ScanIntegral(value, error, task.scan, provenance)


def _integrate(task: ScanTask) -> SeaIntegral:
    """Integrals per cell, on a fixed mesh or on adaptive boxes."""
    run, scan, factor = task.run, task.scan, task.per_cell_in_user_units

    def in_user_units(best: SeaIntegral) -> tuple[Float, Float, str]:
        value, error = (scan.arranged(factor * numbers) for numbers in (best.value, best.error))
        return value, error, f"after {best.points} points"

    with ProgressBar(task.title, run.progress) as bar, reporting_stop(task.title, task.unit, in_user_units):
        if (sides := task.sides) is not None:
            return sum_over_mesh(task.integrand, scan, sides, run.executor, bar, run.limit, run.symmetry)
        return integrate_boxes(
            task.integrand,
            scan,
            tolerance=run.tolerance,
            absolute=None if run.absolute is None else run.absolute / factor,
            output_groups=task.output_groups,
            limit=run.limit,
            symmetry=run.symmetry,
            executor=run.executor,
            progress=bar,
        )


def _with_degeneracy_errors(integral: SeaIntegral, task: ScanTask) -> tuple[SeaIntegral, float]:
    """Add the influence of the degeneracy threshold, which is also returned, and of the splitting to the errors."""
    influence = 0.0
    if integral.threshold_dependent:
        # an estimate of the change suffices
        limit = min(task.run.limit, max(4 * integral.points, 2**18)) if task.sides is None else task.run.limit
        other = _integrate(task.with_degeneracy(task.integrand.degeneracy.compared).within(limit))
        change = warnings.change(integral.value, other.value)
        integral = replace(integral, error=integral.error + change)
        influence = float((change - integral.rounding - other.rounding).max())
    if integral.degenerate_splitting:
        integral = replace(integral, error=integral.error + _uncertainty(integral, task))
    return integral, influence


def _report(integral: SeaIntegral, influence: float, task: ScanTask, value: Float) -> None:
    """Warn of all limitations of the result; `value` is in natural units."""
    units = task.integrand.crystal.units
    value = units.size(task.unit) * value
    if integral.flat_bands.any() and task.scan.temperatures.min() == 0:
        warnings.warn_of_flat_bands(integral, task)
    if integral.divergent:
        warnings.report_divergence(integral, task, value)
    # without points all integrals vanish by symmetry
    if task.integrand.degeneracy.threshold > 0 and integral.points:
        warnings.warn_of_degeneracy(integral, influence, task)
    if not (integral.converged | ~np.isfinite(integral.value).all(axis=0)).all():
        warnings.report_shortfall_of_scan(integral, task, value)


def _uncertainty(integral: SeaIntegral, task: ScanTask) -> Float:
    """Further error by the noise that splits degenerate bands: a fraction of the largest output, noise/temperature."""
    temperatures = warnings.smeared(task.integrand, task.scan).temperatures
    share = np.minimum(0.25 * integral.degenerate_splitting / temperatures, 1.0)
    uncertain = np.zeros_like(integral.value)
    for group in task.output_groups:
        of = [*group]
        uncertain[of] = share[:, None] * warnings.finite_sizes(integral.value[of]).max(axis=0)
    return uncertain
