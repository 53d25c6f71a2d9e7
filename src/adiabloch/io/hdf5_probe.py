"""A program of its own that reads all of an HDF5 file, so that a damaged one keeps nobody else waiting.

The HDF5 library may run for ever in a damaged file, or crash, and cannot be stopped from Python. Here it has so many
seconds of processor time.
"""

from __future__ import annotations

import contextlib
import sys

SECONDS, SPEED = 5, 10_000_000
"""Processor time, and bytes of a file for each second more."""
RATIOS = {2**20: 1100, 2**28: 100}
"""How many times smaller than itself an array may be on disk, from so many bytes on: zeros are compressed a
thousandfold, but what is large is not all zero."""


def is_overcompressed(size: int, stored: int) -> bool:
    """Whether an array of so many bytes is too large for what is stored of it."""
    return any(size > least and size > ratio * stored for least, ratio in RATIOS.items())


def read_all(path: str) -> None:
    """Touch all attributes, dimensions and numbers of a file."""
    import h5py

    def touch(_: str, found: object) -> None:
        with contextlib.suppress(Exception):  # what raises an error comes to an end
            for name in found.attrs:  # type: ignore[attr-defined]
                with contextlib.suppress(Exception):
                    found.attrs[name]  # type: ignore[attr-defined]
        if isinstance(found, h5py.Dataset) and not found.external and not found.is_virtual:
            with contextlib.suppress(Exception):
                for axis in range(found.ndim):
                    len(found.dims[axis])
                if not is_overcompressed(found.nbytes, found.id.get_storage_size()):
                    found[()]

    with h5py.File(path, "r", locking=False) as file:
        touch("/", file)
        file.visititems(touch)


def limited(size: int) -> None:
    """Give this process so much time as a file of that size may take."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        now = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        seconds = int(now) + SECONDS + size // SPEED
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    import h5py  # noqa: F401

    limited(int(sys.argv[2]))
    with contextlib.suppress(Exception):
        read_all(sys.argv[1])
