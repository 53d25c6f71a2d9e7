"""Free memory of this process, and checks of the memory that a calculation needs."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from adiabloch.errors import InvalidArgumentError

LARGEST_SHARE = 0.8
"""Largest part of the free memory that one calculation may use."""
DEFAULT_FREE = 16 * 2**30
"""Free memory in bytes assumed if the system does not report it."""
COPIES = 4
"""Arrays of one size that a calculation with complex matrices holds at a time."""
CONTROL_GROUP = Path("/sys/fs/cgroup")
"""Folder in which Linux reports the memory limits of a container."""

KEPT = 2**26
"""Freed memory in bytes that a process keeps at most (`keep_freed_memory`)."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of `mallopt` of the GNU C library."""


def free_memory() -> int:
    """Free memory in bytes: the smallest of those of the machine, the container and the limits of the process."""
    bounds = [bound for bound in (_free_of_machine(), _free_of_container(), _free_of_process()) if bound is not None]
    return max(min(bounds, default=DEFAULT_FREE), 0)


def fits_in_memory(size: float) -> bool:
    """Return True if a calculation may use `size` bytes."""
    return size <= LARGEST_SHARE * free_memory()


def check_memory(size: float, what: str, remedy: str) -> None:
    """Raise an error if a calculation needs more memory than is free.

    Parameters
    ----------
    size : float
        Memory needed, in bytes.
    what : str
        Cause in the error message, for example an argument with its value.
    remedy : str
        Advice in the error message.

    Raises
    ------
    InvalidArgumentError
        The memory needed exceeds the share of the free memory that one calculation may use.
    """
    # the system call takes longer than a small calculation
    if size > 2**26 and not fits_in_memory(size):
        raise InvalidArgumentError(
            f"{what}: needs about {format_bytes(size)} of memory, {format_bytes(free_memory())} are free; {remedy}"
        )


def check_matrices(points: int, size: int, matrices: int, what: str) -> None:
    """Raise an error if matrices at many points need more memory than is free.

    Parameters
    ----------
    points : int
        Number of points.
    size : int
        Number of rows and columns of the matrices.
    matrices : int
        Number of matrices at each point: the Hamiltonian and its derivatives.
    what : str
        Name of the points in the error message.

    Raises
    ------
    InvalidArgumentError
    """
    check_memory(
        COPIES * 16.0 * points * matrices * size**2, f"{what}: {points} points, {size} bands", "ask for fewer at a time"
    )


def format_bytes(size: float) -> str:
    """Format a number of bytes with a unit, such as "1.5 GB"."""
    for unit in ("kB", "MB", "GB"):
        size /= 1024
        if size < 1000:
            return f"{size:.3g} {unit}"
    return f"{size / 1024:.3g} TB"


def resident_memory() -> int:
    """Memory of this process in bytes: libraries, data, freed memory that it keeps; 0 if it is not known."""
    with suppress(OSError, ValueError, IndexError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _free_of_machine() -> int | None:
    """Free memory of the machine in bytes; None if unknown."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _free_of_container() -> int | None:
    """Memory in bytes that the limit of the container leaves; None without a limit."""
    with suppress(OSError, ValueError):
        limit = (CONTROL_GROUP / "memory.max").read_text(encoding="ascii").strip()
        if limit != "max":
            return int(limit) - int((CONTROL_GROUP / "memory.current").read_text(encoding="ascii"))
    return None


def _free_of_process() -> int | None:
    """Memory in bytes that the limits of this process leave; None without limits."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    limits = [limit for limit in limits if limit not in (-1, resource.RLIM_INFINITY)]
    if not limits:
        return None
    taken = 0
    with suppress(OSError, ValueError, IndexError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
        taken = int(pages[0]) * os.sysconf("SC_PAGE_SIZE")
    return min(limits) - taken


@cache
def keep_freed_memory() -> None:
    """Keep up to 64 MB of freed memory in this process instead of returning it to the system after every array.

    The system clears each page of memory that it hands out, which takes a third of the time of small matrices if it
    happens for every block of points. With another C library than that of GNU nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    with suppress(OSError, AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(M_TRIM_THRESHOLD, KEPT)
        set_option(M_MMAP_THRESHOLD, 2**25)


def return_freed_memory() -> None:
    """Return freed memory to the system; with another C library than that of GNU nothing is done."""
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
