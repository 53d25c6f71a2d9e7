"""Magnetization and polarization of a slowly non-uniform crystal: parts of a local response."""

from __future__ import annotations

from functools import partial

from adiabloch.engine.declaration import LocalTerm, components, parts_of
from adiabloch.geometry import local_terms as of
from adiabloch.units import Unit

M = partial(LocalTerm, order="moment", axes={"component": components})
P = partial(LocalTerm, order="moment")
M_EQUILIBRIUM = {"M_equilibrium": (M(of.equilibrium_moment), "orbital magnetization in equilibrium")}
MAGNETIZATION = {
    "M_induced": (M(of.induced_magnetization), "orbital magnetization, induced"),
    "M_chern_simons": (
        M(of.chern_simons_magnetization, smooth_gauge=True),
        "orbital magnetization, Chern-Simons part",
    ),
}
POLARIZATION = {
    "P_uniform": (P(of.connection_polarization, smooth_gauge=True), "polarization of the uniform crystal"),
    "P_shift": (P(of.shift_polarization), "polarization by the positional shift"),
    "P_chern_simons": (P(of.chern_simons_polarization, smooth_gauge=True), "polarization, Chern-Simons part"),
    "P_quadrupole": (P(of.quadrupole_polarization), "polarization by the divergence of the quadrupoles"),
}
MOMENTS = {
    **parts_of(M_EQUILIBRIUM, unit=Unit(charge=1, hbar=-1, energy=1, length=2), time_reversal=-1, inversion=1),
    **parts_of(MAGNETIZATION, unit=Unit(charge=1, omega=1, length=2), inversion=1),
    **parts_of(POLARIZATION, unit=Unit(charge=1, length=1)),
}
"""Parts of Eqs. (16) to (18), whose curl and rate are the current."""
