"""Wannier functions of several crystals that differ little, made to correspond.

Files made one by one along a path may have their Wannier functions in another order, in other home cells and with other
phases. They are brought to those of the first crystal by where they sit, what energy they have, and how their hoppings
and position matrices agree; no overlap between the functions of two crystals is needed. Functions that are mixed
otherwise are left as they are: how far apart the crystals stay tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import InvalidModelError
from adiabloch.models.wannier import WannierModel


@dataclass(frozen=True, eq=False)
class Alignment:
    """Crystals whose Wannier functions correspond, and how well."""

    models: tuple[WannierModel, ...]
    before: Float
    """How far the matrices of each were from those of the first one, relative to their size."""
    after: Float
    """How far they are now."""

    def __str__(self) -> str:
        return (
            f"{len(self.models)} crystals aligned: matrices differed from the first one's by up to "
            f"{self.before.max():.1e} of their size, now by up to {self.after.max():.1e}"
        )


def aligned(models: Sequence[WannierModel]) -> Alignment:
    """Make the Wannier functions of several crystals correspond: order, home cells, phases.

    Parameters
    ----------
    models : sequence of WannierModel
        Of one lattice, with as many Wannier functions: snapshots along a cycle, say.

    Returns
    -------
    Alignment
        Its `models` are in the order given, the first one as it was.

    Raises
    ------
    InvalidModelError
        Models that do not belong together.
    """
    models = tuple(models)
    _check(models)
    first = models[0]
    found = [first, *(_phased(_ordered(model, first), first) for model in models[1:])]
    before, after = (np.array([_distance(model, first) for model in some]) for some in (models, found))
    return Alignment(tuple(found), before, after)


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


def _matrices(model: WannierModel, reference: WannierModel) -> Complex:
    """Hoppings and position matrix on the translations of both, in units of their sizes in the reference; (M, N, N)."""
    keys = sorted({*model.hoppings, *reference.hoppings})
    n, d = model.size, model.lattice.dimension
    stacked = np.zeros((len(keys), 1 + d, n, n), dtype=np.complex128)
    for index, R in enumerate(keys):
        if R in model.hoppings:
            stacked[index, 0] = model.hoppings[R]
            stacked[index, 1:] = np.moveaxis(model.position_matrix[R], 2, 0)
    # neither the zero of energy nor the origin tells functions apart
    home, i = keys.index((0,) * d), np.arange(n)
    centre, level = reference.positions.mean(axis=0), float(np.trace(reference.hoppings[(0,) * d]).real) / n
    stacked[home, 0, i, i] -= level
    stacked[home, 1:, i, i] -= centre
    spread = float(np.linalg.norm(reference.positions - centre)) or 1.0
    sizes = np.array([float(np.linalg.norm(reference.amplitudes)) or 1.0, *[spread] * d])
    return np.asarray((stacked / sizes[:, None, None]).reshape(-1, n, n))


def _distance(model: WannierModel, reference: WannierModel) -> float:
    X, Y = _matrices(model, reference), _matrices(reference, model)
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
    sums = (_matrices(model, reference) * _matrices(reference, model).conj()).sum(axis=0)
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
    return model.rotated(np.diag(phases))
