"""Checkpoints of long integrals: partial sums on disk, from which an interrupted calculation continues bit by bit.

An integral is evaluated in stages: meshes that are doubled, generations of boxes. A checkpoint is a folder with a file
for each stage: the number of blocks that are done, and the sums over them. Each file is written completely or not at
all and ends with a checksum. Decisions between stages follow from the sums, so that a repeated call reaches the same
stages.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from adiabloch.digests import difference
from adiabloch.errors import FileFormatError, StoreMismatchError, first_line
from adiabloch.files import UNFINISHED, checked_path, make_folder, write_atomic
from adiabloch.integration.running import run

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
Arrays = dict[str, np.ndarray]

EVERY = 10.0
"""Seconds between writing the sums of a stage; more if writing takes more than `OVERHEAD` of the time."""
OVERHEAD = 0.05
DESCRIPTION = "checkpoint.json"
DONE = "number of blocks"
"""Name of the number of blocks among the arrays of a stage."""


class Sums(Protocol):
    """Sums over the blocks of a stage."""

    def arrays(self) -> Arrays:
        """Sums as arrays."""
        ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Set the sums to those of a checkpoint."""
        ...


class Checkpoint:
    """Folder with the sums of all stages of a calculation.

    Parameters
    ----------
    path : path-like
        Folder; it is made if it does not exist.
    identity : mapping
        Texts that identify the calculation.

    Raises
    ------
    StoreMismatchError
        The folder belongs to another calculation.
    FileFormatError, FileWriteError
        The path is a file or another folder, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, str]) -> None:
        self.path = checked_path(path, "checkpoint")
        self.stages = 0
        if self.path.exists() and not self.path.is_dir():
            raise FileFormatError(f"{self.path}: is a file, expected the folder of a checkpoint, or a new name")
        description = self.path / DESCRIPTION
        if not description.exists():
            # of a process that was killed while it wrote the description, a temporary file may be left
            if self.path.exists() and not all(UNFINISHED.fullmatch(entry.name) for entry in self.path.iterdir()):
                raise FileFormatError(f"{self.path}: is a folder with other files, expected the folder of a checkpoint")
            make_folder(self.path)
            write_atomic(description, json.dumps(dict(identity), indent=1).encode())
            return
        try:
            stored = json.loads(description.read_text())
            differs = difference(stored, identity)
        except (ValueError, AttributeError, TypeError) as reason:
            raise FileFormatError(f"{description}: damaged ({first_line(reason)}); remove the folder") from None
        if differs is not None:
            raise StoreMismatchError(
                f"{self.path}: belongs to another calculation: {differs}; choose another folder, or the same call"
            )

    def next_file(self) -> Path:
        """File of the next stage."""
        self.stages += 1
        return self.path / f"stage-{self.stages:05d}.npz"


_CURRENT: ContextVar[Checkpoint | None] = ContextVar("_CURRENT", default=None)


@contextmanager
def using(checkpoint: Checkpoint) -> Iterator[None]:
    """Context in which integrals of this thread keep their sums in a checkpoint."""
    token = _CURRENT.set(checkpoint)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def in_use() -> bool:
    """True if integrals keep their sums in a checkpoint."""
    return _CURRENT.get() is not None


def run_stage(
    executor: Executor, function: Callable[[Task], Outcome], tasks: Iterable[Task], sums: Sums
) -> Iterator[Outcome]:
    """Run the tasks of a stage and yield their results in order, which the caller adds to the sums before the next one.

    With a checkpoint, the sums are restored first, and the tasks that they contain are left out.
    """
    checkpoint = _CURRENT.get()
    if checkpoint is None:
        yield from run(executor, function, tasks)
        return
    file = checkpoint.next_file()
    done = 0
    if (stored := _read(file)) is not None:
        done = int(stored.pop(DONE))
        sums.restore(stored)
    remaining = islice(tasks, done, None)
    due, written = time.perf_counter() + EVERY, done
    try:
        for outcome in run(executor, function, remaining):
            yield outcome
            done += 1
            if time.perf_counter() >= due:
                began = time.perf_counter()
                _write(file, done, sums)
                written, ended = done, time.perf_counter()
                due = ended + max(EVERY, (ended - began) / OVERHEAD)
    finally:
        # the end of a stage, Ctrl-C, or an error: what was added is kept
        if done > written:
            _write(file, done, sums)


def _write(file: Path, done: int, sums: Sums) -> None:
    memory = io.BytesIO()
    np.savez(memory, **{DONE: np.array(done)}, **sums.arrays())  # type: ignore[arg-type]
    content = memory.getvalue()
    write_atomic(file, content + hashlib.sha256(content).digest())


def _read(file: Path) -> Arrays | None:
    """Arrays of a stage; None if there are none, or if the file is damaged: the stage is then evaluated again."""
    if not file.exists():
        return None
    size = hashlib.sha256().digest_size
    content = file.read_bytes()
    if hashlib.sha256(content[:-size]).digest() != content[-size:]:
        return None
    with np.load(io.BytesIO(content[:-size]), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
