"""Store of a sweep: a folder that keeps every point from the moment it is done.

The folder contains

- ``sweep.json``: what the store belongs to (`adiabloch.sweeps.identity`), and the grid that was asked for last;
- ``finished-points/NAME.zip``: finished points, in Zarr format. A file is written once, completely or not at all; its
  name is the checksum of its bytes. Processes that write at the same time never change a file of each other;
- Zarr arrays with the result on its grid, for other programs: ``xarray.open_zarr("study.zarr")``. They are written at
  the end of each call and are never read here.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.digests import difference
from adiabloch.errors import (
    AccuracyWarning,
    FileFormatError,
    InvalidArgumentError,
    MissingExtraError,
    StoreMismatchError,
    first_line,
    warn,
)
from adiabloch.files import UNFINISHED, checked_path, locked_folder, make_folder, write_atomic
from adiabloch.io.safe_open import open_regular
from adiabloch.names import checked_call
from adiabloch.sweeps.identity import Identity
from adiabloch.sweeps.plan import Plan
from adiabloch.sweeps.points import Point, check_alike, dataset_of, points_of, table

if TYPE_CHECKING:
    import xarray

DESCRIPTION, POINTS = "sweep.json", "finished-points"
FORMAT = 1
OVERHEAD = 0.05
"""Largest share of the time that is spent on writing points one by one; beyond it, several are written together."""
MANY = 32
"""Number of files of points that are merged into one at the end of a call."""
NAME = 32
"""Number of characters of the checksum in the name of a file."""


class Store:
    """Points of a sweep on disk.

    Parameters
    ----------
    path : path-like
        Folder; it is made if it does not exist.
    identity : mapping, optional
        Identity of the function. None to read a store whatever it belongs to.
    plan : Plan, optional
        Grid that is asked for.

    Raises
    ------
    StoreMismatchError
        The store belongs to another function, model or version, or has other parameters.
    FileFormatError
        The path is a file or another folder, or the description of the store is damaged.
    FileWriteError
        The folder cannot be written.
    MissingExtraError
        Zarr is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Identity | None, plan: Plan | None) -> None:
        _check_zarr()
        self.path = checked_path(path, "store")
        if self.path.exists() and not self.path.is_dir():
            raise FileFormatError(f"{self.path}: is a file, expected the folder of a sweep, or a new name")
        self._contents: dict[Path, list[Point]] = {}
        self._damaged: set[Path] = set()
        self._waiting: list[Point] = []
        self._first: Point | None = None
        self._next_write = 0.0
        if identity is not None and plan is not None:
            self.plan = plan
            self._begin(identity)
        else:
            self.plan = _plan_of(_description(self.path)["plan"])

    def _begin(self, identity: Identity) -> None:
        names = sorted(self.plan.coordinates)
        description = {"format": FORMAT, "parameters": names, "identity": identity, "plan": _plan_text(self.plan)}
        if not (self.path / DESCRIPTION).exists():
            self._check_empty()
            self.check_writable()
            with locked_folder(self.path):  # of two processes that begin at the same time, the first writes it
                if not (self.path / DESCRIPTION).exists():
                    self._check_empty()
                    _write_description(self.path, description)
        stored = _description(self.path)
        if stored["parameters"] != names:
            raise StoreMismatchError(
                f"{self.path}: has the parameters {', '.join(stored['parameters'])}, expected {', '.join(names)}; "
                "choose another store"
            )
        if (differs := difference(stored["identity"], identity)) is not None:
            raise StoreMismatchError(
                f"{self.path}: belongs to another calculation: {differs}; choose another store, or the same function"
            )
        if stored["plan"] != description["plan"]:
            self.check_writable()
            _write_description(self.path, description)

    def _check_empty(self) -> None:
        entries = [*self.path.iterdir()] if self.path.exists() else []
        others = [entry.name for entry in entries if entry.name != POINTS and not UNFINISHED.fullmatch(entry.name)]
        if self._files():
            raise FileFormatError(
                f"{self.path}: damaged, {DESCRIPTION} is missing, so the function of its points is unknown; "
                "restore it, or choose another store"
            )
        if others:
            raise FileFormatError(f"{self.path}: is a folder with other files, expected the folder of a sweep")

    def check_writable(self) -> None:
        """Check that the folder can be written.

        Raises
        ------
        FileWriteError
        """
        make_folder(self.path)
        make_folder(self.path / POINTS)

    def read(self) -> dict[str, Point]:
        """All points by their keys. Damaged files are left out with a warning.

        Raises
        ------
        InvalidArgumentError
            Results of different points have different dimensions.
        """
        points: dict[str, Point] = {}
        for file in self._files():
            for point in self._points(file):
                before = points.get(point.key)
                if before is None or (point.done, point.time) > (before.done, before.time):
                    points[point.key] = point
        for point in points.values():
            self._check(point)
        return points

    def _points(self, file: Path) -> list[Point]:
        """Points of a file, which is read once."""
        if file not in self._contents:
            try:
                self._contents[file] = _read_points(file)
            except FileNotFoundError:
                return []  # merged meanwhile by another process, into a file that is read on the next call
            except FileFormatError as reason:
                self._contents[file] = []
                self._damaged.add(file)
                warn(f"{reason}; its points are computed again", AccuracyWarning)
        return self._contents[file]

    def _check(self, point: Point) -> None:
        if point.done:
            self._first = self._first or point
            check_alike(self._first, point)

    def add(self, point: Point) -> int:
        """Keep a point; return the number of points that were written, including those that waited.

        Raises
        ------
        InvalidArgumentError
            The result has other dimensions than those before.
        FileWriteError
        """
        self._check(point)
        self._waiting.append(point)
        return self.flush() if time.perf_counter() >= self._next_write else 0

    def flush(self) -> int:
        """Write the points that wait; return their number."""
        if not self._waiting:
            return 0
        began, number = time.perf_counter(), len(self._waiting)
        done = [point for point in self._waiting if point.done]
        failed = [point for point in self._waiting if not point.done]
        for points in (done, failed):
            if points:
                self._contents[_write_points(self.path / POINTS, points)] = points
        self._waiting = []
        ended = time.perf_counter()
        self._next_write = ended + (ended - began) / OVERHEAD
        return number

    def finish(self) -> xarray.Dataset | None:
        """Write the points that wait, merge files of few points, and write the result as Zarr arrays.

        The result is returned, with the points of other processes; None if it cannot be arranged on the grid.
        """
        self.flush()
        with locked_folder(self.path):
            files, points = self._files(), self.read()
            if len(files) >= MANY or self._damaged:
                kept = set()
                for alike in ([p for p in points.values() if p.done], [p for p in points.values() if not p.done]):
                    if alike:
                        kept.add(_write_points(self.path / POINTS, alike))
                for file in {*files} - kept:
                    file.unlink(missing_ok=True)
                self._damaged.clear()
            with suppress(InvalidArgumentError):  # names of parameters that the result has: reported by `sweep`
                result = dataset_of(self.plan, points)
                _write_arrays(self.path, result)
                return result
        return None

    def _files(self) -> list[Path]:
        # a file that another process is writing, or was when it was killed, begins with a dot
        return sorted(file for file in (self.path / POINTS).glob("*.zip") if not UNFINISHED.fullmatch(file.name))


