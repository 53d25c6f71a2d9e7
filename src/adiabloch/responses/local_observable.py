"""Density of bounded observables in a slowly non-uniform crystal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from adiabloch.engine import Options, Run, checked_degeneracy, checked_operators, checked_spins, response
from adiabloch.engine.local_arguments import Drive, Positions, Sites, checked_occupation, checked_texture
from adiabloch.engine.local_integrals import LocalRequest, LocalTerm
from adiabloch.engine.local_results import labelled_terms
from adiabloch.engine.types import ArrayLike, Cycle, Dataset, Given, TightBinding, Unit
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry import local_terms
from adiabloch.lattice import AXES
from adiabloch.models.local_crystal import TIME
from adiabloch.models.texture import Texture

TOLERANCE = 1e-4
H, DIPOLE = ("observable",), ("observable", "axis")
DENSITIES = {
    "energy_shift": LocalTerm(local_terms.energy_shift, "change of the induced energy along the field", axes=H),
    "dipole_divergence": LocalTerm(local_terms.dipole_divergence, "divergence of the induced dipoles", axes=H),
    "shift_rate": LocalTerm(local_terms.shift_term, "rate of the shift along the field", axes=H),
    "second_chern": LocalTerm(local_terms.second_chern_term, "second Chern form", axes=H),
    "fermi_energy": LocalTerm(local_terms.energy_term, "Fermi surface, energy of the gradient", axes=H),
    "fermi_shift": LocalTerm(local_terms.surface_term, "Fermi surface, shifts", axes=H),
    "first_chern": LocalTerm(local_terms.chern_term, "first Chern form", "driven", axes=H),
    "gradient": LocalTerm(local_terms.static_gradient, "equilibrium, by the gradient", "rest", axes=H),
    "uniform": LocalTerm(local_terms.static_density, "equilibrium of the local crystal", "rest", axes=H),
    "dipole_density": LocalTerm(local_terms.static_dipole, "dipoles in equilibrium", "moment", axes=DIPOLE),
}
"""Terms of Eq. (B4)."""


@response(checkpoint=False)
def local_observable(
    texture: Texture | Cycle | TightBinding,
    occupied: int | None = None,
    operators: Mapping[str, Given] | None = None,
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
    **options: Unpack[Options],
) -> Dataset:
    r"""Density of bounded observables in a slowly non-uniform crystal under a slow drive. Implements Eq. (B4).

    Parameters
    ----------
    texture, positions, theta, tolerance, degeneracy, frequency, electric_field, velocity, magnetic_field
        As in `local_current`.
    occupied, chemical_potential, temperature
        As in `local_current`.
    operators : mapping {name: array_like (N, N), or mapping {R: array_like (N, N)}}, optional
        Hermitian matrices in the basis of the model, the same everywhere, as for `adiabloch.pumped_observable`; by
        default the spin of the crystals, "sx", "sy", "sz". An element between two orbitals is located half-way between
        them.

    Returns
    -------
    xarray.Dataset
        Over the positions, `theta` and `observable`: `energy_shift`, `dipole_divergence`, `shift_rate`, `second_chern`,
        `fermi_energy`, `fermi_shift`, `first_chern` (the term of a uniform crystal) and their sum `total`, per length,
        area or volume in the operator's unit times hbar omega/energy, or times one where rates are given; in
        equilibrium `uniform` and `gradient`, in the operator's unit; `dipole_density` over `axis` too, in equilibrium
        (of an insulator: at chemical potential zero), in the operator's unit times length; `error`.

    Raises
    ------
    InvalidModelError, InvalidArgumentError, GapClosedError, DegenerateBandsError, ToleranceNotReachedError
        As for `local_current`.
    """
    run = Run.of(options, TOLERANCE)
    texture = checked_texture(texture)
    drive = Drive.of(texture, frequency, electric_field, velocity, magnetic_field)
    occupation = checked_occupation(texture, occupied, chemical_potential, temperature)
    sites = Sites.of(texture, positions, theta)
    found = checked_spins(texture.home, None) if operators is None else checked_operators(texture.home, operators)
    if taken := {*AXES, TIME}.intersection(found):
        raise InvalidArgumentError(f"operators: {sorted(taken)}, expected names other than x, y, z and t")
    d = texture.lattice.dimension
    rest = Unit(length=-d)
    driven = Unit(hbar=1, omega=1, energy=-1, length=-d) if drive.per_omega else rest
    request = LocalRequest(
        drive,
        occupation,
        texture.lattice.directions,
        DENSITIES,
        {"observable": tuple(found), "axis": AXES[:d]},
        unit=driven,
        operators=None if operators is None else found,
        degeneracy=checked_degeneracy(texture.home, degeneracy),
    )
    values, provenance = request.evaluate(texture, sites, run)
    units = {"uniform": rest, "gradient": rest, "dipole_density": rest * Unit(length=1)}
    dims = {"observable": "observable", "axis": "axis"}
    coordinates = {"observable": list(found), "axis": list(AXES[:d])}
    return labelled_terms(request, values, sites, dims, coordinates, units, "local density", provenance)
