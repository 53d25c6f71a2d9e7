"""Execution of blocks of points: threads, or any executor of the user.

With every executor, BLAS uses one thread while a task runs, so that sums have the same bits everywhere. A task that
waits for other tasks on an executor without a free worker runs them itself. Ctrl-C stops all tasks at once.
"""

from __future__ import annotations

import os
import pickle
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWaiting
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, TypeVar

from adiabloch.errors import AdiablochError, InvalidArgumentError, LostWorkerError, Stopped, first_line
from adiabloch.integration.blas_threads import one_thread
from adiabloch.integration.progress import refresh_display
from adiabloch.integration.sending import FunctionMissingError, Sender, SerialExecutor, is_in_process
from adiabloch.integration.stop_flags import StopFlag
from adiabloch.integration.supervision import Outcomes, thread_state
from adiabloch.memory import keep_freed_memory
from adiabloch.scalars import is_whole

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
        return executor or thread_state.workers or processors()
    if isinstance(executor, SerialExecutor):
        return 1
    if callable(cores := getattr(executor, "ncores", None)):  # a client of a cluster
        with suppress(Exception):  # of a cluster that is lost, which is reported when a task is submitted
            return max(sum(cores().values()), 1)
    for name in ("_max_workers", "num_workers"):
        number: Any = getattr(executor, name, None)
        if is_whole(number, 1):
            return int(number)
    return processors()


@contextmanager
def workers(executor: Executor | int | None) -> Iterator[Executor]:
    """Context with the executor of the user or with a number of threads, by default the number of processors.

    BLAS uses one thread meanwhile, since its own threads would compete for the processors. After an exception, such as
    Ctrl-C, running tasks are not awaited: they stop at their next block.
    """
    executor = checked_executor(executor)
    keep_freed_memory()
    threads = None
    if executor is None and thread_state.workers == 1:
        executor = SerialExecutor()
    elif executor is None or isinstance(executor, int):
        number = executor or thread_state.workers or processors()
        executor = threads = ThreadPoolExecutor(number, thread_name_prefix="adiabloch")
    stop_flag, before = StopFlag(), thread_state.stop_flags
    with one_thread:
        thread_state.stop_flags = (*before, stop_flag)
        try:
            yield executor
        except BaseException:
            stop_flag.set()
            if threads is not None:
                threads.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            thread_state.stop_flags = before
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
    """Run tasks, and yield their results in order, with at most `ahead` of them in progress on threads.

    The order makes sums independent of timing. The limit makes the memory independent of the number of tasks. Other
    processes get groups of tasks, twice as many as there are workers.

    Raises
    ------
    LostWorkerError
        A worker process was killed.
    InvalidArgumentError
        The executor accepts no tasks, or the tasks cannot be pickled.
    """
    stop_flags = thread_state.stop_flags
    number = number_of_workers(executor)
    sender = Sender(executor, function, stop_flags, number)
    if not is_in_process(executor):
        ahead = max(ahead, 2 * number)
    waiting: deque[tuple[list[Task], Future[Outcomes]]] = deque()
    try:
        for group in sender.groups(tasks):
            for stop_flag in stop_flags:
                stop_flag.check()
            waiting.append((group, _submit(sender, group)))
            if len(waiting) >= ahead:
                yield from _wait_for(sender, waiting)
        while waiting:
            yield from _wait_for(sender, waiting)
    finally:
        _cancel(future for _, future in waiting)


