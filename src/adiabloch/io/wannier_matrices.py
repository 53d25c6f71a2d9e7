"""What is in files and objects of Wannier functions, on its way to a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import AdiablochError
from adiabloch.io.periodic_axes import cyclic_axes, right_handed_order, spanned_axes, spanned_axes_message
from adiabloch.models import TightBinding, WannierModel
from adiabloch.models.hoppings import checked_spin

NEGLIGIBLE = 1e-6
"""Relative size of what may be dropped along the directions that a slab does not have."""


@dataclass(frozen=True, eq=False)
class WannierMatrices:
    """Matrices of Wannier functions, made Hermitian and with all weights divided out."""

    vectors: Float
    """Lattice vectors as rows, (3, 3)."""
    centres: Float
    """Of the Wannier functions, (n, 3)."""
    translations: Integer
    """(R, 3)."""
    hoppings: Complex
    """(R, n, n, 1)."""
    positions: Complex | None
    """The position matrix (R, n, n, 3) if the files hold it."""
    defects: dict[str, float]
    """Largest difference of h(R) and h(-R)^dagger as they are in the file, relative to the largest h; that of r in
    Angstrom."""
    sources: tuple[Path, ...]
    """The files it was read from."""
    refuse: Callable[[str], NoReturn]
    """What raises the error about the hoppings' file."""
    refuse_cell: Callable[[str], NoReturn]
    """The same for the lattice vectors, wherever they came from."""
    spins: Complex | None = None
    """Spin operators (R, n, n, 3) in units of hbar, if the files hold them."""
    sampled: frozenset[int] = frozenset({0, 1, 2})
    """Lattice vectors along which there is more than one k point, or may be."""

    def model(
        self,
        dimension: int,
        spin: ArrayLike | Mapping[Any, ArrayLike] | None = None,
        axes: Sequence[int] | None = None,
    ) -> TightBinding:
        """As a model of so many dimensions: a WannierModel if there is a position matrix.

        Spin operators that are given take the place of those in the files.

        Parameters
        ----------
        dimension : int
        spin : array_like or mapping, optional
            In the Cartesian axes of the file.
        axes : sequence of int, optional
            The lattice vectors along which the model repeats, from 0; by default the first ones, or as many others if
            something hops along these and along no more.
        """
        kept = self._axes(dimension) if axes is None else right_handed_order(axes)
        cartesian = spanned_axes(self.vectors, kept)
        if cartesian is None:
            self.refuse_cell(spanned_axes_message(self.vectors, kept))
        turn = cyclic_axes(cartesian)
        hoppings, positions, spins = self._folded(kept)
        for found, name in ((hoppings, "hoppings"), (positions, "position matrix"), (spins, "spin matrices")):
            if found is not None and found.beyond > found.negligible:
                self.refuse(
                    f"{name} up to {found.beyond:.1e} leave the {dimension} dimensions asked for, expected none"
                    + (" (axes= says along which lattice vectors the crystal repeats)" if axes is None else "")
                )
        assert hoppings is not None
        keys = [tuple(map(int, R)) for R in hoppings.translations]
        vectors, centres = self.vectors[np.ix_(kept, cartesian)], self.centres[:, cartesian]
        # what the caller gave is not to be blamed on the file
        operators = None if spin is None else checked_spin(spin, dimension, len(centres))
        if spin is None and spins is not None:
            operators = dict(zip(keys, np.moveaxis(spins.matrices, 3, 1), strict=True))
        if operators is not None and turn != (0, 1, 2):
            operators = (
                {R: S[list(turn)] for R, S in operators.items()}
                if isinstance(operators, Mapping)
                else operators[list(turn)]
            )
        blocks = dict(zip(keys, hoppings.matrices[..., 0], strict=True))
        try:
            if positions is None:
                return TightBinding(vectors, centres, blocks, operators, reduced=False)
            places = dict(zip(keys, positions.matrices[..., cartesian], strict=True))
            return WannierModel(vectors, None, blocks, places, operators)
        except AdiablochError as reason:
            self.refuse_cell(str(reason))

    def _axes(self, dimension: int) -> tuple[int, ...]:
        """The first lattice vectors, or as many others along which alone something hops."""
        first = tuple(range(dimension))
        if dimension == 3 or not self._leaves(first):
            return first
        along = {axis for axis in range(3) if self._leaves(tuple(x for x in range(3) if x != axis))}
        return (
            right_handed_order(along)
            if len(along) == dimension and not self._leaves(right_handed_order(along))
            else first
        )

    def _leaves(self, kept: tuple[int, ...]) -> bool:
        """Whether something hops along other lattice vectors than these."""
        return any(found is not None and found.beyond > found.negligible for found in self._folded(kept))

    def _folded(self, kept: tuple[int, ...]) -> tuple[_Folded | None, _Folded | None, _Folded | None]:
        """Hoppings, positions and spins on translations along some lattice vectors."""
        across = [axis for axis in range(3) if axis not in kept]
        ways = self.translations.copy()
        # with a single k point along a vector, R along it says which copies are near, and nothing else
        ways[:, [axis for axis in across if axis not in self.sampled]] = 0
        cells = _names(ways[:, across], [self.hoppings, self.positions, self.spins], len(self.centres))
        stays = (ways[:, None, None, across] + cells[:, None] - cells == 0).all(axis=-1)
        length = float(np.sqrt((self.vectors**2).sum(axis=1)).min())
        plane = spanned_axes(self.vectors, kept) or (0, 1, 2)
        found: list[_Folded | None] = []
        for matrices, scale in ((self.hoppings, None), (self.positions, length), (self.spins, None)):
            if matrices is None:
                found.append(None)
                continue
            inside, where = np.unique(ways[:, kept], axis=0, return_inverse=True)
            total = np.zeros((len(inside), *matrices.shape[1:]), dtype=np.complex128)
            np.add.at(total, where.reshape(-1), matrices * stays[..., None])
            lost = (matrices if scale is None else matrices[..., plane])[~stays]
            largest = float(np.abs(matrices).max()) if scale is None else scale
            found.append(_Folded(inside, total, float(np.abs(lost).max(initial=0.0)), NEGLIGIBLE * largest))
        return found[0], found[1], found[2]


