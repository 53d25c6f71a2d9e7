"""Results and cycles on disk, as NetCDF: whole or not at all."""

from __future__ import annotations

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
from adiabloch.files import whole
from adiabloch.lattice import Lattice
from adiabloch.models import Cycle, TightBinding, WannierModel
from adiabloch.models.hoppings import Translation, fingerprint

if TYPE_CHECKING:
    import xarray

KIND = "adiabloch cycle"
COMPRESSION = {"zlib": True, "complevel": 4}
"""Of what is large in a cycle. Without shuffling the bytes: zeros repeat themselves whole."""
LARGE = 1000
"""Numbers from which on this saves more than its bookkeeping takes."""


def save(result: xarray.Dataset, path: str | os.PathLike[str]) -> Path:
    """Write a result to a NetCDF file.

    The file appears whole or not at all: it is written beside its place and then moved there.

    Parameters
    ----------
    result : xarray.Dataset
    path : path-like

    Returns
    -------
    pathlib.Path
    """
    if not hasattr(result, "to_netcdf"):
        raise InvalidArgumentError(f"save: expected a result (an xarray.Dataset), got {type(result).__name__}")
    # NetCDF has no truth values
    plain = {key: int(value) if isinstance(value, bool | np.bool_) else value for key, value in result.attrs.items()}
    with whole(path) as name:
        result.assign_attrs(plain).to_netcdf(name, engine=_engine())
    return Path(path)


def load(path: str | os.PathLike[str]) -> xarray.Dataset:
    """Read a result back.

    Raises
    ------
    FileFormatError
        If there is no such file or it is not NetCDF.
    """
    import xarray

    engine = _engine()
    if not Path(path).is_file():
        raise FileFormatError(f"{path}: no such file")
    try:
        with xarray.open_dataset(path, engine=engine) as stored:
            result = stored.load()
    except (OSError, ValueError, KeyError, RuntimeError) as reason:
        raise FileFormatError(f"{path}: expected a NetCDF file written by adiabloch ({_short(reason)})") from None
    if (reached := result.attrs.get("converged")) is not None:
        result.attrs["converged"] = bool(reached)
    return result


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
    import xarray

    if resolution is not None and not (isinstance(resolution, Real) and 0 < resolution < 1):
        raise InvalidArgumentError(f"resolution: {resolution!r}, expected a number between 0 and 1")
    unit = None if resolution is None else 2.0 ** np.floor(np.log2(resolution))
    snapshots = cycle.snapshots
    cells, hoppings = _stacked([model.hoppings for model in snapshots])
    variables = {
        "lattice_vectors": (("vector", "axis"), cycle.lattice.vectors),
        "translations": (("R", "axis"), cells),
        "positions": (("snapshot", "orbital", "axis"), np.array([model.positions for model in snapshots])),
        "hoppings": (("snapshot", "R", "orbital", "to", "part"), _in_parts(hoppings, unit)),
    }
    if cycle.basis_turns:
        _, places = _stacked([model.position_matrix for model in snapshots if isinstance(model, WannierModel)])
        dims = ("snapshot", "R", "orbital", "to", "axis", "part")
        variables["position_matrix"] = (dims, _in_parts(places, unit))
    if cycle.moves is not None:
        cells, motion = _stacked(cycle.moves)
        variables["motion_translations"] = (("R_motion", "axis"), cells)
        variables["motion"] = (("snapshot", "R_motion", "orbital", "to", "part"), _in_parts(motion, unit))
    spin = snapshots[0].spin
    if cycle.spins is not None:
        cells, spins = _stacked([model.spin_by_cell for model in snapshots], axis=1)
        dims = ("snapshot", "R_spin", "direction", "orbital", "to", "part")
        variables["spin_translations"] = (("R_spin", "axis"), cells)
        variables["spin_by_cell"] = (dims, _in_parts(spins, unit))
    elif isinstance(spin, np.ndarray):
        variables["spin"] = (("direction", "orbital", "to", "part"), _in_parts(spin, unit))
    stored = xarray.Dataset(variables, attrs={"kind": KIND, "model": cycle.digest})
    stored.attrs["contents"] = _fingerprint_of(stored)
    with whole(path) as name:
        large = [key for key, variable in stored.variables.items() if variable.size >= LARGE]
        stored.to_netcdf(name, engine=_engine(), encoding=dict.fromkeys(large, COMPRESSION))
    return Path(path)


def load_cycle(path: str | os.PathLike[str]) -> Cycle:
    """Read a cycle written by `save_cycle`.

    Raises
    ------
    FileFormatError
        If the file is not such a cycle, was changed since it was written, or what it holds is not a valid one; the
        message names file and variable.
    """
    stored = load(path)
    if stored.attrs.get("kind") != KIND:
        raise FileFormatError(f"{path}: not a cycle (its kind is {stored.attrs.get('kind')!r}, expected {KIND!r})")
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
        cycle = _restored(stored)
    except (AdiablochError, AttributeError, KeyError, IndexError, ValueError, TypeError) as reason:
        raise FileFormatError(f"{path}: {reason}") from None
    # the cycle itself is fingerprinted before its numbers are rounded to a resolution
    stated, found = stored.attrs.get("contents"), _fingerprint_of(stored)
    if stated is None:
        stated, found = stored.attrs.get("model"), cycle.digest
    if stated != found:
        raise FileFormatError(
            f"{path}: its numbers have the fingerprint {found}, expected {stated} as the file says of itself: changed "
            "since save_cycle wrote it"
        )
    return cycle


def _restored(stored: xarray.Dataset) -> Cycle:
    """The cycle of a file."""
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
        return Cycle([TightBinding(lattice, positions, h, spin, reduced=False) for positions, h, spin in each])
    places = _by_cell(stored, "position_matrix", "translations")
    return Cycle(
        [WannierModel(lattice, at, h, r, spin) for (at, h, spin), r in zip(each, places, strict=True)],
        motion=_by_cell(stored, "motion", "motion_translations") if "motion" in stored else None,
    )


def _stacked(each: Sequence[Mapping[Translation, Complex]], axis: int = 0) -> tuple[Integer, Complex]:
    """Matrices by translation on all translations that occur, (R, d) and (snapshots, R, ...), rows along `axis`.

    Of R and -R one is left out if it is the adjoint of the other, to the last bit: it is filled in when it is read.
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


def _engine() -> Literal["h5netcdf"]:
    try:
        import h5netcdf  # noqa: F401
    except ImportError:
        raise MissingExtraError("NetCDF files need h5netcdf: pip install 'adiabloch[netcdf]'") from None
    return "h5netcdf"


def _short(reason: BaseException) -> str:
    return str(reason).splitlines()[0][:200] if str(reason) else type(reason).__name__
