"""Integrals over a Fermi sea for all temperatures and chemical potentials of a scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine import metal_warnings as warnings
from adiabloch.engine.arguments import digest_of
from adiabloch.engine.fermi_sea import FermiSea
from adiabloch.engine.run import LIMIT, Run
from adiabloch.errors import Stopped
from adiabloch.integration.boxes import integrate_boxes
from adiabloch.integration.fixed_mesh import sum_over_mesh
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.sea_integral import SeaIntegral
from adiabloch.occupation import Scan
from adiabloch.units import Unit

SMALLEST_LIMIT = 2**16
"""Smallest default limit of points; the default decreases with the number of bands."""


@dataclass(frozen=True, eq=False)
class ScanIntegral:
    """Integrals over a Fermi sea, per length, area or volume."""

    value: Float
    """(dimensions of the scan..., outputs)."""
    error: Float
    scan: Scan
    provenance: dict[str, object]


def integrate_scan(
    integrand: FermiSea, scan: Scan, run: Run, *, output_groups: Sequence[Sequence[int]], title: str, unit: Unit
) -> ScanIntegral:
    """Integrate a Fermi sea for all temperatures and chemical potentials.

    Parameters
    ----------
    integrand : FermiSea
    scan : Scan
    run : Run
    output_groups : sequence of sequences of int
        Outputs whose accuracy is relative to the largest of the group.
    title : str
        Name of the quantity, for the progress bar and errors.
    unit : Unit

    Raises
    ------
    ToleranceNotReachedError
        The tolerance was not reached, and the run is strict; otherwise there is a warning.
    """
    integral = raw_integral(integrand, scan, run, output_groups=output_groups, title=title, unit=unit)
    return finished(integral, integrand, scan, run, output_groups=output_groups, title=title, unit=unit)


def raw_integral(
    integrand: FermiSea, scan: Scan, run: Run, *, output_groups: Sequence[Sequence[int]], title: str, unit: Unit
) -> SeaIntegral:
    """Integrals per cell, as in `integrate_scan`, before warnings and the influence of degenerate bands."""
    warnings.check_temperature(integrand.crystal, float(scan.temperatures.max()))
    return _integrate(integrand, scan, _capped(integrand, run), output_groups, title, unit)


def _capped(integrand: FermiSea, run: Run) -> Run:
    """The run with its limit, which by default falls with the number of bands."""
    size = integrand.crystal.size
    most = min(LIMIT, max(4 * LIMIT // size**2, SMALLEST_LIMIT)) if run.limit == LIMIT else run.limit
    return replace(run, limit=most)


def finished(
    integral: SeaIntegral,
    integrand: FermiSea,
    scan: Scan,
    run: Run,
    *,
    output_groups: Sequence[Sequence[int]],
    title: str,
    unit: Unit,
) -> ScanIntegral:
    """Integrals per length, area or volume, with the influence of degenerate bands, warnings and provenance."""
    model, capped = integrand.crystal, _capped(integrand, run)
    sides = run.sides(integrand.dimension)
    integral, influence = _with_degeneracy_errors(integral, integrand, scan, capped, output_groups, title, unit)
    density = 1.0 / model.lattice.measure
    value, error = (scan.arranged(density * numbers) for numbers in (integral.value, integral.error))
    _report(integral, influence, integrand, scan, capped, title, unit, value)
    provenance: dict[str, object] = {
        "model": digest_of(model),
        "tolerance": float(run.tolerance) if sides is None else float("nan"),
        "converged": bool(integral.converged.all()),
        "mesh": [] if sides is None else list(sides),
        "points": integral.points,
        "boxes": integral.boxes,
        "degeneracy": float(integrand.degeneracy.threshold),
        "seconds": run.elapsed,
    }
    return ScanIntegral(value, error, scan, provenance)


def _integrate(
    integrand: FermiSea, scan: Scan, run: Run, output_groups: Sequence[Sequence[int]], title: str, unit: Unit
) -> SeaIntegral:
    """Integrals per cell, on a fixed mesh or on adaptive boxes."""
    model = integrand.crystal
    size, measure = model.units.size(unit), model.lattice.measure
    sides = run.sides(integrand.dimension)
    with ProgressBar(title, run.progress) as bar, _reporting_stop(title, scan, size / measure):
        if sides is not None:
            return sum_over_mesh(integrand, scan, sides, run.executor, bar, run.limit)
        return integrate_boxes(
            integrand,
            scan,
            tolerance=run.tolerance,
            absolute=None if run.absolute is None else run.absolute / size * measure,
            output_groups=output_groups,
            limit=run.limit,
            executor=run.executor,
            progress=bar,
        )


def _with_degeneracy_errors(
    integral: SeaIntegral,
    integrand: FermiSea,
    scan: Scan,
    run: Run,
    output_groups: Sequence[Sequence[int]],
    title: str,
    unit: Unit,
) -> tuple[SeaIntegral, float]:
    """Add the influence of the degeneracy threshold, which is also returned, and of the splitting to the errors."""
    influence = 0.0
    if integral.threshold_dependent:
        # an estimate of the change suffices
        limited = replace(run, limit=min(run.limit, max(4 * integral.points, 2**18)))
        other = _integrate(
            replace(integrand, degeneracy=integrand.degeneracy.compared), scan, limited, output_groups, title, unit
        )
        change = warnings.change(integral.value, other.value)
        integral = replace(integral, error=integral.error + change)
        influence = float((change - integral.rounding - other.rounding).max())
    if integral.degenerate_splitting:
        integral = replace(integral, error=integral.error + _uncertainty(integrand, scan, integral, output_groups))
    return integral, influence


def _report(
    integral: SeaIntegral,
    influence: float,
    integrand: FermiSea,
    scan: Scan,
    run: Run,
    title: str,
    unit: Unit,
    value: Float,
) -> None:
    """Warn of all limitations of the result; `value` is in natural units."""
    model = integrand.crystal
    units, size = model.units, model.units.size(unit)
    potentials, per = units.energy * scan.potentials, size / model.lattice.measure
    frozen = bool(scan.temperatures.min() == 0)
    if integral.flat_bands.any() and frozen:
        warnings.warn_of_flat_bands(integral, potentials, title)
    if integral.divergent:
        warnings.report_divergence(integral, units.energy, title, run, size * value)
    # without points all integrals vanish by symmetry
    if integrand.degeneracy.threshold > 0 and integral.points:
        warnings.warn_of_degeneracy(integrand, scan, integral, influence, run, title, per, unit)
    if not (integral.converged | ~np.isfinite(integral.value).all(axis=0)).all():
        warnings.report_shortfall_of_scan(integral, potentials, title, run, size * value, per, unit, cold=frozen)


def _uncertainty(
    integrand: FermiSea, scan: Scan, integral: SeaIntegral, output_groups: Sequence[Sequence[int]]
) -> Float:
    """Further error by the noise that splits degenerate bands: a fraction of the largest output, noise/temperature."""
    share = np.minimum(0.25 * integral.degenerate_splitting / warnings.smeared(integrand, scan).temperatures, 1.0)
    uncertain = np.zeros_like(integral.value)
    for group in output_groups:
        of = [*group]
        uncertain[of] = share[:, None] * warnings.finite_sizes(integral.value[of]).max(axis=0)
    return uncertain


@contextmanager
def _reporting_stop(title: str, scan: Scan, factor: float) -> Iterator[None]:
    """Report the best estimate after Ctrl-C; `factor` converts means over the torus to units of the user."""
    try:
        yield
    except KeyboardInterrupt as reason:
        best = getattr(reason, "estimate", None)
        if not isinstance(best, SeaIntegral):
            raise Stopped(f"{title}: stopped before there was an estimate") from None
        value, error = (scan.arranged(factor * numbers) for numbers in (best.value, best.error))
        raise Stopped(
            f"{title}: stopped after {best.points} points; what was found is in the exception's `estimate`, with "
            f"errors up to {np.max(error):.1e} in `error`",
            estimate=value,
            error=error,
        ) from None
