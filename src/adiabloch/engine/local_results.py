"""Labelled results of local currents and densities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from adiabloch.arrays import Float
from adiabloch.engine.local_arguments import Sites
from adiabloch.engine.local_integrals import ERROR, LocalRequest
from adiabloch.engine.results import labelled
from adiabloch.units import Unit

if TYPE_CHECKING:
    import xarray


def labelled_terms(
    request: LocalRequest,
    values: Mapping[str, Float],
    sites: Sites,
    dims: Mapping[str, str | None],
    coordinates: Mapping[str, list[str]],
    units: Mapping[str, Unit],
    title: str,
    provenance: Mapping[str, object],
) -> xarray.Dataset:
    """Dataset of all terms, their total and the error bar.

    Parameters
    ----------
    request : LocalRequest
    values : mapping {name: array (positions..., phases..., labels)}
    sites : Sites
    dims : mapping {axis of the terms: dimension of the result or None}
        None for an axis with a single label, which is dropped.
    coordinates : mapping
        Labels along the dimensions.
    units : mapping {name: Unit}
        Units of variables other than that of the drive.
    title : str
    provenance : mapping
    """
    first = next(iter(request.terms.values()))
    variables: dict[str, Any] = {}
    for name, term in {"total": replace(first, description=""), **request.terms}.items():
        kept = [axis for axis in term.axes if dims[axis] is not None]
        shape = (*sites.shape, *(len(request.labels[axis]) for axis in kept))
        # in one dimension there is no magnetization
        if all(request.labels[axis] for axis in term.axes):
            long_name = f"{title}: {term.description}" if term.description else title
            dimensions = [*sites.dims, *(dims[axis] for axis in kept)]
            variables[name] = (dimensions, values[name].reshape(shape), units.get(name, request.unit), long_name)
    error = values[ERROR].reshape(sites.shape)
    variables["error"] = ([*sites.dims], error, request.unit, "error bar of each component")
    return labelled(variables, {**sites.coordinates, **coordinates}, **provenance)
