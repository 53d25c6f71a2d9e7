r"""Geometry of a band subspace: interband coupling and non-Abelian curvature.

A group of bands is given by the number of lowest bands, or by (first, last + 1). Energy denominators connect states
inside the group with states outside only, so the bands inside, and those outside, may be degenerate.
"""

from __future__ import annotations

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.linalg import dagger
from adiabloch.occupation import Group, subspace_indices


def energy_differences(frame: Eigenframe, group: Group) -> Float:
    """Differences E_n - E_c for n inside and c outside the group, (P, C, J); infinite between joined bands."""
    key = ("energy differences", repr(group))
    if key not in frame.cache:
        o, c = subspace_indices(group, frame.energies.shape[1])
        joined = frame.touching == "joined"
        frame.cache[key] = (
            frame.energy_differences()[:, c, o] if joined else frame.energies[:, None, o] - frame.energies[:, c, None]
        )
    differences: Float = frame.cache[key]
    return differences


def inverse_differences(frame: Eigenframe, group: Group) -> Float:
    """Inverse differences 1/(E_n - E_c), (P, C, J); zero between joined bands."""
    key = ("inverse differences", repr(group))
    if key not in frame.cache:
        frame.cache[key] = 1.0 / energy_differences(frame, group)
    inverse: Float = frame.cache[key]
    return inverse


def interband_coupling(frame: Eigenframe, group: Group, a: str) -> Complex:
    """Interband coupling X_cn = <c|d_a n> = D^a_cn/(E_n - E_c), n inside and c outside the group; (P, C, J)."""
    key = ("interband coupling", repr(group), a)
    if key not in frame.cache:
        o, c = subspace_indices(group, frame.energies.shape[1])
        frame.cache[key] = frame.derivative(a)[:, c, o] * inverse_differences(frame, group)
    coupling: Complex = frame.cache[key]
    return coupling


@of_frame
def group_curvature(frame: Eigenframe, group: Group, a: str, b: str) -> Complex:
    r"""Non-Abelian Berry curvature of a group of bands, shape (P, J, J).

    .. math:: F_{ab} = i (D_a F^\dagger Q D_b F - D_b F^\dagger Q D_a F) + F^\dagger \Omega_{W,ab} F

    for the states F inside the group and Q = 1 - F F^dagger. The last term is the curvature of the basis. It is
    nonzero for Wannier functions that span a part of a larger space, and for orbitals that move along theta, with
    Omega_W,k theta = -d_theta r.
    """
    Xa, Xb = interband_coupling(frame, group, a), interband_coupling(frame, group, b)
    half = 1j * (dagger(Xa) @ Xb)
    F = half + dagger(half)
    o, _ = subspace_indices(group, frame.energies.shape[1])
    own = frame.basis_curvature(a, b)
    return F if own is None else F + own[:, o, o]
