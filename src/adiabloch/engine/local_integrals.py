"""Local currents and densities: declared terms, evaluated at each position of a texture."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import model_digest
from adiabloch.engine.dry_run import Forecast, ForecastFound, mean_of
from adiabloch.engine.insulator_integral import CANCELLING, mean
from adiabloch.engine.insulator_integrand import Insulator
from adiabloch.engine.local_arguments import Drive, Sites
from adiabloch.engine.local_formulas import gauge_terms, on_groups, terms_of_bands, terms_of_group
from adiabloch.engine.local_plan import LocalPlan
from adiabloch.engine.preflight import preflight
from adiabloch.engine.run import Run
from adiabloch.engine.thermal_integrand import THRESHOLD, ThermalBands
from adiabloch.errors import AdiablochError, Stopped, warn
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.gauge import SmoothGauge, gauge_needs
from adiabloch.geometry.projections import ProjectionChoice, Projections
from adiabloch.geometry.recording import Product, Recorded, offered_by, record
from adiabloch.integration.mesh import Integral
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.protocols import Minimum
from adiabloch.integration.running import number_of_workers, stoppable, workers
from adiabloch.integration.running import run as run_tasks
from adiabloch.integration.sending import SerialExecutor, is_in_process
from adiabloch.models.crystal import Derivative, Operator
from adiabloch.models.local_crystal import TIME, LocalCrystal
from adiabloch.models.texture import Texture
from adiabloch.occupation import FermiLevel
from adiabloch.units import Unit

TITLE = "local current or density"
TRIED = 5
"""Number of positions from which the cost of all is forecast."""


@dataclass(frozen=True, eq=False)
class LocalRequest:
    """Terms to evaluate for a drive and an occupation.

    Parameters
    ----------
    plan : LocalPlan
    drive : Drive
    occupation : int or FermiLevel
        Number of occupied bands, or the Fermi level of a metal.
    k : tuple of str
        Directions of k.
    operators : mapping, optional
        Observables; None for the spin of the crystals themselves.
    degeneracy : Degeneracy
        Criterion for degenerate bands of a metal.
    """

    plan: LocalPlan
    drive: Drive
    occupation: int | FermiLevel
    k: tuple[str, ...]
    operators: Mapping[str, Operator] | None = field(default_factory=dict)
    degeneracy: Degeneracy = field(default_factory=Degeneracy)

    @property
    def unit(self) -> Unit:
        """Unit of the terms of the drive."""
        return self.plan.unit(self.plan.total)

    def evaluate(
        self, texture: Texture, sites: Sites, run: Run, projections: ProjectionChoice = None
    ) -> tuple[Mapping[str, Float], dict[str, object]]:
        """Variables at all positions, (positions..., phases..., labels), and their provenance.

        Raises
        ------
        Stopped
            Ctrl-C; with the values at the positions that were finished.
        """
        chosen = self._projections(texture, projections)
        count = len(sites.positions)
        if run.dry_run:
            raise self._forecast(texture, sites, run, chosen)
        results: list[Float] = []
        integrals: list[Integral] = []
        with (
            _reporting_stop(results, count, texture.units.size(self.unit)),
            ProgressBar(TITLE, run.progress, counted="positions") as bar,
            stoppable(lambda: results),
            workers(run.executor) as pool,
        ):
            bar.stage("", count)
            # a single position is parallel in itself
            outer, within = (SerialExecutor(), pool) if count == 1 else (pool, SerialExecutor())
            inner = replace(run, executor=within, progress=run.progress if is_in_process(outer) else False)
            tasks = self._tasks(texture, sites, chosen)
            for values, integral in run_tasks(outer, partial(self._at_position, inner), tasks):
                results.append(values)
                integrals.append(integral)
                bar.advance(1)
        self._report_shortfall(integrals, run, texture)
        self._report_degeneracy(integrals, texture)
        array = np.array(results)
        shape = (*sites.shape,)
        variables = {
            name: array[..., outputs.start : outputs.stop].reshape(*shape, -1)
            for name, outputs in self.plan.outputs.items()
        }
        return variables, self._provenance(texture, integrals, run)

    def _forecast(
        self, texture: Texture, sites: Sites, run: Run, projections: tuple[Projections, ...]
    ) -> ForecastFound:
        """Forecast for all positions from the mean of a few of them."""
        count, before = len(sites.positions), run.elapsed
        few = np.unique(np.linspace(0, count - 1, TRIED).round().astype(int))
        tasks = self._tasks(texture, replace(sites, positions=sites.positions[few]), projections)
        executor = run.executor if count == 1 else SerialExecutor()
        found: list[Forecast] = []
        begun = time.perf_counter()
        for task in tasks:
            building = time.perf_counter() - begun
            try:
                self._at_position(replace(run, executor=executor, progress=False, started=time.perf_counter()), task)
            except ForecastFound as forecast:
                found.append(replace(forecast.forecast, seconds=forecast.forecast.seconds + building))
            begun = time.perf_counter()
        whole = mean_of(found).times(count, number_of_workers(run.executor))
        return ForecastFound(replace(whole, seconds=whole.seconds + before))

    def _tasks(
        self, texture: Texture, sites: Sites, projections: tuple[Projections, ...]
    ) -> Iterator[tuple[Float, Insulator | ThermalBands]]:
        known: dict[tuple[str, ...], tuple[Recorded, tuple[Derivative, ...]]] = {}
        for where in sites.positions:
            crystal = texture.local_crystal(where, curved=self.drive.moving, operators=self.operators)
            crystal = crystal.driven(self.drive.rates, self.drive.magnetic_field)
            if crystal.axes not in known:
                known[crystal.axes] = self._needs(crystal)
            yield where, self._integrand(crystal, sites.theta, projections, *known[crystal.axes])

    def _at_position(self, run: Run, task: tuple[Float, Insulator | ThermalBands]) -> tuple[Float, Integral]:
        """Outputs at a position, (phases, outputs), the error as the last one."""
        where, integrand = task
        crystal = integrand.crystal
        assert isinstance(crystal, LocalCrystal)
        phases = 1 if integrand.theta is None else len(integrand.theta)
        leading = self.plan.leading(uniform=not crystal.axes)

        def integrated(of: Insulator | ThermalBands) -> Integral:
            return mean(
                of,
                run,
                title=TITLE,
                unit=self.unit,
                scale=CANCELLING * integrand.size() / crystal.lattice.measure,
                leading=leading * phases,
                density=1,
                quiet=True,
            )

        try:
            integral = integrated(integrand)
        except AdiablochError as error:
            error.args = (
                f"{error} (at r = {[crystal.units.in_user_units(x, 'length') for x in where]})",
                *error.args[1:],
            )
            raise
        values = integral.value.reshape(-1, phases).T
        uncertain = math.hypot(integral.error, crystal.tail * float(np.abs(values[:, :leading]).max()))
        if isinstance(integrand, ThermalBands) and THRESHOLD in integral.minima:
            other = integrated(replace(integrand, degeneracy=integrand.degeneracy.compared))
            change = float(np.abs(integral.value - other.value)[: leading * phases].max())
            uncertain += change
            largest = Minimum(change, integral.minima[THRESHOLD].at)
            integral = replace(integral, error=integral.error + change, minima={**integral.minima, THRESHOLD: largest})
        return np.column_stack([values, np.full(phases, uncertain)]), integral

    def _projections(self, texture: Texture, projections: ProjectionChoice) -> tuple[Projections, ...]:
        """Projections for a smooth gauge, found for the crystal at the origin and used everywhere."""
        if not self.plan.needs_gauge:
            return ()
        assert isinstance(self.occupation, int)
        return preflight(
            texture.home, (self.occupation,), "the split of a local current", projections=projections
        ).projections

    def _formula(self, crystal: LocalCrystal) -> Callable[..., Float]:
        """Formula of all outputs: (frame) -> (P, outputs), or (frame, groups) -> (P, groups, outputs) for metals."""
        plan = self.plan
        rows = [(None if term.smooth_gauge else term.formula, arguments) for term, arguments in plan.rows]
        shared: dict[str, Any] = {"rows": rows, "summed": plan.added, "k": self.k, "axes": crystal.axes}
        if isinstance(self.occupation, FermiLevel):
            return partial(terms_of_bands, level=self.occupation, **shared)
        return partial(terms_of_group, occupied=self.occupation, **shared)

    def _form(self, crystal: LocalCrystal) -> Callable[[Sequence[SmoothGauge]], Float]:
        rows = [(term.formula if term.smooth_gauge else None, arguments) for term, arguments in self.plan.rows]
        # the total has no terms of the gauge
        rows.append((None, self.plan.arguments[self.plan.total]))
        return partial(gauge_terms, rows=rows, k=self.k, axes=crystal.axes, rates=dict(self.drive.rates))

    def _needs(self, crystal: LocalCrystal) -> tuple[Recorded, tuple[Derivative, ...]]:
        """Derivatives of the formulas with the size of their products, and those of the gauge."""
        formula = self._formula(crystal)
        available = offered_by(crystal)
        at = [(0, 1)] if isinstance(self.occupation, FermiLevel) else []
        on_points = partial(on_groups, formula=formula, groups=at) if at else formula
        seen = record(
            on_points,
            crystal.size,
            available,
            curved=crystal.has_basis_connection or crystal.orbitals_move,
            products=False,
        ).derivatives
        first: tuple[Derivative, ...] = (*self.k, *crystal.observable_names)
        slopes = [x for x in seen if not isinstance(x, str)]
        axes: tuple[Derivative, ...] = (*crystal.axes,)
        factors: tuple[tuple[Derivative, ...], ...] = (first, (TIME, *slopes), *((first, axes) if axes else ()))
        along = tuple(dict.fromkeys([*self.k, *crystal.axes, TIME, *crystal.observable_names, *seen]))
        recorded = Recorded(along, (Product(factors, len(factors)),))
        if not self.plan.needs_gauge:
            return recorded, ()
        directions = (*crystal.directions, *crystal.axes)
        assert isinstance(self.occupation, int)
        return recorded, gauge_needs(
            crystal, (self.occupation,), self._form(crystal), directions=directions, available=available
        )

    def _integrand(
        self,
        crystal: LocalCrystal,
        theta: Float | None,
        projections: tuple[Projections, ...],
        needs: Recorded,
        of_gauge: tuple[Derivative, ...],
    ) -> Insulator | ThermalBands:
        formula = self._formula(crystal)
        if isinstance(self.occupation, FermiLevel):
            along = tuple(dict.fromkeys([*crystal.directions, *needs.derivatives]))
            return ThermalBands(crystal, formula, along, self.occupation, theta, self.degeneracy)
        return Insulator(
            crystal,
            (self.occupation,),
            formula,
            needs,
            self._form(crystal) if projections else None,
            of_gauge,
            projections,
            extra_directions=(*crystal.axes,) if projections else (),
            theta=theta,
        )

    def _report_shortfall(self, integrals: Sequence[Integral], run: Run, texture: Texture) -> None:
        short = [integral.error for integral in integrals if not integral.converged]
        if short and run.mesh is None:
            worst = max(short) * texture.units.size(self.unit)
            warn(
                f"{TITLE}: tolerance {run.tolerance:.0e} not reached within {run.limit} points at {len(short)} of "
                f"{len(integrals)} positions, error up to {worst:.1e} {self.unit}; see `error`, allow more points "
                "(limit), or ask for less (tolerance, absolute)"
            )

    def _report_degeneracy(self, integrals: Sequence[Integral], texture: Texture) -> None:
        """Warn if the results depend on the threshold below which bands count as degenerate."""
        changes = [(one.minima[THRESHOLD].value, one.error) for one in integrals if THRESHOLD in one.minima]
        large = [change for change, error in changes if change > 0.5 * error]
        if large:
            worst = max(large) * texture.units.size(self.unit)
            warn(
                f"{TITLE}: at {len(large)} of {len(integrals)} positions, bands at the Fermi level are about as far "
                f"apart as the degeneracy threshold; twice the threshold changes the result by up to {worst:.1e} "
                f"{self.unit}, which is in `error`. Choose degeneracy= above the splitting if it is noise, or below it"
            )

    def _provenance(self, texture: Texture, integrals: Sequence[Integral], run: Run) -> dict[str, object]:
        gaps = [minimum.value for integral in integrals for name, minimum in integral.minima.items() if name == "gap"]
        if isinstance(self.occupation, int):
            occupation: dict[str, object] = {"occupied": self.occupation, "gap": min(gaps, default=math.inf)}
        else:
            occupation = {**asdict(self.occupation), "degeneracy": float(self.degeneracy.threshold)}
        field_of = self.drive.magnetic_field
        return {
            "model": model_digest(texture.home),
            "tolerance": float(run.tolerance),
            "converged": all(integral.converged for integral in integrals),
            "points": sum(integral.points for integral in integrals),
            **occupation,
            **{f"rate_{name}": rate for name, rate in self.drive.rates.items()},
            **({} if field_of is None else {"magnetic_field": field_of.tolist()}),
            "seconds": run.elapsed,
        }


@contextmanager
def _reporting_stop(results: list[Float], count: int, factor: float) -> Iterator[None]:
    """Report the values found before Ctrl-C, (positions, phases, outputs), NaN at positions that were not finished.

    One unit of the results is `factor` units of the user's.
    """
    try:
        yield
    except Stopped:
        if not results and count == 1:
            # a single position reports its own estimate
            raise
        if not results:
            raise Stopped(f"{TITLE}: stopped before any of {count} positions was finished") from None
        found = np.full((count, *results[0].shape), np.nan)
        found[: len(results)] = factor * np.array(results)
        raise Stopped(
            f"{TITLE}: stopped after {len(results)} of {count} positions; their results are in the exception's "
            "`estimate` (positions, phases, outputs; the error bar last)",
            estimate=found,
            error=found[..., -1],
        ) from None
