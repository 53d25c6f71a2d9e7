"""Where blocks of points are evaluated: threads here, or any executor the user hands over.

Whatever the executor, BLAS works with one thread while a task runs, so that sums have the same bits everywhere; a task
that waits for others on an executor with no worker to spare does them itself; and Ctrl-C ends all of it at once.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from adiabloch.errors import InvalidArgumentError, LostWorkerError, Stopped
from adiabloch.integration.progress import refresh_display

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")

PATIENCE = 0.2
"""Seconds after which a task that no worker has begun is done where it is waited for."""
MAX_WORKERS = 1024
"""Workers that may be asked for by number."""


def processors() -> int:
    """Number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _libraries(loaded: frozenset[str]) -> list[Any]:
    """The BLAS libraries that are loaded; looking for them takes longer than many an integral."""
    del loaded  # what may have brought others with it
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set_threads(library: Any, number: int) -> None:
    # newer versions of threadpoolctl listen to the thread only that was the first to ask
    getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


def _loaded() -> frozenset[str]:
    """Modules that come with a BLAS of their own, of those that are imported."""
    return frozenset(sys.modules.keys() & {"numpy", "scipy.linalg", "scipy.special", "torch", "mkl", "jax", "numba"})


class _OneThread:
    """BLAS at one thread as long as anybody in this process wants it so; then as it was before the first did."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._before: list[tuple[Any, int]] = []
        self._known: frozenset[str] = frozenset()

    def __enter__(self) -> None:
        with self._lock:
            loaded = _loaded()
            if self._count == 0 or loaded != self._known:
                self._known = loaded
                for library in _libraries(loaded):
                    self._before.append((library, library.get_num_threads()))
                    _set_threads(library, 1)
            self._count += 1

    def __exit__(self, *reason: object) -> None:
        with self._lock:
            self._count -= 1
            while self._count == 0 and self._before:
                _set_threads(*self._before.pop())


one_thread = _OneThread()
"""`with one_thread:` may overlap with others, in this thread and in other ones."""
if hasattr(os, "register_at_fork"):
    # a child has none of the parent's threads, but may have been born while one of them held the lock
    os.register_at_fork(after_in_child=one_thread.__init__)  # type: ignore[misc]


class StopFlag:
    """Told to tasks under way that nobody waits for them any more; those in other processes are not reached."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __reduce__(self) -> tuple[type[StopFlag], tuple[()]]:
        return StopFlag, ()

    def set(self) -> None:
        """Ask all to stop."""
        self._event.set()

    def check(self) -> None:
        """Stop here if asked to."""
        if self._event.is_set():
            raise CancelledError


class _ThreadState(threading.local):
    """What the task that this thread is at belongs to."""

    stop_flags: tuple[StopFlag, ...] = ()


_thread_state = _ThreadState()


class SupervisedTask:
    """A function as it runs on a worker: BLAS at one thread, and stopped between its own tasks if asked to."""

    def __init__(self, function: Callable[[Any], Any], stop_flags: tuple[StopFlag, ...]) -> None:
        self.function, self.stop_flags = function, stop_flags

    def __call__(self, task: Any) -> Any:
        """Do a task."""
        for stop_flag in self.stop_flags:
            stop_flag.check()
        before, _thread_state.stop_flags = _thread_state.stop_flags, self.stop_flags
        try:
            with one_thread:
                return self.function(task)
        finally:
            _thread_state.stop_flags = before


