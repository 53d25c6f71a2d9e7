"""Derivatives that formulas need, and the sizes of their rounding errors, by calls on a recording frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from types import FunctionType

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.geometry.frame import Eigenframe
from adiabloch.markup import record_html
from adiabloch.models.arguments import checked_callable
from adiabloch.models.crystal import (
    BASIS_CURVATURE,
    OUTSIDE_COUPLING,
    OUTSIDE_MOMENT,
    THETA,
    Crystal,
    Derivative,
    checked_crystal,
)

Key = tuple[str, ...]
ALONG_K = (BASIS_CURVATURE, OUTSIDE_COUPLING, OUTSIDE_MOMENT)
"""First parts of the names of derivatives that contain no drive by themselves."""
SMALL, SMALLER = 2.0**-12, 2.0**-16
"""Factors on gaps and derivatives, to find the number of energy denominators and the powers of derivatives."""


@dataclass(frozen=True)
class Product:
    """Size of a product of derivatives over energy differences in an output."""

    factors: tuple[tuple[Derivative, ...], ...]
    """Groups of derivatives, one for each factor; the size is proportional to the largest of each group."""
    denominators: int
    """Number of energy differences in the denominator."""


@dataclass(frozen=True)
class Recorded:
    """Needs of a formula that is a sum of products of derivatives over powers of energy differences."""

    derivatives: tuple[Derivative, ...] = ()
    """Derivatives that a frame needs."""
    products: tuple[Product, ...] = ()
    """Different products in the outputs; rounding errors are proportional to the largest."""

    _repr_html_ = record_html

    @property
    def denominators(self) -> int:
        """Largest number of energy differences in a denominator."""
        return max((product.denominators for product in self.products), default=0)


class RecordingDerivatives(Mapping[Key, Complex]):
    """Derivatives of a frame that record which of them are read; each is a random Hermitian matrix.

    Parameters
    ----------
    size : int
        Number of bands.
    available : callable
        Key -> True if the crystal offers this derivative.
    curved : bool
        True if the basis has a curvature, so that the order of derivatives matters.
    scales : mapping, optional
        Kind of derivative (see `_kind`) -> factor.
    operators : set of str
        Names of observables.
    """

    def __init__(
        self,
        size: int,
        available: Callable[[Key], bool],
        *,
        curved: bool,
        scales: Mapping[str, float] | None = None,
        operators: frozenset[str] = frozenset(),
    ) -> None:
        self.size, self.available, self.curved, self.operators = size, available, curved, operators
        self.scales = scales or {}
        self.read: dict[Key, Complex] = {}
        self._rng = np.random.default_rng(0)

    def __contains__(self, key: object) -> bool:
        assert isinstance(key, tuple)
        return self.available(key) and (BASIS_CURVATURE not in key or key[-2] < key[-1])

    def __getitem__(self, key: Key) -> Complex:
        if key not in self:
            raise KeyError(key)
        # derivatives commute on a basis without curvature
        name = key if self.curved else tuple(sorted(key))
        if name not in self.read:
            X = self._rng.normal(size=(2, self.size, self.size))
            H = X[0] + X[0].T + 1j * (X[1] - X[1].T)
            self.read[name] = self.scales.get(_kind(name, self.operators), 1.0) * H[None]
        return self.read[name]

    def __iter__(self) -> Iterator[Key]:
        # used only to find out if the basis has a curvature
        return iter([(BASIS_CURVATURE,)] if self.curved else [])

    def __len__(self) -> int:
        return len(self.read)

    def values(self) -> ValuesView[Complex]:
        """Derivatives read so far."""
        return self.read.values()

    @property
    def derivatives(self) -> tuple[Derivative, ...]:
        """Derivatives read so far."""
        return tuple(key if len(key) > 1 else key[0] for key in self.read)


@dataclass(frozen=True)
class Offered:
    """Predicate for the derivatives that a crystal offers: key -> True or False."""

    directions: frozenset[str]
    """Directions and parameters of H."""
    operators: frozenset[str]
    """Names of observables."""
    moving: bool
    """True if the orbitals move."""
    connected: bool
    """True if the basis has a connection."""
    outside: bool = False
    """True if the states outside the basis are known."""

    def __call__(self, key: Key) -> bool:
        """True for a derivative that the crystal offers."""
        if key[0] in (OUTSIDE_COUPLING, OUTSIDE_MOMENT):
            return self.outside and self.directions.issuperset(key[1:])
        motion_unknown = THETA in self.directions and self.connected and not self.moving
        if BASIS_CURVATURE in key:
            pair = key[-2:]
            curved = self.connected or (self.moving and THETA in pair)
            return curved and not motion_unknown and self.directions.issuperset(pair)
        if key[0].startswith("r_"):
            return self.moving and self.connected
        if len(key) == 1 and not key[0].startswith("r"):
            return key[0] in self.directions or key[0] in self.operators
        return True


def offered_by(crystal: Crystal, operators: Sequence[str] = ()) -> Offered:
    """Predicate for the derivatives that a crystal offers.

    A crystal offers all derivatives of H; the basis curvature if it has one, along theta if its orbitals move; the
    connection along theta of moving Wannier functions; and observables by name. A cycle of Wannier functions whose
    motion is not given offers no basis curvature: its components along k alone would give a part of a covariant sum.
    Models that know the states outside their Wannier functions offer their coupling and moment.
    """
    directions = frozenset((*crystal.directions, *getattr(crystal, "parameters", ())))
    known = getattr(crystal, "outside", None) is not None
    return Offered(directions, frozenset(operators), crystal.orbitals_move, crystal.has_basis_connection, known)


def needs_of(crystal: Crystal, formula: Callable[[Eigenframe], Float], operators: Sequence[str] = ()) -> Recorded:
    """Needs of a formula for frames of a crystal.

    Parameters
    ----------
    crystal : Crystal
    formula : callable
        Eigenframe -> array whose last axis runs over outputs.
    operators : sequence of str
        Names of observables that the frame carries.

    Examples
    --------
    >>> import adiabloch as ab
    >>> from adiabloch.geometry import band_shift, needs_of
    >>> cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    >>> along = needs_of(cycle, lambda frame: band_shift(frame, "theta", "z")).derivatives
    >>> frame = ab.eigenframe(cycle, along, k=[[0.1, 0.2]], theta=0.3)
    """
    checked_crystal(crystal)
    checked_callable(formula, 1, "formula", "a function of an Eigenframe that returns an array")
    return record(
        formula,
        crystal.size,
        offered_by(crystal, operators),
        curved=crystal.orbitals_move or crystal.has_basis_connection,
        operators=operators,
    )


def record(
    formula: Callable[[Eigenframe], Float],
    size: int,
    available: Callable[[Key], bool],
    *,
    curved: bool,
    operators: Sequence[str] = (),
    products: bool = True,
) -> Recorded:
    """Needs of a formula for frames with `size` bands.

    Parameters
    ----------
    formula : callable
        Eigenframe -> array whose last axis runs over outputs.
    size : int
        Number of bands.
    available : callable
        Key -> True if the crystal offers this derivative.
    curved : bool
        True if the basis has a curvature.
    operators : sequence of str
        Names of observables.
    products : bool
        True to find the sizes of the products.
    """
    recording = _Recording(size, available, curved, frozenset(operators), products, formula)
    try:
        return _known(replace(recording, signature=_signature(formula)))
    except TypeError:
        return recording.recorded()


@dataclass(frozen=True)
class _Recording:
    """A formula and the frames on which it is called."""

    size: int
    available: Callable[[Key], bool]
    curved: bool
    operators: frozenset[str]
    products: bool
    formula: Callable[[Eigenframe], Float] = field(compare=False)
    signature: Hashable = None
    """The functions and labels that the formula consists of."""

    def recorded(self) -> Recorded:
        """Derivatives that the formula reads, and the sizes of its products."""
        _, seen = self._evaluated()
        if not self.products:
            return Recorded(seen.derivatives)
        kinds: dict[str, list[Derivative]] = {}
        for key in seen.read:
            kinds.setdefault(_kind(key, self.operators), []).append(key if len(key) > 1 else key[0])
        powers = [self._exponents([(1.0, {kind: 1 / factor}) for factor in (SMALLER, SMALL)]) for kind in kinds]
        denominators = self._exponents([(gap, {}) for gap in (SMALLER, SMALL)])
        found = {
            Product(
                tuple(
                    tuple(members) for members, count in zip(kinds.values(), counts, strict=True) for _ in range(count)
                ),
                int(order),
            )
            for *counts, order in zip(*powers, denominators, strict=True)
        }
        return Recorded(seen.derivatives, tuple(found))

    def _evaluated(
        self, gap: float = 1.0, scales: Mapping[str, float] | None = None
    ) -> tuple[Float, RecordingDerivatives]:
        """Sizes of the outputs, and the derivatives read, for gaps and kinds of derivatives of given sizes."""
        size = self.size
        derivatives = RecordingDerivatives(
            size, self.available, curved=self.curved, scales=scales, operators=self.operators
        )
        levels = np.sort(np.random.default_rng(1).permutation(size) + 0.3 * np.sin(np.arange(size)))
        # energies themselves may enter; they do not scale with the gaps
        energies = (1.0 + gap * levels)[None]
        frame = Eigenframe(energies, np.eye(size, dtype=np.complex128)[None], derivatives)
        values = np.abs(self.formula(frame))
        return values.reshape(-1, values.shape[-1]).max(axis=0, initial=0.0), derivatives

    def _exponents(self, cases: Sequence[tuple[float, Mapping[str, float]]]) -> Integer:
        """Powers by which the outputs differ between two cases, the larger first."""
        larger, smaller = (self._evaluated(*case)[0] for case in cases)
        ratio = np.divide(larger, smaller, out=np.ones_like(larger), where=(larger > 0) & (smaller > 0))
        return np.rint(np.log(ratio) / math.log(SMALL / SMALLER)).astype(int)


@lru_cache(maxsize=256)
def _known(recording: _Recording) -> Recorded:
    """Needs of a formula, found once for the same functions, labels and kind of crystal."""
    return recording.recorded()


def _signature(part: object) -> Hashable:
    """Functions and labels that a formula consists of.

    Raises
    ------
    TypeError
        A function holds other objects: nothing is kept that may be large, or may change.
    """
    if isinstance(part, partial):
        return (_signature(part.func), _signature(part.args), _signature(part.keywords))
    if isinstance(part, Mapping):
        return tuple((name, _signature(value)) for name, value in part.items())
    if isinstance(part, (list, tuple, range)):
        return tuple(map(_signature, part))
    if isinstance(part, (str, int, float, type(None))) or (isinstance(part, FunctionType) and not part.__closure__):
        return part
    raise TypeError(f"not hashed: {type(part).__name__}")


def _kind(key: Key, operators: frozenset[str]) -> str:
    """Kind of a derivative: of an observable, of the drive, or along k alone."""
    if not operators.isdisjoint(key):
        return "observable"
    return "drive" if any(not name.startswith(("k", "r")) and name not in ALONG_K for name in key) else "k"
