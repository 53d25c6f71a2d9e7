r"""Orbital moments of layers. The height z of the orbitals is a bounded observable, and so are moments in the plane.

The height is a number for each orbital or, for Wannier functions, a matrix like their positions in the plane. If
positions do not commute, [r_a, r_b] = i Omega_ab, a field causes the anomalous velocity v_a = sum_b e E_b Omega_ba in
addition to i [H, r_a]. For the height, Omega_az = D_a z.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.filled import BandCounts, filled_expectation_of
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form
from adiabloch.geometry.induced import occupied_shift
from adiabloch.geometry.observables import expectation, observable_shift
from adiabloch.linalg import plus_commutator
from adiabloch.models.crystal import THETA, basis_curvature_name, position_names
from adiabloch.occupation import Group, subspace_indices

Z = "z"
"""Name of the height among the observables of a frame."""
SLOPES = ("zx", "zy")
"""Names of the plain derivatives of the height along kx and ky, for a height that depends on k or does not commute."""
K = ("kx", "ky")
ROWS = {"x": 0, "y": 1}


def inplane_expectation(frame: Eigenframe, group: Group, component: str) -> Float:
    """In-plane moment of the occupied bands, in units of e; (P,)."""
    return expectation(frame, group, inplane_moment(frame, frame.derivative(Z))[ROWS[component]])


def filled_inplane(frame: Eigenframe, band_counts: BandCounts, component: str) -> Float:
    """In-plane moment of filled bands, in units of e; (P, counts)."""
    return filled_expectation_of(frame, band_counts, inplane_moment(frame, frame.derivative(Z))[ROWS[component]])


def inplane_pumped(frame: Eigenframe, group: Group, component: str) -> Float:
    """Change of the in-plane moment with theta, in units of e omega (Eq. B6); (P,)."""
    z, row = frame.derivative(Z), ROWS[component]
    shift = observable_shift(frame, group, THETA, inplane_moment(frame, z)[row])
    if frame.basis_curvature(THETA, K[0]) is None:
        return shift
    return shift + expectation(frame, group, inplane_moment(_anomalous(frame, THETA), z)[row])


def layer_shift(frame: Eigenframe, group: Group, component: str, field: str) -> Float:
    """dM_i/dE_j of a layer: rows x and y of bounded observables, row z as for any crystal; (P,)."""
    frame = with_height(_with_curvature(frame), frame.derivative(Z))
    drive = f"k{field}"
    if component == "z":
        return occupied_shift(frame, group, drive, "z")
    z, row = frame.derivative(Z), ROWS[component]
    shift = observable_shift(frame, group, drive, inplane_moment(frame, z)[row])
    if SLOPES[:1] not in frame.derivatives:
        return shift
    return shift + expectation(frame, group, inplane_moment(_anomalous(frame, drive), z)[row])


def layer_chern_simons(gauge: SmoothGauge, component: str, field: str) -> Float:
    """Chern-Simons part of dM_z/dE_z; (P,)."""
    if (component, field) != ("z", "z"):
        return np.zeros(len(gauge.overlaps))
    gauge = replace(gauge, frame=_with_curvature(gauge.frame))
    return -0.5 * chern_simons_form(gauge_with_height(gauge, gauge.frame.derivative(Z)), "kx", "ky", "kz")


def inplane_moment(frame: Eigenframe, heights: Complex) -> tuple[Complex, Complex]:
    r"""Moment of a layer in its plane, per electron, in units of e; two matrices (P, N, N).

    .. math:: m_x = -\frac{e}{2} \{z, v_y\}, \qquad m_y = \frac{e}{2} \{z, v_x\}

    In (e/2) (y v_z - z v_y) the two terms have equal averages, since the average of y z is constant in a layer that is
    finite along z. So the moment is a bounded observable, unlike the moment along z.

    Parameters
    ----------
    frame : Eigenframe
        With "kx" and "ky".
    heights : complex array, shape (P, N, N)
        Matrix of z in the eigenframe.
    """
    vx, vy = frame.derivative("kx"), frame.derivative("ky")
    return -0.5 * (heights @ vy + vy @ heights), 0.5 * (heights @ vx + vx @ heights)


def with_height(frame: Eigenframe, heights: Complex) -> Eigenframe:
    """Copy of a frame with a direction "kz" for a field across the layer: v_z = i [H, z], so A^z = z between bands."""
    E = frame.energies
    vz = 1j * (E[:, :, None] - E[:, None, :]) * heights
    return frame.with_derivatives({("kz",): np.asarray(vz)})


def gauge_with_height(gauge: SmoothGauge, heights: Complex) -> SmoothGauge:
    """Copy of a gauge with the connection along "kz", which is z between the states of the group."""
    o, _ = subspace_indices(gauge.group, gauge.frame.energies.shape[1])
    return replace(
        gauge, frame=with_height(gauge.frame, heights), connections={**gauge.connections, "kz": heights[:, o, o]}
    )


def _with_curvature(frame: Eigenframe) -> Eigenframe:
    """Copy of a frame with Omega_az = D_a z, if the frame carries the derivatives of the height."""
    if SLOPES[:1] not in frame.derivatives:
        return frame
    z = frame.derivative(Z)
    found: dict[tuple[str, ...], Complex] = {}
    for slope, k, r in zip(SLOPES, K, position_names(K), strict=True):
        found[basis_curvature_name(k, "kz")] = plus_commutator(frame.derivative(slope), frame.derivative(r), z)
    return frame.with_derivatives(found)


def _anomalous(frame: Eigenframe, drive: str) -> Eigenframe:
    """Copy of a frame with the anomalous velocities Omega_drive,k of the basis in place of D_k H."""
    zero = np.zeros_like(frame.states)
    found: dict[tuple[str, ...], Complex] = {
        (k,): zero if (own := frame.basis_curvature(drive, k)) is None else own for k in K
    }
    return frame.with_derivatives(found)
