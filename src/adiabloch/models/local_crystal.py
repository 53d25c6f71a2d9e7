"""A place of a texture: a crystal with more directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.lattice import AXES, Lattice
from adiabloch.models.covariant import HAMILTONIAN, SeriesName, centres_by_name, covariant_series, derivative_factors
from adiabloch.models.crystal import Derivative, Matrices, Operator
from adiabloch.models.cycle import THETA
from adiabloch.models.fourier import FourierSeries
from adiabloch.units import Units

TIME = "t"
"""The direction of a `LocalCrystal` along which everything goes on at once: cycle, fields, motion of the texture."""


@dataclass(frozen=True, eq=False)
class LocalCrystal:
    """The crystal at a place of a texture, with its gradient there: a `Crystal` with more directions.

    "x", "y", "z" are derivatives along the texture; in a magnetic field they contain what the vector potential adds,
    -e (d_i A_j) d/dk_j in symmetric gauge. "t" is everything that goes on: a sum over directions, each at its rate.
    """

    lattice: Lattice
    positions: Float
    directions: tuple[str, ...]
    observable_names: tuple[str, ...]
    """Names of observables. Directions too: the fields conjugate to them, along which the derivative of H is these."""
    frequencies: Integer
    gradients: Mapping[str, Mapping[tuple[str, ...], Complex]]
    """Amplitudes (F, N, N) of H, under (), and of its derivatives along ("x",), ...; zero where they are missing.

    Those of "H", of observables, "<sx>", ..., and of the connections of the basis along "kx", ..., "theta", "x", ...
    where there are any.
    """
    tail: float = 0.0
    """That of the cycle: how far the interpolation between its snapshots can be trusted."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """What "t" is made of."""
    magnetic_field: Float | None = None
    """e B: one component in 2D, three in 3D."""
    units: Units = Units()  # noqa: RUF009
    """Those of the texture."""

    @property
    def orbitals_move(self) -> bool:
        """Whether the basis changes along the cycle."""
        return self.has_basis_connection and THETA in self.directions

    @property
    def has_basis_connection(self) -> bool:
        """Whether the basis has connections, and with them a curvature."""
        return not {*self.directions, *AXES}.isdisjoint(self.gradients)

    @property
    def size(self) -> int:
        """Number of orbitals in the cell."""
        return len(self.positions)

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes along which something changes."""
        spatial = AXES[: self.lattice.dimension]
        changing = {axis for field in self.gradients.values() for axis in spatial if (axis,) in field}
        return tuple(axis for axis in spatial if axis in changing or self._potential(axis))

    def driven(self, rates: Mapping[str, float], magnetic_field: Float | None = None) -> LocalCrystal:
        """The same place with something going on."""
        return replace(self, rates=dict(rates), magnetic_field=magnetic_field)

    @property
    def observables(self) -> dict[str, Operator]:
        """Observables by name."""
        return {
            name: FourierSeries(self.frequencies, self.gradients[observed(name)][()][:, None])
            for name in self.observable_names
        }

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives (see `Crystal`), also along "x", "y", "z" and "t"."""
        directions = (*self.directions, *AXES[: self.lattice.dimension], TIME, *self.observable_names)
        centres = centres_by_name(self.lattice.directions, self.positions)
        return covariant_series(self.frequencies, self._plain, centres, directions, along)

    def _plain(self, slot: SeriesName) -> Complex | None:
        """Amplitudes of H or of a connection, differentiated."""
        name, *waves = slot
        # directions that are sums have the connections of their parts
        parts = self.rates if name == TIME else self._potential(name) if name in AXES else {}
        own = self._amplitudes(name, tuple(waves), ())
        return _summed([(1.0, own), *((rate, self._plain((x, *waves))) for x, rate in parts.items())])

    def _amplitudes(self, name: str, directions: tuple[str, ...], known: tuple[str, ...]) -> Complex | None:
        """Amplitudes of a derivative: directions that are sums are taken apart, one after the other."""
        if not directions:
            return self._derived(name, known)
        first, rest = directions[0], directions[1:]
        if first == TIME:
            return _summed((rate, self._amplitudes(name, (*rest, x), known)) for x, rate in self.rates.items())
        parts = [(1.0, self._amplitudes(name, rest, (*known, first)))]
        if first in AXES:
            parts += [(c, self._amplitudes(name, rest, (*known, k))) for k, c in self._potential(first).items()]
        return _summed(parts)

    def _derived(self, name: str, directions: tuple[str, ...]) -> Complex | None:
        """Amplitudes of a derivative along directions that are none."""
        fields = [x for x in directions if x in self.observable_names]
        if fields and (name != HAMILTONIAN or len(fields) > 1):
            return None
        texture = tuple(sorted(x for x in directions if x in AXES))
        amplitudes = self.gradients.get(observed(fields[0]) if fields else name, {}).get(texture)
        for direction in directions:
            if direction in self.directions and amplitudes is not None:
                amplitudes = self._factors[direction] * amplitudes
        return amplitudes

    @cached_property
    def _factors(self) -> dict[str, Complex]:
        return derivative_factors(self.directions, self.lattice.vectors, self.frequencies, self.positions)

    def _potential(self, axis: str) -> dict[str, float]:
        """-e d_axis A_j along each k_j for A = B x r/2."""
        if self.magnetic_field is None:
            return {}
        B = np.zeros(3)
        B[-len(self.magnetic_field) :] = self.magnetic_field
        # A_j = eps_jli B_l r_i / 2
        curl = -0.5 * np.cross(B, np.eye(3)[AXES.index(axis)])
        return {f"k{AXES[j]}": float(curl[j]) for j in range(self.lattice.dimension) if curl[j]}


def observed(name: str) -> str:
    """What stands for an observable among amplitudes, where "H" is no name of one."""
    return f"<{name}>"


def _summed(parts: Iterable[tuple[float, Complex | None]]) -> Complex | None:
    """Sum of multiples; None for zero."""
    total: Complex | None = None
    for factor, series in parts:
        if series is not None:
            total = factor * series if total is None else total + factor * series
    return total
