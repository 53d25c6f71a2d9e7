"""Alignment of the Wannier functions of similar crystals.

Wannier functions that are computed separately for the crystals along a path may differ in their order, their home cells
and their phases. They are matched to those of the first crystal by their centres, their on-site energies, and the
agreement of hoppings and position matrices; no overlaps between the functions of two crystals are needed. Functions
that differ by a unitary transformation within the cell can be aligned too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import AccuracyWarning, InvalidModelError, warn
from adiabloch.linalg import dagger, in_basis
from adiabloch.markup import record_html
from adiabloch.models.arguments import checked_sequence
from adiabloch.models.cycle import DEFAULT_TOLERANCE, Cycle
from adiabloch.models.tight_binding import TightBinding

MOST_STEPS = 200
"""Largest number of iterations for phases and rotations."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Crystals with aligned Wannier functions, and the differences that remain."""

    models: tuple[TightBinding, ...]
    """Aligned models, in the order given."""
    before: Float
    """Distance of each model's matrices from those of the first model before alignment, relative to their size."""
    after: Float
    """The same distance after alignment."""
    tail: float
    """Size of the last harmonics relative to the largest one, for the models as snapshots of a cycle."""

    _repr_html_ = record_html

    def __str__(self) -> str:
        return (
            f"{len(self.models)} crystals aligned: matrices differed from the first one's by up to "
            f"{self.before.max():.1e} of their size, now by up to {self.after.max():.1e}; as a cycle, their last "
            f"harmonics reach {self.tail:.1e} of the largest one"
        )


def aligned(models: Sequence[TightBinding], *, rotations: bool = False) -> Alignment:
    """Align the Wannier functions of several crystals: order, home cells and phases.

    Parameters
    ----------
    models : sequence of TightBinding
        Models with the same number of Wannier functions, for example the snapshots of a cycle.
    rotations : bool
        Apply a unitary transformation within the cell as well, which brings the matrices as close as possible to those
        of the first crystal. Use it for functions that were localized separately for each crystal. It is not needed for
        projections, which follow their atoms.

    Returns
    -------
    Alignment
        Its `models` are in the order given; the first one is unchanged.

    Raises
    ------
    InvalidModelError
        Models of different dimensions or numbers of functions.
    InvalidArgumentError
        Not a sequence of models, or no model.

    Warns
    -----
    AccuracyWarning
        Models that are not smooth as a cycle; the message gives the size of the last harmonics.
    """
    models = tuple(checked_sequence(models, "models", TightBinding, "models of Wannier functions"))
    _check(models)
    first = models[0]
    found = [first, *(_aligned_model(model, first, rotations) for model in models[1:])]
    before, after = (np.array([_distance(model, first) for model in some]) for some in (models, found))
    alignment = Alignment(tuple(found), before, after, _cycle_tail(found))
    if alignment.tail > DEFAULT_TOLERANCE:
        warn(
            f"aligned: not smooth along a cycle: the last harmonics of its {len(found)} snapshots reach "
            f"{alignment.tail:.1e} of the largest one, expected below {DEFAULT_TOLERANCE:.0e}; more snapshots may help"
            + ("" if rotations else ", or rotations=True if the functions were localized for each of them"),
            AccuracyWarning,
        )
    return alignment


def _check(models: tuple[TightBinding, ...]) -> None:
    """Check that all are Wannier models of one dimension and one number of functions."""
    for number, model in enumerate(models):
        if model.position_matrix is None:
            raise InvalidModelError(
                f"aligned: model {number} has no position matrix, expected a model of Wannier functions"
            )
        if model.size != models[0].size or model.lattice.vectors.shape != models[0].lattice.vectors.shape:
            raise InvalidModelError(
                f"aligned: model {number} has {model.size} functions in {model.lattice.dimension}D, model 0 "
                f"{models[0].size} in {models[0].lattice.dimension}D; expected the same"
            )


def _matrices(model: TightBinding, reference: TightBinding) -> tuple[Complex, Complex]:
    """Hoppings and position matrices of both models, in units of those of the reference; (M, N, N) each."""
    keys = sorted({*model.hoppings, *reference.hoppings})
    n, d = model.size, model.lattice.dimension
    home, i = keys.index((0,) * d), np.arange(n)
    # the zero of energy and the origin are removed: they do not distinguish functions
    centre, level = reference.positions.mean(axis=0), float(np.trace(reference.hoppings[(0,) * d]).real) / n
    spread = float(np.linalg.norm(reference.positions - centre)) or 1.0
    sizes = np.array([float(np.linalg.norm(reference.amplitudes)) or 1.0, *[spread] * d])
    found = []
    for one in (model, reference):
        stacked = np.zeros((len(keys), 1 + d, n, n), dtype=np.complex128)
        assert one.position_matrix is not None
        for index, R in enumerate(keys):
            if R in one.hoppings:
                stacked[index, 0] = one.hoppings[R]
                stacked[index, 1:] = np.moveaxis(one.position_matrix[R], 2, 0)
        stacked[home, 0, i, i] -= level
        stacked[home, 1:, i, i] -= centre
        found.append((stacked / sizes[:, None, None]).reshape(-1, n, n))
    return found[0], found[1]


def _aligned_model(model: TightBinding, reference: TightBinding, rotations: bool) -> TightBinding:
    """The model itself or its aligned version, whichever is closer to the reference."""
    ways = [model, _with_matched_phases(_in_order(model, reference), reference)]
    if rotations:
        # for mixed functions the search for an order may fail, so that both are tried
        ways = [_rotated_to_reference(way, reference) for way in ways]
    return min(ways, key=partial(_distance, reference=reference))


