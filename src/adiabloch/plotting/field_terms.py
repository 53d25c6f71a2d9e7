"""Terms of a local current or density that a picture shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.plotting.style import unit_label
from adiabloch.responses.local_current import LOCAL_CURRENT
from adiabloch.responses.local_observable import LOCAL_OBSERVABLE

if TYPE_CHECKING:
    import xarray

EQUILIBRIUM = ("curl_equilibrium", "uniform", "gradient")
"""Terms in equilibrium, which are not part of the response to the drive."""
VISIBLE = 1e-2
"""Smallest value that is visible in a picture, relative to the largest."""


@dataclass(frozen=True)
class FieldTerms:
    """Total, error and terms of the response to the drive, or of the equilibrium where the response vanishes.

    Attributes
    ----------
    total, error : DataArray
    terms : sequence of (str, DataArray)
        Description and values of each term.
    driven : bool
        True for the response to the drive, False for the equilibrium.
    title : str
        Name of the total.
    """

    total: xarray.DataArray
    error: xarray.DataArray
    terms: Sequence[tuple[str, xarray.DataArray]]
    driven: bool
    title: str

    @classmethod
    def of(cls, result: xarray.Dataset) -> FieldTerms:
        """Choose between response and equilibrium, and collect the terms."""
        equilibrium = [name for name in EQUILIBRIUM if name in result]
        driven = bool((np.abs(result.total) > result.error).any())
        if not driven and any(result[name].values.any() for name in equilibrium):
            total = total_of(result, equilibrium)
            title = "current in equilibrium" if equilibrium == ["curl_equilibrium"] else "density in equilibrium"
            terms = [(_description(result[name]), result[name]) for name in equilibrium]
            return cls(total, 0.0 * result.error, terms, False, title)
        names = [name for response in (LOCAL_CURRENT, LOCAL_OBSERVABLE) for name in response.terms_of_total]
        names = [name for name in dict.fromkeys(names) if name in result]
        found = {name: (_description(result[name]), result[name]) for name in names}
        # these two are large and opposite; their sum is the complete rate of the polarization
        if "quadrupole" in found:
            both = result.polarization_rate + found.pop("quadrupole")[1]
            found["polarization_rate"] = ("rate of the polarization", both)
        title = str(result.total.attrs.get("long_name", "total"))
        return cls(result.total, result.error, [*found.values()], True, title)

    @property
    def label_dimension(self) -> str:
        """Dimension of the components of a current or of the observables of a density."""
        return "observable" if "observable" in self.total.dims else "component"

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} ({unit_label(self.total)})"

    def visible(self) -> list[str]:
        """Names of the components or observables that are visible."""
        dim = self.label_dimension
        return [str(name) for name in self.total[dim].values if self.is_visible(self.total.sel({dim: name}))]

    def largest(self) -> str:
        """Name of the largest component or observable."""
        dim = self.label_dimension
        names = self.total[dim].values
        return str(max(names, key=lambda name: float(np.abs(self.total.sel({dim: name})).max())))

    def is_visible(self, values: xarray.DataArray) -> bool:
        """Return True if some value exceeds its error and the smallest visible value."""
        least = VISIBLE * float(np.abs(self.total).max())
        return bool((np.abs(values) > np.maximum(self.error, least)).any())

    def symbol(self, name: str) -> str:
        """Symbol of a component or observable."""
        return f"$j_{name}$" if self.label_dimension == "component" else name


def total_of(result: xarray.Dataset, names: Sequence[str]) -> xarray.DataArray:
    """Sum of some variables, with the attributes of the first."""
    total: xarray.DataArray = result[list(names)].to_array("term").sum("term").assign_attrs(result[names[0]].attrs)
    return total


def _description(term: xarray.DataArray) -> str:
    """Description of a term: the part of its long name after the colon."""
    return str(term.attrs.get("long_name", term.name)).partition(": ")[2] or str(term.name)
