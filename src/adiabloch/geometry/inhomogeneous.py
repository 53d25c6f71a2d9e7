r"""Wave packets in a slowly non-uniform crystal: Eqs. (2) to (4) and related quantities.

The Hamiltonian depends on the position r in any way. Its derivative d_r H is a matrix like the velocity: the derivative
of a frame along "x", "y" or "z". A vector potential is the case d_{r_i} H = -e (d_i A_j) v_j. The formulas hold for
groups of bands, which may be degenerate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry.bands import K_PLANES, connection, curvature
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.geometry.induced import basis_curvature_shift
from adiabloch.geometry.taylor_blocks import Blocks, TaylorBlock, total
from adiabloch.occupation import Group


def gradient_matrix(blocks: Blocks, pairs: Sequence[tuple[str, str]], *, mixed: bool = True) -> TaylorBlock:
    r"""Mixing Delta_cn of a wave packet with empty states c by the gradient of H, shape (P, C, J). Eq. (4).

    .. math:: \Delta_{cn} = \frac{i}{2} (\partial_k \cdot \partial_r H)_{cn}
              + \sum_{c'} (\partial_r H)_{cc'} \cdot A^k_{c'n} - \sum_v A^r_{cv} \cdot v_{vn}

    with n, v inside the group and c, c' outside.

    Parameters
    ----------
    blocks : Blocks
        Blocks of a frame with derivatives along both members of each pair, and along the pair.
    pairs : sequence of (str, str)
        ("kx", "x"), ... for all axes along which H changes; ("kx", h) alone for a gradient d_x h of a field.
    mixed : bool
        True to include d_k . d_r H, which vanishes in a magnetic field.
    """
    terms = []
    for k, r in pairs:
        if mixed:
            terms.append(0.5j * blocks.across(k, r))
        terms.append(blocks.outside(r) @ blocks.connection(k))
        terms.append(-1 * (blocks.connection(r) @ blocks.inside(k)))
    return total(terms)


def positional_shift(blocks: Blocks, drive: str, delta: TaylorBlock) -> TaylorBlock:
    r"""Positional shift (drive "kx", ...) or energy shift ("theta"), summed over the group; (P,). Eqs. (2), (3).

    .. math:: a = \sum_{nc} 2 \mathrm{Re} \frac{A_{nc} \Delta_{cn}}{E_n - E_c}

    without the divergence of the metric, which integrates to zero in an insulator. The real part is the result.
    """
    return 2 * blocks.overlap(blocks.connection(drive), blocks.solve(delta))


def gradient_form(blocks: Blocks, drive: str, pairs: Sequence[tuple[str, str]]) -> TaylorBlock:
    r"""Positional or energy shift for a gradient along several pairs, with the basis curvature; (P,).

    .. math:: \sum_{nc} 2 \mathrm{Re} \frac{A^t_{nc} \Delta_{cn}}{E_n - E_c}
              - \mathrm{Re}\, A^k_{nc} \cdot \Omega^{tr}_{cn}

    where d_k . d_r H in the mixing Delta means D_k D_r H. The real part is the result.
    """
    form = positional_shift(blocks, drive, gradient_matrix(blocks, pairs))
    for k, r in pairs:
        if (omega := blocks.basis_curvature(drive, r)) is not None:
            form = form - blocks.overlap(blocks.connection(k), omega)
    return form


def complete_shift(along: Callable[..., Blocks], drive: str, pairs: Sequence[tuple[str, str]]) -> Float:
    """Positional or energy shift of a single band with the divergence of the metric, Eq. (2) or (3); (P,).

    Parameters
    ----------
    along : callable
        Directions -> blocks of the band with derivatives along them.
    drive : str
    pairs : sequence of (str, str)
    """
    shift = shift_block(along, drive, pairs)
    return np.asarray((shift if shift.ndim == 1 else shift.trace(axis1=1, axis2=2)).real)


def shift_block(along: Callable[..., Blocks], drive: str, pairs: Sequence[tuple[str, str]]) -> Complex:
    """Complete shift of a group of degenerate bands as a matrix, if its blocks are not summed; (P, J, J), complex."""
    shift = gradient_form(along(), drive, pairs).parts[0]
    for k, r in pairs:
        shift = shift - group_metric(along(k), r, drive).parts[1]
    return shift


@of_frame
def gradient_shift(frame: Eigenframe, drive: str, axes: Sequence[str]) -> Float:
    r"""Positional shift (drive "kx", ...) or energy shift ("t") of every band; (P, N). Implements Eqs. (2), (3).

    .. math:: a_n = 2 \mathrm{Re} \sum_{m \ne n} \frac{A_{nm} \Delta_{mn}}{E_n - E_m} - \partial_k \cdot G^{r}_n

    The frame must carry derivatives along k, the axes and the drive, the pairs ("kx", "x"), ..., and second ones along
    each such k and all of these.

    Raises
    ------
    DegenerateBandsError
        Bands touch.
    """
    frame.energy_differences()
    pairs = [(f"k{axis}", axis) for axis in axes]
    bands = range(frame.energies.shape[1])
    return np.stack([complete_shift(partial(_blocks, frame, n), drive, pairs) for n in bands], axis=-1)


def _blocks(frame: Eigenframe, band: int, *along: str) -> Blocks:
    return Blocks(frame, (band, band + 1), along)


def equilibrium_form(blocks: Blocks, a: str, b: str) -> TaylorBlock:
    r"""Two-form of the energy of occupied states, summed over the group; (P,). Eqs. (7), (B4).

    .. math:: M_{ab} = \sum_{nc} -\mathrm{Im} (A^a_{nc} A^b_{cn}) (E_n + E_c)

    Along two directions of k it is the equilibrium magnetization. Summed over the pairs ("kx", "x"), ... it is the
    contribution of the gradient to the energy of the ground state. Along "kx" and a field it is the dipole of the
    conjugate observable. Its derivative by the chemical potential is a Chern number. The real part is the result.
    """
    inside, outside = blocks.energies
    Xb = blocks.interband_coupling(b)
    form = 1j * blocks.overlap(blocks.interband_coupling(a), Xb @ inside + outside @ Xb)
    own = blocks.basis_curvature_inside(a, b)
    return form if own is None else form + blocks.summed(own @ inside)


def curvature_form(blocks: Blocks, a: str, b: str) -> TaylorBlock:
    """Berry curvature of a group, -2 sum_nc Im A^a_nc A^b_cn; (P,). The real part is the result."""
    form = 2j * blocks.overlap(blocks.interband_coupling(a), blocks.interband_coupling(b))
    own = blocks.basis_curvature_inside(a, b)
    return form if own is None else form + blocks.summed(own)


def group_metric(blocks: Blocks, a: str, b: str) -> TaylorBlock:
    """Quantum metric of a group, Re sum_nc A^a_nc A^b_cn; (P,). The real part is the result."""
    return blocks.overlap(blocks.interband_coupling(a), blocks.interband_coupling(b))


@of_frame
def gradient_energy(frame: Eigenframe, axes: Sequence[str]) -> Float:
    """Contribution of the gradient to the energy of a wave packet, delta E_n = Re sum_m A^k_nm . (d_r H)_mn; (P, N)."""
    products = [connection(frame, f"k{axis}") * frame.derivative(axis).swapaxes(1, 2) for axis in axes]
    return np.asarray(np.sum(products, axis=0).sum(axis=2).real)


@of_frame
def phase_space_measure(frame: Eigenframe, axes: Sequence[str]) -> Float:
    """Density of states in phase space times (2 pi)^d, D = 1 + sum_i Omega^{k_i r_i}; (P, N)."""
    return 1.0 + np.sum([curvature(frame, f"k{axis}", axis) for axis in axes], axis=0)


@of_frame
def observable_dipole(frame: Eigenframe, k: str, name: str) -> Float:
    """Dipole of an observable in a wave packet, d_i = d (delta E_n)/d (d_i h) = Re sum_m A^k_nm O_mn; (P, N)."""
    return (connection(frame, k) * frame.derivative(name).swapaxes(1, 2)).sum(axis=2).real


def in_magnetic_field(frame: Eigenframe, component: str) -> Eigenframe:
    """Copy of a frame with d_{r_i} H = -(e/2) d_i (B x r)_j v_j of a magnetic field, in units of e B."""
    a, b = K_PLANES[component]
    # A = B x r/2: with B along the third axis A_a = -B r_b/2 and A_b = B r_a/2
    slopes: dict[tuple[str, ...], Complex] = {(a[1],): -0.5 * frame.derivative(b), (b[1],): 0.5 * frame.derivative(a)}
    return frame.with_derivatives(slopes)


@of_frame
def shift_in_magnetic_field(frame: Eigenframe, group: Group, drive: str, component: str) -> Float:
    """Positional shift in a magnetic field, summed over a group of bands, in units of e B; (P,). Eqs. (2), (4)."""
    key = ("magnetic field", component, str(group))
    if key not in frame.cache:
        blocks = Blocks(in_magnetic_field(frame, component), group)
        pairs = [(a, a[1]) for a in K_PLANES[component]]
        frame.cache[key] = blocks, gradient_matrix(blocks, pairs, mixed=False)
    blocks, delta = frame.cache[key]
    shift: Float = positional_shift(blocks, drive, delta).real()[0]
    return shift + basis_curvature_shift(frame, group, drive, component)
