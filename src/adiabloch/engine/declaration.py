"""Declarations of responses: named parts, each a sum of terms; a term is a formula and its weight in the integral.

Rule for formulas: a formula branches on labels and on the derivatives that the frame carries, never on numbers. So one
call on a recording frame (`adiabloch.geometry.recording`) finds all derivatives that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from adiabloch.arrays import Float
from adiabloch.integration.protocols import Weight
from adiabloch.lattice import AXES, components
from adiabloch.occupation import Scan
from adiabloch.units import Unit

Labels = Callable[[int], Sequence[str]]
"""Function from the dimension of the crystal to the labels along an axis of the result."""
MEASURES = {1: "length", 2: "area", 3: "volume"}
"""Name of the measure of a crystal, by dimension."""
Parity = Literal[1, -1] | None
"""Even, odd, or neither."""


def cartesian(dimension: int) -> Sequence[str]:
    """Labels of vector components: the first of x, y, z up to the dimension."""
    return AXES[:dimension]


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
class SeaTerm:
    """Term of the Fermi sea, sum_n weight(E_n) F_n.

    Parameters
    ----------
    formula : callable
        (frame, band_counts, *labels) -> F_c, its value with the c lowest bands filled, for each c of `band_counts`;
        (P, counts).
    weight : "filled" or "entropy"
        Fermi function f, or temperature times entropy T s.
    scale : callable, optional
        Scan -> factor that depends on temperature and chemical potential, (S, M) or broadcastable.
    axes : mapping {name: labels}, optional
        Labels of the formula, if they differ from those of the response.
    into : callable, optional
        Dimension -> matrix from the components of the formula to those of the response.
    """

    formula: Callable[..., Float]
    weight: Weight = "filled"
    scale: Callable[[Scan], Float] | None = None
    axes: Mapping[str, Labels] | None = field(default=None, hash=False)
    into: Callable[[int], Float] | None = None


@dataclass(frozen=True)
class SurfaceTerm:
    """Term of the Fermi surface, sum_n weight(E_n) s_n.

    Parameters
    ----------
    formula : callable
        (frame, *labels) -> s_n, (P, N).
    weight : "level" or "heat"
        -f', or -(E - mu) f'.
    scale, axes, into
        As in `SeaTerm`.
    tensor : bool
        True if the formula takes the labels along each axis and returns all components at once, (P, N, labels...).
    """

    formula: Callable[..., Float]
    weight: Weight = "level"
    scale: Callable[[Scan], Float] | None = None
    axes: Mapping[str, Labels] | None = field(default=None, hash=False)
    into: Callable[[int], Float] | None = None
    tensor: bool = False


@dataclass(frozen=True)
class BandTerm:
    """Term of a group of occupied bands: (frame, group, *labels) -> (P,)."""

    formula: Callable[..., Float]


@dataclass(frozen=True)
class GaugeTerm:
    """Term that needs a smooth gauge: (gauge, *labels) -> (P,)."""

    formula: Callable[..., Float]


Term = SeaTerm | SurfaceTerm | BandTerm | GaugeTerm


@dataclass(frozen=True)
class Part:
    """One variable of the result: a sum of terms, with a description for its long name.

    A remainder is the first part less the others, and is not integrated by itself.
    """

    terms: tuple[Term, ...]
    description: str = ""
    remainder: bool = False


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
    time_reversal, inversion : 1, -1 or None
        Parity: 1 if the response is the same in the reversed crystal, -1 if it changes sign; for a cycle at the same
        frequency, in the same sense.
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
    """

    title: str
    unit: Unit
    parts: Mapping[str, Part]
    axes: Mapping[str, Labels | None] = field(default_factory=dict)
    dimensions: tuple[int, ...] = (1, 2, 3)
    reason: str = ""
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

    def labels(self, dimension: int, **given: Sequence[str]) -> dict[str, list[str]]:
        """Labels along each axis; `given` has those of axes without labels in the declaration."""
        return {name: list(given[name] if of is None else of(dimension)) for name, of in self.axes.items()}

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

    def described(self, name: str, dimension: int) -> str:
        """Long name of a part."""
        title = (self.long_name or self.title).format(measure=MEASURES[dimension])
        return ": ".join(filter(None, (title, self.parts[name].description)))


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
    "GaugeTerm",
    "Part",
    "Response",
    "SeaTerm",
    "SurfaceTerm",
    "all_axes",
    "cartesian",
    "chemical_potential_of",
    "components",
    "inverse_temperature",
    "total_and",
]
