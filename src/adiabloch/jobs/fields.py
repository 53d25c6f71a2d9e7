"""Fields of textures in job files: a parameter of the crystal as a function of the position, given by numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, FiniteFloat, Tag, ValidationError, model_validator
from scipy.interpolate import BSpline, make_interp_spline

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.jobs.tables import Numbers, Range, Table
from adiabloch.lattice import AXES

DEGREE = 5
"""Degree of splines: their fourth derivative is continuous, so that differences of high order apply."""
SWEPT = ("mean", "amplitude", "phase", "height", "radius")
"""Keys of numbers that may be swept."""
Number = FiniteFloat | None
"""Number that may be swept instead."""


class Wave(Table):
    """Plane wave: mean + amplitude cos(wave_vector . r + phase)."""

    mean: Number = Field(default=None, description="Mean; may be swept as NAME_mean.")
    amplitude: Number = Field(default=None, description="Amplitude; may be swept as NAME_amplitude.")
    wave_vector: list[FiniteFloat] = Field(
        min_length=1, max_length=3, description="Cartesian wave vector, in radians per length unit of the model."
    )
    phase: FiniteFloat = Field(default=0.0, description="Phase in radians; may be swept as NAME_phase.")

    @property
    def typical(self) -> float:
        """Value that the field has somewhere, if all numbers are given."""
        return float(self.mean or 0.0)

    def check_dimension(self, name: str, dimension: int) -> None:
        """Check that vectors have the dimension of the crystal."""
        _check_length(f"{name}.wave_vector", self.wave_vector, dimension)

    def at(self, position: Float) -> float:
        """Value at a position, Cartesian coordinates of shape (d,)."""
        return float(self.mean + self.amplitude * np.cos(np.array(self.wave_vector) @ position + self.phase))  # type: ignore[operator]


class Gaussian(Table):
    """Gaussian: mean + height exp(-|r - centre|^2/radius^2)."""

    mean: Number = Field(default=None, description="Value far away; may be swept as NAME_mean.")
    height: Number = Field(default=None, description="Increase at the centre; may be swept as NAME_height.")
    radius: Annotated[FiniteFloat, Field(gt=0)] | None = Field(
        default=None, description="Distance at which 1/e of the height is left; may be swept as NAME_radius."
    )
    centre: list[FiniteFloat] | None = Field(
        default=None, min_length=1, max_length=3, description="Cartesian position; by default the origin."
    )

    @property
    def typical(self) -> float:
        """Value that the field has somewhere, if all numbers are given."""
        return float(self.mean or 0.0)

    def check_dimension(self, name: str, dimension: int) -> None:
        """Check that vectors have the dimension of the crystal."""
        if self.centre is not None:
            _check_length(f"{name}.centre", self.centre, dimension)

    def at(self, position: Float) -> float:
        """Value at a position, Cartesian coordinates of shape (d,)."""
        distance = position if self.centre is None else position - np.array(self.centre)
        return float(self.mean + self.height * np.exp(-(distance @ distance) / self.radius**2))  # type: ignore[operator]


class Spline(Table):
    """Smooth interpolation of values at points along an axis, by a spline of degree five."""

    axis: Literal["x", "y", "z"] = Field(description="Cartesian axis along which the parameter changes.")
    points: Numbers = Field(
        description="Ascending positions, on both sides of the origin and one lattice vector beyond all positions."
    )
    values: list[FiniteFloat] = Field(description="Value at each point.")

    @model_validator(mode="after")
    def _check(self) -> Spline:
        x = self.positions
        if len(x) < 2:
            raise ValueError(f"points: {len(x)}, expected at least 2")
        if len(self.values) != len(x):
            raise ValueError(f"values: {len(self.values)}, expected as many as points, {len(x)}")
        for before, after in pairwise(x):
            if not before < after:
                raise ValueError(f"points: {before:g} before {after:g}, expected ascending numbers")
        if not x[0] <= 0 <= x[-1]:
            raise ValueError(f"points: from {x[0]:g} to {x[-1]:g}, expected points on both sides of the origin")
        return self

    @property
    def positions(self) -> list[float]:
        """Positions of the points."""
        return self.points.values() if isinstance(self.points, Range) else self.points

    @property
    def typical(self) -> float:
        """Value that the field has somewhere."""
        return self.values[0]

    def check_dimension(self, name: str, dimension: int) -> None:
        """Check that the crystal has the axis."""
        if self.axis not in AXES[:dimension]:
            axes = ", ".join(AXES[:dimension])
            raise InvalidArgumentError(f"{name}.axis: {self.axis!r}, expected {axes} for a crystal in {dimension}D")

    def at(self, position: Float) -> float:
        """Value at a position, Cartesian coordinates of shape (d,).

        Raises
        ------
        InvalidArgumentError
            The position is outside of the points.
        """
        x, points = float(position[AXES.index(self.axis)]), self.positions
        if not points[0] <= x <= points[-1]:
            raise InvalidArgumentError(
                f"{self.axis} = {x:g} is outside of the points, {points[0]:g} to {points[-1]:g}; expected points one "
                "lattice vector beyond the positions of the quantities"
            )
        return float(_spline(tuple(points), tuple(self.values))(x))


Form = Wave | Gaussian | Spline
FORMS: Mapping[str, type[Form]] = {"=wave": Wave, "=gaussian": Gaussian, "=spline": Spline}
"""Forms of fields by their tags in the locations of errors."""


def _form(given: Any) -> str:
    """Tag of the form that has most of the keys given."""
    if not isinstance(given, Mapping):
        return next((tag for tag, form in FORMS.items() if isinstance(given, form)), "=wave")
    return max(FORMS, key=lambda tag: len({*given} & {*FORMS[tag].model_fields}))


Profile = Annotated[
    Annotated[Wave, Tag("=wave")] | Annotated[Gaussian, Tag("=gaussian")] | Annotated[Spline, Tag("=spline")],
    Discriminator(_form),
]
"""Parameter as a function of the position."""


def swept_names(fields: Mapping[str, Form]) -> dict[str, tuple[str, str]]:
    """Numbers of fields that may be swept: the name of each, such as delta_amplitude, with its field and key."""
    return {
        f"{name}_{key}": (name, key)
        for name, field in fields.items()
        for key in SWEPT
        if key in type(field).model_fields
    }


def with_numbers(fields: Mapping[str, Form], swept: Mapping[str, Any]) -> dict[str, Form]:
    """Fields with the values of a sweep, checked.

    Raises
    ------
    InvalidArgumentError
    """
    found = {name: field.model_dump(exclude_unset=True) for name, field in fields.items()}
    for label, (name, key) in swept_names(fields).items():
        if label in swept:
            found[name][key] = swept[label]
    return {name: _checked(fields[name], values, f"crystal.texture.{name}") for name, values in found.items()}


def missing_numbers(fields: Mapping[str, Form]) -> dict[str, tuple[str, str]]:
    """Numbers that are not given, as `swept_names` has them."""
    return {
        label: (name, key) for label, (name, key) in swept_names(fields).items() if getattr(fields[name], key) is None
    }


def _checked(field: Form, values: Mapping[str, Any], location: str) -> Form:
    try:
        return type(field).model_validate(values)
    except ValidationError as reason:
        error = reason.errors(include_url=False)[0]
        keys = ".".join(map(str, error["loc"]))
        raise InvalidArgumentError(f"{location}.{keys}: {error['input']!r}, {error['msg']}") from None


@cache
def _spline(points: tuple[float, ...], values: tuple[float, ...]) -> BSpline:
    return make_interp_spline(points, values, k=min(DEGREE, len(points) - 1))


def _check_length(name: str, vector: list[float], dimension: int) -> None:
    if len(vector) != dimension:
        raise InvalidArgumentError(
            f"{name}: {len(vector)} components, expected {dimension} for a crystal in {dimension}D"
        )
