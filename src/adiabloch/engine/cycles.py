"""Responses of cycles: groups of occupied bands with or without a smooth gauge, and charge that flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from adiabloch.engine.arguments import (
    Model,
    check_groups_apart,
    checked_groups,
    checked_occupied,
    chosen_group,
    crystal_for,
    model_digest,
    named_group,
)
from adiabloch.engine.declaration import ChernTerm, Response
from adiabloch.engine.insulator_integrand import BROKEN_GAUGE
from adiabloch.engine.insulators import TOLERANCE, Occupied, mean_of_insulator
from adiabloch.engine.preflight import checked_chern_numbers, described, preflight
from adiabloch.engine.results import Variable, labelled
from adiabloch.engine.run import Options, Run
from adiabloch.errors import InvalidArgumentError, ObstructedError
from adiabloch.geometry.projections import ProjectionChoice
from adiabloch.models.crystal import THETA
from adiabloch.models.cycle import MOTION_HINT

if TYPE_CHECKING:
    import xarray

REMEDY = "; chern_simons=False gives the perturbative part, which is defined"
LEFT_OUT = "chern_simons and total were not asked for"
TWO_BANDS = "two bands that do not wind: the Chern-Simons part is exactly zero"
COMPLETE = "total and chern_simons are defined modulo the quantum"


def of_cycle(
    response: Response,
    cycle: object,
    occupied: object,
    options: Options,
    *,
    groups: Sequence[int] | None,
    chern_simons: bool,
    projections: ProjectionChoice,
) -> xarray.Dataset:
    """Evaluate a response of a cycle with the parts `perturbative`, `chern_simons` and `total`.

    Parameters
    ----------
    response : Response
        With band and gauge terms.
    cycle : Cycle or another crystal with the direction theta
    occupied : int
        Number of occupied bands.
    options : Options
    groups : sequence of int, optional
        Sizes of groups of occupied bands with gaps between them.
    chern_simons : bool
        False to leave out the gauge terms; the parts that contain them are NaN.
    projections : sequence of int or array_like, optional
        Projections of the user.

    Raises
    ------
    ObstructedError
        There is no smooth gauge.
    """
    run, crystal = Run.of(options, TOLERANCE), crystal_for(response, cycle)
    number = checked_occupied(crystal, occupied)
    parts = checked_groups(crystal, number, groups)
    if len(parts) > 1:
        check_groups_apart(crystal, parts)
    if not chern_simons:
        found = described(checked_chern_numbers(crystal, number))
        bands = Occupied(parts, provenance={"note": LEFT_OUT, "chern_numbers": found}, number=number)
        result = mean_of_insulator(response, crystal, bands, run)
        unknown = np.full_like(result.total, np.nan)
        return result.assign({name: result[name].copy(data=unknown) for name in ("total", "chern_simons")})
    check_motion_known(crystal, "chern_simons", ", or chern_simons=False, which leaves it out")
    title = f"{response.title}: the Chern-Simons part"
    checked = preflight(crystal, parts, title, projections=projections, remedy=REMEDY)
    # with two orbitals tr(A dA) is a winding number (Hopf), which is zero if some state is occupied nowhere
    zero = crystal.size == 2 and not crystal.orbitals_move and checked.projections[0].overlap > BROKEN_GAUGE
    note = {"note": TWO_BANDS if zero else COMPLETE, **checked.provenance}
    bands = Occupied(parts, () if zero else checked.projections, provenance=note, number=number)
    return mean_of_insulator(response, crystal, bands, run)


def without_current(
    response: Response, cycle: object, occupied: object, options: Options, operators: object
) -> xarray.Dataset:
    """Evaluate a response of a cycle that depends on the origin if charge flows along the crystal.

    Raises
    ------
    ObstructedError
        The cycle pumps charge.
    """
    run, crystal = Run.of(options, TOLERANCE), crystal_for(response, cycle)
    check_motion_known(crystal, "cycle")
    number = checked_occupied(crystal, occupied)
    chern_numbers = checked_chern_numbers(crystal, number)
    pumps = {directions: one for directions, one in chern_numbers.items() if one and THETA in directions}
    if pumps:
        raise ObstructedError(
            f"{response.title} is not defined: the cycle pumps charge along the layer ({described(pumps)}), and the "
            "moment of a net current depends on the origin of the heights",
            chern_numbers=pumps,
        )
    bands = Occupied((number,), provenance={"chern_numbers": described(chern_numbers)})
    observables, labels = response.observed(crystal, operators)
    return mean_of_insulator(response, crystal, bands, run, operators=observables, labels=labels)


def of_chern_numbers(response: Response, cycle: object, occupied: object, bands: object) -> xarray.Dataset:
    """Evaluate a response that follows from the Chern numbers of a group of bands."""
    crystal = crystal_for(response, cycle)
    group, note = chosen_group(crystal, occupied, bands)
    numbers = checked_chern_numbers(crystal, group)
    d, power = crystal.lattice.dimension, crystal.lattice.periodic_directions
    variables: dict[str, Variable] = {}
    coordinates: dict[str, list[str]] = {}
    for name, part in response.parts.items():
        (term,) = part.terms
        assert isinstance(term, ChernTerm)
        axes = response.labels(d, term)
        ((axis, labels),) = axes.items()
        values = np.array([term.formula(numbers, crystal.lattice, label) for label in labels])
        variables[name] = ([axis], values, response.unit_of(name, power), response.described(name, power))
        coordinates |= axes
    return labelled(
        variables, coordinates, model=model_digest(crystal), **named_group(group), **note, **response.parities
    )


def check_motion_known(cycle: Model, argument: str, otherwise: str = "") -> None:
    """Check that the motion of Wannier functions along a cycle is given.

    Raises
    ------
    InvalidArgumentError
    """
    if cycle.has_basis_connection and not cycle.orbitals_move:
        raise InvalidArgumentError(
            f"{argument}: the result depends on how the Wannier functions of the cycle move; {MOTION_HINT}{otherwise}"
        )
