"""Contents of a job file, checked by pydantic: tables, keys, types, and which of them exclude each other."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from adiabloch.digests import shortened
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.io.safe_open import open_regular
from adiabloch.jobs.displacements import Displacements, Pair
from adiabloch.jobs.fields import FORMS, Profile
from adiabloch.jobs.tables import OneOrMore, Range, Table, branch
from adiabloch.sweeps.plan import Plan
from adiabloch.units import ENERGIES, LENGTHS

LARGEST = 2**20
"""Largest size of a job file in bytes."""
COMBINE = "combine"
"""Key of the table of the sweep that is no parameter."""


Scalar = bool | int | float | str
Values = Annotated[
    Annotated[Scalar, Tag("=single")] | Annotated[list[Scalar], Tag("=list")] | Annotated[Range, Tag("=table")],
    Discriminator(branch),
]
"""Values of a parameter in a sweep."""


class Motion(BaseModel):
    """Motion that makes a cycle of the model; other keys are its arguments, such as `amplitude`."""

    model_config = ConfigDict(extra="allow", strict=True)
    kind: str = Field(description="Function of adiabloch.models that makes a cycle of a model, such as rotating_bonds.")


class Crystal(BaseModel):
    """Crystal: exactly one of its sources, such as `model`; other keys are parameters of the model."""

    model_config = ConfigDict(extra="allow", strict=True)
    model: str | None = Field(default=None, description="Model of the literature, a function of adiabloch.models.")
    wannier90: OneOrMore[str] | None = Field(
        default=None,
        description="Seed of Wannier90: SEED.chk, SEED_tb.dat or SEED_hr.dat is read; a list for a cycle. Swept "
        "parameters may stand in braces.",
    )
    file: str | None = Field(
        default=None,
        description="Model, cycle or deformation saved by adiabloch.io (NetCDF); swept parameters may stand in braces.",
    )
    python: str | None = Field(
        default=None,
        description="FILE.py:FUNCTION that returns a crystal of this library or of PythTB; needs --allow-python.",
    )
    displacements: Displacements | None = Field(default=None, description="Crystal with its atoms displaced.")
    dimension: int | None = Field(
        default=None, ge=1, le=3, description="For files of Wannier90: 2 for a slab, 1 for a wire."
    )
    spin: bool = Field(default=False, description="For files of Wannier90: read SEED.spn.")
    axes: list[int] | None = Field(
        default=None, description="For files of Wannier90: lattice vectors along which the crystal repeats."
    )
    outside: bool | int | None = Field(
        default=None,
        description="For SEED.chk: true to read the states outside the Wannier functions, or a number of bands to sum.",
    )
    molecule: bool = Field(
        default=False, description="For files: a molecule in a box, whose copies in other cells are left out."
    )
    motion: Motion | None = Field(default=None, description="Motion of the atoms that makes a cycle.")
    texture: dict[str, Profile] | None = Field(
        default=None,
        description="Parameters that depend on the position, by name: waves, Gaussians, interpolated values.",
    )

    @model_validator(mode="after")
    def _check(self) -> Crystal:
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            unknown = next(iter(self.model_extra or {}), None)
            hint = did_you_mean(unknown, SOURCES) if unknown else ""
            found = " and ".join(given) or "none of them"
            raise ValueError(f"found {found}, expected exactly one of {', '.join(SOURCES)}{hint}")
        files = self.wannier90 or self.displacements
        if files is None and (self.dimension or self.spin or self.axes or self.outside is not None):
            raise ValueError("dimension, spin, axes, outside: expected only with wannier90 and displacements")
        if self.molecule and files is None and self.file is None:
            raise ValueError("molecule: expected only with wannier90, file and displacements")
        if self.displacements is not None and self.outside is not None:
            raise ValueError("outside: expected only with wannier90")
        if self.texture and self.source not in WITH_PARAMETERS:
            raise ValueError(
                f"texture: parameters of {self.source}, expected only with {' and '.join(WITH_PARAMETERS)}; an empty "
                "table for a uniform crystal"
            )
        for name in sorted({*(self.texture or {})} & {*self.parameters}):
            raise ValueError(f"{name}: also in crystal.texture, expected one of the two")
        return self

    @property
    def source(self) -> str:
        """Kind of source, one of `SOURCES`."""
        return next(name for name in SOURCES if getattr(self, name) is not None)

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the model."""
        return dict(self.model_extra or {})


