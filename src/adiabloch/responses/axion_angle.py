"""Axion angle of three-dimensional insulators."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from adiabloch.engine import GaugeTerm, Options, Part, Response, of_insulator, response
from adiabloch.engine.axion import half_turn, principal_angle
from adiabloch.engine.types import Dataset, Float, ProjectionChoice, SmoothGauge, TightBinding, Unit
from adiabloch.geometry.gauge import chern_simons_form


def angle(gauge: SmoothGauge) -> Float:
    """Integrand of the axion angle times the volume of the cell, -(1/4 pi) (2 pi)^3 CS; (P,)."""
    return -2 * np.pi**2 * chern_simons_form(gauge, "kx", "ky", "kz")


AXION_ANGLE = Response(
    "axion angle",
    unit=Unit(length=3),
    parts={"axion_angle": Part((GaugeTerm(angle),))},
    dimensions=(3,),
    time_reversal=-1,
    inversion=-1,
    equation="the angle below Eq. (18)",
    empty=0,
    natural_size=half_turn,
    completed=principal_angle,
)


@response(AXION_ANGLE)
def axion_angle(
    model: TightBinding,
    occupied: int | None = None,
    *,
    bands: int | tuple[int, int] | None = None,
    projections: ProjectionChoice = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Axion angle of a three-dimensional insulator, the Chern-Simons integral over its Brillouin zone.

    .. math:: \theta = -\frac{1}{4\pi} \int d^3k\, \mathrm{tr} \Big[ A\, dA - \frac{2i}{3} A^3 \Big]

    for any number of degenerate bands.

    Parameters
    ----------
    occupied : int, optional
        Number of occupied bands; all of them for Wannier functions of the valence bands.
    tolerance : float
        Accuracy in units of pi.

    Returns
    -------
    xarray.Dataset
        `axion_angle` in (-pi, pi], defined modulo 2 pi, and `error`, in radians. The smallest overlap of the
        projections with the occupied states is an attribute.

    Examples
    --------
    >>> import adiabloch as ab
    >>> insulator = ab.models.fu_kane_mele(beta=3.141592653589793)  # time reversal holds: topological
    >>> f"{float(ab.axion_angle(insulator, occupied=2, tolerance=1e-4).axion_angle):.4f}"
    '3.1416'
    """
    return of_insulator(AXION_ANGLE, model, occupied, options, bands=bands, projections=projections)
