r"""Orbital magnetization induced by a slow change: perturbative part.

The drive is "theta" for a cycle, "kx", "ky" or "kz" for an electric field. `occupied_shift` sums over occupied and
empty groups, which may contain degenerate bands; `band_shift` gives the quantity for each band, as in the paper.
"""

from __future__ import annotations

import numpy as np

from adiabloch import compiled
from adiabloch.arrays import Complex, Float
from adiabloch.geometry.bands import (
    K_PLANES,
    Factors,
    connection,
    interband_moment,
    metric_gradient_factors,
    of_bands,
)
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.geometry.taylor_blocks import Blocks, TaylorBlock, total
from adiabloch.occupation import Group, subspace_indices

LARGEST_COMPILED = 12
"""Number of bands up to which the compiled moment is faster than products of matrices by BLAS."""


@of_frame
def occupied_shift(frame: Eigenframe, group: Group, drive: str, component: str) -> Float:
    r"""Sum of d_B a^drive over the occupied bands, in units of e; shape (P,).

    With n, v occupied and c, c' empty,

    .. math:: \sum_{nc} 2 \mathrm{Re} \frac{-A^t_{nc} m_{cn}}{E_n - E_c}, \qquad
              m_{cn} = -\frac{e}{2} \Big[ \sum_{c'} v_{cc'} \times A_{c'n} + \sum_v v_{vn} \times A_{cv} \Big]

    the first term of Eq. (8) in a form that holds for any number of degenerate bands, since denominators connect
    occupied and empty states only. For one occupied band it equals that of the paper. It also holds for any group of
    bands with a gap to all others. The contribution of the basis curvature is included (`basis_curvature_shift`).
    """
    a, b = K_PLANES[component]
    key = ("interband moment", repr(group), a, b)
    points, bands = frame.energies.shape
    kernels = compiled.of_frames(points, bands) if bands <= LARGEST_COMPILED and frame.touching == "refused" else None
    if kernels is not None:
        inside = subspace_indices(group, bands)[0]
        energies, limits = np.ascontiguousarray(frame.energies), (inside.start, inside.stop)
        if key not in frame.cache:
            width = inside.stop - inside.start
            frame.cache[key] = np.empty((points, bands - width, width), dtype=np.complex128)
            kernels.interband_moment(energies, *_contiguous(frame, a, b), *limits, frame.cache[key])
        shift = np.empty(points)
        kernels.moment_overlap(energies, *_contiguous(frame, drive), frame.cache[key], *limits, shift)
    else:
        blocks = Blocks(frame, group)
        if key not in frame.cache:
            # the same for all drives
            frame.cache[key] = interband_moment_of(blocks, a, b)
        shift = blocks.overlap(blocks.connection(drive), frame.cache[key]).real()[0]
    return shift + basis_curvature_shift(frame, group, drive, component)


def _contiguous(frame: Eigenframe, *directions: str) -> list[Complex]:
    """Derivatives along single directions, for compiled kernels."""
    return [np.ascontiguousarray(frame.derivative(direction)) for direction in directions]


def pumped_shift(frame: Eigenframe, group: Group, component: str) -> Float:
    """Perturbative part of the magnetization that a cycle pumps: sum of d_B a^theta over the occupied bands; (P,)."""
    return occupied_shift(frame, group, "theta", component)


def field_shift(frame: Eigenframe, group: Group, component: str, field: str) -> Float:
    """Perturbative part of dM_i/dE_j of the occupied bands, in units of e^2; (P,)."""
    return occupied_shift(frame, group, f"k{field}", component)


def field_shift_z(frame: Eigenframe, group: Group, field: str) -> Float:
    """Perturbative part of dM_z/dE_j in two dimensions; (P,)."""
    return field_shift(frame, group, "z", field)


def induced_moment(blocks: Blocks, drive: str, a: str, b: str) -> TaylorBlock:
    """Perturbative induced moment along two directions a and b, with derivatives; the real part is the result."""
    return blocks.overlap(blocks.connection(drive), interband_moment_of(blocks, a, b))


def interband_moment_of(blocks: Blocks, a: str, b: str) -> TaylorBlock:
    """Moment along two directions between occupied and empty states, over the energy differences."""
    Aa, Ab = blocks.connection(a), blocks.connection(b)
    return blocks.solve(blocks.outside(a) @ Ab - blocks.outside(b) @ Aa + Ab @ blocks.inside(a) - Aa @ blocks.inside(b))


