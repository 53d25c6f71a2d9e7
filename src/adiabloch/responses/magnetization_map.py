"""Pumped magnetization over the Brillouin zone."""

from __future__ import annotations

from adiabloch.engine import FLAT, THETA, LevelTerm, Part, Response, components, response
from adiabloch.engine.band_map import map_of
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, Eigenframe, Float, Unit
from adiabloch.geometry.induced import basis_curvature_part, interband_part, metric_curl_part


def interband(frame: Eigenframe, component: str) -> Float:
    """First term of Eq. (8) of each band; (P, N)."""
    return interband_part(frame, THETA, component)


def metric_curl(frame: Eigenframe, component: str) -> Float:
    """Second term of Eq. (8) of each band; (P, N)."""
    return metric_curl_part(frame, THETA, component)


def basis_curvature(frame: Eigenframe, component: str) -> Float:
    """Contribution of the curvature of the basis for each band; (P, N)."""
    return basis_curvature_part(frame, THETA, component)


INTERBAND, METRIC, BASIS = LevelTerm(interband), LevelTerm(metric_curl), LevelTerm(basis_curvature)
MAGNETIZATION_MAP = Response(
    "pumped magnetization of single bands",
    unit=Unit(charge=1, omega=1, length=2),
    parts={
        "interband": Part((INTERBAND,), "interband part of d_B a^t"),
        "metric_curl": Part((METRIC,), "metric-curl part of d_B a^t"),
        "basis_curvature": Part((BASIS,), "basis-curvature part of d_B a^t"),
        "shift": Part((INTERBAND, METRIC, BASIS), "d_B a^t"),
    },
    axes={"component": components},
    dimensions=(2, 3),
    reason=FLAT,
    time_reversal=1,
    inversion=1,
    equation="Eq. (8)",
    per_cell=True,
    cycle=True,
)


@response(MAGNETIZATION_MAP, checkpoint=False)
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
        times the square of the length. The coordinates `outline_kx`, `outline_ky` are the corners of the zone.

    Raises
    ------
    DegenerateBandsError
        Bands touch or count as degenerate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cycle = ab.models.rotating_bonds(ab.models.gapped_honeycomb(delta=0.2, t1=0.1), amplitude=0.1)
    >>> found = ab.magnetization_map(cycle, kx=[0.5], ky=[2.0])
    >>> [f"{float(one):.4f}" for one in found["shift"][0, 0]]
    ['0.0106', '0.0052']
    """
    return map_of(MAGNETIZATION_MAP, cycle, {"kx": kx, "ky": ky, "kz": kz}, theta, component, degeneracy)
