"""Table of the cases. Each remark follows from the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adiabloch.paper.table import Table

if TYPE_CHECKING:
    import xarray

COLUMNS = ("model", "orbital: perturbative", "Chern-Simons", "total", "spin", "remark")
ROUNDING = 1e-12
"""Rounding error of matrix elements, in t0."""


def summarize(numbers: xarray.Dataset) -> Table:
    """Compare the cases, with moments of an area a^2 in 10^-3 mu_B hbar omega/t0."""
    rows = tuple(_row(numbers.sel(case=name)) for name in numbers.case.values)
    return Table("pumped moments, 10⁻³ μB ħω/t0 upon a²", COLUMNS, rows)


def _row(case: xarray.Dataset) -> tuple[str, ...]:
    """Row of one case; the signs are those of moments of electrons."""
    orbital_unit, spin_unit = (1e3 * float(case.attrs[f"{kind}_bohr_magnetons"]) for kind in ("orbital", "spin"))
    total, error = float(case.case_orbital), float(case.case_orbital_error)
    perturbative, violation = float(case.case_perturbative), float(case.case_broken)
    spin, spin_error = spin_unit * float(case.case_spin), abs(spin_unit) * float(case.case_spin_error)
    remarks = ["levels ±E" if float(case.case_lopsided) < ROUNDING else "levels not ±E"]
    if np.isfinite(violation):
        remarks.append(f"half turn {'holds' if violation < ROUNDING else 'broken'}")
    if abs(total) <= error:
        remarks.append("no orbital moment")
    elif np.isfinite(spin) and spin:
        remarks.append(f"orbital/spin {orbital_unit * total / spin:+.2g}")
    return (
        str(case.case.values),
        _signed(orbital_unit * perturbative),
        _signed(orbital_unit * (total - perturbative)),
        _with_error(orbital_unit * total, abs(orbital_unit) * error),
        _with_error(spin, spin_error) if np.isfinite(spin) else "",
        "; ".join(remarks),
    )


def _with_error(value: float, error: float) -> str:
    return f"{_signed(value)} ± {error:.0e}"


def _signed(value: float) -> str:
    # adding zero removes the sign of a number that rounds to zero
    return f"{round(value, 4) + 0.0:+.4f}"
