"""BLAS with one thread while tasks run, since its own threads would compete for the processors."""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


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
