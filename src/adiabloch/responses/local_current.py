"""Electric current in a slowly non-uniform crystal."""

from __future__ import annotations

from typing import Unpack

from adiabloch.engine import Options, Run, checked_degeneracy, components, response
from adiabloch.engine.local_arguments import Drive, Positions, Sites, checked_occupation, checked_texture
from adiabloch.engine.local_integrals import LocalRequest, LocalTerm
from adiabloch.engine.local_results import labelled_terms
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, ProjectionChoice, TightBinding, Unit
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry import local_terms
from adiabloch.lattice import AXES
from adiabloch.models.texture import Texture
from adiabloch.occupation import FermiLevel

TOLERANCE = 1e-4
K, MOMENT, DIPOLE = ("k",), ("moment",), ("axis",)
CURRENTS = {
    "curl_induced": LocalTerm(local_terms.magnetization_current, "curl of the induced magnetization", axes=K),
    "polarization_rate": LocalTerm(local_terms.shift_term, "rate of the polarization by the positional shift", axes=K),
    "second_chern": LocalTerm(local_terms.second_chern_term, "second Chern form", axes=K),
    "fermi_energy": LocalTerm(local_terms.energy_term, "Fermi surface, energy of the gradient", axes=K),
    "fermi_shift": LocalTerm(local_terms.surface_term, "Fermi surface, shifts", axes=K),
    "quadrupole": LocalTerm(local_terms.quadrupole_current, "electric quadrupoles of the wave packets", axes=K),
    "first_chern": LocalTerm(local_terms.chern_term, "first Chern form", "driven", axes=K),
    "curl_equilibrium": LocalTerm(
        local_terms.equilibrium_current, "curl of the equilibrium magnetization", "rest", axes=K
    ),
}
"""Terms of Eq. (6): of first order in gradient and drive, of the uniform crystal, and in equilibrium."""
MOMENTS = {
    "M_equilibrium": LocalTerm(
        local_terms.equilibrium_moment, "orbital magnetization in equilibrium", "moment", axes=MOMENT
    ),
    "M_induced": LocalTerm(local_terms.induced_magnetization, "orbital magnetization, induced", "moment", axes=MOMENT),
    "M_chern_simons": LocalTerm(
        None,
        "orbital magnetization, Chern-Simons part",
        "moment",
        gauge=local_terms.chern_simons_magnetization,
        axes=MOMENT,
    ),
    "P_uniform": LocalTerm(
        None,
        "polarization of the uniform crystal",
        "moment",
        gauge=local_terms.connection_polarization,
        axes=DIPOLE,
    ),
    "P_shift": LocalTerm(local_terms.shift_polarization, "polarization by the positional shift", "moment", axes=DIPOLE),
    "P_chern_simons": LocalTerm(
        None,
        "polarization, Chern-Simons part",
        "moment",
        gauge=local_terms.chern_simons_polarization,
        axes=DIPOLE,
    ),
    "P_quadrupole": LocalTerm(
        local_terms.quadrupole_polarization, "polarization by the divergence of the quadrupoles", "moment", axes=DIPOLE
    ),
}
"""Magnetization and polarization of Eqs. (16) to (18)."""


