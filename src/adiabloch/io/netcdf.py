"""Results in NetCDF files, written completely or not at all.

A file is built in memory and then written, because the HDF5 library may crash the process if the disk is full. The last
bytes of a file are a checksum, so that damage is detected before the HDF5 library reads the file: it may loop without
end in a damaged file.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adiabloch.errors import FileFormatError, InvalidArgumentError, MissingExtraError, first_line
from adiabloch.files import checked_path, write_atomic
from adiabloch.io.hdf5 import check_hdf5
from adiabloch.io.safe_open import open_regular
from adiabloch.names import checked_call

if TYPE_CHECKING:
    import xarray

CHECKSUM = b"adiabloch sha256"
"""Mark before the checksum at the end of a file; other programs that read NetCDF ignore both."""


@checked_call
def save(result: xarray.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a result to a NetCDF file.

    The file is written completely or not at all. From the checksum at its end `load` detects damage.

    Parameters
    ----------
    result : xarray.Dataset
        Result of a function of adiabloch.
    path : path-like
        Name of the file. A symbolic link is followed; an existing file keeps its permissions.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The result is not a Dataset, contains objects that NetCDF cannot store, or the path is invalid.
    FileWriteError
        The file cannot be written: the path is a folder, the file is read-only, or the disk is full.
    """
    import xarray

    if not isinstance(result, xarray.Dataset):
        help_ = {"TightBinding": "save_model", "Cycle": "save_cycle"}
        other = help_.get(type(result).__name__)
        raise InvalidArgumentError(
            f"save: expected a result (an xarray.Dataset), got {type(result).__name__}"
            + (f"; use adiabloch.io.{other}" if other else "")
        )
    checked_path(path)
    # NetCDF has no booleans
    plain = {key: int(value) if isinstance(value, bool | np.bool_) else value for key, value in result.attrs.items()}
    return write_atomic(path, netcdf_bytes(result.assign_attrs(plain)))


@checked_call
def load(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Read a result from a NetCDF file.

    Links to other files, and arrays that declare more data than are stored, are rejected.

    Parameters
    ----------
    path : path-like
        File written by `save`.

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    FileFormatError
        The file does not exist, is not NetCDF, or is damaged.
    """
    import xarray

    engine = _engine()
    if not checked_path(path).exists():
        raise FileFormatError(f"{path}: no such file")
    check_hdf5(path, intact=_verify_checksum(path))
    try:
        with _without_cluster(), xarray.open_dataset(path, engine=engine) as stored:
            result = stored.load()
    except Exception as reason:  # attributes may be invalid: scale factors that are not numbers, malformed dates
        raise FileFormatError(
            f"{path}: expected a NetCDF file written by adiabloch ({type(reason).__name__}: {first_line(reason)})"
        ) from None
    if isinstance(reached := result.attrs.get("converged"), int | np.integer):
        result.attrs["converged"] = bool(reached)
    return result


def netcdf_bytes(dataset: xarray.Dataset, encoding: Mapping[str, Any] | None = None) -> bytes:
    """Bytes of a NetCDF file, with the checksum at the end."""
    options = dict(encoding or {})
    try:
        content = _bytes_without_checksum(dataset, options)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as reason:
        raise InvalidArgumentError(
            f"save: NetCDF cannot store this Dataset ({first_line(reason)}); expected an unchanged result, or one with "
            "numbers, strings and lists of these"
        ) from None
    return content + CHECKSUM + hashlib.sha256(content).digest()


def _bytes_without_checksum(dataset: xarray.Dataset, encoding: dict[str, Any]) -> bytes:
    """Bytes of a NetCDF file, written in memory."""
    engine, memory = _engine(), io.BytesIO()
    try:
        with _without_cluster():
            dataset.to_netcdf(memory, engine=engine, encoding=encoding)
        return memory.getvalue()
    except ValueError:  # xarray before 2025.9 writes to memory only through its stores
        import h5netcdf
        from xarray.backends import H5NetCDFStore

        memory = io.BytesIO()
        with h5netcdf.File(memory, "w") as file:
            dataset.dump_to_store(H5NetCDFStore(file), encoding=encoding)
        return memory.getvalue()


def _without_cluster() -> AbstractContextManager[object]:
    """Context in which xarray does not use the locks of a Dask cluster, if there is a client of one."""
    if "dask" not in sys.modules:
        return nullcontext()
    settings: AbstractContextManager[object] = sys.modules["dask"].config.set(scheduler="threads")
    return settings


def _verify_checksum(path: str | os.PathLike[str]) -> bool:
    """Raise an error if the checksum does not fit; return True if there is one, False for files of other programs."""
    with open_regular(path) as file:
        end = hashlib.sha256().digest_size
        size = file.seek(0, os.SEEK_END) - end - len(CHECKSUM)
        if size < 0:
            return False
        file.seek(size)
        tail = file.read(len(CHECKSUM) + end)
        if not tail.startswith(CHECKSUM):
            # part of a checksum at the end of a truncated file
            if CHECKSUM in tail or any(tail.endswith(CHECKSUM[:length]) for length in range(4, len(CHECKSUM))):
                raise FileFormatError(f"{path}: damaged, it is truncated; expected the bytes that were written")
            return False
        stated = tail[len(CHECKSUM) :]
        file.seek(0)
        checksum = hashlib.sha256()
        while size > 0:
            part = file.read(min(size, 2**22))
            if not part:
                break
            checksum.update(part)
            size -= len(part)
    if checksum.digest() != stated:
        raise FileFormatError(f"{path}: damaged, its checksum does not fit; expected the bytes that were written")
    return True


def _engine() -> Literal["h5netcdf"]:
    """Name of the NetCDF engine of xarray, after checking that it is installed."""
    try:
        import h5netcdf  # noqa: F401
    except ImportError:
        raise MissingExtraError("NetCDF files need h5netcdf: pip install 'adiabloch[netcdf]'") from None
    return "h5netcdf"
