r"""A smooth gauge for a group of bands, with its connection to machine precision.

Trial orbitals g are projected onto the group and made orthonormal: with G = U^dagger g, its rows inside the group
G_o = Z sigma V^dagger (singular values), the states are F = U_o Z V^dagger. They are as smooth and periodic as the
projector, and their derivative is known: since

.. math:: U_o^\dagger D_a (P g) = X_a^\dagger G_c + U_o^\dagger (\partial_a - i r_a) g

(X from perturbation theory, r_a the position matrix of the basis), that of the polar factor gives the connection

.. math:: A_a = i F^\dagger D_a F = \frac{i (B_a - B_a^\dagger)_{ij}}{\sigma_i + \sigma_j}, \qquad
          B_a = Z^\dagger U_o^\dagger D_a (P g) V

in the basis F V. No derivative is taken numerically, and no phase is ever followed from point to point. Where a
singular value vanishes the gauge breaks: the smallest one is its health.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.occupied import group_curvature, tilt
from adiabloch.geometry.recording import offered_by, record
from adiabloch.linalg import dagger, rotated, svd_batch
from adiabloch.models.crystal import Crystal, Derivative, connection_names
from adiabloch.occupation import Group, inside_outside


@dataclass(frozen=True, eq=False)
class SmoothGauge:
    """States of a group of bands in the gauge of the trial orbitals.

    All matrices are given in the basis F V, the same for all directions at a point: traces of products are those of
    the smooth gauge.
    """

    frame: Eigenframe
    group: Group
    left: Complex
    """Z, (P, J, J)."""
    overlaps: Float
    """Singular values sigma of the overlap between trial orbitals and group, descending, (P, J)."""
    drifts: Mapping[str, Complex]
    """B_a = Z^dagger U_o^dagger D_a (P g) V, how the projected trial orbitals change, by direction; (P, J, J) each."""
    connections: Mapping[str, Complex]
    """A_a by direction, (P, J, J) each."""

    @cached_property
    def forms(self) -> dict[tuple[str, ...], Float]:
        """Chern-Simons forms by their directions, as far as they are known."""
        return {}

    def connection(self, a: str) -> Complex:
        """Non-abelian Berry connection A_a = i F^dagger D_a F, shape (P, J, J)."""
        return self.connections[a]

    def curvature(self, a: str, b: str) -> Complex:
        """Non-abelian Berry curvature F_ab, shape (P, J, J)."""
        return rotated(group_curvature(self.frame, self.group, a, b), self.left)


def smooth_gauge(
    frame: Eigenframe, group: Group, trials: Complex, directions: Sequence[str], slopes: Sequence[Complex] = ()
) -> SmoothGauge:
    """Gauge of a group of bands from trial orbitals.

    Parameters
    ----------
    frame : Eigenframe
        With derivatives along the directions and what belongs to them (`adiabloch.geometry.needs_of` finds them).
    group : int or (int, int)
        Number of lowest bands, or first and last + 1.
    trials : complex array, shape (N, J) or (P, N, J)
        One column for each band of the group, in the basis of the model.
    directions : sequence of str
        Where the connection will be asked for.
    slopes : sequence of complex array (P, N, J), optional
        Derivatives of the trial orbitals along the directions, if they are not the same at all points.
    """
    o, c = inside_outside(group, frame.energies.shape[1])
    G = dagger(frame.states) @ trials
    left, overlaps, right = svd_batch(G[:, o])
    sums = overlaps[:, :, None] + overlaps[:, None, :]
    drifts, connections = {}, {}
    for number, a in enumerate(directions):
        drift = dagger(tilt(frame, group, a)) @ G[:, c]
        for name in connection_names(a):
            # other than along k only Wannier functions have one
            if a.startswith("k") or (name,) in frame.derivatives:
                drift -= 1j * (frame.derivative(name)[:, o] @ G)
        if len(slopes):
            drift += dagger(frame.states[:, :, o]) @ slopes[number]
        B = dagger(left) @ (drift @ dagger(right))
        drifts[a], connections[a] = B, 1j * (B - dagger(B)) / sums
    return SmoothGauge(frame, group, left, overlaps, drifts, connections)


def gauge_needs(
    crystal: Crystal,
    groups: Sequence[Group],
    form: Callable[[Sequence[SmoothGauge]], Float] | None = None,
    operators: Sequence[str] = (),
    directions: Sequence[str] | None = None,
    available: Callable[[tuple[str, ...]], bool] | None = None,
) -> tuple[Derivative, ...]:
    """Derivatives that smooth gauges of groups of bands read, and forms made of them.

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
        Predicate for derivatives that are offered; by default those of the crystal.
    """
    along = tuple(crystal.directions if directions is None else directions)

    def curvatures(gauges: Sequence[SmoothGauge]) -> Float:
        pairs = itertools.combinations(along, 2)
        return np.array([gauge.curvature(a, b).real.sum() for a, b in pairs for gauge in gauges])

    def formula(frame: Eigenframe) -> Float:
        gauges = []
        for group in groups:
            inside, _ = inside_outside(group, crystal.size)
            columns: Complex = np.eye(crystal.size, dtype=np.complex128)[:, inside]
            gauges.append(smooth_gauge(frame, group, columns, along))
        return (form or curvatures)(gauges)

    return record(
        formula,
        crystal.size,
        available or offered_by(crystal, operators),
        curved=crystal.orbitals_move or crystal.has_basis_connection,
        operators=operators,
        products=False,
    ).derivatives


def chern_simons_form(gauge: SmoothGauge, a: str, b: str, c: str) -> Float:
    r"""Chern-Simons three-form, shape (P,).

    .. math:: \mathrm{CS}_{abc} = \mathrm{Re} \Big[ \sum_{cycl} \mathrm{tr} A_a F_{bc}
              + i\, \mathrm{tr} A_a [A_b, A_c] \Big]

    which is tr(A dA - (2i/3) A^3); for a single band it is twice the forms below Eq. (15). Only its integral over the
    torus means something, modulo 8 pi^2.
    """
    key = (a, b, c)
    if key in gauge.forms:
        return gauge.forms[key]
    A, B, C = (gauge.connection(x) for x in (a, b, c))
    total = _trace(A, gauge.curvature(b, c)) + _trace(B, gauge.curvature(c, a)) + _trace(C, gauge.curvature(a, b))
    if gauge.overlaps.shape[1] > 1:
        BC = B @ C
        # the commutator of Hermitian matrices is BC - (BC)^dagger
        total = total + _trace(A, 1j * (BC - dagger(BC)))
    gauge.forms[key] = total
    return total


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
    """Re tr A B for each point."""
    return (A * B.swapaxes(1, 2)).sum(axis=(1, 2)).real
