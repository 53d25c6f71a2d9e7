r"""Smooth gauge for a group of bands by projection, with its connection to machine precision.

The projections of trial orbitals g onto the group are orthonormalized. With G = U^dagger g and its rows inside the
group G_o = Z sigma V^dagger (singular values), the states are F = U_o Z V^dagger. They are as smooth and periodic as
the projector, and their derivatives are known in closed form. Since

.. math:: U_o^\dagger D_a (P g) = X_a^\dagger G_c + U_o^\dagger (\partial_a - i r_a) g

(X from perturbation theory, r_a the position matrix of the basis), that of the polar factor gives the connection

.. math:: A_a = i F^\dagger D_a F = \frac{i (B_a - B_a^\dagger)_{ij}}{\sigma_i + \sigma_j}, \qquad
          B_a = Z^\dagger U_o^\dagger D_a (P g) V

in the basis F V. There are no numerical derivatives, and no phases to follow from point to point. The gauge is singular
where a singular value vanishes, so the smallest singular value (overlap) measures its quality.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from adiabloch import compiled
from adiabloch.arrays import Complex, Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.band_subspace import group_curvature, interband_coupling
from adiabloch.geometry.bands import K_PLANES
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.geometry.recording import offered_by, record
from adiabloch.linalg import adjoint_product, dagger, product, svd_batch, trace_of_product
from adiabloch.markup import record_html
from adiabloch.models.crystal import THETA, Crystal, Derivative, connection_names
from adiabloch.occupation import Group, subspace_indices


@dataclass(frozen=True, eq=False)
class SmoothGauge:
    """States of a group of bands in the gauge of the projections.

    Matrices are given in the basis of the states of the frame, U_o, at each point. Traces of products equal those in
    the smooth gauge.
    """

    frame: Eigenframe
    group: Group
    overlaps: Float
    """Singular values sigma of the overlap between trial orbitals and the group, descending, (P, J)."""
    overlap_changes: Mapping[str, Complex]
    """Bounds of the derivatives of the smallest overlap, the last diagonal elements of B_a, by direction; (P,) each."""
    connections: Mapping[str, Complex]
    """Z A_a Z^dagger by direction, (P, J, J) each."""

    _repr_html_ = record_html

    @cached_property
    def forms(self) -> dict[tuple[str, ...], Float]:
        """Cache of Chern-Simons forms by directions."""
        return {}

    def connection(self, a: str) -> Complex:
        """Non-Abelian Berry connection A_a = i F^dagger D_a F, shape (P, J, J)."""
        return self.connections[a]

    def curvature(self, a: str, b: str) -> Complex:
        """Non-Abelian Berry curvature F_ab, shape (P, J, J)."""
        return group_curvature(self.frame, self.group, a, b)


@of_frame
def smooth_gauge(
    frame: Eigenframe, group: Group, projections: Complex, directions: Sequence[str], slopes: Sequence[Complex] = ()
) -> SmoothGauge:
    """Smooth gauge of a group of bands by projection of trial orbitals.

    Parameters
    ----------
    frame : Eigenframe
        With the derivatives along the directions that the gauge needs (see `gauge_needs`).
    group : int or (int, int)
        Number of lowest bands, or first and last + 1.
    projections : complex array, shape (N, J) or (P, N, J)
        Trial orbitals as columns, one for each band of the group, in the basis of the model.
    directions : sequence of str
        Directions of the connections.
    slopes : sequence of complex array (N, J) or (P, N, J), optional
        Derivatives of the trial orbitals along the directions, if the orbitals depend on the point. For a frame without
        the position matrix of the basis, their covariant derivatives (d_a - i r_a) g.
    """
    o, c = subspace_indices(group, frame.energies.shape[1])
    shape = (frame.states.shape[1], o.stop - o.start)
    if np.shape(projections)[-2:] != shape:
        raise InvalidArgumentError(
            f"projections: expected shape {shape}, one column for each band of the group, got {np.shape(projections)}"
        )
    if isinstance(directions, str) or not np.iterable(directions):
        raise InvalidArgumentError(f"directions: {directions!r}, expected a sequence of directions")
    G = adjoint_product(frame.states, projections)
    changes = np.empty((len(directions), len(G), shape[1], shape[1]), dtype=np.complex128)
    for number, a in enumerate(directions):
        changes[number] = adjoint_product(interband_coupling(frame, group, a), G[:, c])
        for name in connection_names(a):
            # along theta only Wannier functions have a basis connection
            if (name,) in frame.derivatives or (a.startswith("k") and not len(slopes)):
                changes[number] -= 1j * product(frame.derivative(name)[:, o], G)
    if len(slopes):
        inside = adjoint_product(frame.states[:, :, o], np.concatenate(slopes, axis=-1))
        changes += np.moveaxis(inside.reshape(len(G), shape[1], len(directions), shape[1]), 2, 0)
    overlaps, connections, last = _connections_of(G[:, o], changes, frame.energies.shape[1])
    by_direction = (dict(zip(directions, each, strict=True)) for each in (last, connections))
    return SmoothGauge(frame, group, overlaps, *by_direction)


def polar_connections(overlaps: Complex, changes: Complex) -> tuple[Float, Complex, Complex]:
    """Singular values and connections of a gauge from the overlaps with the trial orbitals.

    Parameters
    ----------
    overlaps : complex array, shape (P, J, J)
        Overlap G_o of the states of the group with the trial orbitals.
    changes : complex array, shape (A, P, J, J)
        U_o^dagger D_a (P g) for each direction.

    Returns
    -------
    singular : float array, shape (P, J)
    connections : complex array, shape (A, P, J, J)
    last : complex array, shape (A, P)
        Last diagonal elements of B_a.
    """
    left, singular, right = svd_batch(overlaps)
    B = adjoint_product(left, product(changes, dagger(right)))
    A = 1j * (B - dagger(B)) / (singular[:, :, None] + singular[:, None, :])
    return singular, product(left, product(A, dagger(left))), B[:, :, -1, -1]


def _connections_of(overlaps: Complex, changes: Complex, bands: int) -> tuple[Float, Complex, Complex]:
    """The same, by the compiled kernel for groups of two out of three and more bands."""
    kernels = compiled.available("gauges") if bands > 2 and overlaps.shape[1] == 2 else None
    if kernels is None:
        return polar_connections(overlaps, changes)
    singular, connections, last = (
        np.empty(overlaps.shape[:2]),
        np.empty_like(changes),
        np.empty_like(changes[..., 0, 0]),
    )
    kernels.of_pairs(np.ascontiguousarray(overlaps), changes, singular, connections, last)
    return singular, connections, last


def gauge_needs(
    crystal: Crystal,
    groups: Sequence[Group],
    form: Callable[[Sequence[SmoothGauge]], Float] | None = None,
    operators: Sequence[str] = (),
    directions: Sequence[str] | None = None,
    available: Callable[[tuple[str, ...]], bool] | None = None,
) -> tuple[Derivative, ...]:
    """Derivatives that smooth gauges of groups of bands need, and forms of these gauges.

    Parameters
    ----------
    crystal : Crystal
    groups : sequence of int or (int, int)
    form : callable, optional
        Gauges of the groups -> values; by default all curvatures.
    operators : sequence of str
        Names of observables.
    directions : sequence of str, optional
        Directions of the connections; by default those of the crystal.
    available : callable, optional
        Predicate for available derivatives; by default those of the crystal.
    """
    along = tuple(crystal.directions if directions is None else directions)

    return record(
        partial(_of_gauges, groups=[*groups], along=along, form=form or partial(_curvatures, along=along)),
        crystal.size,
        available or offered_by(crystal, operators),
        curved=crystal.orbitals_move or crystal.has_basis_connection,
        operators=operators,
        products=False,
    ).derivatives


def _of_gauges(
    frame: Eigenframe,
    groups: Sequence[Group],
    along: tuple[str, ...],
    form: Callable[[Sequence[SmoothGauge]], Float],
) -> Float:
    """Form of smooth gauges whose projections are the states of a frame themselves."""
    gauges, size = [], frame.energies.shape[-1]
    for group in groups:
        inside, _ = subspace_indices(group, size)
        columns: Complex = np.eye(size, dtype=np.complex128)[:, inside]
        gauges.append(smooth_gauge(frame, group, columns, along))
    return form(gauges)


def _curvatures(gauges: Sequence[SmoothGauge], along: tuple[str, ...]) -> Float:
    """All curvatures of smooth gauges, summed over their bands."""
    pairs = itertools.combinations(along, 2)
    return np.array([gauge.curvature(a, b).real.sum() for a, b in pairs for gauge in gauges])


def chern_simons_form(gauge: SmoothGauge, a: str, b: str, c: str) -> Float:
    r"""Chern-Simons three-form, shape (P,).

    .. math:: \mathrm{CS}_{abc} = \mathrm{Re} \Big[ \sum_{cycl} \mathrm{tr} A_a F_{bc}
              + i\, \mathrm{tr} A_a [A_b, A_c] \Big]

    which is tr(A dA - (2i/3) A^3). For a single band it is twice the forms below Eq. (15). Only its integral over the
    torus is physical, modulo 8 pi^2.
    """
    key = (a, b, c)
    if key in gauge.forms:
        return gauge.forms[key]
    frame, group = gauge.frame, gauge.group
    o, _ = subspace_indices(group, frame.energies.shape[1])
    total = np.zeros(len(frame.energies))
    for x, y, z in ((a, b, c), (b, c, a), (c, a, b)):
        A = gauge.connection(x)
        Xy, Xz = (interband_coupling(frame, group, direction) for direction in (y, z))
        # tr A F = -2 Im tr A X_y^dagger X_z for Hermitian A
        total -= 2 * trace_of_product(product(Xy, A), Xz).imag
        own = frame.basis_curvature(y, z)
        if own is not None:
            total += _trace(A, own[:, o, o])
    A, B, C = (gauge.connection(x) for x in (a, b, c))
    if gauge.overlaps.shape[1] > 1:
        # i tr A [B, C] = -2 Im tr A B C
        total -= 2 * trace_of_product(product(B, A), C).imag
    gauge.forms[key] = total
    return total


def second_chern_simons(gauge: SmoothGauge, component: str) -> Float:
    """Chern-Simons part of the magnetization that a cycle pumps, -(e/2) CS of theta and two of k (Eq. 17); (P,)."""
    return -0.5 * chern_simons_form(gauge, THETA, *K_PLANES[component])


@of_frame
def second_chern_form(frame: Eigenframe, group: Group, directions: tuple[str, str, str, str]) -> Float:
    r"""Second Chern form tr(F_ab F_cd + F_bc F_ad + F_ca F_bd), shape (P,).

    In the paper's labelling, with a = k_s, b = k_i, c = r_i, d = t, it is the trace of
    Omega_s^{k[kr]t}, Eqs. (6), (B5). Its integral over a closed four-dimensional torus is 4 pi^2 times the second Chern
    number.
    """
    a, b, c, d = directions
    pairs = ((a, b, c, d), (b, c, a, d), (c, a, b, d))
    return np.sum(
        [_trace(group_curvature(frame, group, w, x), group_curvature(frame, group, y, z)) for w, x, y, z in pairs],
        axis=0,
    )


def _trace(A: Complex, B: Complex) -> Float:
    """Real part of tr A B for each point, (P,)."""
    return np.asarray(np.einsum("pij,pji->p", A, B).real)
