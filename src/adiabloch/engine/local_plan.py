"""Layout of a declared response of a texture: outputs of its terms, their labels, and the labelled result."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adiabloch.arrays import Float
from adiabloch.engine.declaration import LocalTerm, Response
from adiabloch.engine.local_arguments import Sites
from adiabloch.engine.results import Variable, labelled
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

ERROR = "error"
ORDER = {"first": 0, "driven": 1, "rest": 2, "moment": 3}
PER_OMEGA = Unit(energy=1, hbar=-1, omega=-1)
"""Factor from results in units of the frequency of the cycle to those for given rates."""


@dataclass(frozen=True, eq=False)
class LocalPlan:
    """Layout of the outputs.

    Parameters
    ----------
    response : Response
        Its first part is the sum of the terms of the drive, every other part a single local term.
    dimension : int
    per_omega : bool
        True if results are in units of the frequency of the cycle.
    observables : sequence of str
        Labels along axes that have none in the declaration.
    """

    response: Response
    dimension: int
    per_omega: bool
    observables: Sequence[str] = ()

    @property
    def total(self) -> str:
        """Name of the sum of the terms of the drive."""
        return next(iter(self.response.parts))

    @cached_property
    def terms(self) -> Mapping[str, LocalTerm]:
        """Terms by name."""
        found = {}
        for name, part in self.response.parts.items():
            if name != self.total:
                (found[name],) = part.terms
        return found  # type: ignore[return-value]

    @cached_property
    def labels(self) -> Mapping[str, Mapping[str, list[str]]]:
        """Labels of the formulas along each axis, by name of the variable; those of the total are of its first term."""
        each = {name: self._labels(term) for name, term in self.terms.items()}
        first = self.response.parts[self.total].terms[0]
        assert isinstance(first, LocalTerm)
        return {**each, self.total: self._labels(first)}

    @cached_property
    def arguments(self) -> Mapping[str, list[tuple[str, ...]]]:
        """Combinations of labels of each variable."""
        return {name: [*itertools.product(*axes.values())] for name, axes in self.labels.items()}

    @cached_property
    def outputs(self) -> Mapping[str, range]:
        """Outputs of each variable: terms of first order first, since the tolerance refers to them."""
        names = [*sorted(self.terms, key=lambda name: ORDER[self.terms[name].order]), self.total]
        found, start = {}, 0
        for name in names:
            found[name] = range(start, start + len(self.arguments[name]))
            start = found[name].stop
        return {**found, ERROR: range(start, start + 1)}

    @property
    def rows(self) -> list[tuple[LocalTerm, list[tuple[str, ...]]]]:
        """Terms with the combinations of labels for which each is called, in the order of the outputs."""
        return [(self.terms[name], self.arguments[name]) for name in self.outputs if name in self.terms]

    @property
    def added(self) -> list[int]:
        """Numbers of the variables that add up to the total."""
        return [number for number, name in enumerate(self.outputs) if name in self.response.terms_of_total]

    def leading(self, uniform: bool) -> int:
        """Number of outputs to which the tolerance refers: first order, or in a uniform crystal all but moments."""
        wanted = ("first", "driven", "rest") if uniform else ("first",)
        return max(self.outputs[name].stop for name, term in self.terms.items() if term.order in wanted)

    @property
    def needs_gauge(self) -> bool:
        """True if a term needs a smooth gauge."""
        return any(term.smooth_gauge for term in self.terms.values())

    def unit(self, name: str) -> Unit:
        """Unit of a variable."""
        unit = self.response.unit_of(self.total if name == ERROR else name, self.dimension)
        return unit * PER_OMEGA if unit.omega and not self.per_omega else unit

    def dataset(self, values: Mapping[str, Float], sites: Sites, provenance: Mapping[str, object]) -> xarray.Dataset:
        """Dataset of the total, all terms and the error bar.

        Parameters
        ----------
        values : mapping {name: array (positions..., phases..., labels)}
        sites : Sites
        provenance : mapping
        """
        variables: dict[str, Variable] = {}
        coordinates: dict[str, Any] = {}
        own = self._labels(None)
        for name in self.response.parts:
            axes = self.labels[name]
            # in one dimension there is no magnetization
            if not all(axes.values()):
                continue
            kept = [axis for axis in axes if not (len(axes[axis]) == 1 < len(own.get(axis, ())))]
            shape = (*sites.shape, *(len(axes[axis]) for axis in kept))
            long_name = self.response.described(name, self.dimension)
            variables[name] = ([*sites.dims, *kept], values[name].reshape(shape), self.unit(name), long_name)
            coordinates |= {axis: own.get(axis, axes[axis]) for axis in kept}
        error = values[ERROR].reshape(sites.shape)
        variables[ERROR] = ([*sites.dims], error, self.unit(ERROR), "error bar of each component")
        return labelled(variables, {**sites.coordinates, **coordinates}, **provenance)

    def _labels(self, term: LocalTerm | None) -> Mapping[str, list[str]]:
        axes = self.response.axes if term is None or term.axes is None else term.axes
        given = {axis: self.observables for axis, labels in axes.items() if labels is None}
        return self.response.labels(self.dimension, term, given)
