"""Table of the gap, the responses in the gap and the largest responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.paper.table import VALUE_COLUMNS, Table, value_and_error

if TYPE_CHECKING:
    import xarray

ALLOWED: dict[str, object] = {"component": "x", "field": "y", "other_field": "y"}
"""Nonlinear current that the mirror x -> -x, combined with time reversal, allows."""
FORBIDDEN: dict[str, object] = {"component": "y", "field": "x", "other_field": "x"}
"""Nonlinear current that it forbids."""
UNITS = {"alpha": "e² a0/ħ", "chi": "e³ a0/(ħ t0)", "heat": "e² a0/ħ"}

Row = tuple[str, str, str, str, str]


def summarize(numbers: xarray.Dataset) -> Table:
    """Summarize the curves of the figure."""
    valence, conduction = numbers.edges.values
    gap = numbers.sel(chemical_potential=0.5 * (valence + conduction), method="nearest").sel(field="y")
    quanta = (2 * np.pi * float(gap[name]) for name in ("hall", "hall_error"))
    plateau = (float(gap[name]) for name in ("alpha", "alpha_error"))
    rows = [
        ("gap", f"{conduction - valence:.4f}", "", "t0", f"from {valence:.4f} to {conduction:.4f} t0"),
        ("σxy in the gap", *value_and_error(*quanta), "e²/h", "the Chern number"),
        ("∂Mz/∂Ey in the gap", *value_and_error(*plateau), UNITS["alpha"], "of the insulator"),
        _largest(numbers, "alpha", "∂Mz/∂Ey", field="y"),
        _largest(numbers, "alpha", "∂Mz/∂Ex", field="x"),
        _largest(numbers, "chi", "χ_xyy", **ALLOWED),
        _largest(numbers, "chi", "χ_yxx", **FORBIDDEN),
        *(_heat(numbers, float(kT)) for kT in numbers.temperature.values),
    ]
    return Table("a strained Haldane model in an electric field", VALUE_COLUMNS, tuple(rows))


def _largest(numbers: xarray.Dataset, name: str, title: str, **selection: object) -> Row:
    """Largest value of a curve; the remark states whether the whole curve vanishes within its error."""
    curve, error = numbers[name].sel(selection), numbers[f"{name}_error"].sel(selection)
    at = int(np.abs(curve.values).argmax())
    remark = f"largest, at μ = {float(curve.chemical_potential[at]):.2f} t0"
    if (np.abs(curve) <= error).all():
        remark = "zero within its error"
    return title, *value_and_error(float(curve[at]), float(error[at])), UNITS[name], remark


def _heat(numbers: xarray.Dataset, kT: float) -> Row:
    """Largest heat current at one temperature, at the lowest one with the deviation from Mott's relation."""
    row = _largest(numbers, "heat", f"χh_xyy at kT = {kT:g} t0", temperature=kT, **ALLOWED)
    if kT != numbers.mott.attrs["temperature"]:
        return row
    title, value, error, unit, remark = row
    off = np.abs(numbers.heat.sel(temperature=kT) - numbers.mott).sel(ALLOWED)
    share = float(off.median()) / abs(float(value))
    return title, value, error, unit, f"{remark}; Mott's relation off by {100 * share:.1g}% of it (median)"
