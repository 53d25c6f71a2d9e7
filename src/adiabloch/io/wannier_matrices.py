"""Matrices between Wannier functions as read from files or objects, and their conversion to models."""

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
from adiabloch.lattice import Lattice
from adiabloch.models import TightBinding
from adiabloch.models.hoppings import checked_spin
from adiabloch.models.spin import check_pairs, spin_operators

NEGLIGIBLE = 1e-6
"""Relative size of matrix elements along the non-periodic directions of a slab or chain that are neglected."""


@dataclass(frozen=True, eq=False)
class WannierMatrices:
    """Matrices between Wannier functions, Hermitian and divided by the degeneracies of the R."""

    vectors: Float
    """Lattice vectors as rows, (3, 3)."""
    centres: Float
    """Centres of the Wannier functions, (n, 3)."""
    translations: Integer
    """Lattice vectors R, (R, 3)."""
    hoppings: Complex
    """Hoppings, (R, n, n, 1)."""
    positions: Complex | None
    """Position matrix, (R, n, n, 3); None if the files do not contain it."""
    defects: dict[str, float]
    """Largest difference between X(R) and X(-R)^dagger in the file: relative to the largest h for X = h, in Angstrom
    for X = r."""
    sources: tuple[Path, ...]
    """Files from which the matrices were read."""
    refuse: Callable[[str], NoReturn]
    """Function that raises an error about the file of the hoppings."""
    refuse_cell: Callable[[str], NoReturn]
    """Function that raises an error about the source of the lattice vectors."""
    spins: Complex | None = None
    """Spin operators (R, n, n, 3) in units of hbar; None without spin."""
    sampled: frozenset[int] = frozenset({0, 1, 2})
    """Lattice vectors along which there is, or may be, more than one k point."""

    def model(
        self,
        dimension: int,
        spin: ArrayLike | Mapping[Any, ArrayLike] | None = None,
        axes: Sequence[int] | None = None,
    ) -> TightBinding:
        """Convert to a model, with the position matrix if there is one.

        Parameters
        ----------
        dimension : int
            Number of periodic directions.
        spin : array_like, mapping, "interleaved" or "blocks", optional
            Spin operators in the Cartesian axes of the file, which replace those of the files; or the order of the
            spins of the functions.
        axes : sequence of int, optional
            Lattice vectors along which the model is periodic, from 0. By default the first ones; or as many others, if
            there are hoppings along exactly these.

        Returns
        -------
        TightBinding
        """
        kept = self._axes(dimension) if axes is None else right_handed_order(axes)
        cartesian = spanned_axes(self.vectors, kept)
        if cartesian is None:
            self.refuse_cell(spanned_axes_message(self.vectors, kept))
        order = cyclic_axes(cartesian)
        hoppings, positions, spins = self._projected(kept)
        for found, name in ((hoppings, "hoppings"), (positions, "position matrix"), (spins, "spin matrices")):
            if found is not None and found.beyond > found.negligible:
                self.refuse(
                    f"{name} up to {found.beyond:.1e} leave the {dimension} dimensions asked for, expected none"
                    + (" (axes= sets the lattice vectors along which the crystal is periodic)" if axes is None else "")
                )
        assert hoppings is not None
        keys = [tuple(map(int, R)) for R in hoppings.translations]
        vectors, centres = self.vectors[np.ix_(kept, cartesian)], self.centres[:, cartesian]
        # checked here: an error about the argument must not name the file
        if isinstance(spin, str):
            check_pairs(spin, self.centres, self.vectors)
            spin = spin_operators(len(centres), spin)
        operators = None if spin is None else checked_spin(spin, dimension, len(centres))
        if spin is None and spins is not None:
            operators = dict(zip(keys, np.moveaxis(spins.matrices, 3, 1), strict=True))
        if operators is not None and order != (0, 1, 2):
            operators = (
                {R: S[list(order)] for R, S in operators.items()}
                if isinstance(operators, Mapping)
                else operators[list(order)]
            )
        blocks = dict(zip(keys, hoppings.matrices[..., 0], strict=True))
        try:
            lattice = Lattice(vectors, ev_angstrom=True)
            if positions is None:
                return TightBinding(lattice, centres, blocks, operators, reduced=False)
            by_translation = dict(zip(keys, positions.matrices[..., cartesian], strict=True))
            return TightBinding(lattice, None, blocks, operators, position_matrix=by_translation)
        except AdiablochError as reason:
            self.refuse_cell(str(reason))

    def heights(self, axes: Sequence[int] | None = None) -> dict[tuple[int, ...], Complex]:
        """Position matrix across a layer by translation, with the choice of axes and images of `model`.

        Returns
        -------
        dict {(R1, R2): complex array (n, n)}
            In Angstrom, from the origin of the file.
        """
        kept = self._axes(2) if axes is None else right_handed_order(axes)
        plane = spanned_axes(self.vectors, kept)
        if plane is None:
            self.refuse_cell(spanned_axes_message(self.vectors, kept))
        across = next(axis for axis in range(3) if axis not in plane)
        positions = self._projected(kept)[1]
        assert positions is not None
        blocks = dict(
            zip([tuple(map(int, R)) for R in positions.translations], positions.matrices[..., across], strict=True)
        )
        beyond = next(axis for axis in range(3) if axis not in kept)
        # a function in another cell of the file is higher by the lattice vector across the layer
        shifts = self._images(kept)[1][:, 0] * self.vectors[beyond, across]
        blocks[0, 0] = blocks[0, 0] + np.diag(shifts)
        return blocks

    def _axes(self, dimension: int) -> tuple[int, ...]:
        """Choose the first lattice vectors, or as many others if there are hoppings along exactly these."""
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
        """Return True if there are matrix elements along lattice vectors other than these."""
        return any(found is not None and found.beyond > found.negligible for found in self._projected(kept))

    def _images(self, kept: tuple[int, ...]) -> tuple[Integer, Integer]:
        """Translations without those that only state the nearest image, and the cell of each function across `kept`."""
        across = [axis for axis in range(3) if axis not in kept]
        reduced = self.translations.copy()
        # with a single k point along a vector, R along it only states which image is the nearest
        reduced[:, [axis for axis in across if axis not in self.sampled]] = 0
        return reduced, _home_cells(reduced[:, across], [self.hoppings, self.positions, self.spins], len(self.centres))

    def _projected(self, kept: tuple[int, ...]) -> tuple[_Projected | None, _Projected | None, _Projected | None]:
        """Project hoppings, positions and spins onto the translations along the lattice vectors kept."""
        across = [axis for axis in range(3) if axis not in kept]
        reduced, cells = self._images(kept)
        retained = (reduced[:, None, None, across] + cells[:, None] - cells == 0).all(axis=-1)
        length = float(np.sqrt((self.vectors**2).sum(axis=1)).min())
        plane = spanned_axes(self.vectors, kept) or (0, 1, 2)
        found: list[_Projected | None] = []
        for matrices, scale in ((self.hoppings, None), (self.positions, length), (self.spins, None)):
            if matrices is None:
                found.append(None)
                continue
            cells_kept, where = np.unique(reduced[:, kept], axis=0, return_inverse=True)
            total = np.zeros((len(cells_kept), *matrices.shape[1:]), dtype=np.complex128)
            np.add.at(total, where.reshape(-1), matrices * retained[..., None])
            dropped = (matrices if scale is None else matrices[..., plane])[~retained]
            largest = float(np.abs(matrices).max()) if scale is None else scale
            found.append(_Projected(cells_kept, total, float(np.abs(dropped).max(initial=0.0)), NEGLIGIBLE * largest))
        return found[0], found[1], found[2]


