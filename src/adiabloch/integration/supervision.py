"""Groups of tasks that stop flags interrupt, with BLAS at one thread."""

from __future__ import annotations

import pickle
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adiabloch.compiled import expected_points, expecting
from adiabloch.integration.blas_threads import one_thread
from adiabloch.integration.stop_flags import StopFlag, interruptible
from adiabloch.memory import keep_freed_memory


class _ThreadState(threading.local):
    """State of the task that runs in this thread."""

    stop_flags: tuple[StopFlag, ...] = ()
    workers: int | None = None
    """Number of workers of calculations that this task starts; None for the number of processors."""


thread_state = _ThreadState()
"""State of the task that runs in this thread."""


@contextmanager
def default_workers(number: int) -> Iterator[None]:
    """Context in which calculations of this thread use this number of workers if their caller gives no executor."""
    before, thread_state.workers = thread_state.workers, number
    try:
        yield
    finally:
        thread_state.workers = before


class Group:
    """Group of tasks for another process.

    Dask sends it as it is; it would look for futures in nested lists, number by number.
    """

    def __init__(self, tasks: Sequence[Any]) -> None:
        self.tasks = tasks

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tasks)

    def __dask_tokenize__(self) -> str:
        return secrets.token_hex(8)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Results of a group of tasks."""

    values: list[Any]
    seconds: float

    def __reduce__(self) -> tuple[Callable[..., Outcomes], tuple[bytes]]:
        # one string of bytes: Dask would send each of many small arrays as a message part of its own
        return _outcomes, (pickle.dumps((self.values, self.seconds), protocol=pickle.HIGHEST_PROTOCOL),)


def _outcomes(content: bytes) -> Outcomes:
    return Outcomes(*pickle.loads(content))


class SupervisedTasks:
    """Function that runs a group of tasks with BLAS at one thread, until a stop flag is set."""

    def __init__(self, function: Callable[[Any], Any], stop_flags: tuple[StopFlag, ...]) -> None:
        self.function, self.stop_flags = function, stop_flags
        self._points = expected_points()
        self._token = secrets.token_hex(8)

    def __dask_tokenize__(self) -> str:
        """Name of this function in a cluster; without it, Dask would pickle the function for each task."""
        return self._token

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        keep_freed_memory()  # in a worker process

    def __call__(self, tasks: Iterable[Any]) -> Outcomes:
        """Run the tasks one after another."""
        began = time.perf_counter()
        before, thread_state.stop_flags = thread_state.stop_flags, self.stop_flags
        try:
            with one_thread, expecting(self._points):
                values = interruptible(self.stop_flags, lambda: [self._run(task) for task in tasks])
                return Outcomes(values, time.perf_counter() - began)
        finally:
            thread_state.stop_flags = before

    def _run(self, task: Any) -> Any:
        for stop_flag in self.stop_flags:
            stop_flag.check()
        return self.function(task)
