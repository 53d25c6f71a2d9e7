"""Crystals of job files: models of the literature, files of Wannier90, saved crystals, Python files of the user."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from adiabloch import io, models
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, did_you_mean, first_line
from adiabloch.io.crystal_files import WannierOptions, crystal_file, read_crystal, read_saved
from adiabloch.io.seed_files import CHECKPOINT_ENDINGS, find_seed_file
from adiabloch.jobs.specification import Crystal
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
    """

    crystal: Crystal
    folder: Path

    def parameters(self) -> dict[str, str]:
        """Parameters that may be swept, and the table each belongs to: "crystal" or "motion"."""
        found = dict.fromkeys(
            _parameters(self._maker()) if self.crystal.source in ("model", "python") else (), "crystal"
        )
        if self.crystal.motion is not None:
            found |= dict.fromkeys(
                _parameters(_named(self.crystal.motion.kind, MOTIONS, "crystal.motion.kind"))[1:], "motion"
            )
        return found

    def check(self, swept: set[str]) -> None:
        """Check the keys of the tables against the arguments of the functions, and that files exist.

        Raises
        ------
        InvalidArgumentError, FileFormatError
        """
        given = self.crystal.parameters
        if self.crystal.source in ("model", "python"):
            _check_arguments("crystal", self._maker(), {*given} | (swept & {*_parameters(self._maker())}), {*given})
        elif given:
            name = next(iter(given))
            raise InvalidArgumentError(
                f"crystal.{name}: unknown key{did_you_mean(name, Crystal.model_fields)}; expected one of "
                f"{', '.join(Crystal.model_fields)}"
            )
        if self.crystal.motion is not None:
            function = _named(self.crystal.motion.kind, MOTIONS, "crystal.motion.kind")
            given = self.crystal.motion.model_extra or {}
            first = _parameters(function)[0]
            _check_arguments("crystal.motion", function, {first, *given} | (swept & {*_parameters(function)}), {*given})
        if self.path is not None and not self.path.exists():
            raise FileFormatError(f"crystal.{self.crystal.source}: {self.path}: no such file")

    @property
    def path(self) -> Path | None:
        """File of the crystal; None for a model of the literature."""
        match self.crystal.source:
            case "wannier90":
                try:
                    return crystal_file(self.folder / str(self.crystal.wannier90))
                except FileFormatError as reason:
                    raise FileFormatError(f"crystal.wannier90: {reason}") from None
            case "file":
                return self.folder / str(self.crystal.file)
            case "python":
                return self.folder / str(self.crystal.python).partition(":")[0]
        return None

    def identity(self) -> dict[str, str]:
        """Texts that change if the crystal changes."""
        found = {f"crystal.{name}": repr(value) for name, value in self.crystal.model_dump(exclude_none=True).items()}
        for path in self._files():
            with path.open("rb") as file:
                found[f"contents of {path.name}"] = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        return found

    def _files(self) -> list[Path]:
        """File of the crystal, and for a seed of Wannier90 the files that are read along with it."""
        path = self.path
        if path is None or self.crystal.source != "wannier90":
            return [] if path is None else [path]
        beside = [find_seed_file(path, ending, other) for ending, others in READ_TOGETHER.items() for other in others]
        return [path, *filter(None, beside)]

    def make(self, swept: Mapping[str, Any]) -> Any:
        """Crystal with the swept parameters.

        Raises
        ------
        AdiablochError
        """
        targets = self.parameters()
        own = {name: value for name, value in swept.items() if targets.get(name) == "crystal"}
        crystal = self._loaded(own)
        if self.crystal.motion is not None:
            function = _named(self.crystal.motion.kind, MOTIONS, "crystal.motion.kind")
            moved = {name: value for name, value in swept.items() if targets.get(name) == "motion"}
            crystal = function(crystal, **{**(self.crystal.motion.model_extra or {}), **moved})
        return crystal

    def _loaded(self, swept: Mapping[str, Any]) -> Any:
        source = self.crystal.source
        if source in ("model", "python"):
            made = self._maker()(**{**self.crystal.parameters, **swept})
            return made if isinstance(made, CRYSTALS) else _from_pythtb(made, self.crystal)
        table, path = self.crystal, Path(str(self.path))
        if source == "file":
            return read_saved(path)
        try:
            return read_crystal(path, WannierOptions(table.dimension, table.axes, outside=table.outside or False))
        except InvalidArgumentError as reason:
            raise InvalidArgumentError(f"crystal.{reason}") from None

    def _maker(self) -> Callable[..., Any]:
        if self.crystal.source == "model":
            return _named(str(self.crystal.model), LITERATURE, "crystal.model")
        return _function_of_file(self.folder, str(self.crystal.python))


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
