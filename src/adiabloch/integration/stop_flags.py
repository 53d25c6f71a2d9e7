"""Requests to running tasks to stop, in this process and in others of this machine.

A thread that runs tasks gets `TaskStopped` as soon as one of their flags is set, at its next step of Python. Other
processes read flags from a file with one byte for each of them. The process that made the file holds a lock on it until
it ends, so that tasks stop as well if it is killed, and the file is removed later. A thread in each worker process
watches the files, and ends the worker if the process that started it has ended.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from multiprocessing.connection import wait
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

from adiabloch.files import is_abandoned, locked_file, remove_abandoned

Outcome = TypeVar("Outcome")

PERIOD = 0.1
"""Seconds between two looks of a worker process at the flags of its tasks."""
INSISTENCE = 0.5
"""Seconds after which a task that has not ended is interrupted again."""
SET = b"1"

_set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set_exception.argtypes = [ctypes.c_ulong, ctypes.py_object]


class TaskStopped(BaseException):
    """End of a task on request.

    Not an `Exception`, which functions of the user may catch; and not `CancelledError`, after which a worker of Dask
    would consider the task as running for ever.
    """


class StopFlag:
    """Request to running tasks to stop.

    A copy in another process of this machine follows the original, and is set if the process of the original ends. A
    copy on another machine is never set.
    """

    def __init__(self, board: Board | None = None, position: int = 0, *, is_copy: bool = False) -> None:
        self._event = threading.Event()
        self._board, self._position, self._is_copy = board, position, is_copy

    def __reduce__(self) -> tuple[object, ...]:
        if self._board is None:
            self._board = _own_board(os.getpid())
            self._position = self._board.next_position()
        return _copy, (self._board.path, self._position)

    def set(self) -> None:
        """Request all tasks to stop, and interrupt those of this process."""
        self._event.set()
        if self._board is not None and not self._is_copy:
            self._board.write(self._position)
        if self._interrupt():
            threading.Thread(target=self._insist, daemon=True).start()

    def _interrupt(self) -> bool:
        """Interrupt the tasks of this process; return False if there are none."""
        with _lock:
            threads = [thread for thread, flags in _tasks.copy().items() if self in flags]
            for thread in threads:
                _interrupted.add(thread)
                _set_exception(thread, TaskStopped)
        return bool(threads)

    def _insist(self) -> None:
        """Interrupt tasks until they have ended: Python ignores exceptions in some functions, such as destructors."""
        time.sleep(INSISTENCE)
        while self._interrupt():
            time.sleep(INSISTENCE)

    def check(self) -> None:
        """Raise TaskStopped if a stop was requested."""
        if self._event.is_set() or (self._is_copy and self._board is not None and self._board.read(self._position)):
            raise TaskStopped

    def follow(self) -> None:
        """Set a copy if the original is set, or if its process has ended."""
        board = self._board if self._is_copy else None
        if board is not None and not self._event.is_set() and (board.read(self._position) or board.is_abandoned()):
            self.set()


class Board:
    """File with a byte for each stop flag of a process.

    Parameters
    ----------
    path : str
    handle : int
        The open file.
    """

    def __init__(self, path: str, handle: int) -> None:
        self.path, self._handle = path, handle
        self._positions = 0
        self._access = threading.Lock()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def next_position(self) -> int:
        """Position of a new flag."""
        with self._access:
            self._positions += 1
            return self._positions

    def write(self, position: int) -> None:
        """Set a flag."""
        with suppress(OSError), self._access:
            os.lseek(self._handle, position, os.SEEK_SET)
            os.write(self._handle, SET)

    def read(self, position: int) -> bool:
        """True if a flag is set."""
        with suppress(OSError), self._access:
            os.lseek(self._handle, position, os.SEEK_SET)
            return os.read(self._handle, 1) == SET
        return False

    def is_abandoned(self) -> bool:
        """True if the process that made the file has ended; False if it is on another machine."""
        return os.path.basename(self.path).startswith(_prefix()) and is_abandoned(self._handle)


_lock = threading.Lock()
_tasks: dict[int, tuple[StopFlag, ...]] = {}
"""Threads that run tasks, and the flags of these."""
_interrupted: set[int] = set()
"""Threads that were interrupted, and may not have seen it yet."""
_copies: WeakValueDictionary[str, Board] = WeakValueDictionary()
"""Files of other processes."""


def interruptible(flags: tuple[StopFlag, ...], work: Callable[[], Outcome]) -> Outcome:
    """Do work in this thread that is interrupted when one of the flags is set.

    Raises
    ------
    TaskStopped
    """
    thread = threading.get_ident()
    before = _tasks.get(thread)
    _tasks[thread] = flags
    try:
        return work()
    finally:
        _tasks.pop(thread, None)  # first: an interruption may come after each call
        with _lock:
            late = thread in _interrupted
            _interrupted.discard(thread)
        if late:
            _await_interruption(thread)  # none comes after the work
        if before is not None:
            _tasks[thread] = before
            for flag in before:
                flag.check()


def _await_interruption(thread: int) -> None:
    """Catch an interruption of this thread that may be under way.

    It is sent once more, to be certain. Taking it back, as Python allows, would leave the interpreter looking for it at
    each step, and hang with a profiler or a debugger (Python 3.11).
    """
    try:
        _set_exception(thread, TaskStopped)
        while True:
            time.sleep(0)
    except TaskStopped:
        pass


def _copy(path: str, position: int) -> StopFlag:
    """Flag of another process."""
    watch()
    with _lock:
        board = _copies.get(path)
        if board is None:
            try:
                board = Board(path, os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)))
            except OSError:
                return StopFlag(is_copy=True)
            _copies[path] = board
    return StopFlag(board, position, is_copy=True)


@cache
def _own_board(process: int) -> Board:
    """File of this process, removed at its exit. Those of processes that were killed are removed now."""
    folder = Path(tempfile.gettempdir())
    remove_abandoned(folder, re.compile(re.escape(_prefix()) + r"[0-9a-f]{16}\.flags"))
    handle, path = locked_file(folder, _prefix(), ".flags", 0o600)

    def remove() -> None:
        if os.getpid() == process:  # not in a child that inherited this function
            with suppress(OSError):
                os.unlink(path)

    atexit.register(remove)
    board = Board(path, handle)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=board.close)  # the lock is that of this process alone
    return board


@cache
def _prefix() -> str:
    """Beginning of the names of files of this machine: locks may not be seen on others that share the folder."""
    return f"adiabloch-{re.sub('[^A-Za-z0-9]', '-', socket.gethostname())}-"


def watch() -> None:
    """Start the thread of a worker process that looks for requests to stop and for the end of its parent."""
    _watch(os.getpid())


@cache
def _watch(process: int) -> None:
    threading.Thread(target=_look, name=f"adiabloch-watch-{process}", daemon=True).start()


def _look() -> None:
    parent = multiprocessing.parent_process()
    # other children of a forked process keep the sentinel open
    is_child = parent is not None and os.getppid() == parent.pid
    while True:
        if parent is None:
            time.sleep(PERIOD)
        elif wait([parent.sentinel], PERIOD) or (is_child and os.getppid() != parent.pid):
            os._exit(1)
        with _lock:
            flags = {flag for flags in _tasks.copy().values() for flag in flags}
        for flag in flags:
            flag.follow()


def _forget_threads() -> None:
    """Forget the threads of the parent process."""
    global _lock
    _lock = threading.Lock()
    _tasks.clear()
    _interrupted.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
