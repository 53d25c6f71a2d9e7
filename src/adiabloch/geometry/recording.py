"""Derivatives that formulas need, and the sizes of their rounding errors, by calls on a recording frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.geometry.frame import Eigenframe
from adiabloch.models.arguments import checked_callable
from adiabloch.models.crystal import BASIS_CURVATURE, Crystal, Derivative, checked_crystal
from adiabloch.models.cycle import THETA

Key = tuple[str, ...]
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


def offered_by(crystal: Crystal, operators: Sequence[str] = ()) -> Callable[[Key], bool]:
    """Predicate for the derivatives that a crystal offers.

    A crystal offers all derivatives of H; the basis curvature if it has one, along theta if its orbitals move; the
    connection along theta of moving Wannier functions; and observables by name. A cycle of Wannier functions whose
    motion is not given offers no basis curvature: its components along k alone would give a part of a covariant sum.
    """
    moving, connected = crystal.orbitals_move, crystal.has_basis_connection
    directions = {*crystal.directions, *getattr(crystal, "parameters", ())}
    motion_unknown = THETA in directions and connected and not moving

    def offered(key: Key) -> bool:
        if BASIS_CURVATURE in key:
            pair = key[-2:]
            return not motion_unknown and directions.issuperset(pair) and (connected or (moving and THETA in pair))
        if key[0].startswith("r_"):
            return moving and connected
        if len(key) == 1 and not key[0].startswith("r"):
            return key[0] in directions or key[0] in operators
        return True

    return offered


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

    def evaluated(gap: float, scales: Mapping[str, float]) -> tuple[Float, RecordingDerivatives]:
        derivatives = RecordingDerivatives(
            size, available, curved=curved, scales=scales, operators=frozenset(operators)
        )
        levels = np.sort(np.random.default_rng(1).permutation(size) + 0.3 * np.sin(np.arange(size)))
        # energies themselves may enter; they do not scale with the gaps
        energies = (1.0 + gap * levels)[None]
        frame = Eigenframe(energies, np.eye(size, dtype=np.complex128)[None], derivatives)
        values = np.abs(formula(frame))
        return values.reshape(-1, values.shape[-1]).max(axis=0, initial=0.0), derivatives

    def exponents(larger: Float, smaller: Float) -> Integer:
        ratio = np.divide(larger, smaller, out=np.ones_like(larger), where=(larger > 0) & (smaller > 0))
        return np.rint(np.log(ratio) / math.log(SMALL / SMALLER)).astype(int)

    _, seen = evaluated(1.0, {})
    if not products:
        return Recorded(seen.derivatives)
    kinds: dict[str, list[Derivative]] = {}
    for key in seen.read:
        kinds.setdefault(_kind(key, seen.operators), []).append(key if len(key) > 1 else key[0])
    powers = [exponents(*(evaluated(1.0, {kind: 1 / factor})[0] for factor in (SMALLER, SMALL))) for kind in kinds]
    denominators = exponents(*(evaluated(gap, {})[0] for gap in (SMALLER, SMALL)))
    found = {
        Product(
            tuple(tuple(members) for members, count in zip(kinds.values(), counts, strict=True) for _ in range(count)),
            int(order),
        )
        for *counts, order in zip(*powers, denominators, strict=True)
    }
    return Recorded(seen.derivatives, tuple(found))


def _kind(key: Key, operators: frozenset[str]) -> str:
    """Kind of a derivative: of an observable, of the drive, or along k alone."""
    if not operators.isdisjoint(key):
        return "observable"
    return "drive" if any(not name.startswith(("k", "r")) and name != BASIS_CURVATURE for name in key) else "k"
