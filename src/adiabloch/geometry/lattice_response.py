r"""Two-forms of slow displacements of the atoms: what every small closed path of the atoms pumps.

A quantity pumped by a closed path is the integral of a one-form m_j(u) du_j over it, and by Stokes' theorem that of the
two-form d_i m_j - d_j m_i over the area that it encloses. The two-form is gauge invariant and needs first derivatives
of H along the displacements only. Directions of displacements are those of a frame, "u0", "u1", ....
"""

from __future__ import annotations

from dataclasses import replace

from adiabloch.arrays import Float
from adiabloch.geometry.band_subspace import group_curvature
from adiabloch.geometry.bands import K_PLANES
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.geometry.gauge import second_chern_form
from adiabloch.geometry.induced import basis_curvature_moment, induced_moment
from adiabloch.geometry.inhomogeneous import curvature_form
from adiabloch.geometry.taylor_blocks import Blocks
from adiabloch.linalg import trace_of_product
from adiabloch.occupation import Group, subspace_indices


@of_frame
def moment_curl(frame: Eigenframe, group: Group, component: str, one: str, other: str) -> Float:
    """Curl d_1 m_2 - d_2 m_1 of the perturbative pumped moment (Eq. 8, `occupied_shift`) along displacements; (P,)."""
    return _slope(frame, group, component, one, other) - _slope(frame, group, component, other, one)


def _slope(frame: Eigenframe, group: Group, component: str, along: str, drive: str) -> Float:
    """Derivative along one displacement of the moment that another one induces; (P,)."""
    a, b = K_PLANES[component]
    blocks = _blocks(frame, group, along)
    moment, of_basis = induced_moment(blocks, drive, a, b), basis_curvature_moment(blocks, drive, a, b)
    return (moment if of_basis is None else moment + of_basis).real()[1]


@of_frame
def observable_curl(frame: Eigenframe, group: Group, name: str, one: str, other: str) -> Float:
    """Curl of the change of an observable (Eq. B6, `observable_shift`) along two displacements; (P,)."""
    slopes = []
    for along, drive in ((one, other), (other, one)):
        blocks = _blocks(frame, group, along)
        slopes.append(-2.0 * blocks.overlap(blocks.solve(blocks.across(name)), blocks.connection(drive)).real()[1])
    return slopes[0] - slopes[1]


@of_frame
def second_chern_part(frame: Eigenframe, group: Group, component: str, one: str, other: str) -> Float:
    """Curl of the Chern-Simons part, -(e/2) d CS = -tr F F over two of k and two displacements (Eq. 17); (P,)."""
    return -second_chern_form(frame, group, (*K_PLANES[component], one, other))


@of_frame
def localized_chern_simons(frame: Eigenframe, group: Group, drive: str, component: str) -> Float:
    r"""Chern-Simons part of the moment that a drive induces in a molecule, in units of e; (P,).

    .. math:: -\frac12 \mathrm{tr} \big( r_a F_{b t} - r_b F_{a t} \big)

    with the matrix r of the position between occupied states. It is -(e/2) times the Chern-Simons form of Eq. (17) in
    a gauge that does not depend on k, in which the connection along the drive drops out.
    """
    a, b = K_PLANES[component]
    o, _ = subspace_indices(group, frame.energies.shape[1])
    ra, rb = (frame.derivative(f"r{k[1]}")[:, o, o] for k in (a, b))
    Fa, Fb = (group_curvature(frame, group, k, drive) for k in (a, b))
    return -0.5 * (trace_of_product(ra, Fb) - trace_of_product(rb, Fa)).real


@of_frame
def berry_curvature(frame: Eigenframe, group: Group, one: str, other: str) -> Float:
    """Berry curvature tr F of occupied bands along two directions, of k or of displacements; (P,)."""
    return curvature_form(Blocks(frame, group), one, other).real()[0]


def _blocks(frame: Eigenframe, group: Group, along: str) -> Blocks:
    """Blocks with derivatives along a displacement, shared by all components and pairs."""
    key = ("displacement", str(group), along)
    if key not in frame.cache:
        # of a copy: blocks that refer to the frame which keeps them would live until the next garbage collection
        frame.cache[key] = Blocks(replace(frame), group, (along,))
    return frame.cache[key]
