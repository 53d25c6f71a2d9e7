"""Choice of a band quantity, or of one of its components, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.engine.band_quantities import chosen_quantities
from adiabloch.errors import InvalidArgumentError
from adiabloch.models.crystal import Crystal
from adiabloch.units import Units

if TYPE_CHECKING:
    import xarray

ROUNDING = 1e-10
"""Size, in natural units, below which a quantity that is zero by symmetry consists of rounding errors."""
Choice = str | tuple[str, str | int | Sequence[int]]
"""Name of a quantity; or name and component: ("spin", "z"), ("quantum_metric", "xx"), ("projection", [0, 1])."""


def quantity_name(choice: object, argument: str) -> str:
    """Name of the quantity of a choice; "spin:z" stands for ("spin", "z")."""
    return _split(choice, argument)[0]


def chosen_component(result: xarray.Dataset, crystal: Crystal, choice: object, argument: str) -> xarray.DataArray:
    """Component of a quantity as an array without further axes.

    Without a component, tensors give their trace; vectors and spins z, or their last component; weights of orbitals
    must be chosen. A choice of several orbitals gives the sum of their weights.

    Raises
    ------
    InvalidArgumentError
    """
    name, component = _split(choice, argument)
    values = result[name]
    if name == "energy":
        return values
    quantity = chosen_quantities(crystal, name)[name]
    axes = list(quantity.axes)
    labels = {axis: list(result[axis].values) for axis in axes}
    if axes == ["orbital"]:
        return _sum_of_orbitals(values, component, argument)
    expected = [str(label) for label in labels[axes[0]]]
    if len(axes) == 2:
        if component is None:
            diagonal = [values.sel(dict.fromkeys(axes, label)).values for label in labels[axes[0]]]
            traced = values.isel(dict.fromkeys(axes, 0), drop=True).copy(data=np.sum(diagonal, axis=0))
            return traced.assign_attrs(values.attrs, component="trace")
        letters = [*str(component)]
        if len(letters) != 2 or not {*letters} <= {*expected}:
            pairs = ", ".join(a + b for a in expected for b in expected)
            raise InvalidArgumentError(f"{argument}: component {component!r} of {name}, expected one of {pairs}")
        return values.sel(dict(zip(axes, letters, strict=True)), drop=True).assign_attrs(component=str(component))
    wanted = expected[-1] if component is None else component
    if wanted not in expected:
        raise InvalidArgumentError(
            f"{argument}: component {component!r} of {name}, expected one of {', '.join(expected)}"
        )
    attributes = {"component": str(wanted)} if len(expected) > 1 else {}
    return values.sel({axes[0]: wanted}, drop=True).assign_attrs(attributes)


def without_rounding(values: xarray.DataArray, crystal: Crystal) -> xarray.DataArray:
    """Values of a quantity with zeros in place of rounding errors, if all of them are rounding errors."""
    units = getattr(crystal, "natural_units", Units())
    negligible = ROUNDING * units.size(str(values.attrs["units"]))
    return values if np.abs(values.values).max() > negligible else values.copy(data=np.zeros(values.shape))


def _sum_of_orbitals(values: xarray.DataArray, component: object, argument: str) -> xarray.DataArray:
    size = values.sizes["orbital"]
    expected = f"expected numbers of orbitals, 0 to {size - 1}, as in ('projection', [0, 1])"
    if component is None:
        raise InvalidArgumentError(f"{argument}: 'projection', {expected}")
    try:
        words = component.split(",") if isinstance(component, str) else np.atleast_1d(component)  # type: ignore[call-overload]
        orbitals = [int(word) for word in words]
    except (TypeError, ValueError):
        orbitals = []
    if not orbitals or not all(0 <= orbital < size for orbital in orbitals):
        raise InvalidArgumentError(f"{argument}: orbitals {component!r}, {expected}")
    names = ", ".join(map(str, orbitals))
    total = values.sel(orbital=orbitals).sum("orbital").assign_attrs(values.attrs, component=names)
    return total.assign_attrs(long_name=f"weight of orbital{'s' if len(orbitals) > 1 else ''} {names}")


def _split(choice: object, argument: str) -> tuple[str, object]:
    if isinstance(choice, str):
        name, _, component = choice.partition(":")
        return name, component or None
    if isinstance(choice, Sequence) and len(choice) == 2 and isinstance(choice[0], str):
        return choice[0], choice[1]
    raise InvalidArgumentError(
        f"{argument}: {choice!r}, expected the name of a quantity, or a pair of name and component such as "
        "('spin', 'z')"
    )
