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
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.io.checkpoint import Checkpoint, read_checkpoint
from adiabloch.io.contents import checked_axes, in_turn, other_plane, plane_of, turned
from adiabloch.io.lines import Lines
from adiabloch.io.neighbours import Links, matching, shell_weights, steps_of_mesh
from adiabloch.io.opening import uncompressed
from adiabloch.io.seeds import beside, energies_beside
from adiabloch.io.spins import spin_of_states
from adiabloch.linalg import dagger
from adiabloch.models import WannierModel
from adiabloch.models.nearest_images import NearestImages

PathLike = str | os.PathLike[str]


def read_chk(
    path: PathLike, *, dimension: int | None = None, axes: Sequence[int] | None = None, spin: bool = False
) -> WannierModel:
    """Read Wannier functions from Wannier90's checkpoint `SEED.chk`, with `SEED.eig` beside it.

    More exact than `read_tb`: the position matrix is Hermitian and symmetric as the crystal is, and of equally near
    copies of a function none is preferred. Which overlap belongs to which neighbour of a k point is said by
    `SEED.nnkp` if it lies beside; it must make the overlaps adjoint to those of the steps back, and give the centres of
    the checkpoint. Without it, or where it does not, the order that does is looked for.

    Parameters
    ----------
    path : path-like
        Binary, or what w90chk2chk makes of it, `SEED.chk.fmt`.
    dimension : int
        3 by default; 2 for a slab, 1 for a chain.
    axes : sequence of int, optional
        The lattice vectors along which the crystal repeats, as for `read_tb`; by default the first ones, or those along
        which there is more than one k point.
    spin : bool
        Whether to take the spin from `SEED.spn` as well.

    Returns
    -------
    WannierModel
        Energies in eV, lengths in Angstrom.

    Raises
    ------
    FileFormatError
        A file that is missing, cut, or of another calculation; the message names it and where. The overlaps alone do
        not tell which neighbour is which: `wannier90.x -pp SEED` writes `SEED.nnkp`.
    """
    return read_snapshots([path], dimension=dimension, axes=axes, spin=spin)[0]


def read_snapshots(
    paths: Sequence[PathLike],
    *,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    spin: bool = False,
) -> list[WannierModel]:
    """Read the snapshots of a cycle from their checkpoints, with the same copies of each function in all of them.

    Which copies of a function are nearest is decided by the mean centres: if each file decided by itself, ties would
    break differently, and the cycle would not be smooth.

    Parameters
    ----------
    paths : sequence of path-like
        `SEED.chk` of each snapshot, at theta_j = 2 pi j/N.
    dimension, axes, spin
        As for `read_chk`.

    Returns
    -------
    list of WannierModel

    Raises
    ------
    FileFormatError
        As `read_chk`; files of several lattices or meshes.
    """
    count, axes = checked_axes(dimension, axes)
    found = [_Functions(path, count, axes) for path in paths]
    if not found:
        raise InvalidArgumentError("read_snapshots: expected at least one file, got none")
    first = found[0]
    for one in found:
        same = one.mesh == first.mesh and one.kept == first.kept and one.centres.shape == first.centres.shape
        if not same or np.abs(one.vectors - first.vectors).max() > 1e-6:
            raise FileFormatError(
                f"{one.checkpoint.path}: another lattice, mesh or number of functions than {first.checkpoint.path}"
            )
    images = NearestImages(first.vectors, first.mesh, np.mean([one.centres for one in found], axis=0))
    return [one.model(images, spin) for one in found]


