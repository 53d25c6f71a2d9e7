"""Electric polarization of insulators."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from adiabloch.engine import GaugeTerm, Options, Part, Response, cartesian, of_insulator, response
from adiabloch.engine.quanta import Quantum, polarization_quantum, smallest_polarization_quantum
from adiabloch.engine.types import Dataset, Float, ProjectionChoice, SmoothGauge, TightBinding, Unit


def berry_connection(gauge: SmoothGauge, component: str) -> Float:
    """Trace of the Berry connection; (P,)."""
    return np.asarray(gauge.connection(f"k{component}").trace(axis1=1, axis2=2).real)


POLARIZATION = Response(
    "polarization",
    unit=Unit(charge=1, length=1),
    parts={"polarization": Part((GaugeTerm(berry_connection),))},
    axes={"component": cartesian},
    time_reversal=1,
    inversion=-1,
    reference="R. D. King-Smith, D. Vanderbilt, Phys. Rev. B 47, 1651 (1993)",
    long_name="electronic polarization",
    empty=0,
    natural_size=smallest_polarization_quantum,
    completed=Quantum(polarization_quantum, "quantum of the polarization", principal=True),
)


@response(POLARIZATION)
def polarization(
    model: TightBinding,
    occupied: int | None = None,
    *,
    bands: int | tuple[int, int] | None = None,
    projections: ProjectionChoice = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Electric polarization of the electrons of an insulator, modulo its quantum.

    .. math:: P = e \int \frac{dk}{(2\pi)^d}\, \mathrm{tr} A, \qquad A = i \langle u | \partial_k u \rangle

    Parameters
    ----------
    occupied : int, optional
        Number of occupied bands; all of them for Wannier functions of the valence bands.
    tolerance : float
        Accuracy relative to the quantum.

    Returns
    -------
    xarray.Dataset
        `polarization` and `error` over `component`: dipole moment per length, area or volume, in units of e and the
        length unit of the model; and `quantum` over `generator` and `component`: the lattice vectors over the measure
        of the cell, modulo which the polarization is defined. Its components along these lie between -1/2 and 1/2. The
        ions are not included.

    Examples
    --------
    >>> import adiabloch as ab
    >>> chain = ab.models.rice_mele(delta=0.0, dimerization=0.3)  # charges at the centres of the strong bonds
    >>> float(ab.polarization(chain, occupied=1).polarization[0].round(6))
    0.25
    """
    return of_insulator(POLARIZATION, model, occupied, options, bands=bands, projections=projections)