@of_frame
def basis_curvature_shift(frame: Eigenframe, group: Group, drive: str, component: str) -> Float:
    r"""Contribution of the basis curvature to the moment between occupied and empty states, in units of e; (P,).

    .. math:: -\frac12 \sum_{cycl} \mathrm{Re} \sum_{nc} A^a_{nc} \Omega^{bc}_{cn}

    over the drive and the two directions of the component. Orbitals that move with the velocity u = d_drive r have
    Omega^{a drive} = -u_a: the term is the part of the moment (e/2) r x u between occupied and empty states. In a field
    it comes from the anomalous velocity of Wannier functions that do not span the whole space, whose positions do not
    commute. The part among the occupied states belongs to the Chern-Simons form, which contains the same curvature.
    """
    a, b = K_PLANES[component]
    # if the drive is a or b, two of the terms cancel and the third vanishes
    if drive in (a, b) or all(frame.basis_curvature(y, z) is None for _, y, z in _cyclic(drive, a, b)):
        return np.zeros(len(frame.energies))
    moment = basis_curvature_moment(Blocks(frame, group), drive, a, b)
    assert moment is not None
    return moment.real()[0]


def basis_curvature_moment(blocks: Blocks, drive: str, a: str, b: str) -> TaylorBlock | None:
    """Contribution of the basis curvature along two directions, with derivatives; complex; None if it is zero."""
    curvatures = ((x, blocks.basis_curvature(y, z)) for x, y, z in _cyclic(drive, a, b))
    terms = [-0.5 * blocks.overlap(blocks.connection(x), own) for x, own in curvatures if own is not None]
    return total(terms) if terms else None


@of_frame
def band_shift(frame: Eigenframe, drive: str, component: str) -> Float:
    r"""Value of d_B a^drive for every band, in units of e; shape (P, N). Implements Eq. (8).

    .. math:: \partial_B a^t_n = 2 \mathrm{Re} \sum_{n_1 \ne n} \frac{-A^t_{n n_1} m_{n_1 n}}{E_n - E_{n_1}}
              + \frac{e}{2} \partial_k \times G^{kt}_n

    and the contribution of the basis curvature, if the frame carries one (`basis_curvature_part`).
    """
    return of_bands(band_shift_factors(frame, drive, component))


def band_shift_factors(frame: Eigenframe, drive: str, component: str) -> Factors:
    """Value of d_B a^drive as a matrix between bands."""
    parts = (_interband_factors, _metric_curl_factors, _basis_curvature_factors)
    return [factors for part in parts for factors in part(frame, drive, component)]


def interband_part(frame: Eigenframe, drive: str, component: str) -> Float:
    """First term of Eq. (8), the only one that contributes in an insulator; shape (P, N)."""
    return of_bands(_interband_factors(frame, drive, component))


def metric_curl_part(frame: Eigenframe, drive: str, component: str) -> Float:
    """Second term of Eq. (8), a total derivative in k that integrates to zero in an insulator; shape (P, N)."""
    return of_bands(_metric_curl_factors(frame, drive, component))


def basis_curvature_part(frame: Eigenframe, drive: str, component: str) -> Float:
    """Contribution of the basis curvature for each band, as in `basis_curvature_shift`; shape (P, N)."""
    factors = _basis_curvature_factors(frame, drive, component)
    return of_bands(factors) if factors else np.zeros(frame.energies.shape)


def _interband_factors(frame: Eigenframe, drive: str, component: str) -> Factors:
    # A_{n n1}/(E_n1 - E_n)
    return [(2.0 * connection(frame, drive) / frame.energy_differences(), interband_moment(frame, component))]


def _metric_curl_factors(frame: Eigenframe, drive: str, component: str) -> Factors:
    a, b = K_PLANES[component]
    signed = (
        (0.5, metric_gradient_factors(frame, b, drive, along=a)),
        (-0.5, metric_gradient_factors(frame, a, drive, along=b)),
    )
    return [(sign * L, R) for sign, factors in signed for L, R in factors]


def _basis_curvature_factors(frame: Eigenframe, drive: str, component: str) -> Factors:
    a, b = K_PLANES[component]
    if drive in (a, b):
        return []
    couplings = ((connection(frame, x), frame.basis_curvature(y, z)) for x, y, z in _cyclic(drive, a, b))
    return [(-0.5 * A, own) for A, own in couplings if own is not None]


def _cyclic(a: str, b: str, c: str) -> tuple[tuple[str, str, str], ...]:
    return (a, b, c), (b, c, a), (c, a, b)
