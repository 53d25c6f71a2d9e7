"""Magnetic moments of moving atoms in a molecule."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import FLAT, BandTerm, Options, Response, components, response, total_and
from adiabloch.engine.deformations import SINGLE, of_deformation
from adiabloch.engine.types import Dataset, Deformation, Eigenframe, Float, Group, Unit
from adiabloch.geometry.induced import occupied_shift
from adiabloch.geometry.lattice_response import localized_chern_simons

IN_CRYSTAL = (
    "in a crystal the moment of a moving atom is not defined, only that of closed paths (magnetization_tensor); "
    "expected a molecule, a model without lattice vectors"
)


def perturbative_moment(frame: Eigenframe, group: Group, component: str, displacement: str) -> Float:
    """Perturbative moment along a displacement (Eq. 8); (P,)."""
    return occupied_shift(frame, group, displacement, component)


def chern_simons_moment(frame: Eigenframe, group: Group, component: str, displacement: str) -> Float:
    """Chern-Simons part of the moment along a displacement, of states within a molecule; (P,)."""
    return localized_chern_simons(frame, group, displacement, component)


AXIAL_TENSOR = Response(
    "moments of moving atoms",
    unit=Unit(charge=1, length=1),
    parts=total_and(perturbative=(BandTerm(perturbative_moment),), chern_simons=(BandTerm(chern_simons_moment),)),
    axes={"component": components, SINGLE: None},
    dimensions=(2, 3),
    reason=FLAT,
    time_reversal=1,
    inversion=1,
    equation="Eqs. (8), (17)",
    reference="P. J. Stephens, J. Phys. Chem. 89, 748 (1985)",
    long_name="moment of the electrons per velocity",
    per_cell=True,
    no_bulk=dict.fromkeys((2, 3), IN_CRYSTAL),
)


@response(AXIAL_TENSOR)
def axial_tensor(deformation: Deformation, occupied: int, **options: Unpack[Options]) -> Dataset:
    r"""Magnetic moment of the electrons of a molecule whose atoms move, per velocity of each displacement.

    .. math:: m_{a i} = \frac{\partial m_a}{\partial \dot u_i} = 2 \mathrm{Re} \sum_{nc}
              \frac{-A^{u_i}_{nc} m_{cn}}{E_n - E_c}
              - \frac{e}{4} \epsilon_{abc}\, 2\, \mathrm{tr}\, r_b F_{c u_i}

    with the moment of `pumped_magnetization` along the displacement in place of the cycle (Eq. 8), the matrix r of the
    position between the occupied states, and their curvature F of k and the displacement. The second part is the
    Chern-Simons form of states that do not leave the molecule. Chemists know the sum, with that of the nuclei, as the
    atomic axial tensor of vibrational circular dichroism. The moment of a rotating molecule is the sum of those of its
    atoms with the velocities of the rotation.

    Returns
    -------
    xarray.Dataset
        `total`, `perturbative`, `chern_simons` and `error` over `component` ("z" in 2D; x, y, z in 3D) and
        `displacement`, in units of the charge e of an electron and of the length unit, one electron for each state. An
        atom of charge Z at R has Z/2 times R x direction. About an origin moved by r it is less by half of r x the
        `born_charges`.

    Raises
    ------
    InvalidArgumentError
        An argument out of range.
    NoBulkDefinitionError
        A crystal: the moment per velocity is not a property of its bulk.
    GapClosedError
        There is no gap above the occupied states.
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True; the error contains the best estimate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> molecule = ab.TightBinding(None, [[0.0, 0.0], [1.5, 0.0]], [[-1.0, 0.4], [0.4, 1.0]])
    >>> deformation = ab.Deformation.from_law(molecule, ab.models.exponential(3.0))
    >>> moments = ab.axial_tensor(deformation, occupied=1).total.sel(component="z")
    >>> moments.values.round(4).tolist()
    [0.0, 0.0, 0.0, 0.0268]
    """
    return of_deformation(AXIAL_TENSOR, deformation, occupied, options)
