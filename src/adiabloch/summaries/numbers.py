"""Numbers of a result as text, with error bars and units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.engine.unit_names import with_named_units
from adiabloch.errors import InvalidArgumentError
from adiabloch.plotting.charts import main_variable, with_error
from adiabloch.summaries.origin import all_entries

if TYPE_CHECKING:
    import xarray

ERROR = "error"
"""Variable with the error bars of the main variable."""


@dataclass(frozen=True, eq=False)
class ResultTable:
    """Numbers of a result as text.

    Attributes
    ----------
    title : str
    entries : list of (str, str)
        Attributes in words, and coordinates that are single numbers.
    columns : list of str
        Dimensions, and variables that have these dimensions, with units.
    result : xarray.Dataset
    names : list of str
        Variables of the columns, the main one first.
    """

    title: str
    entries: list[tuple[str, str]]
    columns: list[str]
    result: xarray.Dataset
    names: list[str]

    def rows(self, limit: int) -> Iterator[list[str]]:
        """Rows of the table, at most `limit`."""
        main = self.result[self.names[0]]
        for number, index in enumerate(np.ndindex(main.shape)):
            if number == limit:
                return
            labels = [self._label(str(dim), n) for dim, n in zip(main.dims, index, strict=True)]
            yield [*labels, *(_number(name, self.result[name].values[index]) for name in self.names)]

    def with_errors(self, limit: int) -> tuple[list[str], list[list[str]]]:
        """Columns, and at most so many rows, with the error bar beside the number that it belongs to."""
        main = self.result[self.names[0]].values
        if ERROR not in self.names or not np.isfinite(main).any():
            # without its main variable, a result has the error bar of another one
            return self.columns, list(self.rows(limit))
        error = self.result[ERROR].values
        at = self.columns.index(self.columns[len(self.columns) - len(self.names)])
        drop = at + self.names.index(ERROR)
        rows = []
        for number, row in enumerate(self.rows(limit)):
            index = np.unravel_index(number, main.shape)
            if np.isfinite(main[index]):
                row[at] = with_error(float(main[index]), float(error[index]))
            rows.append([cell for column, cell in enumerate(row) if column != drop])
        return [name for column, name in enumerate(self.columns) if column != drop], rows

    @property
    def size(self) -> int:
        """Number of rows of the whole table."""
        return int(self.result[self.names[0]].size)

    def _label(self, dim: str, number: int) -> str:
        if dim not in self.result.coords:
            return str(number)
        value = self.result[dim].values[number]
        return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


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
    title = str(result.attrs.get("response", name)).replace("_", " ")
    if len({*units}) == 1:
        title, units = f"{title} ({units[0]})" if units[0] != "1" else title, ["1"] * len(names)
    labels = [_with_unit(str(dim), result) for dim in dims]
    columns = [*labels, *(n if u == "1" else f"{n} ({u})" for n, u in zip(names, units, strict=True))]
    return ResultTable(title, all_entries(result), columns, result, names)


def _with_unit(dim: str, result: xarray.Dataset) -> str:
    """Name of a dimension with the unit of its coordinate."""
    unit = str(result[dim].attrs.get("units", "1")) if dim in result.coords else "1"
    return dim if unit == "1" else f"{dim} ({unit})"


def _number(name: str, value: Any) -> str:
    return f"{value:.1e}" if "error" in name else f"{value:.7g}"
