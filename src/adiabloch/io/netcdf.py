"""Results, models and cycles on disk, as NetCDF: whole or not at all.

A file is made in memory and then written, as the HDF5 library may take the whole process down where a disk is full. Its
last bytes are a checksum, so that damage is told before that library meets it: in a damaged file it may run for ever.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adiabloch.errors import (
    FileFormatError,
    InvalidArgumentError,
    MissingExtraError,
)
from adiabloch.files import checked_path, write_atomic
from adiabloch.io.hdf5 import check_hdf5
from adiabloch.io.safe_open import open_regular

if TYPE_CHECKING:
    import xarray

CHECKSUM = b"adiabloch sha256"
"""What a checksum of all bytes before it begins with, at the end of a file; programs that read NetCDF ignore both."""


def save(result: xarray.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a result to a NetCDF file.

    The file appears whole or not at all: it is written beside its place and then moved there. A checksum at its end
    tells `load` of any damage.

    Parameters
    ----------
    result : xarray.Dataset
    path : path-like
        A symbolic link is followed; an existing file keeps its permissions.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        If it is no Dataset, or holds what NetCDF cannot; if the path is none.
    FileWriteError
        If the file cannot be written: a folder, a read-only file, a full disk.
    """
    import xarray

    if not isinstance(result, xarray.Dataset):
        help_ = {"TightBinding": "save_model", "WannierModel": "save_model", "Cycle": "save_cycle"}
        other = help_.get(type(result).__name__)
        raise InvalidArgumentError(
            f"save: expected a result (an xarray.Dataset), got {type(result).__name__}"
            + (f"; use adiabloch.io.{other}" if other else "")
        )
    checked_path(path)
    # NetCDF has no truth values
    plain = {key: int(value) if isinstance(value, bool | np.bool_) else value for key, value in result.attrs.items()}
    return write_atomic(path, netcdf_bytes(result.assign_attrs(plain)))


def load(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Read a result back.

    Nothing but the file itself is read: links to other files are refused, as are arrays that claim more than is there.

    Raises
    ------
    FileFormatError
        If there is no such file, it is not NetCDF, or it is damaged.
    """
    import xarray

    engine = _engine()
    if not checked_path(path).exists():
        raise FileFormatError(f"{path}: no such file")
    check_hdf5(path, intact=_verify_checksum(path))
    try:
        with xarray.open_dataset(path, engine=engine) as stored:
            result = stored.load()
    except Exception as reason:  # attributes may say anything: scale factors that are words, dates that are none
        raise FileFormatError(
            f"{path}: expected a NetCDF file written by adiabloch ({type(reason).__name__}: {_short(reason)})"
        ) from None
    if isinstance(reached := result.attrs.get("converged"), int | np.integer):
        result.attrs["converged"] = bool(reached)
    return result


def netcdf_bytes(dataset: xarray.Dataset, encoding: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a NetCDF file, the checksum at the end."""
    options = dict(encoding or {})
    try:
        content = _written_in_memory(dataset, options)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as reason:
        raise InvalidArgumentError(
            f"save: NetCDF cannot hold this Dataset ({_short(reason)}); expected a result as it came, or one with "
            "numbers, words and lists of these"
        ) from None
    return content + CHECKSUM + hashlib.sha256(content).digest()


def _written_in_memory(dataset: xarray.Dataset, encoding: dict[str, Any]) -> bytes:
    engine, memory = _engine(), io.BytesIO()
    try:
        dataset.to_netcdf(memory, engine=engine, encoding=encoding)
        return memory.getvalue()
    except ValueError:  # xarray before 2025.9 does so for its stores only
        import h5netcdf
        from xarray.backends import H5NetCDFStore

        memory = io.BytesIO()
        with h5netcdf.File(memory, "w") as file:
            dataset.dump_to_store(H5NetCDFStore(file), encoding=encoding)
        return memory.getvalue()


def _verify_checksum(path: str | os.PathLike[str]) -> bool:
    """Refuse a file whose checksum does not fit; whether it has one, others were written by another program."""
    with open_regular(path) as file:
        end = hashlib.sha256().digest_size
        size = file.seek(0, os.SEEK_END) - end - len(CHECKSUM)
        if size < 0:
            return False
        file.seek(size)
        tail = file.read(len(CHECKSUM) + end)
        if not tail.startswith(CHECKSUM):
            # what is left of one in a file that was cut
            if CHECKSUM in tail or any(tail.endswith(CHECKSUM[:length]) for length in range(4, len(CHECKSUM))):
                raise FileFormatError(f"{path}: damaged, it was cut; expected the bytes that were written")
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
    try:
        import h5netcdf  # noqa: F401
    except ImportError:
        raise MissingExtraError("NetCDF files need h5netcdf: pip install 'adiabloch[netcdf]'") from None
    return "h5netcdf"


def _short(reason: BaseException) -> str:
    return str(reason).splitlines()[0][:200] if str(reason) else type(reason).__name__
