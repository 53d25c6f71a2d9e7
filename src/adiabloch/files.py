"""Atomic writing of files: a file is replaced completely or stays unchanged."""

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
"""Names of temporary files during writing."""


def checked_path(path: object, name: str = "path") -> Path:
    """Check that an argument is a path and return it.

    Parameters
    ----------
    path : object
        Argument of the user.
    name : str
        Name of the argument in error messages.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The argument is not a path, is empty, or contains a null byte.
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidArgumentError(f"{name}: {path!r}, expected a path: a str or a pathlib.Path")
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise InvalidArgumentError(f"{name}: {text!r}, expected a path: a non-empty str without null bytes")
    return Path(text)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[str]:
    """Context manager for writing a file completely or not at all.

    The context yields the name of a temporary file. At the end of the context this file is moved to `path`; if an
    error occurs, it is deleted. Symbolic links are followed. An existing file keeps its permissions, and its owner if
    the system allows it; a new file gets permissions according to the umask. Devices and pipes are written to and not
    replaced.

    Parameters
    ----------
    path : path-like
        Name of the file.

    Yields
    ------
    str
        Name of the temporary file.

    Raises
    ------
    InvalidArgumentError
        The argument is not a path.
    FileWriteError
        The path is a folder, is read-only, or cannot be written (full disk, missing permission). An existing file is
        unchanged.
    """
    target = checked_path(path)
    try:
        existing = _existing_status(target)
        if existing is None or stat.S_ISREG(existing.st_mode):
            with _replacement_file(Path(os.path.realpath(target)), existing) as name:
                yield name
        else:
            with tempfile.TemporaryDirectory() as folder:
                name = os.path.join(folder, "unfinished" + target.suffix)
                yield name
                _copy_to_device(name, target)
    except OSError as reason:
        if isinstance(reason, FileWriteError):
            raise
        raise FileWriteError(
            f"{path}: cannot be written ({reason.strerror or reason}); an existing file is unchanged"
        ) from None


def write_atomic(path: str | os.PathLike[str], content: bytes | memoryview) -> Path:
    """Write bytes to a file completely or not at all (see `atomic_write`)."""
    with atomic_write(path) as name, open(name, "wb") as file:
        file.write(content)
    return Path(path)


def _existing_status(target: Path) -> os.stat_result | None:
    """Return the status of an existing file, links followed, after checking that it may be written; None if absent."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise FileWriteError(f"{target}: is a folder, expected the name of a file, in that folder for example")
    # the superuser can write to read-only files; here they are protected too
    if not os.access(target, os.W_OK) or not found.st_mode & 0o222:
        raise FileWriteError(f"{target}: is read-only; expected another name, or make it writable first (chmod u+w)")
    return found


@contextmanager
def _replacement_file(target: Path, existing: os.stat_result | None) -> Iterator[str]:
    """Create a temporary file in the folder of the target and move it to the target at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(target.parent, UNFINISHED)
    mode = 0o666 if existing is None else stat.S_IMODE(existing.st_mode) & 0o700
    handle, name = locked_file(target.parent, f".{target.stem[:40]}.", f".unfinished{target.suffix[:20]}", mode)
    if fcntl is None:
        os.close(handle)  # Windows cannot move an open file
    try:
        yield name
        if existing is not None:
            with suppress(OSError, AttributeError):
                os.chown(name, existing.st_uid, existing.st_gid)
            os.chmod(name, stat.S_IMODE(existing.st_mode))
        if fcntl is not None:
            os.fsync(handle)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
        if fcntl is not None:
            os.close(handle)


def locked_file(folder: Path, prefix: str, suffix: str, mode: int) -> tuple[int, str]:
    """Create a file with a new name. It stays locked while it is open, so that no other process removes it.

    Returns
    -------
    handle : int
    name : str
    """
    while True:
        name = folder / f"{prefix}{secrets.token_hex(8)}{suffix}"
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
        if not _locked(handle) or os.fstat(handle).st_nlink:
            return handle, str(name)
        os.close(handle)  # removed by another process before it was locked


def _locked(handle: int) -> bool:
    """Lock an open file; return False if another process holds the lock, or if there are no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_abandoned(handle: int) -> bool:
    """True if no process holds the lock of an open file; False if there are no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(handle, fcntl.LOCK_UN)
    except OSError:
        return False
    return True


def remove_abandoned(folder: Path, names: re.Pattern[str]) -> None:
    """Remove files of `locked_file` that killed processes left in a folder."""
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not names.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(OSError):
                handle = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    if _locked(handle):
                        os.unlink(entry.path)
                finally:
                    os.close(handle)


def _copy_to_device(name: str, target: Path) -> None:
    """Copy the bytes of a file to a device or a pipe."""
    # opening a pipe without a reader would block
    handle = os.open(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    os.set_blocking(handle, True)
    with open(handle, "wb") as special, open(name, "rb") as written:
        shutil.copyfileobj(written, special)


def make_folder(folder: Path) -> None:
    """Make a folder with its parents, if it does not exist, and check that it can be written.

    Raises
    ------
    FileWriteError
    """
    existing = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    # the superuser can write to read-only folders; here they are protected too
    if not os.access(existing, os.W_OK) or not existing.stat().st_mode & 0o222:
        raise FileWriteError(f"{existing}: is read-only, expected a folder that can be written")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise FileWriteError(f"{folder}: cannot be written ({reason.strerror or reason})") from None


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Context in which no other process is in the same context with the same folder.

    On file systems without locks it has no effect.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
