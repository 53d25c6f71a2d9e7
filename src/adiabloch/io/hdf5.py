"""HDF5 files that others wrote, looked at before anything in them is used.

HDF5 can take data from other files (external links, external storage, virtual datasets), so that a file received from
somebody would show what is in one's own; and a few bytes can claim arrays of any size. Both are refused.
"""

from __future__ import annotations

import math
import mmap
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from adiabloch.errors import FileFormatError
from adiabloch.io import hdf5_probe
from adiabloch.io.safe_open import PathLike, open_regular
from adiabloch.memory import fits_in_memory, format_bytes, free_memory

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01\0\0\0"
"""How a heap of words and lists of varying length begins, at a multiple of eight bytes."""
MOST = 100_000
"""Objects, and strings of varying length, that a file may hold."""


def check_hdf5(path: PathLike, *, intact: bool = False) -> None:
    """Refuse an HDF5 file that leads elsewhere, claims more than it holds, or does not come to an end.

    Parameters
    ----------
    path : path-like
    intact : bool
        Whether a checksum told that it is as it was written. Otherwise another process reads it first.

    Raises
    ------
    FileFormatError
        If it is no regular file, no HDF5, damaged, or one of these.
    """
    import h5py

    with open_regular(path) as content:
        if content.read(len(SIGNATURE)) != SIGNATURE:
            raise FileFormatError(f"{path}: no NetCDF4 or HDF5 file (its first bytes are others)")
        with mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            _check_heaps(Path(path), mapped)
    if not intact:
        _check_end(path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            _Visit(Path(path)).group(file, "/")
    except FileFormatError:
        raise
    except Exception as reason:  # whatever befalls h5py in a damaged file
        text = str(reason).splitlines()
        raise FileFormatError(f"{path}: damaged, or no HDF5 file ({text[0][:200] if text else reason!r})") from None


def _check_end(path: PathLike) -> None:
    """Refuse a file that the HDF5 library does not come to an end with, or that takes it down."""
    name = os.path.abspath(path)
    command = [sys.executable, "-P", hdf5_probe.__file__, name, str(os.path.getsize(name))]
    try:
        code = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=600, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        code = -1
    except OSError:  # no Python to start
        return
    if code < 0:
        raise FileFormatError(
            f"{path}: damaged: the HDF5 library crashes or does not come to an end with it, expected a whole file"
        )


def _check_heaps(path: Path, content: mmap.mmap) -> None:
    """Refuse damaged heaps of words and lists, in which the HDF5 library runs in a circle.

    A heap is a row of objects, each with its size: one of size 0 leads to itself.
    """
    at = content.find(HEAP)
    while at >= 0:
        if at % 8 == 0:
            end = at + int.from_bytes(content[at + 8 : at + 16], "little")
            if end > len(content):
                raise FileFormatError(f"{path}: damaged: a heap beyond the end of the file")
            here = at + 16
            while here + 16 <= end:
                free = content[here : here + 2] == b"\0\0"
                size = int.from_bytes(content[here + 8 : here + 16], "little")
                step = size if free else 16 + 8 * -(-size // 8)
                if not 16 <= step <= end - here:
                    raise FileFormatError(f"{path}: damaged: an object of {size} bytes in a heap of words")
                here += step
        at = content.find(HEAP, at + 4)


class _Visit:
    """A walk through all groups and datasets."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: set[object] = set()
        self.size = 0.0

    def refuse(self, name: str, message: str) -> NoReturn:
        """Raise the error that names the file and the object in it."""
        raise FileFormatError(f"{self.path}, {name}: {message}")

    def group(self, group: h5py.Group, name: str) -> None:
        """All that is linked in a group, and in those beneath it."""
        import h5py

        waiting = [(group, name)]
        while waiting:
            group, name = waiting.pop()
            for key in group:
                here = f"{name.rstrip('/')}/{key}"
                kind = group.id.links.get_info(key.encode()).type
                if kind != h5py.h5l.TYPE_HARD:
                    what = "a link within the file" if kind == h5py.h5l.TYPE_SOFT else "a link to another file"
                    self.refuse(here, f"{what}, expected data: NetCDF has no such links")
                found = group[key]
                token = h5py.h5o.get_info(found.id).addr
                if token in self.known:
                    continue
                self.known.add(token)
                if len(self.known) > MOST:
                    self.refuse(here, f"more than {MOST} objects, expected a result")
                if isinstance(found, h5py.Group):
                    waiting.append((found, here))
                elif isinstance(found, h5py.Dataset):
                    self.dataset(found, here)

    def dataset(self, found: h5py.Dataset, name: str) -> None:
        """One array, not yet read."""
        if found.external or found.is_virtual:
            self.refuse(name, "its numbers are in another file, expected them in this one")
        if found.shape is None:
            return
        stored = found.id.get_storage_size()
        elements = math.prod(found.shape)
        size = elements * found.dtype.itemsize
        chunk = math.prod(found.chunks or (0,)) * found.dtype.itemsize
        if found.dtype.hasobject and elements > MOST:
            self.refuse(name, f"{elements} strings or lists, expected at most {MOST}")
        if hdf5_probe.is_overcompressed(size, stored):
            self.refuse(
                name,
                f"shape {found.shape} claims {format_bytes(size)} where {format_bytes(stored)} are stored, expected them all",
            )
        self.size += size
        if (self.size > 2**26 or chunk > 2**26) and not fits_in_memory(3 * (self.size + chunk)):
            self.refuse(
                name,
                f"with it the file holds {format_bytes(self.size)}, for which {format_bytes(free_memory())} of free memory do "
                "not suffice",
            )
