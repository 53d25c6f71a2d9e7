"""The commands `run`, `new` and `quantities`: job files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.commands.results import draw
from adiabloch.engine.si import in_si
from adiabloch.errors import (
    FileFormatError,
    FileWriteError,
    InvalidArgumentError,
    InvalidModelError,
    StoreMismatchError,
)
from adiabloch.files import write_atomic
from adiabloch.integration.running import number_of_workers
from adiabloch.io import save
from adiabloch.jobs.calculation import Calculation, calculations, job_executor
from adiabloch.jobs.catalogue import quantities, quantity
from adiabloch.jobs.specification import Job, read_job
from adiabloch.jobs.starters import starter
from adiabloch.memory import format_bytes
from adiabloch.plotting.charts import main_variable
from adiabloch.plotting.dispatch import picture_of
from adiabloch.summaries.origin import JOB
from adiabloch.sweeps.points import FAILURE, NOT_COMPUTED

if TYPE_CHECKING:
    import xarray

LONGEST = 2**15
"""Largest length of a job file that is kept with its results; attributes of HDF5 files are limited to twice that."""
SHOWN = 12
"""Largest number of components that are printed."""


@dataclass(frozen=True)
class Outcome:
    """Result of one quantity of a job, and the files it was written to."""

    label: str
    result: xarray.Dataset
    files: list[Path]

    @property
    def failed(self) -> int:
        """Number of points at which the function raised an exception."""
        failures = self.result[FAILURE].values
        return int(((failures != "") & (failures != NOT_COMPUTED)).sum())

    @property
    def missing(self) -> int:
        """Number of points that were not computed, since they belong to other parts of an array job."""
        return int((self.result[FAILURE].values == NOT_COMPUTED).sum())

    def entries(self) -> dict[str, Any]:
        """Numbers and strings, for JSON."""
        name = main_variable(self.result) or next(iter(self.result.data_vars), None)
        found: dict[str, Any] = {
            "points": int(self.result[FAILURE].size),
            "failed": self.failed,
            "not_computed": self.missing,
            "files": [str(file) for file in self.files],
        }
        if name is not None:
            values = self.result[name]
            found |= {"variable": str(name), "units": str(values.attrs.get("units", ""))}
            finite = values.values[np.isfinite(values.values)] if values.dtype.kind == "f" else values.values.ravel()
            if finite.size:
                found |= {"smallest": float(finite.min()), "largest": float(finite.max())}
            if values.size <= SHOWN:
                found["values"] = values.values.tolist()
            if "error" in self.result:
                errors = self.result.error.values
                found["error"] = float(np.nanmax(errors)) if np.isfinite(errors).any() else None
        first = next((text for text in self.result[FAILURE].values.ravel() if text not in ("", NOT_COMPUTED)), None)
        return found if first is None else {**found, "first_failure": str(first)}


def run(
    file: Path,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    part: str | None = None,
    retry_failed: bool = False,
    allow_python: bool = False,
    progress: bool | None = None,
) -> Iterator[Outcome]:
    """Run a job file, and yield the result of each quantity once its files are written."""
    parts = None if part is None else _part(part)
    job, found = _checked(file, allow_python)
    with job_executor(job.run, scheduler, workers) as executor:
        for calculation in found:
            try:
                result = calculation.run(executor, retry_failed=retry_failed, part=parts, progress=progress)
            except StoreMismatchError:
                raise
            except InvalidArgumentError as reason:
                raise InvalidArgumentError(f"{file}: {reason}") from None
            if len(text := file.read_text()) <= LONGEST:
                result = result.assign_attrs({JOB: text})
            yield Outcome(calculation.label, result, _written(result, calculation, job))


def forecast(
    file: Path, *, allow_python: bool = False, workers: int | None = None
) -> list[tuple[str, dict[str, float]]]:
    """Expected cost of each quantity of a job.

    Numbers of results and of evaluations of H ("points"), seconds of work of one worker, seconds if all workers are
    busy all the time, and memory of all processes; NaN for quantities without a forecast.
    """
    job, calculations_of_job = _checked(file, allow_python)
    found = []
    for calculation in calculations_of_job:
        try:
            cost = calculation.forecast()
        except (InvalidArgumentError, InvalidModelError) as reason:
            raise InvalidArgumentError(f"{file}: quantities.{calculation.label}: {reason}") from None
        points = len(calculation.plan.arguments())
        together = min(points, workers or number_of_workers(job.run.workers))
        busy = workers or number_of_workers(job.run.workers) if points == 1 else together
        processes = 1 if job.run.kind == "threads" else 1 + together
        memory = processes * cost["process"] + together * cost["arrays"]
        cost |= {"results": points, "seconds": cost["work"] / busy, "memory": memory}
        found.append((calculation.label, cost))
    return found


def forecast_row(label: str, cost: dict[str, float]) -> tuple[str, ...]:
    """Row of a table of costs."""
    if np.isnan(cost["points"]):
        return (label, f"{cost['results']:.0f}", "unknown", "", "", "")
    return (
        label,
        f"{cost['results']:.0f}",
        f"{cost['points']:.2g}",
        f"{cost['work']:.2g} s",
        f"{cost['seconds']:.2g} s",
        format_bytes(cost["memory"]),
    )


def new(case: str, output: Path) -> Path:
    """Write a job file to begin with; existing files are not replaced."""
    text = starter(case)
    if output.exists():
        raise FileWriteError(f"{output}: exists already, expected a new name (--output)")
    return write_atomic(output, text.encode())


def quantity_entries(name: str | None = None) -> list[dict[str, str]]:
    """Name, title, crystal, arguments, unit and source of one quantity or of all."""
    found = quantities().values() if name is None else [quantity(name)]
    return [
        {
            "name": known.name,
            "title": known.title,
            "of a": known.crystal,
            "arguments": ", ".join(known.arguments),
            "unit": known.unit,
            "formula": known.formula,
            "source": known.source,
        }
        for known in found
    ]


def as_json(entries: object) -> str:
    """JSON with null in place of NaN."""
    return json.dumps(_finite(entries), indent=1, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _checked(file: Path, allow_python: bool) -> tuple[Job, list[Calculation]]:
    """Job of a file and its calculations; errors name the file."""
    job = read_job(file)
    output = file.parent / (job.output.folder or file.name.removesuffix(".toml"))
    try:
        return job, calculations(job, file.parent, output, allow_python=allow_python)
    except (InvalidArgumentError, FileFormatError) as reason:
        raise type(reason)(f"{file}: {reason}") from None


def _part(text: str) -> tuple[int, int]:
    numbers = text.split("/")
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise InvalidArgumentError(f"part: {text!r}, expected two numbers such as 3/64: the third of 64 parts")
    return int(numbers[0]), int(numbers[1])


def _written(result: xarray.Dataset, calculation: Calculation, job: Job) -> list[Path]:
    """Files of a result: numbers (NetCDF), and a picture if there is one."""
    if job.output.si is not None:
        result = in_si(result, **job.output.si.model_dump(exclude_none=True))
    stem = calculation.store.with_suffix("")
    files = [calculation.store, save(result, stem.with_suffix(".nc"))]
    if job.output.picture and picture_of(result) is not None:
        with suppress(InvalidArgumentError):  # more parameters than a picture has axes
            files.append(draw(result, stem.with_suffix(".png")))
    return files
