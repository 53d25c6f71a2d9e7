"""Finite differences on a mesh of k points: steps b to the neighbours of each k point, and their weights.

A checkpoint of Wannier90 contains the overlaps of each k point with its neighbours, but not the order of the
neighbours. `SEED.nnkp` states this order. Without it, the steps b follow from the lattice and the mesh, as Wannier90
chooses them, and their order follows from the overlaps: M(k, b)^dagger = M(k + b, -b), and the phase of M_ii(k, b) is
about -b.tau_i.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adiabloch.arrays import Float, Integer, tensor_grid
from adiabloch.errors import FileFormatError
from adiabloch.io.checkpoint import Checkpoint
from adiabloch.io.overlaps import LARGEST_OVERLAP
from adiabloch.linalg import dagger

STEP_TOLERANCE = 1e-4
"""Largest difference between equal steps, 1/Angstrom."""
ADJOINT_TOLERANCE = 1e-4
"""Largest deviation of M(k + b, -b) from M(k, b)^dagger."""
CENTRE_TOLERANCE = 5e-3
"""Largest distance in Angstrom between the centres in the checkpoint and those from the overlaps."""
DOUBTFUL_PHASE = 0.8 * np.pi
"""Phase relative to that of the centre beyond which Wannier90 may take another branch of the logarithm."""
DISTINGUISHABLE = 1e-3
"""Smallest difference of diagonal overlaps that distinguishes two steps."""
VANISHING = 1e-8
"""Diagonal overlap below which the phase is undefined."""
LARGEST_SEARCH = 10**5
"""Largest number of steps in the search for those of Wannier90."""


def matching(steps: Float, wanted: Float) -> Integer:
    """Index of each wanted step (neighbours, 3) among the steps (..., neighbours, 3); -1 if it is missing."""
    apart = np.abs(steps[..., None, :, :] - wanted[:, None]).sum(axis=-1)
    which: Integer = np.where(apart.min(axis=-1) < STEP_TOLERANCE, apart.argmin(axis=-1), -1)
    return which


def shell_weights(path: Path, steps: Float) -> Float:
    """Weights w of the steps b with sum w b b = 1; steps of equal length (a shell) have equal weights.

    Parameters
    ----------
    path : Path
        File of the steps, named in the error.
    steps : float array, shape (neighbours, 3)
        Cartesian steps.

    Returns
    -------
    float array, shape (neighbours,)

    Raises
    ------
    FileFormatError
        The condition cannot be fulfilled with these steps.
    """
    lengths = np.sqrt((steps**2).sum(axis=1))
    _, shell = np.unique(np.rint(lengths / lengths.min() * 1e4), return_inverse=True)
    products = steps[:, :, None] * steps[:, None, :]
    shells = np.array([products[shell == number].sum(axis=0) for number in range(shell.max() + 1)])
    upper = np.triu_indices(3)
    found, *_ = np.linalg.lstsq(shells[:, upper[0], upper[1]].T, np.eye(3)[upper], rcond=1e-8)
    defect = float(np.abs(np.tensordot(found, shells, axes=1) - np.eye(3)).max())
    if not defect <= 1e-4:
        raise FileFormatError(f"{path}: the steps to the neighbours do not fulfil sum w b b = 1, by {defect:.1e}")
    return np.asarray(found[shell])


def steps_of_mesh(vectors: Float, mesh: tuple[int, ...], count: int) -> Integer | None:
    """Steps to the neighbours of a k point as Wannier90 chooses them by default, in units of the mesh, (count, 3).

    Shells of equally long steps are added until sum w b b = 1 can be fulfilled. A shell is left out if it contains a
    step parallel to a shorter one, or if its sum b b is linearly dependent on the others. None if the number of steps
    is not `count`, because then the user chose the shells.
    """
    sides = np.array(mesh)
    basis = 2 * np.pi * np.linalg.inv(vectors).T / sides[:, None]
    radius = float(np.sqrt((basis**2).sum(axis=1)).min())
    while True:
        reach = np.floor(radius * np.sqrt((vectors**2).sum(axis=1)) * sides / (2 * np.pi) + 1e-6).astype(int)
        if np.prod(2.0 * reach + 1.0) > LARGEST_SEARCH:
            return None
        grid = tensor_grid([np.arange(-r, r + 1) for r in reach])
        lengths = np.sqrt(((grid @ basis) ** 2).sum(axis=1))
        inside = (lengths > 0) & (lengths <= radius * (1 + 1e-9))
        found = _first_complete(grid[inside], grid[inside] @ basis, lengths[inside])
        if found is not None:
            return found if len(found) == count else None
        radius *= 1.3


def _first_complete(steps: Integer, b: Float, lengths: Float) -> Integer | None:
    """Steps of the first shells that fulfil sum w b b = 1; None if all shells together do not."""
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


class NeighbourOverlaps:
    """Overlaps of a checkpoint, and tests of the steps to which they belong.

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
        """Convert steps (..., 3) from units of the mesh to Cartesian ones in 1/Angstrom."""
        return np.asarray(steps @ self._basis)

    def neighbour(self, steps: Integer) -> Integer:
        """Indices of the k points to which the steps (K, neighbours, 3) lead."""
        there = (self._places[:, None] + steps) % np.array(self.checkpoint.mesh)
        return np.asarray(self._index[tuple(np.moveaxis(there, -1, 0))])

    def problem(self, steps: Integer) -> str | None:
        """Return the reason why the overlaps do not fit steps (K, neighbours, 3) in this order; None if they fit."""
        M = self.checkpoint.overlaps
        small, large = float(np.abs(self._diagonal).min()), float(np.abs(M).max())
        if not (small > VANISHING and large < LARGEST_OVERLAP):
            return f"overlaps of functions with themselves down to {small:.1e} and others up to {large:.1e}"
        first = steps[0]
        there = self.neighbour(steps)
        for slot in range(len(first)):
            # index of the reverse step of the neighbour; there is none if the file keeps half of the steps
            returns = (steps[there[:, slot]] == -steps[:, slot, None]).all(axis=-1)
            (here,) = np.nonzero(returns.any(axis=1))
            back = there[here, slot]
            defect = np.abs(dagger(M[here, slot]) - M[back, returns[here].argmax(axis=1)]).max(axis=(1, 2))
            # comparisons with NaN are false
            if not (defect <= ADJOINT_TOLERANCE).all():
                worst = int(np.argmax(defect))
                return (
                    f"overlaps of k point {here[worst] + 1} with its neighbour {back[worst] + 1} that are not adjoint "
                    f"to those of the reverse step, by {defect[worst]:.1e}"
                )
        b, centres = self.cartesian(steps), self.checkpoint.centres
        weights = shell_weights(self.checkpoint.path, self.cartesian(first))
        which = matching(self.cartesian(steps), self.cartesian(first))
        each = np.empty_like(b[..., 0])
        np.put_along_axis(each, which, np.broadcast_to(weights, each.shape), axis=1)
        phases = np.angle(self._diagonal * np.exp(1j * b @ centres.T))
        apart_by = np.sqrt((np.einsum("ks,ksi,ksa->ia", each, phases, b) ** 2).sum(axis=1)) / len(M)
        doubtful = np.abs(phases) > DOUBTFUL_PHASE
        slack = 2 * np.pi * np.einsum("ks,ksi->i", np.abs(each) * np.sqrt((b**2).sum(axis=-1)), doubtful) / len(M)
        worst = int(np.argmax(apart_by - slack))
        if not apart_by[worst] <= CENTRE_TOLERANCE + slack[worst]:
            return (
                f"overlaps that put the centre of function {worst + 1} {apart_by[worst]:.2g} Angstrom away from "
                "where the checkpoint has it"
            )
        if doubtful.any() and self.score(steps) < self.score(self.sorted(first)) - DISTINGUISHABLE:
            return "overlaps whose phases fit another order of the neighbours better"
        return None

    def score(self, steps: Integer) -> float:
        """Agreement of the phases of the overlaps with the centres: larger values are better."""
        aligned = self._diagonal * np.exp(1j * self.cartesian(steps) @ self.checkpoint.centres.T)
        return float(aligned.real.sum())

    def sorted(self, steps: Integer) -> Integer:
        """Order the steps (neighbours, 3) at each k point so that they fit the overlaps best, (K, neighbours, 3)."""
        # imported here because the import is slow
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
        """Compatibility of each overlap with each step, (K, neighbours, steps): the reverse overlap is the adjoint."""
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
            result[:, :, step] = apart <= ADJOINT_TOLERANCE * n
        return result

    def undecided(self, steps: Integer, plane: list[int]) -> bool:
        """Return True if another order fits equally well and changes the position matrix along the axes `plane`."""
        M, sides = self.checkpoint.overlaps, np.array(self.checkpoint.mesh)
        b = self.cartesian(steps)
        waves = np.exp(1j * b @ self.checkpoint.centres.T)
        count = steps.shape[1]
        for one in range(count):
            for other in range(one):
                # both steps lead to the same point
                same = ((steps[:, one] - steps[:, other]) % sides == 0).all(axis=1)
                same &= np.abs(b[:, one][:, plane] - b[:, other][:, plane]).max(axis=1) > STEP_TOLERANCE
                same &= np.abs(M[:, one] - M[:, other]).max(axis=(1, 2)) > ADJOINT_TOLERANCE
                aligned = (self._diagonal[:, one] - self._diagonal[:, other]) * (waves[:, one] - waves[:, other])
                if (same & (aligned.real.sum(axis=1) < DISTINGUISHABLE)).any():
                    return True
        return False
