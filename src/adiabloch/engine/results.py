"""Labelled datasets of results."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
            name: (tuple(dimensions), values, {"units": str(units), "long_name": long_name})
            for name, (dimensions, values, units, long_name) in variables.items()
        },
        coords=dict(coordinates),
        attrs={**provenance, "adiabloch": __version__, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
    )
