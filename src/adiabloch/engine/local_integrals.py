"""Local currents and densities: declared terms, evaluated at each position of a texture."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.insulator import Insulator
from adiabloch.engine.local_arguments import Drive, Sites
from adiabloch.engine.mean import CANCELLING, mean
from adiabloch.engine.preflight import preflight
from adiabloch.engine.results import labelled
from adiabloch.engine.run import Run
from adiabloch.engine.thermal_bands import ThermalBands
from adiabloch.errors import AdiablochError, Stopped, warn
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge, gauge_needs
from adiabloch.geometry.local import LocalBands
from adiabloch.geometry.recording import Product, Recorded, offered_by, record
from adiabloch.geometry.trials import Choice, Trials
from adiabloch.integration.mesh import Integral
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import Here, stoppable, workers
from adiabloch.integration.running import run as run_tasks
from adiabloch.models.crystal import Derivative, Operator
from adiabloch.models.local_crystal import TIME, LocalCrystal
from adiabloch.models.texture import Texture
from adiabloch.occupation import FermiLevel
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

TITLE = "local current or density"
ERROR = "error"
Order = Literal["first", "driven", "rest", "moment"]
"""Term of first order in the gradient and the drive; term of the drive in a uniform crystal; term in equilibrium;
moment of which the terms are derivatives."""


@dataclass(frozen=True)
class LocalTerm:
    """Variable of a local response.

    Parameters
    ----------
    formula : callable, optional
        (bands, label) -> (P,), for each label along `axes`; summed over the occupied states.
    description : str
    order : "first", "driven", "rest" or "moment"
        Terms of the first two kinds add up to `total`.
    gauge : callable, optional
        (gauge, k, axes, label) -> (P,): what a smooth gauge adds.
    axes : tuple of str
        Axes of its labels.
    """

    formula: Callable[..., Float] | None
    description: str
    order: Order = "first"
    gauge: Callable[..., Float] | None = None
    axes: tuple[str, ...] = ()


Layout = Mapping[str, range]
"""Outputs of each variable."""


@dataclass(frozen=True, eq=False)
class LocalRequest:
    """Terms to evaluate, for which drive and occupation.

    Parameters
    ----------
    drive : Drive
    occupation : int or FermiLevel
        Number of occupied bands, or the Fermi level of a metal.
    k : tuple of str
        Directions of k.
    terms : mapping {name: LocalTerm}
    labels : mapping {axis: labels}
        Labels along the axes of the terms.
    unit : Unit
        Of the terms of the drive.
    operators : mapping, optional
        Observables; None for the spin of the crystals themselves.
    degeneracy : Degeneracy
        Which bands of a metal are groups of degenerate ones.
    """

    drive: Drive
    occupation: int | FermiLevel
    k: tuple[str, ...]
    terms: Mapping[str, LocalTerm]
    labels: Mapping[str, Sequence[str]]
    unit: Unit
    operators: Mapping[str, Operator] | None = field(default_factory=dict)
    degeneracy: Degeneracy = field(default_factory=Degeneracy)

    @cached_property
    def arguments(self) -> Mapping[str, list[tuple[str, ...]]]:
        """Combinations of labels of each variable, `total` among them."""
        combined = {
            name: [*itertools.product(*(self.labels[axis] for axis in term.axes))] for name, term in self.terms.items()
        }
        return {**combined, "total": combined[next(iter(self.terms))]}

    @cached_property
    def layout(self) -> Layout:
        """Outputs of each variable: terms of first order first, since the tolerance refers to them."""
        order = {"first": 0, "driven": 1, "rest": 2, "moment": 3}
        names = [*sorted(self.terms, key=lambda name: order[self.terms[name].order]), "total"]
        found, start = {}, 0
        for name in names:
            found[name] = range(start, start + len(self.arguments[name]))
            start = found[name].stop
        return {**found, ERROR: range(start, start + 1)}

    @property
    def needs_gauge(self) -> bool:
        """True if a term needs a smooth gauge."""
        return any(term.gauge is not None for term in self.terms.values())

    def evaluated(
        self, texture: Texture, sites: Sites, run: Run, trials: Choice = None
    ) -> tuple[Mapping[str, Float], dict[str, object]]:
        """Variables at all positions, (positions..., phases..., labels), and their provenance.

        Raises
        ------
        Stopped
            Ctrl-C; with the values at the positions that were finished.
        """
        projections = self._projections(texture, trials)
        count = len(sites.positions)
        results: list[Float] = []
        integrals: list[Integral] = []
        with (
            _stopped(results, count, texture.units.size(self.unit)),
            ProgressBar(TITLE, run.progress) as bar,
            stoppable(lambda: results),
            workers(run.executor) as pool,
        ):
            bar.stage("place by place", count)
            # a single position is parallel in itself
            inner = replace(run, executor=pool if count == 1 else Here(), progress=False)
            outer = Here() if count == 1 else pool
            tasks = self._tasks(texture, sites, projections)
            for values, integral in run_tasks(outer, partial(self._at_position, inner), tasks):
                results.append(values)
                integrals.append(integral)
                bar.advance(1)
        self._report_shortfall(integrals, run, texture)
        array = np.array(results)
        shape = (*sites.shape,)
        variables = {
            name: array[..., outputs.start : outputs.stop].reshape(*shape, -1) for name, outputs in self.layout.items()
        }
        return variables, self._provenance(texture, integrals, run)

    def _tasks(
        self, texture: Texture, sites: Sites, projections: tuple[Trials, ...]
    ) -> Iterator[tuple[Float, Insulator | ThermalBands]]:
        known: dict[tuple[str, ...], tuple[Recorded, tuple[Derivative, ...]]] = {}
        for where in sites.positions:
            place = texture.local_crystal(where, curved=self.drive.moving, operators=self.operators)
            place = place.driven(self.drive.rates, self.drive.magnetic_field)
            if place.axes not in known:
                known[place.axes] = self._needs(place)
            yield where, self._integrand(place, sites.theta, projections, *known[place.axes])

    def _at_position(self, run: Run, task: tuple[Float, Insulator | ThermalBands]) -> tuple[Float, Integral]:
        """Outputs at a position, (phases, outputs), the error as the last one."""
        where, integrand = task
        place = integrand.crystal
        assert isinstance(place, LocalCrystal)
        phases = 1 if integrand.theta is None else len(integrand.theta)
        # the tolerance refers to terms of first order; where there are none, to all
        wanted = ("first",) if place.axes else ("first", "driven", "rest")
        leading = max(self.layout[name].stop for name, term in self.terms.items() if term.order in wanted)
        try:
            integral = mean(
                integrand,
                run,
                title=TITLE,
                unit=self.unit,
                scale=CANCELLING * integrand.size() / place.lattice.measure,
                leading=leading * phases,
                density=1,
                quiet=True,
            )
        except AdiablochError as error:
            error.args = (f"{error} (at r = {[place.units.told(x, 'length') for x in where]})", *error.args[1:])
            raise
        values = integral.value.reshape(-1, phases).T
        uncertain = math.hypot(integral.error, place.tail * float(np.abs(values[:, :leading]).max()))
        return np.column_stack([values, np.full(phases, uncertain)]), integral

    def _projections(self, texture: Texture, trials: Choice) -> tuple[Trials, ...]:
        """Projections for a smooth gauge, the same everywhere: chosen for the crystal at the origin."""
        if not self.needs_gauge:
            return ()
        assert isinstance(self.occupation, int)
        return preflight(texture.home, (self.occupation,), "the split of a local current", trials=trials).trials

    def _formula(self, place: LocalCrystal) -> Callable[..., Float]:
        """Formula of all outputs: (frame) -> (P, outputs), or (frame, groups) -> (P, groups, outputs) for metals."""
        rows = [(self.terms[name].formula, self.arguments[name]) for name in self.layout if name in self.terms]
        summed = [number for number, name in enumerate(self.layout) if self._adds(name)]
        shared: dict[str, Any] = {"rows": rows, "summed": summed, "k": self.k, "axes": place.axes}
        if isinstance(self.occupation, FermiLevel):
            return partial(_of_bands, level=self.occupation, **shared)
        return partial(_of_group, occupied=self.occupation, **shared)

    def _adds(self, name: str) -> bool:
        """True if a variable is part of the total."""
        return name in self.terms and self.terms[name].order in ("first", "driven")

    def _form(self, place: LocalCrystal) -> Callable[[Sequence[SmoothGauge]], Float]:
        rows = [
            (self.terms[name].gauge if name in self.terms else None, self.arguments[name])
            for name in self.layout
            if name != ERROR
        ]
        return partial(_gauge_forms, rows=rows, k=self.k, axes=place.axes, rates=dict(self.drive.rates))

    def _needs(self, place: LocalCrystal) -> tuple[Recorded, tuple[Derivative, ...]]:
        """Derivatives of the formulas with the size of their products, and those of the gauge."""
        formula = self._formula(place)
        available = offered_by(place)
        at = [(0, 1)] if isinstance(self.occupation, FermiLevel) else []
        evaluated = partial(_on_groups, formula=formula, groups=at) if at else formula
        seen = record(
            evaluated, place.size, available, curved=place.has_basis_connection or place.orbitals_move, products=False
        ).derivatives
        first: tuple[Derivative, ...] = (*self.k, *place.observable_names)
        slopes = [x for x in seen if not isinstance(x, str)]
        axes: tuple[Derivative, ...] = (*place.axes,)
        factors: tuple[tuple[Derivative, ...], ...] = (first, (TIME, *slopes), *((first, axes) if axes else ()))
        along = tuple(dict.fromkeys([*self.k, *place.axes, TIME, *place.observable_names, *seen]))
        recorded = Recorded(along, (Product(factors, len(factors)),))
        if not self.needs_gauge:
            return recorded, ()
        directions = (*place.directions, *place.axes)
        assert isinstance(self.occupation, int)
        return recorded, gauge_needs(
            place, (self.occupation,), self._form(place), directions=directions, available=available
        )

    def _integrand(
        self,
        place: LocalCrystal,
        theta: Float | None,
        projections: tuple[Trials, ...],
        needs: Recorded,
        of_gauge: tuple[Derivative, ...],
    ) -> Insulator | ThermalBands:
        formula = self._formula(place)
        if isinstance(self.occupation, FermiLevel):
            along = tuple(dict.fromkeys([*place.directions, *needs.derivatives]))
            return ThermalBands(place, formula, along, self.occupation, theta, self.degeneracy)
        return Insulator(
            place,
            (self.occupation,),
            formula,
            needs,
            self._form(place) if projections else None,
            of_gauge,
            projections,
            beyond=(*place.axes,) if projections else (),
            theta=theta,
        )

    def _report_shortfall(self, integrals: Sequence[Integral], run: Run, texture: Texture) -> None:
        short = [integral.error for integral in integrals if not integral.converged]
        if short and run.mesh is None:
            worst = max(short) * texture.units.size(self.unit)
            warn(
                f"{TITLE}: tolerance {run.tolerance:.0e} not reached within {run.limit} points at {len(short)} of "
                f"{len(integrals)} places, error up to {worst:.1e} {self.unit}; see `error`, allow more points "
                "(limit), or ask for less (tolerance, absolute)"
            )

    def _provenance(self, texture: Texture, integrals: Sequence[Integral], run: Run) -> dict[str, object]:
        gaps = [low.value for integral in integrals for name, low in integral.lows.items() if name == "gap"]
        if isinstance(self.occupation, int):
            occupation: dict[str, object] = {"occupied": self.occupation, "gap": min(gaps, default=math.inf)}
        else:
            occupation = asdict(self.occupation)
        field_of = self.drive.magnetic_field
        return {
            "model": texture.home.digest,
            "tolerance": float(run.tolerance),
            "converged": all(integral.converged for integral in integrals),
            "points": sum(integral.points for integral in integrals),
            **occupation,
            **{f"rate_{name}": rate for name, rate in self.drive.rates.items()},
            **({} if field_of is None else {"magnetic_field": field_of.tolist()}),
            "seconds": run.elapsed,
        }


Rows = Sequence[tuple[Callable[..., Float] | None, Sequence[tuple[str, ...]]]]


def _of_group(frame: Eigenframe, occupied: int, **shared: Any) -> Float:
    """All outputs of the occupied bands, (P, outputs)."""
    return _outputs(LocalBands(frame, occupied, shared["k"], shared["axes"]), shared["rows"], shared["summed"])


def _of_bands(frame: Eigenframe, groups: Sequence[tuple[int, int]], level: FermiLevel, **shared: Any) -> Float:
    """All outputs of each band or group of degenerate ones, (P, groups, outputs)."""
    each = [LocalBands(frame, group, shared["k"], shared["axes"], level) for group in groups]
    return np.stack([_outputs(bands, shared["rows"], shared["summed"]) for bands in each], axis=1)


def _on_groups(frame: Eigenframe, formula: Callable[..., Float], groups: Sequence[tuple[int, int]]) -> Float:
    return formula(frame, groups)


def _outputs(bands: LocalBands, rows: Rows, summed: Sequence[int]) -> Float:
    """All terms for all their labels, and the sum of those of the drive, (P, outputs)."""
    columns = [
        [bands.nothing() if formula is None else formula(bands, *names) for names in arguments]
        for formula, arguments in rows
    ]
    totals = [np.sum(each, axis=0) for each in zip(*(columns[number] for number in summed), strict=True)]
    return np.stack([*(value for column in columns for value in column), *totals], axis=-1)


def _gauge_forms(
    gauges: Sequence[SmoothGauge], rows: Rows, k: tuple[str, ...], axes: tuple[str, ...], rates: Mapping[str, float]
) -> Float:
    """Outputs of the smooth gauge, with its connection along the drive; (P, outputs)."""
    (gauge,) = gauges
    drive = np.zeros_like(gauge.connection(k[0]))
    for x, rate in rates.items():
        drive = drive + rate * gauge.connection(x)
    gauge = replace(gauge, connections={**gauge.connections, TIME: drive})
    nothing = np.zeros(len(gauge.overlaps))
    columns = [
        nothing if form is None else form(gauge, axes, *names) for form, arguments in rows for names in arguments
    ]
    return np.stack(columns, axis=-1)


@contextmanager
def _stopped(results: list[Float], count: int, factor: float) -> Iterator[None]:
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
            raise Stopped(f"{TITLE}: stopped before any of {count} places was finished") from None
        found = np.full((count, *results[0].shape), np.nan)
        found[: len(results)] = factor * np.array(results)
        raise Stopped(
            f"{TITLE}: stopped after {len(results)} of {count} places; what was found is in the exception's `estimate` "
            "(places, phases, outputs; the error bar last)",
            estimate=found,
            error=found[..., -1],
        ) from None


def labelled_terms(
    request: LocalRequest,
    values: Mapping[str, Float],
    sites: Sites,
    dims: Mapping[str, str | None],
    coordinates: Mapping[str, list[str]],
    units: Mapping[str, Unit],
    title: str,
    provenance: Mapping[str, object],
) -> xarray.Dataset:
    """Dataset of all terms, their total and the error bar.

    Parameters
    ----------
    request : LocalRequest
    values : mapping {name: array (positions..., phases..., labels)}
    sites : Sites
    dims : mapping {axis of the terms: dimension of the result or None}
        None for an axis with a single label, which is dropped.
    coordinates : mapping
        Labels along the dimensions.
    units : mapping {name: Unit}
        Units of variables other than that of the drive.
    title : str
    provenance : mapping
    """
    first = next(iter(request.terms.values()))
    variables: dict[str, Any] = {}
    for name, term in {"total": replace(first, description=""), **request.terms}.items():
        kept = [axis for axis in term.axes if dims[axis] is not None]
        shape = (*sites.shape, *(len(request.labels[axis]) for axis in kept))
        # in one dimension there is no magnetization
        if all(request.labels[axis] for axis in term.axes):
            long_name = f"{title}: {term.description}" if term.description else title
            dimensions = [*sites.dims, *(dims[axis] for axis in kept)]
            variables[name] = (dimensions, values[name].reshape(shape), units.get(name, request.unit), long_name)
    error = values[ERROR].reshape(sites.shape)
    variables["error"] = ([*sites.dims], error, request.unit, "error bar of each component")
    return labelled(variables, {**sites.coordinates, **coordinates}, **provenance)
