"""YAML files of phonopy: entries and crystal structure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from adiabloch.arrays import Float, checked
from adiabloch.errors import (
    FileFormatError,
    InvalidArgumentError,
    InvalidModelError,
    MissingExtraError,
)
from adiabloch.io.mode_selection import (
    check_same_structure,
)
from adiabloch.io.safe_yaml import parse_yaml
from adiabloch.io.text_lines import LineReader
from adiabloch.io.text_numbers import LARGEST_VALUE
from adiabloch.models import Structure
from adiabloch.units import BOHR

LENGTH_UNITS = {"angstrom": 1.0, "au": BOHR}
"""Units of length in Angstrom, by their names in phonopy."""


class PhonopyYaml:
    """Content of a YAML file of phonopy; errors name the entry.

    Parameters
    ----------
    file : LineReader
        File, named in errors.
    text : str
        Text of the file.
    """

    def __init__(self, file: LineReader, text: str) -> None:
        try:
            import yaml
        except ImportError:
            raise MissingExtraError("files of phonopy need phonopy: pip install 'adiabloch[phonons]'") from None
        self.path = file.path
        try:
            self.content = parse_yaml(text)
        except yaml.YAMLError as reason:
            mark = getattr(reason, "problem_mark", None)
            file.refuse(
                f"not YAML ({getattr(reason, 'problem', None) or type(reason).__name__}), expected a file of phonopy",
                line=1 if mark is None else mark.line + 1,
            )
        except (ValueError, TypeError, ArithmeticError, RecursionError) as reason:
            # malformed dates or numbers, or keys that are not hashable
            file.refuse(f"not YAML ({reason}), expected a file of phonopy", line=1)

    def refuse(self, message: str) -> NoReturn:
        """Raise an error that names the file."""
        raise FileFormatError(f"{self.path}: {message}")

    def __contains__(self, key: str) -> bool:
        return isinstance(self.content, dict) and key in self.content

    def read(self, *keys: str | int) -> Any:
        """Value of an entry."""
        found = self.content
        for depth, key in enumerate(keys, start=1):
            fits = isinstance(found, dict) if isinstance(key, str) else isinstance(found, list)
            if not fits or (key not in found if isinstance(key, str) else key >= len(found)):
                self.refuse(f"lacks {_entry_name(keys[:depth])}, expected a file of phonopy")
            found = found[key]
        return found

    def count(self, *keys: str | int) -> int:
        """Number of items of a list."""
        found = self.read(*keys)
        if not isinstance(found, list) or not found:
            self.refuse(f"{_entry_name(keys)}: {str(found)[:80]!r}, expected a list")
        return len(found)

    def word(self, *keys: str | int) -> str:
        """Text of an entry."""
        found = self.read(*keys)
        if not isinstance(found, str) or not found:
            self.refuse(f"{_entry_name(keys)}: {str(found)[:80]!r}, expected a name")
        return found

    def numbers(self, *keys: str | int, shape: tuple[int, ...]) -> Float:
        """Entry as an array of finite numbers."""
        try:
            found = checked(self.read(*keys), _entry_name(keys), shape)
        except InvalidModelError as reason:
            self.refuse(str(reason))
        except OverflowError:
            found = np.full(shape, np.inf)
        if np.abs(found).max(initial=0.0) > LARGEST_VALUE:
            self.refuse(f"{_entry_name(keys)}: {np.abs(found).max():.1e}, expected numbers up to {LARGEST_VALUE:.0e}")
        return found


def _entry_name(keys: Sequence[str | int]) -> str:
    """Name of an entry, such as phonon[3].band."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def structure_of_yaml(content: PhonopyYaml, given: Structure | None, file: LineReader) -> Structure:
    """Crystal structure of a file of phonopy, or the given one if the file contains none."""
    reciprocal = content.numbers("reciprocal_lattice", shape=(3, 3))
    if "lattice" not in content:
        if given is None:
            raise InvalidArgumentError(f"{file.path}: does not hold the crystal, expected structure=...")
        _length_unit_of(given, reciprocal, file)
        own = given
    else:
        vectors = content.numbers("lattice", shape=(3, 3))
        if np.abs(vectors @ reciprocal.T - np.eye(3)).max() > 1e-7 * max(1.0, np.abs(vectors).sum(axis=1).max()):
            content.refuse("lattice and reciprocal_lattice, expected each to be the inverse of the other")
        unit = str(content.content.get("length_unit", "angstrom"))
        if unit not in LENGTH_UNITS:
            content.refuse(f"length_unit: {unit!r}, expected one of {', '.join(LENGTH_UNITS)}")
        scale = LENGTH_UNITS[unit]
        if given is not None and "length_unit" not in content:
            # the library of phonopy does not write the unit
            scale = _length_unit_of(given, reciprocal, file)
        points = range(content.count("points"))
        reduced = np.array([content.numbers("points", atom, "coordinates", shape=(3,)) for atom in points])
        masses = [content.numbers("points", atom, "mass", shape=()) for atom in points]
        symbols = [content.word("points", atom, "symbol") for atom in points]
        try:
            own = Structure(scale * vectors, symbols, scale * reduced @ vectors, masses)
        except InvalidModelError as reason:
            content.refuse(str(reason))
        if given is not None:
            check_same_structure(own, given, file)
    if content.read("natom") != len(own.symbols):
        content.refuse(f"natom: {content.read('natom')!r}, expected {len(own.symbols)} as in the structure")
    return own


def _length_unit_of(given: Structure, reciprocal: Float, file: LineReader) -> float:
    """Unit of length of the file in Angstrom, from a comparison of its reciprocal vectors with the given structure."""
    product = given.vectors @ reciprocal.T
    for scale in LENGTH_UNITS.values():
        if np.abs(product - scale * np.eye(3)).max() < 2e-3 * scale:
            return scale
    raise InvalidArgumentError(
        f"structure: not that of {file.path}: its lattice vectors times the reciprocal ones there are "
        f"{product.round(6).tolist()}, expected the unit matrix (or {BOHR:.6f} times it, if phonopy took bohr)"
    )
