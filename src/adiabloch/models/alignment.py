"""Wannier functions of several crystals that differ little, made to correspond.

Files made one by one along a path may have their Wannier functions in another order, in other home cells and with other
phases. They are brought to those of the first crystal by where they sit, what energy they have, and how their hoppings
and position matrices agree; no overlap between the functions of two crystals is needed. Functions that are mixed
otherwise can be turned back too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import AccuracyWarning, InvalidModelError, warn
from adiabloch.linalg import dagger, rotated
from adiabloch.models.cycle import DEFAULT_TOLERANCE, Cycle
from adiabloch.models.wannier import WannierModel

STEPS = 200
"""After which turning functions into each other gives up."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Crystals whose Wannier functions correspond, and how well."""

    models: tuple[WannierModel, ...]
    before: Float
    """How far the matrices of each were from those of the first one, relative to their size."""
    after: Float
    """How far they are now."""
    tail: float
    """Size of the last harmonics relative to the largest, as snapshots of a cycle."""

    def __str__(self) -> str:
        return (
            f"{len(self.models)} crystals aligned: matrices differed from the first one's by up to "
            f"{self.before.max():.1e} of their size, now by up to {self.after.max():.1e}; as a cycle, their last "
            f"harmonics reach {self.tail:.1e} of the largest one"
        )


def aligned(models: Sequence[WannierModel], *, rotations: bool = False) -> Alignment:
    """Make the Wannier functions of several crystals correspond: order, home cells, phases.

    Parameters
    ----------
    models : sequence of WannierModel
        Of one lattice, with as many Wannier functions: snapshots along a cycle, say.
    rotations : bool
        Whether to turn functions of one cell into each other as well, until the matrices are as near to those of the
        first crystal as they can be: for functions that were localized anew for each crystal. Leave it out where the
        functions are projections: these follow their atoms by themselves.

    Returns
    -------
    Alignment
        Its `models` are in the order given, the first one as it was.

    Raises
    ------
    InvalidModelError
        Models that do not belong together.

    Warns
    -----
    AccuracyWarning
        If they do not make a smooth cycle: the message says how large the last harmonics are.
    """
    models = tuple(models)
    _check(models)
    first = models[0]
    found = [first, *(_nearest(model, first, rotations) for model in models[1:])]
    before, after = (np.array([_distance(model, first) for model in some]) for some in (models, found))
    alignment = Alignment(tuple(found), before, after, _roughness(found))
    if alignment.tail > DEFAULT_TOLERANCE:
        warn(
            f"aligned: not smooth along a cycle: the last harmonics of its {len(found)} snapshots reach "
            f"{alignment.tail:.1e} of the largest one, expected below {DEFAULT_TOLERANCE:.0e}; more snapshots may help"
            + ("" if rotations else ", or rotations=True if the functions were localized for each of them"),
            AccuracyWarning,
        )
    return alignment


def _check(models: tuple[WannierModel, ...]) -> None:
    if not models:
        raise InvalidModelError("aligned: expected at least one model, got none")
    for number, model in enumerate(models):
        if not isinstance(model, WannierModel):
            raise InvalidModelError(f"aligned: model {number} is a {type(model).__name__}, expected a WannierModel")
        if model.size != models[0].size or model.lattice.vectors.shape != models[0].lattice.vectors.shape:
            raise InvalidModelError(
                f"aligned: model {number} has {model.size} functions in {model.lattice.dimension}D, model 0 "
                f"{models[0].size} in {models[0].lattice.dimension}D; expected the same"
            )


def _matrices(model: WannierModel, reference: WannierModel) -> tuple[Complex, Complex]:
    """Hoppings and position matrix of both on all their translations, in units of the reference's; (M, N, N) each."""
    keys = sorted({*model.hoppings, *reference.hoppings})
    n, d = model.size, model.lattice.dimension
    home, i = keys.index((0,) * d), np.arange(n)
    # neither the zero of energy nor the origin tells functions apart
    centre, level = reference.positions.mean(axis=0), float(np.trace(reference.hoppings[(0,) * d]).real) / n
    spread = float(np.linalg.norm(reference.positions - centre)) or 1.0
    sizes = np.array([float(np.linalg.norm(reference.amplitudes)) or 1.0, *[spread] * d])
    found = []
    for one in (model, reference):
        stacked = np.zeros((len(keys), 1 + d, n, n), dtype=np.complex128)
        for index, R in enumerate(keys):
            if R in one.hoppings:
                stacked[index, 0] = one.hoppings[R]
                stacked[index, 1:] = np.moveaxis(one.position_matrix[R], 2, 0)
        stacked[home, 0, i, i] -= level
        stacked[home, 1:, i, i] -= centre
        found.append((stacked / sizes[:, None, None]).reshape(-1, n, n))
    return found[0], found[1]


