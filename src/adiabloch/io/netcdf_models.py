"""Models, cycles and deformations in NetCDF files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.errors import FileFormatError, InvalidArgumentError
from adiabloch.files import checked_path
from adiabloch.io.netcdf_snapshots import (
    CYCLE,
    DEFORMATION,
    MODEL,
    MODEL_ERRORS,
    by_translation,
    check_fingerprint,
    read_snapshots,
    real_and_imaginary,
    rounding_unit,
    snapshot_variables,
    stack_by_translation,
    write_variables,
)
from adiabloch.models import Cycle, Deformation, TightBinding
from adiabloch.names import checked_call

if TYPE_CHECKING:
    import xarray


@checked_call
def save_model(model: TightBinding, path: str | os.PathLike[str], *, resolution: float | None = None) -> Path:
    """Write a model to a NetCDF file: hoppings, positions, position matrix and spin.

    Parameters
    ----------
    model : TightBinding
        Model to write.
    path : path-like
        Name of the file.
    resolution : float, optional
        As for `save_cycle`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The argument is not a model.
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
    return write_variables(snapshot_variables([model], by_cell, rounding_unit(resolution)), attributes, path)


@checked_call
def load_model(path: str | os.PathLike[str]) -> TightBinding:
    """Read a model written by `save_model`.

    Parameters
    ----------
    path : path-like
        Name of the file.

    Returns
    -------
    TightBinding
        With a position matrix if the file contains one.

    Raises
    ------
    FileFormatError
        The file does not contain a model, was changed since it was written, or contains an invalid model; the message
        names file and variable.
    """
    models, stored = read_snapshots(path, MODEL, "model")
    if len(models) != 1:
        raise FileFormatError(f"{path}: {len(models)} models, expected one")
    check_fingerprint(path, stored, models[0].digest, "save_model")
    return models[0]


@checked_call
def save_cycle(cycle: Cycle, path: str | os.PathLike[str], *, resolution: float | None = None) -> Path:
    """Write a cycle to a NetCDF file.

    Parameters
    ----------
    cycle : Cycle
        Cycle to write.
    path : path-like
        Name of the file.
    resolution : float, optional
        Round matrix elements (energies, positions, spin, motion, each in its unit) to multiples of the largest power of
        two not above this value, which makes the file smaller. By default all numbers are stored exactly.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The argument is not a cycle.
    FileWriteError
        As for `save`.
    """
    if not isinstance(cycle, Cycle):
        other = "; use save_model" if isinstance(cycle, TightBinding) else ""
        raise InvalidArgumentError(f"save_cycle: expected a Cycle, got {type(cycle).__name__}{other}")
    checked_path(path)
    unit = rounding_unit(resolution)
    variables = snapshot_variables(cycle.snapshots, cycle.spins is not None, unit)
    if cycle.snapshot_motion is not None:
        cells, motion = stack_by_translation(cycle.snapshot_motion)
        variables["motion_translations"] = (("R_motion", "axis"), cells)
        variables["motion"] = (("snapshot", "R_motion", "orbital", "to", "part"), real_and_imaginary(motion, unit))
    return write_variables(variables, {"kind": CYCLE, "model": cycle.digest}, path)


@checked_call
def load_cycle(path: str | os.PathLike[str]) -> Cycle:
    """Read a cycle written by `save_cycle`.

    Parameters
    ----------
    path : path-like
        Name of the file.

    Returns
    -------
    Cycle

    Raises
    ------
    FileFormatError
        The file does not contain a cycle, was changed since it was written, or contains an invalid cycle; the message
        names file and variable.
    """
    snapshots, stored = read_snapshots(path, CYCLE, "cycle")
    try:
        motion = by_translation(stored, "motion", "motion_translations") if "motion" in stored else None
        cycle = Cycle(snapshots, motion=motion)
    except MODEL_ERRORS as reason:
        raise FileFormatError(f"{path}: {reason}") from None
    check_fingerprint(path, stored, cycle.digest, "save_cycle")
    return cycle


