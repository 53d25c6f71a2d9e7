"""Responses of insulators and metals, by the occupation that the user gives and by the dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from adiabloch.engine.arguments import Model, checked_model
from adiabloch.engine.declaration import Response
from adiabloch.engine.insulators import of_insulator
from adiabloch.engine.metals import of_metal
from adiabloch.engine.run import Options
from adiabloch.geometry.degeneracy import Degeneracy
from adiabloch.geometry.gaps import bands_below
from adiabloch.geometry.projections import ProjectionChoice
from adiabloch.occupation import Scan, one_of

if TYPE_CHECKING:
    import xarray


class Filling(NamedTuple):
    """Occupation that the user gives: a number of occupied bands, or chemical potential and temperature."""

    occupied: object
    chemical_potential: Any
    temperature: Any
    degeneracy: float | Degeneracy | None = 0.0


def of_crystal(
    metal: Response,
    insulators: Sequence[Response],
    model: Model,
    filling: Filling,
    options: Options,
    *,
    operators: object = None,
    projections: ProjectionChoice = None,
) -> xarray.Dataset:
    """Evaluate a response of an insulator if the number of occupied bands is given, or else of a metal.

    Parameters
    ----------
    metal : Response
        With sea and surface terms. In a dimension in which it is no property of the bulk, the chemical potential must
        lie in a gap.
    insulators : sequence of Response
        With band and gauge terms, one for each dimension or for all.
    model : TightBinding or another crystal
    filling : Filling
    options : Options
    operators, projections
        As in `of_metal` and `of_insulator`.

    Raises
    ------
    NoBulkDefinitionError
    """
    occupied, chemical_potential, temperature, degeneracy = filling
    one_of(occupied, chemical_potential)
    response_for([metal, *insulators], model)
    if chemical_potential is not None:
        if checked_model(model).lattice.dimension not in metal.no_bulk:
            return of_metal(
                metal, model, chemical_potential, temperature, options, degeneracy=degeneracy, operators=operators
            )
        occupied = _insulating_bands(metal, checked_model(model), chemical_potential, temperature)
    response = response_for(insulators, model)
    return of_insulator(response, model, occupied, options, operators=operators, projections=projections)


def response_for(responses: Sequence[Response], model: object) -> Response:
    """Return the declaration for the dimension of a model: the first that is defined in it.

    Raises
    ------
    InvalidArgumentError
    """
    dimensions = tuple(sorted({d for one in responses for d in one.dimensions}))
    d = checked_model(model, dimensions, responses[0].reason).lattice.dimension
    return next(one for one in responses if d in one.dimensions)


def _insulating_bands(response: Response, model: Model, chemical_potential: Any, temperature: Any) -> int:
    """Number of filled bands of a crystal that is an insulator at T = 0.

    Raises
    ------
    NoBulkDefinitionError
        The crystal is no insulator at T = 0.
    """
    scan = Scan.of(chemical_potential, temperature)
    if scan.temperatures.max() == 0:
        numbers = {bands_below(model, float(mu)) for mu in scan.potentials}
        if len(numbers) == 1 and None not in numbers:
            (occupied,) = numbers
            assert occupied is not None
            return occupied
    raise response.no_bulk_error(model.lattice.dimension)