def _check_zarr() -> None:
    try:
        import zarr  # noqa: F401
    except ImportError:
        raise MissingExtraError("stores of sweeps need zarr: pip install 'adiabloch[sweep]'") from None


def _plan_text(plan: Plan) -> dict[str, Any]:
    coordinates = {name: [list(dims), values.tolist()] for name, (dims, values) in plan.coordinates.items()}
    return {"dims": list(plan.dims), "shape": list(plan.shape), "coordinates": coordinates}


def _plan_of(text: Mapping[str, Any]) -> Plan:
    coordinates = {name: (tuple(dims), np.asarray(values)) for name, (dims, values) in text["coordinates"].items()}
    return Plan(tuple(text["dims"]), tuple(text["shape"]), coordinates)


def _write_description(folder: Path, description: Mapping[str, Any]) -> None:
    content = json.dumps(description, indent=1)
    checksum = hashlib.sha256(content.encode()).hexdigest()
    write_atomic(folder / DESCRIPTION, f'{content}\n"sha256 {checksum}"\n'.encode())


def _description(folder: Path) -> dict[str, Any]:
    """Description of a store, after a comparison with its checksum."""
    if not folder.is_dir() or not (folder / DESCRIPTION).exists():
        raise FileFormatError(f"{folder}: not the store of a sweep, expected a folder with a file {DESCRIPTION}")
    with open_regular(folder / DESCRIPTION) as file:
        text = file.read().decode(errors="replace")
    content, _, tail = text.rstrip("\n").rpartition("\n")
    if tail != f'"sha256 {hashlib.sha256(content.encode()).hexdigest()}"':
        raise FileFormatError(f"{folder / DESCRIPTION}: damaged, its checksum does not fit; restore it from a backup")
    found: dict[str, Any] = json.loads(content)
    if found.get("format") != FORMAT:
        raise FileFormatError(
            f"{folder / DESCRIPTION}: format {found.get('format')}, expected {FORMAT}; written by a newer adiabloch"
        )
    try:
        _plan_of(found["plan"])
        _ = {**found["identity"]}, [*found["parameters"]]
    except (KeyError, TypeError, ValueError, AttributeError) as reason:
        raise FileFormatError(f"{folder / DESCRIPTION}: not written by adiabloch ({first_line(reason)})") from None
    return found


