"""Declarations of responses: named parts, each a sum of terms (`adiabloch.engine.terms`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.terms import (
    BandTerm,
    ChernTerm,
    GaugeTerm,
    Labels,
    LevelTerm,
    LocalTerm,
    SeaTerm,
    SurfaceTerm,
    Term,
)
from adiabloch.errors import NoBulkDefinitionError
from adiabloch.lattice import AXES, Lattice, components
from adiabloch.occupation import Scan
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray

MEASURES = {0: "molecule", 1: "length", 2: "area", 3: "volume"}
"""Name of the measure of a crystal, by the number of its periodic directions."""
OF_USER = ("observable", "projector")
"""Axes whose labels are the names of observables of the user."""
Parity = Literal[1, -1] | None
"""Even, odd, or neither."""
Terms = Mapping[str, tuple[Term, str]]
"""Terms by the name of their part, with the end of its long name."""


def cartesian(dimension: int) -> Sequence[str]:
    """Labels of vector components: the first of x, y, z up to the dimension."""
    return AXES[:dimension]


def wave_vectors(dimension: int) -> Sequence[str]:
    """Labels of the directions of k: "kx", ...."""
    return [f"k{axis}" for axis in AXES[:dimension]]


def all_axes(dimension: int) -> Sequence[str]:
    """Labels of spins and of layers: x, y, z in any dimension."""
    return AXES


def inverse_temperature(scan: Scan) -> Float:
    """Inverse temperature 1/T, zero at zero temperature, (S, 1); it converts T s to the entropy."""
    T = scan.temperatures[:, None]
    return np.divide(1.0, T, out=np.zeros_like(T), where=T > 0)


def chemical_potential_of(scan: Scan) -> Float:
    """Chemical potentials, (M,)."""
    return scan.potentials


@dataclass(frozen=True)
class Part:
    """One variable of the result.

    Parameters
    ----------
    terms : tuple of terms
        Their sum is the variable.
    description : str
        End of its long name.
    remainder : bool
        True for the first part less the others, which is not integrated by itself.
    unit : Unit, optional
        Unit per state, if it differs from that of the response.
    time_reversal, inversion : 1 or -1, optional
        Parities, if they differ from those of the response.
    """

    terms: tuple[Term, ...]
    description: str = ""
    remainder: bool = False
    unit: Unit | None = None
    time_reversal: Parity = None
    inversion: Parity = None


@dataclass(frozen=True)
class Response:
    """Declaration of a response.

    Parameters
    ----------
    title : str
        Name of the quantity; in long names "{measure}" stands for length, area or volume.
    unit : Unit
        Unit of the integrand per state; the engine divides by the measure of the crystal.
    parts : mapping {name: Part}
        Variables of the result; the error bar refers to the first.
    axes : mapping {name: labels}
        Labelled axes of each variable, the last one running fastest.
    dimensions : tuple of int
        Dimensions of the crystals for which the response is defined.
    reason : str
        Reason why the response is not defined in other dimensions.
    no_bulk : mapping {int: str}
        Reasons why it is no property of the bulk in some dimensions.
    time_reversal, inversion : 1, -1 or None
        Parity: 1 if the response is the same in the reversed crystal, -1 if it changes sign; for a cycle at the same
        frequency, in the same sense. For observables of the user, which are even.
    along_z : int
        Number of directions along z without a labelled axis, for example the z of a magnetization M_z.
    equation, reference : str
        Equation of the paper, and other sources.
    long_name : str
        Long name of the first part, `title` by default.
    from_middle : bool
        For a scan: formulas receive energies relative to the middle of the chemical potentials (`Scan.middle`).
    per_cell : bool
        True for a quantity per cell of the crystal, in place of per length, area or volume.
    cycle : bool
        True for a response of a cycle.
    separate : bool
        For a scan: the accuracy of each part is relative to that part, not to the largest part.
    empty : int
        Smallest number of empty bands of an insulator. With 0, any group of bands may be given.
    observables : callable, optional
        (crystal, argument of the user) -> observables that the formulas read, by name. Their names are the labels of
        axes that have none in the declaration.
    natural_size : callable, optional
        Lattice -> size to which the tolerance is relative, if it is larger than the result.
    completed : callable, optional
        (result, lattice) -> result with variables that follow from the others, such as quanta.
    """

    title: str
    unit: Unit
    parts: Mapping[str, Part]
    axes: Mapping[str, Labels | None] = field(default_factory=dict)
    dimensions: tuple[int, ...] = (1, 2, 3)
    reason: str = ""
    no_bulk: Mapping[int, str] = field(default_factory=dict)
    time_reversal: Parity = None
    inversion: Parity = None
    along_z: int = 0
    equation: str = ""
    reference: str = ""
    long_name: str = ""
    from_middle: bool = False
    per_cell: bool = False
    separate: bool = False
    cycle: bool = False
    empty: int = 1
    observables: Callable[[Any, Any], Mapping[str, Any]] | None = None
    natural_size: Callable[[Lattice], float] | None = None
    completed: Callable[[xarray.Dataset, Lattice], xarray.Dataset] | None = None

    def labels(
        self, dimension: int, term: Term | None = None, given: Mapping[str, Sequence[str]] | None = None
    ) -> dict[str, list[Any]]:
        """Labels along each axis of the response, or of a term; `given` has those of axes without labels."""
        own = getattr(term, "axes", None)
        axes: Mapping[str, Labels | None] = self.axes if own is None else own
        return {name: list((given or {})[name] if of is None else of(dimension)) for name, of in axes.items()}

    @property
    def of_observables(self) -> bool:
        """True for a response of observables of the user, whose unit and parities it has in addition."""
        return not set(OF_USER).isdisjoint(self.axes)

    def observed(self, crystal: Any, given: object) -> tuple[Mapping[str, Any], dict[str, list[str]]]:
        """Observables that the formulas read, and the labels of axes that have none in the declaration."""
        if self.observables is None:
            return {}, {}
        found = self.observables(crystal, given)
        return found, {name: [*found] for name in self.axes if name in OF_USER}

    def unit_of(self, name: str, dimension: int) -> Unit:
        """Unit of a part for a number of periodic directions."""
        own = self.parts[name].unit
        unit = self.unit if own is None else own
        return unit if self.per_cell else unit / Unit(length=dimension)

    @property
    def unit_labels(self) -> dict[str, list[str]]:
        """Names of the parts by their unit, a label such as "e^2/hbar (2D), e^2/(hbar length) (3D)"."""
        found: dict[str, list[str]] = {}
        for name in self.parts:
            labels = {d: str(self.unit_of(name, d)) for d in self.dimensions}
            same = len({*labels.values()}) == 1
            label = labels[self.dimensions[0]] if same else ", ".join(f"{one} ({d}D)" for d, one in labels.items())
            found.setdefault(label, []).append(name)
        return found

    def parities_of(self, name: str) -> tuple[Parity, Parity]:
        """Parities of a part under time reversal and inversion."""
        part = self.parts[name]
        return part.time_reversal or self.time_reversal, part.inversion or self.inversion

    def no_bulk_error(self, dimension: int) -> NoBulkDefinitionError:
        """Error for a dimension in which the response is no property of the bulk."""
        return NoBulkDefinitionError(f"{self.title}: {self.no_bulk[dimension]}")

    def check_bulk(self, dimension: int) -> None:
        """Check that the response is a property of the bulk.

        Raises
        ------
        NoBulkDefinitionError
        """
        if dimension in self.no_bulk:
            raise self.no_bulk_error(dimension)

    @property
    def parities(self) -> dict[str, int]:
        """Attributes of results that state their transformation by symmetry operations.

        None without parities, and with axes whose labels (displacements, observables) transform in their own way.
        """
        if self.time_reversal is None or self.inversion is None or None in self.axes.values():
            return {}
        return {"time_reversal": self.time_reversal, "inversion": self.inversion, "along_z": self.along_z}

    @property
    def needs_gauge(self) -> bool:
        """True if a term needs a smooth gauge."""
        return any(isinstance(term, GaugeTerm) for term in self.terms)

    @property
    def integrated(self) -> dict[str, Part]:
        """Parts that are integrated: all but remainders."""
        return {name: part for name, part in self.parts.items() if not part.remainder}

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """All terms, each once."""
        return tuple(dict.fromkeys(term for part in self.parts.values() for term in part.terms))

    @property
    def terms_of_total(self) -> list[str]:
        """Names of the other parts whose terms are among those of the first part."""
        first, *others = self.parts
        return [name for name in others if set(self.parts[name].terms) <= set(self.parts[first].terms)]

    def described(self, name: str, dimension: int) -> str:
        """Long name of a part."""
        title = (self.long_name or self.title).format(measure=MEASURES[dimension])
        return ": ".join(filter(None, (title, self.parts[name].description)))


def parts_of(
    terms: Terms,
    *,
    unit: Unit | None = None,
    time_reversal: Parity = None,
    inversion: Parity = None,
) -> dict[str, Part]:
    """Parts of one term and a description each, with a common unit and common parities."""
    return {
        name: Part((term,), description, unit=unit, time_reversal=time_reversal, inversion=inversion)
        for name, (term, description) in terms.items()
    }


def sum_of(terms: Terms) -> dict[str, Part]:
    """Parts of one term and a description each, preceded by their sum `total`."""
    return {"total": Part(tuple(term for term, _ in terms.values())), **parts_of(terms)}


def total_and(**parts: tuple[Term, ...]) -> dict[str, Part]:
    """Parts with these names and terms, preceded by their sum `total`; the last one is the remainder."""
    everything = tuple(term for terms in parts.values() for term in terms)
    last = [*parts][-1]
    described = {
        name: Part(terms, f"{name.replace('_', ' ')} part", remainder=name == last) for name, terms in parts.items()
    }
    return {"total": Part(everything), **described}


__all__ = [
    "BandTerm",
    "ChernTerm",
    "GaugeTerm",
    "LevelTerm",
    "LocalTerm",
    "Part",
    "Response",
    "SeaTerm",
    "SurfaceTerm",
    "all_axes",
    "cartesian",
    "chemical_potential_of",
    "components",
    "inverse_temperature",
    "parts_of",
    "sum_of",
    "total_and",
    "wave_vectors",
]
