"""Large models in other units, which share the arrays of the model from which they are made.

A copy of H(R) and of the position matrix in natural units would double the memory of a model. Here the sums over R are
converted instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from adiabloch.arrays import Complex, frozen
from adiabloch.memory import return_freed_memory
from adiabloch.models.bond_derivatives import axes_of_derivatives
from adiabloch.models.bond_series import BondSeries
from adiabloch.models.crystal import Derivative, Matrices
from adiabloch.models.hoppings import Translation, fingerprint
from adiabloch.models.position_matrix import covariant_matrices
from adiabloch.models.spin import spin_arrays
from adiabloch.models.tight_binding import TightBinding
from adiabloch.units import Units

LARGE = 2**26
"""Size in bytes of H(R) and the position matrix from which they are shared; derivatives of them are not kept then."""


def in_units(model: TightBinding, units: Units) -> TightBinding:
    """Model in other units of energy and length; a large one shares its arrays."""
    if model.amplitudes.nbytes + model.connections.nbytes <= LARGE or not model.directions:
        return model.scaled(units)
    return_freed_memory()  # of the user's matrices, of which the model was made
    return SharedModel(model, units)


class ScaledBlocks(Mapping[Translation, Complex]):
    """Matrices by translation in another unit, each converted when it is read."""

    def __init__(self, blocks: Mapping[Translation, Complex], unit: float) -> None:
        self._blocks, self._unit = blocks, unit

    def __getitem__(self, R: Translation) -> Complex:
        return frozen(self._blocks[R] / self._unit)

    def __iter__(self) -> Iterator[Translation]:
        return iter(self._blocks)

    def __len__(self) -> int:
        return len(self._blocks)


class SharedModel(TightBinding):
    """Model in other units, with the arrays of the original.

    `amplitudes` and `connections` are converted whenever they are read.

    Parameters
    ----------
    original : TightBinding
        In the units of the user.
    units : Units
    """

    def __init__(self, original: TightBinding, units: Units) -> None:
        # the original itself is not kept: it ends when the user drops it
        self.__dict__.update(
            lattice=original.lattice.scaled(units.length),
            positions=frozen(original.positions / units.length),
            hoppings=ScaledBlocks(original.hoppings, units.energy),
            position_matrix=original.position_matrix and ScaledBlocks(original.position_matrix, units.length),
            outside=original.outside and original.outside.scaled(units),
            spin=original.spin,
            translations=original.translations,
            _amplitudes=original.amplitudes,
            _connections=original.connections,
            _units=units,
        )

    @property
    def amplitudes(self) -> Complex:
        """(R, n, n): hopping matrices h(R), converted now."""
        return frozen(self.__dict__["_amplitudes"] / self.units.energy)

    @property
    def connections(self) -> Complex:
        """(R, d, n, n): position matrix minus the centres, converted now."""
        return frozen(self.__dict__["_connections"] / self.units.length)

    @property
    def digest(self) -> str:
        """Short hash of the arrays of the original and of the units."""
        kept, outside = self.__dict__, () if self.outside is None else self.outside.arrays()
        matrices = (kept["_amplitudes"], kept["_connections"], *outside, *spin_arrays(self.spin))
        units = np.array([self.units.energy, self.units.length])
        return fingerprint(self.lattice.identity, self.positions, self.translations, units, *matrices)

    def scaled(self, units: Units) -> TightBinding:  # type: ignore[override]
        """Convert to other units of energy and length."""
        return TightBinding(
            self.lattice,
            self.positions,
            self.hoppings,
            self.spin,
            position_matrix=self.position_matrix,
            reduced=False,
            outside=self.outside,
        ).scaled(units)

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives along k, from sums over R in the units of the original."""
        kept, names, vectors = self.__dict__, self.directions, self.lattice.vectors
        if self.position_matrix is not None:
            outside = {} if self.outside is None else self.outside.series(names, along)
            return covariant_matrices(
                kept["_amplitudes"],
                kept["_connections"],
                self.translations,
                self.positions,
                names,
                vectors,
                along,
                outside,
                self.units,
            )
        if (axes := axes_of_derivatives(names, along)) is None:
            return super().matrices(along)
        return BondSeries(self.translations, kept["_amplitudes"], vectors, self.positions, axes, self.units.energy)
