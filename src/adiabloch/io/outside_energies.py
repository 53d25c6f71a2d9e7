r"""Checks of the energies in `SEED.uHu` against those of the bands, by the states outside the bands.

For a state w at k + b, the bands at k contain a part of its norm, 1 - x, and of its energy,

.. math:: \langle w|H_k|w\rangle - \sum_m |\langle m|w\rangle|^2 E_m = \bar E x + c ,

where \bar E is the mean energy of what the bands lack, and c the difference between the zeros of energy of the two
files. As a function of x, c is the limit at x = 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import FileFormatError
from adiabloch.io.checkpoint import Checkpoint

ENERGY_TOLERANCE = 0.01
"""Energy in eV by which states beyond the bands may seem to be below the highest band."""
ZERO_TOLERANCE = 0.1
"""Difference in eV between zeros of energy that is accepted in any case."""
SPREADS = 3.0
"""Further difference, in the uncertainty of the limit: the smallest part outside times the range of its energies."""
SMALLEST = 1e-4
"""Part outside the bands below which all states are equally close to the limit."""


class OutsideEnergies:
    """Energies of states at the neighbours of the k points.

    Parameters
    ----------
    path : Path
        `SEED.uHu`, named in errors.
    checkpoint : Checkpoint
    """

    def __init__(self, path: Path, checkpoint: Checkpoint) -> None:
        self.path, self.checkpoint = path, checkpoint
        self._outside: list[Float] = []
        self._energies: list[Float] = []

    def add(
        self, point: int, energies: Float, overlaps: Complex, matrices: Complex, functions: tuple[Complex, Complex]
    ) -> None:
        """Add a k point and check that the functions have no energy below the bands.

        Parameters
        ----------
        point : int
        energies : float array, shape (M,)
            Energies of the bands.
        overlaps : complex array, shape (neighbours, M, M)
            Those of the bands with the bands at the neighbours.
        matrices : complex array, shape (neighbours, neighbours, M, M)
            Hamiltonian between the bands at the neighbours.
        functions : (neighbours, M, n) and (neighbours, neighbours, n, n) arrays
            The same for the functions at the neighbours.

        Raises
        ------
        FileFormatError
            The states beyond the bands are below the highest band, where no bands are left out below.
        """
        outside, own = _beyond(energies, overlaps, matrices)
        self._outside.append(outside.ravel())
        self._energies.append(own.ravel())
        bands = self.checkpoint.bands
        if not np.array_equal(bands, np.arange(len(bands))):
            return
        outside, own = _beyond(energies, *functions)
        worst = float((own - energies.max() * outside).min())
        if not worst >= -ENERGY_TOLERANCE:
            raise FileFormatError(
                f"{self.path}: k point {point + 1}: the states beyond the {len(energies)} bands would be below the "
                f"highest band, {worst:.2g} eV in the energy of a function, expected above it: another calculation "
                f"than {self.checkpoint.path}, or another zero of energy than SEED.eig?"
            )

    def finish(self) -> None:
        """Check that the files have the same zero of energy.

        Raises
        ------
        FileFormatError
            They have not.
        """
        outside, energies = np.concatenate(self._outside), np.concatenate(self._energies)
        # what is lacking has various energies, and the error of a linear law is proportional to its part
        part = np.maximum(outside, SMALLEST)
        columns = np.stack([1 / part, outside / part], axis=1)
        zero = float(np.linalg.lstsq(columns, energies / part, rcond=None)[0][0])
        spread = float(np.ptp((energies - zero) / part))
        limit = ZERO_TOLERANCE + SPREADS * max(float(outside.min()), 0.0) * spread
        if not abs(zero) <= limit:
            raise FileFormatError(
                f"{self.path}: its energies are {abs(zero):.2g} eV {'above' if zero > 0 else 'below'} those of the "
                f"bands in SEED.eig, by extrapolation to states that the {len(self.checkpoint.bands)} bands contain; "
                f"expected at most {limit:.2g} eV. Were the energies in SEED.eig shifted, to the Fermi energy for "
                "instance? Both files need the zero of energy of the same calculation"
            )


def _beyond(energies: Float, overlaps: Complex, matrices: Complex) -> tuple[Float, Float]:
    """Norm of states outside the bands, and their energy less that of their part within, (neighbours, states)."""
    inside = np.abs(overlaps) ** 2
    own = np.einsum("bbii->bi", matrices).real - energies @ inside
    return 1.0 - inside.sum(axis=1), own
