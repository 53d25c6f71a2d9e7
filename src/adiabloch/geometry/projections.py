"""Projections for a smooth gauge: trial orbitals that are found automatically, or chosen by the user and checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Complex, Float, Integer, checked, tensor_grid
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.gaps import coarse_mesh
from adiabloch.linalg import dagger, eigh_batch, svd_batch
from adiabloch.markup import record_html
from adiabloch.minimize import pattern_search
from adiabloch.models.crystal import Crystal, checked_crystal
from adiabloch.models.fourier import FourierSeries
from adiabloch.occupation import Group, subspace_indices

ProjectionChoice = ArrayLike | None
"""Choice of the user: None, the indices of J orbitals, or an (N, J) matrix with trial orbitals as columns."""

POINTS = 1500
"""Points of the mesh on which trial orbitals are compared."""
FEW_POINTS = 400
"""Points of the mesh on which orbitals that extend over several cells are optimized."""
STARTS = 4
"""Number of points from which the search for a vanishing overlap starts."""
SUFFICIENT_OVERLAP = 0.4
"""Smallest overlap at which the search stops."""
SMALL_GAIN = 1e-6
"""Relative decrease of the cost of trial orbitals below which their optimization ends."""
ATTEMPTS = ((2, 0, 0.0), (2, 6, 0.2), (1, 0, 1.0), (2, 4, 1.0), (1, 1, 1.0), (2, 5, 1.0), (1, 2, 1.0), (1, 3, 1.0))
"""Searches for trial orbitals that extend over several cells: their range in lattice translations, and the seed and
weight of random orbitals in their start. With weight 0 it consists of the eigenstates of the mean projector and keeps
their symmetry; with a small weight it breaks this symmetry, as is necessary for a topological insulator; with weight 1
it is random in all cells."""


@dataclass(frozen=True, eq=False)
class Projections:
    """Trial orbitals of a group of bands: g = sum_T c_T exp(2 pi i T.x), smooth and periodic on the torus.

    Parameters
    ----------
    translations : int array, shape (T, D)
        Cells and harmonics of theta over which the orbitals extend; usually the home cell only.
    coefficients : complex array, shape (T, N, J)
        Coefficients in the basis of the model; approximately orthonormal on the whole torus.
    overlap : float
        Smallest singular value of their overlap with the group found by a coarse search.
    """

    translations: Integer
    coefficients: Complex
    overlap: float = math.nan

    _repr_html_ = record_html

    @property
    def constant(self) -> bool:
        """True if the orbitals do not depend on k and theta."""
        return not self.translations.any()

    def series(self, vectors: Float) -> FourierSeries:
        """Fourier series of the orbitals and their derivatives along the Cartesian directions of k and theta."""
        steps = self.translations.astype(float)
        d = len(vectors)
        steps[:, :d] = steps[:, :d] @ vectors
        slopes = 1j * steps[:, :, None, None] * self.coefficients[:, None]
        return FourierSeries(self.translations, np.concatenate([self.coefficients[:, None], slopes], axis=1))

    @cached_property
    def _values(self) -> FourierSeries:
        return FourierSeries(self.translations, self.coefficients[:, None])

    def at(self, points: Float) -> Complex:
        """Orbitals at reduced points, (P, D) -> (P, N, J)."""
        return self._values.at(points)[:, 0]


def find_projections(crystal: Crystal, group: Group, choice: ProjectionChoice = None) -> Projections:
    """Find trial orbitals with a nonsingular overlap with a group of bands on the whole torus.

    Parameters
    ----------
    crystal : Crystal
    group : int or (int, int)
        Number of lowest bands, or first and last + 1.
    choice : sequence of int, or array_like of shape (N, J), optional
        Choice of the user: indices of orbitals, or one column for each band.

    Returns
    -------
    Projections

    Notes
    -----
    The first candidates are the eigenstates of the mean projector with the largest eigenvalues, and the orbitals that
    QR with pivoting selects at the points of a coarse mesh. If their overlap is not sufficient, orbitals that extend
    over neighbouring cells are optimized: they minimize the mean of tr (g^dagger g)(g^dagger P g)^-1, which diverges
    where an overlap vanishes. The first search starts from these eigenstates, and so keeps the symmetry of the
    crystal; the second breaks it slightly, and the others start from random orbitals. This finds smooth gauges also
    where none with constant orbitals exists, as for a Hopf insulator, or none with time reversal, as for a strong
    topological insulator.
    """
    inside, _ = subspace_indices(group, checked_crystal(crystal).size)
    bands = inside.stop - inside.start
    mesh = _mesh(crystal, POINTS)
    home = np.zeros((1, mesh.shape[1]), dtype=np.int64)
    if bands == crystal.size and choice is None:
        return Projections(home, np.eye(bands, dtype=np.complex128)[None], 1.0)

    inside_on_mesh = eigh_batch(crystal.matrices().at(mesh)[:, 0])[1][:, :, inside]

    def candidate(translations: Integer, coefficients: Complex) -> Projections:
        orbitals = Projections(translations, coefficients)
        lowest = mesh[np.argsort(_overlaps(inside_on_mesh, orbitals.at(mesh)))[:STARTS]]
        overlap, fixed = overlap_at(crystal, group, orbitals), crystal.lattice.constant_axes
        # zeros lie on thin lines between the points of the mesh
        smallest, _ = pattern_search(overlap, lowest, reach=0.05, finest=1e-3, fixed=fixed)
        return Projections(translations, coefficients, smallest)

    if choice is not None:
        return candidate(home, _orthonormal(_checked_choice(choice, crystal.size, bands))[None])
    # a mesh with the symmetry of the crystal, so that its mean projector has it too
    symmetric, _ = coarse_mesh(crystal, POINTS)
    states = eigh_batch(crystal.matrices().at(symmetric)[:, 0])[1][:, :, inside]
    best = Projections(home, np.eye(crystal.size, bands, dtype=np.complex128)[None], -1.0)
    for columns in _constant_candidates(states):
        best = max(best, candidate(home, columns[None]), key=attrgetter("overlap"))
        if best.overlap > SUFFICIENT_OVERLAP:
            return best
    few, _ = coarse_mesh(crystal, FEW_POINTS)
    states = eigh_batch(crystal.matrices().at(few)[:, 0])[1][:, :, inside]
    for reach, seed, weight in ATTEMPTS:
        best = max(best, candidate(*_extended_candidate(few, states, reach, seed, weight)), key=attrgetter("overlap"))
        if best.overlap > SUFFICIENT_OVERLAP:
            return best
    return best


def overlap_at(crystal: Crystal, group: Group, projections: Projections) -> Callable[[Float], Float]:
    """Smallest overlap between trial orbitals and a group of bands as a function of reduced points."""
    series = crystal.matrices()
    inside, _ = subspace_indices(group, crystal.size)

    def overlap(points: Float) -> Float:
        return _overlaps(eigh_batch(series.at(points)[:, 0])[1][:, :, inside], projections.at(points))

    return overlap


def _overlaps(states: Complex, orbitals: Complex) -> Float:
    """Smallest singular value of the overlap of states and orbitals (P, N, J), (P,)."""
    return svd_batch(dagger(states) @ orbitals)[1][:, -1]


def _mesh(crystal: Crystal, points: int) -> Float:
    """Points of a coarse mesh away from points of high symmetry, where overlaps are often exceptional; (P, D)."""
    D = len(crystal.directions)
    n = max(5, math.floor(points ** (1 / D)))
    axes = [(np.arange(n) + 0.5 / (1 + axis)) / n for axis in range(D)]
    constant = crystal.lattice.constant_axes
    return tensor_grid([np.zeros(1)] * constant + axes[constant:])


def _constant_candidates(states: Complex) -> Iterator[Complex]:
    """Candidates (N, J): eigenstates of the mean projector, then the best orbitals from pivoting."""
    N = states.shape[1]
    largest = _mean_columns(states)
    yield largest

    pivots = {tuple(sorted(of)) for of in _pivots(np.array([largest, *states[:: 1 + len(states) // 200]])).tolist()}
    orbitals = [np.eye(N, dtype=np.complex128)[:, list(chosen)] for chosen in sorted(pivots)]
    yield from sorted(orbitals, key=lambda g: _cost(states, g[None])[0])[:3]


def _pivots(states: Complex) -> Integer:
    """Orbitals with the largest parts in the states (S, N, J) that are orthogonal to each other's, (S, J)."""
    rows, every, chosen = states.copy(), np.arange(len(states)), []
    for _ in range(states.shape[2]):
        squares = (rows.real**2 + rows.imag**2).sum(axis=2)
        # equal ones but for rounding: the first
        best = (squares > (1 - 1e-9) * squares.max(axis=1, keepdims=True)).argmax(axis=1)
        unit = rows[every, best] / np.sqrt(squares[every, best])[:, None]
        rows -= (rows @ unit.conj()[:, :, None]) * unit[:, None]
        chosen.append(best)
    return np.stack(chosen, axis=1)


