"""Units and constants of nature; no other module contains constants.

Results are numbers in units of powers of the charge e of the carrier, and of the energy and length units of the model.
Electrons have e = -|e|; this sign enters only here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float, checked
from adiabloch.errors import InvalidArgumentError
from adiabloch.markup import Markup, card, element, entry_table, markup, or_text, record_html
from adiabloch.scalars import positive_number

ELECTRON_CHARGE = -1.602176634e-19
"""Charge of the carrier, C (exact in the SI)."""
HBAR = 1.054571817e-34
"""J s (exact in the SI, rounded)."""
BOHR_MAGNETON = 9.2740100657e-24
"""J/T (CODATA 2022)."""
NUCLEAR_MAGNETON = 5.0507837393e-27
"""J/T (CODATA 2022)."""
ELECTRONVOLT = 1.602176634e-19
"""J (exact in the SI)."""
ANGSTROM = 1e-10
"""m."""
BOLTZMANN = 1.380649e-23
"""J/K (exact in the SI)."""
SPEED_OF_LIGHT = 299792458.0
"""m/s (exact in the SI)."""
THZ = 2e12 * np.pi * HBAR / ELECTRONVOLT
"""Quantum of a terahertz, eV."""
WAVENUMBER = THZ * SPEED_OF_LIGHT * 1e-10
"""Quantum of an inverse centimetre, eV."""
BOHR = 0.529177210544
"""Angstrom (CODATA 2022)."""
ELECTRON_MASS = 9.1093837139e-31 * ELECTRONVOLT * ANGSTROM**2 / HBAR**2
"""m/hbar^2 in 1/(eV Angstrom^2) (CODATA 2022)."""
ELECTRON_G = 2.00231930436092
"""Magnitude of the electron's g factor (CODATA 2022)."""
HARTREE = 27.211386245981
"""eV (CODATA 2022)."""
VACUUM_PERMEABILITY = 1.25663706127e-6
"""V s/(A m) (CODATA 2022)."""
DALTON = 1.66053906892e-27
"""kg (CODATA 2022)."""
HBAR_SQUARED_PER_DALTON = HBAR**2 / (DALTON * ELECTRONVOLT * ANGSTROM**2)
"""hbar^2 over a dalton, in eV Angstrom^2."""


ENERGIES = {
    "J": 1.0 / ELECTRONVOLT,
    "eV": 1.0,
    "meV": 1e-3,
    "hartree": HARTREE,
    "rydberg": 0.5 * HARTREE,
    "K": BOLTZMANN / ELECTRONVOLT,
}
"""Units of energy by name, in eV."""
LENGTHS = {"angstrom": 1.0, "bohr": BOHR, "nm": 10.0, "m": 1.0 / ANGSTROM}
"""Units of length by name, in Angstrom."""
FREQUENCY = "the angular frequency of the cycle in rad/s, a positive number"
"""Description of a frequency, for messages."""


def thermal_energy(kelvin: ArrayLike) -> Float:
    """k_B T in eV, the `temperature` of a model whose energies are in eV.

    Examples
    --------
    >>> round(float(thermal_energy(300.0)), 6)
    0.025852
    """
    return checked(kelvin, "kelvin", None) * (BOLTZMANN / ELECTRONVOLT)


@or_text
def unit_html(unit: Unit) -> Markup:
    """Unit as in print, and its SI unit."""
    entries = [("unit", html_of_unit(str(unit))), ("in SI", html_of_unit(unit.si_label))]
    return card([entry_table("Unit", entries)])


