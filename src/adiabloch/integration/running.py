"""Execution of blocks of points: threads, or any executor of the user.

With every executor, BLAS uses one thread while a task runs, so that sums have the same bits everywhere. A task that
waits for other tasks on an executor without a free worker runs them itself. Ctrl-C stops all tasks at once.
"""

from __future__ import annotations

import itertools
import os
import pickle
import queue
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

from adiabloch.errors import AdiablochError, InvalidArgumentError, LostWorkerError, Stopped
from adiabloch.integration.progress import refresh_display

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")

PATIENCE = 0.2
"""Seconds after which the waiting thread runs a task that no worker has started."""
MAX_WORKERS = 1024
"""Largest number of workers."""


def processors() -> int:
    """Number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _libraries(loaded: frozenset[str]) -> list[Any]:
    """Loaded BLAS libraries; cached, since the search is slow."""
    del loaded  # key of the cache: these modules may load other libraries
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set_threads(library: Any, number: int) -> None:
    # newer versions of threadpoolctl accept calls only from the first calling thread
    getattr(library, "_real_set_num_threads", library.set_num_threads)(number)


def _loaded() -> frozenset[str]:
    """Imported modules that may come with a BLAS of their own."""
    return frozenset(sys.modules.keys() & {"numpy", "scipy.linalg", "scipy.special", "torch", "mkl", "jax", "numba"})


class _OneThread:
    """Context in which BLAS uses one thread; the last exit in the process restores the former number."""

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
"""Context manager that may be nested, in this thread and in others."""
if hasattr(os, "register_at_fork"):
    # a child process has no threads of its parent, but one of them may have held the lock at the fork
    os.register_at_fork(after_in_child=one_thread.__init__)  # type: ignore[misc]


class StopFlag:
    """Request to running tasks to stop; it does not reach tasks in other processes."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __reduce__(self) -> tuple[type[StopFlag], tuple[()]]:
        return StopFlag, ()

    def set(self) -> None:
        """Request all tasks to stop."""
        self._event.set()

    def check(self) -> None:
        """Raise CancelledError if a stop was requested."""
        if self._event.is_set():
            raise CancelledError


class _ThreadState(threading.local):
    """Stop flags of the task that runs in this thread."""

    stop_flags: tuple[StopFlag, ...] = ()
    workers: int | None = None
    """Default number of workers of calculations that this task starts; None for the number of processors."""


_thread_state = _ThreadState()


@contextmanager
def default_workers(number: int) -> Iterator[None]:
    """Context in which calculations of this thread use this number of workers if their caller gives no executor."""
    before, _thread_state.workers = _thread_state.workers, number
    try:
        yield
    finally:
        _thread_state.workers = before


class SupervisedTask:
    """Function that runs on a worker with BLAS at one thread, and checks the stop flags before each task."""

    def __init__(self, function: Callable[[Any], Any], stop_flags: tuple[StopFlag, ...]) -> None:
        self.function, self.stop_flags = function, stop_flags

    def __call__(self, task: Any) -> Any:
        """Run a task."""
        for stop_flag in self.stop_flags:
            stop_flag.check()
        before, _thread_state.stop_flags = _thread_state.stop_flags, self.stop_flags
        try:
            with one_thread:
                return self.function(task)
        finally:
            _thread_state.stop_flags = before


