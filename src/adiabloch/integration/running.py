"""Where blocks of points are evaluated: threads here, or any executor the user hands over."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


def processors() -> int:
    """Number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _libraries() -> ThreadpoolController:
    """The thread pools of the loaded libraries; looking for them takes longer than many an integral."""
    return ThreadpoolController()


class Here(Executor):
    """An executor that does each task at once, for work that is a task itself."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function and return its outcome as a future."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def workers(executor: Executor | None) -> Iterator[Executor]:
    """The user's executor, or threads with BLAS at one thread each (they would otherwise fight for the cores)."""
    if executor is not None:
        yield executor
        return
    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(processors()) as threads:
        yield threads


def run(
    executor: Executor, function: Callable[[Task], Outcome], tasks: Iterable[Task], *, ahead: int = 16
) -> Iterator[Outcome]:
    """Outcomes in the order of the tasks, with at most `ahead` of them under way.

    The order makes sums independent of timing; the window keeps memory independent of the number of tasks.
    """
    waiting: deque[Future[Outcome]] = deque()
    try:
        for task in tasks:
            waiting.append(executor.submit(function, task))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
