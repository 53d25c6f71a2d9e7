"""Local crystal of a texture: a crystal with additional directions for gradients, fields and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.lattice import AXES, Lattice
from adiabloch.models.covariant import HAMILTONIAN, SeriesName, centres_by_name, covariant_series, derivative_factors
from adiabloch.models.crystal import THETA, Derivative, Matrices, Operator
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.html import own_crystal_html
from adiabloch.units import Units

TIME = "t"
"""Direction that stands for the time derivative: cycle, fields and motion of the texture together."""


@dataclass(frozen=True, eq=False)
class LocalCrystal:
    """Crystal at a position of a texture, with its gradient there: a `Crystal` with additional directions.

    "x", "y", "z" are derivatives along the texture. In a magnetic field they contain the contribution of the vector
    potential, -e (d_i A_j) d/dk_j in symmetric gauge. "t" is the time derivative, a sum over directions with their
    rates.
    """

    lattice: Lattice
    positions: Float
    """(N, d): orbital positions, averaged over the cycle."""
    directions: tuple[str, ...]
    """"kx", ..., and "theta" for a cycle."""
    observable_names: tuple[str, ...]
    """Names of observables. They also name the directions of their conjugate fields: d H/d field is the observable."""
    frequencies: Integer
    """(F, D)"""
    gradients: Mapping[str, Mapping[tuple[str, ...], Complex]]
    """Amplitudes (F, N, N) by name and derivative along the texture: (), ("x",), ("x", "y"), ...; zero if missing.

    Names are "H", observables, "<sx>", ..., and directions of basis connections, "kx", ..., "theta", "x", ....
    """
    tail: float = 0.0
    """Size of the last harmonics of the cycle: relative error of the interpolation between its snapshots."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Rates of the directions that make up "t"."""
    magnetic_field: Float | None = None
    """e B: one component in 2D, three in 3D."""
    units: Units = Units()  # noqa: RUF009
    """Units of the texture in terms of the user's units."""

    _repr_html_ = own_crystal_html

    @property
    def orbitals_move(self) -> bool:
        """True if the basis has a connection and changes along the cycle."""
        return self.has_basis_connection and THETA in self.directions

    @property
    def has_basis_connection(self) -> bool:
        """True if the basis has connections, and therefore a curvature."""
        return not {*self.directions, *AXES}.isdisjoint(self.gradients)

    @property
    def size(self) -> int:
        """Number of orbitals in the cell."""
        return len(self.positions)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Directions beyond those of the torus: axes of the texture, the drive, fields of observables."""
        return (*self.axes, TIME, *self.observable_names)

    @property
    def axes(self) -> tuple[str, ...]:
        """Spatial axes along which the crystal or the vector potential changes."""
        spatial = AXES[: self.lattice.dimension]
        changing = {axis for by_axis in self.gradients.values() for axis in spatial if (axis,) in by_axis}
        return tuple(axis for axis in spatial if axis in changing or self._vector_potential(axis))

    def driven(self, rates: Mapping[str, float], magnetic_field: Float | None = None) -> LocalCrystal:
        """Set the rates of the time derivative and the magnetic field.

        Parameters
        ----------
        rates : mapping {str: float}
            Rates by direction: "theta" for the cycle, "kx" for an electric field, "x" for a motion of the texture.
        magnetic_field : float array, shape (1,) or (3,), optional
            e B; the component along z in 2D.
        """
        return replace(self, rates=dict(rates), magnetic_field=magnetic_field)

    @property
    def observables(self) -> dict[str, Operator]:
        """Observables by name."""
        return {
            name: FourierSeries(self.frequencies, self.gradients[observable_key(name)][()][:, None])
            for name in self.observable_names
        }

    def matrices(self, along: Sequence[Derivative] = ()) -> Matrices:
        """H and its derivatives (see `Crystal`), also along "x", "y", "z" and "t"."""
        directions = (*self.directions, *AXES[: self.lattice.dimension], TIME, *self.observable_names)
        centres = centres_by_name(self.lattice.directions, self.positions)
        return covariant_series(self.frequencies, self._ordinary, centres, directions, along)

    def _ordinary(self, series: SeriesName) -> Complex | None:
        """Amplitudes of H or of a connection, and of their ordinary derivatives."""
        name, *waves = series
        # a direction that is a sum of others has the sum of their connections
        parts = self.rates if name == TIME else self._vector_potential(name) if name in AXES else {}
        own = self._amplitudes(name, tuple(waves), ())
        return _weighted_sum([(1.0, own), *((rate, self._ordinary((x, *waves))) for x, rate in parts.items())])

    def _amplitudes(self, name: str, directions: tuple[str, ...], known: tuple[str, ...]) -> Complex | None:
        """Amplitudes of a derivative, with directions that are sums expanded one after the other."""
        if not directions:
            return self._elementary(name, known)
        first, rest = directions[0], directions[1:]
        if first == TIME:
            return _weighted_sum((rate, self._amplitudes(name, (*rest, x), known)) for x, rate in self.rates.items())
        parts = [(1.0, self._amplitudes(name, rest, (*known, first)))]
        if first in AXES:
            parts += [(c, self._amplitudes(name, rest, (*known, k))) for k, c in self._vector_potential(first).items()]
        return _weighted_sum(parts)

    def _elementary(self, name: str, directions: tuple[str, ...]) -> Complex | None:
        """Amplitudes of a derivative along directions that are not sums."""
        fields = [x for x in directions if x in self.observable_names]
        # H is linear in the fields, and connections do not depend on them
        if fields and (name != HAMILTONIAN or len(fields) > 1):
            return None
        texture = tuple(sorted(x for x in directions if x in AXES))
        amplitudes = self.gradients.get(observable_key(fields[0]) if fields else name, {}).get(texture)
        for direction in directions:
            if direction in self.directions and amplitudes is not None:
                amplitudes = self._factors[direction] * amplitudes
        return amplitudes

    @cached_property
    def _factors(self) -> dict[str, Complex]:
        """Factors of derivatives along k and theta (see `derivative_factors`)."""
        return derivative_factors(self.directions, self.lattice.vectors, self.frequencies, self.positions)

    def _vector_potential(self, axis: str) -> dict[str, float]:
        """-e d_axis A_j along each k_j, for A = B x r/2."""
        if self.magnetic_field is None:
            return {}
        B = np.zeros(3)
        B[-len(self.magnetic_field) :] = self.magnetic_field
        # A_j = eps_jli B_l r_i / 2
        curl = -0.5 * np.cross(B, np.eye(3)[AXES.index(axis)])
        return {f"k{AXES[j]}": float(curl[j]) for j in range(self.lattice.dimension) if curl[j]}


def observable_key(name: str) -> str:
    """Key of an observable among the amplitudes: "<name>", so that an observable may be called "H"."""
    return f"<{name}>"


def _weighted_sum(parts: Iterable[tuple[float, Complex | None]]) -> Complex | None:
    """Sum of factors times series; None stands for zero."""
    total: Complex | None = None
    for factor, series in parts:
        if series is not None:
            total = factor * series if total is None else total + factor * series
    return total
