"""Pumped magnetization over the Brillouin zone."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import checked
from adiabloch.engine import THETA, checked_cycle, checked_degeneracy, components, labelled, response
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, Eigenframe, Float, Unit
from adiabloch.errors import InvalidArgumentError, did_you_mean
from adiabloch.geometry.degeneracy import refuse_groups
from adiabloch.geometry.frame import eigenframe
from adiabloch.geometry.induced import basis_curvature_part, interband_part, metric_curl_part
from adiabloch.geometry.recording import needs_of
from adiabloch.memory import check_matrices

UNIT = Unit(charge=1, omega=1, length=2)
WAVE = {"units": "1/length"}
PARTS = {
    "interband": (interband_part, "interband part of d_B a^t"),
    "metric_curl": (metric_curl_part, "metric-curl part of d_B a^t"),
    "basis_curvature": (basis_curvature_part, "basis-curvature part of d_B a^t"),
}


@response(checkpoint=False)
def magnetization_map(
    cycle: Cycle,
    kx: ArrayLike,
    ky: ArrayLike,
    theta: float = 0.0,
    *,
    degeneracy: float | None = None,
    kz: float = 0.0,
    component: str = "z",
) -> Dataset:
    """Map of d_B a^t over the Brillouin zone, band by band. Implements Eq. (8).

    Parameters
    ----------
    kx, ky : array_like
        Cartesian wave vectors along the two sides of the map.
    theta : float
        Phase of the cycle.
    degeneracy : float, optional
        Bands closer than this energy count as degenerate, and are refused; by default 4e-4 of the bandwidth, and only
        where bands stay so close around a point.
    kz : float
        Third component, for a 3D cycle.
    component : str
        Component of the magnetization.

    Returns
    -------
    xarray.Dataset
        `interband` and `metric_curl`, the two terms of Eq. (8), `basis_curvature`, the contribution of the curvature of
        the basis (orbitals that move, Wannier functions), and their sum `shift`, over `ky`, `kx` and `band`; in e*omega
        times the square of the length.

    Raises
    ------
    DegenerateBandsError
        Bands touch or count as degenerate.
    """
    checked_cycle(cycle)
    names = components(cycle.lattice.dimension)
    if component not in names:
        raise InvalidArgumentError(
            f"component: {component!r}, expected one of {names} for this lattice{did_you_mean(component, names)}"
        )
    x, y = checked(kx, "kx", (None,)), checked(ky, "ky", (None,))
    check_matrices(len(x) * len(y), cycle.size, len(PARTS), "kx, ky")
    grid = np.stack([*np.meshgrid(x, y), np.full((len(y), len(x)), checked(kz, "kz", ()))], axis=-1)
    k = grid[..., : cycle.lattice.dimension].reshape(-1, cycle.lattice.dimension)

    def parts_of(frame: Eigenframe) -> Float:
        return np.stack([part(frame, THETA, component) for part, _ in PARTS.values()])

    along = dict.fromkeys([*needs_of(cycle, parts_of).derivatives, *cycle.directions])
    frame = eigenframe(cycle, [*along], k=k, theta=theta)
    joined = checked_degeneracy(cycle, degeneracy).joined(frame, cycle.lattice, rounding=False)
    refuse_groups(joined, energy=cycle.units.energy)
    parts = parts_of(frame).reshape(len(PARTS), len(y), len(x), cycle.size)
    dims = ["ky", "kx", "band"]
    each = zip(PARTS.items(), parts, strict=True)
    return labelled(
        {
            **{name: (dims, part, UNIT, description) for (name, (_, description)), part in each},
            "shift": (dims, parts.sum(axis=0), UNIT, "d_B a^t"),
        },
        {"kx": ("kx", x, WAVE), "ky": ("ky", y, WAVE), "band": np.arange(cycle.size)},
        theta=float(theta),
        component=component,
        model=cycle.digest,
    )
