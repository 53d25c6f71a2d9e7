"""Charge pumped by a cycle."""

from __future__ import annotations

import numpy as np

from adiabloch.engine import THETA, checked_chern_numbers, checked_cycle, chosen_group, labelled, named_group, response
from adiabloch.engine.types import Cycle, Dataset, Unit
from adiabloch.geometry.chern import chern_number
from adiabloch.lattice import AXES


@response()
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

    References
    ----------
    D. J. Thouless, Phys. Rev. B 27, 6083 (1983).

    Examples
    --------
    >>> import adiabloch as ab
    >>> int(ab.pumped_charge(ab.models.thouless_pump(0.5, 0.3), occupied=1).charge[0])
    1
    """
    cycle = checked_cycle(cycle)
    group, note = chosen_group(cycle, occupied, bands)
    checked_chern_numbers(cycle, group)
    charges = np.array([chern_number(cycle, group, (THETA, k)) for k in cycle.lattice.directions])
    dipole = charges @ cycle.lattice.vectors
    return labelled(
        {
            "charge": (["vector"], charges, Unit(charge=1), "charge pumped in a period"),
            "dipole": (["component"], dipole, Unit(charge=1, length=1), "dipole moment pumped in a period"),
        },
        {"vector": np.arange(len(charges)), "component": list(AXES[: len(charges)])},
        model=cycle.digest,
        **named_group(group),
        **note,
    )
