"""The function `sweep`: a response as a function of parameters."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from adiabloch.errors import AccuracyWarning, InvalidArgumentError, Stopped, warn
from adiabloch.integration.progress import ProgressBar
from adiabloch.integration.running import checked_executor
from adiabloch.names import checked_call
from adiabloch.scalars import is_whole
from adiabloch.sweeps.evaluation import evaluate_points
from adiabloch.sweeps.identity import identity_of
from adiabloch.sweeps.plan import Combination, Plan, described, key_of
from adiabloch.sweeps.points import Point, check_alike, dataset_of
from adiabloch.sweeps.store import Store, file_of

if TYPE_CHECKING:
    import xarray


@checked_call
def sweep(
    function: Callable[..., xarray.Dataset],
    parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    combine: Combination = "product",
    store: str | os.PathLike[str] | None = None,
    executor: Executor | int | None = None,
    retry_failed: bool = False,
    part: tuple[int, int] | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    """Compute a result at many values of parameters.

    Parameters
    ----------
    function : callable
        Function of the parameters, called with their names. It returns a result of this library (a Dataset, or one of
        its variables) with the same dimensions at all points.
    parameters : mapping {str: values} or sequence of mappings
        Values of each parameter: numbers, booleans or strings. A list becomes a dimension of the result, a single value
        is the same at all points, and ``("delta", values)`` changes with another parameter (a tolerance for example).
        A list of mappings states the points one by one.
    combine : {"product", "zip"}
        Every combination of the lists, or their values in step (dimension ``point``).
    store : path-like, optional
        Folder that keeps each point once it is done, such as ``"study.zarr"``. An interrupted sweep continues from it;
        later sweeps with other values of the same parameters use the points they have in common.
    executor : concurrent.futures.Executor, int or None
        Where the points are evaluated: a number of threads (by default one for each processor), or an executor, such as
        a process pool, a Dask client, or a pool of mpi4py.futures. The numbers do not depend on it.
    retry_failed : bool
        Evaluate points of the store again at which the function raised an exception.
    part : (int, int), optional
        ``(3, 64)``: evaluate only the third of 64 equal parts, for array jobs of a cluster with a common store.
    progress : bool or None
        Show the progress; by default after two seconds.

    Returns
    -------
    xarray.Dataset
        The variables of the results with the parameters as additional, leading dimensions. Attributes of the results
        that differ between points (``points``, ``seconds``, ``converged``, ...) are coordinates. Where the function
        raised an exception, numbers are NaN and the coordinate ``failure`` has the message; it is empty elsewhere.

    Raises
    ------
    InvalidArgumentError
        Invalid values of parameters; a function that does not accept them, does not return a result, returns other
        dimensions at some point, or cannot be sent to the processes of the executor.
    StoreMismatchError
        The store belongs to another function, model or version of this library; the difference is named.
    FileFormatError, FileWriteError
        The store is a file, damaged, or cannot be written.
    LostWorkerError
        The executor does not take tasks any more. (A process pool of the standard library is replaced by a fresh one.)
    MissingExtraError
        A store needs Zarr.
    Stopped
        Ctrl-C; `estimate` is the result so far.

    Warns
    -----
    AccuracyWarning
        Points failed, or a file of the store was damaged and its points are computed again.

    Examples
    --------
    >>> import adiabloch as ab
    >>> def study(delta, amplitude):
    ...     model = ab.models.gapped_honeycomb(delta=delta, t1=0.1)
    ...     cycle = ab.models.rotating_bonds(model, amplitude=amplitude)
    ...     return ab.pumped_magnetization(cycle, occupied=1, tolerance=1e-3)
    >>> result = ab.sweep(study, {"delta": [0.2, 0.3], "amplitude": [0.05, 0.1]})
    >>> dict(result.total.sizes)
    {'delta': 2, 'amplitude': 2, 'component': 1}
    """
    plan = Plan.of(parameters, combine)
    plan.check_call(function)
    kept = None if store is None else Store(store, identity_of(function), plan)
    return sweep_over(plan, function, kept, executor, retry_failed=retry_failed, part=part, progress=progress)


def sweep_over(
    plan: Plan,
    function: Callable[..., xarray.Dataset],
    store: Store | None,
    executor: Executor | int | None,
    *,
    retry_failed: bool = False,
    part: tuple[int, int] | None = None,
    progress: bool | None = None,
    title: str = "sweep",
    check: Callable[[xarray.Dataset], None] = lambda result: None,
) -> xarray.Dataset:
    """Compute the points of a plan that the store does not have; see `sweep`. `check` may refuse the result."""
    checked_executor(executor)
    points = {} if store is None else store.read()
    wanted = [
        arguments
        for arguments in plan.arguments()[_share(part)]
        if (known := points.get(key_of(arguments))) is None or (retry_failed and not known.done)
    ]
    if wanted:
        _load_libraries(store is not None)
        if store is not None:
            store.check_writable()
    failed_before, stopped = sum(not point.done for point in points.values()), False
    result: xarray.Dataset | None = None
    try:
        with ProgressBar(title, progress, counted="points") as bar:
            bar.stage("", len(wanted))
            first = next((point for point in points.values() if point.done), None)
            for point in evaluate_points(function, wanted, executor):
                if point.done:
                    first = first or point
                    check_alike(first, point)
                points[point.key] = point
                bar.advance(1 if store is None else store.add(point))
    except KeyboardInterrupt:
        stopped = True
    finally:
        if store is not None and wanted:
            result = store.finish()
    if result is None:
        result = dataset_of(plan, points)
    if stopped:
        raise Stopped(_stopped_message(points, plan, store), estimate=result)
    check(result)
    _warn_of_failures(points, plan, failed_before)
    return result


def _load_libraries(with_store: bool) -> None:
    """Arrange and write a point for trial: what is imported meanwhile would delay the end after Ctrl-C."""
    import xarray

    point = Point.of({"x": 0.0}, xarray.Dataset({"total": 0.0}))
    dataset_of(Plan.of({"x": [0.0]}, "product"), {point.key: point})
    if with_store:
        file_of([point])


def _share(part: object) -> slice:
    """Points of a part, which are spread over the grid."""
    if part is None:
        return slice(None)
    if not (
        isinstance(part, tuple | list) and len(part) == 2 and all(is_whole(n, 1) for n in part) and part[0] <= part[1]
    ):
        raise InvalidArgumentError(f"part: {part!r}, expected two numbers such as (3, 64): the third of 64 parts")
    return slice(part[0] - 1, None, part[1])


def _stopped_message(points: Mapping[str, Point], plan: Plan, store: Store | None) -> str:
    keys = {key_of(arguments) for arguments in plan.arguments()}
    where = "in the exception's `estimate`" if store is None else f"in {store.path}; call again to continue"
    return f"sweep: stopped with {len(keys & points.keys())} of {len(keys)} points done, {where}"


def _warn_of_failures(points: Mapping[str, Point], plan: Plan, failed_before: int) -> None:
    keys = {key_of(arguments) for arguments in plan.arguments()}
    failed = [point for key, point in points.items() if key in keys and not point.done]
    if failed:
        first = failed[0]
        hint = "; retry_failed=True evaluates them again" if failed_before else ""
        where = f", the first at {described(first.arguments)}" if first.arguments else ""
        warn(
            f"sweep: {len(failed)} of {len(keys)} points failed{where}: {first.failure}{hint}",
            AccuracyWarning,
        )
