r"""Quantities of the c lowest bands, for several numbers c of filled bands.

Each function gives F_c, with energy denominators between filled and empty bands only. The Fermi sea at any temperature
is sum_c (f_c - f_{c+1}) F_c. `band_counts` are the numbers c of filled bands, 1 to N; arrays are (P, counts).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from adiabloch import compiled
from adiabloch.arrays import Complex, Float, for_kernels
from adiabloch.geometry.band_subspace import group_curvature
from adiabloch.geometry.bands import K_PLANES, outside_pairs
from adiabloch.geometry.frame import Eigenframe, of_frame
from adiabloch.geometry.induced import occupied_shift
from adiabloch.geometry.observables import expectation, observable_shift

BandCounts = Sequence[int]


def filled_number(frame: Eigenframe, band_counts: BandCounts) -> Float:
    """Number c of filled bands."""
    return np.broadcast_to(np.asarray(band_counts, float), (len(frame.energies), len(band_counts)))


@of_frame
def filled_curvature(frame: Eigenframe, band_counts: BandCounts, component: str) -> Float:
    r"""Berry curvature, sum over n of Omega_n = -2 Im sum_{n filled, m empty} A^a_nm A^b_mn along a component."""
    pairs = _pairs(frame, component)
    return _between(pairs, band_counts) + _of_basis(frame, band_counts, component)


@of_frame
def filled_projected_curvature(frame: Eigenframe, band_counts: BandCounts, projector: str, component: str) -> Float:
    r"""Trace of a projector in the frame and the non-Abelian Berry curvature of the filled bands."""
    a, b = K_PLANES[component]
    P = frame.derivative(projector)

    def trace(count: int) -> Float:
        F = group_curvature(frame, count, a, b)
        return (F * P[:, :count, :count].swapaxes(1, 2)).sum(axis=(1, 2)).real

    return for_each_count(frame, band_counts, trace)


def filled_hall(frame: Eigenframe, band_counts: BandCounts, component: str) -> Float:
    """Hall conductivity of filled bands in units of e^2, minus their Berry curvature."""
    return -filled_curvature(frame, band_counts, component)


@of_frame
def filled_moment(frame: Eigenframe, band_counts: BandCounts, component: str) -> Float:
    r"""Orbital magnetization of filled bands at Fermi energy zero, in units of e.

    .. math:: M_0 = \sum_{n \in occ} m_n + e (E_n - \mu) \Omega_n
              = -e \sum_{n \in occ} \sum_{m \in emp} \mathrm{Im} (A^a_{nm} A^b_{mn}) (E_n + E_m - 2 \mu)

    Eq. (7) at zero temperature: contributions of pairs of occupied states cancel between its two terms. At another
    Fermi energy mu, mu times the curvature (`filled_curvature`) is to be subtracted. For Wannier functions the basis
    curvature contributes with the energies of the bands. States outside the basis contribute if the model knows them
    (`outside_pairs`, `adiabloch.models.outside_states`).
    """
    E = frame.energies
    pairs = _times_mean_energies(_pairs(frame, component), E)
    if (coupled := outside_pairs(frame, component)) is not None:
        pairs = pairs + coupled
    moment = _between(pairs, band_counts) + _of_basis(frame, band_counts, component, E)
    own = frame.outside_moment(*K_PLANES[component])
    return moment if own is None else moment + _of_bands(np.diagonal(own, axis1=1, axis2=2).real, band_counts)


@of_frame
def filled_shift(frame: Eigenframe, band_counts: BandCounts, drive: str, component: str) -> Float:
    """Sum of d_B a^drive between filled and empty bands, in units of e: the first terms of Eq. (14)."""
    return for_each_count(frame, band_counts, lambda c: occupied_shift(frame, c, drive, component))


def filled_expectation(frame: Eigenframe, band_counts: BandCounts, name: str) -> Float:
    """Sum of the expectation values of an observable in the frame."""
    return filled_expectation_of(frame, band_counts, frame.derivative(name))


def filled_expectation_of(frame: Eigenframe, band_counts: BandCounts, operator: Complex) -> Float:
    """Sum of the expectation values of an operator (P, N, N) in the eigenframe."""
    return for_each_count(frame, band_counts, lambda c: expectation(frame, c, operator))


def filled_observable_shift(frame: Eigenframe, band_counts: BandCounts, drive: str, name: str) -> Float:
    """Change of an observable in the frame by a slow change of `drive`. Eqs. (B6), (B7)."""
    return filled_shift_of(frame, band_counts, drive, frame.derivative(name))


def filled_shift_of(frame: Eigenframe, band_counts: BandCounts, drive: str, operator: Complex) -> Float:
    """Change of an operator (P, N, N) in the eigenframe by a slow change of `drive`. Eqs. (B6), (B7)."""
    return for_each_count(frame, band_counts, lambda c: observable_shift(frame, c, drive, operator))


def _pairs(frame: Eigenframe, component: str) -> Float:
    """Curvature of pairs of bands, -2 Im A^a_nm A^b_mn, antisymmetric, (P, N, N)."""
    key = ("pairs", component)
    if key not in frame.cache:
        a, b = K_PLANES[component]
        first, second, differences = frame.derivative(a), frame.derivative(b), frame.energy_differences()
        if (kernels := compiled.of_sums(*frame.energies.shape)) is not None:
            pairs = np.empty(differences.shape)
            kernels.pair_curvatures(for_kernels(first), for_kernels(second), for_kernels(differences), pairs)
        else:
            pairs = -2.0 * (first * second.swapaxes(1, 2)).imag / differences**2
        frame.cache[key] = pairs
    return frame.cache[key]


def _times_mean_energies(pairs: Float, energies: Float) -> Float:
    """Values of pairs of bands (P, N, N) times the mean of their energies (P, N)."""
    if (kernels := compiled.of_sums(*energies.shape)) is not None:
        products = np.empty(pairs.shape)
        kernels.times_mean_energies(for_kernels(pairs), for_kernels(energies), products)
        return products
    return np.asarray(0.5 * pairs * (energies[:, :, None] + energies[:, None, :]))


def _between(pairs: Float, band_counts: BandCounts) -> Float:
    """Sum over pairs of one filled and one empty band.

    Cumulative sums would be faster but lose digits near degeneracies, where large terms of filled pairs cancel.
    """
    if (kernels := compiled.of_sums(*pairs.shape[:2])) is not None:
        sums = np.empty((len(pairs), len(band_counts)))
        kernels.sums_between(for_kernels(pairs), np.array(band_counts, dtype=np.int64), sums)
        return sums
    columns = [pairs[:, :c, c:].sum(axis=(1, 2)) for c in band_counts]
    return np.stack(columns, axis=1) if columns else np.zeros((len(pairs), 0))


def _of_basis(frame: Eigenframe, band_counts: BandCounts, component: str, weight: Float | float = 1.0) -> Float | float:
    """Basis curvature summed over the filled bands, zero if the frame does not carry it."""
    own = frame.basis_curvature_diagonal(*K_PLANES[component])
    return 0.0 if own is None else _of_bands(weight * own, band_counts)


def _of_bands(own: Float, band_counts: BandCounts) -> Float:
    """Sum of the values (P, N) of the filled bands."""
    sums: Float = np.cumsum(own, axis=1)[:, [c - 1 for c in band_counts]]
    return sums


def for_each_count(frame: Eigenframe, band_counts: BandCounts, formula: Callable[[int], Float]) -> Float:
    """Evaluate a formula for each number of filled bands."""
    columns = [formula(c) for c in band_counts]
    return np.stack(columns, axis=1) if columns else np.zeros((len(frame.energies), 0))
