"""Snapshots of a crystal as variables of NetCDF files, with a fingerprint of their numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Complex, Float, Integer
from adiabloch.errors import AdiablochError, FileFormatError, InvalidArgumentError, InvalidModelError
from adiabloch.files import write_atomic
from adiabloch.io.netcdf import load, netcdf_bytes
from adiabloch.lattice import Lattice
from adiabloch.models import OutsideStates, TightBinding
from adiabloch.models.hoppings import Translation, fingerprint

if TYPE_CHECKING:
    import xarray

CYCLE = "adiabloch cycle"
MODEL = "adiabloch model"
DEFORMATION = "adiabloch deformation"
READERS = {CYCLE: "load_cycle", MODEL: "load_model", DEFORMATION: "load_deformation"}
COMPRESSION = {"zlib": True, "complevel": 4}
"""Compression of large arrays, without shuffling of bytes, because the arrays contain many zeros."""
MODEL_ERRORS = (AdiablochError, AttributeError, KeyError, IndexError, ValueError, TypeError)
"""Exceptions raised by variables that do not define a valid model."""
COMPRESSED_SIZE = 1000
"""Number of elements from which on compression is worthwhile."""


def rounding_unit(resolution: float | None) -> float | None:
    """Largest power of two not above the resolution; None without rounding."""
    if resolution is None:
        return None
    if not (isinstance(resolution, Real) and 0 < resolution < 1):
        raise InvalidArgumentError(f"resolution: {resolution!r}, expected a number between 0 and 1")
    return float(2.0 ** np.floor(np.log2(resolution)))


def snapshot_variables(snapshots: Sequence[TightBinding], spin_by_cell: bool, unit: float | None) -> dict[str, Any]:
    """NetCDF variables of a model or of the snapshots of a cycle."""
    cells, hoppings = stack_by_translation([model.hoppings for model in snapshots])
    variables: dict[str, Any] = {
        "lattice_vectors": (("vector", "axis"), snapshots[0].lattice.vectors),
        "translations": (("R", "axis"), cells),
        "positions": (("snapshot", "orbital", "axis"), np.array([model.positions for model in snapshots])),
        "hoppings": (("snapshot", "R", "orbital", "to", "part"), real_and_imaginary(hoppings, unit)),
    }
    if not snapshots[0].lattice.periodic:
        variables["periodic"] = ((), np.int8(0))
    if snapshots[0].lattice.ev_angstrom:
        variables["ev_angstrom"] = ((), np.int8(1))
    matrices = [model.position_matrix for model in snapshots if model.position_matrix is not None]
    if matrices:
        _, position_matrices = stack_by_translation(matrices)
        dims = ("snapshot", "R", "orbital", "to", "axis", "part")
        variables["position_matrix"] = (dims, real_and_imaginary(position_matrices, unit))
    outside = snapshots[0].outside
    if outside is not None and len(snapshots) == 1:
        # both R and -R, since the coupling is not Hermitian
        variables["outside_translations"] = (("R_outside", "axis"), np.array([*outside.coupling]))
        for name, X in (("outside_coupling", outside.coupling), ("outside_moment", outside.moment)):
            dims = ("snapshot", "R_outside", "orbital", "to", f"{name}_axis", "part")
            variables[name] = (dims, real_and_imaginary(np.array([[*X.values()]]), unit))
    spin = snapshots[0].spin
    if spin_by_cell:
        cells, spins = stack_by_translation([model.spin_by_cell for model in snapshots], axis=1)
        dims = ("snapshot", "R_spin", "direction", "orbital", "to", "part")
        variables["spin_translations"] = (("R_spin", "axis"), cells)
        variables["spin_by_cell"] = (dims, real_and_imaginary(spins, unit))
    elif isinstance(spin, np.ndarray):
        variables["spin"] = (("direction", "orbital", "to", "part"), real_and_imaginary(spin, unit))
    return variables


def write_variables(variables: Mapping[str, Any], attributes: Mapping[str, str], path: str | os.PathLike[str]) -> Path:
    """Write variables and attributes, with a fingerprint of the numbers, to a NetCDF file."""
    import xarray

    stored = xarray.Dataset(variables, attrs=attributes)
    stored.attrs["contents"] = _dataset_fingerprint(stored)
    large = [str(key) for key, variable in stored.variables.items() if variable.size >= COMPRESSED_SIZE]
    return write_atomic(path, netcdf_bytes(stored, dict.fromkeys(large, COMPRESSION)))


def contents_of(stored: xarray.Dataset) -> str:
    """Contents of a file by its attributes, and the function or command that reads it, for messages."""
    kind, response = stored.attrs.get("kind"), stored.attrs.get("response")
    if kind in READERS:
        return f"it contains an {kind}; use {READERS[kind]}"
    if response is not None:
        return f"it contains a result of {response}; use load, or `adiabloch show`"
    return f"its kind is {kind!r}"


def read_snapshots(path: str | os.PathLike[str], kind: str, what: str) -> tuple[list[TightBinding], xarray.Dataset]:
    """Read the models in a file, and all its variables.

    Parameters
    ----------
    path : path-like
        Name of the file.
    kind : str
        Expected kind of the file.
    what : str
        Name of this kind in error messages.
    """
    stored = load(path)
    found = stored.attrs.get("kind")
    if found != kind:
        contents = contents_of(stored)
        raise FileFormatError(f"{path}: not a {what}, expected the kind {kind!r}, but {contents}")
    missing = {"lattice_vectors", "translations", "positions", "hoppings"} - set(stored.variables)
    if missing:
        raise FileFormatError(f"{path}: lacks {', '.join(sorted(missing))}")
    for name, variable in stored.variables.items():
        scaled = {"scale_factor", "add_offset"} & {*variable.encoding, *variable.attrs}
        if scaled:
            raise FileFormatError(f"{path}: {name} has a {' and an '.join(sorted(scaled))}, expected unscaled numbers")
    try:
        periodic = bool(stored.periodic) if "periodic" in stored else True
        in_ev = bool(stored.ev_angstrom) if "ev_angstrom" in stored else False
        lattice = Lattice(stored.lattice_vectors.values, periodic=periodic, ev_angstrom=in_ev)
        count = len(stored.positions)
        spins: Sequence[Any] = [None] * count
        if "spin" in stored:
            spins = [complex_from_parts(stored.spin)] * count
        elif "spin_by_cell" in stored:
            spins = by_translation(stored, "spin_by_cell", "spin_translations")
        hoppings = by_translation(stored, "hoppings", "translations")
        each = list(zip(stored.positions.values, hoppings, spins, strict=True))
        if "position_matrix" not in stored:
            return [TightBinding(lattice, at, h, spin, reduced=False) for at, h, spin in each], stored
        position_matrices = by_translation(stored, "position_matrix", "translations")
        outside: Sequence[OutsideStates | None] = [None] * count
        if "outside_coupling" in stored:
            names = ("outside_coupling", "outside_moment")
            pairs = zip(*(by_translation(stored, name, "outside_translations") for name in names), strict=True)
            outside = [OutsideStates(*pair) for pair in pairs]
        return [
            TightBinding(lattice, at, h, spin, position_matrix=r, reduced=False, outside=beyond)
            for (at, h, spin), r, beyond in zip(each, position_matrices, outside, strict=True)
        ], stored
    except MODEL_ERRORS as reason:
        raise FileFormatError(f"{path}: {reason}") from None


def check_fingerprint(path: str | os.PathLike[str], stored: xarray.Dataset, digest: str, writer: str) -> None:
    """Raise an error if the fingerprint of the numbers differs from that stored in the file."""
    # the fingerprint of a model is calculated before rounding to the resolution, so it is the second choice
    stated, found = stored.attrs.get("contents"), _dataset_fingerprint(stored)
    if stated is None:
        stated, found = stored.attrs.get("model"), digest
    if stated != found:
        raise FileFormatError(
            f"{path}: its numbers have the fingerprint {found}, expected {stated} as stored in the file: changed "
            f"since {writer} wrote it"
        )


def stack_by_translation(each: Sequence[Mapping[Translation, Complex]], axis: int = 0) -> tuple[Integer, Complex]:
    """Stack the matrices of all snapshots on a common list of translations.

    Of each pair R, -R one is left out if its matrix is the adjoint of the other; it is restored on reading.

    Parameters
    ----------
    each : sequence of mapping {R: array}
        Matrices of each snapshot.
    axis : int
        Axis of the rows of the matrices.

    Returns
    -------
    translations : int array, shape (R, d)
    matrices : complex array, shape (snapshots, R, ...)
    """
    zero = np.zeros_like(next(iter(each[0].values())))

    def adjoint(R: Translation, blocks: Mapping[Translation, Complex]) -> bool:
        opposite = blocks.get(tuple(-x for x in R), zero)
        return np.array_equal(blocks.get(R, zero), opposite.conj().swapaxes(axis, axis + 1))

    everywhere = {R for blocks in each for R in blocks}
    cells = sorted(R for R in everywhere if tuple(-x for x in R) <= R or not all(adjoint(R, blocks) for blocks in each))
    return np.array(cells), np.array([[blocks.get(R, zero) for R in cells] for blocks in each])


def by_translation(stored: xarray.Dataset, name: str, cells: str) -> list[dict[Translation, Complex]]:
    """Matrices of each snapshot by translation; `name` and `cells` are the variables of matrices and translations."""
    translations = stored[cells].values
    if translations.dtype.kind not in "iu":
        raise InvalidModelError(f"{cells}: numbers of type {translations.dtype}, expected integers")
    keys = [tuple(map(int, R)) for R in translations]
    return [dict(zip(keys, matrices, strict=True)) for matrices in complex_from_parts(stored[name])]


def _dataset_fingerprint(stored: xarray.Dataset) -> str:
    """Fingerprint of the names, dimensions and numbers of all variables, and of the attributes kind and model."""
    parts = [
        np.frombuffer(str(stored.attrs.get(name)).encode(), np.uint8).astype(np.int64) for name in ("kind", "model")
    ]
    for name in sorted(map(str, stored.variables)):
        variable = stored.variables[name]
        parts.append(np.frombuffer(f"{name} {variable.dims}".encode(), np.uint8).astype(np.int64))
        values = variable.values
        text = values.dtype.kind in "UO"
        parts.append(np.frombuffer("\n".join(map(str, values)).encode(), np.uint8).astype(np.int64) if text else values)
    return fingerprint(*parts)


def real_and_imaginary(array: Complex, unit: float | None) -> Float:
    """Real and imaginary parts along a new last axis, rounded to multiples of `unit`."""
    parts = np.stack([array.real, array.imag], axis=-1)
    return parts if unit is None else np.rint(parts / unit) * unit


def complex_from_parts(stored: xarray.DataArray) -> Complex:
    """Complex numbers from their real and imaginary parts along the last axis."""
    if stored.dims[-1:] != ("part",) or stored.shape[-1] != 2 or stored.dtype != np.float64:
        raise InvalidModelError(
            f"{stored.name}: numbers of type {stored.dtype} over {', '.join(map(str, stored.dims))}, the last of "
            f"length {stored.shape[-1] if stored.shape else 0}; expected float64, real and imaginary parts over part"
        )
    # a view keeps all bits, including the signs of zeros
    return np.ascontiguousarray(stored.values, dtype=np.float64).view(np.complex128)[..., 0]
