"""Terms of declared responses: a formula, and its weight or use in the integral.

Rule for formulas: a formula branches on labels and on the derivatives that the frame carries, never on numbers. So one
call on a recording frame (`adiabloch.geometry.recording`) finds all derivatives that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from adiabloch.arrays import Float
from adiabloch.integration.protocols import Weight
from adiabloch.occupation import Scan

Labels = Callable[[int], Sequence[Any]]
"""Function from the dimension of the crystal to the labels along an axis of the result."""


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


@dataclass(frozen=True)
class LevelTerm:
    """Term of each band at given wave vectors: (frame, *labels) -> (P, N).

    Parameters
    ----------
    formula : callable
    axes : mapping {name: labels}, optional
        Labels of the formula, if they differ from those of the response.
    """

    formula: Callable[..., Float]
    axes: Mapping[str, Labels | None] | None = field(default=None, hash=False)


@dataclass(frozen=True)
class ChernTerm:
    """Topological term: (Chern numbers by directions, lattice, *labels) -> number.

    Parameters
    ----------
    formula : callable
    axes : mapping {name: labels}, optional
        Labels of the formula, if they differ from those of the response.
    """

    formula: Callable[..., float]
    axes: Mapping[str, Labels | None] | None = field(default=None, hash=False)


Order = Literal["first", "driven", "rest", "moment"]
"""Kind of a local term: of first order in the gradient and the drive; of the drive in a uniform crystal; in
equilibrium; or a moment whose derivatives are terms."""


@dataclass(frozen=True)
class LocalTerm:
    """Term of a slowly non-uniform crystal under a slow drive.

    Parameters
    ----------
    formula : callable
        (bands, *labels) -> sum over the occupied states, (P,); for a smooth gauge (gauge, axes, *labels) -> (P,).
    order : "first", "driven", "rest" or "moment"
        The tolerance refers to terms of first order, and in a uniform crystal to those of the drive and at rest.
    axes : mapping {name: labels}, optional
        Labels of the formula, if they differ from those of the response; an axis with a single label, where the
        response has several, is left out of the result.
    smooth_gauge : bool
        True for a formula of a smooth gauge.
    """

    formula: Callable[..., Float]
    order: Order = "first"
    axes: Mapping[str, Labels | None] | None = field(default=None, hash=False)
    smooth_gauge: bool = False


Term = SeaTerm | SurfaceTerm | BandTerm | GaugeTerm | LevelTerm | ChernTerm | LocalTerm
