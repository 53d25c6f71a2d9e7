"""The command `verify`: comparison of the bulk with open samples of the same cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from adiabloch import finite
from adiabloch.errors import GapClosedError
from adiabloch.models import Cycle
from adiabloch.responses.pumped_magnetization import pumped_magnetization

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Line:
    """Magnetization of one component from one calculation.

    Attributes
    ----------
    calculation : str
        Name of the calculation: the bulk or a sample.
    component : str
    value, error : float
    difference : float or None
        Difference from the bulk; None for the bulk itself.
    allowed : float
        Sum of both errors; NaN if the bulk lacks a part, so that nothing can be compared.
    """

    calculation: str
    component: str
    value: float
    error: float
    difference: float | None = None
    allowed: float = 0.0

    @property
    def agrees(self) -> bool:
        """True unless the difference exceeds the errors."""
        return self.difference is None or not abs(self.difference) > self.allowed

    def cells(self) -> tuple[str, ...]:
        """Return the line as text, for a row of a table."""
        off = "" if self.difference is None else f"{self.difference:+.1e}"
        compared = self.difference is not None and np.isfinite(self.allowed)
        verdict = ("agrees" if self.agrees else "DISAGREES") if compared else ""
        return self.calculation, self.component, f"{self.value:.8e}", f"{self.error:.1e}", off, verdict


@dataclass(frozen=True)
class Verification:
    """Comparison of the bulk with open samples.

    Attributes
    ----------
    complete : bool
        True if the bulk holds all parts that the open samples hold, the Chern-Simons part included.
    note : str
        Note of the bulk result.
    lines : tuple of Line
    skipped : tuple of str
        Samples that cannot serve as a reference, each with the reason.
    """

    complete: bool
    note: str
    lines: tuple[Line, ...]
    skipped: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """True if at least one sample was compared and none disagrees, or if the bulk is incomplete."""
        compared = [line for line in self.lines if line.difference is not None]
        return not self.complete or (bool(compared) and all(line.agrees for line in compared))

    @property
    def conclusion(self) -> str:
        """One sentence on the outcome, followed by the skipped samples."""
        if not self.complete:
            verdict = (
                "The bulk line is the perturbative part alone, while open samples hold the Chern-Simons part too: "
                f"{self.note}."
            )
        elif not any(line.difference is not None for line in self.lines):
            verdict = "No open sample could serve as a reference."
        else:
            verdict = "Bulk and open samples agree." if self.agrees else "Bulk and open samples DISAGREE."
        return " ".join([verdict, *self.skipped])


def verify(
    cycle: Cycle,
    occupied: int,
    *,
    tolerance: float = 1e-8,
    rows: int = 24,
    cells: Sequence[int] = (6, 8, 10, 12),
    shape: Literal["parallelogram", "hexagon"] = "parallelogram",
    report: Callable[[str], None] = lambda stage: None,
) -> Verification:
    """Compare the pumped magnetization of the bulk with that of a ribbon (2D) and of flakes.

    Parameters
    ----------
    cycle : Cycle
    occupied : int
        Number of occupied bands.
    tolerance : float
        Relative accuracy of the bulk.
    rows : int
        Width of the ribbon.
    cells : sequence of int
        Sizes of the flakes.
    shape : {"parallelogram", "hexagon"}
        Shape of the flakes.
    report : callable
        Function that receives the name of each stage as it begins.

    Returns
    -------
    Verification
    """
    report("bulk")
    bulk = pumped_magnetization(cycle, occupied, tolerance=tolerance)
    complete = bool(np.isfinite(bulk.total.values).all())
    expected = bulk.total if complete else bulk.perturbative
    lines = _bulk_lines("bulk" if complete else "bulk, perturbative", expected, bulk.error)
    skipped: list[str] = []
    samples: list[tuple[str, Callable[[], xarray.Dataset]]] = []
    if cycle.lattice.dimension == 2:
        samples.append((f"ribbon, {rows} rows", lambda: finite.ribbon_magnetization(cycle, occupied, rows)))
    samples.append(
        (
            f"flakes, L = {', '.join(map(str, cells))}",
            lambda: finite.pumped_magnetization(cycle, occupied, list(cells), shape=shape),
        )
    )
    for name, compute in samples:
        report(name)
        try:
            sample = compute()
        except GapClosedError as reason:
            skipped.append(f"Left out: {name}: {reason}.")
            continue
        lines += _sample_lines(name, sample, expected, bulk.error if complete else np.nan * bulk.error)
    return Verification(complete, str(bulk.attrs["note"]), tuple(lines), tuple(skipped))


def _bulk_lines(name: str, total: xarray.DataArray, error: xarray.DataArray) -> list[Line]:
    """Lines of the bulk, one for each component."""
    return [
        Line(name, str(component), float(total.sel(component=component)), float(error.sel(component=component)))
        for component in total.component.values
    ]


def _sample_lines(
    name: str, sample: xarray.Dataset, expected: xarray.DataArray, bulk_error: xarray.DataArray
) -> list[Line]:
    """Lines of a sample, with the differences from the bulk; the error of an incomplete bulk is NaN."""
    lines = []
    for component in sample.total.component.values:
        value, error = (float(sample[part].sel(component=component)) for part in ("total", "error"))
        difference = value - float(expected.sel(component=component))
        allowed = error + float(bulk_error.sel(component=component))
        lines.append(Line(name, str(component), value, error, difference, allowed))
    return lines
