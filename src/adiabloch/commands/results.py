"""The commands `show` and `plot`: a result in a file, or the store of a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.errors import FileFormatError
from adiabloch.files import atomic_write
from adiabloch.io import load
from adiabloch.io.netcdf_snapshots import READERS
from adiabloch.plotting import plot
from adiabloch.plotting.charts import main_variable
from adiabloch.plotting.dispatch import axes_for
from adiabloch.sweeps import load_sweep

if TYPE_CHECKING:
    import xarray

ENDINGS = ("png", "pdf", "svg")
"""Kinds of pictures."""


def read_result(path: Path) -> xarray.Dataset:
    """Result in a NetCDF file, or in the store of a sweep.

    Raises
    ------
    FileFormatError
        The file contains no result.
    """
    if path.is_dir():
        return load_sweep(path)
    result = load(path)
    if (kind := result.attrs.get("kind")) in READERS:
        raise FileFormatError(f"{path}: contains an {kind}, expected a result; `adiabloch inspect` shows it")
    return result


@dataclass(frozen=True, eq=False)
class ResultTable:
    """Numbers of a result as text.

    Attributes
    ----------
    title : str
    facts : list of (str, str)
        Attributes, and coordinates that are single numbers.
    columns : list of str
        Dimensions, and variables that have these dimensions, with units.
    result : xarray.Dataset
    names : list of str
        Variables of the columns, the main one first.
    """

    title: str
    facts: list[tuple[str, str]]
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

    @property
    def size(self) -> int:
        """Number of rows of the whole table."""
        return int(self.result[self.names[0]].size)

    def _label(self, dim: str, number: int) -> str:
        if dim not in self.result.coords:
            return str(number)
        value = self.result[dim].values[number]
        return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def table_of(path: Path) -> ResultTable:
    """Table of the main variable of a result, with all variables of the same dimensions."""
    result = read_result(path)
    main = main_variable(result) or next(
        (str(name) for name, variable in result.data_vars.items() if variable.dtype.kind in "fiu"), None
    )
    if main is None:
        raise FileFormatError(f"{path}: contains no numbers, expected a result")
    dims = result[main].dims
    alike = [str(n) for n, of in result.data_vars.items() if of.dims == dims and n != main and of.dtype.kind in "fiu"]
    names = [main, *sorted(alike, key=lambda name: "error" not in name)]
    single = {str(name): coordinate.values.item() for name, coordinate in result.coords.items() if not coordinate.dims}
    facts = [(name, _text(value)) for name, value in {**single, **result.attrs}.items() if _text(value)]
    units = [str(result[name].attrs.get("units", "1")) for name in names]
    title = str(result.attrs.get("response", path.stem)).replace("_", " ")
    if len({*units}) == 1:
        title, units = f"{title} ({units[0]})" if units[0] != "1" else title, ["1"] * len(names)
    columns = [*map(str, dims), *(n if u == "1" else f"{n} ({u})" for n, u in zip(names, units, strict=True))]
    return ResultTable(title, facts, columns, result, names)


def draw(result: xarray.Dataset, output: Path) -> Path:
    """Draw a result without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = output.suffix.removeprefix(".").lower()
    if kind not in ENDINGS:
        raise FileFormatError(f"{output}: expected a name that ends with .{', .'.join(ENDINGS)}")
    figure = Figure(figsize=(4.2, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    plot(result, axes_for(result, figure))
    with atomic_write(output) as name:
        figure.savefig(name, dpi=200, format=kind)
    return output


def _number(name: str, value: Any) -> str:
    return f"{value:.1e}" if "error" in name else f"{value:.7g}"


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return ", ".join(_text(item) for item in value.tolist())
    return f"{value:.8g}" if isinstance(value, float | np.floating) else str(value)
