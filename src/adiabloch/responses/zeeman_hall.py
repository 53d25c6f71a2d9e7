"""Anomalous Hall effect in a Zeeman field."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import (
    ACROSS,
    Options,
    Part,
    Response,
    SurfaceTerm,
    all_axes,
    checked_spins,
    components,
    of_metal,
    response,
)
from adiabloch.engine.types import ArrayLike, Dataset, Eigenframe, Float, Spin, TightBinding, Unit
from adiabloch.geometry.transport import curvature_by_observable


def hall(frame: Eigenframe, component: str, magnetic_field: str) -> Float:
    """Minus the change of the Berry curvature, at the Fermi surface; (P, N)."""
    return -curvature_by_observable(frame, component, f"s{magnetic_field}")


ZEEMAN_HALL = Response(
    "anomalous Hall effect in a Zeeman field",
    unit=Unit(charge=2, energy=-1, length=2),
    parts={"total": Part((SurfaceTerm(hall),))},
    axes={"component": components, "magnetic_field": all_axes},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=1,
    inversion=1,
    long_name="Hall conductivity per Zeeman energy",
    observables=checked_spins,
)


@response(ZEEMAN_HALL)
def zeeman_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    spin_operators: Spin | None = None,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Anomalous Hall effect that a Zeeman field on the spins induces; the planar Hall effect if the field is in plane.

    .. math:: \frac{\partial \sigma_{xy}}{\partial h_j}
              = -e^2 \frac{\partial}{\partial h_j} \int \frac{dk}{(2\pi)^d} \sum_n f_n \Omega^{xy}_n
              = e^2 \int \frac{dk}{(2\pi)^d} \sum_n (-f_n') \Big( \langle s_j \rangle_n \Omega^{xy}_n
                + v^x_n \Omega^{y h_j}_n + v^y_n \Omega^{h_j x}_n \Big)

    for H + h s at a fixed chemical potential. In a magnetic field h = g mu_B B/hbar. The response of the orbital motion
    is `adiabloch.magneto_nonlinear_hall`. In an insulator it vanishes.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` of the Hall vector ("z" is sigma_xy, as for `adiabloch.anomalous_hall`)
        and `magnetic_field` j ("x", "y", "z"): in units of e^2/energy (2D; per length in 3D), for spins in units of
        hbar and h in energy/hbar.

    Examples
    --------
    A massive Dirac cone: -e^2/(8 pi mu), whatever the mass, since a field along z changes the mass.

    >>> import adiabloch as ab
    >>> sx, sy, sz = 2 * ab.models.spin_operators(2)
    >>> terms = {(0, 0): 0.1 * sz, (1, 0): sx, (0, 1): sy}
    >>> cone = ab.models.from_kp(terms, cutoff=2.0, boundary=2 * sz, spin=ab.models.spin_operators(2))
    >>> found = ab.zeeman_hall(cone, chemical_potential=0.2, tolerance=1e-3).total
    >>> f"{float(found.sel(component='z', magnetic_field='z')):.4f}"  # 1/(8 pi 0.2) = 0.1989
    '-0.1990'
    """
    return of_metal(
        ZEEMAN_HALL, model, chemical_potential, temperature, options, degeneracy=degeneracy, operators=spin_operators
    )