@dataclass(frozen=True, eq=False)
class _Projected:
    """Matrices on the translations along some of the lattice vectors."""

    translations: Integer
    """Translations along these vectors, (R, d)."""
    matrices: Complex
    """Matrices, (R, n, n, components)."""
    beyond: float
    """Largest element along the other lattice vectors."""
    negligible: float
    """Largest value of `beyond` that may be neglected."""


def _home_cells(across: Integer, matrices: Sequence[Complex | None], n: int) -> Integer:
    """Choose the image of each function that is in the home cell of a slab or chain.

    The images are chosen so that the strongest matrix elements lead to R = 0 along the non-periodic lattice vectors.

    Parameters
    ----------
    across : int array, shape (R, vectors)
        Translations along the non-periodic vectors.
    matrices : sequence of complex array or None
        Matrices (R, n, n, components), in order of priority.
    n : int
        Number of functions.

    Returns
    -------
    int array, shape (n, vectors)
        Cell of each function along these vectors.
    """
    cells = np.zeros((n, across.shape[1]), dtype=np.int64)
    if not across.any():
        return cells
    group = np.arange(n)
    reduced, which = np.unique(across, axis=0, return_inverse=True)
    for given in matrices:
        if given is None:
            continue
        strength = np.zeros((len(reduced), n, n))
        np.maximum.at(strength, which.reshape(-1), np.abs(given).max(axis=3))
        strong = np.argwhere(strength > NEGLIGIBLE * strength.max(initial=0.0))
        for way, i, j in strong[np.argsort(-strength[tuple(strong.T)], kind="stable")]:
            if group[i] != group[j]:
                # i stays; all functions already connected to j move with it
                moved = group == group[j]
                cells[moved] += cells[i] + reduced[way] - cells[j]
                group[moved] = group[i]
    return cells
