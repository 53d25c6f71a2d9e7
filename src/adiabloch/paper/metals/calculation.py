"""Bands of the strained Haldane model and its responses against the chemical potential."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.arrays import Float
from adiabloch.models import TightBinding, strained_haldane
from adiabloch.paper.study import Report, silent
from adiabloch.responses.anomalous_hall import anomalous_hall
from adiabloch.responses.density_of_states import density_of_states
from adiabloch.responses.magnetoelectric import magnetoelectric
from adiabloch.responses.nonlinear_ettingshausen import nonlinear_ettingshausen
from adiabloch.responses.nonlinear_hall import nonlinear_hall
from adiabloch.responses.orbital_magnetization import orbital_magnetization
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

DELTA, T2, PHI, STRAIN = 0.3, 0.12, 1.2, 0.1
"""Staggered potential and second-neighbour hopping in t0, phase of this hopping, and strain along y."""
TEMPERATURES = (0.02, 0.05, 0.1)
"""Temperatures k_B T, in t0."""
POTENTIALS, POTENTIALS_FAST = 161, 41
"""Number of chemical potentials."""
MOTT_STEP = 0.25
"""Step of the chemical potential for the slope in Mott's relation, in units of the lowest k_B T."""
PATH = (("Γ", 0), ("K", 1 / 3), ("M", 1 / 2), ("K′", 2 / 3), ("Γ", 1))
"""Points on the straight line k = -(2, 1) b between two zone centres, along which strain shifts the cones."""


def strained_model(strain: float = STRAIN, phi: float = PHI) -> TightBinding:
    """Haldane's model, strained along the bond in y direction."""
    return strained_haldane(DELTA, T2, phi, strain, angle=np.pi / 2)


def compute(*, fast: bool = False, report: Report = silent) -> xarray.Dataset:
    """Compute all numbers of the figure and of the table.

    Parameters
    ----------
    fast : bool
        Use fewer chemical potentials and a looser tolerance.
    report : callable
        Function that receives the name of each stage as it begins.

    Returns
    -------
    xarray.Dataset
        The bands and, against the chemical potential and each with its `..._error`: `dos`, `hall`, `magnetization`,
        `alpha` with `alpha_interband` and `alpha_metric_dipole`, `chi`; at all temperatures `heat` with its parts; and
        `mott`, the heat current by Mott's relation at the lowest temperature.
    """
    started = time.perf_counter()
    tolerance = 1e-2 if fast else 1e-3
    model = strained_model()
    report("bands")
    energies = _energies(model)
    low, high = energies.min(), energies.max()
    margin = 0.02 * (high - low)
    potentials = np.linspace(low - margin, high + margin, POTENTIALS_FAST if fast else POTENTIALS)
    numbers = _bands(model, energies)
    results, chi_slope = _responses(model, potentials, tolerance, report)
    heat, coldest = results["heat"].total, min(TEMPERATURES)
    mott = (np.pi * coldest) ** 2 / 3 * chi_slope
    numbers = numbers.assign(mott=(heat.dims[1:], mott, {**heat.attrs, "temperature": coldest}))
    for name, result in results.items():
        numbers = numbers.assign(
            {name if part == "total" else f"{name}_{part}": values for part, values in result.data_vars.items()}
        )
    return numbers.assign_attrs(
        title="Responses of a strained Haldane model to electric fields",
        parameters=f"Delta = {DELTA} t0, t2 = {T2} t0, phi = {PHI}, strain {STRAIN} along y",
        model=model.digest,
        tolerance=tolerance,
        adiabloch=__version__,
        seconds=time.perf_counter() - started,
    )


def _energies(model: TightBinding, points: int = 300) -> Float:
    """Energies on a mesh over the zone."""
    k = np.stack(np.meshgrid(*[np.arange(points) / points] * 2), axis=-1).reshape(-1, 2)
    return model.energies(model.lattice.cartesian(k))


def _bands(model: TightBinding, energies: Float) -> xarray.Dataset:
    """Energies along the path, and the edges of the bands from their energies over the zone."""
    import xarray

    path = model.lattice.path([(f"{n} {name}", (-2 * part, -part)) for n, (name, part) in enumerate(PATH)], 300)
    return xarray.Dataset(
        {
            "bands": (("distance", "band"), model.energies(path.k), {"units": "t0", "long_name": "energy"}),
            "corner_at": ("corner", path.ticks, {"long_name": "corners of the path"}),
            "edges": ("edge", [energies[:, 0].max(), energies[:, 1].min()], {"units": "t0", "long_name": "gap"}),
        },
        coords={
            "distance": ("distance", path.distance, {"units": "1/a0"}),
            "corner": ("corner", list(path.labels)),
            "edge": ["valence", "conduction"],
        },
    )


def _responses(
    model: TightBinding, potentials: Float, tolerance: float, report: Report
) -> tuple[Mapping[str, xarray.Dataset], Float]:
    """All responses at all chemical potentials, and the slope of the nonlinear Hall conductivity."""
    step = MOTT_STEP * min(TEMPERATURES)
    report("density of states, Hall effect and magnetization")
    results = {
        "dos": density_of_states(model, potentials, tolerance=tolerance),
        "hall": anomalous_hall(model, potentials, tolerance=tolerance).sel(component="z", drop=True),
        "magnetization": orbital_magnetization(model, potentials, tolerance=tolerance).sel(component="z", drop=True),
    }
    report("magnetoelectric response")
    results["alpha"] = magnetoelectric(model, tolerance=tolerance, chemical_potential=potentials)
    report("nonlinear Hall effect")
    around = (potentials[:, None] + step * np.array([-1, 0, 1])).ravel()
    chi = nonlinear_hall(model, around, tolerance=tolerance)
    below, results["chi"], above = (chi.isel(chemical_potential=slice(n, None, 3)) for n in range(3))
    report("nonlinear Ettingshausen effect")
    results["heat"] = nonlinear_ettingshausen(model, potentials, TEMPERATURES, tolerance=tolerance)
    return results, (above.total.values - below.total.values) / (2 * step)
