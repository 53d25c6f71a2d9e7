"""Numbers of the four panels of Fig. 1."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adiabloch.arrays import Float
from adiabloch.paper.honeycomb import AMPLITUDE, DELTA, T1, cycle, in_bohr_magnetons, model
from adiabloch.paper.study import Report, silent
from adiabloch.responses.instantaneous_magnetization import instantaneous_magnetization
from adiabloch.responses.magnetization_map import magnetization_map
from adiabloch.responses.pumped_magnetization import pumped_magnetization
from adiabloch.version import __version__

if TYPE_CHECKING:
    import xarray

DELTAS_FAST = (0.1, 0.2, 0.3, 0.5, 1.0)
DELTAS = (0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Staggered potentials of panel (d), in t0."""
PATH = (("K′", (2 / 3, 1 / 3)), ("Γ", (0.0, 0.0)), ("K", (1 / 3, 2 / 3)), ("M", (0.5, 0.5)), ("Γ", (0.0, 0.0)))
"""Labels and reduced coordinates of the corners of the path in panel (a)."""
MAGNETIZATION_UNIT = {"units": "e*omega"}

Variables = dict[str, Any]
"""Variables or coordinates of a Dataset: name -> (dimensions, values, attributes)."""


def compute(*, fast: bool = False, report: Report = silent) -> xarray.Dataset:
    """Compute all numbers of the four panels.

    Parameters
    ----------
    fast : bool
        Use fewer points and a looser tolerance.
    report : callable
        Function that receives the name of each stage as it begins.

    Returns
    -------
    xarray.Dataset
        Variables of each panel: `bands` (a); `magnetization`, its `mean` and `mean_t1` (b); `shift` (c); `mean_gap`
        (d).
    """
    import xarray

    started = time.perf_counter()
    tolerance = 1e-4 if fast else 1e-6
    variables: Variables = {}
    coordinates: Variables = {}
    for title, panel in (
        ("(a) bands", _bands),
        ("(b) magnetization over a period", _magnetization),
        ("(b, inset) mean against t1", _mean_against_t1),
        ("(c) map over the Brillouin zone", _zone_map),
        ("(d) mean against gap", _mean_against_gap),
    ):
        report(title)
        of_panel, axes_of_panel = panel(tolerance, fast)
        variables |= of_panel
        coordinates |= axes_of_panel
    return xarray.Dataset(
        variables,
        coords=coordinates,
        attrs={
            "title": "Fig. 1 of Phys. Rev. B 103, 115432 (2021)",
            "parameters": f"Delta = {DELTA} t0, t1 = {T1} t0, delta t0 = {AMPLITUDE} t0",
            "bohr_magnetons": float(in_bohr_magnetons(1.0)),
            "model": cycle().digest,
            "adiabloch": __version__,
            "seconds": time.perf_counter() - started,
        },
    )


def _bands(tolerance: float, fast: bool) -> tuple[Variables, Variables]:
    """Energies along the path, panel (a)."""
    path = model().lattice.path(PATH, points=150 if fast else 400)
    variables = {
        "bands": (("distance", "band"), model().energies(path.k), {"units": "t0", "long_name": "energy"}),
        "corner_at": ("corner", path.ticks, {"long_name": "corners of the path"}),
    }
    coordinates = {
        "distance": ("distance", path.distance, {"units": "1/a0"}),
        "corner": ("corner", [f"{n} {label}" for n, label in enumerate(path.labels)]),
    }
    return variables, coordinates


def _magnetization(tolerance: float, fast: bool) -> tuple[Variables, Variables]:
    """Magnetization over a period and its mean, panel (b)."""
    theta = np.linspace(0.0, 2 * np.pi, 25 if fast else 49)
    curve = instantaneous_magnetization(cycle(), 1, theta[:-1], tolerance=tolerance)
    # the last phase is the first one, a period later
    values = np.append(curve.perturbative.values[:, 0], curve.perturbative.values[0, 0])
    mean = pumped_magnetization(cycle(), 1, tolerance=tolerance if fast else 1e-8)
    unit = MAGNETIZATION_UNIT
    variables = {
        "magnetization": ("theta", values, {**unit, "long_name": "M over a period"}),
        "magnetization_error": ((), float(curve.error), {**unit, "long_name": "its error"}),
        "mean": ((), float(mean.total.values[0]), {**unit, "long_name": "mean of M over a period"}),
        "mean_error": ((), float(mean.error.values[0]), {**unit, "long_name": "its error"}),
    }
    return variables, {"theta": ("theta", theta, {"units": "rad"})}


def _mean_against_t1(tolerance: float, fast: bool) -> tuple[Variables, Variables]:
    """Mean magnetization against second-neighbour hopping, inset of panel (b)."""
    t1 = np.linspace(0.0, T1, 5 if fast else 11)
    results = [pumped_magnetization(cycle(t1=float(t)), 1, tolerance=tolerance) for t in t1]
    return _series("mean_t1", "t1", results), {"t1": ("t1", t1, {"units": "t0"})}


def _zone_map(tolerance: float, fast: bool) -> tuple[Variables, Variables]:
    """Integrand of the valence band over the Brillouin zone at the phase zero, panel (c)."""
    k = np.linspace(-1.0, 1.0, 120 if fast else 301) * 4 * np.pi / (3 * np.sqrt(3.0)) * 1.3
    found = magnetization_map(cycle(), k, k, theta=0.0)
    unit = {"units": "e*omega a0^2"}
    variables = {
        "shift": (("ky", "kx"), found["shift"].values[..., 0], {**unit, "long_name": "d_B a^t"}),
        "interband": (("ky", "kx"), found["interband"].values[..., 0], unit),
    }
    return variables, {"kx": ("kx", k, {"units": "1/a0"}), "ky": ("ky", k, {"units": "1/a0"})}


def _mean_against_gap(tolerance: float, fast: bool) -> tuple[Variables, Variables]:
    """Mean magnetization against the staggered potential, panel (d)."""
    delta = np.array(DELTAS_FAST if fast else DELTAS)
    results = [pumped_magnetization(cycle(delta=float(d)), 1, tolerance=1e-3) for d in delta]
    return _series("mean_gap", "delta", results), {"delta": ("delta", delta, {"units": "t0"})}


def _series(name: str, dimension: str, results: Sequence[xarray.Dataset]) -> Variables:
    """Totals and errors of several results along one dimension."""

    def values(variable: str) -> Float:
        return np.array([float(result[variable].values[0]) for result in results])

    return {
        name: (dimension, values("total"), {**MAGNETIZATION_UNIT, "long_name": "mean of M"}),
        f"{name}_error": (dimension, values("error"), MAGNETIZATION_UNIT),
    }
