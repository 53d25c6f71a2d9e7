"""Responses of insulators: from a declaration to labelled numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import Model, checked_cycle, checked_model, checked_occupied, chosen_group
from adiabloch.engine.declaration import BandTerm, GaugeTerm, Response
from adiabloch.engine.insulator import Insulator
from adiabloch.engine.mean import error_bar, mean, provenance
from adiabloch.engine.preflight import preflight
from adiabloch.engine.results import labelled
from adiabloch.engine.run import Options, Run
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge, gauge_needs
from adiabloch.geometry.projections import ProjectionChoice, Projections
from adiabloch.geometry.recording import Recorded, needs_of
from adiabloch.integration.mesh import Integral
from adiabloch.models.crystal import Operator
from adiabloch.models.cycle import THETA
from adiabloch.occupation import Group
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

TOLERANCE = 1e-6
"""Default tolerance of insulators."""
Row = Sequence[tuple[Callable[..., Float], tuple[str, ...]]]
"""Formulas with their labels whose sum is one output."""


@dataclass(frozen=True, eq=False)
class Occupied:
    """Occupied bands of an insulator, with their projections and attributes.

    Parameters
    ----------
    groups : sequence of int or (int, int)
        Groups of occupied bands; usually one, the number of occupied bands.
    projections : sequence of Projections
        Projections of each group for a smooth gauge; without them gauge terms are left out.
    filled : bool
        False for a group of bands that may overlap others in energy.
    provenance : mapping
        Attributes of the result.
    number : int, optional
        Number of occupied bands, if there are several groups.
    """

    groups: tuple[Group, ...]
    projections: tuple[Projections, ...] = ()
    filled: bool = True
    provenance: Mapping[str, object] | None = None
    number: int | None = None

    @property
    def group(self) -> Group:
        """All occupied bands as one group."""
        return self.groups[0] if self.number is None else self.number


def bands_with_gauge(
    model: Model, occupied: object, bands: object, title: str, projections: ProjectionChoice
) -> Occupied:
    """Occupied bands, or a separated group of bands, with projections for a smooth gauge.

    Parameters
    ----------
    model : TightBinding
    occupied, bands : int, or (int, int)
        Number of occupied bands, or in place of it a group of bands.
    title : str
        Name of the response, for messages.
    projections : sequence of int or array_like, optional
        Projections of the user.
    """
    group, note = chosen_group(model, occupied, bands)
    found = preflight(model, (group,), title, projections=projections)
    return Occupied((group,), found.projections, filled=bands is None, provenance={**found.provenance, **note})


def of_insulator(
    response: Response,
    crystal: Model,
    occupied: object,
    options: Options,
    *,
    projections: ProjectionChoice = None,
    operators: Mapping[str, Operator] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
) -> xarray.Dataset:
    """Check the arguments of a response of an insulator, and evaluate it for all occupied bands as one group.

    Parameters
    ----------
    response : Response
    crystal : TightBinding, Cycle or another crystal
    occupied : int
        Number of occupied bands.
    options : Options
    projections : sequence of int or array_like, optional
        Projections of the user for gauge terms.
    operators, labels : mapping, optional
        As in `mean_of_insulator`.
    """
    run = Run.of(options, TOLERANCE)
    checked: Model = (checked_cycle if response.cycle else checked_model)(crystal, response.dimensions, response.reason)
    number = checked_occupied(checked, occupied)
    bands = Occupied((number,))
    if response.needs_gauge:
        found = preflight(checked, (number,), response.title, projections=projections)
        bands = Occupied((number,), found.projections, provenance=found.provenance)
    return mean_of_insulator(response, checked, bands, run, operators=operators, labels=labels)


def mean_of_insulator(
    response: Response,
    crystal: Model,
    occupied: Occupied,
    run: Run,
    *,
    operators: Mapping[str, Operator] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    theta: Float | None = None,
    scale: float = 0.0,
) -> xarray.Dataset:
    """Evaluate a declared response of an insulator.

    Parameters
    ----------
    response : Response
        With band and gauge terms.
    crystal : TightBinding, Cycle or another crystal
    occupied : Occupied
    run : Run
    operators : mapping, optional
        Observables that the formulas read.
    labels : mapping, optional
        Labels along axes that have none in the declaration.
    theta : float array, optional
        For a cycle: phases at which the result is evaluated, in place of the mean over the period.
    scale : float
        Natural size of the result. The tolerance is relative to the larger of this and the result.

    Returns
    -------
    xarray.Dataset
    """
    d = crystal.lattice.dimension
    axes = response.labels(d, **(labels or {}))
    unit = response.unit / Unit(length=d)
    integral = integral_of(response, crystal, occupied, run, axes, operators=operators or {}, theta=theta, scale=scale)
    values, error = integral.value, error_bar(integral, crystal)
    shape, dims = tuple(len(one) for one in axes.values()), [*axes]
    parts = values.reshape(len(response.integrated), *shape, -1)
    coordinates: dict[str, Any] = dict(axes)
    if theta is None:
        parts, errors = parts[..., 0], np.full(shape, error)
    else:
        parts, dims, errors = np.moveaxis(parts, -1, 1), [THETA, *dims], np.asarray(error)
        coordinates[THETA] = ((THETA,), theta, {"units": "rad"})
    known = dict(zip(response.integrated, parts, strict=True))
    first, *others = known.values()
    remainder = first - np.sum([np.zeros_like(first), *others], axis=0)
    variables = {name: (dims, known.get(name, remainder), unit, response.described(name, d)) for name in response.parts}
    variables["error"] = ([] if theta is not None else dims, errors, unit, "error bar")
    more = {**(occupied.provenance or {}), **response.parities}
    return labelled(variables, coordinates, **provenance(integral, crystal, occupied.group, run, **more))


def integral_of(
    response: Response,
    crystal: Model,
    occupied: Occupied,
    run: Run,
    axes: Mapping[str, Sequence[str]],
    *,
    operators: Mapping[str, Operator],
    theta: Float | None = None,
    scale: float = 0.0,
) -> Integral:
    """Integral of all parts but remainders, (parts x labels x phases), divided by the measure of the cell."""
    integrand = integrand_of(response, crystal, occupied, axes, operators, theta)
    leading = math.prod(map(len, axes.values())) * (1 if theta is None else len(theta))
    unit = response.unit / Unit(length=crystal.lattice.dimension)
    return mean(integrand, run, title=response.title, unit=unit, leading=leading, scale=scale)


def integrand_of(
    response: Response,
    crystal: Model,
    occupied: Occupied,
    axes: Mapping[str, Sequence[str]],
    operators: Mapping[str, Operator],
    theta: Float | None = None,
) -> Insulator:
    """Integrand of all parts; gauge terms only where there are projections."""
    outputs = list(itertools.product(response.integrated.values(), itertools.product(*axes.values())))
    of_bands, of_gauges = (
        [[(term.formula, names) for term in part.terms if isinstance(term, kind)] for part, names in outputs]
        for kind in (BandTerm, GaugeTerm)
    )
    formula = partial(_bands, rows=of_bands, groups=occupied.groups) if any(map(len, of_bands)) else None
    form = partial(_gauges, rows=of_gauges) if occupied.projections and any(map(len, of_gauges)) else None
    needs = needs_of(crystal, formula, [*operators]) if formula is not None else Recorded()
    return Insulator(
        crystal,
        occupied.groups,
        formula,
        needs,
        form,
        gauge_needs(crystal, occupied.groups, form, [*operators]) if form is not None else (),
        occupied.projections if form is not None else (),
        operators=operators,
        theta=theta,
        filled=occupied.filled,
    )


def _bands(frame: Eigenframe, rows: Sequence[Row], groups: Sequence[Group]) -> Float:
    """Formulas of all groups of bands, summed, side by side; (P, outputs)."""
    points = len(frame.energies)
    return _outputs(rows, lambda formula, names: [formula(frame, group, *names) for group in groups], points)


def _gauges(gauges: Sequence[SmoothGauge], rows: Sequence[Row]) -> Float:
    """Forms of all gauges, summed, side by side; (P, outputs)."""
    return _outputs(rows, lambda form, names: [form(gauge, *names) for gauge in gauges], len(gauges[0].overlaps))


def _outputs(
    rows: Sequence[Row], evaluated: Callable[[Callable[..., Float], tuple[str, ...]], list[Float]], points: int
) -> Float:
    """Sums of terms, each evaluated once, side by side; (P, outputs)."""
    values = {term: np.sum(evaluated(*term), axis=0) for term in dict.fromkeys(itertools.chain(*rows))}
    return np.stack([np.sum([np.zeros(points), *(values[term] for term in row)], axis=0) for row in rows], axis=-1)
