"""Molecular Berry curvature: the force of the electrons on moving atoms."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import BandTerm, Options, Part, Response, response
from adiabloch.engine.deformations import PAIR, of_deformation, pair_of
from adiabloch.engine.types import Dataset, Deformation, Eigenframe, Float, Group, Unit
from adiabloch.geometry.lattice_response import berry_curvature


def displacement_curvature(frame: Eigenframe, group: Group, pair: str) -> Float:
    """Berry curvature tr F along two displacements; (P,)."""
    return berry_curvature(frame, group, *pair_of(pair))


MOLECULAR_BERRY_CURVATURE = Response(
    "molecular Berry curvature",
    unit=Unit(length=-2),
    parts={"total": Part((BandTerm(displacement_curvature),))},
    axes={PAIR: None},
    time_reversal=-1,
    inversion=1,
    reference="C. A. Mead, D. G. Truhlar, J. Chem. Phys. 70, 2284 (1979); "
    "D. Saparov, B. Xiong, Y. Ren, Q. Niu, Phys. Rev. B 105, 064303 (2022)",
    long_name="molecular Berry curvature of a cell",
    per_cell=True,
)


@response(MOLECULAR_BERRY_CURVATURE)
def molecular_berry_curvature(deformation: Deformation, occupied: int, **options: Unpack[Options]) -> Dataset:
    r"""Berry curvature of the electrons of a cell along two displacements of the atoms.

    .. math:: G_{ij} = V \int \frac{dk}{(2\pi)^d}\, \mathrm{tr} F_{u_i u_j}

    Moving atoms feel the force F_i = hbar sum_j G_ij du_j/dt, as charges do in a magnetic field. It vanishes in
    crystals with time reversal symmetry.

    Returns
    -------
    xarray.Dataset
        `total` and `error` over `displacement` and `displacement_2`, antisymmetric, for one electron in each state, in
        inverse squares of the length unit of the model (times hbar).

    Raises
    ------
    InvalidArgumentError
        An argument out of range, or a single displacement.
    GapClosedError
        The gap closes at some k, or occupied levels lie above empty levels (`OverlappingBandsError`).
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True; the error contains the best estimate.

    Examples
    --------
    >>> import adiabloch as ab
    >>> model = ab.models.haldane(t1=1.0, t2=0.1, phi=1.2, delta=1.0)
    >>> deformation = ab.Deformation.from_law(model, ab.models.exponential(3.0))
    >>> curvature = ab.molecular_berry_curvature(deformation, occupied=1)
    >>> f"{float(curvature.total.sel(displacement='0x', displacement_2='0y')):.4f}"
    '0.6491'
    """
    return of_deformation(MOLECULAR_BERRY_CURVATURE, deformation, occupied, options)
