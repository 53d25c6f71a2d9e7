"""Checks of HDF5 files from unknown sources, before their data are read.

HDF5 can refer to data in other files (external links, external storage, virtual datasets), so a received file could
expose files of the user; and a few bytes can declare arrays of any size. Both are rejected.
"""

from __future__ import annotations

import math
import mmap
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from adiabloch.errors import FileFormatError, first_line
from adiabloch.io import hdf5_probe
from adiabloch.io.safe_open import PathLike, open_regular
from adiabloch.memory import fits_in_memory, format_bytes, free_memory

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP_SIGNATURE = b"GCOL\x01\0\0\0"
"""First bytes of a global heap (strings and lists of variable length), at a multiple of eight bytes."""
LARGEST_COUNT = 100_000
"""Largest number of objects, and of strings of variable length, in a file."""


def check_hdf5(path: PathLike, *, intact: bool = False) -> None:
    """Raise an error for an HDF5 file that is damaged, refers to other files, or declares more data than it stores.

    Parameters
    ----------
    path : path-like
        Name of the file.
    intact : bool
        True if a checksum confirmed the content. Otherwise the file is first read in a separate process.

    Raises
    ------
    FileFormatError
        The file is not a regular file, is not HDF5, or fails one of these checks.
    """
    import h5py

    with open_regular(path) as content:
        if content.read(len(SIGNATURE)) != SIGNATURE:
            raise FileFormatError(
                f"{path}: no NetCDF4 or HDF5 file (its first bytes differ), expected one that adiabloch wrote; files "
                "of Wannier90 are crystals, for io.read_tb, io.read_hr, io.read_chk and `adiabloch inspect`"
            )
        with mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            _check_heaps(Path(path), mapped)
    if not intact:
        _check_in_process(path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            _Inspection(Path(path)).check_group(file, "/")
    except FileFormatError:
        raise
    except Exception as reason:  # h5py raises errors of many types for a damaged file
        raise FileFormatError(f"{path}: damaged, or no HDF5 file ({first_line(reason)})") from None


def _check_in_process(path: PathLike) -> None:
    """Raise an error for a file that makes the HDF5 library crash or run without end, tested in another process."""
    name = os.path.abspath(path)
    command = [sys.executable, "-P", hdf5_probe.__file__, name, str(os.path.getsize(name))]
    try:
        code = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=600, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        code = -1
    except OSError:  # no Python interpreter available
        return
    if code < 0:
        raise FileFormatError(
            f"{path}: damaged: the HDF5 library crashes or does not come to an end with it, expected an intact file"
        )


def _check_heaps(path: Path, content: mmap.mmap) -> None:
    """Raise an error for damaged global heaps, in which the HDF5 library may loop without end.

    A heap is a sequence of objects, each with its size; the library never gets past an object of size 0.
    """
    at = content.find(HEAP_SIGNATURE)
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
                    raise FileFormatError(f"{path}: damaged: an object of {size} bytes in a heap of strings")
                here += step
        at = content.find(HEAP_SIGNATURE, at + 4)


class _Inspection:
    """Check of all groups and datasets of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: set[object] = set()
        self.size = 0.0

    def refuse(self, name: str, message: str) -> NoReturn:
        """Raise an error that names the file and the object in it."""
        raise FileFormatError(f"{self.path}, {name}: {message}")

    def check_group(self, group: h5py.Group, name: str) -> None:
        """Check all objects in a group and its subgroups."""
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
                if len(self.known) > LARGEST_COUNT:
                    self.refuse(here, f"more than {LARGEST_COUNT} objects, expected a result")
                if isinstance(found, h5py.Group):
                    waiting.append((found, here))
                elif isinstance(found, h5py.Dataset):
                    self.check_dataset(found, here)

    def check_dataset(self, found: h5py.Dataset, name: str) -> None:
        """Check an array without reading it."""
        if found.external or found.is_virtual:
            self.refuse(name, "its numbers are in another file, expected them in this one")
        if found.shape is None:
            return
        stored = found.id.get_storage_size()
        elements = math.prod(found.shape)
        size = elements * found.dtype.itemsize
        chunk = math.prod(found.chunks or (0,)) * found.dtype.itemsize
        if found.dtype.hasobject and elements > LARGEST_COUNT:
            self.refuse(name, f"{elements} strings or lists, expected at most {LARGEST_COUNT}")
        if hdf5_probe.is_overcompressed(size, stored):
            self.refuse(
                name,
                f"shape {found.shape} claims {format_bytes(size)} where {format_bytes(stored)} are stored, expected "
                "all of them",
            )
        self.size += size
        if (self.size > 2**26 or chunk > 2**26) and not fits_in_memory(3 * (self.size + chunk)):
            self.refuse(
                name,
                f"with it the file holds {format_bytes(self.size)}, too much for {format_bytes(free_memory())} of free "
                "memory",
            )
