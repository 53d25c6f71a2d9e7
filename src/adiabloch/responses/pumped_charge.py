"""Charge pumped by a cycle."""

from __future__ import annotations

from adiabloch.engine import THETA, ChernTerm, Part, Response, cartesian, response
from adiabloch.engine.cycles import of_chern_numbers
from adiabloch.engine.preflight import ChernNumbers
from adiabloch.engine.types import Cycle, Dataset, Unit
from adiabloch.lattice import AXES, Lattice


def vectors(dimension: int) -> range:
    """Numbers of the lattice vectors."""
    return range(dimension)


def charge(numbers: ChernNumbers, lattice: Lattice, vector: int) -> int:
    """Chern number of theta and the wave number along a lattice vector."""
    return -numbers[lattice.directions[vector], THETA]


def dipole(numbers: ChernNumbers, lattice: Lattice, component: str) -> float:
    """Sum of the lattice vectors times the charges."""
    charges = [charge(numbers, lattice, vector) for vector in vectors(lattice.dimension)]
    return float((charges @ lattice.vectors)[AXES.index(component)])


PUMPED_CHARGE = Response(
    "charge pumped in a period",
    unit=Unit(charge=1, length=1),
    parts={
        "charge": Part((ChernTerm(charge, {"vector": vectors}),), unit=Unit(charge=1)),
        "dipole": Part((ChernTerm(dipole),), "dipole moment of a cell"),
    },
    axes={"component": cartesian},
    time_reversal=1,
    inversion=-1,
    reference="D. J. Thouless, Phys. Rev. B 27, 6083 (1983)",
    per_cell=True,
    cycle=True,
    empty=0,
)


@response(PUMPED_CHARGE)
def pumped_charge(cycle: Cycle, occupied: int | None = None, *, bands: int | tuple[int, int] | None = None) -> Dataset:
    r"""Charge that a cycle pumps along each lattice vector, an integer.

    .. math:: C_i = \frac{1}{2\pi} \oint d\theta \int d\kappa_i\, \mathrm{tr} F_{\theta \kappa_i}

    with kappa_i = k.a_i: in a period, C_i electrons pass each cell along a_i.

    Parameters
    ----------
    occupied : int, optional
        Number of occupied bands. If all bands are occupied, as for Wannier functions of the valence bands, the charge
        is zero.

    Returns
    -------
    xarray.Dataset
        `charge` over `vector` (0 for a1, ...), integers in units of e; `dipole` over `component`, sum_i C_i a_i: the
        change of the dipole moment of a cell in a period, in units of e times length.

    Raises
    ------
    GapClosedError
        The gap closes at some point of the cycle, or occupied levels lie above empty levels at some phase
        (`OverlappingBandsError`).

    Examples
    --------
    >>> import adiabloch as ab
    >>> int(ab.pumped_charge(ab.models.thouless_pump(0.5, 0.3), occupied=1).charge[0])
    1
    """
    return of_chern_numbers(PUMPED_CHARGE, cycle, occupied, bands)
