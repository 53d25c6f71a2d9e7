"""The bulk formula against open samples of the same cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
    """One way to the magnetization, for one component."""

    way: str
    component: str
    value: float
    error: float
    difference: float | None = None
    """From the bulk; None for the bulk itself."""
    allowed: float = 0.0
    """Both errors together; NaN where the bulk lacks a part and nothing is compared."""

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the errors."""
        return self.difference is None or not abs(self.difference) > self.allowed

    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        off = "" if self.difference is None else f"{self.difference:+.1e}"
        compared = self.difference is not None and np.isfinite(self.allowed)
        verdict = ("agrees" if self.agrees else "DISAGREES") if compared else ""
        return self.way, self.component, f"{self.value:.8e}", f"{self.error:.1e}", off, verdict


@dataclass
class Report:
    """All lines, and what they amount to."""

    complete: bool
    """Whether the bulk holds all that the open samples do: no Chern-Simons part missing."""
    note: str
    """What the bulk says of itself."""
    lines: list[Line] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Samples that are no reference, and why."""

    @property
    def agrees(self) -> bool:
        """Whether at least one sample was a reference and none disagrees; where the bulk is incomplete nothing can."""
        compared = [line for line in self.lines if line.difference is not None]
        return not self.complete or (bool(compared) and all(line.agrees for line in compared))

    @property
    def conclusion(self) -> str:
        """One sentence, and the samples left out."""
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
) -> Report:
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
        Told what is being computed.

    Returns
    -------
    Report
    """
    report("bulk")
    bulk = pumped_magnetization(cycle, occupied, tolerance=tolerance)
    result = Report(complete=bool(np.isfinite(bulk.total.values).all()), note=str(bulk.attrs["note"]))
    expected = bulk.total if result.complete else bulk.perturbative
    _add(result, "bulk" if result.complete else "bulk, perturbative", expected, bulk.error)
    samples: list[tuple[str, Callable[[], xarray.Dataset]]] = []
    if cycle.lattice.dimension == 2:
        samples.append((f"ribbon, {rows} rows", lambda: finite.ribbon_magnetization(cycle, occupied, rows)))
    samples.append(
        (
            f"flakes, L = {', '.join(map(str, cells))}",
            lambda: finite.pumped_magnetization(cycle, occupied, list(cells), shape=shape),
        )
    )
    for way, run in samples:
        report(way)
        try:
            sample = run()
        except GapClosedError as reason:
            result.skipped.append(f"Left out: {way}: {reason}.")
            continue
        _add(result, way, sample.total, sample.error, expected, bulk.error)
    return result


def _add(
    report: Report,
    way: str,
    value: xarray.DataArray,
    error: xarray.DataArray,
    expected: xarray.DataArray | None = None,
    uncertainty: xarray.DataArray | None = None,
) -> None:
    for name in value.component.values:
        here, bar = float(value.sel(component=name)), float(error.sel(component=name))
        if expected is None or uncertainty is None:
            report.lines.append(Line(way, str(name), here, bar))
            continue
        difference = here - float(expected.sel(component=name))
        allowed = bar + float(uncertainty.sel(component=name)) if report.complete else np.nan
        report.lines.append(Line(way, str(name), here, bar, difference, allowed))
