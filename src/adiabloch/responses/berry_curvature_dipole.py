"""Berry curvature dipole."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import ACROSS, Options, Part, Response, SurfaceTerm, cartesian, components, of_metal, response
from adiabloch.engine.types import ArrayLike, Dataset, Eigenframe, Float, TightBinding, Unit
from adiabloch.geometry.bands import K_PLANES, berry_curvature_times


def dipole(frame: Eigenframe, axis: str, component: str) -> Float:
    """v_a Omega_b of each level, (P, N)."""
    return berry_curvature_times(frame, frame.derivative(f"k{axis}"), *K_PLANES[component])


BERRY_CURVATURE_DIPOLE = Response(
    "Berry curvature dipole",
    unit=Unit(length=3),
    parts={"total": Part((SurfaceTerm(dipole),))},
    axes={"axis": cartesian, "component": components},
    dimensions=(2, 3),
    reason=ACROSS,
    time_reversal=1,
    inversion=-1,
    reference="I. Sodemann, L. Fu, Phys. Rev. Lett. 115, 216806 (2015)",
)


@response(BERRY_CURVATURE_DIPOLE)
def berry_curvature_dipole(
    model: TightBinding,
    chemical_potential: ArrayLike,
    temperature: ArrayLike = 0.0,
    *,
    degeneracy: float | None = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Dipole of the Berry curvature over the occupied states.

    .. math:: D_{ab} = \int \frac{dk}{(2\pi)^d} \sum_n f_n\, \partial_{k_a} \Omega^b_n
                     = \int \frac{dk}{(2\pi)^d} \sum_n (-f_n')\, v^a_n \Omega^b_n

    Times e^3 tau/(2 hbar^2) it is the nonlinear Hall conductivity of crystals with time reversal and a relaxation time.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `axis` a and `component` b, a length in 2D and a pure number in 3D.

    Examples
    --------
    >>> import adiabloch as ab
    >>> cone = ab.models.tilted_dirac(tilt=0.3, mass=0.1)
    >>> f"{float(ab.berry_curvature_dipole(cone, 0.15).total.sel(axis='x', component='z')):.4f}"
    '-0.0789'
    """
    return of_metal(BERRY_CURVATURE_DIPOLE, model, chemical_potential, temperature, options, degeneracy=degeneracy)
