"""Arguments of quantities by their names: known names, types of their values, text of a command, files that they name.

The types are those of the signatures; the table `KINDS` says for each of them which values it takes.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adiabloch.engine.run import Options
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.io import load, read_displacements, read_heights, read_modes
from adiabloch.io.displacements import forces_of
from adiabloch.jobs.catalogue import CataloguedQuantity
from adiabloch.models import Modes
from adiabloch.scalars import is_number, is_whole

OPTIONS = tuple(sorted({*Options.__annotations__} - {"executor", "progress", "dry_run", "accuracy"}))
"""Options of all quantities that may be given by name."""
FILLINGS = ("occupied", "bands", "chemical_potential")
"""Arguments of which a quantity needs one that it takes."""
RANGE = "START:STOP:COUNT"
MOST = 10**7
"""Largest number of values of a range."""


@dataclass(frozen=True)
class Kind:
    """Type of an argument.

    Attributes
    ----------
    expected : str
    fits : callable
        True for values of this type.
    read : callable, optional
        Function (path, axes) that reads the value from a file.
    """

    expected: str
    fits: Callable[[Any], bool]
    read: Callable[[Path, Sequence[int] | None], Any] | None = None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return is_whole(value, -(10**9))


def _all(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Condition on all elements of nested lists and tables, and on a single value."""

    def of_all(value: Any) -> bool:
        if isinstance(value, Mapping):
            return all(map(of_all, value.values()))
        return all(map(of_all, value)) if isinstance(value, list) else fits(value)

    return of_all


def _is_list(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _modes_of_forces(folder: Path) -> Modes:
    """Phonons at q = 0 from the forces in a folder of displaced crystals."""
    displacements = read_displacements(folder)
    return displacements.modes(forces_of(displacements, folder))


NUMBERS = Kind(f"numbers, or {RANGE}", _all(is_number))
MATRICES = Kind("a table of matrices such as {name = [[1, 0], [0, -1]]}", _all(is_number))


def _is_table(value: object, fits: Callable[[Any], bool]) -> bool:
    """True for a table whose values fit."""
    return isinstance(value, Mapping) and all(map(fits, value.values()))


def _is_labelled(value: object) -> bool:
    """True for a list of labels with numbers."""
    pairs = value if isinstance(value, list) else [None]
    return all(isinstance(pair, list) and len(pair) == 2 and _is_text(pair[0]) for pair in pairs)


KINDS = {
    "bool": Kind("true or false", lambda value: isinstance(value, bool)),
    "int": Kind("a whole number", _is_whole),
    "float": Kind("a number", is_number),
    "str": Kind("a name", _is_text),
    "str | os.PathLike[str]": Kind("a path", _is_text),
    "ArrayLike": NUMBERS,
    "tuple[int, int]": Kind("two whole numbers", lambda value: _is_list(_is_whole)(value) and len(value) == 2),
    "Sequence[int]": Kind("whole numbers", _is_list(_is_whole)),
    "Sequence[str]": Kind("names", _is_list(_is_text)),
    "ProjectionChoice": Kind("whole numbers, or a matrix", _all(is_number)),
    "Mesh": Kind("whole numbers", _all(_is_whole)),
    "Symmetry": Kind("find, none, or matrices", lambda value: _is_text(value) or _all(is_number)(value)),
    "Mapping[str, Given]": MATRICES,
    "Spin": Kind("three matrices", _all(is_number)),
    "Choice": Kind("a band quantity such as velocity:x", _is_text),
    "Mapping[str, float]": Kind("a table of numbers such as {kz = 0.5}", lambda value: _is_table(value, is_number)),
    "Mapping[str, ArrayLike]": Kind("a table such as {X = [0.5]}", lambda value: _is_table(value, _all(is_number))),
    "Sequence[tuple[str, ArrayLike]]": Kind("labels with numbers, [['X', [0.5]]]", _is_labelled),
    "Path": Kind("a path of Python", lambda _: False),
    "Positions": Kind("a table of numbers such as {x = [0, 1]}", _all(is_number)),
    "Heights": Kind(
        "numbers, or the name of a SEED_tb.dat", _all(is_number), lambda p, axes: read_heights(p, axes=axes)
    ),
    "Modes": Kind(
        "the name of a file of modes, or of a folder of displaced crystals with the forces",
        lambda _: False,
        lambda path, axes: _modes_of_forces(path) if path.is_dir() else read_modes(path),
    ),
    "xarray.Dataset": Kind("the name of a result (NetCDF)", lambda _: False, lambda path, axes: load(path)),
}
"""Types of arguments, as they are written in signatures."""


def kinds_of(known: CataloguedQuantity, name: str) -> tuple[list[Kind], bool]:
    """Alternative types of an argument or option, and True if it may be None."""
    parameter = inspect.signature(known.function).parameters.get(name)
    written = str(Options.__annotations__[name]) if parameter is None else str(parameter.annotation)
    written = re.sub(r"ForwardRef\('(.*?)'.*\)", r"\1", written)
    words = [word for word in re.split(r" \| (?![^\[]*\])", written) if word != "None"]
    if "os.PathLike[str]" in words:
        words = ["str | os.PathLike[str]"]
    return [KINDS[word] for word in words], "None" in written.split(" | ") or "Mesh" in words


def takes(known: CataloguedQuantity, option: str) -> bool:
    """True if a quantity has an option of all responses."""
    parameters = inspect.signature(known.function).parameters
    return option in parameters or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())


