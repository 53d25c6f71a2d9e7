"""Born effective charges of the electrons."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import BandTerm, Options, Part, Response, cartesian, response
from adiabloch.engine.deformations import SINGLE, of_deformation
from adiabloch.engine.types import Dataset, Deformation, Eigenframe, Float, Group, Unit
from adiabloch.geometry.lattice_response import berry_curvature


def dipole_slope(frame: Eigenframe, group: Group, component: str, displacement: str) -> Float:
    """Derivative of the electronic dipole, tr F along a displacement and k; (P,)."""
    return berry_curvature(frame, group, displacement, f"k{component}")


BORN_CHARGES = Response(
    "Born charges",
    unit=Unit(charge=1),
    parts={"total": Part((BandTerm(dipole_slope),))},
    axes={"component": cartesian, SINGLE: None},
    time_reversal=1,
    inversion=-1,
    reference="R. D. King-Smith, D. Vanderbilt, Phys. Rev. B 47, 1651 (1993)",
    long_name="dipole of the electrons of a cell per displacement",
    per_cell=True,
    empty=0,
)


@response(BORN_CHARGES)
def born_charges(deformation: Deformation, occupied: int, **options: Unpack[Options]) -> Dataset:
    r"""Born effective charges of the electrons: change of the dipole moment of a cell with each displacement.

    .. math:: Z_{a i} = V \frac{\partial P_a}{\partial u_i}
              = e V \int \frac{dk}{(2\pi)^d}\, \mathrm{tr} F_{u_i k_a}

    Parameters
    ----------
    occupied : int
        Number of occupied bands; all of them for Wannier functions of the valence bands.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `component` and `displacement`, in units of the charge e of an electron, one electron
        for each state. In elementary charges, with g electrons in each state and cores of charge Z, the Born charge of
        a displacement of one atom is Z - g times this number. Moved as a whole, the electrons of a cell carry as many
        charges as there are occupied bands.

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    GapClosedError
        The gap closes at some k, or occupied levels lie above empty levels (`OverlappingBandsError`).
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True; the error contains the best estimate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.gapped_honeycomb(delta=0.5, t1=0.1)
    >>> deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
    >>> charges = ab.born_charges(deformation, occupied=1).total.sel(component="x")
    >>> charges.sel(displacement=["0x", "1x"]).values.round(4).tolist()
    [-0.6812, 1.6812]
    """
    return of_deformation(BORN_CHARGES, deformation, occupied, options)
