"""Intrinsic spin Hall effect."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import (
    ACROSS,
    Options,
    Part,
    Response,
    SeaTerm,
    all_axes,
    cartesian,
    checked_spins,
    of_metal,
    response,
)
from adiabloch.engine.types import ArrayLike, BandCounts, Dataset, Eigenframe, Float, Spin, TightBinding, Unit
from adiabloch.geometry.transport import filled_observable_current


def spin_current(frame: Eigenframe, band_counts: BandCounts, spin: str, component: str, field: str) -> Float:
    """Spin current of filled bands in a field; (P, counts)."""
    return filled_observable_current(frame, band_counts, f"s{spin}", component, field)


SPIN_HALL = Response(
    "spin Hall conductivity",
    unit=Unit(charge=1, length=2),
    parts={"total": Part((SeaTerm(spin_current),))},
    axes={"spin": all_axes, "component": cartesian, "field": cartesian},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=1,
    inversion=1,
    reference="J. Sinova et al., Rev. Mod. Phys. 87, 1213 (2015)",
    observables=checked_spins,
)


@response(SPIN_HALL)
def spin_hall(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    spin_operators: Spin | None = None,
    *,
    degeneracy: float | None = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic spin Hall conductivity, in metals and insulators.

    .. math:: J^s_i = \tfrac12 \{s, v_i\}, \qquad \sigma^s_{ij} = \frac{\partial J^s_i}{\partial E_j}
              = 2 e \int \frac{dk}{(2\pi)^d} \sum_n f_n \sum_{m \ne n}
                \mathrm{Im} \frac{(J^s_i)_{nm} (v_j)_{mn}}{(E_m - E_n)^2}

    with the conventional spin current. The current of any other observable is `adiabloch.observable_current`.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `spin` ("x", "y", "z"), `component` i of the current and `field` j, in units of e (3D:
        per length), with spins in units of hbar. Times e/hbar it is in units of (hbar/e) times a conductivity: a spin
        Chern number C_s, half the difference of the Chern numbers of the two spins, gives
        sigma^z_xy = -C_s/(2 pi) e.

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> insulator = ab.models.kane_mele(delta=0.0, intrinsic=0.1)
    >>> found = ab.spin_hall(insulator, chemical_potential=0.0, tolerance=1e-3)
    >>> f"{2 * np.pi * float(found.total.sel(spin='z', component='x', field='y')):.3f}"
    '1.000'
    """
    return of_metal(
        SPIN_HALL, model, chemical_potential, temperature, options, degeneracy=degeneracy, operators=spin_operators
    )
