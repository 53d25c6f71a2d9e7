"""Finite differences on a mesh of k points: steps to the neighbours of each, and what weights they have.

A checkpoint of Wannier90 holds overlaps with the neighbours of each k point, but not which neighbour is which. That is
said by `SEED.nnkp`, or found: the steps b from the lattice and the mesh, as Wannier90 chooses them, and their order
from the overlaps themselves, since M(k, b)^dagger = M(k + b, -b) and the phases of M_ii(k, b) are about -b.tau_i.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adiabloch.arrays import Float, Integer
from adiabloch.errors import FileFormatError
from adiabloch.io.checkpoint import Checkpoint
from adiabloch.linalg import dagger

APART = 1e-4
"""1/Angstrom between steps that are the same."""
THERE_AND_BACK = 1e-4
"""How far the overlaps of a step and of the step back may be from adjoint."""
CENTRED = 5e-3
"""Angstrom by which the centres on file may differ from those that the overlaps give."""
DOUBTFUL = 0.8 * np.pi
"""Phases this far from those of the centre may count on another branch in Wannier90."""
TOLD = 1e-3
"""Differences of diagonal overlaps by which two steps can be told apart."""
VANISHING = 1e-8
"""An overlap of a function with itself that has no phase."""
LARGEST = 1.1
"""What an overlap cannot exceed: 1, up to what pseudopotentials leave out."""
LARGEST_SEARCH = 10**5
"""Steps among which those of Wannier90 are looked for."""


def matching(steps: Float, wanted: Float) -> Integer:
    """Which of the steps (..., neighbours, 3) are the wanted ones (neighbours, 3), in the order of these; -1: none."""
    apart = np.abs(steps[..., None, :, :] - wanted[:, None]).sum(axis=-1)
    which: Integer = np.where(apart.min(axis=-1) < APART, apart.argmin(axis=-1), -1)
    return which


def shell_weights(path: Path, steps: Float) -> Float:
    """Weights w of the steps b from a k point to its neighbours, those of one length alike: sum w b b = 1.

    Raises
    ------
    FileFormatError
        Steps, of the file `path`, that are too few for it.
    """
    lengths = np.sqrt((steps**2).sum(axis=1))
    _, shell = np.unique(np.rint(lengths / lengths.min() * 1e4), return_inverse=True)
    products = steps[:, :, None] * steps[:, None, :]
    shells = np.array([products[shell == number].sum(axis=0) for number in range(shell.max() + 1)])
    upper = np.triu_indices(3)
    found, *_ = np.linalg.lstsq(shells[:, upper[0], upper[1]].T, np.eye(3)[upper], rcond=1e-8)
    defect = float(np.abs(np.tensordot(found, shells, axes=1) - np.eye(3)).max())
    if not defect <= 1e-4:
        raise FileFormatError(f"{path}: the steps to neighbours are not complete, off by {defect:.1e}")
    return np.asarray(found[shell])


def steps_of_mesh(vectors: Float, mesh: tuple[int, ...], count: int) -> Integer | None:
    """Steps to the neighbours of a k point as Wannier90 chooses them, in units of the mesh, (count, 3).

    Shell after shell of equally long steps, leaving out those that are parallel to shorter ones or add nothing, until
    sum w b b = 1 can be fulfilled. None if that takes another number of steps: the user chose them.
    """
    sides = np.array(mesh)
    basis = 2 * np.pi * np.linalg.inv(vectors).T / sides[:, None]
    radius = float(np.sqrt((basis**2).sum(axis=1)).min())
    while True:
        reach = np.floor(radius * np.sqrt((vectors**2).sum(axis=1)) * sides / (2 * np.pi) + 1e-6).astype(int)
        if np.prod(2.0 * reach + 1.0) > LARGEST_SEARCH:
            return None
        grid = np.stack(np.meshgrid(*[np.arange(-r, r + 1) for r in reach], indexing="ij"), -1).reshape(-1, 3)
        lengths = np.sqrt(((grid @ basis) ** 2).sum(axis=1))
        inside = (lengths > 0) & (lengths <= radius * (1 + 1e-9))
        found = _first_complete(grid[inside], grid[inside] @ basis, lengths[inside])
        if found is not None:
            return found if len(found) == count else None
        radius *= 1.3


def _first_complete(steps: Integer, b: Float, lengths: Float) -> Integer | None:
    """The first shells with which sum w b b = 1 can be fulfilled; None if all together cannot."""
    order = np.argsort(lengths, kind="stable")
    edges = np.flatnonzero(np.diff(lengths[order]) > 1e-6) + 1
    kept: list[Integer] = []
    products = np.zeros((0, 6))
    rows, columns = np.triu_indices(3)
    for shell in np.split(order, edges):
        units = b[shell] / lengths[shell, None]
        known = np.concatenate([b[one] / lengths[one, None] for one in kept]) if kept else np.zeros((0, 3))
        if (np.abs(np.abs(units @ known.T) - 1) < 1e-6).any():
            continue
        more = np.vstack([products, (b[shell][:, rows] * b[shell][:, columns]).sum(axis=0)])
        scaled = more / np.sqrt((more**2).sum(axis=1))[:, None]
        if np.linalg.svd(scaled, compute_uv=False).min() < 1e-5:
            continue
        kept, products = [*kept, shell], more
        weights, *_ = np.linalg.lstsq(products.T, np.eye(3)[rows, columns], rcond=None)
        if np.abs(weights @ products - np.eye(3)[rows, columns]).max() < 1e-6:
            return np.asarray(steps[np.concatenate(kept)])
    return None


class Links:
    """The overlaps of a checkpoint and the steps that they may belong to.

    Parameters
    ----------
    checkpoint : Checkpoint
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        sides = np.array(checkpoint.mesh)
        self._places = np.rint(checkpoint.points * sides).astype(np.int64)
        self._index = np.zeros(checkpoint.mesh, dtype=np.int64)
        self._index[tuple((self._places % sides).T)] = np.arange(len(self._places))
        self._basis = 2 * np.pi * np.linalg.inv(checkpoint.vectors).T / sides[:, None]
        self._diagonal = np.diagonal(checkpoint.overlaps, axis1=2, axis2=3)

    def cartesian(self, steps: Integer) -> Float:
        """Steps (..., 3) in units of the mesh in 1/Angstrom."""
        return np.asarray(steps @ self._basis)

    def neighbour(self, steps: Integer) -> Integer:
        """Numbers of the points where steps (K, neighbours, 3) lead."""
        there = (self._places[:, None] + steps) % np.array(self.checkpoint.mesh)
        return np.asarray(self._index[tuple(np.moveaxis(there, -1, 0))])

    def problem(self, steps: Integer) -> str | None:
        """Why the overlaps do not belong to steps (K, neighbours, 3) in this order, or None if they do."""
        M = self.checkpoint.overlaps
        small, large = float(np.abs(self._diagonal).min()), float(np.abs(M).max())
        if not (small > VANISHING and large < LARGEST):
            return f"overlaps of functions with themselves down to {small:.1e} and others up to {large:.1e}"
        first = steps[0]
        there = self.neighbour(steps)
        for slot in range(len(first)):
            # which of the neighbour's steps leads back; none where half of them are kept
            leads = (steps[there[:, slot]] == -steps[:, slot, None]).all(axis=-1)
            (here,) = np.nonzero(leads.any(axis=1))
            back = there[here, slot]
            defect = np.abs(dagger(M[here, slot]) - M[back, leads[here].argmax(axis=1)]).max(axis=(1, 2))
            # comparisons with NaN are false
            if not (defect <= THERE_AND_BACK).all():
                worst = int(np.argmax(defect))
                return (
                    f"overlaps of k point {here[worst] + 1} with its neighbour {back[worst] + 1} that are not adjoint "
                    f"to those of the step back, by {defect[worst]:.1e}"
                )
        b, centres = self.cartesian(steps), self.checkpoint.centres
        weights = shell_weights(self.checkpoint.path, self.cartesian(first))
        which = matching(self.cartesian(steps), self.cartesian(first))
        each = np.empty_like(b[..., 0])
        np.put_along_axis(each, which, np.broadcast_to(weights, each.shape), axis=1)
        phases = np.angle(self._diagonal * np.exp(1j * b @ centres.T))
        apart_by = np.sqrt((np.einsum("ks,ksi,ksa->ia", each, phases, b) ** 2).sum(axis=1)) / len(M)
        doubtful = np.abs(phases) > DOUBTFUL
        slack = 2 * np.pi * np.einsum("ks,ksi->i", np.abs(each) * np.sqrt((b**2).sum(axis=-1)), doubtful) / len(M)
        worst = int(np.argmax(apart_by - slack))
        if not apart_by[worst] <= CENTRED + slack[worst]:
            return (
                f"overlaps that put the centre of function {worst + 1} {apart_by[worst]:.2g} Angstrom away from "
                "where the checkpoint has it"
            )
        if doubtful.any() and self.score(steps) < self.score(self.sorted(first)) - TOLD:
            return "overlaps whose phases fit another order of the neighbours better"
        return None

    def score(self, steps: Integer) -> float:
        """How well the phases of overlaps fit the centres, the larger the better."""
        turned = self._diagonal * np.exp(1j * self.cartesian(steps) @ self.checkpoint.centres.T)
        return float(turned.real.sum())

    def sorted(self, steps: Integer) -> Integer:
        """The steps (neighbours, 3) in the order of each point, (K, neighbours, 3), that fits the overlaps best."""
        # slow to import, and needed by few who import this
        from scipy.optimize import linear_sum_assignment

        count = len(steps)
        possible = self._possible(steps)
        b = self.cartesian(steps)
        fit = np.einsum("ksi,gi->ksg", self._diagonal, np.exp(1j * b @ self.checkpoint.centres.T)).real
        found = np.empty((len(fit), count, 3), dtype=np.int64)
        for point, (scores, allowed) in enumerate(zip(fit, possible, strict=True)):
            slots, chosen = linear_sum_assignment(scores - 1e3 * ~allowed, maximize=True)
            found[point, slots] = steps[chosen]
        return found

    def _possible(self, steps: Integer) -> np.ndarray:
        """Whether an overlap, (K, neighbours), may be that of a step: the adjoint is where it leads."""
        M = self.checkpoint.overlaps
        n = M.shape[-1]
        marks = [np.exp(1j * np.sqrt(prime) * np.arange(1, n + 1) ** 2) for prime in (2, 3, 5, 7)]
        pairs = [(marks[0], marks[1]), (marks[2], marks[3])]
        forth = np.stack([np.einsum("i,ksij,j->ks", x.conj(), M, y) for x, y in pairs], axis=-1)
        back = np.stack([np.einsum("i,ksij,j->ks", y.conj(), M, x).conj() for x, y in pairs], axis=-1)
        there = self.neighbour(np.broadcast_to(steps, (len(M), *steps.shape)))
        result = np.empty((len(M), len(steps), len(steps)), dtype=bool)
        for step in range(len(steps)):
            apart = np.abs(back[:, :, None] - forth[there[:, step]][:, None]).max(axis=-1).min(axis=-1)
            result[:, :, step] = apart <= THERE_AND_BACK * n
        return result

    def undecided(self, steps: Integer, plane: list[int]) -> bool:
        """Whether another order would do as well and give another position matrix along some Cartesian axes."""
        M, sides = self.checkpoint.overlaps, np.array(self.checkpoint.mesh)
        b = self.cartesian(steps)
        waves = np.exp(1j * b @ self.checkpoint.centres.T)
        count = steps.shape[1]
        for one in range(count):
            for other in range(one):
                # both lead to the same point
                same = ((steps[:, one] - steps[:, other]) % sides == 0).all(axis=1)
                same &= np.abs(b[:, one][:, plane] - b[:, other][:, plane]).max(axis=1) > APART
                same &= np.abs(M[:, one] - M[:, other]).max(axis=(1, 2)) > THERE_AND_BACK
                turned = (self._diagonal[:, one] - self._diagonal[:, other]) * (waves[:, one] - waves[:, other])
                if (same & (turned.real.sum(axis=1) < TOLD)).any():
                    return True
        return False
