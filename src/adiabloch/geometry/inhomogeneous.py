r"""Wave packets where the crystal changes slowly from place to place: Eqs. (2) to (4).

The Hamiltonian depends on the place through anything, so that d_r H is a matrix like the velocity; a vector potential
is the case d_{r_i} H = -e (d_i A_j) v_j. Groups of bands stay together, so that degeneracies do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.bands import PLANES
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.occupied import Group, inside_outside, tilt


def gradient_matrix(
    frame: Eigenframe, group: Group, slopes: Mapping[str, Complex], mixed: Complex | None = None
) -> Complex:
    r"""Mixing Delta_cn of a wave packet with empty states c by the gradient of H, shape (P, C, J). Eq. (4).

    .. math:: \Delta_{cn} = \frac{i}{2} (\partial_k \cdot \partial_r H)_{cn}
              + \sum_{c'} (\partial_r H)_{cc'} \cdot A^k_{c'n} - \sum_v A^r_{cv} \cdot v_{vn}

    with n, v inside the group and c, c' outside.

    Parameters
    ----------
    frame : Eigenframe
    group : int or (int, int)
    slopes : mapping {"kx": (P, N, N), ...}
        d_{r_i} H in the eigenframe, filed under the k direction of the same axis.
    mixed : complex array, shape (P, N, N), optional
        sum_i d_{k_i} d_{r_i} H in the eigenframe; nothing for a magnetic field.
    """
    o, c = inside_outside(group, frame.energies.shape[1])
    inverse = 1.0 / (frame.energies[:, None, o] - frame.energies[:, c, None])
    delta = np.zeros(inverse.shape, dtype=np.complex128) if mixed is None else 0.5j * mixed[:, c, o]
    for k, slope in slopes.items():
        v = frame.derivative(k)
        delta = delta + slope[:, c][..., c] @ (1j * v[:, c, o] * inverse) - (1j * slope[:, c, o] * inverse) @ v[:, o, o]
    return delta


def positional_shift(frame: Eigenframe, group: Group, drive: str, delta: Complex) -> Float:
    r"""Shift of position (drive "kx", ...) or energy ("theta"), summed over the group; (P,). Eqs. (2), (3).

    .. math:: a = \sum_{nc} 2 \mathrm{Re} \frac{A_{nc} \Delta_{cn}}{E_n - E_c}

    without the divergence of the metric, which integrates to zero in an insulator.
    """
    o, c = inside_outside(group, frame.energies.shape[1])
    gaps = frame.energies[:, None, o] - frame.energies[:, c, None]
    A = 1j * tilt(frame, group, drive)
    return 2.0 * (A.conj() * delta / gaps).real.sum(axis=(1, 2))


def magnetic_slopes(frame: Eigenframe, component: str) -> dict[str, Complex]:
    """d_{r_i} H in a magnetic field along `component`, in units of e B: -(e/2) d_i (B x r)_j v_j, symmetric gauge."""
    a, b = PLANES[component]
    # A = B x r/2: with B along the third axis A_a = -B r_b/2 and A_b = B r_a/2
    return {a: -0.5 * frame.derivative(b), b: 0.5 * frame.derivative(a)}
