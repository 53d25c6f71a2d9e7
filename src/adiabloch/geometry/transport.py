r"""Quantities of bands that enter the transport in the relaxation-time approximation, and currents of observables.

With a relaxation time tau the distribution in a field is f - tau e E d_k f + tau^2 (e E d_k)^2 f + ... Terms of order
tau^n are integrals over the Fermi surface of products of velocities and other quantities of the band. All products are
traces over blocks of degenerate bands, as in `adiabloch.geometry.bands.times`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.bands import (
    K_PLANES,
    Factors,
    berry_curvature_times,
    connection,
    moment_factors,
    of_bands,
    times,
)
from adiabloch.geometry.filled import BandCounts, filled_expectation_of, filled_shift_of
from adiabloch.geometry.frame import Eigenframe, of_frame


@of_frame
def velocity_times(frame: Eigenframe, axis: str, matrix: Complex) -> Float:
    """Product of the velocity of a band and another quantity, a Hermitian matrix (P, N, N); (P, N)."""
    if frame.group_weights is None:
        return frame.velocity(f"k{axis}") * np.diagonal(matrix, axis1=1, axis2=2).real
    return of_bands([(frame.inside(f"k{axis}"), matrix)])


def velocity_squared(frame: Eigenframe, axis: str, other_axis: str) -> Float:
    """Product v_a v_b of the velocities of each level; (P, N)."""
    return velocity_times(frame, axis, frame.derivative(f"k{other_axis}"))


def mass_factors(frame: Eigenframe, a: str, b: str) -> Factors:
    r"""Inverse effective mass d_a d_b E_n as a matrix between bands.

    .. math:: \partial_a \partial_b E_n = D^{ab}_{nn} + 2 \mathrm{Re} \sum_{m \ne n} \frac{D^a_{nm} D^b_{mn}}{E_n - E_m}
    """
    second = frame.derivative(a, b)
    # D^b_mn/(E_n - E_m) = -i A^b_mn
    return [
        (second, np.broadcast_to(np.eye(second.shape[1]), second.shape)),
        (-2j * frame.derivative(a), connection(frame, b)),
    ]


def mass_times_velocity(frame: Eigenframe, axes: Sequence[str], *_: Sequence[str]) -> Float:
    """Product of d_i d_j E and v_k of each level, averaged over the choice of k; (P, N, d, d, d)."""
    d, k = len(axes), [f"k{axis}" for axis in axes]
    products = np.zeros((*frame.energies.shape, d, d, d))
    for i in range(d):
        for j in range(i, d):
            mass = mass_factors(frame, k[i], k[j])
            for third in range(d):
                product = times(frame, frame.derivative(k[third]), mass)
                products[..., third, i, j] = products[..., third, j, i] = product
    across = products.swapaxes(-3, -2)
    return (products + across + across.swapaxes(-1, -2)) / 3


def moment_times_velocity(frame: Eigenframe, component: str, field: str) -> Float:
    """Product of the orbital moment and the velocity of each level, in units of e; (P, N)."""
    return times(frame, frame.derivative(f"k{field}"), moment_factors(frame, component))


def observable_times_velocity(frame: Eigenframe, observable: str, field: str) -> Float:
    """Product of an observable and the velocity of each level; (P, N)."""
    return velocity_times(frame, field, frame.derivative(observable))


@of_frame
def curvature_by_observable(frame: Eigenframe, component: str, observable: str) -> Float:
    r"""Change of the Berry curvature of the Fermi sea by H + h O, as a term of the Fermi surface; (P, N).

    .. math:: \frac{\partial}{\partial h} \int f\, \Omega_{ab}
              = -\int (-f') (O\, \Omega_{ab} + v_a \Omega_{bh} + v_b \Omega_{ha})

    since d_h E is the expectation value of O, and d_h Omega_ab + d_a Omega_bh + d_b Omega_ha = 0.
    """
    a, b = K_PLANES[component]
    return -(
        berry_curvature_times(frame, frame.derivative(observable), a, b)
        + berry_curvature_times(frame, frame.derivative(a), b, observable)
        + berry_curvature_times(frame, frame.derivative(b), observable, a)
    )


def filled_observable_current(
    frame: Eigenframe, band_counts: BandCounts, observable: str, component: str, field: str
) -> Float:
    r"""Current of an observable in an electric field, of filled bands, in units of e; (P, counts).

    .. math:: J_a = \tfrac12 \{O, v_a\}, \qquad \frac{\partial J_a}{\partial E_b} = e \sum_{n \in occ} \Big[
              \sum_{m \in emp} 2 \mathrm{Re} \frac{(J_a)_{nm} A^b_{mn}}{E_m - E_n}
              + \tfrac12 \{O, \Omega^{basis}_{ba}\}_{nn} \Big]

    The last term is the anomalous velocity of Wannier functions whose positions do not commute. For the unit matrix O
    the sum is -Omega_ab.
    """
    a, b = f"k{component}", f"k{field}"
    operator = frame.derivative(observable)
    current = filled_shift_of(frame, band_counts, b, _anticommutator(operator, frame.derivative(a)))
    if (own := frame.basis_curvature(b, a)) is not None:
        current = current + filled_expectation_of(frame, band_counts, _anticommutator(operator, own))
    return current


def _anticommutator(one: Complex, other: Complex) -> Complex:
    """Hermitian product (AB + BA)/2."""
    return np.asarray(0.5 * (one @ other + other @ one))