class SerialExecutor(Executor):
    """Executor that runs each task immediately in the calling thread, for work inside another task."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the function and return its result as a future."""
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def checked_executor(executor: object) -> Executor | int | None:
    """Return the executor or the number of workers of the user.

    Raises
    ------
    InvalidArgumentError
        It is neither.
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
        f"executor: {executor!r}, expected a concurrent.futures.Executor, a number of threads from 1 to "
        f"{MAX_WORKERS}, or None for as many as there are processors"
    )


def number_of_workers(executor: Executor | int | None) -> int:
    """Number of tasks that run at a time, as far as the executor tells."""
    if executor is None or isinstance(executor, int):
        return executor or _thread_state.workers or processors()
    return int(getattr(executor, "_max_workers", 1 if isinstance(executor, SerialExecutor) else processors()))


@contextmanager
def workers(executor: Executor | int | None) -> Iterator[Executor]:
    """Context with the executor of the user or with a number of threads, by default the number of processors.

    BLAS uses one thread meanwhile, since its own threads would compete for the processors. After an exception, such as
    Ctrl-C, running tasks are not awaited: they stop at their next block.
    """
    executor = checked_executor(executor)
    threads = None
    if executor is None and _thread_state.workers == 1:
        executor = SerialExecutor()
    elif executor is None or isinstance(executor, int):
        number = executor or _thread_state.workers or processors()
        executor = threads = ThreadPoolExecutor(number, thread_name_prefix="adiabloch")
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
    """Convert Ctrl-C into `Stopped` with the best estimate, which `best` returns."""
    try:
        yield
    except KeyboardInterrupt as reason:
        if isinstance(reason, Stopped):
            raise
        raise Stopped("stopped", estimate=best()) from None


def run(
    executor: Executor, function: Callable[[Task], Outcome], tasks: Iterable[Task], *, ahead: int = 16
) -> Iterator[Outcome]:
    """Run tasks, and yield their results in order, with at most `ahead` tasks in progress.

    The order makes sums independent of timing. The limit makes the memory independent of the number of tasks.

    Raises
    ------
    LostWorkerError
        A worker process was killed.
    InvalidArgumentError
        The executor accepts no tasks, or the tasks cannot be pickled.
    """
    stop_flags = _thread_state.stop_flags
    supervised = SupervisedTask(function, stop_flags)
    waiting: deque[tuple[Task, Future[Outcome]]] = deque()
    try:
        for task in tasks:
            for stop_flag in stop_flags:
                stop_flag.check()
            waiting.append((task, _submit(executor, supervised, task)))
            if len(waiting) >= ahead:
                yield _wait_for(executor, supervised, waiting)
        while waiting:
            yield _wait_for(executor, supervised, waiting)
    finally:
        for _, future in waiting:
            future.cancel()


def completed(
    executor: Executor, function: Callable[[Task], Outcome], tasks: Iterable[Task], *, ahead: int
) -> Iterator[Outcome]:
    """Run tasks, and yield each result as soon as it has ended, with at most `ahead` tasks in progress.

    Raises
    ------
    LostWorkerError, InvalidArgumentError
        As `run`.
    """
    supervised = SupervisedTask(function, _thread_state.stop_flags)
    remaining = iter(tasks)
    pending: dict[Future[Outcome], Task] = {}
    ended: queue.SimpleQueue[Future[Outcome]] = queue.SimpleQueue()
    try:
        while True:
            for task in itertools.islice(remaining, ahead - len(pending)):
                future = _submit(executor, supervised, task)
                pending[future] = task
                future.add_done_callback(ended.put)
            if not pending:
                return
            try:
                future = ended.get(timeout=PATIENCE)
            except queue.Empty:
                refresh_display()
                future = next(iter(pending))
                if any(_has_started(other) for other in pending) or not future.cancel():
                    continue
                yield supervised(pending.pop(future))
                continue
            if future in pending:
                yield _outcome(future, pending.pop(future), executor)
    finally:
        for future in pending:
            future.cancel()


def _outcome(future: Future[Any], task: Any, executor: Executor) -> Any:
    """Result of a future that has ended; failures of the executor as errors of this library."""
    try:
        return future.result()
    except Exception as reason:
        if (error := _executor_error(reason, executor)) is not None:
            if isinstance(error, LostWorkerError):
                error.task = task
            raise error from None
        raise


def _executor_error(reason: Exception, executor: Executor) -> AdiablochError | None:
    """Error of this library for a failure of the executor; None for an exception of a task."""
    if isinstance(reason, AdiablochError) or isinstance(executor, ThreadPoolExecutor | SerialExecutor):
        return None
    package = type(executor).__module__.partition(".")[0]
    from_executor = package != "__main__" and type(reason).__module__.partition(".")[0] == package
    if from_executor or isinstance(reason, BrokenExecutor | CancelledError):
        return _lost_worker_error(reason)
    if isinstance(reason, pickle.PicklingError) or (
        isinstance(reason, AttributeError | TypeError) and "pickle" in str(reason).lower()
    ):
        return InvalidArgumentError(
            f"executor: what is computed cannot be sent to another process ({reason}); expected functions of a "
            "module in place of local ones or lambdas, or threads (executor=4, say)"
        )
    return None


def _submit(executor: Executor, function: SupervisedTask, task: Any) -> Future[Any]:
    if isinstance(executor, SerialExecutor):
        return executor.submit(function, task)
    try:
        return executor.submit(function, task)
    except Exception as reason:
        if (error := _executor_error(reason, executor)) is not None:
            raise error from None
        if isinstance(reason, RuntimeError):
            raise InvalidArgumentError(f"executor: takes no more tasks ({reason}); expected one that is open") from None
        raise


def _wait_for(executor: Executor, function: SupervisedTask, waiting: deque[tuple[Any, Future[Any]]]) -> Any:
    """Result of the first task, which is run here if no worker starts it."""
    task, future = waiting[0]
    while True:
        try:
            outcome = future.result(timeout=PATIENCE)
        except StillWaiting:
            refresh_display()
            if future.done():
                # the task itself raised the exception
                outcome = _result(future)
            elif any(_has_started(other) for _, other in waiting) or not future.cancel():
                continue
            else:
                outcome = function(task)
        except Exception as reason:
            if (error := _executor_error(reason, executor)) is not None:
                raise error from None
            raise
        waiting.popleft()
        return outcome


def _has_started(future: Future[Any]) -> bool:
    # futures of other libraries may not have `running`
    return future.done() or not hasattr(future, "running") or future.running()


def _result(future: Future[Any]) -> Any:
    with suppress(BrokenExecutor):
        return future.result()
    raise _lost_worker_error(BrokenExecutor())


def _lost_worker_error(reason: BaseException) -> LostWorkerError:
    detail = f" ({reason})" if str(reason) else ""
    return LostWorkerError(
        f"executor: a worker ended before its work was done{detail}: it was killed, by the system for want of memory "
        "maybe, or crashed; make a new executor, with fewer workers if memory is short"
    )
