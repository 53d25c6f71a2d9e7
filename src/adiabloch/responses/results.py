"""Labelled results."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adiabloch.arrays import Float
from adiabloch.units import si_label, si_size
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


def in_si(
    result: xarray.Dataset, *, energy: float = 1.0, length: float = 1.0, frequency: float | None = None
) -> xarray.Dataset:
    """A result in SI units.

    Parameters
    ----------
    result : xarray.Dataset
        Of any response of this library.
    energy : float
        Energy unit of the model in eV.
    length : float
        Length unit of the model in Angstrom.
    frequency : float, optional
        Angular frequency of the cycle in rad/s, for what a cycle pumps.

    Returns
    -------
    xarray.Dataset
        The same numbers times their units; those of coordinates too.

    Raises
    ------
    InvalidArgumentError
        A variable whose unit is not known here, or pumped by a cycle whose frequency is not given.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(delta=0.5, t2=0.2, phi=1.1)
    >>> hall = ab.anomalous_hall(model, chemical_potential=0.0)
    >>> quantum = ab.in_si(hall, energy=2.7).total.sel(component="z")
    >>> f"{float(quantum):.4e} {quantum.attrs['units']}"  # e^2/h
    '3.8740e-05 S'
    """
    converted = result.copy()
    for name in result.variables:
        label = result[name].attrs.get("units")
        if label is None or label == "1":
            continue
        size = si_size(label, energy=energy, length=length, frequency=frequency)
        variable = result[name] * size
        attributes = {**result[name].attrs, "units": si_label(label)}
        if name in result.coords:
            converted = converted.assign_coords({name: (result[name].dims, variable.values, attributes)})
        else:
            converted[name] = variable.assign_attrs(attributes)
    return converted
