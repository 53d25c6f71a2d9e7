"""All bands of displaced crystals, without Wannier functions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.engine.run import Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.io.band_snapshots import Snapshot
from adiabloch.io.bands import Bands, bands_of_snapshots
from adiabloch.io.displacements import read_displacements
from adiabloch.markup import record_html
from adiabloch.models import AtomicDisplacements, Deformation
from adiabloch.names import checked_call
from adiabloch.symmetries import SymmetricDisplacements
from adiabloch.symmetries.operations import is_identity
from adiabloch.workflows.dipoles import dipole_moments


@dataclass(frozen=True, eq=False)
class DisplacedBands:
    """Bands of the crystals in a folder, read on demand (`adiabloch.workflows.all_bands_tensor.DisplacedBands`)."""

    folder: Path
    displacements: AtomicDisplacements | SymmetricDisplacements
    seed: str
    waves: str
    occupied: int
    dimension: int
    electrons: dict[str, list[tuple[Float, Float]]]
    """Mean displacement (d,) of the electrons in the crystals at minus and plus each step, by displacement."""
    velocities: dict[Path, Complex]
    """Velocities of the bands of which images were made (`adiabloch.io.bands.Bands`)."""

    _repr_html_ = record_html

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the displacements, or of the images of calculated ones."""
        return tuple(self.electrons)

    @property
    def steps(self) -> tuple[float, ...]:
        """Displacements of the crystals, in Angstrom."""
        return self.displacements.steps

    @property
    def sums(self) -> Mapping[str, Mapping[str, float]] | None:
        """Displacements of the atoms as sums of images; None if there are no images."""
        if isinstance(self.displacements, AtomicDisplacements):
            return None
        return self.displacements.expansion.coefficients

    def circle(self, one: str, other: str, number: int) -> Bands:
        """Bands of the four crystals at +one, +other, -one, -other, displaced by a step, as those of a cycle."""
        corners = [(name, side) for side in (1, 0) for name in (one, other)]
        moved = np.array([self.electrons[name][number][side] for name, side in corners])
        snapshots = tuple(self._snapshot(name, side, number) for name, side in corners)
        common = moved - moved.mean(axis=0)
        return bands_of_snapshots(snapshots, self.occupied, common, self.dimension, 1e-4, self.velocities)

    def _snapshot(self, name: str, side: int, number: int) -> Snapshot:
        """Files of the crystal at minus (0) or plus (1) a step along a displacement."""
        if isinstance(self.displacements, AtomicDisplacements):
            crystal, back = self.displacements.pairs[name][number][side], None
        else:
            image = self.displacements.expansion.pairs[name].images[side]
            crystal = self.displacements.calculated[image.source][number]
            back = None if is_identity(image.back) else image.back
        return Snapshot.of(self.folder / crystal / self.waves, self.folder / crystal / self.seed, back)


@checked_call
def read_displaced_bands(
    folder: str | os.PathLike[str],
    seed: str,
    occupied: int,
    *,
    common: Deformation | None,
    waves: str | None = None,
    dimension: int = 3,
    tolerance: float = 1e-4,
) -> DisplacedBands:
    """Read all bands of displaced crystals, for `adiabloch.perturbative_tensor_by_bands`.

    Parameters
    ----------
    folder : path-like
        Folder of `write_displacements`.
    seed : str
        Seed of `SEED.mmn` and `SEED.eig` of all bands in the folder of each crystal.
    occupied : int
        Number of occupied bands.
    common : Deformation or None
        The same crystals in Wannier functions, as `read_deformation` returns them; their polarization gives the common
        motion of all electrons, which must be that of the Chern-Simons part. None: no common motion.
    waves : str, optional
        Folder `PREFIX.save` of Quantum ESPRESSO, relative to that of each crystal; `out/SEED.save` by default.
    dimension : int
        Number of dimensions; 2 for a slab in the xy plane.
    tolerance : float
        Accuracy of the mean displacement, relative to a lattice vector.

    Returns
    -------
    DisplacedBands

    Raises
    ------
    FileFormatError
        The folder does not hold displacements. Files of bands are checked on reading.
    InvalidArgumentError
        `common` has other displacements.
    """
    known = read_displacements(folder)
    patterns = known.patterns
    if isinstance(known, SymmetricDisplacements):
        patterns = {name: pair.pattern for name, pair in known.expansion.pairs.items()}
    still = np.zeros(dimension)
    electrons = {name: [(still, still) for _ in known.steps] for name in patterns}
    if common is not None:
        if not isinstance(common, Deformation) or common.names != tuple(known.patterns) or common.steps != known.steps:
            raise InvalidArgumentError(
                f"common: expected the Deformation of the displacements {', '.join(known.patterns)} in {folder}, as "
                "read_deformation returns it, or None"
            )
        if isinstance(known, SymmetricDisplacements):
            common = common.along({name: _components(pattern, known.patterns) for name, pattern in patterns.items()})
        models = [model for several in common.displaced.values() for pair in several for model in pair]
        moments = dipole_moments([common.model, *models], occupied, Run(tolerance))[1:] / occupied
        each = moments.reshape(len(patterns), len(known.steps), 2, -1)
        electrons = {name: [(pair[0], pair[1]) for pair in own] for name, own in zip(patterns, each, strict=True)}
    return DisplacedBands(Path(folder), known, seed, waves or f"out/{seed}.save", occupied, dimension, electrons, {})


def _components(pattern: Float, of: Mapping[str, Float]) -> dict[str, float]:
    """A displacement of atoms as a sum of displacements of single atoms along axes.

    Raises
    ------
    InvalidArgumentError
        The displacement has other components.
    """
    found = {name: float((pattern * unit).sum()) for name, unit in of.items()}
    if np.abs(sum(c * of[name] for name, c in found.items()) - pattern).max() > 1e-6:
        raise InvalidArgumentError(
            "common: the calculated displacements have components along other axes than those that are wanted; "
            'expected axes="xyz" in symmetric_displacements'
        )
    return found
