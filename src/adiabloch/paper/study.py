"""The parts of a study that the command line needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from adiabloch.paper.table import Table

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

Report = Callable[[str], object]
"""Function that receives the name of each stage of a calculation as it begins."""


class Compute(Protocol):
    """Function that computes all numbers of a study."""

    def __call__(self, *, fast: bool, report: Report) -> xarray.Dataset:
        """Compute all numbers, on coarser grids if `fast`."""


@dataclass(frozen=True)
class Study:
    """A calculation with its table and its figure.

    Attributes
    ----------
    name : str
        Name of the command and of the files that it writes.
    compute, summarize, draw : callable
        Calculation of the numbers; table and figure of these numbers.
    """

    name: str
    compute: Compute
    summarize: Callable[[xarray.Dataset], Table]
    draw: Callable[[xarray.Dataset], Figure]


def silent(stage: str) -> None:
    """Report nothing."""