@response(checkpoint=False)
def local_current(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None = None,
    positions: Positions = None,
    theta: ArrayLike | None = None,
    *,
    degeneracy: float | None = None,
    frequency: float | None = None,
    electric_field: ArrayLike | None = None,
    velocity: ArrayLike | None = None,
    magnetic_field: ArrayLike | None = None,
    chemical_potential: float | None = None,
    temperature: float | None = None,
    split: bool = False,
    projections: ProjectionChoice = None,
    **options: Unpack[Options],
) -> Dataset:
    r"""Electric current in a slowly non-uniform crystal under a slow drive, term by term. Implements Eq. (6).

    .. math:: j = \nabla \times \Big( M^0 + \int f\, \partial_B a^t \Big) + \partial_t \int f\, e a^k
              - e \int f\, (\Omega^{kt} + \Omega^{k[kr]t})
              - e \int f' \delta\varepsilon\, \Omega^{kt} + e \int (\partial_k f\, a^t - \partial_t f\, a^k)
              - \tfrac12 \partial_t \partial_{r_i} \int f\, e G_{i}

    The last term, the current of the electric quadrupoles, is not in Eq. (6) but in Eq. (B4), from which that equation
    follows (see the page on textures of the documentation). It does not contribute to net currents.

    Parameters
    ----------
    texture : Texture, Cycle or TightBinding
        Crystal in one, two or three dimensions; a Cycle or a TightBinding stands for a uniform crystal.
    occupied : int or None
        Number of occupied bands of an insulator, degenerate or not; None where `chemical_potential` is given.
    positions : array_like of shape (d,) or (P, d), or mapping {"x": array_like, ...}
        Cartesian positions; a mapping spans a grid. By default the origin.
    theta : float or array_like, optional
        Phases of the cycle; by default the mean over the cycle.
    tolerance : float
        Accuracy relative to the largest term of first order in the gradient, or to a thousandth of its integrand
        without signs, if this is larger.
    degeneracy : float, optional
        For metals: bands closer than this energy count as one degenerate group, as in `adiabloch.nonlinear_hall`.
    frequency : float, optional
        Frequency of the cycle, hbar omega in the energy unit; 0 for a cycle at rest. Without it results are in units of
        omega. It is required together with other drives.
    electric_field : array_like, shape (d,), optional
        Electric field e E, energy per length.
    velocity : array_like, shape (d,), optional
        Velocity v of a texture w(r - v t), in energy times length (over hbar).
    magnetic_field : float or array_like of shape (3,), optional
        Magnetic field e B (over hbar), per length squared; its vector potential is a further inhomogeneity.
    chemical_potential, temperature : float, optional
        For metals, with k_B T > 0: levels are filled as in local equilibrium. Bands must not touch unless they are
        degenerate also around the point.
    split : bool
        True to add the magnetization and the polarization of Eqs. (16) to (18), for an insulator without Chern
        numbers: j = curl M + d_t P.
    projections : sequence of int or array_like, optional
        Projections for the smooth gauge that `split` needs, the same at all positions.
    limit : int
        Largest number of points for each position.

    Returns
    -------
    xarray.Dataset
        Over the positions (`point`, or `x`, `y`, `z`), `theta` and `component`: `curl_induced`, `polarization_rate`,
        `second_chern`, `fermi_energy`, `fermi_shift`, `quadrupole`, `first_chern`, and their sum `total`, in
        e omega/length^(d-1), or e energy/(hbar length^(d-1)) where rates are given; `curl_equilibrium` in the
        latter unit; `error`, the error bar of every component. With `split`, `M_equilibrium`, `M_induced`,
        `M_chern_simons` (M_z in 2D, over `component` in 3D) and `P_uniform` (modulo its quantum), `P_shift`,
        `P_chern_simons`, `P_quadrupole`.

    Raises
    ------
    InvalidModelError, InvalidArgumentError
        A texture or an argument out of range.
    GapClosedError
        The gap of the insulator closes at a position.
    DegenerateBandsError
        Bands of a metal touch.
    ObstructedError, BrokenGaugeError
        There is no smooth gauge for `split`, or none with these projections.
    ToleranceNotReachedError
        The tolerance was not reached, and `strict` is True.

    Examples
    --------
    Graphene with a gap that varies along x, and with rotating bonds: a current flows along y.

    >>> import numpy as np, adiabloch as ab
    >>> def local(r):
    ...     model = ab.models.gapped_honeycomb(delta=0.5 + 0.1 * np.cos(0.1 * r[0]), t1=0.1)
    ...     return ab.models.rotating_bonds(model, amplitude=0.1)
    >>> current = ab.local_current(ab.Texture(local), 1, {"x": [0.0, 5.0, 10.0]})
    >>> f"{float(current.total.sel(x=10.0, component='y')):.3e}"
    '-3.726e-06'
    """
    run = Run.of(options, TOLERANCE)
    texture = checked_texture(texture)
    drive = Drive.of(texture, frequency, electric_field, velocity, magnetic_field)
    occupation = checked_occupation(texture, occupied, chemical_potential, temperature)
    sites = Sites.of(texture, positions, theta)
    if split and isinstance(occupation, FermiLevel):
        raise InvalidArgumentError("split: only the current of an insulator is a curl and a rate; expected occupied")
    if split and drive.magnetic_field is not None:
        raise InvalidArgumentError("split: expected no magnetic_field; see magnetic_polarization")
    k = texture.lattice.directions
    d = len(k)
    rest = Unit(charge=1, hbar=-1, energy=1, length=1 - d)
    driven = Unit(charge=1, omega=1, length=1 - d) if drive.per_omega else rest
    moment, dipole = Unit(length=1), Unit(charge=1, length=1 - d)
    units = {
        "curl_equilibrium": rest,
        "M_equilibrium": rest * moment,
        "M_induced": driven * moment,
        "M_chern_simons": driven * moment,
        **{name: dipole for name in MOMENTS if name.startswith("P")},
    }
    labels = {"k": k, "moment": components(d), "axis": AXES[:d]}
    request = LocalRequest(
        drive,
        occupation,
        k,
        {**CURRENTS, **(MOMENTS if split else {})},
        labels,
        unit=driven,
        degeneracy=checked_degeneracy(texture.home, degeneracy),
    )
    values, provenance = request.evaluate(texture, sites, run, projections)
    dims = {"k": "component", "moment": "component" if d == 3 else None, "axis": "component"}
    coordinates = {"component": list(AXES[:d])}
    return labelled_terms(request, values, sites, dims, coordinates, units, "local current", provenance)
