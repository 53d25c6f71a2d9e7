"""Topological models: Chern insulators, Dirac cones, and a model with a tunable axion angle."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from adiabloch.arrays import radians
from adiabloch.lattice import Lattice
from adiabloch.models.arguments import validated_arguments
from adiabloch.models.honeycomb import CELLS, honeycomb_sites
from adiabloch.models.hopping_laws import exponential
from adiabloch.models.spin import PAULI, SPIN
from adiabloch.models.tight_binding import TightBinding


@validated_arguments
def haldane(delta: float, t2: float, phi: float, t1: float = 1.0, bond: float = 1.0) -> TightBinding:
    r"""Haldane model of a Chern insulator.

    The nearest-neighbour hopping is t1. The second-neighbour hoppings of A along (sqrt3, 0) and (-sqrt3/2, +-3/2)
    bond lengths are t2 exp(i phi), those of B are t2 exp(-i phi). The gap closes at
    \|delta\| = 3 sqrt(3) \|t2 sin(phi)\|.

    Parameters
    ----------
    delta : float
        Staggered potential, +delta on A, -delta on B.
    t2, phi : float
        Second-neighbour hopping and its phase.
    t1 : float
        Nearest-neighbour hopping.
    bond : float
        Bond length.

    Returns
    -------
    TightBinding
        Model with orbitals A, B.

    References
    ----------
    F. D. M. Haldane, Phys. Rev. Lett. 61, 2015 (1988).
    """
    lattice, sites = honeycomb_sites(bond)
    second_neighbours = ((1, 0), (-1, 1), (0, -1))
    first = [(t1, 0, 1, cell) for cell in CELLS]
    radians(phi, "phi")
    second = [
        (t2 * np.exp(1j * phi * sign), site, site, cell)
        for cell in second_neighbours
        for site, sign in ((0, 1), (1, -1))
    ]
    return TightBinding.from_bonds(lattice, sites, [delta, -delta], [*first, *second], reduced=False)


@validated_arguments
def strained_haldane(
    delta: float,
    t2: float,
    phi: float,
    strain: float,
    angle: float = 0.0,
    beta: float = 3.37,
    poisson: float = 0.165,
    t1: float = 1.0,
    bond: float = 1.0,
) -> TightBinding:
    r"""Haldane model under uniaxial strain: no time reversal, no inversion, no threefold axis.

    The lattice is stretched along one direction and contracts perpendicular to it. The hoppings change with the bond
    lengths, t exp(-beta (\|d'\|/\|d\| - 1)). For strain along x (angle 0) or y, the mirror x -> -x combined with time
    reversal remains a symmetry.

    Parameters
    ----------
    delta, t2, phi, t1, bond : float
        As in `haldane`, without strain.
    strain : float
        Relative elongation; negative for compression.
    angle : float
        Angle from x, which is perpendicular to a bond, to the direction of the strain, in radians.
    beta : float
        -d ln t/d ln \|d\| without strain.
    poisson : float
        Poisson ratio: perpendicular contraction divided by elongation.

    Returns
    -------
    TightBinding
        Model with orbitals A, B.

    References
    ----------
    V. M. Pereira, A. H. Castro Neto, N. M. R. Peres, Phys. Rev. B 80, 045401 (2009), for graphene's beta and Poisson
    ratio.
    """
    radians(angle, "angle")
    rest = haldane(delta, t2, phi, t1, bond)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    stretch = np.eye(2) + strain * (np.outer(along, along) - poisson * np.outer(across, across))
    bonds = rest.bonds
    joins = np.abs(bonds).max(axis=-1) > 0
    factors = np.ones(joins.shape)
    factors[joins] = exponential(beta)(bonds[joins], bonds[joins] @ stretch)
    hoppings = {tuple(map(int, R)): h for R, h in zip(rest.translations, factors * rest.amplitudes, strict=True)}
    return TightBinding(rest.lattice.vectors @ stretch, rest.positions @ stretch, hoppings, reduced=False)


@validated_arguments
def qi_wu_zhang(mass: float, t: float = 1.0) -> TightBinding:
    r"""Qi-Wu-Zhang model of a Chern insulator on the square lattice, with lattice constant one.

    .. math:: H = t\, [\sin k_x \sigma_x + \sin k_y \sigma_y + (m + \cos k_x + \cos k_y) \sigma_z]

    The Chern number of the lower band is 1 for -2 < m < 0, -1 for 0 < m < 2, and 0 otherwise.

    Parameters
    ----------
    mass : float
        Mass m.
    t : float
        Hopping, the unit of energy.

    Returns
    -------
    TightBinding
        Model with two orbitals at one position.

    References
    ----------
    X.-L. Qi, Y.-S. Wu, S.-C. Zhang, Phys. Rev. B 74, 085308 (2006).
    """
    return _wilson_dirac(0.0, t, t * mass, t)


@validated_arguments
def tilted_dirac(tilt: float, mass: float, velocity: float = 1.0, wilson: float = 1.0) -> TightBinding:
    r"""Tilted massive Dirac cone on a square lattice with lattice constant one.

    .. math:: H = w \sin k_x + v (\sin k_x \sigma_x + \sin k_y \sigma_y) + [m + b (2 - \cos k_x - \cos k_y)] \sigma_z

    Near k = 0, H = w k_x + v k.sigma + m sigma_z; the Wilson term b opens gaps at the other cones.

    Parameters
    ----------
    tilt : float
        Tilt w; smaller than v for a type-I cone.
    mass : float
        Mass m, half the gap.
    velocity : float
        Velocity v.
    wilson : float
        Coefficient b of the Wilson term.

    Returns
    -------
    TightBinding
        Model with two orbitals at one position.
    """
    return _wilson_dirac(tilt, velocity, mass + 2 * wilson, -wilson)


def _wilson_dirac(tilt: float, velocity: float, centre: float, cosine: float) -> TightBinding:
    """Model with H = w sin kx + v (sin kx sigma_x + sin ky sigma_y) + [centre + cosine (cos kx + cos ky)] sigma_z."""
    hoppings = {
        (0, 0): centre * PAULI[2],
        # sin k = (e^ik - e^-ik)/2i
        (1, 0): -0.5j * (tilt * np.eye(2) + velocity * PAULI[0]) + 0.5 * cosine * PAULI[2],
        (0, 1): -0.5j * velocity * PAULI[1] + 0.5 * cosine * PAULI[2],
    }
    return TightBinding(Lattice(np.eye(2)), np.zeros((2, 2)), hoppings)


@validated_arguments
def fu_kane_mele(beta: float, m: float = 0.5, soc: float = 0.25, t: float = 1.0) -> TightBinding:
    r"""Fu-Kane-Mele model on the diamond lattice with a staggered Zeeman field, which tunes the axion angle.

    .. math:: H = \sum_{\langle ij\rangle} t_{ij} c_i^\dagger c_j
              + 2 i \lambda \sum_{\langle\langle ij\rangle\rangle}
              c_i^\dagger \sigma \cdot (d^1_{ij} \times d^2_{ij}) c_j
              + m \sin\beta \sum_i \xi_i c_i^\dagger (\sigma_x + \sigma_y + \sigma_z) c_i

    with t_ij = t, except 3 t + m cos(beta) along [111], d1 and d2 the bonds along the path from j to i, and lattice
    constant 2. The field has the magnitude sqrt(3) m sin(beta). At beta = 0 and pi the model has time-reversal
    symmetry, and the axion angle is 0 (ordinary insulator) and pi (topological insulator). In between it changes
    continuously, and the gap stays open.

    Parameters
    ----------
    beta : float
        Angle that mixes dimerization, cos(beta), and Zeeman field, sin(beta).
    m : float
        Common amplitude of dimerization and Zeeman field.
    soc : float
        Spin-orbit coupling lambda.
    t : float
        Nearest-neighbour hopping.

    Returns
    -------
    TightBinding
        Model with orbitals A up, A down, B up, B down, and spin operators.

    References
    ----------
    L. Fu, C. L. Kane, E. J. Mele, Phys. Rev. Lett. 98, 106803 (2007);
    A. M. Essin, J. E. Moore, D. Vanderbilt, Phys. Rev. Lett. 102, 146805 (2009).
    """
    lattice = Lattice([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    sites = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    cells = ((0, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, -1))
    radians(beta, "beta")
    strengths = (3 * t + m * np.cos(beta), t, t, t)
    bonds: list[tuple[ArrayLike, int, int, tuple[int, ...]]] = [
        (strength, 0, 1, cell) for strength, cell in zip(strengths, cells, strict=True)
    ]
    steps = np.array([sites[1] + np.array(cell) @ lattice.vectors for cell in cells])
    for one in range(4):
        for other in range(one):
            # from A in cell R via B to A in the home cell: d1 = steps[one], d2 = -steps[other]; opposite for B
            cross = np.cross(steps[one], -steps[other])
            cell = tuple(int(x) for x in np.array(cells[other]) - np.array(cells[one]))
            block = 2j * soc * np.tensordot(cross, PAULI, axes=1)
            bonds += [(block, 0, 0, cell), (-block, 1, 1, cell)]
    zeeman = m * np.sin(beta) * PAULI.sum(axis=0)
    return TightBinding.from_bonds(lattice, sites, np.array([zeeman, -zeeman]), bonds, spin=SPIN, reduced=False)
