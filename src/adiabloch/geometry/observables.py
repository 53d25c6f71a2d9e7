r"""Expectation values of bounded observables, and what a slow change or a field adds to them (App. B).

An observable is a matrix in the basis of the model (at each k, if it reaches other cells), carried by the frame under
its name. It is the derivative of -H
along the field conjugate to it, and its response is a Berry curvature between that field and what drives the change.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge
from adiabloch.geometry.occupied import Group, inside_outside, splittings, tilt
from adiabloch.linalg import rotated


def expectation(frame: Eigenframe, group: Group, operator: Complex) -> Float:
    """Sum of <n|O|n> over a group of bands; the operator (P, N, N) in the eigenframe; shape (P,)."""
    o, _ = inside_outside(group, frame.energies.shape[1])
    return operator[:, o, o].trace(axis1=1, axis2=2).real


def observable_shift(frame: Eigenframe, group: Group, drive: str, operator: Complex) -> Float:
    r"""What a slow change of `drive` adds to an observable, summed over a group of bands; shape (P,). Eq. (B6).

    .. math:: \delta O = \sum_{nc} 2 \mathrm{Re} \frac{O_{nc} A_{cn}}{E_c - E_n}
              = -\sum_{nc} 2 \mathrm{Im} \frac{O_{nc} \langle c | \partial_t n \rangle}{E_c - E_n}

    with n inside the group and c outside: the curvature Omega^{ht} for H - h O, summed over n. Drive "theta" gives what
    a cycle pumps, in units of omega; "kx" what an electric field induces (Eq. B7), in units of e E_x.

    Parameters
    ----------
    frame : Eigenframe
    group : int or (int, int)
    drive : str
    operator : complex array, shape (P, N, N)
        In the eigenframe.
    """
    o, c = inside_outside(group, frame.energies.shape[1])
    A = 1j * tilt(frame, group, drive)
    return -2.0 * (operator[:, c, o].conj() * A / splittings(frame, group)).real.sum(axis=(1, 2))


def inplane_moment(frame: Eigenframe, heights: Complex) -> tuple[Complex, Complex]:
    r"""Moment of a layer in its plane, per electron, in units of e; two matrices (P, N, N).

    .. math:: m_x = -\frac{e}{2} \{z, v_y\}, \qquad m_y = \frac{e}{2} \{z, v_x\}

    In (e/2) (y v_z - z v_y) the first term equals the second on average, since y z stays what it is in a layer that is
    finite along z. So the moment is bounded, unlike that along z.

    Parameters
    ----------
    frame : Eigenframe
        With "kx" and "ky".
    heights : complex array, shape (P, N, N)
        The matrix z in the eigenframe.
    """
    vx, vy = frame.derivative("kx"), frame.derivative("ky")
    return -0.5 * (heights @ vy + vy @ heights), 0.5 * (heights @ vx + vx @ heights)


def with_height(frame: Eigenframe, heights: Complex) -> Eigenframe:
    """The frame with a direction "kz" for a field across the layer: v_z = i [H, z], so that A^z = z between bands."""
    E = frame.energies
    vz = 1j * (E[:, :, None] - E[:, None, :]) * heights
    return replace(frame, derivatives={**frame.derivatives, ("kz",): np.asarray(vz)})


def gauge_with_height(gauge: SmoothGauge, heights: Complex) -> SmoothGauge:
    """A smooth gauge with the connection along "kz", which is z among the states of the group."""
    o, _ = inside_outside(gauge.group, gauge.frame.energies.shape[1])
    Az = rotated(heights[:, o, o], gauge.left)
    return replace(gauge, frame=with_height(gauge.frame, heights), connections={**gauge.connections, "kz": Az})
