r"""Geometry of single bands: connections, curvatures, metrics, orbital moments.

Everything follows from one array, the interband connection A^a_nm = i <u_n|d_a u_m> = i D^a_nm/(E_m - E_n), along any
directions a. Bands must not touch; the sums over occupied and empty groups that stand degeneracies are in
`adiabloch.geometry.induced`.
"""

from __future__ import annotations

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.frame import Eigenframe

PLANES = {"x": ("ky", "kz"), "y": ("kz", "kx"), "z": ("kx", "ky")}
"""The two k directions whose cross product gives a component."""


def components(dimension: int) -> tuple[str, ...]:
    """Components that a magnetization has: z in two dimensions, x, y, z in three."""
    return {2: ("z",), 3: ("x", "y", "z")}.get(dimension, ())


def connection(frame: Eigenframe, a: str) -> Complex:
    """Interband connection A^a_nm = i D^a_nm/(E_m - E_n), zero on the diagonal; shape (P, N, N)."""
    return 1j * frame.derivative(a) / frame.gaps()


def curvature(frame: Eigenframe, a: str, b: str) -> Float:
    """Berry curvature Omega^ab_n = d_a A^b - d_b A^a of every band, shape (P, N).

    Where the frame carries the curvature of the space that its basis spans, that is part of it.
    """
    A, B = connection(frame, a), connection(frame, b)
    # d_a A^b - d_b A^a = i <d_a n|d_b n> - (a <-> b) = -2 Im sum_m A^a_nm A^b_mn
    curved = -2.0 * (A * B.swapaxes(1, 2)).sum(axis=2).imag
    if (own := frame.curvature_of_basis(a, b)) is not None:
        curved += np.diagonal(own, axis1=1, axis2=2).real
    return curved


def metric(frame: Eigenframe, a: str, b: str) -> Float:
    """Quantum metric G^ab_n = Re sum_m A^a_nm A^b_mn of every band, shape (P, N)."""
    A, B = connection(frame, a), connection(frame, b)
    return (A * B.swapaxes(1, 2)).sum(axis=2).real


def metric_gradient(frame: Eigenframe, a: str, b: str, along: str) -> Float:
    """Derivative of the quantum metric, d_along G^ab_n, shape (P, N).

    The frame must carry the second derivatives (along, a) and (along, b).
    """
    Aa, dAa = transported_connection(frame, a, along)
    Ab, dAb = transported_connection(frame, b, along)
    return (dAa * Ab.swapaxes(1, 2) + Aa * dAb.swapaxes(1, 2)).sum(axis=2).real


def transported_connection(frame: Eigenframe, a: str, along: str) -> tuple[Complex, Complex]:
    """Interband connection A^a_nm and its derivative in the gauge of parallel transport, both (P, N, N).

    There d(U^dagger X U) = U^dagger dX U + i [A, X], which whatever is gauge invariant may use. The frame must carry
    the second derivative (along, a).
    """
    gaps, A, D = frame.gaps(), connection(frame, along), frame.derivative(a)
    # the diagonal of D moves with the off-diagonal of A, so the full matrices enter the commutator
    dD = frame.derivative(along, a) + 1j * (A @ D - D @ A)
    value = 1j * D / gaps
    return value, (1j * dD - value * gap_slopes(frame, along)) / gaps


def gap_slopes(frame: Eigenframe, along: str) -> Float:
    """Derivative of E_m - E_n, shape (P, N, N) over n, m."""
    slope = frame.velocity(along)
    return slope[:, None, :] - slope[:, :, None]


def interband_moment(frame: Eigenframe, component: str) -> Complex:
    r"""Interband orbital moment m_{n1 n}, in units of e; shape (P, N, N).

    .. math:: m_{n_1 n} = -\frac{e}{2} \sum_{n_2 \ne n} (v_{n_1 n_2} + \delta_{n_1 n_2} v_n) \times A_{n_2 n}

    (text below Eq. 14). Its diagonal is the orbital moment of a band.
    """
    a, b = PLANES[component]
    Aa, Ab = connection(frame, a), connection(frame, b)
    va, vb = frame.derivative(a), frame.derivative(b)
    cross = va @ Ab - vb @ Aa
    cross += frame.velocity(a)[:, None, :] * Ab - frame.velocity(b)[:, None, :] * Aa
    return -0.5 * cross


def orbital_moment(frame: Eigenframe, component: str) -> Float:
    """Orbital moment m_n = (e/2) sum_m A_nm x v_mn of every band, in units of e; shape (P, N)."""
    a, b = PLANES[component]
    cross = connection(frame, a) @ frame.derivative(b) - connection(frame, b) @ frame.derivative(a)
    return 0.5 * np.diagonal(cross, axis1=1, axis2=2).real
