"""Electric fields on a metal: orbital magnetization, nonlinear Hall and Ettingshausen currents at any filling.

The paper has no figure of them. Here they are for the smallest model that allows all: Haldane's, under strain. Time
reversal, inversion and a threefold axis would each forbid them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.models import TightBinding, strained_haldane
from adiabloch.responses.anomalous_hall import anomalous_hall
from adiabloch.responses.density_of_states import density_of_states
from adiabloch.responses.magnetoelectric import magnetoelectric
from adiabloch.responses.nonlinear_ettingshausen import nonlinear_ettingshausen
from adiabloch.responses.nonlinear_hall import nonlinear_hall
from adiabloch.responses.orbital_magnetization import orbital_magnetization
from adiabloch.studies.tables import HEAD, Row, stated
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

__all__ = ["HEAD", "Row", "compute", "model", "table"]

DELTA, T2, PHI, STRAIN = 0.3, 0.12, 1.2, 0.1
"""Staggered potential and second neighbours in t0, their phase, and the strain along y."""
TEMPERATURES = (0.02, 0.05, 0.1)
"""k_B T in t0."""
POTENTIALS, FEW_POTENTIALS = 161, 41
STEP = 0.25
"""Of the chemical potential, for the slope in Mott's relation: in units of the lowest k_B T."""
PATH = (("Γ", 0), ("K", 1 / 3), ("M", 1 / 2), ("K′", 2 / 3), ("Γ", 1))
"""Corners on the straight line k = -(2, 1) b from zone to zone, along which strain shifts the cones."""
ALLOWED: dict[str, object] = {"component": "x", "field": "y", "other_field": "y"}
FORBIDDEN: dict[str, object] = {"component": "y", "field": "x", "other_field": "x"}
"""Nonlinear currents that the mirror x -> -x, together with time reversal, allows and forbids."""
UNITS = {"alpha": "e² a0/ħ", "chi": "e³ a0/(ħ t0)", "heat": "e² a0/ħ"}


def model(strain: float = STRAIN, phi: float = PHI) -> TightBinding:
    """Haldane's model, strained along a bond, y."""
    return strained_haldane(DELTA, T2, phi, strain, angle=np.pi / 2)


def compute(*, fast: bool = False, report: Callable[[str], None] = lambda stage: None) -> xarray.Dataset:
    """All numbers of the figure and of the table.

    Parameters
    ----------
    fast : bool
        Fewer chemical potentials and a looser tolerance, for a quick look.
    report : callable
        Told what is being computed.

    Returns
    -------
    xarray.Dataset
        The bands, and against the chemical potential, each with its `..._error`: `dos`, `hall`, `magnetization`,
        `alpha` with `alpha_interband` and `alpha_metric_dipole`, `chi`; at all temperatures `heat` with its parts; and
        `mott`, what Mott's relation makes of `chi` at the lowest temperature.
    """
    import xarray

    started = time.perf_counter()
    tolerance = 1e-2 if fast else 1e-3
    subject = model()
    report("bands")
    path = subject.lattice.path([(f"{n} {name}", (-2 * part, -part)) for n, (name, part) in enumerate(PATH)], 300)
    bands, energies = subject.energies(path.k), _energies(subject)
    low, high = energies.min(), energies.max()
    margin = 0.02 * (high - low)
    potentials = np.linspace(low - margin, high + margin, FEW_POTENTIALS if fast else POTENTIALS)
    coldest = min(TEMPERATURES)
    step = STEP * coldest

    report("density of states, Hall effect and magnetization")
    results = {
        "dos": density_of_states(subject, potentials, tolerance=tolerance),
        "hall": anomalous_hall(subject, potentials, tolerance=tolerance).sel(component="z", drop=True),
        "magnetization": orbital_magnetization(subject, potentials, tolerance=tolerance).sel(component="z", drop=True),
    }
    report("magnetoelectric response")
    results["alpha"] = magnetoelectric(subject, tolerance=tolerance, chemical_potential=potentials)
    report("nonlinear Hall effect")
    around = (potentials[:, None] + step * np.array([-1, 0, 1])).ravel()
    chi = nonlinear_hall(subject, around, tolerance=tolerance)
    below, results["chi"], above = (chi.isel(chemical_potential=slice(n, None, 3)) for n in range(3))
    report("nonlinear Ettingshausen effect")
    results["heat"] = nonlinear_ettingshausen(subject, potentials, TEMPERATURES, tolerance=tolerance)
    slope = (above.total.values - below.total.values) / (2 * step)
    heat = results["heat"].total

    numbers = xarray.Dataset(
        {
            "bands": (("distance", "band"), bands, {"units": "t0", "long_name": "energy"}),
            "corner_at": ("corner", path.ticks, {"long_name": "corners of the path"}),
            "edges": ("edge", [energies[:, 0].max(), energies[:, 1].min()], {"units": "t0", "long_name": "gap"}),
            "mott": (heat.dims[1:], (np.pi * coldest) ** 2 / 3 * slope, {**heat.attrs, "temperature": coldest}),
        },
        coords={
            "distance": ("distance", path.distance, {"units": "1/a0"}),
            "corner": ("corner", list(path.labels)),
            "edge": ["valence", "conduction"],
        },
        attrs={
            "title": "Responses of a strained Haldane model to electric fields",
            "parameters": f"Delta = {DELTA} t0, t2 = {T2} t0, phi = {PHI}, strain {STRAIN} along y",
            "model": subject.digest,
            "tolerance": tolerance,
            "adiabloch": __version__,
        },
    )
    for name, result in results.items():
        numbers = numbers.assign(
            {name if part == "total" else f"{name}_{part}": values for part, values in result.data_vars.items()}
        )
    return numbers.assign_attrs(seconds=time.perf_counter() - started)


