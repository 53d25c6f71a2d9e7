r"""Closed forms for a tilted massive Dirac cone at zero temperature: exact in the tilt, for either sign of everything.

    H(k) = w k_x + v (k_x sigma_x + k_y sigma_y) + m sigma_z,    E = w k_x +- eps,    eps^2 = v^2 k^2 + m^2

with ``mu`` the Fermi energy, ``mass`` m, ``speed`` v and ``tilt`` w, |w| < |v|. The wave vector runs to infinity,
hbar = 1, and the results are numbers that multiply the power of e which each function names. The derivations are in
docs/theory/dirac.md. Nothing here is shared with the library.

The tilt enters as beta = w/v, and through S = sqrt(mu^2 + beta^2 m^2) wherever there is a Fermi contour, that is for
|mu| > |m| sqrt(1 - beta^2); in the gap S = |m|. Responses of the Fermi contour vanish there. Components not mentioned
are zero, by the mirror k_y -> -k_y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

PI = np.pi


def band_edge(mass: float, speed: float, tilt: float) -> float:
    """|m| sqrt(1 - beta^2): the gap is the interval of energies between minus and plus this."""
    if not abs(tilt) < abs(speed):
        raise ValueError("the closed forms need |tilt| < |speed|, closed Fermi contours")
    return abs(mass) * np.sqrt(1 - (tilt / speed) ** 2)


def fermi_scale(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """S = sqrt(mu^2 + beta^2 m^2) in a band, |m| in the gap: the larger of the two, continuous at the edge."""
    band_edge(mass, speed, tilt)
    return np.maximum(abs(mass), np.hypot(mu, tilt / speed * mass))


def magnetoelectric_interband(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """First piece of dM_z/dE_y (units e^2): int f times -2 Re sum_n1 A^y_{n n1} m_{n1 n}/(E_n - E_n1), both bands.

    -w/(12 pi |m|) in the gap. The component along x vanishes.
    """
    S = fermi_scale(mu, mass, speed, tilt)
    return -tilt * (3 * S**2 + mass**2) / (48 * PI * S**3)


def magnetoelectric_metric(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """Second piece of dM_z/dE_y (units e^2): (1/2) int f (d_x G^yy - d_y G^xy) = -(1/2) int f' (v_x G^yy - v_y G^xy).

    The full band gives nothing, so it lives on the Fermi contour and vanishes in the gap and at its edges.
    """
    S = fermi_scale(mu, mass, speed, tilt)
    return tilt * (S**2 - mass**2) / (32 * PI * S**3)


def magnetoelectric(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """Orbital magnetoelectric susceptibility dM_z/dE_y (units e^2), the sum of both pieces; dM_z/dE_x = 0."""
    S = fermi_scale(mu, mass, speed, tilt)
    return -tilt * (3 * S**2 + 5 * mass**2) / (96 * PI * S**3)


def nonlinear_hall(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """Intrinsic second-order Hall conductivity chi_xyy (units e^3), j_a = chi_abc E_b E_c.

    From j = e^2 (E x z) int f' (v_x a_y - v_y a_x) with the positional shift a_i = -e G'_ij E_j,
    G'_n,ij = 2 Re sum_m A^i_nm A^j_mn/(E_n - E_m).
    """
    S = fermi_scale(mu, mass, speed, tilt)
    return tilt * np.asarray(mu) * (S**2 - mass**2) / (8 * PI * S**5)


def nonlinear_hall_tensor(mu: float, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """All of chi_abc (units e^3), symmetric in b and c: chi_xyy = -2 chi_yxy = -2 chi_yyx, the rest zero."""
    chi = np.zeros((2, 2, 2))
    chi[0, 1, 1] = nonlinear_hall(mu, mass, speed, tolerance=tilt)
    chi[1, 0, 1] = chi[1, 1, 0] = -chi[0, 1, 1] / 2
    return chi


def magnetic_hall(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """Intrinsic Hall conductivity per magnetic field at fixed mu (units e^3): j = (E x z) B times it.

    int f' [v_x a_y - v_y a_x + m_n Omega_n], where a_i is the magnetoelectric integrand of the band at each k, both
    pieces: the positional shift in units of e B. Without tilt sign(mu) v^2 (mu^2 + m^2)/(16 pi mu^4).
    """
    S, b2, m2 = fermi_scale(mu, mass, speed, tilt), (tilt / speed) ** 2, mass**2
    metal = np.abs(mu) > band_edge(mass, speed, tilt)
    polynomial = (2 - 3 * b2) * S**4 + (2 + 4 * b2) * m2 * S**2 - 5 * b2 * m2**2
    return np.where(metal, speed**2 * np.asarray(mu) * polynomial / (32 * PI * S**7), 0.0)


def curvature(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """Berry curvature of the occupied states, int f Omega, both bands; sigma_xy = -e^2 times it."""
    return mass / (4 * PI * fermi_scale(mu, mass, speed, tilt))


def contour_moment(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """Orbital moment of the states at the Fermi energy (units e), -int f' m_n; zero in the gap."""
    metal = np.abs(mu) > band_edge(mass, speed, tilt)
    return np.where(metal, mass / (4 * PI * fermi_scale(mu, mass, speed, tilt)), 0.0)


def magnetization(mu: ArrayLike, mass: float, speed: float, tilt: float) -> NDArray[np.float64]:
    """Equilibrium magnetization (units e): int f m_n + g Omega_n with g = -(mu - E) for occupied states.

    Zero at mu = 0, falls with slope -sign(m)/(4 pi) through the gap, and constant in the bands.
    """
    edge = band_edge(mass, speed, tilt)
    return -np.sign(mass) * np.clip(mu, -edge, edge) / (4 * PI)
