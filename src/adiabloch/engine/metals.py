"""Responses of metals: from a declaration to labelled numbers over temperature and chemical potential."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.arguments import Model, checked_degeneracy, crystal_for
from adiabloch.engine.declaration import Response, SeaTerm, SurfaceTerm
from adiabloch.engine.metal_integral import ScanIntegral, integrate_scan
from adiabloch.engine.metal_integrand import FermiSea
from adiabloch.engine.metal_task import ScanTask
from adiabloch.engine.results import labelled
from adiabloch.engine.run import Options, Run
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gaps import bandwidth
from adiabloch.geometry.recording import Recorded, needs_of
from adiabloch.integration.protocols import Column
from adiabloch.models.crystal import Operator
from adiabloch.occupation import Scan
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

TOLERANCE = 1e-4
"""Default tolerance of quantities that depend on a Fermi surface."""
CROSSED, CROSSED_TOLERANCE = 0.2, 2.0
"""Default threshold for crossing bands in three dimensions, relative to the temperature: the largest one, and relative
to the tolerance. The influence on random metals is a tenth to a quarter of it."""
CROSSED_WIDTH = 0.1
"""Temperature, relative to the bandwidth, from which on the threshold does not grow."""
Row = tuple[Callable[..., Float], tuple[Any, ...]]
"""A formula and its labels; tuples of labels for a formula that returns all components."""


def of_metal(
    response: Response,
    model: Model,
    chemical_potential: Any,
    temperature: Any,
    options: Options,
    *,
    degeneracy: float | Degeneracy | None = 0.0,
    operators: object = None,
) -> xarray.Dataset:
    """Evaluate a declared response of a metal at all temperatures and chemical potentials.

    Parameters
    ----------
    response : Response
        With sea and surface terms.
    model : TightBinding or another crystal
    chemical_potential, temperature : float or array_like
    options : Options
    degeneracy : float, None or Degeneracy
        Threshold below which bands count as degenerate; None for the default fraction of the bandwidth.
    operators : object
        Argument of the user for the observables of the response.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    NoBulkDefinitionError
        The response is no property of the bulk in this dimension.
    """
    run, scan = Run.of(options, TOLERANCE), Scan.of(chemical_potential, temperature)
    model = crystal_for(response, model)
    observables, labels = response.observed(model, operators)
    axes = response.labels(model.lattice.dimension, given=labels)
    groups = checked_degeneracy(model, degeneracy, on_mesh=run.mesh is not None)
    request = MetalRequest(response, model, scan, run, axes, observables, groups)
    if degeneracy is None and run.mesh is None:
        request = request.with_principal_values()
    together = TOGETHER.get()
    return request.evaluate() if together is None else together(request)


@dataclass(frozen=True, eq=False)
class MetalRequest:
    """A response of a metal with its checked arguments."""

    response: Response
    model: Model
    scan: Scan
    run: Run
    axes: Mapping[str, list[str]]
    operators: Mapping[str, Operator]
    degeneracy: Degeneracy

    @cached_property
    def plan(self) -> Plan:
        """Layout of the integrals."""
        return Plan.of(self.response, self.axes, self.model.lattice.dimension)

    @cached_property
    def integrand(self) -> FermiSea:
        """Integrand of all parts."""
        return self.plan.integrand(self.model, self.scan, self.operators, self.degeneracy)

    def with_principal_values(self) -> MetalRequest:
        """The same request, with a threshold for crossing bands if its integrals are principal values there.

        In three dimensions at a temperature, surface terms with three energy denominators grow as the inverse cube of
        the distance from a crossing.
        """
        warm = self.scan.temperatures[self.scan.temperatures > 0]
        # a third power of the inverse distance; `powers` counts one more for a sharp level
        if self.model.lattice.periodic_directions < 3 or not len(warm) or self.integrand.powers <= 3:
            return self
        scale = min(float(warm.min()), CROSSED_WIDTH * bandwidth(self.model))
        crossed = scale * min(CROSSED, CROSSED_TOLERANCE * self.run.tolerance)
        return replace(self, degeneracy=replace(self.degeneracy, crossed=crossed))

    @property
    def unit(self) -> Unit:
        """Unit of the integrals per length, area or volume."""
        return self.response.unit / Unit(length=self.model.lattice.periodic_directions)

    @property
    def task(self) -> ScanTask:
        """The integral of the request, with the absolute accuracy in its unit."""
        run = self.run
        if self.response.per_cell:
            run = run.in_units_of(self.model.lattice.measure / self.model.units.size(self.unit))
        groups, title = self.plan.output_groups, self.response.title
        return ScanTask(self.integrand, self.scan, run, groups, title, self.unit)

    def evaluate(self) -> xarray.Dataset:
        """Integrate, and label the result."""
        return self.labelled(integrate_scan(self.task))

    def labelled(self, integral: ScanIntegral) -> xarray.Dataset:
        """Dataset of the result."""
        unit, cell = self.unit, self.model.lattice.measure
        if self.response.per_cell:
            integral = replace(integral, value=cell * integral.value, error=cell * integral.error)
            unit = self.response.unit
        return _labelled(self.response, integral, unit, self.axes, self.model.lattice.periodic_directions)


TOGETHER: ContextVar[Callable[[MetalRequest], xarray.Dataset] | None] = ContextVar("TOGETHER", default=None)
"""Function that receives requests in place of their evaluation (`adiabloch.engine.joint_responses`)."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Layout of a scan: formulas as rows, integrals as columns, and the parts as combinations of columns."""

    response: Response
    dimension: int
    size: int
    """Number of components of each part."""
    sea: Sequence[Row]
    surface: Sequence[Row]
    columns: tuple[Column, ...]
    members: Mapping[SeaTerm | SurfaceTerm, range]
    """Columns of each term, one for each component of its formula."""

    @classmethod
    def of(cls, response: Response, axes: Mapping[str, Sequence[str]], dimension: int) -> Plan:
        """Lay out the terms of a response; a formula that several terms share is evaluated once."""
        outputs: dict[bool, dict[Row, range]] = {False: {}, True: {}}
        columns: list[Column] = []
        members: dict[SeaTerm | SurfaceTerm, range] = {}
        for term in response.terms:
            assert isinstance(term, SeaTerm | SurfaceTerm)
            known = outputs[isinstance(term, SurfaceTerm)]
            own = axes if term.axes is None else response.labels(dimension, term)
            labels = [tuple(values) for values in own.values()]
            tensor = isinstance(term, SurfaceTerm) and term.tensor
            count = math.prod(map(len, labels)) if tensor else 1
            first = len(columns)
            for arguments in [tuple(labels)] if tensor else itertools.product(*labels):
                start = sum(map(len, known.values()))
                numbers = known.setdefault((term.formula, arguments), range(start, start + count))
                columns += [Column(term.weight, number) for number in numbers]
            members[term] = range(first, len(columns))
        size = math.prod(map(len, axes.values()))
        return cls(response, dimension, size, [*outputs[False]], [*outputs[True]], tuple(columns), members)

    @property
    def output_groups(self) -> list[range]:
        """Groups of outputs whose accuracy is relative to the largest of the group."""
        parts = len(self.response.parts)
        if not self.response.separate:
            return [range(self.size * parts)]
        return [range(part * self.size, (part + 1) * self.size) for part in range(parts)]

    def integrand(
        self, model: Model, scan: Scan, operators: Mapping[str, Operator], degeneracy: Degeneracy
    ) -> FermiSea:
        """Integrand of a crystal with these formulas."""
        origin = scan.middle if self.response.from_middle else 0.0
        sea = partial(_sea, rows=self.sea, origin=origin) if self.sea else None
        surface = partial(_surface, rows=self.surface, origin=origin) if self.surface else None
        band_counts = [max(model.size // 2, 1)]
        names = [*operators]
        of_sea = (
            needs_of(model, partial(_sea, band_counts=band_counts, rows=self.sea, origin=0.0), names)
            if sea
            else Recorded()
        )
        of_surface = needs_of(model, partial(_surface, rows=self.surface, origin=0.0), names) if surface else Recorded()
        return FermiSea(
            model,
            self.columns,
            sea=sea,
            surface=surface,
            along=tuple(dict.fromkeys([*of_sea.derivatives, *of_surface.derivatives])),
            operators=operators,
            outputs=self.combination_matrix,
            # a level contributes one more power where bands touch
            powers=max(of_sea.denominators, of_surface.denominators + 1 if surface else 0),
            degeneracy=degeneracy,
        )

    def combination_matrix(self, scan: Scan) -> Float:
        """Parts as linear combinations of the columns, (outputs, columns, S, M)."""
        combination = np.zeros((len(self.response.parts), self.size, len(self.columns), *scan.shape))
        for number, part in enumerate(self.response.parts.values()):
            for term in part.terms:
                assert isinstance(term, SeaTerm | SurfaceTerm)
                columns = self.members[term]
                matrix = np.eye(self.size) if term.into is None else term.into(self.dimension)
                scale = 1.0 if term.scale is None else term.scale(scan)
                combination[number][:, columns.start : columns.stop] += matrix[..., None, None] * scale
        return combination.reshape(-1, len(self.columns), *scan.shape)


def _sea(frame: Eigenframe, band_counts: Sequence[int], rows: Sequence[Row], origin: float) -> Float:
    """Formulas of the sea as columns, (P, counts, J)."""
    frame = frame.shifted(origin) if origin else frame
    return np.stack([formula(frame, band_counts, *names) for formula, names in rows], axis=-1)


def _surface(frame: Eigenframe, rows: Sequence[Row], origin: float) -> Float:
    """Formulas of the surface as columns, (P, N, K)."""
    frame = frame.shifted(origin) if origin else frame
    columns = []
    for formula, names in rows:
        value = formula(frame, *names)
        columns.append(value.reshape(*frame.energies.shape, -1))
    return np.concatenate(columns, axis=-1)


def _labelled(
    response: Response, integral: ScanIntegral, unit: Unit, axes: Mapping[str, list[str]], dimension: int
) -> xarray.Dataset:
    """Dataset of the parts; the error bar refers to the first."""
    dims = [*integral.scan.dims, *axes]
    shape = (*integral.value.shape[:-1], *(len(labels) for labels in axes.values()))
    size = math.prod(len(labels) for labels in axes.values())
    variables = {
        name: (
            dims,
            integral.value[..., number * size : (number + 1) * size].reshape(shape),
            unit,
            response.described(name, dimension),
        )
        for number, name in enumerate(response.parts)
    }
    variables["error"] = (dims, integral.error[..., :size].reshape(shape), unit, "error bar")
    return labelled(variables, {**integral.scan.coordinates, **axes}, **integral.provenance, **response.parities)
