r"""Taylor blocks: matrices between occupied and empty states, with their derivatives along one or two directions.

A current is the derivative, in space or time, of a response of first order at one position. The differentiated quantity
is gauge invariant: a trace of products of blocks and of solutions X of the Sylvester equation X E_o - E_c X = Z. So
each block carries its covariant derivative, the one in the gauge of parallel transport, where
:math:`\partial_b U = U K_b` couples the states of the group to the others only, and

.. math:: \nabla_b O = U^\dagger (\partial_b O) U + [U^\dagger O U, K_b], \qquad
          K_b = \begin{pmatrix} 0 & -X_b^\dagger \\ X_b & 0 \end{pmatrix} .

Products obey the Leibniz rule, the derivatives of the energies are the blocks of D^b, and bands may be degenerate
within either group. A formula for Taylor blocks gives its value and its derivatives.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.band_subspace import interband_coupling, inverse_differences
from adiabloch.geometry.frame import Eigenframe
from adiabloch.linalg import dagger, trace_of_product
from adiabloch.markup import record_html
from adiabloch.models.crystal import basis_curvature_name
from adiabloch.occupation import Group, subspace_indices

_LEIBNIZ_TERMS = {0: (), 1: ((0, 1),), 2: ((0, 2),), 3: ((0, 3), (1, 2), (2, 1))}
"""Distributions of the directions of a derivative over two factors, without the one that gives all to the first."""


@dataclass(frozen=True, eq=False)
class TaylorBlock:
    """Matrices (P, ...) with their derivatives along the first direction, the second, and both."""

    parts: tuple[Complex, ...]

    _repr_html_ = record_html

    def __add__(self, other: TaylorBlock) -> TaylorBlock:
        return TaylorBlock(tuple(a + b for a, b in zip(self.parts, other.parts, strict=True)))

    def __sub__(self, other: TaylorBlock) -> TaylorBlock:
        return TaylorBlock(tuple(a - b for a, b in zip(self.parts, other.parts, strict=True)))

    def __rmul__(self, factor: complex) -> TaylorBlock:
        return TaylorBlock(tuple(factor * a for a in self.parts))

    def __matmul__(self, other: TaylorBlock) -> TaylorBlock:
        return self.product(other, np.matmul)

    def product(self, other: TaylorBlock, times: Callable[[Complex, Complex], Complex]) -> TaylorBlock:
        """Product of any kind by the Leibniz rule."""
        products = []
        for mask, first in enumerate(self.parts):
            total = times(first, other.parts[0])
            for left, right in _LEIBNIZ_TERMS[mask]:
                total = total + times(self.parts[left], other.parts[right])
            products.append(total)
        return TaylorBlock(tuple(products))

    def times(self, other: TaylorBlock) -> TaylorBlock:
        """Product of scalars, one at each point."""
        return self.product(other, np.multiply)

    def compose(self, derivatives: Sequence[Float]) -> TaylorBlock:
        """Composition with a function of a scalar, or of a matrix that is a multiple of the unit matrix at the point.

        Parameters
        ----------
        derivatives : sequence of float array (P,)
            Value of the function and its derivatives.
        """
        first, *rest = self.parts
        value, *slopes = derivatives
        if first.ndim > 1:
            value, *slopes = (np.asarray(x)[:, None, None] for x in derivatives)
            value = value * np.eye(first.shape[-1])
        parts: list[Complex] = [np.asarray(value, dtype=np.complex128)]
        parts += [slopes[0] * part for part in rest]
        if len(rest) == 3:
            a, b, _ = rest
            square = a * b if first.ndim == 1 else 0.5 * (a @ b + b @ a)
            parts[3] = parts[3] + slopes[1] * square
        return TaylorBlock(tuple(parts))

    def trace(self) -> TaylorBlock:
        """Trace tr A, (P,)."""
        return TaylorBlock(tuple(a.trace(axis1=1, axis2=2) for a in self.parts))

    def overlap(self, other: TaylorBlock) -> TaylorBlock:
        """Overlap tr A^dagger B, (P,)."""
        return self.product(other, trace_of_product)

    def inner(self, other: TaylorBlock) -> TaylorBlock:
        """Product A^dagger B, (P, J, J)."""
        return self.product(other, _inner)

    def real(self) -> tuple[Float, ...]:
        """Real parts of the value and all derivatives."""
        return tuple(np.asarray(a.real) for a in self.parts)


class Blocks:
    """Blocks of the operators of a frame, inside a group of bands and outside, as Taylor blocks.

    Parameters
    ----------
    frame : Eigenframe
        Frame with the mixed derivatives that the formula needs.
    group : int or (int, int)
        Number of lowest bands, or first and last + 1.
    along : sequence of at most two str
        Directions to differentiate along.
    cache : dict, optional
        Covariant derivatives, shared by several `Blocks` of one frame and group.
    traced : bool
        True to sum forms over the group. Otherwise forms are matrices within the group, up to their anti-Hermitian
        part, for products with other matrices before the sum.
    """

    _repr_html_ = record_html

    def __init__(
        self,
        frame: Eigenframe,
        group: Group,
        along: Sequence[str] = (),
        cache: dict[tuple[tuple[str, ...], str], Complex] | None = None,
        *,
        traced: bool = True,
    ) -> None:
        self.frame, self.along, self.traced = frame, tuple(along), traced
        self._group = group
        self._cache = {} if cache is None else cache
        self._inside, self._outside = subspace_indices(group, frame.energies.shape[1])
        self._inverse_differences = inverse_differences(frame, group)
        self._operators: dict[tuple[str, ...], TaylorBlock] = {}
        self._couplings: dict[str, TaylorBlock] = {}
        self._generators = tuple(self._generator(interband_coupling(frame, group, a)) for a in self.along)

    def overlap(self, left: TaylorBlock, right: TaylorBlock) -> TaylorBlock:
        """Product A^dagger B of blocks from inside to outside, summed over the group if `traced`."""
        return left.overlap(right) if self.traced else left.inner(right)

    def summed(self, block: TaylorBlock) -> TaylorBlock:
        """Block inside the group, summed over it if `traced`."""
        return block.trace() if self.traced else block

    def interband_coupling(self, a: str) -> TaylorBlock:
        """Interband coupling X_cn = <c|d_a n>, (P, C, J)."""
        if not self.along:
            return TaylorBlock((interband_coupling(self.frame, self._group, a),))
        if a not in self._couplings:
            self._couplings[a] = self.solve(self.across(a))
        return self._couplings[a]

    def connection(self, a: str) -> TaylorBlock:
        """Interband connection A^a_cn = i X_cn, (P, C, J)."""
        return 1j * self.interband_coupling(a)

    def across(self, *directions: str) -> TaylorBlock:
        """Block of a derivative of H from inside to outside, (P, C, J)."""
        return self._block(self._operator(directions), self._outside, self._inside)

    def inside(self, *directions: str) -> TaylorBlock:
        """Block inside the group, (P, J, J)."""
        return self._block(self._operator(directions), self._inside, self._inside)

    def outside(self, *directions: str) -> TaylorBlock:
        """Block outside the group, (P, C, C)."""
        return self._block(self._operator(directions), self._outside, self._outside)

    def basis_curvature(self, a: str, b: str) -> TaylorBlock | None:
        """Block of the basis curvature Omega_ab from inside to outside, (P, C, J); None if there is none."""
        return self._curvature(a, b, self._outside)

    def basis_curvature_inside(self, a: str, b: str) -> TaylorBlock | None:
        """Block of the basis curvature Omega_ab inside the group, (P, J, J); None if there is none."""
        return self._curvature(a, b, self._inside)

    def _curvature(self, a: str, b: str, rows: slice | list[int]) -> TaylorBlock | None:
        for sign, name in ((1, basis_curvature_name(a, b)), (-1, basis_curvature_name(b, a))):
            if name in self.frame.derivatives:
                return sign * self._block(self._operator(name), rows, self._inside)
        return None

    def solve(self, Z: TaylorBlock) -> TaylorBlock:
        """Solution X of X E_o - E_c X = Z, with derivatives; X_cn = Z_cn/(E_n - E_c)."""
        parts: list[Complex] = []
        for mask, part in enumerate(Z.parts):
            right_side = part
            for left, right in _LEIBNIZ_TERMS[mask]:
                inside, outside = self.energies
                # lower derivatives of X are known
                right_side = right_side - parts[left] @ inside.parts[right] + outside.parts[right] @ parts[left]
            parts.append(right_side * self._inverse_differences)
        return TaylorBlock(tuple(parts))

    @cached_property
    def energies(self) -> tuple[TaylorBlock, TaylorBlock]:
        """Blocks of H inside the group and outside: diagonal at the point, with full derivatives."""
        return self._energy_block(self._inside), self._energy_block(self._outside)

    @cached_property
    def energy(self) -> TaylorBlock:
        """Sum of the energies of the group, (P,)."""
        return self.energies[0].trace()

    def _energy_block(self, bands: slice | list[int]) -> TaylorBlock:
        energies = self.frame.energies[:, bands]
        parts = [np.asarray(energies[:, :, None] * np.eye(energies.shape[1]), dtype=np.complex128)]
        parts += [_square(self.frame.derivative(a), bands) for a in self.along]
        if len(self.along) == 2:
            parts.append(_square(self._covariant_derivative((self.along[0],), 1), bands))
        return TaylorBlock(tuple(parts))

    def _operator(self, directions: tuple[str, ...]) -> TaylorBlock:
        """Derivative U^dagger (d H) U with its covariant derivatives; (P, N, N)."""
        if directions not in self._operators:
            D = self.frame.derivative(*directions)
            parts = [D, *(self._covariant_derivative(directions, number) for number in range(len(self.along)))]
            if len(self.along) == 2:
                second = self._covariant_derivative((self.along[0], *directions), 1)
                parts.append(
                    second + _commutator(parts[2], self._generators[0]) + _commutator(D, self._generator_slope)
                )
            self._operators[directions] = TaylorBlock(tuple(parts))
        return self._operators[directions]

    def _covariant_derivative(self, directions: tuple[str, ...], number: int) -> Complex:
        """Covariant derivative of an operator along the direction with this index, (P, N, N)."""
        key = (directions, self.along[number])
        if key not in self._cache:
            changed = self.frame.derivative(self.along[number], *directions)
            self._cache[key] = changed + _commutator(self.frame.derivative(*directions), self._generators[number])
        return self._cache[key]

    @cached_property
    def _generator_slope(self) -> Complex:
        """Covariant derivative along the second direction of the generator K along the first, (P, N, N)."""
        a, b = self.along
        X, Db = interband_coupling(self.frame, self._group, a), self.frame.derivative(b)
        slope = self._covariant_derivative((a,), 1)[:, self._outside][:, :, self._inside]
        slope = slope - X @ _square(Db, self._inside) + _square(Db, self._outside) @ X
        return self._generator(slope * self._inverse_differences)

    def _generator(self, X: Complex) -> Complex:
        """Generator K of parallel transport from the interband coupling X."""
        size = self.frame.energies.shape[1]
        K = np.zeros((len(X), size, size), dtype=np.complex128)
        K[:, self._outside, self._inside] = X
        K[:, self._inside, self._outside] = -dagger(X)
        return K

    @staticmethod
    def _block(block: TaylorBlock, rows: slice | list[int], columns: slice | list[int]) -> TaylorBlock:
        return TaylorBlock(tuple(part[:, rows][:, :, columns] for part in block.parts))


def total(terms: Iterable[TaylorBlock]) -> TaylorBlock:
    """Sum of Taylor blocks, at least one."""
    return reduce(operator.add, terms)


def _square(matrices: Complex, bands: slice | list[int]) -> Complex:
    return matrices[:, bands][:, :, bands]


def _commutator(A: Complex, B: Complex) -> Complex:
    return A @ B - B @ A


def _inner(A: Complex, B: Complex) -> Complex:
    return dagger(A) @ B
