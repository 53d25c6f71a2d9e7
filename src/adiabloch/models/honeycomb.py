"""Honeycomb models: gapped graphene and a cycle of its bonds."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.lattice import Lattice
from adiabloch.models.arguments import validated_arguments
from adiabloch.models.cycle import Cycle
from adiabloch.models.tight_binding import TightBinding

LATTICE = np.sqrt(3.0) * np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])
"""Primitive vectors for bond length 1."""
BONDS = np.array([[np.sqrt(0.75), 0.5], [-np.sqrt(0.75), 0.5], [0.0, -1.0]])
"""Vectors from A to its three neighbours B."""
CELLS = ((0, 0), (-1, 0), (0, -1))
"""Cells of these neighbours."""
SECOND = ((1, 0), (0, 1), (1, -1))
"""Three of the six second neighbours; the other three are their opposites."""


def honeycomb_sites(bond: float = 1.0) -> tuple[Lattice, Float]:
    """Lattice and site positions: A at the origin, B at the end of the first bond."""
    return Lattice(bond * LATTICE), bond * np.array([[0.0, 0.0], BONDS[0]])


@validated_arguments
def gapped_honeycomb(delta: float, t1: float = 0.0, t0: float = 1.0, bond: float = 1.0) -> TightBinding:
    r"""Honeycomb lattice with a staggered potential and second-neighbour hopping (Eq. 22).

    .. math:: H = t_0 (F_R \sigma_x - F_{Im} \sigma_y) + \Delta \sigma_z + t_1 F_{NN} \sigma_0

    with F_R + i F_Im the sum of exp(i k.d) over the three bonds d from A to B, and
    F_NN = 2 cos(2x) + 4 cos(x) cos(3y) + 3, x = sqrt(3) k_x a0/2, y = k_y a0/2. (The second-neighbour factor printed
    in the paper is not periodic on this lattice: it uses a0 as the lattice constant instead of sqrt(3) a0.)

    Parameters
    ----------
    delta : float
        Staggered potential, +delta on A; the gap is 2 delta.
    t1 : float
        Second-neighbour hopping; it breaks particle-hole symmetry.
    t0 : float
        Nearest-neighbour hopping, the unit of energy.
    bond : float
        Bond length a0.

    Returns
    -------
    TightBinding
        Model with orbitals A, B.

    References
    ----------
    C. Xiao, Y. Ren, B. Xiong, Phys. Rev. B 103, 115432 (2021).
    """
    lattice, sites = honeycomb_sites(bond)
    bonds = [(t0, 0, 1, cell) for cell in CELLS] + [(t1, site, site, cell) for cell in SECOND for site in (0, 1)]
    return TightBinding.from_bonds(lattice, sites, [3 * t1 + delta, 3 * t1 - delta], bonds, reduced=False)


@validated_arguments
def rotating_bonds(model: TightBinding, amplitude: float) -> Cycle:
    r"""Cycle of a honeycomb model whose two atoms move on circles in opposite phase (Eqs. (23), (24)).

    The hopping along the bond d from A to B changes by amplitude * d.(cos theta, sin theta)/\|d\|, equally for all
    states (spin) of the sites.

    Parameters
    ----------
    model : TightBinding
        Honeycomb model with the same number of states on A and B; all states of A first.
    amplitude : float
        Change of the hopping, delta t0; a negative one shifts the cycle by half a period.

    Returns
    -------
    Cycle
        Anticlockwise motion; `reversed()` gives the clockwise one.

    Raises
    ------
    InvalidArgumentError
        The model does not have three equal bonds from A to B.
    """
    half = model.size // 2
    bonds = model.bonds
    if model.lattice.dimension != 2 or model.size % 2 or model.size == 0:
        raise InvalidArgumentError("rotating_bonds: expected a 2D honeycomb model with as many states on A as on B")
    from_a_to_b = bonds[:, :half, half:]
    length = np.sqrt((from_a_to_b**2).sum(axis=-1))
    nearest = (np.abs(length - length.min()) < 1e-6 * length.min()) & np.eye(half, dtype=bool)
    if length.min() <= 0 or nearest.sum() != 3 * half:
        raise InvalidArgumentError(
            f"rotating_bonds: expected three equal bonds from each A to its B, found {int(nearest.sum())} for {half} "
            "states on A; the model must list all states of A, then those of B. Other models move by `displaced`, in "
            "Cycle.from_function"
        )

    def rotated(theta: float) -> TightBinding:
        along = from_a_to_b @ np.array([np.cos(theta), np.sin(theta)]) / length
        change: Complex = np.zeros_like(model.amplitudes)
        change[:, :half, half:] = amplitude * np.where(nearest, along, 0.0)
        opposite = [int(np.flatnonzero((model.translations == -R).all(axis=1))[0]) for R in model.translations]
        change += change[opposite].conj().swapaxes(1, 2)
        hoppings = {tuple(map(int, R)): h for R, h in zip(model.translations, model.amplitudes + change, strict=True)}
        return TightBinding(model.lattice, model.positions, hoppings, model.spin, reduced=False)

    return Cycle.from_function(rotated, samples=4)
