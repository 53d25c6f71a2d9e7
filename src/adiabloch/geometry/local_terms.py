r"""Densities and currents of filled bands in a slowly non-uniform crystal: the terms of Eqs. (6) and (B4).

Each function gives one term: its sum over the states at each k, in units of e for currents. Frames have the directions
of k, the axes along which the crystal changes ("x", "y", "z"), the drive ("t"), and the name of an observable for its
conjugate field. Filled groups of bands may be degenerate. At a temperature, the bands are treated one by one, as in the
paper, or in groups with one energy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from adiabloch.arrays import Complex, Float
from adiabloch.geometry import fermi_level
from adiabloch.geometry.bands import K_PLANES
from adiabloch.geometry.frame import Eigenframe
from adiabloch.geometry.gauge import SmoothGauge, chern_simons_form, second_chern_form
from adiabloch.geometry.induced import basis_curvature_moment, induced_moment
from adiabloch.geometry.inhomogeneous import (
    curvature_form,
    equilibrium_form,
    gradient_form,
    group_metric,
    shift_block,
)
from adiabloch.geometry.taylor_blocks import Blocks, TaylorBlock, total
from adiabloch.linalg import dagger
from adiabloch.models.local_crystal import TIME
from adiabloch.occupation import FermiLevel, Group

Pairs = Sequence[tuple[str, str]]


class LocalBands:
    """Group of bands in a crystal that changes along some axes and is driven.

    Parameters
    ----------
    frame : Eigenframe
        With the derivatives that the terms read.
    group : int or (int, int)
        Filled bands; at a temperature a single band, or degenerate bands.
    k : sequence of str
        All directions of k.
    axes : sequence of str
        Axes along which the crystal changes: "x", "y", "z".
    level : FermiLevel, optional
        Fermi level at a temperature; by default all bands of the group are filled.
    """

    def __init__(
        self, frame: Eigenframe, group: Group, k: Sequence[str], axes: Sequence[str], level: FermiLevel | None = None
    ) -> None:
        self.frame, self.group, self.k, self.axes, self.level = frame, group, tuple(k), tuple(axes), level
        self._blocks: dict[tuple[str, ...], Blocks] = {}
        self._cache: dict[tuple[tuple[str, ...], str], Complex] = {}

    @property
    def pairs(self) -> Pairs:
        """Pairs of a k direction and its axis, ("kx", "x"), ... ."""
        return [(f"k{axis}", axis) for axis in self.axes]

    def along(self, *directions: str) -> Blocks:
        """Blocks with derivatives along some directions."""
        if directions not in self._blocks:
            # the occupation multiplies the matrices before the sum over the group
            self._blocks[directions] = Blocks(
                self.frame, self.group, directions, self._cache, traced=self.level is None
            )
        return self._blocks[directions]

    def zeros(self) -> Float:
        """Zeros, (P,)."""
        return np.zeros(len(self.frame.energies))

    def occupied_sum(self, blocks: Blocks, form: TaylorBlock) -> TaylorBlock:
        """Sum of f(E) times a form over the group."""
        return (
            form if self.level is None else (fermi_level.fermi_function(self.level, blocks.energies[0]) @ form).trace()
        )

    def fermi_surface_sum(self, blocks: Blocks, form: TaylorBlock) -> TaylorBlock:
        """Sum of f'(E) times a form over the group; only at a temperature."""
        assert self.level is not None
        return (fermi_level.fermi_slope(self.level, blocks.energies[0]) @ form).trace()


# Integrands over k, as Taylor blocks. The terms below are derivatives of these.


def energy_integral(bands: LocalBands, blocks: Blocks, a: str, b: str) -> TaylorBlock:
    """Integrand f m + g Omega along two directions; along two of k the equilibrium magnetization, Eq. (7)."""
    form = equilibrium_form(blocks, a, b)
    if bands.level is None:
        return form
    # for a single band the form is m + E Omega
    energy, curvature = blocks.energies[0], curvature_form(blocks, a, b)
    moment = form - curvature @ energy
    return bands.occupied_sum(blocks, moment) + (fermi_level.grand_potential(bands.level, energy) @ curvature).trace()


