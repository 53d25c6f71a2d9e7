"""Orbital magnetization in equilibrium."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import FLAT, Options, Part, Response, SeaTerm, components, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, Float, TightBinding, Unit
from adiabloch.geometry.filled import filled_hall, filled_moment
from adiabloch.occupation import Scan


def fermi_energy(scan: Scan) -> Float:
    """Chemical potentials relative to the origin of the energies, (M,)."""
    return scan.potentials - scan.middle


MOMENT = SeaTerm(filled_moment)
ORBITAL_MAGNETIZATION = Response(
    "orbital magnetization",
    unit=Unit(charge=1, energy=1, hbar=-1, length=2),
    # f m + g Omega with -g = T s + (mu - E) f, for pairs of filled and empty states
    parts={"total": Part((MOMENT, SeaTerm(filled_hall, scale=fermi_energy), SeaTerm(filled_hall, "entropy")))},
    axes={"component": components},
    dimensions=(2, 3),
    reason=FLAT,
    time_reversal=-1,
    inversion=1,
    equation="Eq. (7)",
    from_middle=True,
)


@response(ORBITAL_MAGNETIZATION)
def orbital_magnetization(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = 0.0,
    **options: Unpack[Options],
) -> Dataset:
    r"""Orbital magnetization in equilibrium, of metals, insulators and Chern insulators. Implements Eq. (7).

    .. math:: M_0 = \int \frac{dk}{(2\pi)^d} \sum_n (f_n m_n + e\, g_n \Omega_n), \qquad
              g = -k_B T \log(1 + e^{(\mu - E)/k_B T})

    Pairs of filled states cancel between the two terms and are left out, so that bands may touch below the Fermi level.
    Wannier models contain the moment by way of states outside their functions if these are known
    (`TightBinding.outside`, `io.read_chk`).

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component`: moment per area (2D) or volume, in units of e times the energy unit over
        hbar (3D: per length).

    Examples
    --------
    >>> import adiabloch as ab
    >>> import numpy as np
    >>> model = ab.models.haldane(delta=2.0, t2=1 / 3, phi=0.2 * np.pi)
    >>> magnetization = ab.orbital_magnetization(model, chemical_potential=0.0, tolerance=1e-6)
    >>> f"{float(magnetization.total.sel(component='z')):.6e}"
    '-4.525454e-03'
    """
    return of_metal(ORBITAL_MAGNETIZATION, model, chemical_potential, temperature, options, degeneracy=degeneracy)
