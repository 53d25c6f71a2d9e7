r"""Bands in an electric field: positional shift, orbital moment and Berry curvature (Eqs. 14, 25, 26).

The quantities are of first order in E, in units of powers of e. They are those of single bands; for a group of
degenerate bands (`adiabloch.geometry.degeneracy`) only the sum over the group is meaningful.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.bands import (
    K_PLANES,
    Factors,
    connection,
    curvature_factors,
    metric_factors,
    metric_gradient,
    moment_factors,
    of_bands,
    times,
    times_gap_slopes,
    transported_connection,
)
from adiabloch.geometry.filled import BandCounts, filled_shift
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.geometry.induced import band_shift, band_shift_factors
from adiabloch.linalg import dagger


@of_frame
def shift_tensor(frame: Eigenframe, a: str, b: str) -> Float:
    r"""Positional shift of a band in an electric field, a_a = -e G'_ab E_b; shape (P, N). Eq. (2).

    .. math:: G'_{ab} = 2 \mathrm{Re} \sum_{m \ne n} \frac{A^a_{nm} A^b_{mn}}{E_n - E_m}
    """
    return of_bands(shift_factors(frame, a, b))


def shift_factors(frame: Eigenframe, a: str, b: str) -> Factors:
    """Positional shift G'_ab as a matrix between bands."""
    return [(-2.0 * connection(frame, a) / frame.energy_differences(), connection(frame, b))]


def shift_tensor_gradient(frame: Eigenframe, a: str, b: str, along: str) -> Float:
    """Derivative d_along G'_ab, shape (P, N); the frame must carry the second derivatives (along, a), (along, b)."""
    gaps = frame.energy_differences()
    A, dA = transported_connection(frame, a, along)
    B, dB = transported_connection(frame, b, along)
    A = A / gaps
    dA = (dA - times_gap_slopes(frame, A, along)) / gaps
    return of_bands([(-2.0 * dA, B), (-2.0 * A, dB)])


@of_frame
def metric_dipole(frame: Eigenframe, drive: str, component: str) -> Float:
    r"""Contribution of each level to the second term of Eq. (14), by parts, in units of e^2; shape (P, N).

    .. math:: \tfrac12 \int f (\partial_a G_{bi} - \partial_b G_{ai})
              = \int (-f') \tfrac12 (v_a G_{bi} - v_b G_{ai})

    with a, b the plane of the component: the dipole of the quantum metric at the Fermi surface.
    """
    a, b = K_PLANES[component]
    va, vb = frame.derivative(a), frame.derivative(b)
    across = times(frame, va, metric_factors(frame, b, drive)) - times(frame, vb, metric_factors(frame, a, drive))
    return 0.5 * across


@of_frame
def nonlinear_hall_tensor(frame: Eigenframe, k: Sequence[str]) -> Float:
    r"""Contribution of each level to the intrinsic second-order Hall current, in units of e^3; shape (P, N, d, d, d).

    .. math:: j = e^2 E \times \int f' (v \times a), \quad a = -e G' E
              \quad \Rightarrow \quad \chi_{ijk} = v_i G'_{jk} - \tfrac12 (v_j G'_{ik} + v_k G'_{ij})

    with j_i = chi_ijk E_j E_k, symmetric in j and k.
    """
    d = len(k)
    along = np.zeros((*frame.energies.shape, d, d, d))
    for j in range(d):
        for other in range(j + 1):
            shift = shift_factors(frame, k[j], k[other])
            for i in range(d):
                flow = times(frame, frame.derivative(k[i]), shift)
                along[..., i, j, other] = along[..., i, other, j] = flow
    return hall_part(along)


def hall_part(tensor: Float) -> Float:
    """Tensor X_ijk - (X_jik + X_kij)/2 for X symmetric in its last two indices: no current along a single field."""
    across = tensor.swapaxes(-3, -2)
    return tensor - 0.5 * (across + across.swapaxes(-1, -2))


