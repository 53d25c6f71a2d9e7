"""Currents and densities in slowly non-uniform crystals (Eqs. 6, 16 to 18, B4)."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from adiabloch.arrays import Float
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry import local
from adiabloch.geometry.bands import components
from adiabloch.geometry.fermi_level import FermiLevel
from adiabloch.geometry.trials import Choice
from adiabloch.lattice import AXES
from adiabloch.models.cycle import Cycle
from adiabloch.models.local_crystal import TIME
from adiabloch.models.texture import Texture
from adiabloch.models.tight_binding import TightBinding
from adiabloch.responses.evaluation import LIMIT, Effort, checked_degeneracy
from adiabloch.responses.natural import natural
from adiabloch.responses.observables import Given, checked_operators, checked_spins
from adiabloch.responses.places import Drive, Positions, Request, Sites, Term, checked_filling, checked_texture
from adiabloch.responses.results import labelled
from adiabloch.units import unit

if TYPE_CHECKING:
    import xarray

CURRENTS: dict[str, tuple[Term, str]] = {
    "curl_induced": (local.magnetization_current, "curl of the induced magnetization"),
    "polarization_rate": (local.shift_term, "rate of the polarization by the positional shift"),
    "second_chern": (local.second_chern_term, "second Chern form"),
    "fermi_energy": (local.energy_term, "Fermi surface, energy of the gradient"),
    "fermi_shift": (local.surface_term, "Fermi surface, shifts"),
    "quadrupole": (local.quadrupole_current, "electric quadrupoles of the wave packets"),
    "first_chern": (local.chern_term, "first Chern form"),
    "curl_equilibrium": (local.equilibrium_current, "curl of the equilibrium magnetization"),
}
"""Terms of the current: those of first order in space and time, that of the uniform crystal, that in equilibrium."""
DENSITIES: dict[str, tuple[Term, str]] = {
    "energy_shift": (local.energy_shift, "change of the induced energy along the field"),
    "dipole_divergence": (local.dipole_divergence, "divergence of the induced dipoles"),
    "shift_rate": (local.shift_term, "rate of the shift along the field"),
    "second_chern": (local.second_chern_term, "second Chern form"),
    "fermi_energy": (local.energy_term, "Fermi surface, energy of the gradient"),
    "fermi_shift": (local.surface_term, "Fermi surface, shifts"),
    "first_chern": (local.chern_term, "first Chern form"),
    "gradient": (local.static_gradient, "equilibrium, by the gradient"),
    "uniform": (local.static_density, "equilibrium of the local crystal"),
}
"""Terms of the density of an observable, in the same order."""


@natural
def local_current(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None,
    positions: Positions = None,
    theta: ArrayLike | None = None,
    tolerance: float = 1e-4,
    *,
    degeneracy: float | None = None,
    frequency: float | None = None,
    electric_field: ArrayLike | None = None,
    velocity: ArrayLike | None = None,
    magnetic_field: ArrayLike | None = None,
    chemical_potential: float | None = None,
    temperature: float | None = None,
    split: bool = False,
    trials: Choice = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Electric current in a slowly non-uniform crystal in which something goes on, term by term. Implements Eq. (6).

    .. math:: j = \nabla \times \Big( M^0 + \int f\, \partial_B a^t \Big) + \partial_t \int f\, e a^k
              - e \int f\, (\Omega^{kt} + \Omega^{k[kr]t})
              - e \int f' \delta\varepsilon\, \Omega^{kt} + e \int (\partial_k f\, a^t - \partial_t f\, a^k)
              - \tfrac12 \partial_t \partial_{r_i} \int f\, e G_{i}

    The last term, the current of the electric quadrupoles, is not in the paper's equation, though in (B4) from which
    that follows (see the page on textures of the documentation). It changes no net current.

    Parameters
    ----------
    texture : Texture, Cycle or TightBinding
        The crystal, in one, two or three dimensions; a Cycle or a TightBinding is the same everywhere.
    occupied : int or None
        Number of occupied bands of an insulator, degenerate or not; None where `chemical_potential` is given.
    positions : array_like of shape (d,) or (P, d), or mapping {"x": array_like, ...}
        Places, Cartesian; a mapping spans a grid. The origin by default.
    theta : float or array_like, optional
        Phases of the cycle; by default the mean over it.
    tolerance : float
        Accuracy relative to the largest term of first order in the gradient (or to a thousandth of what such terms may
        be, where they cancel).
    degeneracy : float, optional
        For metals: bands closer than this energy count as one degenerate group, as in `adiabloch.nonlinear_hall`.
    frequency : float, optional
        That of the cycle (hbar omega, in the energy unit), 0 if it stands still; without it results are in units of
        omega. Beside other drives it must be given.
    electric_field : array_like, shape (d,), optional
        e E, energy per length.
    velocity : array_like, shape (d,), optional
        The texture moves as w(r - v t), in energy times length (over hbar).
    magnetic_field : float or array_like of shape (3,), optional
        e B (over hbar), one over length squared: a vector potential is one more inhomogeneity.
    chemical_potential, temperature : float, optional
        For metals, temperature k_B T > 0: levels are filled as in local equilibrium; bands must not touch, unless they
        are degenerate around too.
    split : bool
        Whether to give the magnetization and the polarization of Eqs. (16) to (18) too, of an insulator without
        Chern numbers: j = curl M + d_t P.
    trials : sequence of int or array_like, optional
        Trial orbitals for the smooth gauge that the split needs, the same everywhere.
    absolute, strict, limit, executor, progress
        As in `adiabloch.pumped_magnetization`; the limit holds for each place.

    Returns
    -------
    xarray.Dataset
        Over the places (`point`, or `x`, `y`, `z`), `theta` and `component`: `curl_induced`, `polarization_rate`,
        `second_chern`, `fermi_energy`, `fermi_shift`, `quadrupole`, `first_chern`, and their sum `total`, in
        e omega/length^(d-1), or e energy/(hbar length^(d-1)) where rates are given; `curl_equilibrium` in the
        latter unit; `error`, the bar of each number of the result. With `split`, `M_equilibrium`, `M_induced`,
        `M_chern_simons` (M_z in 2D, over `component` in 3D) and `P_uniform` (modulo its quantum), `P_shift`,
        `P_chern_simons`, `P_quadrupole`.

    Raises
    ------
    InvalidModelError, InvalidArgumentError
        A texture or an argument that makes no sense.
    GapClosedError
        The gap of the insulator closes at a place.
    DegenerateBandsError
        Bands of a metal touch.
    ObstructedError, BrokenGaugeError
        The split needs a smooth gauge, and there is none, or not with these trial orbitals.
    ToleranceNotReachedError
        The limit was reached first, and `strict` was asked for.

    Examples
    --------
    Graphene with a gap that varies along x, its atoms turning: a current flows across, along y.

    >>> import numpy as np, adiabloch as ab
    >>> def local(r):
    ...     model = ab.models.gapped_honeycomb(delta=0.5 + 0.1 * np.cos(0.1 * r[0]), t1=0.1)
    ...     return ab.models.rotating_bonds(model, amplitude=0.1)
    >>> current = ab.local_current(ab.Texture(local), 1, {"x": [0.0, 5.0, 10.0]})
    >>> f"{float(current.total.sel(x=10.0, component='y')):.3e}"
    '-3.726e-06'
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    texture = checked_texture(texture)
    drive = Drive.of(texture, frequency, electric_field, velocity, magnetic_field)
    filling = checked_filling(texture, occupied, chemical_potential, temperature)
    sites = Sites.of(texture, positions, theta)
    k = texture.lattice.directions
    if split and isinstance(filling, FermiLevel):
        raise InvalidArgumentError("split: only the current of an insulator is a curl and a rate; expected occupied")
    if split and drive.magnetic_field is not None:
        raise InvalidArgumentError("split: expected no magnetic_field; see magnetic_polarization")
    together = checked_degeneracy(texture.home, degeneracy)
    d = len(k)
    energy = unit(charge=1, hbar=-1, energy=1, length=1 - d)
    driven = "e*omega" + {1: "", 2: "/length", 3: "/area"}[d] if drive.per_omega else energy
    request = Request(drive, filling, k, CURRENTS, k, split=split, unit=driven, degeneracy=together)
    values, facts = request.evaluated(texture, sites, effort, trials)
    variables = _variables(request, values, sites, "component", driven, {"curl_equilibrium": energy}, "local current")
    if split:
        variables |= _moments(request, values, sites)
    return labelled(variables, {**sites.coordinates, "component": list(AXES[:d])}, **facts)


@natural
def local_observable(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None,
    operators: Mapping[str, Given] | None = None,
    positions: Positions = None,
    theta: ArrayLike | None = None,
    tolerance: float = 1e-4,
    *,
    degeneracy: float | None = None,
    frequency: float | None = None,
    electric_field: ArrayLike | None = None,
    velocity: ArrayLike | None = None,
    magnetic_field: ArrayLike | None = None,
    chemical_potential: float | None = None,
    temperature: float | None = None,
    absolute: float | None = None,
    strict: bool = False,
    limit: int = LIMIT,
    executor: Executor | int | None = None,
    progress: bool | None = None,
) -> xarray.Dataset:
    r"""Density of bounded observables in a slowly non-uniform crystal in which something goes on. Implements Eq. (B4).

    Parameters
    ----------
    texture, positions, theta, tolerance, degeneracy, frequency, electric_field, velocity, magnetic_field
        As in `local_current`.
    occupied, chemical_potential, temperature, absolute, strict, limit, executor, progress
        As in `local_current`.
    operators : mapping {name: array_like (N, N), or mapping {R: array_like (N, N)}}, optional
        Hermitian matrices in the basis of the model, the same everywhere, as for `adiabloch.pumped_observable`; by
        default the spin of the crystals, "sx", "sy", "sz". An element between two orbitals counts half-way between
        them.

    Returns
    -------
    xarray.Dataset
        Over the places, `theta` and `observable`: `energy_shift`, `dipole_divergence`, `shift_rate`, `second_chern`,
        `fermi_energy`, `fermi_shift`, `first_chern` (what a uniform crystal has) and their sum `total`, per length,
        area or volume in the operator's unit times hbar omega/energy, or times one where rates are given; in
        equilibrium `uniform` and `gradient`, in the operator's unit; `dipole_density` over `axis` too, in equilibrium
        (of an insulator: at chemical potential zero), in the operator's unit times length; `error`.

    Raises
    ------
    InvalidModelError, InvalidArgumentError, GapClosedError, DegenerateBandsError, ToleranceNotReachedError
        As for `local_current`.
    """
    effort = Effort(tolerance, limit, executor, progress, absolute=absolute, strict=strict)
    texture = checked_texture(texture)
    drive = Drive.of(texture, frequency, electric_field, velocity, magnetic_field)
    filling = checked_filling(texture, occupied, chemical_potential, temperature)
    sites = Sites.of(texture, positions, theta)
    found = checked_spins(texture.home, None) if operators is None else checked_operators(texture.home, operators)
    if taken := {*AXES, TIME}.intersection(found):
        raise InvalidArgumentError(f"operators: {sorted(taken)}, expected names other than x, y, z and t")
    k = texture.lattice.directions
    together = checked_degeneracy(texture.home, degeneracy)
    d = texture.lattice.dimension
    still = unit(length=-d)
    driven = f"omega {unit(hbar=1, energy=-1, length=-d)}" if drive.per_omega else still
    own = None if operators is None else found
    request = Request(drive, filling, k, DENSITIES, tuple(found), operators=own, unit=driven, degeneracy=together)
    values, facts = request.evaluated(texture, sites, effort)
    others = {"uniform": still, "gradient": still}
    variables = _variables(request, values, sites, "observable", driven, others, "local density")
    dipoles = values[..., (len(DENSITIES) + 1) * len(found) : -1].reshape(*sites.shape, len(found), d)
    variables["dipole_density"] = (
        [*sites.dims, "observable", "axis"],
        dipoles,
        unit(length=1 - d),
        "density of dipoles in equilibrium",
    )
    coordinates = {**sites.coordinates, "observable": list(found), "axis": list(AXES[:d])}
    return labelled(variables, coordinates, **facts)


def _variables(
    request: Request,
    values: Float,
    sites: Sites,
    last: str,
    driven: str,
    others: Mapping[str, str],
    title: str,
) -> dict[str, Any]:
    """Variables of a result: the terms, the total of what the drive does, the error bar."""
    count = len(request.directions)
    shape, dims = (*sites.shape, count), [*sites.dims, last]
    names = [*request.terms, "total"]
    parts = {name: values[..., n * count : (n + 1) * count].reshape(shape) for n, name in enumerate(names)}
    variables: dict[str, Any] = {"total": (dims, parts["total"], driven, title)}
    for name, (_, description) in request.terms.items():
        variables[name] = (dims, parts[name], others.get(name, driven), f"{title}: {description}")
    variables["error"] = ([*sites.dims], values[..., -1].reshape(sites.shape), driven, "error bar of each component")
    return variables


def _moments(request: Request, values: Float, sites: Sites) -> dict[str, Any]:
    """Magnetization and polarization of Eqs. (16) to (18)."""
    d = len(request.k)
    names = components(d)
    omega = "e*omega" + {1: "*length", 2: "", 3: "/length"}[d]
    energy = unit(charge=1, hbar=-1, energy=1, length=2 - d)
    dipole = unit(charge=1, length=1 - d)
    M = "orbital magnetization"
    P = "polarization"
    table = [
        ("M_equilibrium", names, energy, f"{M} in equilibrium"),
        ("M_induced", names, omega if request.drive.per_omega else energy, f"{M}, induced"),
        ("M_chern_simons", names, omega if request.drive.per_omega else energy, f"{M}, Chern-Simons part"),
        ("P_uniform", AXES[:d], dipole, f"{P} of the uniform crystal"),
        ("P_shift", AXES[:d], dipole, f"{P} by the positional shift"),
        ("P_chern_simons", AXES[:d], dipole, f"{P}, Chern-Simons part"),
        ("P_quadrupole", AXES[:d], dipole, f"{P} by the divergence of the quadrupoles"),
    ]
    variables: dict[str, Any] = {}
    first = (len(request.terms) + 1) * len(request.directions)
    for name, labels, units, description in table:
        part = values[..., first : first + len(labels)]
        first += len(labels)
        # in two dimensions M has one component, which the current has not
        if len(labels) == 1 and d == 2:
            variables[name] = ([*sites.dims], part.reshape(sites.shape), units, f"{description}, z")
        elif len(labels):
            variables[name] = ([*sites.dims, "component"], part.reshape(*sites.shape, d), units, description)
    return variables
