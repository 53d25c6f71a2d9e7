"""How much memory this process may still take, and refusals before it is taken."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from adiabloch.errors import InvalidArgumentError

SHARE = 0.8
"""Of what is free, the largest part that one piece of work may take."""
UNKNOWN = 16 * 2**30
"""Bytes taken for free where the system does not tell."""
GROUP = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Bytes that are free: of the machine, of its container, and of the limits set for this process."""
    bounds = [bound for bound in (_of_machine(), _of_group(), _of_process()) if bound is not None]
    return max(min(bounds, default=UNKNOWN), 0)


def fits_in_memory(size: float) -> bool:
    """Whether so many bytes may be taken."""
    return size <= SHARE * free_memory()


def check_memory(size: float, what: str, remedy: str) -> None:
    """Refuse work that needs more memory than is free.

    Parameters
    ----------
    size : float
        Bytes that it will take.
    what : str
        What takes them, an argument with its value for example.
    remedy : str
        What to do about it.

    Raises
    ------
    InvalidArgumentError
    """
    # asking the system takes longer than small work
    if size > 2**26 and not fits_in_memory(size):
        raise InvalidArgumentError(
            f"{what}: needs about {format_bytes(size)} of memory, {format_bytes(free_memory())} are free; {remedy}"
        )


def format_bytes(size: float) -> str:
    """A number of bytes as one reads it."""
    for unit in ("kB", "MB", "GB"):
        size /= 1024
        if size < 1000:
            return f"{size:.3g} {unit}"
    return f"{size / 1024:.3g} TB"


def _of_machine() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _of_group() -> int | None:
    """What a container may still take."""
    with suppress(OSError, ValueError):
        limit = (GROUP / "memory.max").read_text(encoding="ascii").strip()
        if limit != "max":
            return int(limit) - int((GROUP / "memory.current").read_text(encoding="ascii"))
    return None


def _of_process() -> int | None:
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
