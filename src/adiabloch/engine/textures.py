"""Responses of slowly non-uniform crystals: from a declaration and a texture to labelled numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike

from adiabloch.engine.arguments import Model, checked_degeneracy
from adiabloch.engine.declaration import Response
from adiabloch.engine.local_arguments import Drive, Positions, Sites, checked_occupation, checked_texture
from adiabloch.engine.local_integrals import LocalRequest
from adiabloch.engine.local_plan import LocalPlan
from adiabloch.engine.operators import Given, checked_operators, checked_spins
from adiabloch.engine.run import DEFAULTS, Options, Run
from adiabloch.errors import InvalidArgumentError
from adiabloch.geometry.projections import ProjectionChoice
from adiabloch.lattice import AXES
from adiabloch.models.crystal import Operator
from adiabloch.models.local_crystal import TIME
from adiabloch.occupation import FermiLevel

if TYPE_CHECKING:
    import xarray

TOLERANCE = 1e-4
"""Default tolerance of responses of textures."""


class LocalOptions(Options, total=False):
    """Keyword arguments of responses of textures: drives, occupation of a metal, and the options of every response."""

    degeneracy: float | None
    frequency: float | None
    electric_field: ArrayLike | None
    velocity: ArrayLike | None
    magnetic_field: ArrayLike | None
    chemical_potential: float | None
    temperature: float | None


OWN_OPTIONS = [name for name in LocalOptions.__annotations__ if name not in DEFAULTS]
"""Names of the options that only responses of textures have, in their order."""


def of_texture(
    response: Response,
    texture: object,
    occupied: int | None,
    positions: Positions,
    theta: ArrayLike | None,
    options: LocalOptions,
    *,
    operators: Mapping[str, Given] | None = None,
    projections: ProjectionChoice = None,
) -> xarray.Dataset:
    """Evaluate a declared response at positions of a texture.

    Parameters
    ----------
    response : Response
        With local terms.
    texture : Texture, or a crystal
    occupied : int, optional
        Number of occupied bands of an insulator.
    positions, theta
        Positions, and phases of the cycle, as the user gave them.
    options : LocalOptions
    operators : mapping, optional
        Observables of the user; those of the crystals by default.
    projections : sequence of int or array_like, optional
        Projections of the user for terms of a smooth gauge.
    """
    given: dict[str, Any] = {**options}
    degeneracy, *drives, chemical_potential, temperature = (given.pop(name, None) for name in OWN_OPTIONS)
    run = Run.of(cast(Options, given), TOLERANCE)
    crystals = checked_texture(texture)
    drive = Drive.of(crystals, *drives)
    occupation = checked_occupation(crystals, occupied, chemical_potential, temperature)
    sites = Sites.of(crystals, positions, theta)
    own, _ = response.observed(crystals.home, operators)
    plan = LocalPlan(response, crystals.lattice.dimension, drive.per_omega, [*own])
    if plan.needs_gauge and isinstance(occupation, FermiLevel):
        raise InvalidArgumentError("split: only the current of an insulator is a curl and a rate; expected occupied")
    if plan.needs_gauge and drive.magnetic_field is not None:
        raise InvalidArgumentError("split: expected no magnetic_field; see magnetic_polarization")
    request = LocalRequest(
        plan,
        drive,
        occupation,
        crystals.lattice.directions,
        # the spin of the crystals may change with the position
        None if operators is None and own else own,
        checked_degeneracy(crystals.home, degeneracy),
    )
    values, provenance = request.evaluate(crystals, sites, run, projections)
    return plan.dataset(values, sites, provenance)


def local_observables(crystal: Model, operators: Mapping[str, Given] | None) -> Mapping[str, Operator]:
    """Observables of the user, or the spin of a crystal; their names are no directions of a texture."""
    found = checked_spins(crystal, None) if operators is None else checked_operators(crystal, operators)
    if taken := {*AXES, TIME}.intersection(found):
        raise InvalidArgumentError(f"operators: {sorted(taken)}, expected names other than x, y, z and t")
    return found
