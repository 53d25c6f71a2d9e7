"""Arguments of local currents and densities: textures, positions and phases, drives, occupation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked, numbers, radians, tensor_grid
from adiabloch.engine.arguments import checked_occupied
from adiabloch.engine.metal_warnings import check_temperature
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.lattice import AXES
from adiabloch.models.crystal import THETA, is_crystal, kind_of
from adiabloch.models.cycle import MOTION_HINT, Cycle
from adiabloch.models.texture import Texture
from adiabloch.models.tight_binding import TightBinding
from adiabloch.occupation import FermiLevel, one_of, single_level

NOTHING_TURNS = "nothing turns in this texture; expected one whose crystals are cycles"
LENGTH, RADIAN = {"units": "length"}, {"units": "rad"}
Positions = ArrayLike | Mapping[str, ArrayLike] | None
"""(d,), (P, d), a grid by axis, or the origin."""


@dataclass(frozen=True, eq=False)
class Drive:
    """Drive of a local response: rates of the directions that make up d_t, and a magnetic field."""

    rates: Mapping[str, float]
    magnetic_field: Float | None
    per_omega: bool
    """True if results are in units of the frequency of the cycle."""

    @classmethod
    def of(
        cls,
        texture: Texture,
        frequency: float | None,
        electric_field: ArrayLike | None,
        velocity: ArrayLike | None,
        magnetic_field: ArrayLike | None,
    ) -> Drive:
        """Check the arguments of the user."""
        d = texture.lattice.dimension
        rates: dict[str, float] = {}
        alone = electric_field is None and velocity is None
        if THETA in texture.home.directions:
            if frequency is None and not alone:
                raise InvalidArgumentError(
                    "frequency: expected that of the cycle beside electric_field or velocity; 0 if it stands still"
                )
            rates[THETA] = 1.0 if frequency is None else float(checked(frequency, "frequency", ()))
        elif frequency is not None:
            raise InvalidArgumentError(f"frequency: {NOTHING_TURNS}")
        for name, vector, label, sign in (
            ("electric_field", electric_field, "k", 1.0),
            # w(r - v t)
            ("velocity", velocity, "", -1.0),
        ):
            if vector is not None:
                rates |= {f"{label}{AXES[i]}": sign * float(x) for i, x in enumerate(checked(vector, name, (d,)))}
        B = None
        if magnetic_field is not None:
            if d == 1:
                raise InvalidArgumentError("magnetic_field: a one-dimensional crystal encloses no flux")
            B = checked(np.atleast_1d(np.asarray(magnetic_field)), "magnetic_field", (1 if d == 2 else 3,))
        per_omega = frequency is None and alone and THETA in rates
        return cls({name: rate for name, rate in rates.items() if rate}, B, per_omega)

    @property
    def moving(self) -> bool:
        """True if the texture itself moves."""
        return not set(AXES).isdisjoint(self.rates)


@dataclass(frozen=True, eq=False)
class Sites:
    """Positions and phases at which results are computed."""

    positions: Float
    """(P, d)."""
    theta: Float | None
    """Phases of the cycle, or None for the mean over it."""
    shape: tuple[int, ...]
    """Shape of a result without its components."""
    dims: tuple[str, ...]
    coordinates: Mapping[str, Any]

    @classmethod
    def of(cls, texture: Texture, positions: Positions, theta: ArrayLike | None) -> Sites:
        """Check the arguments of the user."""
        d = texture.lattice.dimension
        axes = AXES[:d]
        coordinates: dict[str, Any] = {}
        dims: list[str] = []
        if isinstance(positions, Mapping):
            if unknown := set(positions) - set(axes):
                raise InvalidArgumentError(
                    f"positions: along {sorted(map(str, unknown))}, expected {', '.join(axes)}"
                    f"{did_you_mean(min(map(str, unknown)), axes)}"
                )
            given = {axis: np.asarray(positions.get(axis, 0.0)) for axis in axes}
            lines = {axis: checked(x, f"positions {axis!r}", (None,) * min(x.ndim, 1)) for axis, x in given.items()}
            dims = [axis for axis in axes if np.ndim(lines[axis])]
            coordinates |= {axis: ((axis,) if axis in dims else (), lines[axis], LENGTH) for axis in axes}
            points = tensor_grid([np.atleast_1d(lines[axis]) for axis in axes])
            shape = [len(lines[axis]) for axis in dims]
        else:
            array = np.zeros(d) if positions is None else np.asarray(positions)
            points = checked(np.atleast_2d(array), "positions", (None, d))
            dims = ["point"] if array.ndim > 1 else []
            shape = [len(points)] if dims else []
            for i, axis in enumerate(axes):
                coordinates[axis] = (tuple(dims), points[:, i] if dims else points[0, i], LENGTH)
        phases = None
        if theta is not None:
            if THETA not in texture.home.directions:
                raise InvalidArgumentError(f"theta: {NOTHING_TURNS}")
            phases = radians(numbers(theta, "theta"), "theta")
            if np.ndim(theta):
                dims.append(THETA)
                shape.append(len(phases))
            coordinates[THETA] = ((THETA,), phases, RADIAN) if np.ndim(theta) else ((), phases[0], RADIAN)
        if not len(points) or (phases is not None and not len(phases)):
            raise InvalidArgumentError("positions, theta: expected at least one of each")
        return cls(points, phases, tuple(shape), tuple(dims), coordinates)


def checked_texture(texture: object) -> Texture:
    """Texture, a uniform one for a model or a cycle."""
    if not isinstance(texture, Texture) and is_crystal(texture):
        texture = Texture.uniform(cast(TightBinding, texture))
    if not isinstance(texture, Texture):
        raise InvalidArgumentError(
            f"texture: expected an adiabloch.Texture, Cycle or TightBinding, got {kind_of(texture)}"
        )
    if isinstance(texture.home, Cycle) and texture.home.has_basis_connection and not texture.home.orbitals_move:
        raise InvalidArgumentError(
            f"texture: the result depends on how the Wannier functions of its cycles move; {MOTION_HINT}"
        )
    return texture


def checked_occupation(
    texture: Texture, occupied: object, chemical_potential: ArrayLike | None, temperature: ArrayLike | None
) -> int | FermiLevel:
    """Number of occupied bands of an insulator, or the Fermi level of a metal at a temperature.

    Raises
    ------
    InvalidArgumentError
    """
    one_of(occupied, chemical_potential)
    if chemical_potential is None:
        if temperature is not None:
            raise InvalidArgumentError("temperature: expected chemical_potential with it")
        return checked_occupied(texture.home, occupied)
    level = single_level(chemical_potential, temperature)
    if not level.kT > 0:
        raise InvalidArgumentError(
            f"temperature: {texture.units.in_user_units(level.kT)}, expected k_B T > 0: derivatives at the "
            "Fermi surface need a smooth occupation (for an insulator give occupied)"
        )
    check_temperature(texture.home, level.kT)
    return level
