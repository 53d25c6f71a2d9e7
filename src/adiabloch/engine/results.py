"""Labelled datasets of results."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.units import Unit
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

Variable = tuple[Sequence[str], Float, Unit | str, str]
"""Variable of a result: dimensions, values, unit, long name."""


def labelled(variables: Mapping[str, Variable], coordinates: Mapping[str, Any], **provenance: object) -> xarray.Dataset:
    """Dataset whose variables have units and whose attributes document the calculation.

    Parameters
    ----------
    variables : mapping {name: (dimensions, values, unit, long name)}
    coordinates : mapping
    **provenance
        Attributes: strings, numbers, lists of them (types of NetCDF).
    """
    import xarray  # slow to import

    return xarray.Dataset(
        {
            name: plain_variable(dimensions, values, {"units": str(units), "long_name": long_name})
            for name, (dimensions, values, units, long_name) in variables.items()
        },
        coords=_with_indexes(coordinates),
        attrs={**provenance, "adiabloch": __version__, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
    )


def plain_variable(dimensions: Sequence[Hashable], values: ArrayLike, attributes: Mapping[Any, Any]) -> xarray.Variable:
    """Variable of a dataset with the values of a NumPy array.

    From anything else than a variable, xarray would make one only after importing all array libraries that are
    installed, to compare types. Dask and pint take longer than many calculations.
    """
    import xarray

    return xarray.Variable(tuple(dimensions), np.asarray(values), dict(attributes), fastpath=True)


def _with_indexes(coordinates: Mapping[str, Any]) -> xarray.Coordinates:
    """Coordinates by name, given as labels or as (dimensions, values, attributes), with the indexes of dimensions."""
    import pandas as pd
    import xarray
    from xarray.indexes import PandasIndex

    variables: dict[Any, Any] = {}
    indexes: dict[Any, xarray.Index] = {}
    for name, given in coordinates.items():
        dimensions, values, *attributes = given if isinstance(given, tuple) else ((name,), given)
        one = plain_variable([dimensions] if isinstance(dimensions, str) else dimensions, values, *(attributes or [{}]))
        if one.dims == (name,) and one.dtype.kind in "iufU":
            index = PandasIndex(pd.Index(one.values), name, coord_dtype=one.dtype)
            one, indexes[name] = index.create_variables({name: one})[name], index
        variables[name] = one
    return xarray.Coordinates(variables, indexes=indexes)
