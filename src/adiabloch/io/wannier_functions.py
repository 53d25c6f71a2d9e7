r"""Wannier functions from the checkpoint of Wannier90, with a position matrix that knows no origin.

The position matrix of a `_tb.dat` is a finite difference of overlaps about the origin. Far from it this is less exact,
not Hermitian, and breaks the symmetry of the crystal. About the middle of the two functions,

.. math:: r_{ij}(R) = \frac{i}{N} \sum_{kb} w_b\, b\; e^{-i k \cdot R}\, M_{ij}(k, b)\,
          e^{i b \cdot (\tau_i + \tau_j - R)/2} ,

it is Hermitian to the last digit and the same wherever the origin is; M are the overlaps between the functions at k and
k + b, the tau their centres, which stand on the diagonal of R = 0.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.io.checkpoint import Checkpoint, read_checkpoint
from adiabloch.io.lines import Lines
from adiabloch.io.neighbours import matching, shell_weights
from adiabloch.io.seeds import beside, energies_beside
from adiabloch.io.spins import spin_of_states
from adiabloch.linalg import dagger
from adiabloch.models import WannierModel
from adiabloch.models.images import Images

PathLike = str | os.PathLike[str]


def read_chk(path: PathLike, *, dimension: int = 3, spin: bool = False) -> WannierModel:
    """Read Wannier functions from Wannier90's checkpoint `SEED.chk`, with `SEED.eig` and `SEED.nnkp` beside it.

    More exact than `read_tb`: the position matrix is Hermitian and symmetric as the crystal is, and of equally near
    copies of a function none is preferred.

    Parameters
    ----------
    path : path-like
        Binary, or what w90chk2chk makes of it, `SEED.chk.fmt`.
    dimension : int
        2 for a slab in the xy plane.
    spin : bool
        Whether to take the spin from `SEED.spn` as well.

    Returns
    -------
    WannierModel
        Energies in eV, lengths in Angstrom.

    Raises
    ------
    FileFormatError
        A file that is missing, cut, or of another calculation; the message names it and where.
    """
    return read_snapshots([path], dimension=dimension, spin=spin)[0]


def read_snapshots(paths: Sequence[PathLike], *, dimension: int = 3, spin: bool = False) -> list[WannierModel]:
    """Read the snapshots of a cycle from their checkpoints, with the same copies of each function in all of them.

    Which copies of a function are nearest is decided by the mean centres: if each file decided by itself, ties would
    break differently, and the cycle would not be smooth.

    Parameters
    ----------
    paths : sequence of path-like
        `SEED.chk` of each snapshot, at theta_j = 2 pi j/N.
    dimension, spin
        As for `read_chk`.

    Returns
    -------
    list of WannierModel

    Raises
    ------
    FileFormatError
        As `read_chk`; files of several lattices or meshes.
    """
    if dimension not in (1, 2, 3):
        raise InvalidArgumentError(f"dimension: {dimension!r}, expected 1, 2 or 3")
    found = [_Functions(path, dimension) for path in paths]
    if not found:
        raise InvalidArgumentError("read_snapshots: expected at least one file, got none")
    first = found[0]
    for one in found:
        same = one.checkpoint.mesh == first.checkpoint.mesh and one.centres.shape == first.centres.shape
        if not same or np.abs(one.vectors - first.vectors).max() > 1e-6:
            raise FileFormatError(
                f"{one.checkpoint.path}: another lattice, mesh or number of functions than {first.checkpoint.path}"
            )
    images = Images(first.vectors, first.checkpoint.mesh[:dimension], np.mean([one.centres for one in found], axis=0))
    return [one.model(images, spin) for one in found]


class _Functions:
    """What the files of a seed say."""

    def __init__(self, path: PathLike, dimension: int) -> None:
        self.checkpoint: Checkpoint = read_checkpoint(path)
        mesh, vectors = self.checkpoint.mesh, self.checkpoint.vectors
        if any(side != 1 for side in mesh[dimension:]):
            raise FileFormatError(f"{path}: a mesh of {mesh}, expected one point across the {dimension}D crystal")
        if np.abs(vectors[:dimension, dimension:]).max(initial=0.0) > 1e-6:
            raise FileFormatError(f"{path}: lattice vectors out of the first {dimension} axes, expected them within")
        self.dimension, self.vectors = dimension, vectors[:dimension, :dimension]
        self.centres = self.checkpoint.centres[:, :dimension]
        points, bands = self.checkpoint.states.shape[:2]
        self.energies = energies_beside(self.checkpoint.path, ".chk", points, bands)
        self.steps = _neighbours(self.checkpoint)

    def model(self, images: Images, spin: bool) -> WannierModel:
        """Hoppings, positions and spin on the translations of the images."""
        points = self.checkpoint.points[:, : self.dimension]
        V = self.checkpoint.states
        R = images.translations
        keys = [tuple(map(int, cell)) for cell in R]
        hoppings = images.by_cell(dagger(V) @ (self.energies[:, :, None] * V), points)
        positions = self._positions(images, points)
        home = keys.index((0,) * self.dimension)
        n = len(self.centres)
        positions[home, np.arange(n), np.arange(n)] = self.centres
        spins = None
        if spin:
            spn = beside(self.checkpoint.path, ".chk", ".spn")
            if spn is None:
                raise FileFormatError(
                    f"{self.checkpoint.path}: SEED.spn does not lie beside it, expected it for spin = True"
                )
            blocks = images.by_cell(spin_of_states(self.checkpoint, spn), points)
            spins = dict(zip(keys, np.moveaxis(blocks, -1, 1), strict=True))
        return WannierModel(
            self.vectors, None, dict(zip(keys, hoppings, strict=True)), dict(zip(keys, positions, strict=True)), spins
        )

    def _positions(self, images: Images, points: Float) -> Complex:
        """The position matrix but for the centres, (R, n, n, d)."""
        overlaps, steps = self.checkpoint.overlaps, self.steps[0]
        weights = shell_weights(self.checkpoint.path, steps)
        # neighbours come in another order at each k
        order = matching(self.steps, steps)
        cells = images.translations @ self.vectors
        middles = 0.5 * (self.centres[:, None] + self.centres[None, :] - cells[:, None, None])
        total = np.zeros((len(cells), *overlaps.shape[2:], self.dimension), dtype=np.complex128)
        for step, weight, which in zip(steps, weights, order.T, strict=True):
            along = step[: self.dimension]
            if not np.abs(along).max() > 1e-8:
                continue
            blocks = images.by_cell(overlaps[np.arange(len(points)), which], points)
            blocks = blocks * np.exp(1j * middles @ along)
            total += 1j * weight * blocks[..., None] * along
        opposite = {tuple(map(int, R)): number for number, R in enumerate(images.translations)}
        back = [opposite[tuple(map(int, -R))] for R in images.translations]
        return np.asarray(0.5 * (total + total[back].conj().swapaxes(1, 2)))


def _neighbours(checkpoint: Checkpoint) -> Float:
    """The steps b from each k to its neighbours, (K, neighbours, 3), 1/Angstrom."""
    path = beside(checkpoint.path, ".chk", ".nnkp")
    if path is None:
        raise FileFormatError(f"{checkpoint.path}: SEED.nnkp does not lie beside it, expected it")
    file = Lines(path, comments=0)
    heads = [at for at, line in enumerate(file.lines) if line.split() == ["begin", "nnkpts"]]
    if len(heads) != 1:
        file.refuse("expected one block of neighbours, 'begin nnkpts'", line=1)
    file.at = heads[0] + 1
    count, points = file.count("the number of neighbours"), len(checkpoint.points)
    if count != checkpoint.overlaps.shape[1]:
        file.refuse(f"{count} neighbours, expected {checkpoint.overlaps.shape[1]} as in {checkpoint.path}")
    rows: Integer = np.rint(file.block(points * count, 5, "k point, neighbour and its cell")).astype(np.int64)
    rows = rows.reshape(points, count, 5)
    right = (rows[..., 0] == np.arange(1, points + 1)[:, None]) & (rows[..., 1] >= 1) & (rows[..., 1] <= points)
    if not right.all():
        file.refuse(f"neighbours of k points that are not those of {checkpoint.path}", line=heads[0] + 2)
    reduced = checkpoint.points[rows[..., 1] - 1] + rows[..., 2:] - checkpoint.points[:, None]
    steps: Float = reduced @ (2 * np.pi * np.linalg.inv(checkpoint.vectors).T)
    if (matching(steps, steps[0]) < 0).any():
        file.refuse(
            "steps to neighbours that differ from k point to k point, expected a uniform mesh", line=heads[0] + 2
        )
    return steps
