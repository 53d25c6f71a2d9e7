"""Direct gaps between occupied and empty bands, and their slopes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from adiabloch import compiled
from adiabloch.arrays import Complex, Float, Integer, largest, tensor_grid
from adiabloch.errors import GapClosedError
from adiabloch.geometry.batches import PART_BYTES, batches, energies_at
from adiabloch.geometry.frame import Eigenframe, frame_of
from adiabloch.geometry.kept_results import ResultsByCrystal
from adiabloch.lattice import Lattice
from adiabloch.linalg import energies_batch
from adiabloch.minimize import pattern_search
from adiabloch.models.crystal import Crystal
from adiabloch.models.tight_binding import TightBinding

STARTS = 4
"""Number of points of the coarse mesh from which the search for the smallest gap starts."""
MANY_BANDS = 64
"""Number of bands above which energies on a mesh are found a few points at a time, to save memory."""
LARGEST_COMPILED = 4
"""Largest number of directions of the compiled slopes."""
FLAT = 1e-9
"""Relative differences of a gap or an overlap around a point at which the search for its minimum ends."""
CLOSED_GAP = 1e-7
"""A gap below this fraction of the bandwidth counts as closed."""


def direct_gaps(frame: Eigenframe, occupied: int) -> Float:
    """Direct gap above the occupied bands, shape (P,)."""
    return frame.energies[:, occupied] - frame.energies[:, occupied - 1]


def axis_slopes(frame: Eigenframe, occupied: int, lattice: Lattice, steps: Integer | Float | None = None) -> Float:
    """Largest change of the gap along each axis of the unit torus, (P, axes), or along steps (S, axes).

    The bound is that of a two-level system, whose splitting changes by at most
    sqrt((v_c - v_v)^2 + 4 |D_cv|^2) per unit of the coordinate.
    """
    return _two_level_slopes(frame, occupied, lattice, 1.0, steps)


def closing_slopes(frame: Eigenframe, occupied: int, lattice: Lattice) -> Float:
    """Largest change of the gap along each axis, each pair of bands by its own distance, (P, axes).

    A pair of bands whose energies differ by Delta closes no sooner than Delta/sqrt((v_c - v_v)^2 + 4 |D_cv|^2) away:
    the bound of `axis_slopes`, but strongly coupled bands that are far apart count less.
    """
    E = frame.energies
    gap = E[:, occupied] - E[:, occupied - 1]
    distance = (E[:, occupied:, None] - E[:, None, :occupied]).reshape(len(E), -1)
    share = np.divide(gap[:, None], distance, out=np.ones_like(distance), where=distance > 0)
    return _two_level_slopes(frame, occupied, lattice, share**2)


def _two_level_slopes(
    frame: Eigenframe, occupied: int, lattice: Lattice, share: Float | float, steps: Integer | Float | None = None
) -> Float:
    """Two-level bound on the change of the gap, with the squared couplings of all pairs times factors (P, pairs)."""
    names, to_axes = axes_of(frame, lattice, steps)
    matrices = [frame.derivative(name) for name in names]
    kernels = compiled.of_frames(*frame.energies.shape)
    if kernels is None or len(names) > LARGEST_COMPILED or not isinstance(share, float):
        return two_level_slopes(matrices, to_axes, occupied, share)
    slopes = np.empty((len(to_axes), len(frame.energies)))
    contiguous = [np.ascontiguousarray(D) for D in matrices]
    missing = LARGEST_COMPILED - len(names)
    factors = np.zeros((len(to_axes), LARGEST_COMPILED))
    factors[:, : len(names)] = to_axes
    kernels.gap_slopes(*contiguous, *contiguous[:1] * missing, factors, occupied, slopes)
    return slopes.T


def two_level_slopes(matrices: Sequence[Complex], to_axes: Float, occupied: int, share: Float | float = 1.0) -> Float:
    """Two-level bound from the derivatives (P, N, N) and the factors (S, directions) from these to the axes."""
    o, c = slice(None, occupied), slice(occupied, None)
    difference = to_axes @ [(D[:, occupied, occupied] - D[:, occupied - 1, occupied - 1]).real for D in matrices]
    couplings = np.tensordot(to_axes, np.array([D[:, c, o].reshape(len(D), -1) for D in matrices]), axes=1)
    squares = (couplings.real**2 + couplings.imag**2) * share
    return np.asarray(np.sqrt(difference**2 + 4 * largest(squares)).T)


def neighbour_slopes(frame: Eigenframe, lattice: Lattice) -> Float:
    """Largest change of each gap between neighbouring bands along the axes of the torus, (P, N - 1, axes).

    The bound is the two-level bound of `axis_slopes`. It is zero for bands that cross without coupling, and within a
    group of degenerate bands (`adiabloch.geometry.degeneracy`); it is reduced where a group forms.
    """
    names, to_axes = axes_of(frame, lattice)
    n = np.arange(frame.energies.shape[1])
    v = np.stack([frame.velocity(name) for name in names], axis=-1)
    D = np.stack([frame.derivative(name)[:, n[1:], n[:-1]] for name in names], axis=-1)
    difference = (v[:, 1:] - v[:, :-1]) @ to_axes.T
    squares = np.abs(D @ to_axes.T) ** 2
    slopes = np.where(squares.any(axis=2, keepdims=True), np.sqrt(difference**2 + 4 * squares), 0.0)
    if frame.joined is not None:
        slopes *= 1.0 - frame.joined.strength[:, n[1:], n[:-1], None]
    return slopes


def axes_of(frame: Eigenframe, lattice: Lattice, steps: Integer | Float | None = None) -> tuple[list[str], Float]:
    """Directions of a frame, and the matrix from derivatives along them to those along the axes of the torus.

    `steps` (S, axes) are combinations of the axes in their place.
    """
    names = [*lattice.directions] + (["theta"] if ("theta",) in frame.derivatives else [])
    to_axes = np.zeros((len(names), len(names)))
    d = lattice.dimension
    to_axes[:d, :d] = lattice.reciprocal
    to_axes[d:, d:] = 2 * np.pi
    return names, to_axes if steps is None else steps @ to_axes


def gap_at(crystal: Crystal, occupied: int) -> Callable[[Float], Float]:
    """Direct gap as a function of reduced points."""
    series = crystal.matrices()

    def gap(points: Float) -> Float:
        energies = energies_at(series, points, crystal.size)
        return energies[:, occupied] - energies[:, occupied - 1]

    return gap


class SmallestGap(NamedTuple):
    """Smallest direct gap over the torus, and the inverse width of the narrowest feature along each axis."""

    gap: float
    at: Float
    sharpness: Float
    """Largest slope/gap on a coarse mesh and at the smallest gap; infinite for a closed gap."""


_SMALLEST: ResultsByCrystal[int, SmallestGap] = ResultsByCrystal()
_RANGES: ResultsByCrystal[int, tuple[float, float]] = ResultsByCrystal()


def smallest_gap(crystal: Crystal, count: int, points: int = 1500) -> SmallestGap:
    """Smallest gap above the `count` lowest bands, by a search from the lowest minima on a coarse mesh.

    The result is kept as long as the crystal exists.
    """
    known = _SMALLEST.of(crystal)
    if count not in known:
        mesh, n = coarse_mesh(crystal, points)
        gaps, sharpness = _gaps_and_sharpness(crystal, count, mesh)
        starts = mesh[np.argsort(gaps, kind="stable")[:STARTS]]
        fixed = crystal.lattice.constant_axes
        smallest, where = pattern_search(gap_at(crystal, count), starts, reach=0.5 / n, flat=FLAT, fixed=fixed)
        _, there = _gaps_and_sharpness(crystal, count, where[None])
        known[count] = SmallestGap(smallest, where, np.maximum(sharpness, there))
    return known[count]


def _gaps_and_sharpness(crystal: Crystal, count: int, points: Float) -> tuple[Float, Float]:
    """Direct gaps at points (P, D), and the largest slope over gap along each axis, (axes,)."""
    series, found, largest_yet = crystal.matrices(crystal.directions), [], np.zeros(len(crystal.directions))
    for part in batches(points, crystal.size):
        frame = frame_of(series.at(part), crystal.directions)
        gaps, slopes = direct_gaps(frame, count), axis_slopes(frame, count, crystal.lattice)
        ratios = np.divide(slopes, gaps[:, None], out=np.full_like(slopes, np.inf), where=gaps[:, None] > 0)
        found.append(gaps)
        largest_yet = np.maximum(largest_yet, ratios.max(axis=0))
    return np.concatenate(found), largest_yet


def check_gap(crystal: Crystal, count: int) -> None:
    """Check that the gap above the `count` lowest bands is open; above all bands there is none.

    Raises
    ------
    GapClosedError
    """
    if count == crystal.size:
        return
    smallest = smallest_gap(crystal, count)
    if smallest.gap <= CLOSED_GAP * bandwidth(crystal):
        raise closed_gap_error(crystal, smallest.gap, smallest.at, count)


def coarse_mesh(crystal: Crystal, points: int) -> tuple[Float, int]:
    """Reduced points of a mesh with about `points` points, and their number along each axis."""
    D, constant = len(crystal.directions), crystal.lattice.constant_axes
    n = max(4, math.floor(points ** (1 / D)))
    return tensor_grid([np.zeros(1)] * constant + [np.arange(n) / n] * (D - constant)), n


def bands_below(crystal: Crystal, energy: float, points: int = 1500) -> int | None:
    """Number of bands below an energy inside a gap; None if some band crosses the energy.

    The distance of the bands to the energy is minimized from the smallest value on a coarse mesh.
    """
    mesh, n = coarse_mesh(crystal, points)
    series = crystal.matrices()

    def above(points: Float) -> Float:
        return energies_at(series, points, crystal.size) - energy

    levels = above(mesh)
    counts = (levels < 0).sum(axis=1)
    if np.ptp(counts):
        return None
    below = int(counts[0])
    for band, sign in ((below - 1, -1.0), (below, 1.0)):
        if 0 <= band < levels.shape[1]:

            def distance(points: Float, band: int = band, sign: float = sign) -> Float:
                return sign * above(points)[:, band]

            start = mesh[int(np.argmin(sign * levels[:, band]))]
            if pattern_search(distance, start, reach=0.5 / n, fixed=crystal.lattice.constant_axes)[0] <= 0:
                return None
    return below


def energy_bound(crystal: Crystal) -> float:
    """Upper bound of the magnitude of all energies: the largest row sum of the Fourier coefficients of H if known."""
    if isinstance(crystal, TightBinding):
        # a copy of all matrices may not fit into memory
        return float(reduce(np.add, map(np.abs, crystal.hoppings.values())).sum(axis=1).max())
    amplitudes = getattr(crystal, "amplitudes", None)
    if amplitudes is not None:
        return float(np.abs(amplitudes).sum(axis=0).sum(axis=1).max())
    mesh, _ = coarse_mesh(crystal, 4000)
    return 2.0 * float(np.abs(energies_at(crystal.matrices(), mesh, crystal.size)).max())


def bandwidth(crystal: Crystal) -> float:
    """Spread of the energies over a coarse mesh, to which gaps are compared."""
    lowest, highest = energy_range(crystal)
    return highest - lowest


def energy_range(crystal: Crystal, points: int = 4) -> tuple[float, float]:
    """Lowest and highest energy on a mesh, by default a coarse one, with this number of points along each axis."""
    known = _RANGES.of(crystal)
    if points not in known:
        energies = _mesh_energies(crystal, points)
        known[points] = float(energies.min()), float(energies.max())
    return known[points]


def inside_gaps(crystal: Crystal, levels: Float, points: int) -> np.ndarray:
    """True for levels (M,) with equally many bands below them at all points of a mesh."""
    below = (_mesh_energies(crystal, points)[..., None] < levels).sum(axis=1)
    return np.asarray((below == below[0]).all(axis=0))


def _mesh_energies(crystal: Crystal, points: int) -> Float:
    """Energies on a mesh with this number of points along each axis, (P, N)."""
    axes, size = [np.arange(points) / points] * len(crystal.directions), crystal.size
    if size > MANY_BANDS and 16 * size**2 * points ** len(axes) > PART_BYTES:
        return energies_at(crystal.matrices(), tensor_grid(axes), size, whole=PART_BYTES)
    return energies_batch(crystal.matrices().on_grid(axes)[:, 0])


def describe_point(crystal: Crystal, at: Float) -> str:
    """Description of a point of the torus for messages."""
    d = crystal.lattice.dimension
    # nothing depends on the wave vector of a molecule
    k = f"k = ({', '.join(f'{x:.6g}' for x in at[:d])}) (reduced)" if crystal.lattice.periodic else "any k"
    return k if len(at) == d else f"{k}, theta = {2 * np.pi * at[d]:.6g}"


def closed_gap_error(crystal: Crystal, gap: float, at: Float, occupied: int) -> GapClosedError:
    """Error for a closed gap, with its size and position."""
    d, gap = crystal.lattice.dimension, crystal.units.in_user_units(gap)
    k = tuple(float(x) for x in at[:d])
    theta = float(2 * np.pi * at[d]) if len(at) > d else None
    return GapClosedError(
        f"the gap above the {occupied} occupied bands closes: {gap:.1e} at {describe_point(crystal, at)}; expected an "
        "insulator at every k and theta",
        gap=gap,
        k=k,
        theta=theta,
    )
