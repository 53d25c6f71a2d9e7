"""Labelled results."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adiabloch.arrays import Float
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

Variable = tuple[Sequence[str], Float, str, str]
"""Dimensions, values, units, long name."""


def labelled(variables: Mapping[str, Variable], coordinates: Mapping[str, Any], **facts: object) -> xarray.Dataset:
    """A Dataset whose variables carry units and whose attributes tell how to repeat it.

    Parameters
    ----------
    variables : mapping {name: (dimensions, values, units, long name)}
    coordinates : mapping
    **facts
        Attributes: strings, numbers, lists of them (what NetCDF can hold).
    """
    import xarray  # imported late: it takes longer to import than most integrals take

    return xarray.Dataset(
        {
            name: (tuple(dimensions), values, {"units": units, "long_name": long_name})
            for name, (dimensions, values, units, long_name) in variables.items()
        },
        coords=dict(coordinates),
        attrs={**facts, "adiabloch": __version__, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
    )