def completed(
    executor: Executor, function: Callable[[Task], Outcome], tasks: Iterable[Task], *, ahead: int, largest: int = 1
) -> Iterator[Outcome]:
    """Run tasks, and yield each result as soon as it has ended.

    At most `ahead` groups of at most `largest` tasks are in progress.

    Raises
    ------
    LostWorkerError, InvalidArgumentError
        As `run`; `tasks` of the former are those in progress, if they are known.
    """
    sender = Sender(executor, function, thread_state.stop_flags, number_of_workers(executor), largest)
    groups = sender.groups(tasks)
    pending: dict[Future[Outcomes], list[Task]] = {}
    ended: queue.SimpleQueue[Future[Outcomes]] = queue.SimpleQueue()

    def submit(group: list[Task], attach: bool = False) -> None:
        future = _submit(sender, group, attach=attach)
        pending[future] = group
        future.add_done_callback(ended.put)

    try:
        while True:
            for group in islice(groups, ahead - len(pending)):
                submit(group)
            if not pending:
                return
            try:
                future = ended.get(timeout=PATIENCE)
            except queue.Empty:
                refresh_display()
                future = next(iter(pending))
                if not any(_has_started(other) for other in pending) and future.cancel():
                    yield from sender.here(pending.pop(future)).values
                continue
            if future not in pending:
                continue  # cancelled above
            group = pending.pop(future)
            try:
                outcomes = _result(future, group, executor)
            except FunctionMissingError:
                submit(group, attach=True)
                continue
            sender.measured(outcomes)
            yield from outcomes.values
    finally:
        _cancel(pending)


def _cancel(futures: Iterable[Future[Any]]) -> None:
    for future in futures:
        with suppress(Exception):  # of an executor that is lost
            future.cancel()


def _submit(sender: Sender, group: list[Any], *, attach: bool = False) -> Future[Outcomes]:
    if isinstance(sender.executor, SerialExecutor):
        return sender.submit(group)
    try:
        return sender.submit(group, attach=attach)
    except Exception as reason:
        if (error := _executor_error(reason, sender.executor)) is not None:
            raise error from None
        if isinstance(reason, OSError):
            raise _lost_worker_error(reason) from None
        if isinstance(reason, RuntimeError):
            raise InvalidArgumentError(f"executor: takes no more tasks ({reason}); expected one that is open") from None
        raise


def _wait_for(sender: Sender, waiting: deque[tuple[list[Any], Future[Outcomes]]]) -> list[Any]:
    """Results of the first group of tasks, which are run here if no worker starts them."""
    while True:
        group, future = waiting[0]
        ended = _end_of(future)
        while not ended(PATIENCE):
            refresh_display()
            if not any(_has_started(other) for _, other in waiting) and future.cancel():
                waiting.popleft()
                return sender.here(group).values
        try:
            outcomes = _result(future, group, sender.executor)
        except FunctionMissingError:
            waiting[0] = group, _submit(sender, group, attach=True)
            continue
        waiting.popleft()
        sender.measured(outcomes)
        return outcomes.values


def _end_of(future: Future[Any]) -> Callable[[float], bool]:
    """Function that waits for a future for some seconds and is True if it has ended."""
    if hasattr(future, "add_done_callback"):
        # a client of Dask would exchange messages each time that it waits for the result
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        return ended.wait

    def wait(seconds: float) -> bool:
        try:
            future.result(timeout=seconds)
        except StillWaiting:
            return future.done()
        except Exception:  # reported with the result
            return True
        return True

    return wait


def _has_started(future: Future[Any]) -> bool:
    # futures of other libraries may not have `running`
    return future.done() or not hasattr(future, "running") or future.running()


def _result(future: Future[Outcomes], group: list[Any], executor: Executor) -> Outcomes:
    """Result of a future that has ended; failures of the executor as errors of this library."""
    try:
        return future.result()
    except Exception as reason:
        if (error := _executor_error(reason, executor)) is not None:
            executor_lost = isinstance(reason, CancelledError | BrokenExecutor | OSError)
            if isinstance(error, LostWorkerError) and not executor_lost:
                error.tasks = group
            raise error from None
        raise


def _executor_error(reason: Exception, executor: Executor) -> AdiablochError | None:
    """Error of this library for a failure of the executor; None for an exception of a task."""
    if is_in_process(executor) or isinstance(reason, AdiablochError | FunctionMissingError):
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


def _lost_worker_error(reason: BaseException) -> LostWorkerError:
    detail = f" ({first_line(reason)})" if str(reason) else ""
    if isinstance(reason, CancelledError | OSError):
        return LostWorkerError(f"executor: lost before its work was done{detail}; start it again")
    return LostWorkerError(
        f"executor: a worker ended before its work was done{detail}: it was killed, by the system for want of memory "
        "maybe, or crashed; make a new executor, with fewer workers if memory is short"
    )
