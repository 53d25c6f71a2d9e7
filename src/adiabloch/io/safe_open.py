"""Safe opening of files from unknown sources.

Only regular files are opened, not pipes or devices, which may never end. Compressed files that expand to gigabytes and
files that do not fit into memory are rejected early.
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

from adiabloch.errors import FileFormatError, did_you_mean
from adiabloch.files import checked_path
from adiabloch.memory import fits_in_memory, format_bytes, free_memory

PathLike = str | os.PathLike[str]
RATIO = 100
"""Largest compression ratio of a file; files of numbers have ratios of 3 to 20."""
MODEST = 2**25
"""Size of the content in bytes up to which any compression ratio is accepted."""
CHUNK = 2**22
"""Number of bytes read at a time."""
LINE = 60
"""Memory in bytes that Python needs for a line of text in addition to its characters."""
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""Exceptions raised on reading damaged compressed files."""
COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""Functions that open compressed files, by file suffix."""
SEED_ENDINGS = ("_tb.dat", "_tb.dat.gz", ".chk", "_hr.dat", ".nc")
"""Endings of files that a name without an ending may stand for."""

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def _similar_name(path: Path) -> str:
    """Proposal of a file in the same folder, for messages: one of a seed, or one with a similar name."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return ""
    of_seed = [name for ending in SEED_ENDINGS for name in names if name == path.name + ending]
    return did_you_mean(path.name, names) if not of_seed else f"; did you mean {of_seed[0]!r}?"


def open_regular(path: PathLike) -> BinaryIO:
    """Open a regular file to read its bytes, without decompression.

    Raises
    ------
    FileFormatError
        The file does not exist, or is a folder, a pipe, a device or a socket.
    """
    checked = checked_path(path)
    try:
        # opening a pipe without a writer would block
        handle = os.open(checked, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as reason:
        similar = _similar_name(checked) if isinstance(reason, FileNotFoundError) else ""
        raise FileFormatError(f"{path}: cannot be read ({reason.strerror or reason}){similar}") from None
    kind = os.fstat(handle).st_mode
    if not stat.S_ISREG(kind):
        os.close(handle)
        store = stat.S_ISDIR(kind) and (Path(path) / "sweep.json").is_file()
        hint = "; adiabloch.load_sweep reads the store of a sweep" if store else ""
        raise FileFormatError(f"{path}: is {_kind(kind)}, expected a regular file{hint}")
    return open(handle, "rb")


def open_content(path: PathLike) -> IO[bytes]:
    """Open a file to read its content, decompressed if its name ends in .gz, .bz2 or .xz.

    Raises
    ------
    FileFormatError
        As for `open_regular`; on reading, if the content exceeds a hundred times the size of the compressed file.
    """
    file = open_regular(path)
    suffix = Path(path).suffix
    if suffix not in COMPRESSED:
        return file
    return io.BufferedReader(_Bounded(Path(path), file, COMPRESSED[suffix](file)), CHUNK)


def uncompressed(path: PathLike) -> Path:
    """Path without the suffix of a compressed file (.gz, .bz2, .xz)."""
    found = Path(path)
    return found.with_suffix("") if found.suffix in COMPRESSED else found


def read_bytes(path: PathLike) -> bytes:
    """Read all bytes of a file, decompressed as by `open_content`.

    Raises
    ------
    FileFormatError
        As for `open_content`; also if the file cannot be read, or does not fit into memory.
    """
    with open_content(path) as file:
        return b"".join(_chunks(file, Path(path), text=False))


def read_text(path: PathLike) -> str:
    """Read a text file, decompressed as by `open_content`; bytes beyond ASCII are replaced.

    Raises
    ------
    FileFormatError
        As for `read_bytes`; also if the file contains control characters.
    """
    with open_content(path) as file:
        text = b"".join(_chunks(file, Path(path), text=True)).decode("ascii", errors="replace")
    # universal newlines: \r\n and \r end lines too
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _chunks(file: IO[bytes], path: Path, *, text: bool) -> list[bytes]:
    """Read a file in chunks and stop with an error as soon as it is not text or exceeds the free memory."""
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
        # memory for the bytes, their copy as text, and the lines
        need = 3 * size + (LINE * lines if text else 0)
        if need > checked + 2**28:
            checked = need
            if not fits_in_memory(need):
                raise FileFormatError(
                    f"{path}: more than {format_bytes(size)}, too much for {format_bytes(free_memory())} of free "
                    "memory; expected a smaller file"
                )


class _Bounded(io.RawIOBase):
    """Content of a compressed file, up to the largest compression ratio."""

    def __init__(self, path: Path, file: BinaryIO, inside: IO[bytes]) -> None:
        self._path, self._file, self._inside = path, file, inside
        self._size = 0

    def readable(self) -> bool:
        """Return True: the stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes of the content."""
        content = self._inside.read(len(buffer))
        buffer[: len(content)] = content
        self._size += len(content)
        if self._size > MODEST + RATIO * self._file.tell():
            raise FileFormatError(
                f"{self._path}: {format_bytes(self._file.tell())} of a compressed file expand to more than "
                f"{format_bytes(self._size)}; expected a compression ratio of at most {RATIO} (decompress the file "
                "yourself if you trust it)"
            )
        return len(content)

    def close(self) -> None:
        """Close the file."""
        self._inside.close()
        self._file.close()
        super().close()


def _kind(mode: int) -> str:
    """Name of a kind of file that is not regular."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def refuse_long_lines(path: PathLike, content: bytes, longest: int = 100_000) -> None:
    """Raise an error for very long lines, for which the text readers of other libraries take hours.

    Raises
    ------
    FileFormatError
        A line has more than `longest` characters.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if len(line) > longest:
            raise FileFormatError(f"{path}, line {number}: {len(line)} characters, expected at most {longest}")