def _extended_candidate(mesh: Float, states: Complex, reach: int, seed: int, weight: float) -> tuple[Integer, Complex]:
    """Optimized orbitals that extend over several cells: translations (T, D), coefficients (T, N, J)."""
    from scipy.optimize import minimize

    D, (N, J) = mesh.shape[1], states.shape[1:]
    box = tensor_grid([np.arange(-reach, reach + 1)] * D)
    translations = box[np.abs(box).sum(axis=1) <= reach]
    phases = np.exp(2j * np.pi * mesh @ translations.T)
    shape = (len(translations), N, J)

    def minimized(start: Complex, measure: Callable[[Complex, Complex], tuple[float, Complex]]) -> Complex:
        def cost(x: Float) -> tuple[float, Float]:
            g = (phases @ x.view(np.complex128).reshape(len(translations), -1)).reshape(-1, N, J)
            value, slope = measure(states, g)
            gradient = 2 * phases.conj().T @ slope.reshape(len(mesh), -1) / len(mesh)
            return value, gradient.view(np.float64).ravel()

        limits = {"maxiter": 150, "ftol": SMALL_GAIN}
        found = minimize(cost, start.view(np.float64).ravel(), jac=True, method="L-BFGS-B", options=limits)
        return found.x.view(np.complex128).reshape(-1, J)

    random = np.random.default_rng(seed)
    if weight < 1:
        start: Complex = np.zeros(shape, dtype=np.complex128)
        disorder = weight * random.normal(size=(N, 2 * J)).view(np.complex128)
        start[(translations == 0).all(axis=1)] = _orthonormal(_mean_columns(states) + disorder)
        return translations, minimized(start, _cost).reshape(shape)
    start = random.normal(size=(*shape[:2], 2 * J)).view(np.complex128)
    # directions first and lengths later: together, vanishing overlaps block the descent
    columns = minimized(_orthonormal(minimized(start, _misalignment)), _cost)
    return translations, columns.reshape(shape)