@dataclass(frozen=True)
class Unit:
    """Unit of a result: a product of powers of e, k_B, hbar, the frequency of a cycle, energy and length.

    Examples
    --------
    >>> conductivity = Unit(charge=2, hbar=-1, length=-1)
    >>> str(conductivity), conductivity.si_label
    ('e^2/(hbar length)', 'S/m')
    >>> Unit.parse("e^2/(hbar length)") == conductivity
    True
    """

    charge: int = 0
    boltzmann: int = 0
    hbar: int = 0
    omega: int = 0
    energy: int = 0
    length: int = 0
    bohr_magneton: int = 0
    nuclear_magneton: int = 0
    angstrom: int = 0

    _repr_html_ = unit_html

    @classmethod
    def parse(cls, label: str) -> Unit:
        """Unit of a label such as "e^2 length/(hbar energy)"; "1" and "rad" have no dimension.

        Raises
        ------
        InvalidArgumentError
            If the label is not a str, or a factor of it is unknown.
        """
        powers = dict.fromkeys(_SYMBOLS, 0)
        for name, power in factors_of(label).items():
            if name in ("1", "rad"):
                continue
            if name not in RAW_SYMBOLS:
                raise InvalidArgumentError(f"unit {label!r}: {name!r} is none of {', '.join(RAW_SYMBOLS)}")
            field, times = RAW_SYMBOLS[name]
            powers[field] += times * power
        return cls(**powers)

    def __mul__(self, other: Unit) -> Unit:
        return Unit(*(a + b for a, b in zip(self._powers, other._powers, strict=True)))

    def __truediv__(self, other: Unit) -> Unit:
        return Unit(*(a - b for a, b in zip(self._powers, other._powers, strict=True)))

    def __str__(self) -> str:
        """Label of a result; pint parses it once `energy`, `length`, `area`, `volume` and `omega` are defined."""
        powers = {_SYMBOLS[name]: n for name, n in zip(_SYMBOLS, self._powers, strict=True)}
        length = powers.pop("length")
        if abs(length) in _EXTENTS:
            powers[_EXTENTS[abs(length)]] = 1 if length > 0 else -1
        else:
            powers["length"] = length
        return _product(powers)

    @property
    def latex(self) -> str:
        """The unit in LaTeX, for labels of figures."""
        return latex_of_unit(str(self))

    @property
    def si_label(self) -> str:
        """Customary SI unit, with volts for energies over charges."""
        base = self.si_powers
        return _NAMED.get(base) or _product(dict(zip("AVsmK", base, strict=True)))

    @property
    def si_powers(self) -> tuple[int, ...]:
        """Powers of A, V, s, m and K."""
        base = np.zeros(5, dtype=int)
        for name, power in zip(_SYMBOLS, self._powers, strict=True):
            base += power * np.array(_BASES[_SYMBOLS[name]])
        return tuple(base.tolist())

    def si_size(self, *, energy: float = 1.0, length: float = 1.0, frequency: float | None = None) -> float:
        """SI value, for a model with energies in `energy` eV and lengths in `length` Angstrom.

        Parameters
        ----------
        energy, length : float
        frequency : float, optional
            Angular frequency omega of the cycle in rad/s.

        Raises
        ------
        InvalidArgumentError
            If omega is part of the unit and no frequency is given, or if an argument is not a positive number.
        """
        energy, length = positive_number(energy, "energy"), positive_number(length, "length")
        if frequency is not None:
            frequency = positive_number(frequency, "frequency", FREQUENCY)
        sizes = {
            "e": ELECTRON_CHARGE,
            "hbar": HBAR,
            "k_B": BOLTZMANN,
            "energy": energy * ELECTRONVOLT,
            "length": length * ANGSTROM,
            "omega": frequency,
            "mu_B": BOHR_MAGNETON,
            "mu_N": NUCLEAR_MAGNETON,
            "angstrom": ANGSTROM,
        }
        size = 1.0
        for name, power in zip(_SYMBOLS, self._powers, strict=True):
            factor = sizes[_SYMBOLS[name]]
            if not power:
                continue
            if factor is None:
                raise InvalidArgumentError(
                    f"unit {str(self)!r}: expected the frequency of the cycle, in rad/s: frequency=, or --frequency"
                )
            size *= factor**power
        return size

    @property
    def _powers(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in _SYMBOLS)


_SYMBOLS = {
    "charge": "e",
    "boltzmann": "k_B",
    "hbar": "hbar",
    "omega": "omega",
    "energy": "energy",
    "length": "length",
    "bohr_magneton": "mu_B",
    "nuclear_magneton": "mu_N",
    "angstrom": "angstrom",
}
_LATEX = {
    "e": "e",
    "|e|": "|e|",
    "Ohm": r"\Omega",
    "h": "h",
    "k_B": r"k_\mathrm{B}",
    "hbar": r"\hbar",
    "omega": r"\omega",
    "mu_B": r"\mu_\mathrm{B}",
    "mu_N": r"\mu_\mathrm{N}",
    "angstrom": r"\mathrm{\AA}",
}
"""Symbols that are not written as upright words."""
_HTML = {
    "e": "<i>e</i>",
    "|e|": "|<i>e</i>|",
    "Ohm": "\u03a9",
    "h": "<i>h</i>",
    "k_B": "<i>k</i><sub>B</sub>",
    "hbar": "<i>\u0127</i>",
    "omega": "<i>\u03c9</i>",
    "mu_B": "<i>\u03bc</i><sub>B</sub>",
    "mu_N": "<i>\u03bc</i><sub>N</sub>",
    "angstrom": "\u00c5",
}
_EXTENTS = {1: "length", 2: "area", 3: "volume"}
RAW_SYMBOLS = {
    **{symbol: (name, 1) for name, symbol in _SYMBOLS.items()},
    **{extent: ("length", power) for power, extent in _EXTENTS.items()},
}
"""Symbols in labels: entry of `Unit`, and its power."""


def _product(powers: Mapping[str, int]) -> str:
    above, below = (
        [name if abs(n) == 1 else f"{name}^{abs(n)}" for name, n in powers.items() if n * sign > 0] for sign in (1, -1)
    )
    # a pumped quantity reads "e*omega"
    product = " ".join(above).replace(" omega", "*omega") or "1"
    if not below:
        return product
    return f"{product}/{below[0]}" if len(below) == 1 else f"{product}/({' '.join(below)})"


