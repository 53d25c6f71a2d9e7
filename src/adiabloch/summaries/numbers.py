"""Numbers of a result as text, with error bars and units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.customary_units import customary_symbol
from adiabloch.engine.unit_names import with_named_units
from adiabloch.errors import AdiablochError, InvalidArgumentError
from adiabloch.markup import Markup, joined, markup, typeset
from adiabloch.plotting.charts import main_variable, with_error
from adiabloch.summaries.origin import all_entries
from adiabloch.units import RAW_SYMBOLS, factors_of, html_of_unit

if TYPE_CHECKING:
    import xarray

VALUE = re.compile(r"([-\d.][-+.\de]*(?:, [-\d.][-+.\de]*)*) (\S.*)")
"""Numbers with a unit."""
NOISE = 1e-13
"""Size of coordinates, relative to the largest along their axis, that stands for zero."""
ERROR = "error"
"""Variable with the error bars of the main variable."""


@dataclass(frozen=True)
class Heading:
    """Name of a quantity with its unit."""

    name: str
    unit: str = "1"

    def __str__(self) -> str:
        return f"{self.name} ({self.unit})" if self._has_unit else self.name

    @property
    def _has_unit(self) -> bool:
        """True for a unit that says more than the name."""
        return self.unit not in ("1", self.name)

    @property
    def html(self) -> Markup:
        """The name in words, and the unit as in print."""
        name = markup(self.name.replace("_", " "))
        return joined([name, " (", html_of_unit(self.unit), ")"]) if self._has_unit else name


@dataclass(frozen=True, eq=False)
class ResultTable:
    """Numbers of a result as text.

    Attributes
    ----------
    heading : Heading
        Title.
    entries : list of (str, str)
        Attributes in words, and coordinates that are single numbers.
    headings : list of Heading
        Dimensions, and variables that have these dimensions.
    result : xarray.Dataset
    names : list of str
        Variables of the columns, the main one first.
    """

    heading: Heading
    entries: list[tuple[str, str]]
    headings: list[Heading]
    result: xarray.Dataset
    names: list[str]

    @property
    def title(self) -> str:
        """Title with the unit, as text."""
        return str(self.heading)

    @property
    def columns(self) -> list[str]:
        """Heads of the columns with units, as text."""
        return [str(heading) for heading in self.headings]

    def rows(self, limit: int) -> Iterator[list[str]]:
        """Rows of the table, at most `limit`."""
        main = self.result[self.names[0]]
        for number, index in enumerate(np.ndindex(main.shape)):
            if number == limit:
                return
            labels = [self._label(str(dim), n) for dim, n in zip(main.dims, index, strict=True)]
            yield [*labels, *(_number(name, self.result[name].values[index]) for name in self.names)]

    def with_errors(self, limit: int) -> tuple[list[Heading], list[list[str]]]:
        """Columns, and at most so many rows, with the error bar beside the number that it belongs to."""
        main = self.result[self.names[0]].values
        if ERROR not in self.names or not np.isfinite(main).any():
            # without its main variable, a result has the error bar of another one
            return self.headings, list(self.rows(limit))
        error = self.result[ERROR].values
        at = len(self.headings) - len(self.names)
        drop = at + self.names.index(ERROR)
        rows = []
        for number, row in enumerate(self.rows(limit)):
            index = np.unravel_index(number, main.shape)
            if np.isfinite(main[index]):
                row[at] = with_error(float(main[index]), float(error[index]))
            rows.append([cell for column, cell in enumerate(row) if column != drop])
        return [heading for column, heading in enumerate(self.headings) if column != drop], rows

    @property
    def size(self) -> int:
        """Number of rows of the whole table."""
        return int(self.result[self.names[0]].size)

    def _label(self, dim: str, number: int) -> str:
        if dim not in self.result.coords:
            return str(number)
        values = self.result[dim].values
        if values.dtype.kind != "f":
            return str(values[number])
        # rounding errors of a grid that is symmetric about zero
        noise = abs(values[number]) < NOISE * np.abs(values).max()
        return "0" if noise else f"{values[number]:.6g}"


def table_of(result: xarray.Dataset, name: str = "result") -> ResultTable:
    """Table of the main variable of a result, with all variables of the same dimensions.

    Parameters
    ----------
    result : xarray.Dataset
    name : str
        Title of a result that does not name its response.

    Raises
    ------
    InvalidArgumentError
        The result has no numbers.
    """
    result = with_named_units(result)
    main = main_variable(result) or next(
        (str(name) for name, variable in result.data_vars.items() if variable.dtype.kind in "fiu"), None
    )
    if main is None:
        raise InvalidArgumentError(f"{name}: contains no numbers, expected a result")
    dims = result[main].dims
    alike = [str(n) for n, of in result.data_vars.items() if of.dims == dims and n != main and of.dtype.kind in "fiu"]
    names = [main, *sorted(alike, key=lambda name: "error" not in name)]
    units = [str(result[name].attrs.get("units", "1")) for name in names]
    title = Heading(str(result.attrs.get("response", name)).replace("_", " "))
    if len({*units}) == 1:
        title, units = Heading(title.name, units[0]), ["1"] * len(names)
    columns = [*(_with_unit(str(dim), result) for dim in dims), *map(Heading, names, units)]
    return ResultTable(title, all_entries(result), columns, result, names)


def _with_unit(dim: str, result: xarray.Dataset) -> Heading:
    """Name of a dimension with the unit of its coordinate."""
    return Heading(dim, str(result[dim].attrs.get("units", "1")) if dim in result.coords else "1")


def entry_html(text: str) -> Markup:
    """Entry of a table of properties: numbers and their unit as in print."""
    found = VALUE.fullmatch(text)
    if found is None or not is_unit(found[2]):
        return typeset(text)
    return joined([typeset(found[1]), "\u00a0", html_of_unit(found[2])])


def is_unit(label: str) -> bool:
    """True for a product of units."""
    try:
        return all(name in ("rad", *RAW_SYMBOLS) or customary_symbol(name) for name in factors_of(label))
    except AdiablochError:
        return False


def _number(name: str, value: Any) -> str:
    return f"{value:.1e}" if "error" in name else f"{value:.7g}"