def moment_integral(bands: LocalBands, blocks: Blocks, a: str, b: str) -> TaylorBlock:
    """Integrand f d_B a^t along two directions of k, Eq. (8), the curl of the metric integrated by parts."""
    moment, of_basis = induced_moment(blocks, TIME, a, b), basis_curvature_moment(blocks, TIME, a, b)
    form = bands.occupied_sum(blocks, moment if of_basis is None else moment + of_basis)
    if bands.level is None:
        return form
    va, vb = blocks.inside(a), blocks.inside(b)
    dipole = va @ group_metric(blocks, b, TIME) - vb @ group_metric(blocks, a, TIME)
    return form - 0.5 * bands.fermi_surface_sum(blocks, dipole)


def shift_integral(bands: LocalBands, blocks: Blocks, drive: str, pairs: Pairs) -> TaylorBlock:
    """Integrand f a^drive, Eqs. (2), (3), the divergence of the metric integrated by parts."""
    form = bands.occupied_sum(blocks, gradient_form(blocks, drive, pairs))
    if bands.level is None:
        return form
    flows = total(blocks.inside(k) @ group_metric(blocks, r, drive) for k, r in pairs)
    return form + bands.fermi_surface_sum(blocks, flows)


# Terms of the current, and of the density of an observable: `h` is a direction of k or the name of the observable.


def chern_term(bands: LocalBands, h: str) -> Float:
    """First Chern form, -int f Omega^{ht}, the term of a uniform crystal."""
    return -bands.occupied_sum(bands.along(), curvature_form(bands.along(), h, TIME)).real()[0]


def second_chern_term(bands: LocalBands, h: str) -> Float:
    """Second Chern form, -int f Omega_h^{[kr]t}."""
    current = bands.zeros()
    for k, r in bands.pairs:
        if k != h:
            current -= second_chern_form(bands.frame, bands.group, (h, k, r, TIME))
    if bands.level is None:
        return current
    filled = fermi_level.fermi_function(bands.level, bands.along().energies[0]).parts[0]
    return current * filled[:, 0, 0].real


def shift_term(bands: LocalBands, h: str) -> Float:
    """Rate of the shift, d_t int f a^h; for a current the rate of a polarization."""
    if not bands.axes:
        return bands.zeros()
    return shift_integral(bands, bands.along(TIME), h, bands.pairs).real()[1]


def energy_term(bands: LocalBands, h: str) -> Float:
    """Term of the Fermi surface with the energy of the gradient, -int f' (delta E) Omega^{ht}."""
    if bands.level is None or not bands.axes:
        return bands.zeros()
    blocks = bands.along()
    energy = total(blocks.overlap(blocks.connection(k), blocks.across(r)) for k, r in bands.pairs)
    hermitian = 0.5 * (energy + TaylorBlock(tuple(dagger(part) for part in energy.parts)))
    return -bands.fermi_surface_sum(blocks, hermitian @ curvature_form(blocks, h, TIME)).real()[0]


def surface_term(bands: LocalBands, h: str) -> Float:
    """Term of the Fermi surface with the shifts, int (d_h f a^t - d_t f a^h)."""
    if bands.level is None or not bands.axes:
        return bands.zeros()
    blocks = bands.along()
    slope = fermi_level.fermi_slope(bands.level, blocks.energies[0]).parts[0]
    velocity, rate = (blocks.inside(x).parts[0] for x in (h, TIME))
    along = bands.along
    shifts = velocity @ shift_block(along, TIME, bands.pairs) - rate @ shift_block(along, h, bands.pairs)
    return np.asarray((slope @ shifts).trace(axis1=1, axis2=2).real)


# Terms of the current.


def equilibrium_current(bands: LocalBands, s: str) -> Float:
    """Curl of the equilibrium magnetization, (curl M)_s = sum_i d_i M_si."""
    return _divergence(bands, s, energy_integral)


def magnetization_current(bands: LocalBands, s: str) -> Float:
    """Curl of the induced magnetization, int f d_B a^t."""
    return _divergence(bands, s, moment_integral)


def quadrupole_current(bands: LocalBands, s: str) -> Float:
    """Current of the electric quadrupoles of the wave packets, -(1/2) d_i int f d_t G_is.

    It is not in Eq. (6), but in Eq. (B4) from which that equation follows: the part of the derivative of a^t by d_i A_s
    that is symmetric in i and s, and so is no derivative by B.
    """
    current = bands.zeros()
    for k, r in bands.pairs:
        blocks = bands.along(r, TIME)
        _, _, rate, slope = group_metric(blocks, k, s).parts
        if bands.level is not None:
            f = fermi_level.fermi_function(bands.level, blocks.energies[0]).parts
            slope = (f[0] @ slope + f[1] @ rate).trace(axis1=1, axis2=2)
        current -= 0.5 * slope.real
    return current


