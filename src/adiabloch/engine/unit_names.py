"""Names of the units of crystals from files: eV and Angstrom in place of "energy" and "length" in labels.

Results of responses keep the labels of the model, which `in_si` and `in_units` convert; pictures and tables show names.
Bands and maps have the names themselves, since their numbers are energies and wave vectors as they are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from adiabloch.lattice import Lattice
from adiabloch.units import RAW_SYMBOLS, factors_of

if TYPE_CHECKING:
    import xarray

P = ParamSpec("P")
CRYSTAL_UNITS = "crystal_units"
"""Attribute of results with the units of the crystal."""
EV_ANGSTROM = "eV, angstrom"
EXTENTS = {"length": 1, "area": 2, "volume": 3}
SYMBOL = re.compile(rf"\b({'|'.join(('energy', *EXTENTS))})(?:\^(\d+))?\b")
NAME = re.compile(r"\b(eV|angstrom)(?:\^(\d+))?\b")


def units_of(lattice: Lattice) -> dict[str, str]:
    """Attribute of a result of a crystal with this lattice, if the names of its units are known."""
    return {CRYSTAL_UNITS: EV_ANGSTROM} if lattice.ev_angstrom else {}


def named(label: str) -> str:
    """Label with the names of the units: "e^2/(hbar length)" is "e^2/(hbar angstrom)"."""
    return SYMBOL.sub(lambda found: _power(found, {"energy": ("eV", 1)}), label)


def with_named_units(result: xarray.Dataset) -> xarray.Dataset:
    """Result with names of units in all labels, for readers; unchanged if they are not known."""
    return _relabelled(result, named)


def with_symbols(result: xarray.Dataset) -> xarray.Dataset:
    """Result with the labels that conversions expect, in place of names of units."""
    return _relabelled(result, lambda label: label if _is_charged(label) else NAME.sub(_symbol, label))


def names_units(function: Callable[Concatenate[Any, P], xarray.Dataset]) -> Callable[..., xarray.Dataset]:
    """Decorator of functions of a crystal whose results are bands: their energies and lengths have names of units.

    Labels that contain the charge keep the symbols, since conversions give the charge of the electron its sign.
    """

    @functools.wraps(function)
    def labelled(model: Any, *args: P.args, **kwargs: P.kwargs) -> xarray.Dataset:
        result = function(model, *args, **kwargs)
        result = result.assign_attrs(units_of(model.lattice))
        return _relabelled(result, lambda label: label if _is_charged(label) else named(label))

    return labelled


def _relabelled(result: xarray.Dataset, change: Callable[[str], str]) -> xarray.Dataset:
    """Copy with other labels, if the units of the crystal are known."""
    if result.attrs.get(CRYSTAL_UNITS) != EV_ANGSTROM:
        return result
    changed = result.copy()
    for name in result.variables:
        label = result[name].attrs.get("units")
        if isinstance(label, str) and label != (other := change(label)):
            changed[name].attrs["units"] = other
    return changed


def _is_charged(label: str) -> bool:
    """True for a label with other factors than energies and lengths."""
    return any(name not in ("1", "energy", *EXTENTS, "eV", "angstrom") for name in factors_of(label))


def _power(found: re.Match[str], names: Mapping[str, tuple[str, int]]) -> str:
    name, times = names.get(found[1]) or ("angstrom", EXTENTS[found[1]])
    power = times * int(found[2] or 1)
    return name if power == 1 else f"{name}^{power}"


def _symbol(found: re.Match[str]) -> str:
    name, power = "energy" if found[1] == "eV" else "length", int(found[2] or 1)
    symbol = next((s for s, (of, n) in RAW_SYMBOLS.items() if of == name and n == power), None)
    return symbol or f"{name}^{power}"