def _mean_columns(states: Complex) -> Complex:
    """Eigenstates of the mean projector of states (P, N, J) with the largest eigenvalues, (N, J)."""
    N, J = states.shape[1:]
    return eigh_batch((states @ dagger(states)).mean(axis=0))[1][:, N - J :]


def _misalignment(states: Complex, g: Complex) -> tuple[float, Complex]:
    """Mean of tr (g^dagger g)(g^dagger P g)^-1 over the points, and its gradient at each point, (P, N, J)."""
    overlap, norm = dagger(states) @ g, dagger(g) @ g
    inverse = np.linalg.inv(dagger(overlap) @ overlap)
    slope = g @ inverse - states @ (overlap @ inverse @ norm @ inverse)
    return float((norm @ inverse).trace(axis1=1, axis2=2).real.mean()), slope


def _cost(states: Complex, g: Complex) -> tuple[float, Complex]:
    """Mean of tr g^dagger g + tr (g^dagger P g)^-1 over the points, and its gradient at each point, (P, N, J).

    Its minimum is 2 J, for orthonormal g within the group. It diverges where an overlap, or g itself, vanishes.
    """
    overlap = dagger(states) @ g
    inverse = np.linalg.inv(dagger(overlap) @ overlap)
    slope = g - states @ (overlap @ inverse @ inverse)
    value = np.linalg.norm(g) ** 2 + inverse.trace(axis1=1, axis2=2).real.sum()
    return float(value / len(states)), slope


def _orthonormal(columns: Complex) -> Complex:
    left, _, right = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left @ right)


def _checked_choice(choice: ArrayLike, size: int, bands: int) -> Complex:
    expected = f"expected the numbers of {bands} orbitals (0 to {size - 1}) or a matrix of shape ({size}, {bands})"
    array = np.asarray(choice)
    if array.ndim == 1 and array.dtype.kind in "iu":
        if len(array) != bands or len(set(array.tolist())) != bands or array.min() < 0 or array.max() >= size:
            raise InvalidArgumentError(f"projections: {array.tolist()}, {expected}")
        return np.eye(size, dtype=np.complex128)[:, array]
    columns: Complex = checked(choice, "projections", (None, None), complex)
    if columns.shape != (size, bands):
        raise InvalidArgumentError(f"projections: shape {columns.shape}, {expected}")
    if np.linalg.svd(columns, compute_uv=False).min() < 1e-8 * np.abs(columns).max():
        raise InvalidArgumentError(
            f"projections: the {bands} columns are linearly dependent; expected independent ones"
        )
    return columns
