"""Bravais lattices: primitive vectors, reciprocal vectors, and paths through the Brillouin zone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked, frozen
from adiabloch.errors import InvalidArgumentError, InvalidModelError
from adiabloch.markup import Markup, card, element, entry_table, joined, lines, number, or_text, record_html, vector
from adiabloch.memory import COPIES, check_memory
from adiabloch.names import suggests
from adiabloch.scalars import is_whole

AXES = ("x", "y", "z")
PLANES = {"x": ("y", "z"), "y": ("z", "x"), "z": ("x", "y")}
"""The two axes whose cross product has a component."""
LEVI_CIVITA = np.zeros((3, 3, 3))
"""Levi-Civita symbol."""
for _x, _y, _z in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    LEVI_CIVITA[_x, _y, _z], LEVI_CIVITA[_x, _z, _y] = 1.0, -1.0
EXTENTS = {1: "length", 2: "area", 3: "volume"}
SHORTEST, LONGEST = 1e-90, 1e90
"""Range of lengths whose cubes neither underflow nor overflow."""


def components(dimension: int) -> tuple[str, ...]:
    """Components of a magnetization: z in two dimensions; x, y, z in three."""
    return {2: ("z",), 3: AXES}.get(dimension, ())


@or_text
def lattice_html(lattice: Lattice) -> Markup:
    """Table of a lattice: its vectors, their lengths and angles, the size of the cell, the reciprocal vectors."""
    d, unit = lattice.dimension, "\u00c5" if lattice.ev_angstrom else "length"
    if not lattice.periodic:
        return card([entry_table("Lattice", [("kind", lattice.described)])])
    unit_of_cell = unit if d == 1 else joined([unit, element("sup", d)])
    lengths = np.sqrt((lattice.vectors**2).sum(axis=1))
    pairs = {1: (), 2: ((0, 1),), 3: ((1, 2), (0, 2), (0, 1))}[d]
    cosines = [float(lattice.vectors[i] @ lattice.vectors[j] / lengths[i] / lengths[j]) for i, j in pairs]
    entries: list[tuple[object, object]] = [
        ("kind", lattice.described),
        (f"lattice vectors ({unit})", lines(map(vector, lattice.vectors))),
        (f"lengths ({unit})", ", ".join(map(number, lengths))),
        ("angles (degrees)", ", ".join(number(math.degrees(math.acos(max(-1.0, min(1.0, c))))) for c in cosines)),
        (joined([EXTENTS[d], " of the cell (", unit_of_cell, ")"]), number(lattice.measure)),
        (f"reciprocal vectors (1/{unit})", lines(map(vector, lattice.reciprocal))),
    ]
    return card([entry_table("Lattice", [entry for entry in entries if entry[1] != ""])])


@suggests("constant_axes", "identity", "is_close", "of_molecule", "scaled")
@dataclass(frozen=True, eq=False)
class Lattice:
    """A Bravais lattice in one, two or three dimensions, or the cell of a molecule.

    Parameters
    ----------
    vectors : array_like, shape (d, d)
        Primitive vectors as rows, Cartesian, in one length unit throughout (Angstrom when read from files).
    periodic : bool
        False for a molecule: nothing hops between cells, whose size is a scale of lengths only, and results are those
        of one molecule.
    ev_angstrom : bool
        True if the energies of the crystal are in eV and its lengths in Angstrom, as those read from files of
        Wannier90; pictures and tables of results then name these units.

    Raises
    ------
    InvalidModelError
        The argument is not d linearly independent vectors of d finite components, d = 1, 2 or 3.

    Examples
    --------
    >>> from adiabloch import Lattice
    >>> square = Lattice([[2.0, 0.0], [0.0, 2.0]])
    >>> square.measure
    4.0
    """

    vectors: Float
    periodic: bool
    ev_angstrom: bool

    _repr_html_ = lattice_html

    def __init__(self, vectors: ArrayLike, *, periodic: bool = True, ev_angstrom: bool = False) -> None:
        array = checked(vectors, "lattice vectors", (None, None))
        d = len(array)
        if array.shape != (d, d) or d not in (1, 2, 3):
            raise InvalidModelError(
                f"lattice vectors: expected d vectors of d components as rows, d = 1, 2 or 3; got shape {array.shape}"
            )
        lengths = np.abs(array).max(axis=1)
        if not SHORTEST < lengths.min() <= lengths.max() < LONGEST and lengths.all():
            raise InvalidModelError(
                f"lattice vectors: lengths from {lengths.min():.3g} to {lengths.max():.3g}, whose volumes exceed the "
                f"range of numbers; expected {SHORTEST:.0e} to {LONGEST:.0e}: choose another unit"
            )
        lengths = np.sqrt((array**2).sum(axis=1))
        if _measure(array) <= 1e-10 * np.prod(lengths):
            raise InvalidModelError(
                f"lattice vectors: {array.tolist()} are linearly dependent (they span no cell); "
                f"expected {d} independent vectors"
            )
        if not isinstance(ev_angstrom, bool):
            raise InvalidModelError(f"ev_angstrom: {ev_angstrom!r}, expected True for eV and Angstrom, or False")
        object.__setattr__(self, "vectors", array)
        object.__setattr__(self, "periodic", periodic)
        object.__setattr__(self, "ev_angstrom", ev_angstrom)

    @classmethod
    def of_molecule(cls, positions: Float, size: float = 0.0) -> Lattice:
        """Cell of a molecule with orbitals at the positions (n, d): a power of ten above its size."""
        extent = max(float(np.ptp(positions, axis=0).max(initial=0.0)), size) or 1.0
        return cls(10.0 ** math.ceil(math.log10(extent) - 1e-9) * np.eye(positions.shape[1]), periodic=False)

    @property
    def dimension(self) -> int:
        """Number of directions of space, d."""
        return len(self.vectors)

    @property
    def periodic_directions(self) -> int:
        """Number of periodic directions, d, or 0 for a molecule: densities are per length to this power."""
        return self.dimension if self.periodic else 0

    @property
    def described(self) -> str:
        """Kind of the crystal, such as "2D"."""
        return f"{self.dimension}D" if self.periodic else f"molecule in {self.dimension}D"

    @property
    def identity(self) -> Float:
        """Vectors that tell this lattice from others; none for a molecule."""
        return self.vectors if self.periodic else np.zeros(0)

    @property
    def constant_axes(self) -> int:
        """Number of the first axes of the torus along which nothing changes: those of the wave vector of a molecule."""
        return self.dimension - self.periodic_directions

    @property
    def measure(self) -> float:
        """Length, area or volume of the primitive cell; 1 for a molecule."""
        return _measure(self.vectors) if self.periodic else 1.0

    def scaled(self, length: float) -> Lattice:
        """Convert to another unit of length."""
        return Lattice(self.vectors / length, periodic=self.periodic)

    def with_vectors(self, vectors: ArrayLike) -> Lattice:
        """Lattice of other vectors, with the same units."""
        return Lattice(vectors, periodic=self.periodic, ev_angstrom=self.ev_angstrom)

    def is_close(self, other: Lattice, tolerance: float) -> bool:
        """Return True for equal lattices, up to a relative difference, and for two molecules."""
        if (self.dimension, self.periodic) != (other.dimension, other.periodic):
            return False
        if not self.periodic or np.array_equal(self.vectors, other.vectors):
            return True
        return np.allclose(self.vectors, other.vectors, rtol=tolerance, atol=0)

    @property
    def shortest(self) -> float:
        """Length of the shortest primitive vector."""
        return float(np.sqrt((self.vectors**2).sum(axis=1)).min())

    @cached_property
    def reciprocal(self) -> Float:
        """Reciprocal vectors as rows, shape (d, d): vectors[i] . reciprocal[j] = 2 pi delta_ij."""
        return frozen(np.asarray(2 * np.pi * np.linalg.inv(self.vectors).T, dtype=np.float64))

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the Cartesian k directions: "kx", "ky", ... ."""
        return tuple(f"k{axis}" for axis in AXES[: self.dimension])

    def reduced(self, k: ArrayLike) -> Float:
        """Convert Cartesian wave vectors to reduced coordinates.

        Parameters
        ----------
        k : array_like, shape (..., d)
            Cartesian wave vectors.

        Returns
        -------
        float array, shape (..., d)

        Raises
        ------
        InvalidArgumentError
            The wave vectors have another number of components, or are not finite numbers.
        """
        try:
            waves = np.asarray(k, float)
        except (TypeError, ValueError):
            raise InvalidArgumentError(f"k: expected Cartesian wave vectors, got {k!r}") from None
        check_memory(4 * 8.0 * waves.size, f"k: shape {waves.shape}", "ask for fewer at a time")
        if waves.ndim == 0 or waves.shape[-1] != self.dimension or not np.isfinite(waves).all():
            raise InvalidArgumentError(
                f"k: expected finite wave vectors of {self.dimension} components, shape (..., {self.dimension}); got "
                f"shape {waves.shape}" + ("" if np.isfinite(waves).all() else " with NaN or infinity")
            )
        return waves @ self.vectors.T / (2 * np.pi)

    def cartesian(self, reduced: ArrayLike) -> Float:
        """Convert reduced coordinates of wave vectors to Cartesian ones, (..., d) -> (..., d)."""
        return self._components(reduced, "reduced") @ self.reciprocal

    def reduced_positions(self, positions: ArrayLike) -> Float:
        """Convert Cartesian positions to units of the lattice vectors, (..., d) -> (..., d)."""
        return self._components(positions, "positions") @ np.linalg.inv(self.vectors)

    def _components(self, vectors: ArrayLike, name: str) -> Float:
        """Vectors of d components as an array, (..., d)."""
        array = checked(vectors, name, None, finite=False)
        if array.shape[-1:] != (self.dimension,):
            raise InvalidArgumentError(
                f"{name}: expected vectors of {self.dimension} components, got shape {array.shape}"
            )
        return array

    def path(self, nodes: Mapping[str, ArrayLike] | Sequence[tuple[str, ArrayLike]], points: int = 200) -> Path:
        """Path of straight segments between labelled points of the Brillouin zone.

        Parameters
        ----------
        nodes : mapping or sequence of (label, reduced coordinates)
            Corners in order; use a sequence if a label occurs twice.
        points : int
            Number of wave vectors, distributed over the segments in proportion to their lengths.

        Returns
        -------
        Path
        """
        try:
            pairs = [(str(label), at) for label, at in (nodes.items() if isinstance(nodes, Mapping) else nodes)]
        except (TypeError, ValueError):
            raise InvalidArgumentError(
                f"path: expected pairs of label and reduced coordinates, got {nodes!r}"
            ) from None
        if not is_whole(points, 2):
            raise InvalidArgumentError(f"path: points: {points!r}, expected an integer, at least 2")
        check_memory(COPIES * 16.0 * points * self.dimension, f"path: {points} points", "ask for fewer")
        if len(pairs) < 2:
            raise InvalidArgumentError(f"path: expected at least two nodes, got {len(pairs)}")
        d = self.dimension
        corners = [checked(at, f"path node {label!r}", (d,)) for label, at in pairs]
        steps = np.diff(self.cartesian(corners), axis=0)
        ticks = np.concatenate([[0.0], np.cumsum(np.sqrt((steps**2).sum(axis=1)))])
        distance = np.union1d(np.linspace(0.0, ticks[-1], points), ticks)
        reduced = np.stack([np.interp(distance, ticks, column) for column in np.array(corners).T], axis=-1)
        return Path(self.cartesian(reduced), distance, ticks, tuple(label for label, _ in pairs))


def _measure(vectors: Float) -> float:
    """Length, area or volume spanned by the vectors.

    Written out, because the rounding errors of `numpy.linalg.det` depend on the unit of length.
    """
    if len(vectors) == 1:
        return float(abs(vectors[0, 0]))
    if len(vectors) == 2:
        return float(abs(vectors[0, 0] * vectors[1, 1] - vectors[0, 1] * vectors[1, 0]))
    return float(abs(vectors[0] @ np.cross(vectors[1], vectors[2])))


@dataclass(frozen=True, eq=False)
class Path:
    """Wave vectors along a path through the Brillouin zone, for a band plot."""

    k: Float
    """Cartesian wave vectors, (points, d)."""
    distance: Float
    """Distance along the path, (points,)."""
    ticks: Float
    """Distances of the corners."""
    labels: tuple[str, ...]
    """Labels of the corners."""

    _repr_html_ = record_html