def metric_dipole_current(frame: Eigenframe, axes: Sequence[str], *_: Sequence[str]) -> Float:
    """Hall part of the derivative of the quantum metric of each level, divided by 3; (P, N, d, d, d)."""
    d, k = len(axes), [f"k{axis}" for axis in axes]
    along = np.zeros((*frame.energies.shape, d, d, d))
    for j in range(d):
        for other in range(j + 1):
            for i in range(d):
                slope = metric_gradient(frame, k[j], k[other], along=k[i])
                along[..., i, j, other] = along[..., i, other, j] = slope
    return hall_part(along) / 3


def shift_current(frame: Eigenframe, axes: Sequence[str], *_: Sequence[str]) -> Float:
    """Second-order Hall current of each level along Cartesian axes; (P, N, d, d, d)."""
    return nonlinear_hall_tensor(frame, [f"k{axis}" for axis in axes])


def moment_between_bands(frame: Eigenframe, band_counts: BandCounts, field: str) -> Float:
    """First term of dM_z/dE of filled bands, Eq. (14), by the axis of the electric field; (P, counts)."""
    return filled_shift(frame, band_counts, f"k{field}", "z")


def metric_dipole_z(frame: Eigenframe, field: str) -> Float:
    """Second term of dM_z/dE of each level, Eq. (14), by the axis of the electric field; (P, N)."""
    return metric_dipole(frame, f"k{field}", "z")


def magneto_nonlinear_hall_vector(frame: Eigenframe, component: str, field: str) -> Float:
    r"""Contribution of each level to the Hall vector of order B, in units of e^3; shape (P, N). Eq. (10).

    .. math:: j = e^2 E \times \int f' [v \times (a^k)^B + (m \cdot B) \Omega]

    The sign is that of the Hall conductivity sigma_xy = -e^2 int f Omega_z.

    Parameters
    ----------
    frame : Eigenframe
    component, field : str
        Components of the Hall vector and of B.
    """
    a, b = K_PLANES[component]
    va, vb = frame.derivative(a), frame.derivative(b)
    shift = times(frame, va, band_shift_factors(frame, b, field)) - times(
        frame, vb, band_shift_factors(frame, a, field)
    )
    moment = _matrix(frame, moment_factors(frame, field))
    anomalous = times(frame, moment, curvature_factors(frame, a, b))
    if (own := frame.basis_curvature(a, b)) is not None:
        anomalous = anomalous + times(frame, own, moment_factors(frame, field))
    return -(shift + anomalous)


def _matrix(frame: Eigenframe, factors: Factors) -> Complex:
    """Hermitian matrix between bands from its factors; only the diagonal if no bands are degenerate."""
    if frame.group_weights is None:
        return np.asarray(of_bands(factors)[..., None] * np.eye(frame.energies.shape[1]), dtype=np.complex128)
    product = np.sum([L @ R for L, R in factors], axis=0)
    return np.asarray(0.5 * (product + dagger(product)))


@of_frame
def curvature_in_field(frame: Eigenframe, drive: str, component: str) -> Float:
    r"""Change of the Berry curvature by a field along `drive`, d_k x (a^k)^E, in units of e; shape (P, N). Eq. (25)."""
    a, b = K_PLANES[component]
    return -(shift_tensor_gradient(frame, b, drive, along=a) - shift_tensor_gradient(frame, a, drive, along=b))


@of_frame
def moment_in_field(frame: Eigenframe, drive: str, component: str) -> Float:
    r"""Change of the orbital moment by a field along `drive`, in units of e^2; shape (P, N). Eq. (26).

    .. math:: \tilde m - m = \partial_B (e E \cdot a^k) + e v \times (a^k)^E
    """
    a, b = K_PLANES[component]
    va, vb = frame.derivative(a), frame.derivative(b)
    work = times(frame, va, shift_factors(frame, b, drive)) - times(frame, vb, shift_factors(frame, a, drive))
    return band_shift(frame, drive, component) - work
