"""One-dimensional models of charge pumping."""

from __future__ import annotations

import numpy as np

from adiabloch.models.arguments import validated_arguments
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding


@validated_arguments
def rice_mele(delta: float, dimerization: float, t: float = 1.0) -> TightBinding:
    r"""Rice-Mele chain: on-site energies +-delta and hoppings t +- dimerization, with lattice constant one.

    Parameters
    ----------
    delta : float
        Staggered potential, +delta on A.
    dimerization : float
        The hopping is t + dimerization within the cell and t - dimerization to the next cell.
    t : float
        Mean hopping.

    Returns
    -------
    TightBinding
        Model with orbitals A at 0 and B at 1/2.

    References
    ----------
    M. J. Rice, E. J. Mele, Phys. Rev. Lett. 49, 1455 (1982).
    """
    bonds = [(t + dimerization, 0, 1, (0,)), (t - dimerization, 1, 0, (1,))]
    return TightBinding.from_bonds([[1.0]], [[0.0], [0.5]], [delta, -delta], bonds)


@validated_arguments
def thouless_pump(delta: float, dimerization: float, t: float = 1.0) -> Cycle:
    """Cycle of the Rice-Mele chain around its metallic point: a pump of one electron per period.

    For positive amplitudes the electrons move by one cell along +x.

    Parameters
    ----------
    delta : float
        Amplitude of the staggered potential, delta sin(theta).
    dimerization : float
        Amplitude of the dimerization, dimerization cos(theta).
    t : float
        Mean hopping.

    Returns
    -------
    Cycle

    References
    ----------
    D. J. Thouless, Phys. Rev. B 27, 6083 (1983).
    """
    return Cycle.from_function(
        lambda theta: rice_mele(delta * np.sin(theta), dimerization * np.cos(theta), t), samples=4
    )