@dataclass(frozen=True, eq=False)
class _Folded:
    """Matrices on translations along some lattice vectors only."""

    translations: Integer
    """(R, d)"""
    matrices: Complex
    """(R, n, n, components)"""
    beyond: float
    """The largest element that leads elsewhere."""
    negligible: float
    """How large that may be."""


def _names(across: Integer, matrices: Sequence[Complex | None], n: int) -> Integer:
    """Cells (n, vectors) to count functions to, so that what couples them leads to R = 0 along some lattice vectors.

    Which copy of a function is in the home cell is a matter of names. The strongest elements decide.

    Parameters
    ----------
    across : int array, shape (R, vectors)
        Translations along these vectors.
    """
    cells = np.zeros((n, across.shape[1]), dtype=np.int64)
    if not across.any():
        return cells
    group = np.arange(n)
    ways, which = np.unique(across, axis=0, return_inverse=True)
    for given in matrices:
        if given is None:
            continue
        strength = np.zeros((len(ways), n, n))
        np.maximum.at(strength, which.reshape(-1), np.abs(given).max(axis=3))
        strong = np.argwhere(strength > NEGLIGIBLE * strength.max(initial=0.0))
        for way, i, j in strong[np.argsort(-strength[tuple(strong.T)], kind="stable")]:
            if group[i] != group[j]:
                # i stays, all that j hangs together with follows
                moved = group == group[j]
                cells[moved] += cells[i] + ways[way] - cells[j]
                group[moved] = group[i]
    return cells
