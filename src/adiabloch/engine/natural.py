"""Natural units: crystals and arguments are scaled on entry, results and their errors on return.

The unit of energy is the largest hopping of the crystal, and the unit of length its shortest lattice vector. So the
calculation does not depend on the units of the user.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec
from weakref import WeakKeyDictionary

import numpy as np

from adiabloch.arrays import contains_words, refuse_units
from adiabloch.engine.results import plain_variable
from adiabloch.engine.unit_names import units_of
from adiabloch.errors import InvalidModelError
from adiabloch.lattice import AXES
from adiabloch.models.cycle import Cycle
from adiabloch.models.deformation import Deformation
from adiabloch.models.fourier import FourierSeries
from adiabloch.models.shared_arrays import in_units
from adiabloch.models.texture import Texture
from adiabloch.models.tight_binding import TightBinding
from adiabloch.occupation import Scan
from adiabloch.units import Units

if TYPE_CHECKING:
    import xarray

P = ParamSpec("P")
ARGUMENTS = {
    "chemical_potential": "energy",
    "temperature": "energy",
    "degeneracy": "energy",
    "frequency": "energy",
    "electric_field": "energy/length",
    "velocity": "energy length",
    "magnetic_field": "1/area",
    "positions": "length",
    "heights": "length",
    "offset": "1/length",
    "kx": "1/length",
    "ky": "1/length",
    "kz": "1/length",
}
"""Units of arguments, by name."""
ATTRIBUTES = {
    "gap": "energy",
    "chemical_potential": "energy",
    "kT": "energy",
    "degeneracy": "energy",
    "magnetic_field": "1/area",
    "rate_theta": "energy",
    **{f"rate_k{axis}": "energy/length" for axis in AXES},
    **{f"rate_{axis}": "energy length" for axis in AXES},
}
"""Units of attributes of results, by name."""


_KNOWN: WeakKeyDictionary[TightBinding | Cycle, TightBinding | Cycle] = WeakKeyDictionary()
"""Crystals in natural units, by the crystals of the user."""


def in_natural_units(response: Callable[..., xarray.Dataset], given: Mapping[str, Any], first: str) -> xarray.Dataset:
    """Call a response with its crystal and arguments in natural units, and convert the result by its labels.

    Parameters
    ----------
    response : callable
    given : mapping
        Arguments by name, with those of `**options`.
    first : str
        Name of the argument with the crystal.
    """
    for name in ARGUMENTS.keys() & given.keys():
        refuse_units(given[name], name)
    crystal = _crystal(given[first])
    if crystal is None:
        return response(**given)
    if given.get("temperature") is not None:
        # the message has the number in the units of the user
        Scan.of(0.0, given["temperature"])
    units = crystal.natural_units
    inside = {
        name: _scale(value, units.size(ARGUMENTS[name])) if name in ARGUMENTS else value
        for name, value in given.items()
    }
    inside[first] = _to_natural(given[first], units)
    return _to_user(response(**inside), units, given, crystal)


def natural(response: Callable[P, xarray.Dataset]) -> Callable[P, xarray.Dataset]:
    """Decorator: evaluate a function of a crystal in the natural units of the crystal."""
    signature = inspect.signature(response)
    first = next(iter(signature.parameters))

    @functools.wraps(response)
    def scaled(*args: P.args, **kwargs: P.kwargs) -> xarray.Dataset:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return response(*args, **kwargs)
        return in_natural_units(response, given, first)

    return scaled


def _crystal(given: object) -> TightBinding | Cycle | None:
    """Crystal that defines the natural units; None for other objects and for crystals that are scaled already."""
    if isinstance(given, Texture):
        given = given.home
    elif isinstance(given, Deformation):
        given = given.model
    elif callable(given):
        # the profile of a texture, a function of its phase; the response reports its errors
        try:
            given = given(0.0)
        except Exception:
            return None
    return given if isinstance(given, TightBinding | Cycle) and given.units == Units() else None


def _to_natural(given: Any, units: Units) -> Any:
    """Crystal, texture or profile in natural units; the same object for the same crystal."""
    if isinstance(given, Texture | Deformation):
        return given.scaled(units)
    if isinstance(given, TightBinding | Cycle):
        if given not in _KNOWN:
            _KNOWN[given] = in_units(given, units) if isinstance(given, TightBinding) else given.scaled(units)
        return _KNOWN[given]

    def profile(phase: float) -> Any:
        crystal = given(phase)
        return crystal.scaled(units) if isinstance(crystal, TightBinding | Cycle) else crystal

    return profile


def _scale(value: Any, size: float) -> Any:
    """Numbers in natural units; other objects are unchanged and left to the checks of the response."""
    if isinstance(value, Mapping):
        return {key: _scale(one, size) for key, one in value.items()}
    if isinstance(value, FourierSeries):
        return replace(value, coefficients=value.coefficients / size)
    try:
        # everything that the response would accept as numbers
        numbers = np.asarray(value)
        if numbers.dtype.kind == "b" or contains_words(numbers):
            return value
        return np.asarray(numbers, complex if numbers.dtype.kind == "c" else float) / size
    except (TypeError, ValueError):
        return value


def _to_user(
    result: xarray.Dataset, units: Units, given: Mapping[str, Any], crystal: TightBinding | Cycle
) -> xarray.Dataset:
    """Result in the units of the user."""
    axes = _axes(given)
    data, coordinates = {}, {}
    for name, variable in result.variables.items():
        label = variable.attrs.get("units", "1")
        size = _checked(units.size(label), label)
        if size == 1.0:
            continue
        values = variable.values * size
        if name not in result.coords:
            data[name] = plain_variable(variable.dims, values, variable.attrs)
            continue
        # axes exactly as they were given
        own = np.asarray(axes.get(str(name), values), values.dtype)
        values = own if own.shape == values.shape else values
        coordinates[name] = (variable.dims, values, variable.attrs)
    result = result.assign(data).assign_coords(coordinates)
    attributes: dict[str, Any] = {}
    for name in ATTRIBUTES.keys() & result.attrs.keys():
        number = result.attrs[name]
        label = "1" if name == "rate_theta" and given.get("frequency") is None else ATTRIBUTES[name]
        attributes[name] = (
            [units.in_user_units(x, label) for x in number] if np.ndim(number) else units.in_user_units(number, label)
        )
    if "model" in result.attrs:
        attributes["model"] = crystal.digest
    lattice = crystal.lattice
    attributes |= {"dimension": lattice.periodic_directions, "measure": lattice.measure, **units_of(lattice)}
    return result.assign_attrs(attributes)


def _axes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that are coordinates of the result."""
    positions = given.get("positions")
    if positions is None:
        return dict(given)
    if isinstance(positions, Mapping):
        return {**given, **positions}
    columns = np.moveaxis(np.asarray(positions), -1, 0)
    return {**given, **dict(zip(AXES, columns, strict=False))}


def _checked(size: float, label: str) -> float:
    if not 0 < size < np.inf:
        raise InvalidModelError(
            f"units: {label} is {size} in those of the crystal, beyond the range of numbers; give its energies and "
            "lengths in units that are nearer to their size"
        )
    return size