class _Functions:
    """What the files of a seed say."""

    def __init__(self, path: PathLike, dimension: int, axes: tuple[int, ...] | None) -> None:
        self.checkpoint: Checkpoint = read_checkpoint(path)
        mesh, vectors = self.checkpoint.mesh, self.checkpoint.vectors
        along = [axis for axis in range(3) if mesh[axis] > 1]
        others = axes is None and max(along, default=0) >= dimension == len(along)
        self.kept = in_turn(axes or (along if others else range(dimension)))
        if not set(along) <= set(self.kept):
            raise FileFormatError(f"{path}: a mesh of {mesh}, expected one point across the {dimension}D crystal")
        plane = plane_of(vectors, self.kept)
        if plane is None:
            raise FileFormatError(f"{path}: {other_plane(vectors, self.kept)}")
        self.plane, self.dimension = list(plane), dimension
        self.mesh = tuple(mesh[axis] for axis in self.kept)
        self.vectors = vectors[np.ix_(self.kept, plane)]
        self.centres = self.checkpoint.centres[:, self.plane]
        points, bands = self.checkpoint.states.shape[:2]
        ending = ".chk" if beside(self.checkpoint.path, ".chk", ".eig") else ".chk.fmt"
        self.energies = energies_beside(self.checkpoint.path, ending, points, bands)
        self.steps = _neighbours(self.checkpoint, self.plane)

    def model(self, images: NearestImages, spin: bool) -> WannierModel:
        """Hoppings, positions and spin on the translations of the images."""
        points = self.checkpoint.points[:, list(self.kept)]
        V = self.checkpoint.states
        R = images.translations
        keys = [tuple(map(int, cell)) for cell in R]
        hoppings = images.by_translation(dagger(V) @ (self.energies[:, :, None] * V), points)
        positions = self._positions(images, points)
        home = keys.index((0,) * self.dimension)
        n = len(self.centres)
        positions[home, np.arange(n), np.arange(n)] = self.centres
        spins = None
        if spin:
            spn = _beside(self.checkpoint.path, ".spn")
            if spn is None:
                raise FileFormatError(
                    f"{self.checkpoint.path}: SEED.spn does not lie beside it, expected it for spin = True"
                )
            blocks = images.by_translation(spin_of_states(self.checkpoint, spn), points)[
                ..., list(turned(tuple(self.plane)))
            ]
            spins = dict(zip(keys, np.moveaxis(blocks, -1, 1), strict=True))
        return WannierModel(
            self.vectors, None, dict(zip(keys, hoppings, strict=True)), dict(zip(keys, positions, strict=True)), spins
        )

    def _positions(self, images: NearestImages, points: Float) -> Complex:
        """The position matrix but for the centres, (R, n, n, d)."""
        overlaps, steps = self.checkpoint.overlaps, self.steps[0]
        weights = shell_weights(self.checkpoint.path, steps)
        # neighbours come in another order at each k
        order = matching(self.steps, steps)
        cells = images.translations @ self.vectors
        middles = 0.5 * (self.centres[:, None] + self.centres[None, :] - cells[:, None, None])
        total = np.zeros((len(cells), *overlaps.shape[2:], self.dimension), dtype=np.complex128)
        for step, weight, which in zip(steps, weights, order.T, strict=True):
            along = step[self.plane]
            if not np.abs(along).max() > 1e-8:
                continue
            blocks = images.by_translation(overlaps[np.arange(len(points)), which], points)
            blocks = blocks * np.exp(1j * middles @ along)
            total += 1j * weight * blocks[..., None] * along
        opposite = {tuple(map(int, R)): number for number, R in enumerate(images.translations)}
        back = [opposite[tuple(map(int, -R))] for R in images.translations]
        return np.asarray(0.5 * (total + total[back].conj().swapaxes(1, 2)))


def _neighbours(checkpoint: Checkpoint, plane: list[int]) -> Float:
    """The steps b from each k to its neighbours in the order of the overlaps, (K, neighbours, 3), 1/Angstrom."""
    links = Links(checkpoint)
    path = _beside(checkpoint.path, ".nnkp")
    reason = "SEED.nnkp does not lie beside it"
    stated = None
    if path is not None:
        stated = _stated_steps(path, checkpoint)
        problem = links.problem(stated)
        if problem is None:
            return links.cartesian(stated)
        reason = f"with the neighbours in the order of {path} it has {problem}"
    count = checkpoint.overlaps.shape[1]
    steps = steps_of_mesh(checkpoint.vectors, checkpoint.mesh, count) if stated is None else stated[0]
    expected = f"expected the SEED.nnkp of this calculation: make it with wannier90.x -pp {_seed(checkpoint.path)}"
    if steps is None:
        raise FileFormatError(
            f"{checkpoint.path}: {reason}, and {count} neighbours are not what the mesh of {checkpoint.mesh} makes "
            f"Wannier90 choose by itself; {expected}"
        )
    found = links.sorted(steps)
    if links.undecided(found, plane):
        raise FileFormatError(
            f"{checkpoint.path}: {reason}, and the overlaps do not tell which neighbour is which; {expected}"
        )
    problem = links.problem(found)
    if problem is not None:
        raise FileFormatError(f"{checkpoint.path}: {reason}, and in any other order it has {problem}; {expected}")
    return links.cartesian(found)


def _stated_steps(path: Path, checkpoint: Checkpoint) -> Integer:
    """The steps as `SEED.nnkp` lists them, (K, neighbours, 3), in units of the mesh."""
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
    steps: Integer = np.rint(reduced * checkpoint.mesh).astype(np.int64)
    if (np.sort(matching(steps.astype(float), steps[0].astype(float)), axis=1) != np.arange(count)).any():
        file.refuse(
            "steps to neighbours that differ from k point to k point, expected a uniform mesh", line=heads[0] + 2
        )
    return steps


def _beside(path: Path, other: str) -> Path | None:
    """The file of the same seed as a checkpoint, binary or formatted."""
    return beside(path, ".chk", other) or beside(path, ".chk.fmt", other)


def _seed(path: Path) -> str:
    return uncompressed(path).name.removesuffix(".fmt").removesuffix(".chk")