def _write_points(folder: Path, points: Sequence[Point]) -> Path:
    """Write points to a new file whose name is the checksum of its bytes."""
    content = file_of(points)
    path = folder / f"{hashlib.sha256(content).hexdigest()[:NAME]}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    return path if path.exists() else write_atomic(path, content)


def file_of(points: Sequence[Point]) -> bytes:
    """Points in Zarr format."""
    from zarr.storage import MemoryStore

    entries: dict[str, Any] = {}
    table(points).to_zarr(MemoryStore(store_dict=entries), zarr_format=2, consolidated=True, mode="w-")
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(entries):
            # a fixed date: equal points have equal bytes
            archive.writestr(zipfile.ZipInfo(name), entries[name].to_bytes())
    return memory.getvalue()


def _read_points(file: Path) -> list[Point]:
    """Points of a file, after a comparison with the checksum in its name."""
    import xarray
    from zarr.storage import ZipStore

    if not file.exists():
        raise FileNotFoundError(file)
    with open_regular(file) as opened:
        content = opened.read()
    if hashlib.sha256(content).hexdigest()[:NAME] != file.stem:
        raise FileFormatError(f"{file}: damaged, its checksum does not fit")
    try:
        with ZipStore(file, mode="r") as stored:
            return points_of(xarray.open_zarr(stored, zarr_format=2, consolidated=True, chunks=None))
    except Exception as reason:
        raise FileFormatError(f"{file}: not written by adiabloch ({first_line(reason)})") from None


def _write_arrays(folder: Path, dataset: xarray.Dataset) -> None:
    """Replace the Zarr arrays of the result. The consolidated metadata come last, so that old ones are not read."""
    prepared = folder / f".arrays-{secrets.token_hex(8)}"
    try:
        dataset.to_zarr(prepared, zarr_format=2, consolidated=True, mode="w-")
        (folder / ".zmetadata").unlink(missing_ok=True)
        for old in _arrays(folder):
            shutil.rmtree(old)
        for new in sorted(prepared.iterdir(), key=lambda entry: entry.name == ".zmetadata"):
            new.replace(folder / new.name)
    finally:
        shutil.rmtree(prepared, ignore_errors=True)


def _arrays(folder: Path) -> Iterator[Path]:
    yield from [entry for entry in folder.iterdir() if (entry / ".zarray").exists()]


@checked_call
def load_sweep(store: str | os.PathLike[str]) -> xarray.Dataset:
    """Read the result of a sweep from its store, finished or not.

    Parameters
    ----------
    store : path-like
        Folder that was given to `adiabloch.sweep`. A sweep may be running on it.

    Returns
    -------
    xarray.Dataset
        As `adiabloch.sweep` returns it, on the grid that was asked for last. Points that are not done are NaN; the
        coordinate ``failure`` says "not computed" there.

    Raises
    ------
    FileFormatError
        The folder is not a store, or is damaged.
    MissingExtraError
        Zarr is not installed.
    """
    opened = Store(store, None, None)
    return dataset_of(opened.plan, opened.read())
