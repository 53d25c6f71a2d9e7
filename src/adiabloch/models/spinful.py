"""Honeycomb models with spin."""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Complex
from adiabloch.models.arguments import validated_arguments
from adiabloch.models.honeycomb import BONDS, CELLS, LATTICE, SECOND, honeycomb_sites
from adiabloch.models.spin import PAULI, SPIN
from adiabloch.models.tight_binding import TightBinding


@validated_arguments
def rashba_honeycomb(delta: float, rashba: float, t0: float = 1.0, t1: float = 0.0, bond: float = 1.0) -> TightBinding:
    r"""Gapped honeycomb lattice with Rashba spin-orbit coupling.

    .. math:: H = t_0 \sum_{\langle ij\rangle} c_i^\dagger c_j
              + i \lambda_R \sum_{\langle ij\rangle} c_i^\dagger (\sigma \times \hat d_{ij})_z c_j
              + \Delta \sum_i \xi_i c_i^\dagger c_i + t_1 (\ldots)

    with d_ij the bond from j to i, xi = +1 on A and -1 on B, and the t1 term of `gapped_honeycomb`.

    Parameters
    ----------
    delta : float
        Staggered potential.
    rashba : float
        Rashba coupling lambda_R.
    t0, t1 : float
        First- and second-neighbour hopping.
    bond : float
        Bond length.

    Returns
    -------
    TightBinding
        Model with orbitals A up, A down, B up, B down, and spin operators. `rotating_bonds` makes a cycle of it.

    References
    ----------
    M. Hamada, S. Murakami, Phys. Rev. Research 2, 023275 (2020).
    """
    return kane_mele(delta, intrinsic=0.0, rashba=rashba, t0=t0, t1=t1, bond=bond)


@validated_arguments
def kane_mele(
    delta: float,
    intrinsic: float,
    rashba: float = 0.0,
    t0: float = 1.0,
    t1: float = 0.0,
    bond: float = 1.0,
) -> TightBinding:
    r"""Kane-Mele model of the quantum spin Hall effect.

    .. math:: H = t_0 \sum_{\langle ij\rangle} c_i^\dagger c_j
              + i \lambda_{SO} \sum_{\langle\langle ij\rangle\rangle} \nu_{ij} c_i^\dagger \sigma_z c_j
              + i \lambda_R \sum_{\langle ij\rangle} c_i^\dagger (\sigma \times \hat d_{ij})_z c_j
              + \Delta \sum_i \xi_i c_i^\dagger c_i + t_1 (\ldots)

    with the t1 term of `gapped_honeycomb`, and nu_ij = +1 if the path from j to i turns left and -1 if it turns
    right. Without Rashba coupling the gap closes at Delta = 3 sqrt(3) lambda_SO.

    Parameters
    ----------
    delta : float
        Staggered potential, +delta on A.
    intrinsic : float
        Intrinsic spin-orbit coupling lambda_SO.
    rashba : float
        Rashba coupling lambda_R.
    t0, t1 : float
        First- and second-neighbour hopping; t1 as in `gapped_honeycomb`.
    bond : float
        Bond length.

    Returns
    -------
    TightBinding
        Model with orbitals A up, A down, B up, B down, and spin operators.

    References
    ----------
    C. L. Kane, E. J. Mele, Phys. Rev. Lett. 95, 146802 (2005).
    """
    lattice, sites = honeycomb_sites(bond)
    # the hopping <A|H|B> takes the electron from B to A, against the bond from A to B
    to_a = -BONDS
    first = [
        (t0 * np.eye(2) + 1j * rashba * (PAULI[0] * d[1] - PAULI[1] * d[0]), 0, 1, cell)
        for d, cell in zip(to_a, CELLS, strict=True)
    ]
    second = [
        (t1 * np.eye(2) + 1j * intrinsic * _path_sign(site, cell) * PAULI[2], site, site, cell)
        for cell in SECOND
        for site in (0, 1)
    ]
    onsite: list[Complex] = [(3 * t1 + sign * delta) * np.eye(2, dtype=np.complex128) for sign in (1, -1)]
    return TightBinding.from_bonds(lattice, sites, np.array(onsite), [*first, *second], spin=SPIN, reduced=False)


def _path_sign(site: int, cell: tuple[int, ...]) -> float:
    """Sign nu of the hop from `site` of `cell` to `site` of the home cell: that of d1 x d2 for its two bonds."""
    path = -np.asarray(cell) @ LATTICE
    steps = BONDS if site == 0 else -BONDS
    for first in steps:
        second = path - first
        if abs(second @ second - 1.0) < 1e-9:
            return float(np.sign(first[0] * second[1] - first[1] * second[0]))
    raise AssertionError(f"no common neighbour on the path along {cell}")
