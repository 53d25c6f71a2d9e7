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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.occupied import Group, group_curvature, inside_outside, tilt
from adiabloch.linalg import dagger, rotated, svd_batch
from adiabloch.models.crystal import Derivative, connection_names, curl, position_names


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
        With what `gauge_directions` lists.
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


def gauge_directions(directions: tuple[str, ...], *, moving: bool = False, turning: bool = False) -> list[Derivative]:
    """Derivatives that a frame must carry for connections and curvatures along `directions`.

    Parameters
    ----------
    directions : tuple of str
    moving : bool
        Whether orbitals move along theta.
    turning : bool
        Whether the basis has a position matrix, and with it a curvature.
    """
    wanted: list[Derivative] = [*directions, *position_names(directions)]
    wanted += [curl(a, b) for a, b in combinations(directions, 2) if turning or (moving and "theta" in (a, b))]
    if moving and turning:
        wanted += [name for a in directions if not a.startswith("k") for name in connection_names(a)]
    return wanted


def chern_simons_form(gauge: SmoothGauge, a: str, b: str, c: str) -> Float:
    r"""Chern-Simons three-form, shape (P,).

    .. math:: \mathrm{CS}_{abc} = \mathrm{Re} \Big[ \sum_{cycl} \mathrm{tr} A_a F_{bc}
              + i\, \mathrm{tr} A_a [A_b, A_c] \Big]

    which is tr(A dA - (2i/3) A^3); for a single band it is twice the forms below Eq. (15). Only its integral over the
    torus means something, modulo 8 pi^2.
    """
    A, B, C = (gauge.connection(x) for x in (a, b, c))
    total = _trace(A, gauge.curvature(b, c)) + _trace(B, gauge.curvature(c, a)) + _trace(C, gauge.curvature(a, b))
    if gauge.overlaps.shape[1] > 1:
        BC = B @ C
        # the commutator of Hermitian matrices is BC - (BC)^dagger
        total = total + _trace(A, 1j * (BC - dagger(BC)))
    return total


def second_chern_form(frame: Eigenframe, group: Group, directions: tuple[str, str, str, str]) -> Float:
    r"""Second Chern form tr(F_ab F_cd + F_bc F_ad + F_ca F_bd), shape (P,).

    In the paper's labelling, with a = k_s, b = k_i, c = r_i, d = t, it is the trace of Omega_s^{k[kr]t} (below
    Eq. 6). Its integral over a closed four-dimensional torus is 4 pi^2 times the second Chern number.
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
