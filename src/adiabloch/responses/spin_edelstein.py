"""Spin Edelstein effect."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import (
    Options,
    Part,
    Response,
    SurfaceTerm,
    all_axes,
    cartesian,
    checked_spins,
    of_metal,
    response,
)
from adiabloch.engine.types import ArrayLike, Dataset, Eigenframe, Float, Spin, TightBinding, Unit
from adiabloch.geometry.transport import observable_times_velocity


def spin(frame: Eigenframe, component: str, field: str) -> Float:
    """Product of spin and velocity of each level; (P, N)."""
    return observable_times_velocity(frame, f"s{component}", field)


SPIN_EDELSTEIN = Response(
    "spin Edelstein effect",
    unit=Unit(charge=1, length=1),
    parts={"total": Part((SurfaceTerm(spin),))},
    axes={"component": all_axes, "field": cartesian},
    time_reversal=1,
    inversion=-1,
    reference="V. M. Edelstein, Solid State Communications 73, 233 (1990)",
    observables=checked_spins,
)


@response(SPIN_EDELSTEIN)
def spin_edelstein(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    spin_operators: Spin | None = None,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Spin Edelstein effect: spin accumulated by a current, per relaxation time.

    .. math:: S_i = \tau \chi_{ij} E_j, \qquad
              \chi_{ij} = e \int \frac{dk}{(2\pi)^d} \sum_n (-f_n')\, \langle s_i \rangle_n v^j_n

    The magnetization is -g mu_B/hbar times it. `adiabloch.orbital_edelstein` gives that of the orbital motion, and
    `adiabloch.spin_magnetoelectric` the spin without a relaxation time.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` i ("x", "y", "z") and `field` j: chi_ij in units of e (1D: times length;
        2D: per length^0; 3D: per length).

    Examples
    --------
    Electrons of mass m and Rashba coupling alpha, with both bands filled: m alpha/(4 pi).

    >>> import adiabloch as ab
    >>> import numpy as np
    >>> sx, sy, sz = 2 * ab.models.spin_operators(2)
    >>> terms = {(2, 0): 0.5 * np.eye(2), (0, 2): 0.5 * np.eye(2), (1, 0): 0.2 * sy, (0, 1): -0.2 * sx}
    >>> gas = ab.models.from_kp(terms, cutoff=2.0, spin=ab.models.spin_operators(2))
    >>> found = ab.spin_edelstein(gas, chemical_potential=0.1, tolerance=1e-3).total
    >>> f"{float(found.sel(component='x', field='y')):.4f}"  # 0.2/(4 pi) = 0.0159
    '0.0158'
    """
    return of_metal(
        SPIN_EDELSTEIN, model, chemical_potential, temperature, options, degeneracy=degeneracy, operators=spin_operators
    )