def latex_of_unit(label: str) -> str:
    """Label of a unit in LaTeX: units upright, constants of nature as usual."""
    above, *below = label.split("/")

    def product(factors: str) -> str:
        parts = []
        for factor in factors.strip("()").replace("*", " ").split():
            name, _, power = factor.partition("^")
            upright = rf"\mu {name[1:]}" if name[:1] == "u" and len(name) > 1 else name
            parts.append(_LATEX.get(name, rf"\mathrm{{{upright}}}") + (f"^{{{power}}}" if power else ""))
        return r"\,".join(parts)

    one = "1" if above.strip() in ("", "1") else product(above)
    return "/".join([one, *(f"({product(part)})" if part.startswith("(") else product(part) for part in below)])


def html_of_unit(label: str) -> Markup:
    """Label of a unit in HTML: units upright, constants of nature as usual, powers as superscripts."""
    above, *below = label.split("/")

    def product(factors: str) -> str:
        parts = []
        for factor in factors.strip("()").replace("*", " ").split():
            name, _, power = factor.partition("^")
            micro = f"\u03bc{name[1:]}" if name[:1] == "u" and len(name) > 1 else name
            raised = element("sup", power.replace("-", "\u2212")) if power else ""
            parts.append(_HTML.get(name, markup(micro)) + raised)
        return "\u202f".join(parts)

    one = "1" if above.strip() in ("", "1") else product(above)
    return Markup("/".join([one, *(f"({product(part)})" if part.startswith("(") else product(part) for part in below)]))


def factors_of(label: str) -> dict[str, int]:
    """Powers in a label such as "e^2 length/(hbar energy)"; after several slashes, all that follows divides."""
    if not isinstance(label, str):
        raise InvalidArgumentError(f"unit: {label!r}, expected a label such as 'e^2 length/(hbar energy)'")
    above, *below = label.split("/")
    powers: dict[str, int] = {}
    for product, sign in ((above, 1), *((one.strip("() "), -1) for one in below)):
        for factor in product.replace("*", " ").split():
            name, _, power = factor.partition("^")
            try:
                powers[name] = powers.get(name, 0) + sign * int(power or 1)
            except ValueError:
                raise InvalidArgumentError(f"unit {label!r}: {factor!r}, expected an integer as power") from None
    return powers


@dataclass(frozen=True)
class Units:
    """Units of energy and length of a crystal, in terms of the units of the user.

    Responses are computed in natural units, so that neither the range of floating-point numbers nor comparisons of
    different quantities depend on the units of the user.
    """

    energy: float = 1.0
    length: float = 1.0

    _repr_html_ = record_html

    def size(self, unit: Unit | str) -> float:
        """Size of a unit in units of the user; charges and hbar are the same in both."""
        unit = Unit.parse(unit) if isinstance(unit, str) else unit
        return float(np.float64(self.energy) ** unit.energy * np.float64(self.length) ** unit.length)

    def in_user_units(self, value: float, unit: Unit | str = "energy") -> float:
        """Number in units of the user, without the rounding of the conversion to natural units and back."""
        return float(f"{float(value) * self.size(unit):.14g}")


_BASES = {
    "omega": (0, 0, -1, 0, 0),
    "e": (1, 0, 1, 0, 0),
    "hbar": (1, 1, 2, 0, 0),
    "k_B": (1, 1, 1, 0, -1),
    "energy": (1, 1, 1, 0, 0),
    "length": (0, 0, 0, 1, 0),
    "mu_B": (1, 0, 0, 2, 0),
    "mu_N": (1, 0, 0, 2, 0),
    "angstrom": (0, 0, 0, 1, 0),
}
"""Powers of A, V, s, m, K."""
_NAMED: dict[tuple[int, ...], str] = {
    (1, -1, 0, 0, 0): "S",
    (1, -1, 0, -1, 0): "S/m",
    (1, 1, 1, 0, 0): "J",
    (1, 0, 1, 0, 0): "C",
}


def moment_in_bohr_magnetons(magnetization: ArrayLike, energy: float, area: float) -> Float:
    """Magnetic moment of a pumped magnetization, in Bohr magnetons.

    Parameters
    ----------
    magnetization : array_like
        Pumped magnetization in e*omega (2D: a number per area).
    energy : float
        hbar*omega in eV.
    area : float
        Area of the moment in square Angstrom: the area of the cell for a moment per cell.

    Returns
    -------
    float array

    Examples
    --------
    >>> round(float(moment_in_bohr_magnetons(1.0, 3.0, 2.46**2)), 3)
    -4.765
    """
    frequency = positive_number(energy, "energy") * ELECTRONVOLT / HBAR
    moment = ELECTRON_CHARGE * frequency * positive_number(area, "area") * ANGSTROM**2
    return checked(magnetization, "magnetization", None, finite=False) * (moment / BOHR_MAGNETON)


def energy_area_in_bohr_magnetons(energy: float, area: float) -> float:
    """Magnitude of e x energy x area/hbar in Bohr magnetons, for an energy in eV and an area in square Angstrom."""
    return float(abs(moment_in_bohr_magnetons(1.0, energy, area)))


def nuclear_magnetons(bohr_magnetons: ArrayLike) -> Float:
    """Moments given in Bohr magnetons, in nuclear magnetons."""
    return checked(bohr_magnetons, "bohr_magnetons", None, finite=False) * (BOHR_MAGNETON / NUCLEAR_MAGNETON)
