"""Crystals of job files: models of the literature, files of crystals, displaced crystals, Python files of the user."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from adiabloch import io, models
from adiabloch.arrays import Float
from adiabloch.errors import (
    AdiablochError,
    FileFormatError,
    InvalidArgumentError,
    InvalidModelError,
    did_you_mean,
    first_line,
)
from adiabloch.io.crystal_files import WannierOptions, crystal_file, read_crystal, read_cycle, read_saved
from adiabloch.io.seed_files import CHECKPOINT_ENDINGS, find_seed_file
from adiabloch.jobs.fields import Form, missing_numbers, swept_names, with_numbers
from adiabloch.jobs.file_names import parameters_in, with_values
from adiabloch.jobs.specification import WITH_PARAMETERS, Crystal
from adiabloch.jobs.tables import listed
from adiabloch.models import Cycle, Deformation, Texture, TightBinding

LITERATURE = (
    "fu_kane_mele", "gapped_honeycomb", "haldane", "kane_mele", "qi_wu_zhang", "rashba_honeycomb", "rice_mele",
    "strained_haldane", "thouless_pump", "tilted_dirac",
)  # fmt: skip
"""Models of the literature: functions of numbers in `adiabloch.models`."""
MOTIONS = ("rotating_bonds",)
"""Functions of a model and numbers in `adiabloch.models` that make a cycle."""
READ_TOGETHER = {
    **dict.fromkeys(CHECKPOINT_ENDINGS, (".eig", ".mmn", ".uHu", ".nnkp")),
    "_tb.dat": ("_wsvec.dat",),
    "_hr.dat": ("_wsvec.dat", "_centres.xyz", ".win", ".wout"),
}
"""Files of the same seed that are read along with a file, by its ending."""
CRYSTALS = (TightBinding, Cycle, Deformation, Texture)
"""Crystals that a function of the user may return; models of PythTB are converted."""


@dataclass(frozen=True)
class CrystalSource:
    """Source of the crystal of a job; makes the crystal for given values of swept parameters.

    Parameters
    ----------
    crystal : Crystal
        Table of the job file.
    folder : Path
        Folder to which paths are relative.
    points : sequence of mapping
        Values of the swept parameters at all points.
    """

    crystal: Crystal
    folder: Path
    points: Sequence[Mapping[str, Any]] = ({},)

    def parameters(self) -> dict[str, str]:
        """Parameters that may be swept, and the table each belongs to: "crystal", "motion" or "texture"."""
        uniform = {name: table for name, table in self._uniform_parameters().items() if name not in self._fields}
        return uniform | dict.fromkeys(swept_names(self._fields), "texture")

    def check(self, swept: set[str]) -> None:
        """Check the keys of the tables against the arguments of the functions, and that files exist.

        Raises
        ------
        InvalidArgumentError, FileFormatError
        """
        self._check_fields(swept)
        given, elsewhere = self.crystal.parameters, swept | {*self._fields}
        if self.crystal.source in WITH_PARAMETERS:
            _check_arguments("crystal", self._maker(), {*given} | (elsewhere & {*_parameters(self._maker())}), {*given})
        elif given:
            name = next(iter(given))
            raise InvalidArgumentError(
                f"crystal.{name}: unknown key{did_you_mean(name, Crystal.model_fields)}; expected one of "
                f"{', '.join(Crystal.model_fields)}"
            )
        if self.crystal.motion is not None:
            function = self._motion()
            given = self.crystal.motion.model_extra or {}
            first = _parameters(function)[0]
            names = {first, *given} | (elsewhere & {*_parameters(function)})
            _check_arguments("crystal.motion", function, names, {*given})
        for path in self.paths:
            if not path.exists():
                raise FileFormatError(f"crystal.{self.crystal.source}: {path}: no such file")

    def _check_fields(self, swept: set[str]) -> None:
        """Check the names of the fields, and that all of their numbers are given."""
        known = self._uniform_parameters()
        for name in self._fields:
            if name not in known:
                raise InvalidArgumentError(
                    f"crystal.texture.{name}: no parameter of the crystal{did_you_mean(name, known)}; expected one of "
                    f"{', '.join(known)}"
                )
            if known[name] == "motion" and name in (self.crystal.motion.model_extra or {}):  # type: ignore[union-attr]
                raise InvalidArgumentError(f"crystal.motion.{name}: also in crystal.texture, expected one of the two")
        for label, (name, key) in missing_numbers(self._fields).items():
            if label not in swept:
                raise InvalidArgumentError(f"crystal.texture.{name}.{key}: missing, expected a number")

    def check_dimension(self, swept: Mapping[str, Any]) -> None:
        """Check vectors and axes of the fields against the dimension of the crystal, if it can be made.

        Raises
        ------
        InvalidArgumentError
        """
        if not self._fields:
            return
        dimension = None
        with suppress(AdiablochError):  # a point that fails is reported with the others
            typical = {name: field.typical for name, field in with_numbers(self._fields, swept).items()}
            dimension = self.uniform({**swept, **typical}).lattice.dimension
        if dimension is not None:
            for name, field in self._fields.items():
                field.check_dimension(f"crystal.texture.{name}", dimension)

    @property
    def paths(self) -> list[Path]:
        """Files of the crystal at all points; none for a model of the literature."""
        chosen = [{name: point[name] for name in self._in_names if name in point} for point in self.points]
        return [*dict.fromkeys(path for values in chosen for path in self.paths_at(values))]

    def paths_at(self, values: Mapping[str, Any]) -> list[Path]:
        """Files of the crystal at a point.

        Raises
        ------
        InvalidArgumentError, FileFormatError
        """
        match self.crystal.source:
            case "wannier90" | "file" as source:
                with _naming(f"crystal.{source}: "):
                    paths = [self.folder / with_values(name, values) for name in self._names]
                    return [crystal_file(path) for path in paths] if source == "wannier90" else paths
            case "python":
                return [self.folder / str(self.crystal.python).partition(":")[0]]
            case "displacements":
                assert self.crystal.displacements is not None
                with _naming("crystal.displacements: "):
                    return self.crystal.displacements.paths(self.folder)
        return []

    def identity(self) -> dict[str, str]:
        """Texts that change if the crystal changes."""
        found = {f"crystal.{name}": repr(value) for name, value in self.crystal.model_dump(exclude_none=True).items()}
        for path in self._files():
            with path.open("rb") as file:
                name = os.path.relpath(path, self.folder)
                found[f"contents of {name}"] = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        return found

    def _files(self) -> list[Path]:
        """Files of the crystal, and for seeds of Wannier90 the files that are read along with them."""
        if self.crystal.source not in ("wannier90", "displacements"):
            return self.paths
        together = [(ending, other) for ending, others in READ_TOGETHER.items() for other in others]
        found = [(path, *(find_seed_file(path, *endings) for endings in together)) for path in self.paths]
        return [file for files in found for file in files if file is not None]

    def make(self, swept: Mapping[str, Any]) -> Any:
        """Crystal with the swept parameters.

        Raises
        ------
        AdiablochError
        """
        if not self._fields:
            return self.uniform(swept)
        of_fields = swept_names(self._fields)
        others = {name: value for name, value in swept.items() if name not in of_fields}
        return Texture(_LocalCrystals(self, with_numbers(self._fields, swept), others))

    def uniform(self, values: Mapping[str, Any]) -> Any:
        """Crystal with the same values of all parameters everywhere.

        Raises
        ------
        AdiablochError
        """
        targets = self._uniform_parameters()
        crystal = self._loaded({name: value for name, value in values.items() if targets.get(name) == "crystal"})
        if self.crystal.motion is not None:
            moved = {name: value for name, value in values.items() if targets.get(name) == "motion"}
            crystal = self._motion()(crystal, **{**(self.crystal.motion.model_extra or {}), **moved})
        return crystal

    def _loaded(self, swept: Mapping[str, Any]) -> Any:
        source = self.crystal.source
        if source in WITH_PARAMETERS:
            made = self._maker()(**{**self.crystal.parameters, **swept})
            return made if isinstance(made, CRYSTALS) else _from_pythtb(made, self.crystal)
        found = self._read(swept)
        try:
            return models.isolated(found) if self.crystal.molecule else found
        except (InvalidArgumentError, InvalidModelError) as reason:
            raise type(reason)(f"crystal.molecule: {reason}") from None

    def _read(self, swept: Mapping[str, Any]) -> Any:
        """Crystal from files."""
        table = self.crystal
        if table.source == "file":
            return read_saved(self.paths_at(swept)[0])
        with _naming("crystal."):
            options = WannierOptions(table.dimension, table.axes, table.spin, table.outside or False)
            if table.displacements is not None:
                return table.displacements.read(self.folder, options)
            paths = self.paths_at(swept)
            several = isinstance(table.wannier90, list)
            return read_cycle(paths, options) if several else read_crystal(paths[0], options)

    @property
    def _fields(self) -> Mapping[str, Form]:
        """Parameters that depend on the position."""
        return self.crystal.texture or {}

    @property
    def _names(self) -> list[str]:
        """Names of files of crystals."""
        return listed(self.crystal.wannier90 or self.crystal.file or [])

    @property
    def _in_names(self) -> list[str]:
        """Parameters in the names of files."""
        with _naming(f"crystal.{self.crystal.source}: "):
            return parameters_in(self._names)

    def _uniform_parameters(self) -> dict[str, str]:
        """Parameters of the crystal and of its motion, and the table each belongs to."""
        own = _parameters(self._maker()) if self.crystal.source in WITH_PARAMETERS else self._in_names
        found = dict.fromkeys(own, "crystal")
        if self.crystal.motion is not None:
            found |= dict.fromkeys(_parameters(self._motion())[1:], "motion")
        return found

    def _motion(self) -> Callable[..., Any]:
        assert self.crystal.motion is not None
        return _named(self.crystal.motion.kind, MOTIONS, "crystal.motion.kind")

    def _maker(self) -> Callable[..., Any]:
        if self.crystal.source == "model":
            return _named(str(self.crystal.model), LITERATURE, "crystal.model")
        return _function_of_file(self.folder, str(self.crystal.python))


@dataclass(frozen=True)
class _LocalCrystals:
    """Crystal as a function of the position; it can be sent to other processes."""

    source: CrystalSource
    fields: Mapping[str, Form]
    values: Mapping[str, Any]
    """Values of swept parameters that do not depend on the position."""

    def __call__(self, position: Float) -> Any:
        """Crystal at a position."""
        local = {}
        for name, field in self.fields.items():
            with _naming(f"crystal.texture.{name}: "):
                local[name] = field.at(position)
        return self.source.uniform({**self.values, **local})


@contextmanager
def _naming(location: str) -> Iterator[None]:
    """Context in which messages begin with the location in the job file."""
    try:
        yield
    except (InvalidArgumentError, FileFormatError) as reason:
        raise type(reason)(f"{location}{reason}") from None


def _named(name: str, known: tuple[str, ...], key: str) -> Callable[..., Any]:
    if name not in known:
        raise InvalidArgumentError(
            f"{key}: {name!r} is not known{did_you_mean(name, known)}; expected one of {', '.join(known)}"
        )
    function: Callable[..., Any] = getattr(models, name)
    return function


def _parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def _check_arguments(table: str, function: Callable[..., Any], names: set[str], given: set[str]) -> None:
    """Check the names of arguments of a function."""
    signature = inspect.signature(function)
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        return
    for name in sorted(given - {*signature.parameters}):
        raise InvalidArgumentError(
            f"{table}.{name}: unknown key{did_you_mean(name, signature.parameters)}; expected parameters of "
            f"{function.__name__}: {', '.join(signature.parameters)}"
        )
    for name, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and name not in names:
            raise InvalidArgumentError(f"{table}.{name}: missing, a parameter of {function.__name__}")


@cache
def _function_of_file(folder: Path, name: str) -> Callable[..., Any]:
    """Function of a Python file of the user, which is executed."""
    file, _, function = name.partition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise InvalidArgumentError(f"crystal.python: {name!r}, expected FILE.py:FUNCTION")
    path = folder / file
    specification = importlib.util.spec_from_file_location(f"adiabloch_job_{path.stem}", path)
    if specification is None or specification.loader is None or not path.exists():
        raise FileFormatError(f"crystal.python: {path}: no such file")
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except Exception as reason:  # whatever the file of the user raises
        raise InvalidArgumentError(f"{path}: {type(reason).__name__}: {first_line(reason)}") from None
    found = getattr(module, function, None)
    if not callable(found):
        known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise InvalidArgumentError(f"{path}: has no function {function!r}{did_you_mean(function, known)}")
    made: Callable[..., Any] = found
    return made


def _from_pythtb(made: Any, crystal: Crystal) -> Any:
    try:
        return io.from_pythtb(made)
    except AdiablochError as reason:
        raise InvalidArgumentError(
            f"crystal.python: {crystal.python} returned {type(made).__name__} ({first_line(reason)}), expected a "
            "crystal of adiabloch or a model of PythTB"
        ) from None