def _nearest(model: WannierModel, reference: WannierModel, rotations: bool) -> WannierModel:
    """The crystal as it is, or brought to the reference, whichever is nearer to it."""
    ways = [model, _phased(_ordered(model, reference), reference)]
    if rotations:
        # where functions are mixed, looking for an order may lead astray
        ways = [_turned(way, reference) for way in ways]
    return min(ways, key=partial(_distance, reference=reference))


def _roughness(models: Sequence[WannierModel]) -> float:
    """Last harmonics of hoppings and positions along a cycle, relative to the largest."""
    if len(models) < 3:
        return 0.0
    return Cycle(models, tolerance=np.inf).tail


def _distance(model: WannierModel, reference: WannierModel) -> float:
    X, Y = _matrices(model, reference)
    return float(np.linalg.norm(X - Y) / np.linalg.norm(Y))


def _ordered(model: WannierModel, reference: WannierModel) -> WannierModel:
    """The functions in the order and the cells of those of the reference that sit and lie nearest."""
    from scipy.optimize import linear_sum_assignment  # imported late: it is slow to load

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


def _phased(model: WannierModel, reference: WannierModel) -> WannierModel:
    """The functions with phases that bring matrix elements to the reference: the largest ones first.

    Where u_i* X_ij u_j shall be like Y_ij, sum X_ij Y_ij* has the phase of u_i u_j*. Phases go from one to the next
    along the tree of the largest of these sums; the first function of each tree, coupled to no other, keeps its own.
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
    # the tree weighs some elements only, and may change from crystal to crystal: let all have their say
    sums = sums + dagger(sums)
    steady = np.abs(sums).sum(axis=1).max(initial=1e-300)
    for _ in range(STEPS):
        better = sums @ phases + steady * phases
        phases = better / np.abs(better)
    return model.rotated(np.diag(phases))


def _turned(model: WannierModel, reference: WannierModel) -> WannierModel:
    """The functions of a cell turned into each other, by the unitary U that brings U^dagger X U nearest to Y.

    To first order U^dagger X U = X + [X, K] for U = 1 + K: a step solves the least squares of X + [X, K] - Y, shorter
    as long as it leads away.
    """
    X, Y = _matrices(model, reference)
    U = np.eye(model.size, dtype=np.complex128)
    here, shorter = float(np.linalg.norm(X - Y)), 1.0
    step = _towards(X, Y)
    for _ in range(STEPS):
        left, _, right = np.linalg.svd(np.eye(model.size) + shorter * step)
        tried = U @ left @ right
        turned = rotated(X, tried)
        there = float(np.linalg.norm(turned - Y))
        if there > here:
            shorter *= 0.5
            if shorter < 1e-3:
                break
            continue
        U, done = tried, here - there < 1e-14 * here
        here, shorter, step = there, 1.0, _towards(turned, Y)
        if done:
            break
    return model.rotated(U)


def _towards(X: Complex, Y: Complex) -> Complex:
    """The anti-Hermitian K for which the sum of |X + [X, K] - Y|^2 is least."""
    n = X.shape[1]
    one, adjoint, missing = np.eye(n), dagger(X), Y - X
    square = (
        np.einsum("ac,bd->abcd", (adjoint @ X).sum(axis=0), one)
        + np.einsum("ac,db->abcd", one, (X @ adjoint).sum(axis=0))
        - np.einsum("mac,mdb->abcd", adjoint, X, optimize=True)
        - np.einsum("mac,mdb->abcd", X, adjoint, optimize=True)
    )
    right = (adjoint @ missing - missing @ adjoint).sum(axis=0)
    # phases that couple to nothing are not determined: they stay
    K = np.linalg.lstsq(square.reshape(n * n, n * n), right.ravel(), rcond=1e-10)[0].reshape(n, n)
    return np.asarray(0.5 * (K - dagger(K)))
