"""Program that reads all of an HDF5 file within limited processor time.

The HDF5 library may crash or loop without end in a damaged file, and cannot be stopped from Python. Therefore the file
is tested in a separate process.
"""

from __future__ import annotations

import contextlib
import sys

SECONDS, SPEED = 5, 10_000_000
"""Processor time in seconds, and bytes of a file for each additional second."""
RATIOS = {2**20: 1100, 2**28: 100}
"""Largest compression ratios of arrays above given sizes in bytes: zeros are compressed a thousandfold, but large
arrays are not all zero."""


def is_overcompressed(size: int, stored: int) -> bool:
    """Return True if an array of `size` bytes is too large for the number of bytes stored."""
    return any(size > least and size > ratio * stored for least, ratio in RATIOS.items())


def read_all(path: str) -> None:
    """Read all attributes, dimensions and arrays of a file."""
    import h5py

    def read(_: str, found: object) -> None:
        with contextlib.suppress(Exception):  # an error is an end too
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
        read("/", file)
        file.visititems(read)


def limit_time(size: int) -> None:
    """Limit the processor time of this process to that for a file of `size` bytes."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        now = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        seconds = int(now) + SECONDS + size // SPEED
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    import h5py  # noqa: F401

    limit_time(int(sys.argv[2]))
    with contextlib.suppress(Exception):
        read_all(sys.argv[1])
