r"""States outside the space of Wannier functions, from files of Wannier90: `SEED.mmn`, `SEED.eig`, `SEED.uHu`.

With M(k, b) the overlaps of the bands, V(k) the matrices that define the functions, tau their centres and
U(k, b1, b2) = V(k + b1)^dagger <u_k+b1|H_k|u_k+b2> V(k + b2), finite differences about the midpoint
x = (tau_i + tau_j + R)/2 of the two functions give

.. math:: \langle 0 i | H (r - x)_a | R j \rangle = \frac{i}{N} \sum_{kb} w_b b_a e^{-i k \cdot R + i b \cdot (x - R)}
          [V(k)^\dagger E(k) M(k, b) V(k + b)]_{ij},

.. math:: \langle 0 i | (r - x)_a H (r - x)_c | R j \rangle = \frac{1}{N} \sum_{k b_1 b_2} w_1 w_2 b_{1a} b_{2c}
          e^{-i k \cdot R - i b_1 \cdot x + i b_2 \cdot (x - R)} U_{ij}(k, b_1, b_2),

as for the position matrix (`adiabloch.io.checkpoint_models`); from x they are moved to the centres. About x, the second
matrix vanishes for a constant in place of H. Without `SEED.uHu`, the sum over bands
U = sum_m (M V)^dagger (E_m - E0) M V gives the states that are missing the energy E0, for which the mean energy of the
highest band is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError, warn
from adiabloch.io.checkpoint import Checkpoint
from adiabloch.io.energy_overlaps import EnergyOverlaps
from adiabloch.io.neighbours import NeighbourOverlaps, matching, shell_weights
from adiabloch.io.outside_energies import OutsideEnergies
from adiabloch.io.overlaps import OverlapFile
from adiabloch.io.seed_files import CHECKPOINT_ENDINGS, find_seed_file
from adiabloch.lattice import AXES, PLANES, components
from adiabloch.linalg import dagger
from adiabloch.models import OutsideStates
from adiabloch.models.hoppings import Translation
from adiabloch.models.nearest_images import NearestImages

FUNCTION_TOLERANCE = 1e-5
"""Largest difference between the overlaps in a checkpoint and those of its functions from `SEED.mmn`."""
CAPTURED = 0.99
"""Fraction of the states outside that a sum over bands should contain; a smaller one causes a warning."""


@dataclass(frozen=True, eq=False)
class SeedFunctions:
    """Wannier functions of a seed, and their images on the lattice."""

    checkpoint: Checkpoint
    energies: Float
    """Energies of the bands, (K, M), eV."""
    plane: list[int]
    """Cartesian axes of the model."""
    points: Float
    """Reduced wave vectors along the axes of the model, (K, d)."""
    vectors: Float
    """Lattice vectors of the model, (d, d)."""
    centres: Float
    """Centres along the axes of the model, (n, d)."""
    images: NearestImages


def outside_states(seed: SeedFunctions, hoppings: Mapping[Translation, Complex], count: int | None) -> OutsideStates:
    """Read the states outside the Wannier functions.

    Parameters
    ----------
    seed : SeedFunctions
    hoppings : mapping {R: (n, n) array}
        On the translations of the images.
    count : int or None
        Number of lowest bands of a sum over bands; None for `SEED.uHu`, or all bands if there is no such file.

    Raises
    ------
    FileFormatError
        A file is missing, malformed, or of another calculation.
    """
    path = seed.checkpoint.path
    found = find_seed_file(path, CHECKPOINT_ENDINGS, ".mmn")
    if found is None:
        raise FileFormatError(f"{path}: SEED.mmn is not in the same folder, expected it for outside")
    uhu = find_seed_file(path, CHECKPOINT_ENDINGS, ".uHu") if count is None else None
    bands = seed.energies.shape[1]
    zero = float(seed.energies[:, (count or bands) - 1].mean())
    total = _Sums(seed)
    for block in _blocks(seed, found, uhu, count or bands, zero):
        total.add(block)
    if uhu is None and total.captured < CAPTURED:
        lacking = "" if total.captured > 0 else " and lack a part of the functions"
        warn(
            f"{found}: {count or bands} bands contain {100 * total.captured:.1f} % of the states outside the Wannier "
            f"functions that their derivatives reach{lacking}; the others count at the mean energy of the highest band"
            ". Compare results for several numbers of bands (outside=), or write SEED.uHu with pw2wannier90 (write_uHu)"
        )
    return total.finish(hoppings)


@dataclass(frozen=True, eq=False)
class _Block:
    """Matrices between the functions at one k point."""

    point: int
    steps: Float
    """Steps b, Cartesian, (neighbours, 3), 1/Angstrom."""
    weights: Float
    coupled: Complex
    """V(k)^dagger E(k) M(k, b) V(k + b), (neighbours, n, n)."""
    energies: Complex
    """U(k, b1, b2), (neighbours, neighbours, n, n)."""
    beyond: Float
    """Norm of the functions at k + b outside the functions at k, and outside the bands summed, (2, neighbours)."""


def _blocks(seed: SeedFunctions, mmn: Path, uhu: Path | None, count: int, zero: float) -> Iterator[_Block]:
    """Iterate over the k points."""
    checkpoint, energies = seed.checkpoint, seed.energies
    K, bands, n = checkpoint.states.shape
    neighbours = checkpoint.overlaps.shape[1]
    links = NeighbourOverlaps(checkpoint)
    with closing(OverlapFile(mmn)) as file:
        if [file.bands, file.points, file.neighbours] != [bands, K, neighbours]:
            file.refuse(
                f"{file.bands} bands, {file.points} k points, {file.neighbours} neighbours, expected {bands}, {K} and "
                f"{neighbours} as in {checkpoint.path}: mixed seeds?",
                line=2,
            )
        between = iter(EnergyOverlaps(uhu, bands, K, neighbours, checkpoint.path).blocks()) if uhu else None
        checks = OutsideEnergies(uhu, checkpoint) if uhu else None
        first = weights = None
        for point, (rows, M) in enumerate(file.blocks()):
            steps = links.cartesian(_steps(checkpoint, rows, point))
            if first is None:
                first, weights = steps, shell_weights(mmn, steps)
            order = matching(first, steps)
            if (order < 0).any():
                file.refuse(f"steps to the neighbours of k point {point + 1} differ from those of the first")
            V, there = checkpoint.states[point], checkpoint.states[rows[:, 0]]
            moved = M @ there
            _check_functions(file, checkpoint, point, dagger(V) @ moved)
            kept = moved[:, :count]
            if between is None or checks is None:
                shifted = (energies[point, :count] - zero)[:, None]
                U = np.einsum("bmi,cmj->bcij", kept.conj(), shifted * kept, optimize=True)
            else:
                whole = next(between)
                U = dagger(there)[:, None] @ whole @ there[None]
                checks.add(point, energies[point], M, whole, (moved, U))
            norms = [n - (np.abs(dagger(V) @ moved) ** 2).sum(axis=(1, 2)), n - (np.abs(kept) ** 2).sum(axis=(1, 2))]
            coupled = dagger(V) @ (energies[point][:, None] * moved)
            assert weights is not None
            yield _Block(point, steps, weights[order], coupled, U, np.array(norms))
        if between is not None and checks is not None:
            # reads to the end of the file
            next(between, None)
            checks.finish()


def _steps(checkpoint: Checkpoint, rows: Integer, point: int) -> Integer:
    """Steps to the neighbours of a k point in units of the mesh."""
    reduced = checkpoint.points[rows[:, 0]] + rows[:, 1:] - checkpoint.points[point]
    steps: Integer = np.rint(reduced * checkpoint.mesh).astype(np.int64)
    return steps


def _check_functions(file: OverlapFile, checkpoint: Checkpoint, point: int, found: Complex) -> None:
    """Raise an error unless the overlaps of the bands give those of the functions in the checkpoint."""
    apart = float(np.abs(found - checkpoint.overlaps[point]).max())
    if not apart <= FUNCTION_TOLERANCE:
        file.refuse(
            f"the overlaps of k point {point + 1} end here; with the functions of {checkpoint.path} they differ from "
            f"those in it by {apart:.1e}, expected at most {FUNCTION_TOLERANCE:.0e}: mixed seeds?"
        )


class _Sums:
    """Sums over the k points of the matrices about the midpoints, by translation."""

    def __init__(self, seed: SeedFunctions) -> None:
        self.seed = seed
        d, n = seed.centres.shape[1], len(seed.centres)
        self._planes = [[AXES.index(axis) for axis in PLANES[component]] for component in components(d)]
        cells = len(seed.images.translations)
        self.coupling = np.zeros((cells, d * n * n), dtype=np.complex128)
        self.moment = np.zeros((cells, len(self._planes) * n * n), dtype=np.complex128)
        self._beyond = np.zeros(2)

    @property
    def captured(self) -> float:
        """Fraction of the states outside the functions that the bands contain; zero for bands that lack functions."""
        functions, bands = self._beyond
        return max(float(1.0 - bands / functions), 0.0) if functions > 0 else 1.0

    def add(self, block: _Block) -> None:
        """Add a k point."""
        seed = self.seed
        self._beyond += block.beyond @ block.weights
        b = block.steps[:, seed.plane]
        ends = seed.centres[:, None] + seed.centres[None]
        # half of b.(tau_i + tau_j)
        phases = np.exp(0.5j * np.einsum("sa,ija->sij", b, ends))
        weighted = block.weights[:, None] * b
        matrices = 1j * weighted[:, :, None, None] * (phases * block.coupled)[:, None]
        self.coupling += self._waves(block.point, 0.5 * b) @ matrices.reshape(len(b), -1)
        one, other = np.nonzero(np.abs(np.cross(_padded(b)[:, None], _padded(b))).max(axis=2) > 1e-8)
        areas = np.stack(
            [weighted[one, x] * weighted[other, y] - weighted[one, y] * weighted[other, x] for x, y in self._planes], 1
        )
        turned = block.energies[one, other] * phases[one].conj() * phases[other]
        matrices = 1j * areas[:, :, None, None] * turned[:, None]
        # steps with the same sum have the same waves
        sums = b[one] + b[other]
        _, firsts, which = np.unique(np.rint(sums * 1e6), axis=0, return_index=True, return_inverse=True)
        summed = np.zeros((len(firsts), matrices[0].size), dtype=np.complex128)
        np.add.at(summed, which.reshape(-1), matrices.reshape(len(one), -1))
        self.moment += self._waves(block.point, 0.5 * sums[firsts]) @ summed

    def _waves(self, point: int, shifts: Float) -> Complex:
        """Phases e^{-i (k + shift).R} over the number of k points, (R, shifts)."""
        seed = self.seed
        k = 2 * np.pi * seed.points[point] @ np.linalg.inv(seed.vectors).T
        cells = seed.images.translations @ seed.vectors
        return np.asarray(np.exp(-1j * cells @ (k + shifts).T) / len(seed.points))

    def finish(self, hoppings: Mapping[Translation, Complex]) -> OutsideStates:
        """Matrices about the centres of the functions."""
        seed, R = self.seed, self.seed.images.translations
        n = len(seed.centres)
        shares = seed.images.weights[..., None]
        coupling, moment = (
            np.moveaxis(total.reshape(len(R), -1, n, n), 1, 3) * shares for total in (self.coupling, self.moment)
        )
        # from the midpoint x to the centres: tau_j + R - x = -(tau_i - x)
        half = 0.5 * ((R @ seed.vectors)[:, None, None] + seed.centres - seed.centres[:, None])
        index = {tuple(map(int, cell)): number for number, cell in enumerate(R)}
        back = [index[tuple(-x for x in cell)] for cell in index]
        sums = coupling + coupling[back].conj().swapaxes(1, 2)
        for number, (x, y) in enumerate(self._planes):
            moment[..., number] += 1j * (half[..., x] * sums[..., y] - half[..., y] * sums[..., x])
        h = np.array([hoppings[cell] for cell in index])
        coupling -= half * h[..., None]
        moment = 0.5 * (moment + moment[back].conj().swapaxes(1, 2))
        return OutsideStates(dict(zip(index, coupling, strict=True)), dict(zip(index, moment, strict=True)))


def _padded(b: Float) -> Float:
    """Steps (neighbours, d) as vectors of three components."""
    return np.pad(b, ((0, 0), (0, 3 - b.shape[1])))
