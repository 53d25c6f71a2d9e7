"""Accessor of xarray: ``result.adiabloch`` offers what this library can do with a result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray

from adiabloch.engine.customary import in_units
from adiabloch.engine.si import in_si
from adiabloch.markup import Markup, or_text
from adiabloch.names import suggests
from adiabloch.plotting import plot
from adiabloch.summaries.notebook import result_html, result_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from adiabloch.symmetries import SymmetryGroup


@suggests()
@xarray.register_dataset_accessor("adiabloch")  # type: ignore[no-untyped-call]
class ResultAccessor:
    """Picture, units, symmetry and file of a result: ``result.adiabloch.plot()``.

    In a notebook, ``result.adiabloch`` shows the formula, a picture, the numbers with error bars and units, and the
    properties of the calculation; printed, the numbers and the properties of the calculation.
    """

    def __init__(self, result: xarray.Dataset) -> None:
        self._result = result

    def __repr__(self) -> str:
        return result_text(self._result)

    @or_text
    def _repr_html_(self) -> Markup:
        return result_html(self._result)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the result; see `adiabloch.plot`."""
        return plot(self._result, ax)

    def in_si(self, **units: Any) -> xarray.Dataset:
        """Result in SI units; see `adiabloch.in_si`."""
        return in_si(self._result, **units)

    def in_units(self, units: str | Sequence[str], **model: Any) -> xarray.Dataset:
        """Result in units of choice; see `adiabloch.in_units`."""
        return in_units(self._result, units, **model)

    def forbidden(self, group: SymmetryGroup) -> xarray.Dataset:
        """Components that vanish by symmetry, and their values; see `SymmetryGroup.forbidden`."""
        return group.forbidden(self._result)

    def symmetrize(self, group: SymmetryGroup) -> xarray.Dataset:
        """Average of the result over a group; see `SymmetryGroup.symmetrize`."""
        return group.symmetrize(self._result)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result to a NetCDF file; see `adiabloch.io.save`."""
        from adiabloch.io import save

        return save(self._result, path)
