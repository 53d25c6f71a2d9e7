"""Responses of insulators: from a declaration to labelled numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, numbers, radians
from adiabloch.engine.arguments import Model, checked_occupied, chosen_group, crystal_for
from adiabloch.engine.declaration import BandTerm, GaugeTerm, Response
from adiabloch.engine.insulator_integral import error_bar, mean, provenance
from adiabloch.engine.insulator_integrand import Insulator
from adiabloch.engine.preflight import preflight
from adiabloch.engine.results import labelled
from adiabloch.engine.run import Options, Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge, gauge_needs
from adiabloch.geometry.projections import ProjectionChoice, Projections
from adiabloch.geometry.recording import Recorded, needs_of
from adiabloch.integration.mesh import Integral
from adiabloch.models.crystal import THETA, Operator
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


def of_insulator(
    response: Response,
    crystal: Model,
    occupied: object,
    options: Options,
    *,
    bands: object = None,
    theta: ArrayLike | None = None,
    projections: ProjectionChoice = None,
    operators: object = None,
) -> xarray.Dataset:
    """Check the arguments of a response of an insulator, and evaluate it for all occupied bands as one group.

    Parameters
    ----------
    response : Response
    crystal : TightBinding, Cycle or another crystal
    occupied : int
        Number of occupied bands.
    options : Options
    bands : int or (int, int), optional
        In place of `occupied`, a group of bands, for a response without empty bands.
    theta : array_like, optional
        Phases of a cycle, in place of the mean over its period.
    projections : sequence of int or array_like, optional
        Projections of the user for gauge terms.
    operators : object
        Argument of the user for the observables of the response.
    """
    run = Run.of(options, TOLERANCE)
    checked = crystal_for(response, crystal)
    observables, labels = response.observed(checked, operators)
    group, note = (
        (checked_occupied(checked, occupied), {}) if response.empty else chosen_group(checked, occupied, bands)
    )
    phases = None if theta is None else radians(numbers(theta, "theta"), "theta")
    if phases is not None and not len(phases):
        raise InvalidArgumentError("theta: expected at least one phase, got none")
    chosen = Occupied((group,), filled=bands is None, provenance=note)
    if response.needs_gauge:
        found = preflight(checked, (group,), response.title, projections=projections)
        chosen = replace(chosen, projections=found.projections, provenance={**found.provenance, **note})
    return mean_of_insulator(response, checked, chosen, run, operators=observables, labels=labels, theta=phases)


def mean_of_insulator(
    response: Response,
    crystal: Model,
    occupied: Occupied,
    run: Run,
    *,
    operators: Mapping[str, Operator] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    theta: Float | None = None,
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

    Returns
    -------
    xarray.Dataset
    """
    d = crystal.lattice.dimension
    axes = response.labels(d, given=labels)
    integral = integral_of(response, crystal, occupied, run, axes, operators=operators or {}, theta=theta)
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
    # of a quantity per cell, the integrals are per length, area or volume all the same
    power = crystal.lattice.periodic_directions
    unit = response.unit / Unit(length=power)
    variables = {
        name: (dims, known.get(name, remainder), unit, response.described(name, power)) for name in response.parts
    }
    variables["error"] = ([] if theta is not None else dims, errors, unit, "error bar")
    more = {**(occupied.provenance or {}), **response.parities}
    result = labelled(variables, coordinates, **provenance(integral, crystal, occupied.group, run, **more))
    return result if response.completed is None else response.completed(result, crystal.lattice)


def integral_of(
    response: Response,
    crystal: Model,
    occupied: Occupied,
    run: Run,
    axes: Mapping[str, Sequence[str]],
    *,
    operators: Mapping[str, Operator],
    theta: Float | None = None,
) -> Integral:
    """Integral of all parts but remainders, (parts x labels x phases), divided by the measure of the cell."""
    integrand = integrand_of(response, crystal, occupied, axes, operators, theta)
    leading = math.prod(map(len, axes.values())) * (1 if theta is None else len(theta))
    unit = response.unit / Unit(length=crystal.lattice.periodic_directions)
    scale = 0.0 if response.natural_size is None else response.natural_size(crystal.lattice)
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
    rows: Sequence[Row], evaluate: Callable[[Callable[..., Float], tuple[str, ...]], list[Float]], points: int
) -> Float:
    """Sums of terms, each evaluated once, side by side; (P, outputs)."""
    values = {term: reduce(np.add, evaluate(*term)) for term in dict.fromkeys(itertools.chain(*rows))}
    columns = [reduce(np.add, [values[term] for term in row]) if row else np.zeros(points) for row in rows]
    return np.stack(columns, axis=-1) if len(columns) > 1 else columns[0][:, None]