def table(numbers: xarray.Dataset) -> list[Row]:
    """What the figure shows, in numbers."""
    valence, conduction = numbers.edges.values
    middle = numbers.sel(chemical_potential=0.5 * (valence + conduction), method="nearest").sel(field="y")
    quanta = (2 * np.pi * float(middle[name]) for name in ("hall", "hall_error"))
    plateau = (float(middle[name]) for name in ("alpha", "alpha_error"))
    rows = [
        Row("gap", f"{conduction - valence:.4f}", "", "t0", f"from {valence:.4f} to {conduction:.4f} t0"),
        Row("σxy in the gap", *stated(*quanta), "e²/h", "the Chern number"),
        Row("∂Mz/∂Ey in the gap", *stated(*plateau), UNITS["alpha"], "of the insulator"),
        _largest(numbers, "alpha", "∂Mz/∂Ey", field="y"),
        _largest(numbers, "alpha", "∂Mz/∂Ex", field="x"),
        _largest(numbers, "chi", "χ_xyy", **ALLOWED),
        _largest(numbers, "chi", "χ_yxx", **FORBIDDEN),
    ]
    for kT in numbers.temperature.values:
        row = _largest(numbers, "heat", f"χh_xyy at kT = {kT:g} t0", temperature=kT, **ALLOWED)
        if kT == numbers.mott.attrs["temperature"]:
            off = np.abs(numbers.heat.sel(temperature=kT) - numbers.mott).sel(ALLOWED)
            share = float(off.median()) / abs(float(row.value))
            row = replace(row, remark=f"{row.remark}; Mott's relation off by {100 * share:.1g}% of it (median)")
        rows.append(row)
    return rows


def _largest(numbers: xarray.Dataset, name: str, title: str, **here: object) -> Row:
    """The largest value of a curve, or that it is none."""
    curve, error = numbers[name].sel(here), numbers[f"{name}_error"].sel(here)
    at = int(np.abs(curve.values).argmax())
    remark = f"largest, at μ = {float(curve.chemical_potential[at]):.2f} t0"
    if (np.abs(curve) <= error).all():
        remark = "zero within its error"
    return Row(title, *stated(float(curve[at]), float(error[at])), UNITS[name], remark)


def _energies(subject: TightBinding, points: int = 300) -> Float:
    """Energies over the zone."""
    k = np.stack(np.meshgrid(*[np.arange(points) / points] * 2), axis=-1).reshape(-1, 2)
    return subject.energies(subject.lattice.cartesian(k))
