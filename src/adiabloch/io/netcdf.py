"""Results and cycles on disk, as NetCDF: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, MissingExtraError
from adiabloch.files import whole
from adiabloch.lattice import Lattice
from adiabloch.models import Cycle, TightBinding, WannierModel

if TYPE_CHECKING:
    import xarray

KIND = "adiabloch cycle"


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
    with whole(path) as name:
        result.to_netcdf(name, engine=_engine())
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
            return stored.load()
    except (OSError, ValueError, KeyError, RuntimeError) as reason:
        raise FileFormatError(f"{path}: expected a NetCDF file written by adiabloch ({_short(reason)})") from None


def save_cycle(cycle: Cycle, path: str | os.PathLike[str]) -> Path:
    """Write a cycle to a NetCDF file.

    Parameters
    ----------
    cycle : Cycle
    path : path-like

    Returns
    -------
    pathlib.Path
    """
    import xarray

    if cycle.motion is not None:
        raise InvalidArgumentError(
            "save_cycle: there is no room yet for the motion of Wannier functions; save the cycle without it and give "
            "it again, Cycle(load_cycle(path).snapshots, motion=...)"
        )
    translations = np.unique(np.concatenate([model.translations for model in cycle.snapshots]), axis=0)
    cells = [tuple(map(int, R)) for R in translations]
    n, d = cycle.size, cycle.lattice.dimension
    zero = np.zeros((n, n), dtype=complex)
    hoppings = np.array([[model.hoppings.get(R, zero) for R in cells] for model in cycle.snapshots])
    variables = {
        "lattice_vectors": (("vector", "axis"), cycle.lattice.vectors),
        "translations": (("R", "axis"), translations),
        "positions": (("snapshot", "orbital", "axis"), np.array([model.positions for model in cycle.snapshots])),
        "hoppings": (("snapshot", "R", "orbital", "to", "part"), np.stack([hoppings.real, hoppings.imag], axis=-1)),
    }
    if cycle.basis_turns:
        nowhere = np.zeros((n, n, d), dtype=complex)
        places = np.array(
            [
                [model.position_matrix.get(R, nowhere) for R in cells]
                for model in cycle.snapshots
                if isinstance(model, WannierModel)
            ]
        )
        dims = ("snapshot", "R", "orbital", "to", "axis", "part")
        variables["position_matrix"] = (dims, np.stack([places.real, places.imag], axis=-1))
    spin = cycle.snapshots[0].spin
    if spin is not None:
        variables["spin"] = (("direction", "orbital", "to", "part"), np.stack([spin.real, spin.imag], axis=-1))
    return save(xarray.Dataset(variables, attrs={"kind": KIND, "model": cycle.digest}), path)


def load_cycle(path: str | os.PathLike[str]) -> Cycle:
    """Read a cycle written by `save_cycle`.

    Raises
    ------
    FileFormatError
        If the file is not such a cycle, or what it holds is not a valid one; the message names file and variable.
    """
    stored = load(path)
    if stored.attrs.get("kind") != KIND:
        raise FileFormatError(f"{path}: not a cycle (its kind is {stored.attrs.get('kind')!r}, expected {KIND!r})")
    missing = {"lattice_vectors", "translations", "positions", "hoppings"} - set(stored.variables)
    if missing:
        raise FileFormatError(f"{path}: lacks {', '.join(sorted(missing))}")
    try:
        lattice = Lattice(stored.lattice_vectors.values)
        hoppings = stored.hoppings.values[..., 0] + 1j * stored.hoppings.values[..., 1]
        spin = None if "spin" not in stored else stored.spin.values[..., 0] + 1j * stored.spin.values[..., 1]
        cells = [tuple(map(int, R)) for R in stored.translations.values]
        blocks = [dict(zip(cells, matrices, strict=True)) for matrices in hoppings]
        each = zip(stored.positions.values, blocks, strict=True)
        if "position_matrix" not in stored:
            return Cycle([TightBinding(lattice, positions, h, spin) for positions, h in each])
        places = stored.position_matrix.values[..., 0] + 1j * stored.position_matrix.values[..., 1]
        return Cycle(
            [
                WannierModel(lattice, positions, h, dict(zip(cells, r, strict=True)), spin)
                for (positions, h), r in zip(each, places, strict=True)
            ]
        )
    except (AdiablochError, IndexError, ValueError, TypeError) as reason:
        raise FileFormatError(f"{path}: {reason}") from None


def _engine() -> Literal["h5netcdf"]:
    try:
        import h5netcdf  # noqa: F401
    except ImportError:
        raise MissingExtraError("NetCDF files need h5netcdf: pip install 'adiabloch[netcdf]'") from None
    return "h5netcdf"


def _short(reason: BaseException) -> str:
    return str(reason).splitlines()[0][:200] if str(reason) else type(reason).__name__
