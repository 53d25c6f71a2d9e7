"""Units that users ask for: products of SI units, atomic units and constants of nature."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.units import (
    ANGSTROM,
    BOHR_MAGNETON,
    BOLTZMANN,
    ELECTRON_CHARGE,
    ELECTRONVOLT,
    ENERGIES,
    HBAR,
    LENGTHS,
    NUCLEAR_MAGNETON,
    RAW_SYMBOLS,
    factors_of,
)

_ENERGY, _METRE = (1, 1, 1, 0, 0), (0, 0, 0, 1, 0)
_CUSTOMARY: dict[str, tuple[float, tuple[int, ...]]] = {
    "A": (1.0, (1, 0, 0, 0, 0)),
    "V": (1.0, (0, 1, 0, 0, 0)),
    "s": (1.0, (0, 0, 1, 0, 0)),
    "m": (1.0, _METRE),
    "K": (1.0, (0, 0, 0, 0, 1)),
    "S": (1.0, (1, -1, 0, 0, 0)),
    "C": (1.0, (1, 0, 1, 0, 0)),
    "T": (1.0, (0, 1, 1, -2, 0)),
    "W": (1.0, (1, 1, 0, 0, 0)),
    "Ohm": (1.0, (-1, 1, 0, 0, 0)),
    "Hz": (1.0, (0, 0, -1, 0, 0)),
    **{name: (size * ELECTRONVOLT, _ENERGY) for name, size in ENERGIES.items() if name != "K"},
    **{name: (size * ANGSTROM, _METRE) for name, size in LENGTHS.items()},
    "e": (-ELECTRON_CHARGE, (1, 0, 1, 0, 0)),
    "|e|": (-ELECTRON_CHARGE, (1, 0, 1, 0, 0)),
    "h": (2 * np.pi * HBAR, (1, 1, 2, 0, 0)),
    "hbar": (HBAR, (1, 1, 2, 0, 0)),
    "k_B": (BOLTZMANN, (1, 1, 1, 0, -1)),
    "mu_B": (BOHR_MAGNETON, (1, 0, 0, 2, 0)),
    "mu_N": (NUCLEAR_MAGNETON, (1, 0, 0, 2, 0)),
    "cell": (np.nan, (0, 0, 0, 0, 0)),
}
"""SI value, and powers of A, V, s, m, K; the size of a cell depends on the crystal."""
_PREFIXES = {
    "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12
}  # fmt: skip
_WITH_PREFIXES = {"A", "V", "s", "m", "K", "S", "C", "T", "W", "J", "eV", "Ohm", "Hz"}
_SPELLINGS = {
    "\u212b": "angstrom", "\u00c5": "angstrom", "\u00b5": "u", "\u03bc": "u", "\u0127": "hbar", "\u210f": "hbar",
    "\u03a9": "Ohm", "\u00b7": " ", "\u22c5": " ", "\u207b": "-", "\u2212": "-",
    **dict(zip("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076", "0123456", strict=True)),
}  # fmt: skip
"""Letters that stand for symbols of units."""
_NAMES = {"u_B": "mu_B", "u_N": "mu_N", "muB": "mu_B", "muN": "mu_N", "kB": "k_B", "Ry": "rydberg", "Ha": "hartree",
          "Ang": "angstrom", "Angstrom": "angstrom", "ohm": "Ohm"}  # fmt: skip
"""Other names of units."""


def is_si(label: str) -> bool:
    """True for a label of a result that has been converted."""
    return any(name not in RAW_SYMBOLS and customary_symbol(name) is not None for name in factors_of(label))


def customary_symbol(name: str) -> tuple[float, tuple[int, ...]] | None:
    """SI value of a customary unit and its powers of A, V, s, m and K; None for an unknown name.

    Names are those of SI units with prefixes ("uA", "cm"), "eV", atomic units, and constants ("h", "mu_B").
    """
    if name in _CUSTOMARY:
        return _CUSTOMARY[name]
    if name[:1] in _PREFIXES and name[1:] in _WITH_PREFIXES:
        size, powers = _CUSTOMARY[name[1:]]
        return _PREFIXES[name[0]] * size, powers
    return None


def as_label(given: str) -> str:
    """Label of a unit as the library writes it: "e\u00b2/h", "e2/h" and "e^2/h" are the same, "S cm-1" is "S cm^-1".

    Parameters
    ----------
    given : str
        A unit as users write it.
    """
    if not isinstance(given, str):
        return given
    text = "".join(_SPELLINGS.get(letter, letter) for letter in given)
    text = re.sub(r"(?<=[A-Za-z|])(?=-?\d)", "^", text)
    return re.sub(r"[A-Za-z_|]+", lambda name: _NAMES.get(name[0], name[0]), text)


def customary_unit(label: str, sizes: Mapping[str, tuple[float, tuple[int, ...]]] | None = None) -> CustomaryUnit:
    """SI value and dimension of a unit such as "e^2/h", "S/cm" or "hbar S/(e cm)".

    Parameters
    ----------
    label : str
        The charge e is positive here.
    sizes : mapping, optional
        Further symbols: SI value, and powers of A, V, s, m and K.

    Raises
    ------
    InvalidArgumentError
        An unknown symbol.
    """
    size, total = 1.0, np.zeros(5, dtype=int)
    label = as_label(label)
    for name, power in factors_of(label).items():
        if name in ("1", "rad"):
            continue
        known = (sizes or {}).get(name) or customary_symbol(name)
        if known is None:
            raise InvalidArgumentError(
                f"unit {label!r}: {name!r} is not known, expected a product such as 'e^2/h', 'S/cm', 'mu_B/cell', "
                f"'hbar S/(e cm)', 'ps/m' or 'meV'{did_you_mean(name, _CUSTOMARY)}"
            )
        size *= known[0] ** power
        total += power * np.array(known[1])
    return CustomaryUnit(label, size, tuple(total.tolist()))


@dataclass(frozen=True)
class CustomaryUnit:
    """A unit that users ask for."""

    label: str
    size: float
    """SI value."""
    powers: tuple[int, ...]
    """Powers of A, V, s, m and K."""
