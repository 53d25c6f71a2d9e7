"""Cancellable tasks: a stop flag ends them in all processes of this machine."""

from __future__ import annotations

import atexit
import os
import pickle
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from adiabloch.integration.blas_threads import one_thread
from adiabloch.memory import keep_freed_memory


class StopFlag:
    """Request to running tasks to stop.

    A copy in another process looks for a file that `set` makes; it does not reach other machines.

    Parameters
    ----------
    file : str, optional
        The file of the original.
    """

    def __init__(self, file: str | None = None) -> None:
        self._event = threading.Event()
        self._file = file
        self._copied = file is not None

    def __reduce__(self) -> tuple[type[StopFlag], tuple[str]]:
        self._file = self._file or os.path.join(_folder_of_flags(os.getpid()), secrets.token_hex(8))
        return StopFlag, (self._file,)

    def set(self) -> None:
        """Request all tasks to stop."""
        self._event.set()
        if self._file is not None:
            with suppress(OSError):
                Path(self._file).touch()

    def check(self) -> None:
        """Raise CancelledError if a stop was requested."""
        if self._event.is_set() or (self._copied and os.path.exists(str(self._file))):
            raise CancelledError


@cache
def _folder_of_flags(process: int) -> str:
    """Folder for the files of stop flags of this process, removed at its exit."""
    folder = tempfile.mkdtemp(prefix=f"adiabloch-{process}-")

    def remove() -> None:
        if os.getpid() == process:  # not in a child that inherited this function
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


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
    """Function that runs a group of tasks with BLAS at one thread; before each it checks the stop flags."""

    def __init__(self, function: Callable[[Any], Any], stop_flags: tuple[StopFlag, ...]) -> None:
        self.function, self.stop_flags = function, stop_flags
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
            with one_thread:
                return Outcomes([self._run(task) for task in tasks], time.perf_counter() - began)
        finally:
            thread_state.stop_flags = before

    def _run(self, task: Any) -> Any:
        for stop_flag in self.stop_flags:
            stop_flag.check()
        return self.function(task)
