"""Results, models and cycles on disk, as NetCDF: whole or not at all.

A file is made in memory and then written, as the HDF5 library may take the whole process down where a disk is full. Its
last bytes are a checksum, so that damage is told before that library meets it: in a damaged file it may run for ever.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import (
    AdiablochError,
    FileFormatError,
    InvalidArgumentError,
    InvalidModelError,
    MissingExtraError,
)
from adiabloch.files import checked_path, write_whole
from adiabloch.io.hdf5 import check_hdf5
from adiabloch.io.opening import open_regular
from adiabloch.lattice import Lattice
from adiabloch.models import Cycle, TightBinding, WannierModel
from adiabloch.models.hoppings import Translation, fingerprint

if TYPE_CHECKING:
    import xarray

KIND = "adiabloch cycle"
MODEL = "adiabloch model"
CHECKSUM = b"adiabloch sha256"
"""What a checksum of all bytes before it begins with, at the end of a file; programs that read NetCDF ignore both."""
COMPRESSION = {"zlib": True, "complevel": 4}
"""Of what is large in a cycle. Without shuffling the bytes: zeros repeat themselves whole."""
BROKEN = (AdiablochError, AttributeError, KeyError, IndexError, ValueError, TypeError)
"""What variables that do not make a model raise."""
LARGE = 1000
"""Numbers from which on this saves more than its bookkeeping takes."""


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
    return write_whole(path, _content(result.assign_attrs(plain)))


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
    check_hdf5(path, intact=_check_sum(path))
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


def save_model(model: TightBinding, path: str | os.PathLike[str], *, resolution: float | None = None) -> Path:
    """Write a model to a NetCDF file: hoppings, positions, position matrix and spin.

    Parameters
    ----------
    model : TightBinding
        A WannierModel too.
    path : path-like
    resolution : float, optional
        As for `save_cycle`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        If it is no model.
    FileWriteError
        As for `save`.

    Examples
    --------
    >>> import adiabloch as ab
    >>> path = ab.io.save_model(ab.models.haldane(0.2, 0.1, 1.3), "haldane.nc")  # doctest: +SKIP
    >>> ab.io.load_model(path)  # doctest: +SKIP
    TightBinding(2D, 2 orbitals, 7 translations)
    """
    if not isinstance(model, TightBinding):
        other = "; use save_cycle" if isinstance(model, Cycle) else ""
        raise InvalidArgumentError(f"save_model: expected a model (TightBinding), got {type(model).__name__}{other}")
    checked_path(path)
    attributes = {"kind": MODEL, "model": model.digest}
    by_cell = isinstance(model.spin, Mapping)
    return _written(_variables([model], by_cell, _unit(resolution)), attributes, path)


def load_model(path: str | os.PathLike[str]) -> TightBinding:
    """Read a model written by `save_model`.

    Returns
    -------
    TightBinding or WannierModel
        The latter if it has a position matrix.

    Raises
    ------
    FileFormatError
        If the file is not such a model, was changed since it was written, or what it holds is not a valid one; the
        message names file and variable.
    """
    models, stored = _snapshots(path, MODEL, "model", "load_cycle")
    if len(models) != 1:
        raise FileFormatError(f"{path}: {len(models)} models, expected one")
    _check_contents(path, stored, models[0].digest, "save_model")
    return models[0]


def save_cycle(cycle: Cycle, path: str | os.PathLike[str], *, resolution: float | None = None) -> Path:
    """Write a cycle to a NetCDF file.

    Parameters
    ----------
    cycle : Cycle
    path : path-like
    resolution : float, optional
        Round matrix elements (energies, positions, spin, motion, each in its unit) to multiples of the power of two
        below this, which makes the file smaller; by default all is kept, bit by bit.

    Returns
    -------
    pathlib.Path
    """
    if not isinstance(cycle, Cycle):
        other = "; use save_model" if isinstance(cycle, TightBinding) else ""
        raise InvalidArgumentError(f"save_cycle: expected a Cycle, got {type(cycle).__name__}{other}")
    checked_path(path)
    unit = _unit(resolution)
    variables = _variables(cycle.snapshots, cycle.spins is not None, unit)
    if cycle.snapshot_motion is not None:
        cells, motion = _stacked(cycle.snapshot_motion)
        variables["motion_translations"] = (("R_motion", "axis"), cells)
        variables["motion"] = (("snapshot", "R_motion", "orbital", "to", "part"), _in_parts(motion, unit))
    return _written(variables, {"kind": KIND, "model": cycle.digest}, path)


def load_cycle(path: str | os.PathLike[str]) -> Cycle:
    """Read a cycle written by `save_cycle`.

    Raises
    ------
    FileFormatError
        If the file is not such a cycle, was changed since it was written, or what it holds is not a valid one; the
        message names file and variable.
    """
    snapshots, stored = _snapshots(path, KIND, "cycle", "load_model")
    try:
        motion = _by_cell(stored, "motion", "motion_translations") if "motion" in stored else None
        cycle = Cycle(snapshots, motion=motion)
    except BROKEN as reason:
        raise FileFormatError(f"{path}: {reason}") from None
    _check_contents(path, stored, cycle.digest, "save_cycle")
    return cycle


def _unit(resolution: float | None) -> float | None:
    """What numbers are rounded to multiples of."""
    if resolution is None:
        return None
    if not (isinstance(resolution, Real) and 0 < resolution < 1):
        raise InvalidArgumentError(f"resolution: {resolution!r}, expected a number between 0 and 1")
    return float(2.0 ** np.floor(np.log2(resolution)))


def _variables(snapshots: Sequence[TightBinding], spin_by_cell: bool, unit: float | None) -> dict[str, Any]:
    """What a model or the snapshots of a cycle are made of."""
    cells, hoppings = _stacked([model.hoppings for model in snapshots])
    variables: dict[str, Any] = {
        "lattice_vectors": (("vector", "axis"), snapshots[0].lattice.vectors),
        "translations": (("R", "axis"), cells),
        "positions": (("snapshot", "orbital", "axis"), np.array([model.positions for model in snapshots])),
        "hoppings": (("snapshot", "R", "orbital", "to", "part"), _in_parts(hoppings, unit)),
    }
    matrices = [model.position_matrix for model in snapshots if isinstance(model, WannierModel)]
    if matrices:
        _, places = _stacked(matrices)
        dims = ("snapshot", "R", "orbital", "to", "axis", "part")
        variables["position_matrix"] = (dims, _in_parts(places, unit))
    spin = snapshots[0].spin
    if spin_by_cell:
        cells, spins = _stacked([model.spin_by_cell for model in snapshots], axis=1)
        dims = ("snapshot", "R_spin", "direction", "orbital", "to", "part")
        variables["spin_translations"] = (("R_spin", "axis"), cells)
        variables["spin_by_cell"] = (dims, _in_parts(spins, unit))
    elif isinstance(spin, np.ndarray):
        variables["spin"] = (("direction", "orbital", "to", "part"), _in_parts(spin, unit))
    return variables


def _written(variables: Mapping[str, Any], attributes: Mapping[str, str], path: str | os.PathLike[str]) -> Path:
    import xarray

    stored = xarray.Dataset(variables, attrs=attributes)
    stored.attrs["contents"] = _fingerprint_of(stored)
    large = [str(key) for key, variable in stored.variables.items() if variable.size >= LARGE]
    return write_whole(path, _content(stored, dict.fromkeys(large, COMPRESSION)))


def _snapshots(
    path: str | os.PathLike[str], kind: str, what: str, other: str
) -> tuple[list[TightBinding], xarray.Dataset]:
    """The models in a file of a kind, and all that is stored there."""
    stored = load(path)
    found = stored.attrs.get("kind")
    if found != kind:
        hint = f"; use {other}" if found in (KIND, MODEL) else ""
        raise FileFormatError(f"{path}: not a {what} (its kind is {found!r}, expected {kind!r}){hint}")
    missing = {"lattice_vectors", "translations", "positions", "hoppings"} - set(stored.variables)
    if missing:
        raise FileFormatError(f"{path}: lacks {', '.join(sorted(missing))}")
    for name, variable in stored.variables.items():
        scaled = {"scale_factor", "add_offset"} & {*variable.encoding, *variable.attrs}
        if scaled:
            raise FileFormatError(
                f"{path}: {name} has a {' and an '.join(sorted(scaled))}, expected numbers as they are"
            )
    try:
        lattice = Lattice(stored.lattice_vectors.values)
        count = len(stored.positions)
        spins: Sequence[Any] = [None] * count
        if "spin" in stored:
            spins = [_from_parts(stored.spin)] * count
        elif "spin_by_cell" in stored:
            spins = _by_cell(stored, "spin_by_cell", "spin_translations")
        hoppings = _by_cell(stored, "hoppings", "translations")
        each = list(zip(stored.positions.values, hoppings, spins, strict=True))
        if "position_matrix" not in stored:
            return [TightBinding(lattice, at, h, spin, reduced=False) for at, h, spin in each], stored
        places = _by_cell(stored, "position_matrix", "translations")
        return [WannierModel(lattice, at, h, r, spin) for (at, h, spin), r in zip(each, places, strict=True)], stored
    except BROKEN as reason:
        raise FileFormatError(f"{path}: {reason}") from None


def _check_contents(path: str | os.PathLike[str], stored: xarray.Dataset, digest: str, writer: str) -> None:
    """Refuse a file whose numbers are others than those it was written with, by whatever program they were changed."""
    # models are fingerprinted before their numbers are rounded to a resolution
    stated, found = stored.attrs.get("contents"), _fingerprint_of(stored)
    if stated is None:
        stated, found = stored.attrs.get("model"), digest
    if stated != found:
        raise FileFormatError(
            f"{path}: its numbers have the fingerprint {found}, expected {stated} as the file says of itself: changed "
            f"since {writer} wrote it"
        )


def _stacked(each: Sequence[Mapping[Translation, Complex]], axis: int = 0) -> tuple[Integer, Complex]:
    """Matrices by translation on all translations that occur, (R, d) and (snapshots, R, ...), rows along `axis`.

    Of R and -R one is left out if it is the adjoint of the other: it is filled in when it is read.
    """
    zero = np.zeros_like(next(iter(each[0].values())))

    def adjoint(R: Translation, blocks: Mapping[Translation, Complex]) -> bool:
        opposite = blocks.get(tuple(-x for x in R), zero)
        return np.array_equal(blocks.get(R, zero), opposite.conj().swapaxes(axis, axis + 1))

    everywhere = {R for blocks in each for R in blocks}
    cells = sorted(R for R in everywhere if tuple(-x for x in R) <= R or not all(adjoint(R, blocks) for blocks in each))
    return np.array(cells), np.array([[blocks.get(R, zero) for R in cells] for blocks in each])


def _by_cell(stored: xarray.Dataset, name: str, cells: str) -> list[dict[Translation, Complex]]:
    translations = stored[cells].values
    if translations.dtype.kind not in "iu":
        raise InvalidModelError(f"{cells}: numbers of type {translations.dtype}, expected integers")
    keys = [tuple(map(int, R)) for R in translations]
    return [dict(zip(keys, matrices, strict=True)) for matrices in _from_parts(stored[name])]


def _fingerprint_of(stored: xarray.Dataset) -> str:
    """Of all numbers of a file and what they are called, and of what it says that they are."""
    said = [
        np.frombuffer(str(stored.attrs.get(name)).encode(), np.uint8).astype(np.int64) for name in ("kind", "model")
    ]
    for name in sorted(map(str, stored.variables)):
        variable = stored.variables[name]
        said.append(np.frombuffer(f"{name} {variable.dims}".encode(), np.uint8).astype(np.int64))
        said.append(variable.values)
    return fingerprint(*said)


def _in_parts(array: Complex, unit: float | None) -> Float:
    parts = np.stack([array.real, array.imag], axis=-1)
    return parts if unit is None else np.rint(parts / unit) * unit


def _from_parts(stored: xarray.DataArray) -> Complex:
    if stored.dims[-1:] != ("part",) or stored.shape[-1] != 2 or stored.dtype != np.float64:
        raise InvalidModelError(
            f"{stored.name}: numbers of type {stored.dtype} over {', '.join(map(str, stored.dims))}, the last of "
            f"length {stored.shape[-1] if stored.shape else 0}; expected float64, real and imaginary parts over part"
        )
    # bit by bit, the signs of zeros with it
    return np.ascontiguousarray(stored.values, dtype=np.float64).view(np.complex128)[..., 0]


def _content(dataset: xarray.Dataset, encoding: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a NetCDF file, the checksum at the end."""
    options = dict(encoding or {})
    try:
        content = _in_memory(dataset, options)
    except (TypeError, ValueError, NotImplementedError, AttributeError) as reason:
        raise InvalidArgumentError(
            f"save: NetCDF cannot hold this Dataset ({_short(reason)}); expected a result as it came, or one with "
            "numbers, words and lists of these"
        ) from None
    return content + CHECKSUM + hashlib.sha256(content).digest()


def _in_memory(dataset: xarray.Dataset, encoding: dict[str, Any]) -> bytes:
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


def _check_sum(path: str | os.PathLike[str]) -> bool:
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