SOURCES = ("model", "wannier90", "file", "python", "displacements")
"""Keys of a crystal of which one must be given."""
WITH_PARAMETERS = ("model", "python")
"""Sources that have parameters."""


class Quantity(BaseModel):
    """Quantity to compute; the keys are the arguments of its function."""

    model_config = ConfigDict(extra="allow", strict=True)
    quantity: str | None = Field(default=None, description="Name of the quantity, if the table has another name.")

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments of the function."""
        return {name: _expanded(name, value) for name, value in (self.model_extra or {}).items()}


class Accuracy(Table):
    """Accuracy of all quantities."""

    tolerance: float | None = Field(default=None, gt=0, lt=1, description="Relative accuracy of the largest component.")
    absolute: float | None = Field(default=None, ge=0, description="Sufficient accuracy in the unit of the result.")
    mesh: OneOrMore[Annotated[int, Field(ge=1)]] | None = Field(default=None, description="Fixed uniform mesh.")
    limit: int | None = Field(default=None, ge=1, description="Largest number of points.")
    strict: bool | None = Field(default=None, description="Error if the tolerance is not reached.")

    @model_validator(mode="after")
    def _check(self) -> Accuracy:
        if self.mesh is not None and self.tolerance is not None:
            raise ValueError("tolerance and mesh: expected one of the two; a fixed mesh has no tolerance")
        return self


def check_address(scheduler: str | None) -> None:
    """Check the form of the address of a scheduler, since Dask would wait a minute for one without a host.

    Raises
    ------
    InvalidArgumentError
    """
    if scheduler is not None and not re.fullmatch(r"\w+://.+|[\w.-]+:\d+", scheduler):
        raise InvalidArgumentError(f"scheduler: {scheduler!r}, expected an address such as tcp://host:8786")


class Workers(Table):
    """Workers or cluster on which the job runs."""

    workers: int | None = Field(default=None, ge=1, le=1024, description="Number of threads or processes.")
    kind: Literal["threads", "processes", "mpi"] = Field(default="threads", description="Kind of the workers.")
    scheduler: str | None = Field(default=None, description="Address of a Dask scheduler, such as tcp://host:8786.")

    @model_validator(mode="after")
    def _check(self) -> Workers:
        check_address(self.scheduler)
        if self.scheduler is not None and (self.workers is not None or self.kind != "threads"):
            raise ValueError(
                "scheduler and workers or kind: expected one of the two; the scheduler has its own workers"
            )
        return self


class Units(Table):
    """Units of the model, for results in SI units."""

    energy: float | str = Field(default=1.0, description="Energy unit of the model in eV, or its name.")
    length: float | str = Field(default=1.0, description="Length unit of the model in Angstrom, or its name.")
    frequency: float | None = Field(default=None, gt=0, description="Angular frequency of the cycle in rad/s.")
    energy_unit: str | None = Field(default=None, description="Unit of energies in the result.")
    tensor_unit: str | None = Field(default=None, description='"ps/m" for magnetoelectric tensors in 3D.')
    moment_unit: str | None = Field(default=None, description='"mu_B/cell" for magnetizations.')

    @field_validator("energy", "length")
    @classmethod
    def _known(cls, value: float | str, info: ValidationInfo) -> float | str:
        known = ENERGIES if info.field_name == "energy" else LENGTHS
        if isinstance(value, str) and value not in known:
            raise ValueError(f"{value!r}, expected a number or one of {', '.join(known)}{did_you_mean(value, known)}")
        return value


class Output(Table):
    """Files of the results, in a folder beside the job file."""

    folder: str | None = Field(default=None, description="Folder; by default the name of the job file without .toml.")
    picture: bool = Field(default=True, description="Draw each result.")
    si: Units | None = Field(default=None, description="Write the results in SI units.")


class Job(Table):
    """Job: a crystal, quantities, and what is optional: a sweep, accuracy, workers, output."""

    crystal: Crystal
    quantities: Annotated[dict[str, Quantity], Field(min_length=1)]
    sweep: dict[str, Values] = Field(default_factory=dict, description="Values of parameters; combine = 'zip' in step.")
    accuracy: Accuracy = Field(default_factory=lambda: Accuracy())
    run: Workers = Field(default_factory=lambda: Workers())
    output: Output = Field(default_factory=lambda: Output())

    def plan(self) -> Plan:
        """Points of the sweep; a single one without a sweep."""
        values = {name: _plain(given) for name, given in self.sweep.items() if name != COMBINE}
        if not values:
            return Plan((), (), {})
        try:
            return Plan.of(values, self.sweep.get(COMBINE, "product"))
        except InvalidArgumentError as reason:
            message = str(reason).removeprefix("parameters: ")
            raise InvalidArgumentError(f"sweep{'.' if message.startswith(COMBINE) else ': '}{message}") from None


def read_job(path: str | os.PathLike[str]) -> Job:
    """Read and check a job file.

    Raises
    ------
    InvalidArgumentError
        The file is not TOML, has unknown keys, wrong types, or requests that exclude each other; the message names the
        file and the key.
    FileFormatError
        The file cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise InvalidArgumentError(f"{path}: more than {LARGEST} bytes, expected a job file")
    try:
        return Job.model_validate(tomllib.loads(content.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise InvalidArgumentError(f"{path}: not a TOML file: {reason}") from None
    except ValidationError as reason:
        raise InvalidArgumentError(f"{path}: {'; '.join(_messages(reason))}") from None


def schema() -> str:
    """JSON schema of job files, for editors that check them."""
    return json.dumps(Job.model_json_schema(), indent=1) + "\n"


def _messages(errors: ValidationError) -> list[str]:
    """Lines for the errors of a job file: key, what was found and expected, and the nearest key."""
    messages: dict[str, str] = {}
    for error in errors.errors(include_url=False):
        keys = [str(part) for part in error["loc"] if not _is_branch(part)]
        key = ".".join(keys) or "the file"
        match error["type"]:
            case "extra_forbidden":
                known = _keys_of(error["loc"], keys[:-1])
                text = f"unknown key{did_you_mean(keys[-1], known)}; expected one of {', '.join(known)}"
            case "missing":
                text = "missing"
            case "value_error":
                text = str(error["ctx"]["error"])
            case "model_type" | "dict_type":
                text = f"{shortened(repr(error['input']))}, expected a table"
            case _ if error["loc"] and error["loc"][-1] == BRANCHES[0]:
                text = f"{shortened(repr(error['input']))}, expected a number, a boolean or a string"
            case _:
                text = f"{shortened(repr(error['input']))}, {_lower(error['msg'])}"
        # report only the first alternative of a value
        messages.setdefault(key, f"{key}: {text}")
    return list(messages.values())


BRANCHES = ("bool", "int", "float", "str", "Range")
"""Types of values in the locations of errors."""


def _is_branch(part: Any) -> bool:
    """True if a part of an error location is the name of a type."""
    return isinstance(part, str) and (part in BRANCHES or part.startswith(("list[", "=")))


def _keys_of(location: tuple[int | str, ...], keys: list[str]) -> list[str]:
    """Keys of a table."""
    form = next((FORMS[part] for part in location if isinstance(part, str) and part in FORMS), None)
    if form is not None and "=table" not in location:
        return list(form.model_fields)
    if keys[:2] == ["crystal", "displacements"]:
        return list((Pair if "pairs" in keys else Displacements).model_fields)
    tables: Mapping[str, type[BaseModel]] = {
        "": Job, "accuracy": Accuracy, "run": Workers, "output": Output, "output.si": Units
    }  # fmt: skip
    table = tables.get(".".join(keys), Range if "=table" in location or keys[:1] == ["sweep"] else Job)
    return list(table.model_fields)


def _lower(message: str) -> str:
    message = re.sub(r"\w+ should have (.*) after validation.*", r"expected \1", message)
    return message.replace("Input should be", "expected").replace("Input should", "expected to")


def _plain(given: Any) -> Any:
    return given.values() if isinstance(given, Range) else given


def _expanded(name: str, value: Any) -> Any:
    """Argument of a quantity; a table with start, stop and points is a range, also within a table."""
    if isinstance(value, Mapping) and not {"start", "stop"} <= {*value}:
        return {key: _expanded(f"{name}.{key}", part) for key, part in value.items()}
    if isinstance(value, Mapping):
        try:
            return Range.model_validate(value).values()
        except ValidationError as reason:
            raise InvalidArgumentError(f"{name}: {'; '.join(_messages(reason))}") from None
    return value
