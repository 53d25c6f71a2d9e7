"""Submission of tasks: groups of 0.2 s and longer; a large function is sent once to each process."""

from __future__ import annotations

import hashlib
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from adiabloch.integration.stop_flags import StopFlag
from adiabloch.integration.supervision import Group, Outcomes, SupervisedTasks

LARGE = 2**16
"""Size in bytes from which a pickled function, with the model it holds, is sent once to each process."""
KEPT = 4
"""Number of large functions that a worker process keeps."""
SECONDS, FEW = 0.2, 10
"""Target time of a group of tasks in another process, and the number of workers above which it grows in proportion,
since one process submits all groups."""
SHARE, LONGEST = 1 / 20, 2.0
"""Target time of a group as a fraction of the time since the first one, and up to which time: a long calculation has
few groups, and its last ones are still short compared with the whole."""
GROWTH = 4
"""Largest factor by which the number of tasks in a group grows at a time."""

_kept: OrderedDict[str, Callable[..., Any]] = OrderedDict()
_lock = threading.Lock()


class SerialExecutor(Executor):
    """Executor that runs each task immediately in the calling thread, for work inside another task."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function and return its result as a future."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class FunctionMissingError(Exception):
    """The worker process does not keep the function of a task; it must be sent again."""


class Sender:
    """Submission of groups of tasks to an executor.

    Parameters
    ----------
    executor : Executor
    function : callable
        Function of a task.
    stop_flags : tuple of StopFlag
    processes : int
        Number of worker processes to which the function is sent at first.
    largest : int, optional
        Largest number of tasks in a group.
    """

    def __init__(
        self,
        executor: Executor,
        function: Callable[[Any], Any],
        stop_flags: tuple[StopFlag, ...],
        processes: int,
        largest: int | None = None,
    ) -> None:
        self.executor = executor
        self.here = SupervisedTasks(function, stop_flags)
        in_process = is_in_process(executor)
        self._largest = 1 if in_process else largest
        self._seconds = SECONDS * max(processes / FEW, 1.0)
        self._began = time.perf_counter()
        self._size = 1
        self._content = None if in_process else _pickled(self.here)
        self._digest = "" if self._content is None else hashlib.sha256(self._content).hexdigest()
        self._to_attach = processes

    def groups(self, tasks: Iterable[Any]) -> Iterator[list[Any]]:
        """Groups of tasks, sized by the measured duration of earlier groups."""
        remaining = iter(tasks)
        while group := list(islice(remaining, self._size)):
            yield group

    def submit(self, tasks: Sequence[Any], *, attach: bool = False) -> Future[Outcomes]:
        """Submit a group of tasks; `attach` sends a large function along."""
        if self._content is None:
            return self.executor.submit(self.here, Group(tasks))
        attach = attach or self._to_attach > 0
        self._to_attach -= attach
        return self.executor.submit(run_kept, self._digest, self._content if attach else None, Group(tasks))

    def measured(self, outcomes: Outcomes) -> None:
        """Choose the size of the next groups by the duration of one."""
        seconds = max(self._seconds, min(SHARE * (time.perf_counter() - self._began), LONGEST))
        wanted = round(seconds * len(outcomes.values) / max(outcomes.seconds, 1e-9))
        self._size = max(1, min(wanted, GROWTH * self._size, self._largest or wanted))


def is_in_process(executor: Executor) -> bool:
    """True if tasks of an executor share the memory of this process."""
    return isinstance(executor, ThreadPoolExecutor | SerialExecutor)


def run_kept(digest: str, content: bytes | None, tasks: Iterable[Any]) -> Outcomes:
    """Run tasks in a worker process with a function that was sent now or before.

    Raises
    ------
    FunctionMissingError
    """
    with _lock:
        function = _kept.get(digest)
        if function is None:
            if content is None:
                raise FunctionMissingError(digest)
            function = _kept[digest] = pickle.loads(content)
        _kept.move_to_end(digest)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    outcomes: Outcomes = function(tasks)
    return outcomes


def _pickled(function: Callable[..., Any]) -> bytes | None:
    """Bytes of a large function; None for a small one, and for functions that the executor may pickle in its own way.

    These are local functions and those of the main module, which other processes may not have.
    """
    try:
        content = pickle.dumps(function, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:  # whatever the objects of the user raise; the executor gives the message
        return None
    return None if len(content) < LARGE or b"__main__" in content else content
