"""What is in files and objects of Wannier functions, on its way to a model."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import AdiablochError, InvalidArgumentError, warn
from adiabloch.models import TightBinding, WannierModel
from adiabloch.models.hoppings import checked_spin

HOPPING_DEFECT = 1e-5
"""How far h(R) and h(-R)^dagger may be apart, relative to the largest: files have finite digits."""
POSITION_DEFECT = 0.15
"""The same for the position matrix, in units of the shortest lattice vector: Wannier90 takes finite differences."""
POSITION_DOUBT = 0.5
"""From when on a warning says so, relative to the largest element between two functions: these are then in doubt."""
POSITION_FLOOR = 1e-3
"""Below which none does, in units of the shortest lattice vector: elements between functions may be that small."""
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


def right_handed_order(axes: Iterable[int]) -> tuple[int, ...]:
    """Axes in an order that keeps right-handed what is: x, y; y, z; z, x."""
    chosen = set(axes)
    missing = {0, 1, 2} - chosen
    start = (max(missing) + 1) % 3 if len(chosen) == 2 else min(chosen)
    return tuple(x for x in ((start + step) % 3 for step in range(3)) if x in chosen)


def cyclic_axes(plane: tuple[int, ...]) -> tuple[int, ...]:
    """All three Cartesian axes as they are counted where these come first."""
    return tuple((plane[0] + step) % 3 for step in range(3))


def spanned_axes(vectors: Float, kept: tuple[int, ...]) -> tuple[int, ...] | None:
    """Cartesian axes that some of the lattice vectors (3, 3) lie along, the others being perpendicular; or None."""
    others = [axis for axis in range(3) if axis not in kept]
    if not others:
        return 0, 1, 2
    plane = np.flatnonzero(np.abs(vectors[list(kept)]).max(axis=0) > 1e-8).tolist()
    fits = len(plane) == len(kept) and np.abs(vectors[np.ix_(others, plane)]).max(initial=0.0) <= 1e-8
    return right_handed_order(plane) if fits else None


def spanned_axes_message(vectors: Float, kept: tuple[int, ...]) -> str:
    """What to say where there are none."""
    names = ", ".join(f"a{axis + 1}" for axis in kept)
    return (
        f"lattice vectors {vectors.tolist()}, expected {names} along as many of the axes x, y, z, and the others "
        f"perpendicular for dimension = {len(kept)}"
    )


def checked_axes(dimension: int | None, axes: Sequence[int] | None) -> tuple[int, tuple[int, ...] | None]:
    """The number of dimensions and the lattice vectors along which a crystal repeats, if these are given."""
    if dimension is not None and dimension not in (1, 2, 3):
        raise InvalidArgumentError(f"dimension: {dimension!r}, expected 1, 2 or 3")
    if axes is None:
        return dimension or 3, None
    try:
        chosen = tuple(operator.index(axis) for axis in axes)
    except TypeError:
        chosen = ()
    if not chosen or len(set(chosen)) != len(chosen) or not set(chosen) <= {0, 1, 2}:
        raise InvalidArgumentError(f"axes: {axes!r}, expected some of the lattice vectors 0, 1, 2, each once")
    if dimension not in (None, len(chosen)):
        raise InvalidArgumentError(f"axes: {axes!r}, expected {dimension} of them for dimension = {dimension}")
    return len(chosen), chosen


def hermitian_part(
    translations: Integer,
    matrices: Complex,
    name: str,
    limit: float,
    expected: str,
    refuse: Callable[[str, int], NoReturn],
) -> tuple[Integer, Complex, float]:
    """Matrices averaged with their Hermitian partners, and how far they were from them.

    Parameters
    ----------
    translations : int array, shape (R, 3)
        With both R and -R, or of each pair one only: the other is filled in behind.
    matrices : complex array, shape (R, n, n, components)
    name : str
        What to call them in errors.
    limit : float
        How far X(R) and X(-R)^dagger may be apart.
    expected : str
        What is expected of that, for errors.
    refuse : callable
        Raises the error, given the message and the number of the R that it is about.

    Returns
    -------
    translations : int array
        Each R once.
    averaged : complex array
    defect : float
        The largest difference.
    """
    index: dict[tuple[int, ...], int] = {}
    for number, R in enumerate(map(tuple, translations.tolist())):
        first = index.setdefault(R, number)
        if first != number and not np.array_equal(matrices[first], matrices[number]):
            refuse(f"R = {R} once more with another matrix, expected each R once", number)
    kept = np.array([*index.values()])
    lonely = [R for R in index if tuple(-x for x in R) not in index]
    if lonely and not _is_half(list(index)):
        refuse(f"R = {lonely[0]} comes without -R, expected both", index[lonely[0]])
    ways, found = translations[kept], matrices[kept]
    if lonely:
        alone = [number for number, R in enumerate(index) if any(R)]
        ways = np.concatenate([ways, -ways[alone]])
        found = np.concatenate([found, found[alone].conj().swapaxes(1, 2)])
    places = {R: number for number, R in enumerate(map(tuple, ways.tolist()))}
    adjoint = found[[places[tuple(-x for x in R)] for R in places]].conj().swapaxes(1, 2)
    defect = np.abs(found - adjoint).max(axis=(1, 2, 3))
    worst = int(np.argmax(defect))
    if not defect[worst] <= limit:
        R = tuple(ways[worst].tolist())
        refuse(
            f"{name}(R) and {name}(-R)^dagger differ by {defect[worst]:.1e} at R = {R}, expected {expected}",
            index[R],
        )
    return ways, 0.5 * (found + adjoint), float(defect[worst])


def _is_half(cells: list[tuple[int, ...]]) -> bool:
    """Whether cells are those on one side of the origin: the first component that is not zero has one sign."""
    for order in permutations(range(3)):
        heads = [next((R[axis] for axis in order if R[axis]), 0) for R in cells]
        if all(head >= 0 for head in heads) or all(head <= 0 for head in heads):
            return True
    return False


def hermitian_hoppings(
    translations: Integer, matrices: Complex, name: str, refuse: Callable[[str, int], NoReturn], rounding: float = 0.0
) -> tuple[Integer, Complex, float]:
    """Hoppings averaged with their Hermitian partners (see `hermitian_part`); the defect relative to the largest.

    Energies are counted from their mean on site: where their zero is says nothing of how exact they are.

    Parameters
    ----------
    rounding : float
        How far they may be apart besides, for files of few digits.
    """
    counted = matrices[..., 0].copy()
    home = (translations == 0).all(axis=1)
    counted[home] -= np.einsum("rii->r", counted[home])[:, None, None] / counted.shape[1] * np.eye(counted.shape[1])
    spread, largest = 2 * float(np.abs(counted).max()), float(np.abs(matrices).max())
    scale = min(max(spread, 1e-6 * largest), largest)
    expected = f"less than {HOPPING_DEFECT:.0e} of the largest {name}, or of what energies on site differ by"
    limit = HOPPING_DEFECT * scale + rounding
    ways, found, defect = hermitian_part(translations, matrices, name, limit, expected, refuse)
    return ways, found, defect / max(largest, 1e-300)


def hermitian_positions(
    translations: Integer, matrices: Complex, vectors: Float, name: str, refuse: Callable[[str, int], NoReturn], of: str
) -> tuple[Integer, Complex, float]:
    """A position matrix averaged with its Hermitian partner (see `hermitian_part`), with a warning if that is far from it.

    Wannier90 takes it by finite differences about the origin, which is not Hermitian on a coarse mesh or far from
    there. How far it may be from it is measured by the shortest lattice vector, and whether that is said by the largest
    element between two functions: neither knows where the origin is.

    Parameters
    ----------
    vectors : float array, shape (3, 3)
        Lattice vectors.
    of : str
        Whose it is, for the warning.
    """
    length = float(np.sqrt((vectors**2).sum(axis=1)).min())
    expected = f"less than {POSITION_DEFECT:g} of the shortest lattice vector, {length:.3g} Angstrom"
    ways, found, defect = hermitian_part(translations, matrices, name, POSITION_DEFECT * length, expected, refuse)
    between = found.copy()
    at_home, own = np.flatnonzero((ways == 0).all(axis=1)), np.arange(found.shape[1])
    between[at_home[:, None], own, own] = 0.0
    largest = float(np.abs(between).max(initial=0.0))
    if defect > max(POSITION_DOUBT * largest, POSITION_FLOOR * length):
        warn(
            f"{of}: the position matrix is not Hermitian, {name}(R) and {name}(-R)^dagger differ by up to {defect:.3f} "
            f"Angstrom ({100 * defect / length:.1f} % of the shortest lattice vector; the largest element between two "
            f"functions is {largest:.3f} Angstrom): its Hermitian part is taken. The finite differences of Wannier90 "
            "are that inexact on a coarse mesh of k points or far from the origin; read_chk makes a better one from "
            "the checkpoint"
        )
    return ways, found, defect
