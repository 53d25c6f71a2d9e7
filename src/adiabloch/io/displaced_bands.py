"""All bands of displaced crystals, without Wannier functions."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adiabloch.arrays import Float
from adiabloch.engine.run import Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.io.bands import Bands, read_bands
from adiabloch.io.displacements import read_displacements
from adiabloch.models import AtomicDisplacements, Deformation
from adiabloch.workflows.dipoles import dipole_moments


@dataclass(frozen=True, eq=False)
class DisplacedBands:
    """Bands of the crystals in a folder, read on demand (`adiabloch.workflows.all_bands_tensor.DisplacedBands`)."""

    folder: Path
    displacements: AtomicDisplacements
    seed: str
    waves: str
    occupied: int
    dimension: int
    electrons: dict[str, Float]
    """Mean displacement of the electrons in each crystal, (d,)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the displacements."""
        return tuple(self.displacements.patterns)

    @property
    def steps(self) -> tuple[float, ...]:
        """Displacements of the crystals, in Angstrom."""
        return self.displacements.steps

    def circle(self, one: str, other: str, number: int) -> Bands:
        """Bands of the four crystals at +one, +other, -one, -other, displaced by a step, as those of a cycle."""
        before, after = zip(*(self.displacements.pairs[name][number] for name in (one, other)), strict=True)
        crystals = [self.folder / name for name in (*after, *before)]
        moved = np.array([self.electrons[crystal.name] for crystal in crystals])
        return read_bands(
            [crystal / self.waves for crystal in crystals],
            [crystal / self.seed for crystal in crystals],
            self.occupied,
            common=moved - moved.mean(axis=0),
            dimension=self.dimension,
        )


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
    names = [name for several in known.pairs.values() for pair in several for name in pair]
    electrons = dict.fromkeys(names, np.zeros(dimension))
    if common is not None:
        if not isinstance(common, Deformation) or common.names != tuple(known.patterns) or common.steps != known.steps:
            raise InvalidArgumentError(
                f"common: expected the Deformation of the displacements {', '.join(known.patterns)} in {folder}, as "
                "read_deformation returns it, or None"
            )
        models = [model for several in common.displaced.values() for pair in several for model in pair]
        moments = dipole_moments([common.model, *models], occupied, Run(tolerance))[1:] / occupied
        electrons = dict(zip(names, moments, strict=True))
    return DisplacedBands(Path(folder), known, seed, waves or f"out/{seed}.save", occupied, dimension, electrons)
