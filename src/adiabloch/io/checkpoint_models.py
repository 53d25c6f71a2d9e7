r"""Models from the checkpoint of Wannier90, with a position matrix that does not depend on the origin.

The position matrix of a `_tb.dat` is a finite difference of overlaps about the origin. Far from the origin it is less
accurate, not Hermitian, and breaks the symmetry of the crystal. The finite difference about the midpoint of the two
functions,

.. math:: r_{ij}(R) = \frac{i}{N} \sum_{kb} w_b\, b\; e^{-i k \cdot R}\, M_{ij}(k, b)\,
          e^{i b \cdot (\tau_i + \tau_j - R)/2} ,

is Hermitian to machine precision and independent of the origin. M are the overlaps between the functions at k and
k + b, and tau their centres, which are the diagonal elements at R = 0.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.io.checkpoint import Checkpoint, read_checkpoint
from adiabloch.io.neighbours import NeighbourOverlaps, matching, shell_weights, steps_of_mesh
from adiabloch.io.outside_states import SeedFunctions, outside_states
from adiabloch.io.periodic_axes import checked_axes, cyclic_axes, right_handed_order, spanned_axes, spanned_axes_message
from adiabloch.io.safe_open import uncompressed
from adiabloch.io.seed_files import CHECKPOINT_ENDINGS, find_seed_file, read_energies
from adiabloch.io.spins import spin_of_states
from adiabloch.io.text_lines import LineReader
from adiabloch.lattice import Lattice
from adiabloch.linalg import dagger
from adiabloch.models import TightBinding
from adiabloch.models.arguments import checked_sequence
from adiabloch.models.nearest_images import NearestImages
from adiabloch.names import checked_call
from adiabloch.scalars import is_whole

PathLike = str | os.PathLike[str]


@checked_call
def read_chk(
    path: PathLike,
    *,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    spin: bool = False,
    outside: bool | int = False,
) -> TightBinding:
    """Read Wannier functions from the checkpoint `SEED.chk` of Wannier90 and `SEED.eig` in the same folder.

    More accurate than `read_tb`: the position matrix is Hermitian and has the symmetry of the crystal, and hoppings
    are divided equally among equally near images of a function. The order of the neighbours of a k point is taken from
    `SEED.nnkp` if it is in the same folder. This order must make the overlaps adjoint to those of the reverse steps and
    must reproduce the centres of the checkpoint. Without a valid order, it is determined from the overlaps.

    Parameters
    ----------
    path : path-like
        Binary `SEED.chk`, or the `SEED.chk.fmt` that w90chk2chk makes of it.
    dimension : int
        Number of dimensions: 3 by default; 2 for a slab, 1 for a chain.
    axes : sequence of int, optional
        Lattice vectors along which the crystal is periodic, as for `read_tb`; by default the first ones, or those along
        which there is more than one k point.
    spin : bool
        Read the spin from `SEED.spn` as well.
    outside : bool or int
        Read the states outside the Wannier functions as well (`TightBinding.outside`), for orbital moments that contain
        all states: from `SEED.mmn`, and `SEED.uHu` if there is such a file (write_uHu in pw2wannier90, formatted or
        unformatted). Without it, the bands of `SEED.mmn` and `SEED.eig` are summed. A number selects the sum over so
        many lowest bands, to see how it converges.

    Returns
    -------
    TightBinding
        Energies in eV, lengths in Angstrom.

    Raises
    ------
    FileFormatError
        A file is missing, truncated, or of another calculation; the message names the file and the location. Also if
        the overlaps do not determine the order of the neighbours; `wannier90.x -pp SEED` writes `SEED.nnkp` with it.
    InvalidArgumentError
        `outside` is not a number of bands of the calculation, or the model has one dimension.

    Warns
    -----
    AccuracyWarning
        The sum over bands contains less than 99 percent of the states outside; the message states the fraction.
    """
    count, axes = checked_axes(dimension, axes)
    seed = _SeedData(path, count, axes)
    images = NearestImages(seed.vectors, seed.mesh, seed.centres)
    return seed.model(images, spin, _checked_count(outside, seed))


def _checked_count(outside: bool | int, seed: _SeedData) -> int | bool:
    """Number of bands of a sum over bands; True or False if none is given."""
    if isinstance(outside, (bool, np.bool_)):
        count: int | bool = bool(outside)
    else:
        n, bands = seed.checkpoint.states.shape[2], seed.energies.shape[1]
        if not (is_whole(outside, n) and outside <= bands):
            raise InvalidArgumentError(f"outside: {outside!r}, expected True, or a number of bands from {n} to {bands}")
        count = int(outside)
    if count and seed.dimension == 1:
        raise InvalidArgumentError("outside: a chain has no orbital moment, expected two or three dimensions")
    return count


@checked_call
def read_snapshots(
    paths: Sequence[PathLike],
    *,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    spin: bool = False,
) -> list[TightBinding]:
    """Read the snapshots of a cycle from their checkpoints, with the same images of each function in all snapshots.

    The nearest images of a function are chosen from the mean centres. Chosen for each snapshot separately, ties would
    be broken differently, and the cycle would not be smooth.

    Parameters
    ----------
    paths : sequence of path-like
        File `SEED.chk` of each snapshot, at theta_j = 2 pi j/N.
    dimension, axes, spin
        As for `read_chk`.

    Returns
    -------
    list of TightBinding

    Raises
    ------
    FileFormatError
        As for `read_chk`; also if the files differ in lattice or mesh.
    InvalidArgumentError
        There are no files.
    """
    found = _seeds(paths, dimension, axes)
    return _models(found, np.mean([one.centres for one in found], axis=0), spin)


def read_displaced(
    paths: Sequence[PathLike],
    *,
    dimension: int | None = None,
    axes: Sequence[int] | None = None,
    spin: bool = False,
) -> list[TightBinding]:
    """Read a crystal at rest, the first, and displaced ones from their checkpoints, as `read_snapshots`.

    The nearest images of a function are chosen from the centres at rest: the displacements may be all to one side.
    """
    found = _seeds(paths, dimension, axes)
    return _models(found, found[0].centres, spin)


def _seeds(paths: Sequence[PathLike], dimension: int | None, axes: Sequence[int] | None) -> list[_SeedData]:
    """Checkpoints of one lattice and mesh."""
    count, chosen = checked_axes(dimension, axes)
    files = checked_sequence(paths, "paths", object, "paths")
    found = [_SeedData(path, count, chosen) for path in files]
    first = found[0]
    for one in found:
        same = one.mesh == first.mesh and one.kept == first.kept and one.centres.shape == first.centres.shape
        if not same or np.abs(one.vectors - first.vectors).max() > 1e-6:
            raise FileFormatError(
                f"{one.checkpoint.path}: another lattice, mesh or number of functions than {first.checkpoint.path}"
            )
    return found


def _models(seeds: Sequence[_SeedData], centres: Float, spin: bool) -> list[TightBinding]:
    """Models with the images of the functions that are nearest for one set of centres."""
    images = NearestImages(seeds[0].vectors, seeds[0].mesh, centres)
    return [one.model(images, spin) for one in seeds]


class _SeedData:
    """Checkpoint, energies and neighbours of a seed."""

    def __init__(self, path: PathLike, dimension: int, axes: tuple[int, ...] | None) -> None:
        self.checkpoint: Checkpoint = read_checkpoint(path)
        mesh, vectors = self.checkpoint.mesh, self.checkpoint.vectors
        along = [axis for axis in range(3) if mesh[axis] > 1]
        others = axes is None and max(along, default=0) >= dimension == len(along)
        self.kept = right_handed_order(axes or (along if others else range(dimension)))
        if not set(along) <= set(self.kept):
            raise FileFormatError(f"{path}: a mesh of {mesh}, expected one point across the {dimension}D crystal")
        plane = spanned_axes(vectors, self.kept)
        if plane is None:
            raise FileFormatError(f"{path}: {spanned_axes_message(vectors, self.kept)}")
        self.plane, self.dimension = list(plane), dimension
        self.mesh = tuple(mesh[axis] for axis in self.kept)
        self.vectors = vectors[np.ix_(self.kept, plane)]
        self.centres = self.checkpoint.centres[:, self.plane]
        points, bands = self.checkpoint.states.shape[:2]
        self.energies = read_energies(self.checkpoint.path, CHECKPOINT_ENDINGS, points, bands)
        self.steps = _neighbours(self.checkpoint, self.plane)

    def model(self, images: NearestImages, spin: bool, outside: bool | int = False) -> TightBinding:
        """Model with hoppings, positions, spin and states outside on the translations of the images."""
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
            spn = find_seed_file(self.checkpoint.path, CHECKPOINT_ENDINGS, ".spn")
            if spn is None:
                raise FileFormatError(
                    f"{self.checkpoint.path}: SEED.spn is not in the same folder, expected it for spin = True"
                )
            blocks = images.by_translation(spin_of_states(self.checkpoint, spn), points)[
                ..., list(cyclic_axes(tuple(self.plane)))
            ]
            spins = dict(zip(keys, np.moveaxis(blocks, -1, 1), strict=True))
        by_cell = dict(zip(keys, hoppings, strict=True))
        beyond = None
        if outside is not False:
            seed = SeedFunctions(self.checkpoint, self.energies, self.plane, points, self.vectors, self.centres, images)
            beyond = outside_states(seed, by_cell, None if outside is True else outside)
        return TightBinding(
            Lattice(self.vectors, ev_angstrom=True),
            None,
            by_cell,
            spins,
            position_matrix=dict(zip(keys, positions, strict=True)),
            outside=beyond,
        )

    def _positions(self, images: NearestImages, points: Float) -> Complex:
        """Position matrix without the centres, (R, n, n, d)."""
        overlaps, steps = self.checkpoint.overlaps, self.steps[0]
        weights = shell_weights(self.checkpoint.path, steps)
        # the order of the neighbours differs from k to k
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
    """Steps b from each k to its neighbours in the order of the overlaps, (K, neighbours, 3), 1/Angstrom."""
    links = NeighbourOverlaps(checkpoint)
    path = find_seed_file(checkpoint.path, CHECKPOINT_ENDINGS, ".nnkp")
    reason = "SEED.nnkp is not in the same folder"
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
            f"{checkpoint.path}: {reason}, and {count} neighbours are not the default choice of Wannier90 for a mesh "
            f"of {checkpoint.mesh}; {expected}"
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
    """Read the steps from `SEED.nnkp`, (K, neighbours, 3), in units of the mesh."""
    file = LineReader(path, comments=0)
    heads = [at for at, line in enumerate(file.lines) if line.split() == ["begin", "nnkpts"]]
    if len(heads) != 1:
        file.refuse("expected one block of neighbours, 'begin nnkpts'", line=1)
    file.position = heads[0] + 1
    count, points = file.read_count("the number of neighbours"), len(checkpoint.points)
    if count != checkpoint.overlaps.shape[1]:
        file.refuse(f"{count} neighbours, expected {checkpoint.overlaps.shape[1]} as in {checkpoint.path}")
    rows: Integer = np.rint(file.read_rows(points * count, 5, "k point, neighbour and its cell")).astype(np.int64)
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


def _seed(path: Path) -> str:
    """Seed name of a checkpoint."""
    return uncompressed(path).name.removesuffix(".fmt").removesuffix(".chk")
