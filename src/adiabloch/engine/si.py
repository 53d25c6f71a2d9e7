"""Results in SI units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from adiabloch.customary_units import is_si
from adiabloch.engine.unit_names import with_symbols
from adiabloch.errors import InvalidArgumentError
from adiabloch.names import checked_call
from adiabloch.scalars import positive_number
from adiabloch.units import (
    ANGSTROM,
    BOHR_MAGNETON,
    ELECTRON_G,
    ENERGIES,
    FREQUENCY,
    HBAR,
    LENGTHS,
    VACUUM_PERMEABILITY,
    Unit,
)

if TYPE_CHECKING:
    import xarray

Result = TypeVar("Result", "xarray.Dataset", "xarray.DataArray")


@checked_call
def in_si(
    result: Result,
    *,
    energy: float | str = 1.0,
    length: float | str = 1.0,
    frequency: float | None = None,
    energy_unit: str | None = None,
    tensor_unit: str | None = None,
    moment_unit: str | None = None,
) -> Result:
    """Convert a result to SI units or to customary units.

    Parameters
    ----------
    result : xarray.Dataset or xarray.DataArray
        Result of any response of this library, or one of its variables.
    energy : float or str
        Energy unit of the model in eV, or its name: "eV", "meV", "hartree", "rydberg", "K", "J". With a name,
        energies keep this unit.
    length : float or str
        Length unit of the model in Angstrom, or its name: "angstrom", "bohr", "nm", "m".
    frequency : float, optional
        Angular frequency of the cycle in rad/s, for pumped quantities.
    energy_unit : str, optional
        Unit of energies (chemical potentials, temperatures, gaps) in the result, one of the names above; J by default.
    tensor_unit : "ps/m", optional
        Unit of magnetoelectric tensors in three dimensions: mu_0 dM/dE in place of siemens.
    moment_unit : "mu_B/cell", optional
        Unit of magnetizations: the moment of a cell in Bohr magnetons in place of ampere (per metre). For spins it is
        the magnetic moment of the spin, with the factor -g.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        Converted variables and coordinates, with the negative charge of the electron. Error bars and quanta keep their
        signs.

    Raises
    ------
    InvalidArgumentError
        A variable whose unit is not known here, or pumped by a cycle whose frequency is not given; a result that has
        been converted before; a unit asked for that nothing in the result can have.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> hall = ab.anomalous_hall(model, chemical_potential=0.0)
    >>> quantum = ab.in_si(hall, energy=2.7).total.sel(component="z")
    >>> f"{float(quantum):.4e} {quantum.attrs['units']}"  # e^2/h
    '3.8740e-05 S'
    """
    import xarray

    if not isinstance(result, xarray.Dataset | xarray.DataArray):
        raise InvalidArgumentError(
            f"in_si: expected a result, a Dataset or a DataArray of it, got {type(result).__name__}"
        )
    if isinstance(result, xarray.Dataset):
        result = with_symbols(result)
    # in a sweep the cell may be different at each point
    cell = {name: result.coords[name].variable for name in ("dimension", "measure") if name in result.coords}
    attributes = {**result.attrs, **cell}
    conversion = _Conversion.of(energy, length, frequency, energy_unit, tensor_unit, moment_unit, attributes)
    if isinstance(result, xarray.DataArray):
        if "units" not in result.attrs:
            raise InvalidArgumentError(
                "in_si: this array has no unit (arithmetic drops it); convert what the response gave"
            )
        converted: Any = result.copy(data=conversion.of_variable(str(result.name), result.variable).values)
        converted.attrs["units"] = conversion.label(result.attrs["units"])
        names = list(result.coords)
    else:
        converted = result.copy()
        names = list(result.variables)
    for name in names:
        if "units" not in result[name].attrs or result[name].attrs["units"] == "1":
            continue
        variable = conversion.of_variable(str(name), result[name].variable)
        if name in result.coords:
            converted = converted.assign_coords({name: variable})
        else:
            converted[name] = variable
    conversion.check_used()
    return converted


UNSIGNED = ("error", "quantum")
"""Variables, also as endings of names, that do not change sign with the charge."""
TENSOR, MOMENT = "ps/m", "mu_B/cell"
SIEMENS = (1, -1, 0, 0, 0)


@dataclass(eq=False)
class _Conversion:
    """Units to convert from and to."""

    energy: float
    length: float
    frequency: float | None
    energy_unit: str
    tensor_unit: str | None
    moment_unit: str | None
    attributes: Mapping[str, Any]
    used: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        energy: float | str,
        length: float | str,
        frequency: float | None,
        energy_unit: str | None,
        tensor_unit: str | None,
        moment_unit: str | None,
        attributes: Mapping[str, Any],
    ) -> _Conversion:
        """Check the arguments of the user."""
        sizes = unit_size(energy, "energy", ENERGIES), unit_size(length, "length", LENGTHS)
        if energy_unit is None:
            energy_unit = energy if isinstance(energy, str) else "J"
        for name, given, known in (
            ("energy_unit", energy_unit, [*ENERGIES]),
            ("tensor_unit", tensor_unit, [None, TENSOR]),
            ("moment_unit", moment_unit, [None, MOMENT]),
        ):
            if not (given is None or isinstance(given, str)) or given not in known:
                raise InvalidArgumentError(f"{name}: {given!r}, expected one of {', '.join(filter(None, known))}")
        if frequency is not None:
            frequency = positive_number(frequency, "frequency", FREQUENCY)
        return cls(*sizes, frequency, energy_unit, tensor_unit, moment_unit, attributes)

    def of_variable(self, name: str, variable: Any) -> Any:
        """Variable in the requested unit, with its label."""
        label = variable.attrs["units"]
        if is_si(label):
            raise InvalidArgumentError(f"in_si: {name} is in {label}: already converted")
        size = self.size(label)
        if is_unsigned(name):
            size = abs(size)
        attributes = {**variable.attrs, "units": self.label(label)}
        converted = variable * size
        return type(variable)(variable.dims, converted.transpose(*variable.dims).values, attributes)

    def size(self, label: str) -> Any:
        """Factor on numbers in this unit; a variable if the cell is different at each point of a sweep."""
        size = Unit.parse(label).si_size(energy=self.energy, length=self.length, frequency=self.frequency)
        match self._kind(label):
            case "energy":
                # no conversion to joules, so that numbers are unchanged if the unit is kept
                return self.energy / ENERGIES[self.energy_unit]
            case "tensor":
                return size * VACUUM_PERMEABILITY * 1e12
            case "moment":
                return size * self._cell / BOHR_MAGNETON
            case "spin":
                return -ELECTRON_G * size * self._cell / HBAR
        return size

    def label(self, label: str) -> str:
        """Label of the converted variable."""
        kind = self._kind(label)
        if kind == "energy":
            return self.energy_unit
        if kind in ("moment", "spin"):
            self.used.add(MOMENT)
            return MOMENT
        if kind == "tensor":
            self.used.add(TENSOR)
            return TENSOR
        return Unit.parse(label).si_label

    def check_used(self) -> None:
        """Check that every requested unit occurs in the result."""
        for asked, what in ((self.tensor_unit, "magnetoelectric tensor in 3D"), (self.moment_unit, "magnetization")):
            if asked is not None and asked not in self.used:
                raise InvalidArgumentError(f"in_si: {asked} was asked for, but nothing in this result is a {what}")

    def _kind(self, label: str) -> str:
        if label == "energy":
            return "energy"
        try:
            powers = Unit.parse(label).si_powers
        except InvalidArgumentError:
            return ""
        if self.tensor_unit and powers == SIEMENS and self.attributes.get("dimension", 3) == 3:
            return "tensor"
        if self.moment_unit:
            d = self._dimension
            if powers == (1, 0, 0, 2 - d, 0):
                return "moment"
            if powers == (1, 1, 2, -d, 0):
                return "spin"
        return ""

    @property
    def _dimension(self) -> int:
        self._need("dimension")
        return int(self.attributes["dimension"])

    @property
    def _cell(self) -> Any:
        """Measure of the cell in powers of metres."""
        self._need("measure")
        return self.attributes["measure"] * (self.length * ANGSTROM) ** self._dimension

    def _need(self, name: str) -> None:
        if name not in self.attributes:
            raise InvalidArgumentError(
                f"in_si: {MOMENT} needs the cell, but the result lacks the attribute {name!r}; expected a "
                "whole Dataset as a response gives it"
            )


def is_unsigned(name: str) -> bool:
    """True for error bars and quanta, which do not change sign with the charge."""
    return name in UNSIGNED or name.endswith(tuple(f"_{end}" for end in UNSIGNED))


def unit_size(given: float | str, name: str, known: Mapping[str, float]) -> float:
    """Unit of the model given as a number or by name."""
    if isinstance(given, str):
        if given not in known:
            raise InvalidArgumentError(f"{name}: {given!r}, expected a number or one of {', '.join(known)}")
        return known[given]
    return positive_number(given, name, f"a positive number or one of {', '.join(known)}")
