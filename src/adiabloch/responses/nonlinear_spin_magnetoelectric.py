"""Spin of second order in an electric field."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from adiabloch.engine import (
    BandTerm,
    Filling,
    Options,
    Part,
    Response,
    SeaTerm,
    SurfaceTerm,
    all_axes,
    cartesian,
    of_crystal,
    response,
    spins_and_slopes,
)
from adiabloch.engine.types import ArrayLike, BandCounts, Dataset, Eigenframe, Float, Group, Spin, TightBinding, Unit
from adiabloch.geometry.second_order import (
    filled_energy_slope,
    observable_of_second_order,
    polarization_energy_slope,
)


def occupied_spin(frame: Eigenframe, group: Group, component: str, field: str, other_field: str) -> Float:
    """Spin of the occupied bands; (P,)."""
    return polarization_energy_slope(frame, group, f"s{component}", f"k{field}", f"k{other_field}")


def filled_spin(frame: Eigenframe, band_counts: BandCounts, component: str, field: str, other_field: str) -> Float:
    """Spin for several numbers of filled bands at given energies; (P, counts)."""
    return filled_energy_slope(frame, band_counts, f"s{component}", f"k{field}", f"k{other_field}")


def spin_of_levels(frame: Eigenframe, component: str, field: str, other_field: str) -> Float:
    """Spin that depends on the Fermi surface; (P, N)."""
    return observable_of_second_order(frame, f"s{component}", f"k{field}", f"k{other_field}")


METAL = Response(
    "nonlinear spin response",
    unit=Unit(charge=2, hbar=1, energy=-2, length=2),
    parts={"total": Part((SeaTerm(filled_spin), SurfaceTerm(spin_of_levels)))},
    axes={"component": all_axes, "field": cartesian, "other_field": cartesian},
    time_reversal=-1,
    inversion=1,
    reference="C. Xiao, H. Liu, W. Wu, H. Wang, Q. Niu, S. A. Yang, Phys. Rev. Lett. 129, 086602 (2022)",
    observables=spins_and_slopes,
)
INSULATOR = replace(METAL, parts={"total": Part((BandTerm(occupied_spin),))})


@response(METAL)
def nonlinear_spin_magnetoelectric(
    model: TightBinding,
    occupied: int | None = None,
    spin_operators: Spin | None = None,
    *,
    degeneracy: float | None = None,
    chemical_potential: ArrayLike | None = None,
    temperature: ArrayLike = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Intrinsic spin of second order in an electric field, in insulators and metals.

    .. math:: S_i = \chi_{ijk} E_j E_k, \qquad
              \chi_{ijk} = \frac{e^2}{2} \frac{\partial}{\partial h_i} \int \frac{dk}{(2\pi)^d} \sum_n f_n G^{jk}_n
              + e^2 \int \frac{dk}{(2\pi)^d} \sum_n (-f_n') \Big[ \langle s_i \rangle_n G^{jk}_n
              - \tfrac12 v^j_n G^{h_i k}_n - \tfrac12 v^k_n G^{h_i j}_n \Big]

    for H + h s, with the Berry connection polarizabilities G in k and h. It does not depend on the relaxation time and
    is allowed in magnets with inversion symmetry. In an insulator only the derivative of the energy is left.

    Parameters
    ----------
    occupied : int, optional
        Number of occupied bands of an insulator.
    chemical_potential : float or array_like, optional
        In place of `occupied`, for metals and insulators alike.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` i of the spin ("x", "y", "z"), `field` j and `other_field` k, symmetric in
        the fields: spin per length, area or volume, in units of e^2 hbar/energy^2 (times length^(2-d)).

    Examples
    --------
    A massive Dirac cone: 1/(48 pi m^2) = 0.66 for a linear dispersion.

    >>> import adiabloch as ab
    >>> sx, sy, sz = 2 * ab.models.spin_operators(2)
    >>> terms = {(0, 0): 0.1 * sz, (1, 0): sx, (0, 1): sy}
    >>> cone = ab.models.from_kp(terms, cutoff=2.0, boundary=2 * sz, spin=ab.models.spin_operators(2))
    >>> found = ab.nonlinear_spin_magnetoelectric(cone, occupied=1).total
    >>> f"{float(found.sel(component='z', field='x', other_field='x')):.2f}"
    '0.69'
    """
    filling = Filling(occupied, chemical_potential, temperature, degeneracy)
    return of_crystal(METAL, (INSULATOR,), model, filling, options, operators=spin_operators)