# Terms of the density of an observable.


def static_density(bands: LocalBands, h: str) -> Float:
    """Expectation value in the local crystal, int f <h>."""
    blocks = bands.along()
    return bands.occupied_sum(blocks, blocks.summed(blocks.inside(h))).real()[0]


def static_gradient(bands: LocalBands, h: str) -> Float:
    """Term of the gradient in equilibrium, d_h int (f delta E + g Omega^{kr}) - d_i D_i, D the dipole density."""
    density = bands.zeros()
    for k, r in bands.pairs:
        density += energy_integral(bands, bands.along(h), k, r).real()[1]
        density -= energy_integral(bands, bands.along(r), k, h).real()[1]
    return density


def static_dipole(bands: LocalBands, h: str, axis: str) -> Float:
    """Density of the dipoles of the observable in equilibrium, D_i = int (f d_i + g Omega^{k_i h})."""
    return energy_integral(bands, bands.along(), f"k{axis}", h).real()[0]


def energy_shift(bands: LocalBands, h: str) -> Float:
    """Derivative of the energy of the drive by the conjugate field, -d_h int f a^t."""
    if not bands.axes:
        return bands.zeros()
    return -shift_integral(bands, bands.along(h), TIME, bands.pairs).real()[1]


def dipole_divergence(bands: LocalBands, h: str) -> Float:
    """Minus the divergence of the dipoles induced by the drive, d_i int f da^t/d(d_i h)."""
    density = bands.zeros()
    for k, r in bands.pairs:
        density += shift_integral(bands, bands.along(r), TIME, [(k, h)]).real()[1]
    return density


# Magnetization and polarization of an insulator, Eqs. (16) to (18).


def equilibrium_moment(bands: LocalBands, component: str) -> Float:
    """Equilibrium magnetization M0."""
    return equilibrium_form(bands.along(), *K_PLANES[component]).real()[0]


def induced_magnetization(bands: LocalBands, component: str) -> Float:
    """Magnetization induced by the drive, int d_B a^t."""
    return moment_integral(bands, bands.along(), *K_PLANES[component]).real()[0]


def shift_polarization(bands: LocalBands, axis: str) -> Float:
    """Polarization by the positional shift, int a^k."""
    if not bands.axes:
        return bands.zeros()
    return shift_integral(bands, bands.along(), f"k{axis}", bands.pairs).real()[0]


def quadrupole_polarization(bands: LocalBands, axis: str) -> Float:
    """Polarization by the divergence of the quadrupoles, -(1/2) d_i int G_is."""
    gradients = [group_metric(bands.along(r), k, f"k{axis}").real()[1] for k, r in bands.pairs]
    return bands.zeros() - 0.5 * np.sum(gradients, axis=0)


def chern_simons_magnetization(gauge: SmoothGauge, axes: Sequence[str], component: str) -> Float:
    """Chern-Simons part of the magnetization; the gauge needs its connection along "t"."""
    return -0.5 * chern_simons_form(gauge, TIME, *K_PLANES[component])


def connection_polarization(gauge: SmoothGauge, axes: Sequence[str], axis: str) -> Float:
    """Polarization of the uniform crystal, the trace of the Berry connection."""
    return np.asarray(gauge.connection(f"k{axis}").trace(axis1=1, axis2=2).real)


def chern_simons_polarization(gauge: SmoothGauge, axes: Sequence[str], axis: str) -> Float:
    """Chern-Simons part of the polarization in the gradient."""
    forms = [0.5 * chern_simons_form(gauge, f"k{axis}", f"k{other}", other) for other in axes if axis != other]
    return np.zeros(len(gauge.overlaps)) + np.sum(forms, axis=0)


def _divergence(bands: LocalBands, s: str, form: Callable[[LocalBands, Blocks, str, str], TaylorBlock]) -> Float:
    """Divergence sum_i d_i M_si of an antisymmetric form."""
    current = bands.zeros()
    for k, r in bands.pairs:
        if k != s:
            current += form(bands, bands.along(r), s, k).real()[1]
    return current
