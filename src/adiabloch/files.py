"""Files that appear whole or not at all; what stands in their place keeps its nature and its permissions."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adiabloch.errors import FileWriteError, InvalidArgumentError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

UNFINISHED = re.compile(r"\..*\.[0-9a-f]{16}\.unfinished(\.[^.]*)?")
"""Names of files that are being written."""


def checked_path(path: object, name: str = "path") -> Path:
    """Return a user's path.

    Parameters
    ----------
    path : object
        What the user gave.
    name : str
        What to call it in an error.

    Raises
    ------
    InvalidArgumentError
        If it is no path, empty, or holds a null byte.
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgumentError(f"{name}: {path!r}, expected a path: a str or a pathlib.Path")
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidArgumentError(f"{name}: {text!r}, expected a path: a non-empty str without null bytes")
    return Path(text)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[str]:
    """Name of a file to write; at the end it becomes `path`, or is gone if writing failed.

    A symbolic link is followed, an existing file keeps its permissions (and its owner, where that is allowed), a new
    one gets those that the umask leaves. What is no regular file (a device, a pipe) is written to and stays what it is.

    Raises
    ------
    InvalidArgumentError
        If it is no path.
    FileWriteError
        If it is a folder, is read-only, or cannot be written (a full disk, a folder without permission); what was there
        before is unchanged.
    """
    target = checked_path(path)
    try:
        found = _found(target)
        if found is None or stat.S_ISREG(found.st_mode):
            with _beside(Path(os.path.realpath(target)), found) as name:
                yield name
        else:
            with tempfile.TemporaryDirectory() as folder:
                name = os.path.join(folder, "unfinished" + target.suffix)
                yield name
                _poured(name, target)
    except OSError as reason:
        if isinstance(reason, FileWriteError):
            raise
        raise FileWriteError(
            f"{path}: cannot be written ({reason.strerror or reason}); what was there is unchanged"
        ) from None


def write_atomic(path: str | os.PathLike[str], content: bytes | memoryview) -> Path:
    """Write a file whole or not at all, as `atomic_write` does."""
    with atomic_write(path) as name, open(name, "wb") as file:
        file.write(content)
    return Path(path)


def _found(target: Path) -> os.stat_result | None:
    """What is there already, links followed, if it may be written to."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise FileWriteError(f"{target}: is a folder, expected the name of a file, in that folder for example")
    # the superuser may write to what is marked read-only, but did not ask to
    if not os.access(target, os.W_OK) or not found.st_mode & 0o222:
        raise FileWriteError(f"{target}: is read-only; expected another name, or make it writable first (chmod u+w)")
    return found


@contextmanager
def _beside(target: Path, found: os.stat_result | None) -> Iterator[str]:
    """An unfinished file in the same folder, moved to its place at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear(target.parent)
    handle, name = _created(target, 0o666 if found is None else stat.S_IMODE(found.st_mode) & 0o700)
    try:
        yield name
        if found is not None:
            with suppress(OSError, AttributeError):
                os.chown(name, found.st_uid, found.st_gid)
            os.chmod(name, stat.S_IMODE(found.st_mode))
        if handle is not None:
            os.fsync(handle)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def _created(target: Path, mode: int) -> tuple[int | None, str]:
    """A new file, locked as long as it is open: nobody takes it for the leftover of a process that was killed."""
    while True:
        name = target.parent / f".{target.stem[:40]}.{secrets.token_hex(8)}.unfinished{target.suffix[:20]}"
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
        if fcntl is None:
            os.close(handle)  # what is open cannot be moved there
            return None, str(name)
        if not _locked(handle) or os.fstat(handle).st_nlink:
            return handle, str(name)
        os.close(handle)  # cleared away before it was locked


def _locked(handle: int) -> bool:
    """Lock an open file unless another process has done so."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _clear(folder: Path) -> None:
    """Remove what processes that were killed left unfinished."""
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not UNFINISHED.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):
                handle = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    if _locked(handle):
                        os.unlink(entry.path)
                finally:
                    os.close(handle)


def _poured(name: str, target: Path) -> None:
    """Write a file's bytes to a device or a pipe."""
    # without a reader a pipe would wait for one
    handle = os.open(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    os.set_blocking(handle, True)
    with open(handle, "wb") as special, open(name, "rb") as written:
        shutil.copyfileobj(written, special)
