r"""Bands in an electric field: how far wave packets shift, and their moment and curvature then (Eqs. 14, 25, 26).

Single bands, which must not touch where it counts. To first order in E, in units of powers of e.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import Float
from adiabloch.geometry.bands import (
    PLANES,
    connection,
    curvature,
    gap_slopes,
    metric,
    orbital_moment,
    transported_connection,
)
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.induced import band_shift, band_shift_derivatives
from adiabloch.models.crystal import Derivative, curl


def shift_tensor(frame: Eigenframe, a: str, b: str) -> Float:
    r"""Positional shift of a band in an electric field, a_a = -e G'_ab E_b; shape (P, N). Eq. (2).

    .. math:: G'_{ab} = 2 \mathrm{Re} \sum_{m \ne n} \frac{A^a_{nm} A^b_{mn}}{E_n - E_m}
    """
    A, B = connection(frame, a), connection(frame, b)
    return -2.0 * (A * B.swapaxes(1, 2) / frame.gaps()).sum(axis=2).real


def shift_tensor_gradient(frame: Eigenframe, a: str, b: str, along: str) -> Float:
    """Derivative d_along G'_ab, shape (P, N); the frame must carry the second derivatives (along, a), (along, b)."""
    gaps = frame.gaps()
    A, dA = transported_connection(frame, a, along)
    B, dB = transported_connection(frame, b, along)
    B, dB = B.swapaxes(1, 2), dB.swapaxes(1, 2)
    return -2.0 * ((dA * B + A * dB - A * B * gap_slopes(frame, along) / gaps) / gaps).sum(axis=2).real


def metric_dipole(frame: Eigenframe, drive: str, component: str) -> Float:
    r"""What a level contributes to the second term of Eq. (14), upon integration by parts; (P, N), units e^2.

    .. math:: \tfrac12 \int f (\partial_a G_{bi} - \partial_b G_{ai})
              = \int (-f') \tfrac12 (v_a G_{bi} - v_b G_{ai})

    with a, b the plane of the component: the dipole of the quantum metric at the Fermi surface.
    """
    a, b = PLANES[component]
    return 0.5 * (frame.velocity(a) * metric(frame, b, drive) - frame.velocity(b) * metric(frame, a, drive))


def nonlinear_hall_tensor(frame: Eigenframe, k: Sequence[str]) -> Float:
    r"""What a level contributes to the intrinsic second-order Hall current, (P, N, d, d, d) in units of e^3.

    .. math:: j = e^2 E \times \int f' (v \times a), \quad a = -e G' E
              \quad \Rightarrow \quad \chi_{ijk} = v_i G'_{jk} - \tfrac12 (v_j G'_{ik} + v_k G'_{ij})

    with j_i = chi_ijk E_j E_k, symmetric in j and k.
    """
    v = np.stack([frame.velocity(a) for a in k], axis=-1)
    G = np.stack([np.stack([shift_tensor(frame, a, b) for b in k], axis=-1) for a in k], axis=-2)
    along = v[..., :, None, None] * G[..., None, :, :]
    across = v[..., None, :, None] * G[..., :, None, :]
    return along - 0.5 * (across + across.swapaxes(-1, -2))


def magneto_nonlinear_hall_vector(frame: Eigenframe, component: str, field: str) -> Float:
    r"""What a level contributes to the Hall vector of order B, in units of e^3; shape (P, N). Eq. (10).

    .. math:: j = e^2 E \times \int f' [v \times (a^k)^B + (m \cdot B) \Omega]

    The sign is that of the Hall conductivity sigma_xy = -e^2 int f Omega_z, which it adds to.

    Parameters
    ----------
    frame : Eigenframe
        With the derivatives of `magneto_derivatives`.
    component, field : str
        Of the Hall vector, and of B.
    """
    a, b = PLANES[component]
    shift = frame.velocity(a) * band_shift(frame, b, field) - frame.velocity(b) * band_shift(frame, a, field)
    return -(shift + orbital_moment(frame, field) * curvature(frame, a, b))


def magneto_derivatives(component: str, field: str, *, curved: bool = False) -> list[Derivative]:
    """Derivatives that a frame must carry for `magneto_nonlinear_hall_vector`; `curved` as in `band_shift`."""
    own = [curl(*PLANES[component])] if curved else []
    return [*own, *(x for drive in PLANES[component] for x in band_shift_derivatives(drive, field, curved=curved))]


def curvature_in_field(frame: Eigenframe, drive: str, component: str) -> Float:
    r"""Berry curvature that a field along `drive` adds, d_k x (a^k)^E, in units of e; shape (P, N)."""
    a, b = PLANES[component]
    return -(shift_tensor_gradient(frame, b, drive, along=a) - shift_tensor_gradient(frame, a, drive, along=b))


def moment_in_field(frame: Eigenframe, drive: str, component: str) -> Float:
    r"""Orbital moment that a field along `drive` adds, in units of e^2; shape (P, N). Eq. (26).

    .. math:: \tilde m - m = \partial_B (e E \cdot a^k) + e v \times (a^k)^E
    """
    a, b = PLANES[component]
    carried = frame.velocity(a) * shift_tensor(frame, b, drive) - frame.velocity(b) * shift_tensor(frame, a, drive)
    return band_shift(frame, drive, component) - carried