class SerialExecutor(Executor):
    """An executor that does each task at once, for work that is a task itself."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function and return its outcome as a future."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def checked_executor(executor: object) -> Executor | int | None:
    """Return a user's executor, or number of workers.

    Raises
    ------
    InvalidArgumentError
        If it is neither.
    """
    if executor is None:
        return executor
    if hasattr(executor, "submit"):
        return executor  # type: ignore[return-value]
    if hasattr(executor, "__index__") and not isinstance(executor, bool):
        number = int(executor.__index__())
        if 1 <= number <= MAX_WORKERS:
            return number
    raise InvalidArgumentError(
        f"executor: {executor!r}, expected a concurrent.futures.Executor, a number of threads from 1 to {MAX_WORKERS}, or "
        "None for as many as there are processors"
    )


@contextmanager
def workers(executor: Executor | int | None) -> Iterator[Executor]:
    """The user's executor, or so many threads, as many as processors by default.

    BLAS has one thread meanwhile, as its own would fight for the cores. If what is done here ends with an exception,
    Ctrl-C above all, nobody waits for what the threads are still at: they stop at their next block.
    """
    executor = checked_executor(executor)
    threads = None
    if executor is None or isinstance(executor, int):
        executor = threads = ThreadPoolExecutor(executor or processors(), thread_name_prefix="adiabloch")
    stop_flag, before = StopFlag(), _thread_state.stop_flags
    with one_thread:
        _thread_state.stop_flags = (*before, stop_flag)
        try:
            yield executor
        except BaseException:
            stop_flag.set()
            if threads is not None:
                threads.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            _thread_state.stop_flags = before
        if threads is not None:
            threads.shutdown()


@contextmanager
def stoppable(best: Callable[[], Any]) -> Iterator[None]:
    """Turn Ctrl-C into `Stopped`, with what `best` says is the best estimate by then."""
    try:
        yield
    except KeyboardInterrupt as reason:
        if isinstance(reason, Stopped):
            raise
        raise Stopped("stopped", estimate=best()) from None


def run(
    executor: Executor, function: Callable[[Task], Outcome], tasks: Iterable[Task], *, ahead: int = 16
) -> Iterator[Outcome]:
    """Outcomes in the order of the tasks, with at most `ahead` of them under way.

    The order makes sums independent of timing; the window keeps memory independent of the number of tasks.

    Raises
    ------
    LostWorkerError
        A worker process was killed.
    InvalidArgumentError
        The executor takes no more tasks, or they cannot be sent to it.
    """
    stop_flags = _thread_state.stop_flags
    supervised = SupervisedTask(function, stop_flags)
    waiting: deque[tuple[Task, Future[Outcome]]] = deque()
    try:
        for task in tasks:
            for stop_flag in stop_flags:
                stop_flag.check()
            waiting.append((task, _submitted(executor, supervised, task)))
            if len(waiting) >= ahead:
                yield _awaited(supervised, waiting)
        while waiting:
            yield _awaited(supervised, waiting)
    finally:
        for _, future in waiting:
            future.cancel()


def _submitted(executor: Executor, function: SupervisedTask, task: Any) -> Future[Any]:
    if isinstance(executor, SerialExecutor):
        return executor.submit(function, task)
    try:
        return executor.submit(function, task)
    except BrokenExecutor as reason:
        raise _lost(reason) from None
    except RuntimeError as reason:
        raise InvalidArgumentError(f"executor: takes no more tasks ({reason}); expected one that is open") from None


def _awaited(function: SupervisedTask, waiting: deque[tuple[Any, Future[Any]]]) -> Any:
    """The outcome of the first task, which is done here if all workers wait, for us maybe."""
    task, future = waiting[0]
    while True:
        try:
            outcome = future.result(timeout=PATIENCE)
        except StillWaiting:
            refresh_display()
            if future.done():
                # raised by the task itself
                outcome = _result(future)
            elif any(_begun(other) for _, other in waiting) or not future.cancel():
                continue
            else:
                outcome = function(task)
        except BrokenExecutor as reason:
            raise _lost(reason) from None
        except (pickle.PicklingError, AttributeError, TypeError) as reason:
            if "pickle" in str(reason).lower() or isinstance(reason, pickle.PicklingError):
                raise InvalidArgumentError(
                    f"executor: what is computed cannot be sent to another process ({reason}); expected functions of a "
                    "module in place of local ones or lambdas, or threads (executor=4, say)"
                ) from None
            raise
        waiting.popleft()
        return outcome


def _begun(future: Future[Any]) -> bool:
    # executors of others have futures that do not tell
    return future.done() or not hasattr(future, "running") or future.running()


def _result(future: Future[Any]) -> Any:
    with suppress(BrokenExecutor):
        return future.result()
    raise _lost(BrokenExecutor())


def _lost(reason: BaseException) -> LostWorkerError:
    detail = f" ({reason})" if str(reason) else ""
    return LostWorkerError(
        f"executor: a worker ended before its work was done{detail}: it was killed, by the system for want of memory "
        "maybe, or crashed; make a new executor, with fewer workers if memory is short"
    )
