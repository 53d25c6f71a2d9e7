"""Opening files that others wrote: regular files only, and no more than fits.

A name may lead to a pipe that never ends or a device that never stops, a few compressed bytes may stand for gigabytes.
All text and binary files are opened here, and refused before they take memory or time.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO

from adiabloch.errors import FileFormatError
from adiabloch.files import checked_path
from adiabloch.memory import fits_in_memory, format_bytes, free_memory

PathLike = str | os.PathLike[str]
RATIO = 100
"""How many times smaller than its content a compressed file of numbers may be; those of programs are 3 to 20 times."""
MODEST = 2**25
"""Bytes of content up to which any ratio is taken."""
CHUNK = 2**22
LINE = 60
"""Bytes that Python takes for a line of text besides its characters."""
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What compressed files that are broken raise when they are read."""
COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""What opens compressed files, by how their names end."""

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def open_regular(path: PathLike) -> BinaryIO:
    """Open a file to read its bytes as they are.

    Raises
    ------
    FileFormatError
        If there is no such file, or it is a folder, a pipe, a device, a socket.
    """
    checked = checked_path(path)
    try:
        # a pipe would wait for somebody who writes
        handle = os.open(checked, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as reason:
        raise FileFormatError(f"{path}: cannot be read ({reason.strerror or reason})") from None
    kind = os.fstat(handle).st_mode
    if not stat.S_ISREG(kind):
        os.close(handle)
        raise FileFormatError(f"{path}: is {_kind(kind)}, expected a regular file")
    return open(handle, "rb")


def open_content(path: PathLike) -> IO[bytes]:
    """Open a file to read its content: decompressed if its name ends in .gz, .bz2 or .xz, and no bomb.

    Raises
    ------
    FileFormatError
        As `open_regular`; while it is read, if it swells to more than a hundred times its size.
    """
    file = open_regular(path)
    suffix = Path(path).suffix
    if suffix not in COMPRESSED:
        return file
    return io.BufferedReader(_Bounded(Path(path), file, COMPRESSED[suffix](file)), CHUNK)


def uncompressed(path: PathLike) -> Path:
    """A path without the ending that says how the file is compressed, if it has one."""
    found = Path(path)
    return found.with_suffix("") if found.suffix in COMPRESSED else found


def read_bytes(path: PathLike) -> bytes:
    """All bytes of a file, decompressed as by `open_content`.

    Raises
    ------
    FileFormatError
        As `open_content`; if it cannot be read, or does not fit into memory.
    """
    with open_content(path) as file:
        return b"".join(_chunks(file, Path(path), text=False))


def read_text(path: PathLike) -> str:
    """All of a text file, decompressed as by `open_content`; bytes beyond ASCII become question marks.

    Raises
    ------
    FileFormatError
        As `read_bytes`; if it holds control characters, which no text has.
    """
    with open_content(path) as file:
        text = b"".join(_chunks(file, Path(path), text=True)).decode("ascii", errors="replace")
    # as Python reads text: \r\n and \r end lines, too
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _chunks(file: IO[bytes], path: Path, *, text: bool) -> list[bytes]:
    """The bytes of a file, refused as soon as they are no text or would not fit."""
    chunks: list[bytes] = []
    size = lines = 0
    checked = 0
    while True:
        try:
            chunk = file.read(CHUNK)
        except UNREADABLE as reason:
            raise FileFormatError(f"{path}: cannot be read ({reason})") from None
        if not chunk:
            return chunks
        if text and (odd := _CONTROL.search(chunk)):
            line = lines + chunk.count(b"\n", 0, odd.start())
            start = chunk.rfind(b"\n", 0, odd.start()) + 1
            shown = chunk[start : start + 80].split(b"\n")[0].decode("ascii", errors="replace")
            raise FileFormatError(f"{path}, line {line + 1}: {shown!r}, expected no control characters in a text file")
        chunks.append(chunk)
        size += len(chunk)
        lines += chunk.count(b"\n")
        # the bytes, the characters, the lines
        need = 3 * size + (LINE * lines if text else 0)
        if need > checked + 2**28:
            checked = need
            if not fits_in_memory(need):
                raise FileFormatError(
                    f"{path}: more than {format_bytes(size)}, for which {format_bytes(free_memory())} of free memory do not "
                    "suffice; expected a smaller file"
                )


class _Bounded(io.RawIOBase):
    """What a compressed file holds, up to a sensible multiple of its size."""

    def __init__(self, path: Path, file: BinaryIO, inside: IO[bytes]) -> None:
        self._path, self._file, self._inside = path, file, inside
        self._size = 0

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with what comes next."""
        content = self._inside.read(len(buffer))
        buffer[: len(content)] = content
        self._size += len(content)
        if self._size > MODEST + RATIO * self._file.tell():
            raise FileFormatError(
                f"{self._path}: more than {format_bytes(self._size)} come out of {format_bytes(self._file.tell())} of a "
                f"compressed file; expected numbers, which are not made {RATIO} times smaller (decompress it yourself "
                "if it is genuine)"
            )
        return len(content)

    def close(self) -> None:
        """Let go of the file."""
        self._inside.close()
        self._file.close()
        super().close()


def _kind(mode: int) -> str:
    """What is no regular file."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def refuse_long_lines(path: PathLike, content: bytes, longest: int = 100_000) -> None:
    """Refuse text with lines that no program writes, and over which readers of others take hours.

    Raises
    ------
    FileFormatError
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if len(line) > longest:
            raise FileFormatError(f"{path}, line {number}: {len(line)} characters, expected at most {longest}")