def check_names(location: str, names: Iterable[str], known: CataloguedQuantity, what: str = "key") -> None:
    """Check that arguments of these names exist.

    Raises
    ------
    InvalidArgumentError
    """
    allowed = [*known.arguments, *(name for name in OPTIONS if takes(known, name))]
    for name in names:
        if name not in allowed:
            raise InvalidArgumentError(
                f"{location}{name}: unknown {what}{did_you_mean(name, allowed)}; expected arguments of {known.name}: "
                f"{', '.join(allowed)}"
            )


def missing_arguments(known: CataloguedQuantity, given: Iterable[str]) -> list[str]:
    """Names of the arguments that are needed and not given; all alternatives if no filling is given."""
    present = {*given}
    fillings = [name for name in FILLINGS if name in known.arguments]
    parameters = inspect.signature(known.function).parameters
    if [parameters[name].default for name in fillings] == [None]:
        fillings = []  # a filling that may be left out
    missing = [] if not fillings or present & {*fillings} else fillings
    for name in known.arguments:
        if parameters[name].default is inspect.Parameter.empty and name not in present and name not in FILLINGS:
            missing.append(name)
    return missing


def value_of_text(location: str, name: str, text: str, known: CataloguedQuantity) -> Any:
    """Value of an argument from the text of a command, of one of the types of the argument.

    Raises
    ------
    InvalidArgumentError
    """
    kinds, optional = kinds_of(known, name)
    if optional and text.strip().lower() == "none":
        return None
    try:
        candidates = [parsed(location, text), text]
    except InvalidArgumentError:
        if not any(kind.fits(text) for kind in kinds):
            raise
        candidates = [text]  # a name with a colon is no range
    words = text.split(",")
    candidates.append([word.strip() for word in words])
    for value in candidates:
        if any(kind.fits(value) for kind in kinds):
            return value
    if any(kind.read is not None for kind in kinds):
        return text
    expected = " or ".join(dict.fromkeys(kind.expected for kind in kinds)) + (" or none" if optional else "")
    raise InvalidArgumentError(f"{location}: {text!r}, expected {expected}")


def parsed(location: str, text: str) -> Any:
    """Number, list of numbers, range START:STOP:COUNT or value of TOML in a text; the text itself if it is none.

    Raises
    ------
    InvalidArgumentError
        A range with wrong numbers.
    """
    if re.fullmatch(r"[^\[\]{}'\",:]*:[^\[\]{}'\",:]*(:[^\[\]{}'\",:]*)?", text.strip()):
        return _range(location, text)
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    try:
        return [int(word) if word.strip().lstrip("+-").isdecimal() else float(word) for word in text.split(",")]
    except ValueError:
        pass
    try:
        found = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return found["value"] if len(found) == 1 else text


def _range(location: str, text: str) -> list[float]:
    """Evenly spaced numbers."""
    words = text.split(":")
    try:
        start, stop, count = float(words[0]), float(words[1]), int(words[2])
    except (ValueError, IndexError):
        raise InvalidArgumentError(f"{location}: {text!r}, expected {RANGE}, such as -1:1:41") from None
    if not (np.isfinite([start, stop]).all() and 2 <= count <= MOST):
        raise InvalidArgumentError(f"{location}: {text!r}, expected two finite numbers and a count from 2 to {MOST}")
    return [float(value) for value in np.linspace(start, stop, count)]


def with_files_read(
    arguments: Mapping[str, Any], known: CataloguedQuantity, folder: Path, axes: Sequence[int] | None = None
) -> dict[str, Any]:
    """Arguments with the contents of files in place of their names.

    Parameters
    ----------
    arguments : mapping
    known : CataloguedQuantity
    folder : Path
        Folder to which names are relative.
    axes : sequence of int, optional
        Lattice vectors along which the crystal repeats, for heights.
    """
    read = dict(arguments)
    for name, value in arguments.items():
        reader = next((kind.read for kind in kinds_of(known, name)[0] if kind.read is not None), None)
        if reader is not None and isinstance(value, str):
            read[name] = reader(folder / value, axes)
    return read
