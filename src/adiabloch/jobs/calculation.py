"""Calculation of the quantities of a job: its function of the swept parameters, stores, and results."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adiabloch.digests import digest_of
from adiabloch.engine.run import Options
from adiabloch.errors import AdiablochError, InvalidArgumentError, InvalidModelError, MissingExtraError, did_you_mean
from adiabloch.integration.stop_flags import watch
from adiabloch.jobs.arguments import check_names, missing_arguments, takes, with_files_read
from adiabloch.jobs.catalogue import KINDS, CataloguedQuantity, quantity
from adiabloch.jobs.crystals import CrystalSource
from adiabloch.jobs.specification import Job, Workers, check_address
from adiabloch.occupation import Scan
from adiabloch.scalars import is_whole
from adiabloch.sweeps.plan import Plan
from adiabloch.sweeps.points import FAILURE
from adiabloch.sweeps.store import Store
from adiabloch.sweeps.sweep import sweep_over
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

ACCURACY = ("tolerance", "absolute")
"""Options that may be swept."""
WRONG = ("InvalidArgumentError: ", "InvalidModelError: ", "CallError: ")
"""Beginnings of failures of points that are due to the request."""
NEEDED = {
    "cycle": "a cycle: add the table [crystal.motion], or name the file of a cycle",
    "deformation": "a deformation: add the table [crystal.displacements], or name the file of one, which `adiabloch "
    "phonons collect` writes",
    "texture": "a texture: add the table [crystal.texture], an empty one for a uniform crystal",
}
"""Message for a crystal of another kind than a quantity needs."""


@dataclass(frozen=True)
class JobFunction:
    """One quantity of a job as a function of the swept parameters.

    Parameters
    ----------
    source : CrystalSource
    name : str
        Name of the quantity.
    arguments : mapping
        Its arguments that are not swept, and options.
    targets : mapping {str: str}
        Table of each swept parameter: "crystal", "motion" or "quantity".
    crystal : TightBinding, Cycle or Deformation, optional
        The crystal, if it is the same at all points: it is read once and sent to the workers.
    """

    source: CrystalSource
    name: str
    arguments: Mapping[str, Any]
    targets: Mapping[str, str]
    crystal: Any = None

    def __call__(self, *, options: Options | None = None, **swept: Any) -> xarray.Dataset:
        """Result at a point."""
        crystal = self.source.make(swept) if self.crystal is None else self.crystal
        own = {name: value for name, value in swept.items() if self.targets[name] == "quantity"}
        known = quantity(self.name)
        _check_kind(known, crystal, self.source)
        taken = {name: value for name, value in (options or {}).items() if takes(known, name)}
        result: xarray.Dataset = known.function(crystal, **{**self.arguments, **own, **taken})
        return result


@dataclass(frozen=True)
class Calculation:
    """One quantity of a job.

    Attributes
    ----------
    label : str
        Name of its table in the job file, and of its files.
    function : JobFunction
    plan : Plan
    store : Path
    """

    label: str
    function: JobFunction
    plan: Plan
    store: Path
    identity: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        executor: Executor | int | None = None,
        *,
        retry_failed: bool = False,
        part: tuple[int, int] | None = None,
        progress: bool | None = None,
    ) -> xarray.Dataset:
        """Compute what the store does not have, and return the result."""
        store = Store(self.store, self.identity, self.plan)
        function: Callable[..., xarray.Dataset] = self.function
        if not self.plan.dims:
            # a single point: its integral uses the executor
            options: Options = {"executor": executor, "progress": progress}
            function, executor = _WithOptions(self.function, options), None
        return sweep_over(
            self.plan, function, store, executor,
            retry_failed=retry_failed, part=part, progress=progress, title=self.label, check=self._check,
        )  # fmt: skip

    def _check(self, result: xarray.Dataset) -> None:
        """Refuse a request that is wrong at every point, and leave nothing of it."""
        failures = [str(text) for text in result[FAILURE].values.ravel()]
        if all(failure.startswith(WRONG) for failure in failures):
            shutil.rmtree(self.store, ignore_errors=True)
            with suppress(OSError):  # it holds other results
                self.store.parent.rmdir()
            raise InvalidArgumentError(f"quantities.{self.label}: {failures[0].partition(': ')[2]}")

    def forecast(self) -> dict[str, float]:
        """Evaluations of H, seconds of work of one worker, and memory, from trials at some points.

        The memory of arrays is that of each worker; each process needs memory for libraries and the crystal as well.

        NaN for quantities without a forecast, which evaluate the points that are given.
        """
        if not takes(quantity(self.function.name), "dry_run"):
            return dict.fromkeys(("points", "work", "arrays", "process"), math.nan)
        points = self.plan.arguments()
        chosen = points if len(points) <= 3 else [points[0], points[len(points) // 2], points[-1]]
        costs = [self.function(options={"dry_run": True, "executor": 1}, **arguments) for arguments in chosen]
        mean = {name: sum(float(cost[name]) for cost in costs) / len(costs) for name in ("points", "seconds")}
        return {
            "points": len(points) * mean["points"],
            "work": len(points) * mean["seconds"],
            "arrays": max(cost.attrs["memory_of_arrays"] for cost in costs),
            "process": max(float(cost.memory) - cost.attrs["memory_of_arrays"] for cost in costs),
        }


@dataclass(frozen=True)
class _WithOptions:
    """Function of a job with options of all calls."""

    function: JobFunction
    options: Options

    def __call__(self, **swept: Any) -> xarray.Dataset:
        return self.function(options=self.options, **swept)


def calculations(job: Job, folder: Path, output: Path, *, allow_python: bool = False) -> list[Calculation]:
    """Check the whole job, and return its calculations.

    Raises
    ------
    InvalidArgumentError, FileFormatError
    """
    if job.crystal.python is not None and not allow_python:
        raise InvalidArgumentError(
            f"crystal.python: {job.crystal.python} would be executed; allow it with --allow-python, if you trust it"
        )
    plan = job.plan()
    source = CrystalSource(job.crystal, folder, tuple(plan.arguments()))
    swept = {*plan.coordinates}
    source.check(swept)
    of_crystal = source.parameters()
    _check_once("crystal", job.crystal.parameters, [name for name in swept if of_crystal.get(name) == "crystal"])
    if job.crystal.motion is not None:
        in_motion = [name for name in swept if of_crystal.get(name) == "motion"]
        _check_once("crystal.motion", job.crystal.motion.model_extra or {}, in_motion)
    first = {name: value for name, value in plan.arguments()[0].items() if name in of_crystal}
    source.check_dimension(first)
    crystal = None if first else source.make({})
    example = crystal
    if crystal is None:
        with suppress(AdiablochError):  # a point that fails is reported with the others
            example = source.make(first)
    used: set[str] = set()
    found = []
    for label, table in job.quantities.items():
        known = quantity(table.quantity or label)
        location, arguments = f"quantities.{label}", table.arguments
        check_names(f"{location}.", arguments, known)
        arguments = with_files_read(arguments, known, folder, job.crystal.axes)
        own = {*known.arguments, *(name for name in ACCURACY if takes(known, name))}
        targets = {name: of_crystal.get(name, "quantity") for name in swept if name in of_crystal or name in own}
        used |= {*targets}
        _check_once(location, arguments, targets)
        if lacking := missing_arguments(known, {*arguments, *targets}):
            raise InvalidArgumentError(f"{location}: lacks {' or '.join(lacking)}, expected in this table or in sweep")
        _check_fixed(location, arguments)
        accuracy = job.accuracy.model_dump(exclude_none=True)
        options = {name: value for name, value in accuracy.items() if takes(known, name)}
        if both := {*options} & {*targets}:
            raise InvalidArgumentError(f"accuracy.{min(both)}: also in sweep, expected one of the two")
        if example is not None:
            _check_kind(known, example, source)
        function = JobFunction(source, known.name, {**options, **arguments}, targets, crystal)
        identity = _identity(known, source, {**options, **arguments})
        found.append(Calculation(label, function, plan, output / f"{label}.zarr", identity))
    for name in sorted(swept - used):
        known_names = [*of_crystal, *ACCURACY, *(a for c in found for a in quantity(c.function.name).arguments)]
        raise InvalidArgumentError(
            f"sweep.{name}: no parameter of the crystal or the quantities{did_you_mean(name, known_names)}; expected "
            f"one of {', '.join(dict.fromkeys(known_names))}"
        )
    for calculation in found:
        if missing := swept - {*calculation.function.targets}:
            raise InvalidArgumentError(
                f"sweep.{min(missing)}: no parameter of {calculation.label}; expected parameters of all quantities, or "
                "two jobs"
            )
    return found


def _check_once(location: str, arguments: Mapping[str, Any], targets: Iterable[str]) -> None:
    for name in sorted({*arguments} & {*targets}):
        raise InvalidArgumentError(f"{location}.{name}: also in sweep, expected one of the two")


def _check_fixed(place: str, arguments: Mapping[str, Any]) -> None:
    """Check the filling and the temperature if they are the same at all points, which would all fail."""
    try:
        Scan.of(arguments.get("chemical_potential", 0.0), arguments.get("temperature", 0.0))
    except (InvalidArgumentError, InvalidModelError) as reason:
        raise InvalidArgumentError(f"{place}: {reason}") from None
    occupied = arguments.get("occupied", 1)
    if not is_whole(occupied, 1):
        raise InvalidArgumentError(f"{place}.occupied: {occupied!r}, expected a whole number of bands, at least 1")


def kind_of(crystal: Any) -> str:
    """Kind of a crystal: "model", "cycle", "deformation" or "texture"."""
    return KINDS.get(type(crystal).__name__, "texture")


def _check_kind(known: CataloguedQuantity, crystal: Any, source: CrystalSource) -> None:
    """Check that a crystal is of the kind that a quantity needs."""
    kind = kind_of(crystal)
    uniform = known.crystal == "texture" and source.crystal.texture is not None and kind != "deformation"
    # a texture of one model is the model, so only textures are told from it
    taken = (known.crystal,) if known.crystal == "texture" else known.kinds
    if kind not in taken and not uniform:
        needed = NEEDED.get(known.crystal, f"a {known.crystal}")
        raise InvalidArgumentError(f"{known.name}: needs {needed}; found a {kind}")


def _identity(known: CataloguedQuantity, source: CrystalSource, arguments: Mapping[str, Any]) -> dict[str, str]:
    texts = {f"{known.name}.{name}": digest_of(value) for name, value in sorted(arguments.items())}
    return {"version of adiabloch": __version__, "quantity": known.name, **source.identity(), **texts}


@contextmanager
def job_executor(
    run: Workers, scheduler: str | None = None, workers: int | None = None
) -> Iterator[Executor | int | None]:
    """Context with the executor of a job; `scheduler` and `workers` replace those of the file."""
    address = scheduler or (None if workers else run.scheduler)
    if address is not None:
        check_address(address)
        try:
            from distributed import Client
        except ImportError:
            raise MissingExtraError("a Dask scheduler needs Dask: pip install distributed") from None
        try:
            client: Any = Client(address, timeout=30, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as reason:
            raise InvalidArgumentError(f"scheduler: {address}: no Dask scheduler answers ({reason})") from None
        with client:
            yield client
        return
    number = workers or run.workers
    if run.kind == "processes":
        from concurrent.futures import ProcessPoolExecutor

        with ProcessPoolExecutor(number, initializer=watch) as pool:
            yield pool
    elif run.kind == "mpi":
        try:
            from mpi4py.futures import MPIPoolExecutor
        except (ImportError, RuntimeError) as reason:
            raise MissingExtraError(f"MPI needs mpi4py and an MPI library ({reason})") from None
        with MPIPoolExecutor(number) as pool:
            yield pool
    else:
        yield number
