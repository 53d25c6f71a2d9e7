"""Results in the units that the field uses, such as e^2/h, S/cm or Bohr magnetons per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adiabloch.customary_units import CustomaryUnit, as_label, customary_symbol, customary_unit, is_si
from adiabloch.engine.si import Result, is_unsigned, unit_size
from adiabloch.errors import InvalidArgumentError
from adiabloch.names import checked_call
from adiabloch.scalars import positive_number
from adiabloch.units import (
    ANGSTROM,
    BOHR_MAGNETON,
    BOLTZMANN,
    ELECTRON_G,
    ENERGIES,
    FREQUENCY,
    HBAR,
    LENGTHS,
    RAW_SYMBOLS,
    VACUUM_PERMEABILITY,
    Unit,
    factors_of,
)

ENERGY, KELVIN = (1, 1, 1, 0, 0), (0, 0, 0, 0, 1)
SIEMENS, SECONDS_PER_METRE = (1, -1, 0, 0, 0), (0, 0, 1, -1, 0)
CUSTOMARY = (
    "e^2/h", "S", "S/cm", "hbar S/e", "hbar S/(e cm)", "mu_B/cell", "A/m", "A m/V", "ps/m", "|e|", "uC/cm^2", "A/V^2",
    "A m/V^2", "A/(T V)", "S/T", "A/K", "A/(K m)", "1/(eV cell)", "nm", "nm^2",
)  # fmt: skip
"""Units that messages propose."""
SPIN = (1, 1, 2)
"""Powers of A, V and s of an angular momentum."""
HERTZ = (0, 0, -1, 0, 0)
MOMENT_OF_SPIN = (0, -1, -2, 2, 0)
"""Powers of A, V, s, m and K of a magnetic moment per spin."""


@checked_call
def in_units(
    result: Result,
    units: str | Sequence[str],
    *,
    energy: float | str = 1.0,
    length: float | str = 1.0,
    frequency: float | None = None,
) -> Result:
    """Convert a result to units of choice, such as "e^2/h", "S/cm", "mu_B/cell", "ps/m" or "meV".

    Parameters
    ----------
    result : xarray.Dataset or xarray.DataArray
        Result of any response of this library, or one of its variables; also after `in_si`.
    units : str or sequence of str
        Products of SI units with prefixes ("uA", "cm"), "eV", "hartree", "bohr", "angstrom", the constants e, h, hbar,
        k_B and mu_B, the charge ``|e|``, and "cell", with powers as in "hbar S/(e cm)". Each variable and coordinate of
        the dimension of one of them is converted. Spins become magnetic moments in "mu_B/cell", with the factor -g,
        and responses to a Zeeman energy responses to a field in tesla ("S/T"), with the factor g mu_B; energies become
        frequencies in "THz" or temperatures in "K"; magnetoelectric tensors of three-dimensional crystals become
        mu_0 dM/dE in "ps/m".
    energy : float or str
        Energy unit of the model in eV, or its name, as for `adiabloch.in_si`.
    length : float or str
        Length unit of the model in Angstrom, or its name, as for `adiabloch.in_si`.
    frequency : float, optional
        Angular frequency of the cycle in rad/s, for pumped quantities.

    Returns
    -------
    xarray.Dataset or xarray.DataArray
        With the negative charge of the electron, as after `adiabloch.in_si`; e in `units` is positive. Error bars and
        quanta keep their signs. Variables of other dimensions are as before; coordinates that are energies are
        labelled "eV" if `energy` is "eV".

    Raises
    ------
    InvalidArgumentError
        A unit that is not known, or of whose dimension nothing in the result is; a pumped quantity without the
        frequency.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> hall = ab.in_units(ab.anomalous_hall(model, chemical_potential=0.0), "e^2/h")
    >>> f"{float(hall.total.sel(component='z')):.4f} {hall.total.attrs['units']}"
    '1.0000 e^2/h'
    """
    import xarray

    if not isinstance(result, xarray.Dataset | xarray.DataArray):
        raise InvalidArgumentError(
            f"in_units: expected a result, a Dataset or a DataArray of it, got {type(result).__name__}"
        )
    if not isinstance(units, str | list | tuple):
        raise InvalidArgumentError(
            f"in_units: {units!r}, expected the name of a unit, such as 'e^2/h', or a list of names"
        )
    if isinstance(result, xarray.DataArray):
        name = str(result.name or "variable")
        # the name of a variable along an axis of the same name belongs to the axis
        whole = result.to_dataset(name=name)
        return in_units(whole, units, energy=energy, length=length, frequency=frequency)[name].rename(result.name)
    cell = {name: result.coords[name].variable for name in ("dimension", "measure") if name in result.coords}
    sizes = unit_size(energy, "energy", ENERGIES), unit_size(length, "length", LENGTHS)
    if frequency is not None:
        frequency = positive_number(frequency, "frequency", FREQUENCY)
    model = _ModelUnits(*sizes, frequency, {**result.attrs, **cell})
    asked = [model.asked(unit) for unit in ([units] if isinstance(units, str) else units)]
    converted, found = result.copy(), set[str]()
    for name in result.variables:
        label = result[name].attrs.get("units", "1")
        if not isinstance(label, str) or label in ("1", "rad") or not _is_known(label):
            continue
        per_field = "magnetic_field" in result[name].dims
        for unit in asked:
            if (factor := model.factor(label, unit, str(name), per_field=per_field)) is not None:
                variable = result[name].variable
                values = (variable * factor).transpose(*variable.dims).values
                new = {name: type(variable)(variable.dims, values, {**variable.attrs, "units": unit.label})}
                converted = converted.assign_coords(new) if name in result.coords else converted.assign(new)
                found.add(unit.label)
                break
    if isinstance(energy, str) and sizes[0] == 1.0:
        # energies in eV that nothing was asked for, such as chemical potentials, keep their numbers
        for name in converted.coords:
            if converted[name].attrs.get("units") == "energy":
                converted = converted.assign_coords({name: converted[name].assign_attrs(units=energy)})
    for unit in asked:
        if unit.label not in found:
            labels = {str(result[name].attrs["units"]) for name in result.variables if "units" in result[name].attrs}
            fitting = [name for name in CUSTOMARY if any(model.fits(label, name) for label in labels)]
            hint = f"; expected for example {' or '.join(fitting[:2])}" if fitting else ""
            raise InvalidArgumentError(
                f"in_units: nothing in this result has the dimension of {unit.label}; its units are "
                f"{', '.join(sorted(labels))}{hint}"
            )
    return converted


def _is_known(label: str) -> bool:
    """True for the unit of a variable that can be converted; those per displacement are not of one dimension."""
    return all(name in ("1", "rad", *RAW_SYMBOLS) or customary_symbol(name) for name in factors_of(label))


@dataclass(frozen=True, eq=False)
class _ModelUnits:
    """Units of a model: energy in eV, length in Angstrom, frequency of its cycle in rad/s; attributes of a result."""

    energy: float
    length: float
    frequency: float | None
    attributes: Mapping[str, Any]

    def fits(self, label: str, unit: str) -> bool:
        """True if a label of a result has the dimension of a unit."""
        if (
            label in ("1", "rad")
            or not _is_known(label)
            or ("cell" in unit and not {"dimension", "measure"} <= set(self.attributes))
        ):
            return False
        one = _ModelUnits(self.energy, self.length, 1.0, self.attributes)
        return one.factor(label, one.asked(unit), "") is not None

    def asked(self, label: str) -> CustomaryUnit:
        """Unit that the user asks for.

        Raises
        ------
        InvalidArgumentError
            An unknown unit; one of a cell that is not known; an odd power of e, whose sign would be lost.
        """
        label, cell = as_label(label), {}
        if "cell" in str(label):
            missing = [name for name in ("dimension", "measure") if name not in self.attributes]
            if missing:
                raise InvalidArgumentError(
                    f"in_units: {label} needs the cell, but the result lacks the attribute {missing[0]!r}; expected a "
                    "whole Dataset as a response gives it"
                )
            d = int(self.attributes["dimension"])
            cell = {"cell": (self.attributes["measure"] * (self.length * ANGSTROM) ** d, (0, 0, 0, d, 0))}
        unit = customary_unit(label, cell)
        if not is_si(label) and Unit.parse(label).charge % 2:
            raise InvalidArgumentError(
                f"in_units: {label}: a label with the carrier's charge e; give |e|, C or A in its place"
            )
        return unit

    def factor(self, label: str, unit: CustomaryUnit, name: str, *, per_field: bool = False) -> Any:
        """Factor from a label of the result to a unit; None if their dimensions differ.

        `per_field` is True for a response to a magnetic field, that is to a Zeeman energy.
        """
        powers = customary_unit(label).powers if is_si(label) else Unit.parse(label).si_powers
        scale: Any = None
        if powers == unit.powers:
            scale = 1.0
        elif powers == ENERGY and unit.powers == KELVIN:
            scale = 1.0 / BOLTZMANN
        elif powers == SIEMENS and unit.powers == SECONDS_PER_METRE and self.attributes.get("dimension", 3) == 3:
            scale = VACUUM_PERMEABILITY
        elif powers == ENERGY and unit.powers == HERTZ:
            scale = 0.5 / (np.pi * HBAR)
        elif tuple(np.subtract(unit.powers, powers)) == MOMENT_OF_SPIN and (per_field or self._is_spin(powers)):
            scale = (1.0 if per_field else -1.0) * ELECTRON_G * BOHR_MAGNETON / HBAR
        if scale is None:
            return None
        size = customary_unit(label).size if is_si(label) else self._size(label)
        factor = scale * size / unit.size
        return abs(factor) if is_unsigned(name) else factor

    def _is_spin(self, powers: tuple[int, ...]) -> bool:
        """True for an angular momentum, and for a response of the spin, in whose unit hbar may cancel."""
        return powers[:3] == SPIN or "spin" in str(self.attributes.get("response", ""))

    def _size(self, label: str) -> float:
        return Unit.parse(label).si_size(energy=self.energy, length=self.length, frequency=self.frequency)