@checked_call
def save_deformation(
    deformation: Deformation, path: str | os.PathLike[str], *, resolution: float | None = None
) -> Path:
    """Write a crystal at rest and with its atoms displaced to a NetCDF file.

    Parameters
    ----------
    deformation : Deformation
        Deformation to write.
    path : path-like
        Name of the file.
    resolution : float, optional
        As for `save_cycle`.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InvalidArgumentError
        The argument is not a deformation.
    FileWriteError
        As for `save`.
    """
    if not isinstance(deformation, Deformation):
        raise InvalidArgumentError(f"save_deformation: expected a Deformation, got {type(deformation).__name__}")
    checked_path(path)
    unit = rounding_unit(resolution)
    crystals = [model for several in deformation.displaced.values() for pair in several for model in pair]
    by_cell = isinstance(deformation.model.spin, Mapping)
    variables = snapshot_variables([deformation.model, *crystals], by_cell, unit)
    variables["displacement"] = (("displacement",), np.array(deformation.names))
    variables["step"] = (("pair",), np.array(deformation.steps))
    if deformation.patterns is not None:
        variables["patterns"] = (
            ("displacement", "atom", "direction_of_atom"),
            np.array([*deformation.patterns.values()]),
        )
    for name, given in (("motion", deformation.motion), ("coarser_motion", deformation.coarser_motion)):
        variables[f"{name}_known"] = ((), np.int64(given is not None))
        if given:
            cells, motion = stack_by_translation([*given.values()])
            keys = [key if isinstance(key, tuple) else (key,) for key in given]
            numbers = [[*map(deformation.names.index, key), *[-1] * (2 - len(key))] for key in keys]
            variables[f"{name}_along"] = ((f"connection_{name}", "one_or_two"), np.array(numbers))
            variables[f"{name}_translations"] = ((f"R_{name}", "axis"), cells)
            dims = (f"connection_{name}", f"R_{name}", "orbital", "to", "part")
            variables[name] = (dims, real_and_imaginary(motion, unit))
    return write_variables(variables, {"kind": DEFORMATION, "model": deformation.digest}, path)


@checked_call
def load_deformation(path: str | os.PathLike[str]) -> Deformation:
    """Read a deformation written by `save_deformation`.

    Parameters
    ----------
    path : path-like
        Name of the file.

    Returns
    -------
    Deformation

    Raises
    ------
    FileFormatError
        The file does not contain a deformation, was changed since it was written, or contains an invalid one; the
        message names file and variable.
    """
    (rest, *crystals), stored = read_snapshots(path, DEFORMATION, "deformation")
    try:
        names = [str(name) for name in stored["displacement"].values]
        steps = stored["step"].values.tolist()
        pairs = list(zip(crystals[::2], crystals[1::2], strict=True))
        if len(pairs) != len(names) * len(steps):
            raise ValueError(f"{len(crystals)} displaced crystals, expected {2 * len(names) * len(steps)}")
        displaced = {name: pairs[i * len(steps) : (i + 1) * len(steps)] for i, name in enumerate(names)}
        motions = {name: _stored_motion(stored, name, names) for name in ("motion", "coarser_motion")}
        patterns = None
        if "patterns" in stored:
            patterns = dict(zip(names, stored["patterns"].values, strict=True))
        deformation = Deformation(rest, displaced, steps, patterns=patterns, **motions)
    except MODEL_ERRORS as reason:
        raise FileFormatError(f"{path}: {reason}") from None
    check_fingerprint(path, stored, deformation.digest, "save_deformation")
    return deformation


def _stored_motion(stored: xarray.Dataset, name: str, names: list[str]) -> dict[Any, Any] | None:
    """Connections of a deformation by displacement or pair of displacements; None if they are not known."""
    if name not in stored:
        return {} if int(stored[f"{name}_known"]) else None
    along = [tuple(names[i] for i in row if i >= 0) for row in stored[f"{name}_along"].values.tolist()]
    blocks = by_translation(stored, name, f"{name}_translations")
    return {key[0] if len(key) == 1 else key: A for key, A in zip(along, blocks, strict=True)}