def _cycle_tail(models: Sequence[TightBinding]) -> float:
    """Size of the last harmonics of the models as snapshots of a cycle; 0 for fewer than three models."""
    if len(models) < 3:
        return 0.0
    return Cycle(models, tolerance=np.inf).tail


def _distance(model: TightBinding, reference: TightBinding) -> float:
    """Distance of the matrices of a model from those of the reference, relative to their size."""
    X, Y = _matrices(model, reference)
    return float(np.linalg.norm(X - Y) / np.linalg.norm(Y))


def _in_order(model: TightBinding, reference: TightBinding) -> TightBinding:
    """Order and home cells of the functions, matched to the reference by centres and on-site energies."""
    from scipy.optimize import linear_sum_assignment  # slow to import

    inverse = np.linalg.inv(model.lattice.vectors)
    apart = (model.positions[:, None] - reference.positions[None]) @ inverse
    away = (apart - np.rint(apart)) @ model.lattice.vectors
    levels = [np.diagonal(m.hoppings[(0,) * m.lattice.dimension]).real for m in (model, reference)]
    energy = levels[0][:, None] - levels[1]
    width = float(np.ptp(levels[1])) or 1.0
    length = float(np.abs(model.lattice.vectors).max())
    rows, columns = linear_sum_assignment((away**2).sum(axis=2) / length**2 + (energy / width) ** 2)
    steps = np.rint(apart[rows, columns]).astype(int)
    for orbital, step in zip(rows, steps, strict=True):
        if step.any():
            model = model.moved(int(orbital), (-step).tolist())
    U = np.zeros((model.size, model.size))
    U[rows, columns] = 1.0
    return model.rotated(U)


def _with_matched_phases(model: TightBinding, reference: TightBinding) -> TightBinding:
    """Phases of the functions that bring matrix elements closest to those of the reference.

    If u_i* X_ij u_j = Y_ij, the sum of X_ij Y_ij* has the phase of u_i u_j*. Phases are determined along a tree of the
    largest of these sums, and then refined with all of them. One function in each set of coupled functions keeps its
    phase.
    """
    X, Y = _matrices(model, reference)
    sums = (X * Y.conj()).sum(axis=0)
    weights = np.abs(sums)
    phases, reached = np.ones(model.size, dtype=np.complex128), np.zeros(model.size, dtype=bool)
    least = 1e-10 * weights.max(initial=0.0)
    for root in range(model.size):
        if reached[root]:
            continue
        reached[root] = True
        while True:
            ways = np.where(reached[:, None] & ~reached[None, :], weights, 0.0)
            i, j = np.unravel_index(int(ways.argmax()), ways.shape)
            if ways[i, j] <= least:
                break
            phases[j] = phases[i] * (sums[i, j] / weights[i, j]).conj()
            reached[j] = True
    # the tree uses only some matrix elements and may differ between crystals: iterate with all of them
    sums = sums + dagger(sums)
    steady = np.abs(sums).sum(axis=1).max(initial=1e-300)
    for _ in range(MOST_STEPS):
        better = sums @ phases + steady * phases
        phases = better / np.abs(better)
    return model.rotated(np.diag(phases))


def _rotated_to_reference(model: TightBinding, reference: TightBinding) -> TightBinding:
    """Rotation of the functions of the cell by the unitary U that brings U^dagger X U closest to Y.

    For U = 1 + K, U^dagger X U = X + [X, K] to first order. Each step minimizes the norm of X + [X, K] - Y; it is
    halved until the distance decreases.
    """
    X, Y = _matrices(model, reference)
    U = np.eye(model.size, dtype=np.complex128)
    here, shorter = float(np.linalg.norm(X - Y)), 1.0
    step = _rotation_step(X, Y)
    for _ in range(MOST_STEPS):
        left, _, right = np.linalg.svd(np.eye(model.size) + shorter * step)
        tried = U @ left @ right
        turned = in_basis(X, tried)
        there = float(np.linalg.norm(turned - Y))
        if there > here:
            shorter *= 0.5
            if shorter < 1e-3:
                break
            continue
        U, done = tried, here - there < 1e-14 * here
        here, shorter, step = there, 1.0, _rotation_step(turned, Y)
        if done:
            break
    return model.rotated(U)


def _rotation_step(X: Complex, Y: Complex) -> Complex:
    """Anti-Hermitian K that minimizes the sum of |X + [X, K] - Y|^2."""
    n = X.shape[1]
    one, adjoint, missing = np.eye(n), dagger(X), Y - X
    square = (
        np.einsum("ac,bd->abcd", (adjoint @ X).sum(axis=0), one)
        + np.einsum("ac,db->abcd", one, (X @ adjoint).sum(axis=0))
        - np.einsum("mac,mdb->abcd", adjoint, X, optimize=True)
        - np.einsum("mac,mdb->abcd", X, adjoint, optimize=True)
    )
    right = (adjoint @ missing - missing @ adjoint).sum(axis=0)
    # phases of uncoupled functions are undetermined; the least-squares solution leaves them unchanged
    K = np.linalg.lstsq(square.reshape(n * n, n * n), right.ravel(), rcond=1e-10)[0].reshape(n, n)
    return np.asarray(0.5 * (K - dagger(K)))
