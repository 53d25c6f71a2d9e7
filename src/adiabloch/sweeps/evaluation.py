"""Evaluation of the points of a sweep on an executor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from adiabloch.errors import InvalidArgumentError, LostWorkerError, first_line
from adiabloch.integration.running import completed, number_of_workers, processors, workers
from adiabloch.integration.supervision import default_workers
from adiabloch.sweeps.plan import Arguments, described, key_of
from adiabloch.sweeps.points import Point

ATTEMPTS = 2
"""Number of times that a point may be in progress when a worker process is lost; after that it is evaluated alone."""


class InvalidResultError(InvalidArgumentError):
    """Return value of the function that is not a result of the library."""


@dataclass(frozen=True)
class Evaluation:
    """Evaluation of the function at a point; sent to the workers."""

    function: Callable[..., Any]
    threads: int
    """Number of threads of each call of the library within the function."""

    def __call__(self, arguments: Arguments) -> Point:
        """Result of the function, or the message of its exception."""
        import xarray

        try:
            with default_workers(self.threads):
                result = self.function(**arguments)
        except Exception as reason:
            return failed_point(arguments, f"{type(reason).__name__}: {first_line(reason)}")
        if isinstance(result, xarray.DataArray) and result.name is not None:
            result = result.to_dataset(promote_attrs=True)
        if not isinstance(result, xarray.Dataset):
            nameless = " without a name" if isinstance(result, xarray.DataArray) else ""
            number = isinstance(result, int | float | complex | np.generic)
            hint = '; xarray.DataArray(number, name="...") makes one of a number' if number else ""
            raise InvalidResultError(
                f"function: returned {type(result).__name__}{nameless} at {described(arguments)}, expected a result of "
                f"the library: an xarray.Dataset or one of its variables{hint}"
            )
        return Point.of(arguments, result)


def failed_point(arguments: Arguments, message: str) -> Point:
    """Point without a result."""
    return Point(arguments, failure=message, time=time.time())


def evaluate_points(
    function: Callable[..., Any], points: Sequence[Arguments], executor: Executor | int | None
) -> Iterator[Point]:
    """Evaluate all points, and yield each as soon as it has ended.

    A process pool of the standard library that lost a worker is replaced by a fresh one. A point that ends its worker
    process each time is a failed point.

    Raises
    ------
    InvalidArgumentError
        The function cannot be sent to other processes, or does not return a result.
    LostWorkerError
        The executor takes no more tasks.
    """
    if executor is None or isinstance(executor, int):
        number = min(number_of_workers(executor), max(len(points), 1))
        task, executor = Evaluation(function, max(processors() // number, 1)), number
    else:
        task = Evaluation(function, 1)
    with workers(executor) as given, ExitStack() as fresh_pools:
        pool, remaining = given, {key_of(point): point for point in points}
        losses: dict[str, int] = dict.fromkeys(remaining, 0)
        while remaining:
            # points that may have ended their worker are evaluated last, one at a time
            suspects = [point for key, point in remaining.items() if losses[key] >= ATTEMPTS]
            together = [point for key, point in remaining.items() if losses[key] < ATTEMPTS] or suspects[:1]
            count = number_of_workers(pool)
            # any point in progress may be the reason if a process pool breaks, so that there are few of them
            ahead = 2 * count if isinstance(pool, ProcessPoolExecutor) else max(16, 3 * count)
            sizes = {"ahead": ahead, "largest": max(len(together) // (4 * count), 1)}
            started: dict[str, Arguments] = {}
            try:
                for point in completed(pool, task, _noted(together, started), **sizes):
                    remaining.pop(point.key, None)
                    started.pop(point.key, None)
                    yield point
            except LostWorkerError as reason:
                if isinstance(pool, ProcessPoolExecutor):
                    # any point in progress may be the reason
                    pool = fresh_pools.enter_context(_fresh(pool))
                elif reason.tasks is not None:
                    tasks: Any = reason.tasks
                    started = {key_of(lost): lost for lost in tasks}
                else:
                    raise
                for key in started:
                    losses[key] += 1
                    if losses[key] > ATTEMPTS:
                        yield failed_point(remaining.pop(key), f"{type(reason).__name__}: {first_line(reason)}")


def _noted(points: Sequence[Arguments], started: dict[str, Arguments]) -> Iterator[Arguments]:
    """Points, each recorded when it is submitted to the executor."""
    for point in points:
        started[key_of(point)] = point
        yield point


def _fresh(pool: ProcessPoolExecutor) -> ProcessPoolExecutor:
    """New pool with the settings of a broken one."""
    settings: Any = pool
    return ProcessPoolExecutor(settings._max_workers, settings._mp_context, settings._initializer, settings._initargs)
