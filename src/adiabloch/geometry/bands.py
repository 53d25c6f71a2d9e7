r"""Geometry of single bands: connections, curvatures, metrics, orbital moments.

All quantities follow from the interband connection A^a_nm = i <u_n|d_a u_m> = i D^a_nm/(E_m - E_n) along any
directions a. Bands must not touch unless they are joined to groups (`adiabloch.geometry.degeneracy`). Pairs within a
group are left out, and sums over a group do not depend on the basis within it. Sums over occupied and empty groups,
which may contain degenerate bands, are in `adiabloch.geometry.induced`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.lattice import PLANES


class _Planes(dict[str, tuple[str, str]]):
    """Planes by component, with an error of its own for other components."""

    def __getitem__(self, component: str) -> tuple[str, str]:
        try:
            return super().__getitem__(component)
        except (KeyError, TypeError):
            raise InvalidArgumentError(f"component: {component!r}, expected one of {', '.join(self)}") from None


K_PLANES = _Planes({component: (f"k{a}", f"k{b}") for component, (a, b) in PLANES.items()})
"""The two k directions whose cross product has a component."""


Factors = Sequence[tuple[Complex, Complex]]
"""Pairs of matrices L, R (P, N, N). The sum of the products L R is a matrix between bands, up to an anti-Hermitian
part."""


def of_bands(factors: Factors) -> Float:
    """Diagonal of a matrix between bands given by its factors, (P, N)."""
    parts = [(L * R.swapaxes(1, 2)).sum(axis=2).real for L, R in factors]
    return np.sum(parts, axis=0)


def times(frame: Eigenframe, matrix: Complex, factors: Factors) -> Float:
    """Product of two quantities of each band, or of their blocks for a group of degenerate bands; (P, N).

    Its sum over a group is a trace, which does not depend on the basis.

    Parameters
    ----------
    frame : Eigenframe
    matrix : complex array, shape (P, N, N)
        First quantity, Hermitian. Only its diagonal and its elements within groups enter.
    factors : sequence of (L, R)
        Second quantity.
    """
    if frame.group_weights is None:
        return np.diagonal(matrix, axis1=1, axis2=2).real * of_bands(factors)
    block = frame.group_weights * matrix
    return of_bands([(block @ L, R) for L, R in factors])


@of_frame
def connection(frame: Eigenframe, a: str) -> Complex:
    """Interband connection A^a_nm = i D^a_nm/(E_m - E_n), zero on the diagonal; shape (P, N, N)."""
    return 1j * frame.derivative(a) / frame.energy_differences()


@of_frame
def curvature(frame: Eigenframe, a: str, b: str) -> Float:
    """Berry curvature Omega^ab_n = d_a A^b - d_b A^a of every band, shape (P, N).

    The basis curvature is included if the frame carries it.
    """
    curved = of_bands(curvature_factors(frame, a, b))
    if (own := frame.basis_curvature(a, b)) is not None:
        curved += np.diagonal(own, axis1=1, axis2=2).real
    return curved


def berry_curvature_times(frame: Eigenframe, matrix: Complex, a: str, b: str) -> Float:
    """Product of a quantity of each band, such as its velocity, and its Berry curvature Omega^ab; shape (P, N).

    In a group of degenerate bands it is the product of their blocks, as in `times`.
    """
    product = times(frame, matrix, curvature_factors(frame, a, b))
    if (own := frame.basis_curvature(a, b)) is not None:
        block = matrix * np.eye(matrix.shape[1]) if frame.group_weights is None else frame.group_weights * matrix
        product = product + of_bands([(block, own)])
    return product


def curvature_factors(frame: Eigenframe, a: str, b: str) -> Factors:
    """Berry curvature as a matrix between bands, without the basis curvature."""
    # d_a A^b - d_b A^a = i <d_a n|d_b n> - (a <-> b) = -2 Im sum_m A^a_nm A^b_mn
    return [(2j * connection(frame, a), connection(frame, b))]


@of_frame
def metric(frame: Eigenframe, a: str, b: str) -> Float:
    """Quantum metric G^ab_n = Re sum_m A^a_nm A^b_mn of every band, shape (P, N)."""
    return of_bands(metric_factors(frame, a, b))


def metric_factors(frame: Eigenframe, a: str, b: str) -> Factors:
    """Quantum metric as a matrix between bands."""
    return [(connection(frame, a), connection(frame, b))]


@of_frame
def metric_gradient(frame: Eigenframe, a: str, b: str, along: str) -> Float:
    """Derivative of the quantum metric, d_along G^ab_n, shape (P, N).

    The frame must carry the second derivatives (along, a) and (along, b).
    """
    return of_bands(metric_gradient_factors(frame, a, b, along))


def metric_gradient_factors(frame: Eigenframe, a: str, b: str, along: str) -> Factors:
    """Derivative of the quantum metric as a matrix between bands."""
    Aa, dAa = transported_connection(frame, a, along)
    Ab, dAb = transported_connection(frame, b, along)
    return [(dAa, Ab), (Aa, dAb)]


def transported_connection(frame: Eigenframe, a: str, along: str) -> tuple[Complex, Complex]:
    """Interband connection A^a_nm and its derivative in the gauge of parallel transport, both (P, N, N).

    In this gauge d(U^dagger X U) = U^dagger dX U + i [A, X], which suffices for gauge-invariant quantities. The frame
    must carry the second derivative (along, a).
    """
    gaps, A, D = frame.energy_differences(), connection(frame, along), frame.derivative(a)
    # the diagonal of D contributes with the off-diagonal of A, so the commutator needs the full matrices
    dD = frame.derivative(along, a) + 1j * (A @ D - D @ A)
    value = 1j * D / gaps
    return value, (1j * dD - times_gap_slopes(frame, value, along)) / gaps


def times_gap_slopes(frame: Eigenframe, X: Complex, along: str) -> Complex:
    """Product of X_nm and the derivative of E_m - E_n, (P, N, N); X dE - dE X for energies of degenerate groups."""
    if frame.group_weights is None:
        slope = frame.velocity(along)
        return X * (slope[:, None, :] - slope[:, :, None])
    block = frame.inside(along)
    return np.asarray(X @ block - block @ X)


@of_frame
def interband_moment(frame: Eigenframe, component: str) -> Complex:
    r"""Interband orbital moment m_{n1 n}, in units of e; shape (P, N, N).

    .. math:: m_{n_1 n} = -\frac{e}{2} \sum_{n_2 \ne n} (v_{n_1 n_2} + \delta_{n_1 n_2} v_n) \times A_{n_2 n}

    (text below Eq. 14). Its diagonal is the orbital moment of a band.
    """
    a, b = K_PLANES[component]
    Aa, Ab = connection(frame, a), connection(frame, b)
    cross: Complex = frame.derivative(a) @ Ab - frame.derivative(b) @ Aa
    if frame.group_weights is None:
        cross += frame.velocity(a)[:, None, :] * Ab - frame.velocity(b)[:, None, :] * Aa
    else:
        cross += Ab @ frame.inside(a) - Aa @ frame.inside(b)
    return -0.5 * cross


@of_frame
def orbital_moment(frame: Eigenframe, component: str) -> Float:
    r"""Orbital moment m_n = (e/2) sum_m A_nm x v_mn of every band, in units of e; shape (P, N).

    With the states outside the space of Wannier functions, if the model knows them (`adiabloch.models.outside_states`),

    .. math:: m_n = \frac{e}{2} \sum_m A_{nm} \times v_{mn} + K_{nn}
              - \mathrm{Im} \sum_{m \ne n} (A^a_{nm} \tilde B^b_{mn} - A^b_{nm} \tilde B^a_{mn}) .
    """
    return of_bands(moment_factors(frame, component))


def moment_factors(frame: Eigenframe, component: str) -> Factors:
    """Orbital moment as a matrix between bands."""
    a, b = K_PLANES[component]
    Aa, Ab = connection(frame, a), connection(frame, b)
    factors = [(0.5 * Aa, frame.derivative(b)), (-0.5 * Ab, frame.derivative(a))]
    own, Ba, Bb = frame.outside_moment(a, b), frame.outside_coupling(a), frame.outside_coupling(b)
    if own is None or Ba is None or Bb is None:
        return factors
    identity = np.broadcast_to(np.eye(own.shape[1], dtype=np.complex128), own.shape)
    return [*factors, (own, identity), (1j * Aa, Bb), (-1j * Ab, Ba)]


def outside_pairs(frame: Eigenframe, component: str) -> Float | None:
    """Moment of pairs of bands by way of states outside the basis, -Im (A^a_nm B^b_mn - A^b_nm B^a_mn), (P, N, N).

    None if the model does not know these states. Of eigenstates m of the Hamiltonian B_m vanishes.
    """
    a, b = K_PLANES[component]
    Ba, Bb = frame.outside_coupling(a), frame.outside_coupling(b)
    if Ba is None or Bb is None:
        return None
    Aa, Ab = connection(frame, a), connection(frame, b)
    return -(Aa * Bb.swapaxes(1, 2) - Ab * Ba.swapaxes(1, 2)).imag
